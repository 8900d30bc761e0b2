"""Content identifiers: CIDv1 with SHA-256, the two codecs of the archive (protocol section 14)."""

from __future__ import annotations

import base64
import hashlib
from typing import NewType

Cid = NewType("Cid", bytes)
"""36 bytes: version, codec, SHA-256 multihash."""

RAW = 0x55
"""Codec of ciphertext chunks."""
DAG_CBOR = 0x71
"""Codec of nodes."""
CID_BYTES = 36

_PREFIXES = {codec: bytes([1, codec, 0x12, 32]) for codec in (RAW, DAG_CBOR)}


def cid_of(block: bytes, codec: int) -> Cid:
    """Compute the identifier of a block."""
    return Cid(_PREFIXES[codec] + hashlib.sha256(block).digest())


def codec_of(cid: Cid) -> int:
    """Return the codec in an identifier."""
    return cid[1]


def names(cid: Cid, block: bytes) -> bool:
    """Tell whether an identifier is that of a block."""
    return cid[4:] == hashlib.sha256(block).digest()


def checked(data: bytes) -> Cid:
    """Return bytes as an identifier; raise ``ValueError`` for any but the archive's two kinds."""
    if len(data) != CID_BYTES or data[:4] not in _PREFIXES.values():
        raise ValueError("not a CIDv1 of a raw or DAG-CBOR block with SHA-256")
    return Cid(data)


def text(cid: Cid) -> str:
    """Write an identifier as every IPFS tool does: base32 in lower case after ``b``."""
    return "b" + base64.b32encode(cid).decode().rstrip("=").lower()


def parse(written: str) -> Cid:
    """Read an identifier in base32; raise ``ValueError`` for anything else."""
    if not written.startswith("b") or not written.isascii() or written != written.lower():
        raise ValueError("not a CID in base32")
    body = written[1:].upper()
    found = checked(base64.b32decode(body + "=" * (-len(body) % 8)))
    if text(found) != written:
        raise ValueError("not a CID in its one spelling")
    return found
