"""Pairs files, counts and the equal error rate."""

import numpy as np
import pytest

from mip_cli.errors import FileInvalid, UsageFault
from mip_cli.face.evaluate import Pair, equal_error, read_pairs, score
from mip_cli.face.spec import DLIB_SPEC, FaceTemplate


def template(first: int) -> FaceTemplate:
    return FaceTemplate(DLIB_SPEC, (first, *(20,) * 127))


TEMPLATES = {"a": template(0), "b": template(10), "c": template(120), "none": None}


def test_read__of_pairs() -> None:
    assert read_pairs(b"path_a,path_b,same\nx/1.jpg,x/2.jpg,1\nx/1.jpg,y/1.jpg,0\n") == [
        Pair("x/1.jpg", "x/2.jpg", True),
        Pair("x/1.jpg", "y/1.jpg", False),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "no rows"),
        (b"path_a,path_b,same\n", "no rows"),
        (b"a,b,c\n1,2,3\n", "lacks a column"),
        (b"path_a,path_b,same\nx,y,2\n", "line 2"),
        (b"path_a,path_b,same\nx,y\n", "line 2"),
        (b"path_a,path_b,same\nx,y,1\n,y,1\n", "line 3"),
        (b"path_a,path_b,same\n/etc/passwd,y,1\n", "leaves the folder"),
        (b"path_a,path_b,same\nx,../y,1\n", "leaves the folder"),
        (b"path_a,path_b,same\n\xff\xfe,y,1\n", "UTF-8"),
    ],
)
def test_read__of_another_file__refused(text: bytes, reason: str) -> None:
    with pytest.raises(FileInvalid, match=reason):
        read_pairs(text)


def test_score__counts_each_kind_of_error() -> None:
    pairs = [
        Pair("a", "b", True),
        Pair("a", "c", True),  # too far: false non-match
        Pair("a", "none", True),  # undetected: false non-match
        Pair("a", "b", False),  # too close: false match
        Pair("b", "c", False),
        Pair("none", "c", False),  # undetected: rightly no match
    ]
    report = score(DLIB_SPEC, pairs, TEMPLATES, gated=1)
    assert (report.genuine, report.impostor) == (3, 3)
    assert (report.false_matches, report.false_non_matches) == (1, 2)
    assert (report.undetected, report.gated, report.photos) == (1, 1, 4)
    assert report.genuine_distances == (100, 14_400)


def test_score__without_one_kind__refused() -> None:
    with pytest.raises(UsageFault, match="both kinds"):
        score(DLIB_SPEC, [Pair("a", "b", True)], TEMPLATES)


def test_equal_error__of_separate_and_of_mixed_distances() -> None:
    low, high = np.array([1.0, 2.0]), np.array([8.0, 9.0])
    assert equal_error(low, high) == (0.0, 2)
    rate, threshold = equal_error(np.array([1.0, 2.0, 3.0, 9.0]), np.array([2.5, 7.0, 8.0, 10.0]))
    assert (rate, threshold) == (0.25, 3)


def test_equal_error__counts_undetected_as_never_matching() -> None:
    rate, _ = equal_error(np.array([1.0, np.inf]), np.array([5.0, 6.0]))
    assert rate == pytest.approx(0.5)
