"""Laws of the face pipeline's pure parts."""

import contextlib
import struct

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mip_cli.errors import FileInvalid
from mip_cli.face.dlibfile import floats_from_pairs, packed_integers
from mip_cli.face.geometry import Box, similarity_transform
from mip_cli.face.headers import read_header
from mip_cli.face.match import compare, fold_norm
from mip_cli.face.spec import DLIB_SPEC, FaceTemplate

coordinates = st.lists(st.integers(-127, 127), min_size=128, max_size=128).map(tuple)
templates = st.builds(lambda values: FaceTemplate(DLIB_SPEC, values), coordinates)
_PIXELS = np.random.default_rng(3).integers(0, 255, (24, 32, 3), dtype=np.uint8)
FILES = [cv2.imencode(f".{kind}", _PIXELS)[1].tobytes() for kind in ("jpeg", "png", "webp", "bmp")]


@pytest.mark.thorough
@given(templates, templates)
def test_distance__is_symmetric_and_zero_on_itself(a: FaceTemplate, b: FaceTemplate) -> None:
    assert compare(a, b).distance == compare(b, a).distance
    assert compare(a, a).distance == 0


@given(templates, templates)
def test_match__obeys_the_three_rules(a: FaceTemplate, b: FaceTemplate) -> None:
    differences = np.subtract(a.values, b.values)
    folded = np.array(a.values).reshape(-1, 4).sum(axis=1)
    assert fold_norm(a) == (folded**2).sum()
    expected = (
        (differences**2).sum() <= 14_400
        and differences.min() >= -64
        and differences.max() <= 63
        and (folded**2).sum() >= DLIB_SPEC.fold_floor
    )
    assert compare(a, b).match == expected


@given(templates)
def test_fold__bounds_the_norm_from_below(a: FaceTemplate) -> None:
    assert 4 * sum(value * value for value in a.values) >= fold_norm(a)


def packed(value: int) -> bytes:
    """Encode as dlib does."""
    body = abs(value).to_bytes(max(1, (abs(value).bit_length() + 7) // 8), "little")
    return bytes([len(body) | (0x80 if value < 0 else 0)]) + body


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1))
def test_packed_integers__invert_the_encoding(values: list[int]) -> None:
    data = b"".join(map(packed, values))
    assert packed_integers(data).tolist() == values
    with pytest.raises(FileInvalid):
        packed_integers(data[:-1] if data[-2:-1] else b"\x01")


@pytest.mark.thorough
@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_float_pairs__give_the_float_back(value: float) -> None:
    mantissa, exponent = np.frexp(np.float64(value))
    pair = np.array([[int(mantissa * 2**24), int(exponent) - 24]])
    assert floats_from_pairs(pair)[0] == np.float32(value)


@given(
    st.floats(0.1, 10),
    st.floats(-3.1, 3.1),
    st.tuples(st.floats(-500, 500), st.floats(-500, 500)),
    st.integers(0, 2**32 - 1),
)
def test_similarity__is_recovered(
    scale: float, angle: float, shift: tuple[float, float], seed: int
) -> None:
    source = np.random.default_rng(seed).uniform(0, 150, (5, 2))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    target = scale * source @ turn.T + np.array(shift)
    matrix, moved = similarity_transform(source, target)
    assert np.allclose(matrix, scale * turn, atol=1e-6)
    assert np.allclose(moved, shift, atol=1e-4)


@given(st.floats(0.1, 10), st.integers(-50, 50), st.integers(1, 400))
def test_box__scaled_there_and_back(factor: float, corner: int, side: int) -> None:
    box = Box(corner, corner, corner + side, corner + side)
    back = box.scaled(factor).scaled(1 / factor)
    assert back.left == pytest.approx(box.left, abs=1e-9)
    assert back.right == pytest.approx(box.right, abs=1e-9)
    assert box.scaled(factor).width == pytest.approx(side * factor + 1)


@given(st.sampled_from(FILES), st.integers(0, 4000), st.binary(max_size=12))
def test_header__of_damaged_files__raises_nothing_else(
    data: bytes, position: int, patch: bytes
) -> None:
    at = position % len(data)
    with contextlib.suppress(FileInvalid):
        header = read_header(data[:at] + patch + data[at + len(patch) :])
        assert header.width > 0
        assert header.height > 0
        assert 1 <= header.orientation <= 8


@given(st.binary(max_size=200), st.sampled_from([b"\xff\xd8\xff", b"BM", b"\x89PNG\r\n\x1a\n"]))
def test_header__of_noise__raises_nothing_else(noise: bytes, magic: bytes) -> None:
    with contextlib.suppress(FileInvalid):
        read_header(magic + noise)
    with contextlib.suppress(FileInvalid):
        read_header(b"RIFF" + struct.pack("<I", len(noise) + 4) + b"WEBP" + noise)
