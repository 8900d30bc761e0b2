"""Specs, quantisation and the integer rules that the circuit repeats."""

from dataclasses import replace

import numpy as np
import pytest

from mip_cli.errors import FaceUnusable, UsageFault
from mip_cli.face.match import compare, fold_norm, quantize, require_enrollable
from mip_cli.face.spec import (
    DLIB_SPEC,
    SPECS,
    YUNET_DLIB_SPEC,
    FaceTemplate,
    insightface_spec,
)

BASE = tuple(20 if index % 2 else 25 for index in range(128))


def shifted(differences: dict[int, int]) -> FaceTemplate:
    """Return a probe that lies the given amounts below the base template."""
    values = [value - differences.get(index, 0) for index, value in enumerate(BASE)]
    return FaceTemplate(DLIB_SPEC, tuple(values))


def test_spec_id__changes_with_every_field() -> None:
    variants = [
        DLIB_SPEC,
        replace(DLIB_SPEC, id="dlib-128/2"),
        replace(DLIB_SPEC, backend="other"),
        replace(DLIB_SPEC, model_hashes=(("recognition", "00"),)),
        replace(DLIB_SPEC, scale=201),
        replace(DLIB_SPEC, threshold=14_401),
        replace(DLIB_SPEC, coordinate_limit=65),
        replace(DLIB_SPEC, fold=8),
        replace(DLIB_SPEC, fold_floor=1),
        replace(DLIB_SPEC, metric="cosine"),
        *list(SPECS.values())[1:],
        insightface_spec("aa", "bb"),
        insightface_spec("aa", "cc"),
    ]
    identifiers = {spec.spec_id for spec in variants}
    assert len(identifiers) == len(variants)
    assert all(0 < identifier < 1 << 120 for identifier in identifiers)


def test_spec_json__is_canonical() -> None:
    text = DLIB_SPEC.canonical_json().decode()
    assert " " not in text
    assert text.startswith('{"backend":"dlib-cc0","coordinate_limit":64,"dimension":128,"fold":4,')


def test_template__does_not_print_its_values() -> None:
    template = FaceTemplate(DLIB_SPEC, BASE)
    for text in (repr(template), str(template), f"{template}", f"{[template]}"):
        assert "<redacted>" in text
        assert "25" not in text


@pytest.mark.parametrize("values", [BASE[:-1], (*BASE, 0), (128, *BASE[1:]), (-128, *BASE[1:])])
def test_template__of_wrong_shape_or_range__refused(values: tuple[int, ...]) -> None:
    with pytest.raises(UsageFault, match="coordinate"):
        FaceTemplate(DLIB_SPEC, values)


def test_quantize__rounds_half_to_even_and_clips() -> None:
    embedding = np.zeros(128, dtype=np.float32)
    embedding[:5] = [0.3125, 0.1875, -0.3125, 5.0, -5.0]  # 62.5, 37.5, -62.5 after scaling
    assert quantize(DLIB_SPEC, embedding).values[:6] == (62, 38, -62, 127, -127, 0)


def test_quantize__of_another_dimension__refused() -> None:
    with pytest.raises(UsageFault, match="128 numbers"):
        quantize(DLIB_SPEC, np.zeros(512, dtype=np.float32))


def test_quantize__of_not_a_number__refused() -> None:
    with pytest.raises(FaceUnusable, match="no usable numbers"):
        quantize(DLIB_SPEC, np.full(128, np.nan, dtype=np.float32))


def test_compare__at_the_threshold_and_one_beyond() -> None:
    template = FaceTemplate(DLIB_SPEC, BASE)
    at = compare(template, shifted({0: 60, 1: 60, 2: 60, 3: 60}))
    assert (at.distance, at.match, at.reason) == (14_400, True, "")
    beyond = compare(template, shifted({0: 60, 1: 60, 2: 60, 3: 60, 4: 1}))
    assert (beyond.distance, beyond.match) == (14_401, False)
    assert beyond.reason == "the faces lie too far apart"


@pytest.mark.parametrize(
    ("difference", "matches"), [(63, True), (64, False), (-64, True), (-65, False)]
)
def test_compare__at_the_coordinate_limit(difference: int, matches: bool) -> None:
    verdict = compare(FaceTemplate(DLIB_SPEC, BASE), shifted({7: difference}))
    assert verdict.distance <= DLIB_SPEC.threshold
    assert verdict.largest_difference == abs(difference)
    assert verdict.match is matches
    assert ("coordinate" in verdict.reason) is not matches


def with_fold_norm(root: int) -> FaceTemplate:
    """Return a template whose one non-zero group of four sums up to ``root``."""
    return FaceTemplate(DLIB_SPEC, (root - 2 * (root // 3), root // 3, root // 3, 0) + (0,) * 124)


def test_compare__at_the_fold_floor() -> None:
    spec = replace(DLIB_SPEC, fold_floor=2500)
    enough = replace(with_fold_norm(50), spec=spec)
    assert fold_norm(enough) == 2500
    assert compare(enough, enough).match
    require_enrollable(enough)
    short = replace(with_fold_norm(49), spec=spec)
    verdict = compare(short, short)
    assert (verdict.match, verdict.reason) == (False, "the enrolled template is degenerate")
    with pytest.raises(FaceUnusable, match="degenerate"):
        require_enrollable(short)


def test_compare__of_zero_with_zero__is_no_match() -> None:
    zero = FaceTemplate(DLIB_SPEC, (0,) * 128)
    assert not compare(zero, zero).match


def test_compare__across_specs__refused() -> None:
    other = FaceTemplate(YUNET_DLIB_SPEC, BASE)
    with pytest.raises(UsageFault, match="different specs"):
        compare(FaceTemplate(DLIB_SPEC, BASE), other)
