"""The gates before a template: each refuses just beyond its limit and says what to do."""

from dataclasses import replace

import numpy as np
import pytest

from mip_cli.errors import FaceUnusable
from mip_cli.face import quality
from mip_cli.face.geometry import Box, Detection, Landmarks
from mip_cli.face.quality import Quality, foreground, measure, require_one, require_usable

GOOD = Quality(width=60, sharpness=0.3, contrast=40, roll=0, yaw=0, pitch=0.75)


def face_of(width: int, left: int = 0, score: float = 1.0) -> Detection:
    return Detection(Box(left, 0, left + width - 1, width - 1), score)


@pytest.mark.parametrize(
    ("name", "kept", "refused", "reason"),
    [
        ("width", 60, 59, "too small: 59 pixels"),
        ("contrast", quality.MIN_CONTRAST, quality.MIN_CONTRAST - 0.1, "too little contrast"),
        ("sharpness", quality.MIN_SHARPNESS, quality.MIN_SHARPNESS - 0.001, "blurred"),
        ("roll", quality.MAX_ROLL, quality.MAX_ROLL + 1, "leans too far"),
        ("roll", -quality.MAX_ROLL, -quality.MAX_ROLL - 1, "leans too far"),
        ("yaw", quality.MAX_YAW, quality.MAX_YAW + 0.01, "turned away"),
        ("yaw", -quality.MAX_YAW, -quality.MAX_YAW - 0.01, "turned away"),
        ("pitch", 0.3, 0.29, "looks up or down"),
        ("pitch", 1.4, 1.41, "looks up or down"),
    ],
)
def test_gate__at_its_limit_and_beyond(name: str, kept: float, refused: float, reason: str) -> None:
    require_usable(replace(GOOD, **{name: kept}))
    with pytest.raises(FaceUnusable, match=reason) as failure:
        require_usable(replace(GOOD, **{name: refused}))
    assert failure.value.hint


def test_require_one__of_one() -> None:
    only = face_of(100)
    assert require_one([only]) is only


def test_require_one__of_none__refused() -> None:
    with pytest.raises(FaceUnusable, match="no face") as failure:
        require_one([])
    assert failure.value.hint


def test_require_one__of_two__refused() -> None:
    with pytest.raises(FaceUnusable, match="2 faces"):
        require_one([face_of(100), face_of(40, left=200)])


def test_require_one__ignores_a_bystander() -> None:
    assert require_one([face_of(39, left=200), face_of(100)]).box.width == 100


def test_foreground__is_ordered_by_size() -> None:
    assert [one.box.width for one in foreground([face_of(50), face_of(90), face_of(60)])] == [
        90,
        60,
        50,
    ]


def test_measure__reads_the_pose() -> None:
    image = np.random.default_rng(1).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    points = np.zeros((5, 2))
    upright = Landmarks(points, np.array([[80.0, 80.0], [120.0, 80.0]]), np.array([110.0, 110.0]))
    seen = measure(image, Box(60, 60, 139, 139), upright)
    assert (seen.width, seen.roll, seen.yaw, seen.pitch) == (80, 0, 0.25, 0.75)
    leaning = replace(upright, eyes=np.array([[80.0, 80.0], [120.0, 120.0]]))
    assert measure(image, Box(60, 60, 139, 139), leaning).roll == pytest.approx(45)


def test_measure__outside_the_photo__refused() -> None:
    image = np.zeros((50, 50, 3), dtype=np.uint8)
    points = Landmarks(np.zeros((5, 2)), np.array([[1.0, 1.0], [2.0, 1.0]]), np.array([1.0, 2.0]))
    with pytest.raises(FaceUnusable, match="outside the photo"):
        measure(image, Box(100, 100, 150, 150), points)
