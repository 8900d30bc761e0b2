"""Reader of what matters about a Groth16 .zkey: its verifying key and its contributions."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

from mip_cli.crypto.field import P, R
from mip_cli.errors import ArtifactMismatch, FileInvalid
from mip_cli.zk import binfile, verifying_key
from mip_cli.zk.bn128 import from_montgomery
from mip_cli.zk.points import G1Point, G2Point
from mip_cli.zk.verifying_key import VerifyingKey

_HEADER = 84
"""Bytes before the points in section 2."""


_DELTAS = 3 * 64 + 128
"""Bytes of the points of a contribution; its transcript and type follow."""


@dataclass(frozen=True)
class Contribution:
    """One step of phase 2, as the key records it."""

    digest: str
    """Hash that snarkjs shows to the contributor, BLAKE2b-512 in hex."""
    beacon: bool
    """Whether it is derived from a public value, which ``zkey verify`` then checks."""


@dataclass(frozen=True)
class ZkeyInfo:
    """Summary of a proving key."""

    key: VerifyingKey
    wires: int
    domain: int
    """Size of the evaluation domain, a power of two."""
    phase2: tuple[Contribution, ...]
    """Contributions to phase 2 in order, at least one."""

    @property
    def contributions(self) -> int:
        """How many there are, beacons included."""
        return len(self.phase2)


def read_zkey(data: bytes) -> ZkeyInfo:
    """Parse a .zkey file; its verifying key is checked.

    Raises ``FileInvalid`` for another format and ``ArtifactMismatch`` for a key without a
    phase-2 contribution or one that is otherwise forgeable.
    """
    sections = binfile.parse(data, b"zkey", 1)
    if bytes(binfile.section(sections, 1)) != struct.pack("<I", 1):
        raise FileInvalid("the .zkey file is not a Groth16 key")
    header = bytes(binfile.section(sections, 2))
    if len(header) != _HEADER + 3 * 64 + 3 * 128:
        raise FileInvalid("broken header of the .zkey file")
    fields = (header[4:36], header[40:72])
    if fields != (P.to_bytes(32, "little"), R.to_bytes(32, "little")):
        raise FileInvalid("the .zkey file is over another curve")
    wires, public, domain = struct.unpack_from("<III", header, 72)
    ic = bytes(binfile.section(sections, 3))
    if len(ic) != 64 * (public + 1) or public > verifying_key.MAX_PUBLIC:
        raise FileInvalid("broken public points of the .zkey file")
    contributions = bytes(binfile.section(sections, 10))
    if len(contributions) < 68:
        raise FileInvalid("broken contributions of the .zkey file")
    (count,) = struct.unpack_from("<I", contributions, 64)
    if count == 0:
        raise ArtifactMismatch(
            "proving key refused: it has no phase-2 contribution, so anyone can forge proofs",
            hint="rebuild with scripts/build_circuits.py",
        )
    key = VerifyingKey(
        alpha1=_g1(header, _HEADER),
        beta2=_g2(header, _HEADER + 128),
        gamma2=_g2(header, _HEADER + 256),
        delta2=_g2(header, _HEADER + 448),
        ic=tuple(_g1(ic, 64 * i) for i in range(public + 1)),
    )
    verifying_key.check(key)
    return ZkeyInfo(key, wires, domain, _contributions(contributions, count))


def _contributions(section: bytes, count: int) -> tuple[Contribution, ...]:
    found, at = [], 68
    for _ in range(count):
        end = at + _DELTAS + 64 + 8
        if len(section) < end:
            raise FileInvalid("broken contributions of the .zkey file")
        numbers = [
            from_montgomery(section[i : i + 32]).to_bytes(32, "big")
            for i in range(at, at + _DELTAS, 32)
        ]
        for i in range(6, 10, 2):  # snarkjs hashes the second coefficient of a pair first
            numbers[i], numbers[i + 1] = numbers[i + 1], numbers[i]
        public = b"".join(numbers) + section[end - 72 : end - 8]
        kind, extra = struct.unpack_from("<II", section, end - 8)
        if kind > 1:
            raise FileInvalid("unknown contribution in the .zkey file")
        found.append(Contribution(hashlib.blake2b(public).hexdigest(), kind == 1))
        at = end + extra
    if at != len(section):
        raise FileInvalid("broken contributions of the .zkey file")
    return tuple(found)


def _g1(data: bytes, at: int) -> G1Point:
    return from_montgomery(data[at : at + 32]), from_montgomery(data[at + 32 : at + 64])


def _g2(data: bytes, at: int) -> G2Point:
    return _g1(data, at), _g1(data, at + 64)
