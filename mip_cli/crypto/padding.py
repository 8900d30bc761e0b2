"""Sizes that tell little: powers of two for what is small, Padme for what is large."""

from __future__ import annotations

SMALLEST = 1024
"""Bytes of the smallest bucket."""


def bucket(size: int) -> int:
    """Return the power of two, at least ``SMALLEST``, that takes ``size`` bytes."""
    return max(SMALLEST, 1 << max(size - 1, 0).bit_length())


def padme(count: int) -> int:
    """Round up so that only the leading bits of a count show; at most 12 % more (PURBs, 2019)."""
    if count < 2:
        return count
    exponent = count.bit_length() - 1
    mask = (1 << exponent - exponent.bit_length()) - 1
    return count + mask & ~mask


def fill(data: bytes, size: int) -> bytes:
    """Append zeros up to ``size`` bytes."""
    return data + bytes(size - len(data))


def unfill(data: bytes, size: int) -> bytes:
    """Return the first ``size`` bytes; raise ``ValueError`` when others than zeros follow."""
    if len(data) < size or data.count(0, size) != len(data) - size:
        raise ValueError("the filling is not zero")
    return data[:size]
