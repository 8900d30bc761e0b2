"""The curve arithmetic of set-up and quick check against py_ecc."""

from __future__ import annotations

import random
from typing import Any

import pytest
from py_ecc import optimized_bn128 as bn

from mip_cli.crypto.field import R
from mip_cli.zk.artifacts import CircuitArtifacts, load_curve
from mip_cli.zk.bn128 import G1, G2, Curve, Group, from_montgomery, to_montgomery

EDGES = [0, 1, 2, 511, 512, 1 << 253, R - 2, R - 1]


@pytest.fixture
def curve(tiny: CircuitArtifacts) -> Curve:
    return tiny.curve


def _expected(group: Group, scalar: int) -> bytes:
    if scalar % R == 0:
        return bytes(group.affine)
    base = bn.G1 if group is G1 else bn.G2
    x, y = bn.normalize(bn.multiply(base, scalar % R))
    if group is G1:
        return to_montgomery(int(x)) + to_montgomery(int(y))
    return b"".join(to_montgomery(int(c)) for c in (*x.coeffs, *y.coeffs))


@pytest.mark.parametrize("group", [G1, G2], ids=["G1", "G2"])
def test_multiples__equal_py_ecc(curve: Curve, group: Group) -> None:
    rng = random.Random(1)
    scalars = EDGES + [rng.randrange(R) for _ in range(4)]
    points = curve.multiples(group, scalars)
    for i, scalar in enumerate(scalars):
        found = points[i * group.affine : (i + 1) * group.affine]
        assert found == _expected(group, scalar), scalar


def test_multiples__in_chunks_with_wide_windows(tiny: CircuitArtifacts, built: Any) -> None:
    fresh = load_curve(built.settings)
    count = 20_001
    points = fresh.multiples(G1, range(count))
    for i in (0, 1, 2047, 2048, 2049, count - 1):
        assert points[64 * i : 64 * i + 64] == _expected(G1, i)


@pytest.mark.parametrize("group", [G1, G2], ids=["G1", "G2"])
def test_times_and_add__equal_py_ecc(curve: Curve, group: Group) -> None:
    one = curve.multiples(group, [1])
    for scalar in EDGES:
        assert curve.times(group, one, scalar) == _expected(group, scalar)
    for a, b in ((3, 4), (5, 5), (5, R - 5), (0, 7), (7, 0), (0, 0)):
        left, right = _expected(group, a), _expected(group, b)
        assert curve.add(group, left, right) == _expected(group, a + b)


def test_valid__refuses_what_is_in_no_group(curve: Curve) -> None:
    assert curve.is_valid(G1, _expected(G1, 5))
    assert curve.is_valid(G2, _expected(G2, 5))
    assert not curve.is_valid(G1, bytes(64))
    assert not curve.is_valid(G2, bytes(128))
    assert not curve.is_valid(G1, to_montgomery(1) + to_montgomery(1))
    assert not curve.is_valid(G2, to_montgomery(1) * 4)


def test_pairing__is_bilinear(curve: Curve) -> None:
    pair = (_expected(G1, 6), _expected(G2, 7))
    assert curve.pairing_is_one([pair, (_expected(G1, R - 42), _expected(G2, 1))])
    assert not curve.pairing_is_one([pair, (_expected(G1, R - 41), _expected(G2, 1))])


def test_montgomery__is_its_own_inverse() -> None:
    for value in (0, 1, R, 12345):
        assert from_montgomery(to_montgomery(value)) == value
