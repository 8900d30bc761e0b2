"""The beacon contribution of a phase 2 as snarkjs makes and verifies it.

Format and derivation: snarkjs 0.7 ``zkey beacon``. Field elements drawn from the generator are
taken as Montgomery representations, as its libraries do.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

from mip_cli.crypto.field import P, R
from mip_cli.zk.bn128 import G1, G2, Curve, from_montgomery, to_montgomery

ITERATIONS_EXP = 10
"""Binary logarithm of the hash iterations of a development beacon: the least snarkjs takes."""

_G2_COFACTOR = 2 * P - R
_WORD = 0xFFFFFFFF
_B2 = (
    19485874751759354771024239261021720505790618469301721065564631296452457478373,
    266929791119991161246907387137283842545076965332900288569378510910307636690,
)
"""b of the twist y^2 = x^3 + 3 / (9 + i)."""

Fp2 = tuple[int, int]


class ChaCha:
    """The ChaCha20 stream with a zero nonce, as 32-bit words."""

    def __init__(self, seed: bytes) -> None:
        """Take the key as eight big-endian words."""
        self._key = struct.unpack(">8I", seed[:32])
        self._counter = 0
        self._words: list[int] = []

    def _block(self) -> list[int]:
        start = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *self._key]
        start += [self._counter & _WORD, self._counter >> 32, 0, 0]
        self._counter += 1
        s = list(start)
        for _ in range(10):
            for a, b, c, d in _QUARTERS:
                for first, second, third, turn in ((a, b, d, 16), (c, d, b, 12)) + (
                    (a, b, d, 8),
                    (c, d, b, 7),
                ):
                    s[first] = (s[first] + s[second]) & _WORD
                    mixed = s[third] ^ s[first]
                    s[third] = ((mixed << turn) | (mixed >> (32 - turn))) & _WORD
        return [(x + y) & _WORD for x, y in zip(s, start, strict=True)]

    def word(self) -> int:
        """Return the next 32 bits."""
        if not self._words:
            self._words = self._block()[::-1]
        return self._words.pop()

    def element(self, modulus: int) -> int:
        """Draw below a 254-bit modulus by rejection; four 64-bit words, least first."""
        while True:
            value = 0
            for position in range(4):
                high = self.word()
                value |= ((high << 32) | self.word()) << (64 * position)
            value &= (1 << 254) - 1
            if value < modulus:
                return value


_QUARTERS = (
    (0, 4, 8, 12),
    (1, 5, 9, 13),
    (2, 6, 10, 14),
    (3, 7, 11, 15),
    (0, 5, 10, 15),
    (1, 6, 11, 12),
    (2, 7, 8, 13),
    (3, 4, 9, 14),
)


@dataclass(frozen=True)
class Beacon:
    """What the beacon value alone decides."""

    value: bytes
    """The public beacon, at most 255 bytes."""
    name: str
    """Name of the contribution, at most 64 ASCII characters."""
    delta: int
    """Factor of delta, a scalar."""
    g1_s: bytes
    """Random point of G1 in LEM form."""


def derive(value: bytes, name: str) -> Beacon:
    """Hash the beacon 2^``ITERATIONS_EXP`` times and draw delta and the point from it."""
    digest = value
    for _ in range(1 << ITERATIONS_EXP):
        digest = hashlib.sha256(digest).digest()
    stream = ChaCha(digest)
    delta = stream.element(R) * pow(1 << 256, -1, R) % R
    return Beacon(value, name, delta, _random_g1(stream))


def contribution_section(curve: Curve, circuit_hash: bytes, beacon: Beacon) -> bytes:
    """Write section 10: circuit hash, one contribution, that of the beacon on delta = 1."""
    g1_sx = curve.times(G1, beacon.g1_s, beacon.delta)
    points = curve.uncompressed(G1, beacon.g1_s) + curve.uncompressed(G1, g1_sx)
    transcript = hashlib.blake2b(circuit_hash + points).digest()
    g2_spx = curve.times(G2, hash_to_g2(curve, transcript), beacon.delta)
    name = beacon.name.encode("ascii")[:64]
    parameters = b"".join(
        (
            bytes((1, len(name))) + name,
            bytes((2, ITERATIONS_EXP)),
            bytes((3, len(beacon.value))) + beacon.value,
        )
    )
    after = curve.multiples(G1, [beacon.delta])
    head = circuit_hash + struct.pack("<I", 1)
    tail = struct.pack("<II", 1, len(parameters)) + parameters
    return head + after + beacon.g1_s + g1_sx + g2_spx + transcript + tail


def _random_g1(stream: ChaCha) -> bytes:
    while True:
        x = from_montgomery(stream.element(P).to_bytes(32, "little"))
        greatest = bool(stream.word() & 1)
        square = (x**3 + 3) % P
        y = pow(square, (P + 1) // 4, P)
        if y * y % P == square:
            break
    if greatest != (y > P // 2):
        y = -y % P
    return to_montgomery(x) + to_montgomery(y)


def hash_to_g2(curve: Curve, digest: bytes) -> bytes:
    """Map a digest to the point of G2 that snarkjs pairs a contribution with."""
    stream = ChaCha(digest)
    while True:
        raw = (stream.element(P), stream.element(P))
        x = (_reduce(raw[0]), _reduce(raw[1]))
        greatest = bool(stream.word() & 1)
        cube = _mul(_mul(x, x), x)
        root = _sqrt(((cube[0] + _B2[0]) % P, (cube[1] + _B2[1]) % P))
        if root is not None:
            break
    y = root
    if greatest != ((y[1] or y[0]) > P // 2):
        y = (-y[0] % P, -y[1] % P)
    point = b"".join(to_montgomery(c) for c in (*x, *y))
    return curve.times(G2, point, _G2_COFACTOR)


def _reduce(raw: int) -> int:
    return from_montgomery(raw.to_bytes(32, "little"))


def _mul(a: Fp2, b: Fp2) -> Fp2:
    return (a[0] * b[0] - a[1] * b[1]) % P, (a[0] * b[1] + a[1] * b[0]) % P


def _sqrt(a: Fp2) -> Fp2 | None:
    norm = pow(a[0] * a[0] + a[1] * a[1], (P + 1) // 4, P)
    half = pow(2, -1, P)
    for sign in (norm, -norm):
        square = (a[0] + sign) * half % P
        real = pow(square, (P + 1) // 4, P)
        if real and real * real % P == square:
            root = (real, a[1] * half * pow(real, -1, P) % P)
            if _mul(root, root) == (a[0] % P, a[1] % P):
                return root
    return None
