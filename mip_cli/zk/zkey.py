"""Reader of what matters about a Groth16 .zkey: its verifying key and its contributions."""

from __future__ import annotations

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


@dataclass(frozen=True)
class ZkeyInfo:
    """Summary of a proving key."""

    key: VerifyingKey
    wires: int
    domain: int
    """Size of the evaluation domain, a power of two."""
    contributions: int
    """Contributions to phase 2, at least one."""


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
    return ZkeyInfo(key, wires, domain, count)


def _g1(data: bytes, at: int) -> G1Point:
    return from_montgomery(data[at : at + 32]), from_montgomery(data[at + 32 : at + 64])


def _g2(data: bytes, at: int) -> G2Point:
    return _g1(data, at), _g1(data, at + 64)
