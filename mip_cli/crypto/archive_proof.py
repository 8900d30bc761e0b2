"""What a third party can check of an archive's log: one act, its place, its anchor.

Nothing here needs a key. The file is JSON in one spelling (protocol section 14).
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from mip_cli.crypto import jsontext, merkle_log

FORMAT = "mip.archive.proof/1"
MAX_BYTES = 64 * 1024
"""Bytes of a proof."""

_HEX = re.compile(r"0x(?:[0-9a-f]{2})*")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_ANCHOR = b"mip archive anchor/1\0"


@dataclass(frozen=True)
class AnchorOpening:
    """What opens a commitment on chain."""

    chain_id: int
    """EIP-155 chain id."""
    contract: str
    """ArchiveAnchor."""
    nullifier: int
    """The holder's pseudonym there."""
    sequence: int
    """Number of the anchor."""
    salt: bytes
    """32 bytes."""


@dataclass(frozen=True)
class Since:
    """An earlier log that the present one goes on from."""

    size: int
    """Acts in it."""
    root: bytes
    """Root of its tree."""
    path: tuple[bytes, ...]
    """Consistency proof."""


@dataclass(frozen=True)
class LogProof:
    """One act of a log, provable to anyone."""

    leaf: bytes
    """What the tree holds of it."""
    index: int
    """Its number."""
    size: int
    """Acts in the log that the proof is about."""
    root: bytes
    """Root of its tree."""
    path: tuple[bytes, ...]
    """Inclusion proof."""
    detail: tuple[bytes, bytes] | None
    """Salt and detail that the leaf commits to, where the holder shows them."""
    since: Since | None
    """An earlier log, where asked for."""
    anchor: AnchorOpening | None
    """What ties ``root`` to a chain; None for a log that was not anchored since."""

    @property
    def sound(self) -> bool:
        """Tell whether both Merkle proofs hold; the anchor is the chain's to tell."""
        leaf = merkle_log.leaf_hash(self.leaf)
        if not merkle_log.verify_inclusion(leaf, self.index, self.size, self.path, self.root):
            return False
        s = self.since
        return s is None or merkle_log.verify_consistency(
            s.size, s.root, self.size, self.root, s.path
        )

    @property
    def commitment(self) -> bytes | None:
        """What the chain must hold for the anchor's sequence."""
        a = self.anchor
        return None if a is None else anchor_commitment(a.salt, a.sequence, self.size, self.root)


def anchor_commitment(salt: bytes, sequence: int, size: int, root: bytes) -> bytes:
    """Commit to a log of ``size`` acts; the 32 bytes that go on chain."""
    numbers = sequence.to_bytes(8, "big") + size.to_bytes(8, "big")
    return hashlib.sha256(_ANCHOR + salt + numbers + root).digest()


def encode(proof: LogProof) -> bytes:
    """Write a proof file."""
    detail, since, anchor = proof.detail, proof.since, proof.anchor
    document = {
        "format": FORMAT,
        "leaf": _hex(proof.leaf),
        "index": proof.index,
        "size": proof.size,
        "root": _hex(proof.root),
        "path": [_hex(node) for node in proof.path],
        "detail": None if detail is None else {"salt": _hex(detail[0]), "detail": _hex(detail[1])},
        "since": None
        if since is None
        else {
            "size": since.size,
            "root": _hex(since.root),
            "path": [_hex(node) for node in since.path],
        },
        "anchor": None
        if anchor is None
        else {
            "chain_id": anchor.chain_id,
            "contract": anchor.contract,
            "nullifier": f"0x{anchor.nullifier:064x}",
            "sequence": anchor.sequence,
            "salt": _hex(anchor.salt),
        },
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def decode(data: bytes) -> LogProof:
    """Read a proof file; raise ``ValueError``, quoting nothing, for any other byte sequence."""
    try:
        if len(data) > MAX_BYTES:
            raise ValueError
        document = jsontext.parse(data)
        if document["format"] != FORMAT:
            raise ValueError
        proof = LogProof(
            leaf=_bytes(document["leaf"]),
            index=_number(document["index"]),
            size=_number(document["size"]),
            root=_bytes(document["root"], 32),
            path=_path(document["path"]),
            detail=_detail(document["detail"]),
            since=_since(document["since"]),
            anchor=_anchor(document["anchor"]),
        )
        if encode(proof) != data:  # other members, other spellings
            raise ValueError
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ValueError("this is not a proof about an archive's log") from None
    return proof


def _detail(value: Any) -> tuple[bytes, bytes] | None:
    return None if value is None else (_bytes(value["salt"], 32), _bytes(value["detail"]))


def _since(value: Any) -> Since | None:
    if value is None:
        return None
    return Since(_number(value["size"]), _bytes(value["root"], 32), _path(value["path"]))


def _anchor(value: Any) -> AnchorOpening | None:
    if value is None:
        return None
    if not _ADDRESS.fullmatch(value["contract"]):
        raise ValueError
    return AnchorOpening(
        chain_id=_number(value["chain_id"]),
        contract=value["contract"],
        nullifier=int.from_bytes(_bytes(value["nullifier"], 32), "big"),
        sequence=_number(value["sequence"]),
        salt=_bytes(value["salt"], 32),
    )


def _path(value: Any) -> tuple[bytes, ...]:
    if not isinstance(value, list) or len(value) > merkle_log.MAX_PATH:
        raise ValueError
    return tuple(_bytes(node, 32) for node in value)


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def _bytes(text: Any, size: int | None = None) -> bytes:
    if not isinstance(text, str) or not _HEX.fullmatch(text):
        raise ValueError
    data = bytes.fromhex(text[2:])
    if size is not None and len(data) != size:
        raise ValueError
    return data


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 53:
        raise ValueError
    return value
