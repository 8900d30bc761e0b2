"""Checks of BN254 points given as integers, in pure Python.

G2 coordinates are (c0, c1), meaning c0 + c1 i; infinity is not a valid point here.
"""

from __future__ import annotations

import re
from typing import Any

from mip_cli.crypto.field import P, R

G1Point = tuple[int, int]
Fp2 = tuple[int, int]
G2Point = tuple[Fp2, Fp2]

_B2 = (
    19485874751759354771024239261021720505790618469301721065564631296452457478373,
    266929791119991161246907387137283842545076965332900288569378510910307636690,
)
"""b of the twist y^2 = x^3 + 3 / (9 + i)."""
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,77}")


def g1_problem(point: G1Point) -> str | None:
    """Return what is wrong with a point of G1, or None; the group has no cofactor."""
    x, y = point
    if not (0 <= x < P and 0 <= y < P):
        return "a coordinate is not canonical"
    if x == 0 and y == 0:
        return "a point is at infinity"
    if (y * y - x * x * x - 3) % P:
        return "a point is not on the curve"
    return None


def g2_problem(point: G2Point) -> str | None:
    """Return what is wrong with a point of G2, or None; checks the subgroup (5 ms)."""
    x, y = point
    if not all(0 <= c < P for c in (*x, *y)):
        return "a coordinate is not canonical"
    if not any((*x, *y)):
        return "a point is at infinity"
    left, right = _square(y), _mul(_square(x), x)
    if any((a - b - c) % P for a, b, c in zip(left, right, _B2, strict=True)):
        return "a point is not on the curve"
    if not _is_infinity(_times(point, R)):
        return "a point is not in the subgroup"
    return None


def negate(point: G1Point) -> G1Point:
    """Return the inverse of a point of G1."""
    return point[0], -point[1] % P


def as_py_ecc_g1(point: G1Point) -> Any:
    """Convert to py_ecc's projective form."""
    from py_ecc import optimized_bn128 as bn

    return (bn.FQ(point[0]), bn.FQ(point[1]), bn.FQ(1))


def as_py_ecc_g2(point: G2Point) -> Any:
    """Convert to py_ecc's projective form."""
    from py_ecc import optimized_bn128 as bn

    return (bn.FQ2(point[0]), bn.FQ2(point[1]), bn.FQ2([1, 0]))


def integer(value: object) -> int:
    """Read a canonical decimal string; raise ``ValueError`` for any other spelling."""
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        raise ValueError("a number is not a canonical decimal string")
    return int(value)


def parse_g1(value: object) -> G1Point:
    """Read snarkjs' [x, y, "1"]; raise ``ValueError``."""
    if not isinstance(value, list) or len(value) != 3 or value[2] != "1":
        raise ValueError("a point of G1 must be [x, y, 1]")
    return integer(value[0]), integer(value[1])


def parse_g2(value: object) -> G2Point:
    """Read snarkjs' [[x0, x1], [y0, y1], ["1", "0"]]; raise ``ValueError``."""
    shape = isinstance(value, list) and len(value) == 3 and value[2] == ["1", "0"]
    if not shape or not isinstance(value, list):
        raise ValueError("a point of G2 must be [[x0, x1], [y0, y1], [1, 0]]")
    return _parse_fp2(value[0]), _parse_fp2(value[1])


def _parse_fp2(value: object) -> Fp2:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("a point of G2 must be [[x0, x1], [y0, y1], [1, 0]]")
    return integer(value[0]), integer(value[1])


def format_g1(point: G1Point) -> list[str]:
    """Write a point as snarkjs does."""
    return [str(point[0]), str(point[1]), "1"]


def format_g2(point: G2Point) -> list[list[str]]:
    """Write a point as snarkjs does."""
    return [[str(c) for c in point[0]], [str(c) for c in point[1]], ["1", "0"]]


def evm_g2(point: G2Point) -> tuple[int, int, int, int]:
    """Return the words of the EVM precompile: imaginary parts first (EIP-197)."""
    (x0, x1), (y0, y1) = point
    return x1, x0, y1, y0


_Jacobian = tuple[Fp2, Fp2, Fp2]
"""x / z^2, y / z^3, z; infinity has z = 0."""


def _is_infinity(point: _Jacobian) -> bool:
    return point[2] == (0, 0)


def _times(base: G2Point, scalar: int) -> _Jacobian:
    """Multiply a point of the twist by a positive integer, in time that depends on it."""
    result: _Jacobian = (*base, (1, 0))
    for bit in bin(scalar)[3:]:
        result = _double(result)
        if bit == "1":
            result = _add(result, base)
    return result


def _double(point: _Jacobian) -> _Jacobian:
    x, y, z = point  # y = 0 gives z = 0, as it should
    xx, yy = _square(x), _square(y)
    slope = _scale(xx, 3)
    chord = _scale(_mul(x, yy), 4)
    new_x = _sub(_square(slope), _scale(chord, 2))
    new_y = _sub(_mul(slope, _sub(chord, new_x)), _scale(_square(yy), 8))
    return new_x, new_y, _scale(_mul(y, z), 2)


def _add(point: _Jacobian, other: G2Point) -> _Jacobian:
    if _is_infinity(point):
        return (*other, (1, 0))
    x, y, z = point
    zz = _square(z)
    run = _sub(_mul(other[0], zz), x)
    rise = _sub(_mul(other[1], _mul(zz, z)), y)
    if run == (0, 0):
        return _double(point) if rise == (0, 0) else ((1, 0), (1, 0), (0, 0))
    run2 = _square(run)
    run3, base = _mul(run2, run), _mul(x, run2)
    new_x = _sub(_sub(_square(rise), run3), _scale(base, 2))
    new_y = _sub(_mul(rise, _sub(base, new_x)), _mul(y, run3))
    return new_x, new_y, _mul(z, run)


def _sub(a: Fp2, b: Fp2) -> Fp2:
    return (a[0] - b[0]) % P, (a[1] - b[1]) % P


def _scale(a: Fp2, factor: int) -> Fp2:
    return a[0] * factor % P, a[1] * factor % P


def _mul(a: Fp2, b: Fp2) -> Fp2:
    return (a[0] * b[0] - a[1] * b[1]) % P, (a[0] * b[1] + a[1] * b[0]) % P


def _square(a: Fp2) -> Fp2:
    return _mul(a, a)
