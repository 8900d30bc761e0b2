"""BabyJubJub, the twisted Edwards curve over BN254's scalar field (EIP-2494, circomlib's form).

No package offers it that is kept and more than a prototype. The formulas are those of Hisil, Wong,
Carter and Dawson (2008) in extended coordinates; as ``A`` is a square and ``D`` is none, they hold
for every pair of points. Not constant in time: an issuer signs on its own machine.
"""

from __future__ import annotations

from functools import cache

from mip_cli.crypto.field import R, is_canonical

A = 168700
D = 168696
ORDER = 2736030358979909402780800718157159386076813972158567259200215660948447373041
"""Order ``l`` of the subgroup; a prime of 251 bits."""
COFACTOR = 8

Point = tuple[int, int]
"""Affine coordinates, canonical."""
_Extended = tuple[int, int, int, int]
"""X, Y, Z, T with x = X / Z, y = Y / Z, T = XY / Z."""

IDENTITY: Point = (0, 1)
BASE8: Point = (
    5299619240641551281634865583518297030282874472190772894086521144482721001553,
    16950150798460657717958625567821834550301663161624707787222815936182638968203,
)
"""Generator of the subgroup: eight times the generator of the curve."""

_WINDOW = 6


def is_on_curve(point: Point) -> bool:
    """Tell whether canonical coordinates satisfy the curve's equation."""
    x, y = point
    if not (is_canonical(x) and is_canonical(y)):
        return False
    xx, yy = x * x % R, y * y % R
    return (A * xx + yy - 1 - D * xx * yy) % R == 0


def add(left: Point, right: Point) -> Point:
    """Add two points of the curve."""
    return _affine(_add(_extended(left), _extended(right)))


def multiply(point: Point, scalar: int) -> Point:
    """Multiply a point of the curve by a non-negative integer."""
    return _affine(_multiply(_extended(point), scalar))


def multiply_base(scalar: int) -> Point:
    """Multiply ``BASE8`` by an integer, from a table made at the first use."""
    result = _extended(IDENTITY)
    scalar %= ORDER
    for row in _table():
        if digit := scalar & ((1 << _WINDOW) - 1):
            result = _add(result, row[digit])
        scalar >>= _WINDOW
    return _affine(result)


def is_in_subgroup(point: Point) -> bool:
    """Tell whether a point is a multiple of ``BASE8``."""
    return is_on_curve(point) and multiply(point, ORDER) == IDENTITY


@cache
def _table() -> tuple[tuple[_Extended, ...], ...]:
    rows = []
    start = _extended(BASE8)
    for _ in range(-(-ORDER.bit_length() // _WINDOW)):
        row = [_extended(IDENTITY)]
        for _ in range((1 << _WINDOW) - 1):
            row.append(_add(row[-1], start))
        rows.append(tuple(row))
        start = _add(row[-1], start)
    return tuple(rows)


def _multiply(point: _Extended, scalar: int) -> _Extended:
    result = _extended(IDENTITY)
    for bit in bin(scalar)[2:]:
        result = _add(result, result)
        if bit == "1":
            result = _add(result, point)
    return result


def _add(left: _Extended, right: _Extended) -> _Extended:
    x1, y1, z1, t1 = left
    x2, y2, z2, t2 = right
    a, b, c, d = x1 * x2 % R, y1 * y2 % R, D * t1 * t2 % R, z1 * z2 % R
    e = ((x1 + y1) * (x2 + y2) - a - b) % R
    f, g, h = d - c, d + c, (b - A * a) % R
    return e * f % R, g * h % R, f * g % R, e * h % R


def _extended(point: Point) -> _Extended:
    x, y = point
    return x, y, 1, x * y % R


def _affine(point: _Extended) -> Point:
    x, y, z, _ = point
    inverse = pow(z, -1, R)
    return x * inverse % R, y * inverse % R
