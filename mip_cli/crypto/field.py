"""The scalar field of BN254, in which every circuit signal and commitment lives."""

from __future__ import annotations

import secrets

R = 21888242871839275222246405745257275088548364400416034343698204186575808495617
"""Order of the BN254 groups (EIP-196); signals are integers in [0, R)."""

P = 21888242871839275222246405745257275088696311157297823662689037894645226208583
"""Base field modulus of BN254 (EIP-196); proof coordinates are integers in [0, P)."""

SALT_BITS = 248
"""Entropy of a random salt, in bits."""


def is_canonical(value: int) -> bool:
    """Tell whether ``value`` is a reduced field element."""
    return 0 <= value < R


def require_canonical(value: int, name: str) -> int:
    """Return ``value`` unchanged; raise ``ValueError`` unless it is a reduced field element."""
    if not is_canonical(value):
        raise ValueError(f"{name} is not a canonical field element")
    return value


def from_bytes(data: bytes) -> int:
    """Read big-endian bytes of any length and reduce them modulo R."""
    return int.from_bytes(data, "big") % R


def to_bytes(value: int) -> bytes:
    """Write a canonical element as 32 big-endian bytes; raise ``ValueError`` on any other."""
    return require_canonical(value, "value").to_bytes(32, "big")


def random_salt() -> int:
    """Draw a salt of ``SALT_BITS`` bits from the operating system."""
    return secrets.randbits(SALT_BITS)


def random_element() -> int:
    """Draw a uniform non-zero element from the operating system."""
    return 1 + secrets.randbelow(R - 1)
