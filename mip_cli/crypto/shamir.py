"""Secrets shared t-of-n as SLIP-39 does, byte by byte over GF(2^8) (protocol section 11).

Own code, checked against SLIP-39's published vectors and against ``shamir-mnemonic`` in the tests.
That package (MIT, the standard's reference) states itself that it is not constant-time (it looks
secret bytes up in tables of logarithms and branches on zero), it fixes its own randomness, and its
interface is words, not bytes. Here secret bytes meet nothing but XOR, AND and shifts of the whole
value at once: which steps run depends on the public share numbers alone.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from mip_cli.crypto.aead import Rng, system_rng
from mip_cli.errors import ThresholdNotMet

MAX_SHARES = 16
"""Shares of one secret, as in SLIP-39."""
SECRET = 255
"""Where the polynomial takes the secret's value."""
DIGEST = 254
"""Where it takes the value that proves shares to belong together."""
_DIGEST_BYTES = 4
_MIN_BYTES = 16
_REDUCTION = 0x1B
"""x^8 = x^4 + x^3 + x + 1."""


class SharesInconsistent(Exception):
    """The shares are enough, but not all of one secret."""


def split(secret: bytes, threshold: int, count: int, rng: Rng = system_rng) -> tuple[bytes, ...]:
    """Return shares 0 to ``count - 1``, any ``threshold`` of which restore the secret.

    Fewer tell nothing about it. Raises ``ValueError`` for numbers that make no sense and for
    secrets below 16 bytes, which the digest would help to guess.
    """
    if not 1 <= threshold <= count <= MAX_SHARES:
        raise ValueError(f"shares are shared 1 <= threshold <= count <= {MAX_SHARES}")
    if len(secret) < _MIN_BYTES:
        raise ValueError(f"a shared secret has at least {_MIN_BYTES} bytes")
    if threshold == 1:
        return (secret,) * count
    points = {number: rng(len(secret)) for number in range(threshold - 2)}
    blind = rng(len(secret) - _DIGEST_BYTES)
    points |= {DIGEST: _digest(blind, secret) + blind, SECRET: secret}
    return tuple(share_at(points, number) for number in range(count))


def combine(threshold: int, shares: Mapping[int, bytes]) -> bytes:
    """Restore the secret from at least ``threshold`` shares by number.

    Raises ``ThresholdNotMet`` for fewer, ``SharesInconsistent`` when they do not belong together,
    of whatever number; which of them is wrong cannot be told. ``ValueError`` for a number that no
    share has.
    """
    if threshold < 1 or not all(0 <= number < MAX_SHARES for number in shares):
        raise ValueError("not shares of this form")
    if len(shares) < threshold:
        raise ThresholdNotMet(f"{threshold} shares are needed, there are {len(shares)}")
    if len({len(share) for share in shares.values()}) != 1:
        raise SharesInconsistent
    given = list(shares.items())
    points, others = dict(given[:threshold]), given[threshold:]
    secret = share_at(points, SECRET)
    sound = len(secret) >= _MIN_BYTES
    for number, share in others:
        sound &= hmac.compare_digest(share_at(points, number), share)
    if threshold > 1:
        digest = share_at(points, DIGEST)
        expected = _digest(digest[_DIGEST_BYTES:], secret)
        sound &= hmac.compare_digest(digest[:_DIGEST_BYTES], expected)
    if not sound:
        raise SharesInconsistent
    return secret


def share_at(points: Mapping[int, bytes], number: int) -> bytes:
    """Return the value at ``number`` of the polynomial through as many points as the threshold.

    Points are shares by number, the secret under ``SECRET``: a further share follows from the
    secret and threshold - 1 shares. Nothing is checked but the form (``ValueError``).
    """
    sizes = {len(value) for value in points.values()}
    if len(sizes) != 1 or not all(0 <= x <= SECRET for x in (number, *points)):
        raise ValueError("points have one length and numbers below 256")
    size = sizes.pop()
    total = 0
    for own, value in points.items():
        above = below = 1
        for other in points:
            if other != own:
                above, below = _multiply(above, number ^ other), _multiply(below, own ^ other)
        coefficient = _multiply(above, _invert(below))
        total ^= _scale(int.from_bytes(value, "big"), coefficient, size)
    return total.to_bytes(size, "big")


def _scale(value: int, factor: int, size: int) -> int:
    """Multiply each byte of ``value`` by the public ``factor``."""
    ones = int.from_bytes(b"\x01" * size, "big")
    result = 0
    for bit in range(8):
        result ^= value * (factor >> bit & 1)
        high = value >> 7 & ones
        value = (value ^ high << 7) << 1 ^ high * _REDUCTION
    return result


def _multiply(left: int, right: int) -> int:
    return _scale(left, right, 1)


def _invert(value: int) -> int:
    result = 1
    for _ in range(7):  # value^254 = value^-1, and 254 = 2 + 4 + ... + 128
        value = _multiply(value, value)
        result = _multiply(result, value)
    return result


def _digest(blind: bytes, secret: bytes) -> bytes:
    return hmac.digest(blind, secret, hashlib.sha256)[:_DIGEST_BYTES]
