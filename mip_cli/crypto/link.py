"""Links of the archive: CIDv1 with SHA-256 in binary, of raw blocks and DAG-CBOR nodes.

``crypto.cid`` has the text of a lone raw block, which is all that a backup needs.
"""

from __future__ import annotations

import base64
import hashlib
from typing import NewType

Link = NewType("Link", bytes)
"""36 bytes: version, codec, SHA-256 multihash."""

RAW = 0x55
"""Codec of ciphertext chunks."""
DAG_CBOR = 0x71
"""Codec of nodes."""
CID_BYTES = 36

_PREFIXES = {codec: bytes([1, codec, 0x12, 32]) for codec in (RAW, DAG_CBOR)}


def cid_of(block: bytes, codec: int) -> Link:
    """Compute the identifier of a block."""
    return Link(_PREFIXES[codec] + hashlib.sha256(block).digest())


def codec_of(cid: Link) -> int:
    """Return the codec in an identifier."""
    return cid[1]


def names(cid: Link, block: bytes) -> bool:
    """Tell whether an identifier is that of a block."""
    return cid[4:] == hashlib.sha256(block).digest()


def checked(data: bytes) -> Link:
    """Return bytes as an identifier; raise ``ValueError`` for any but the archive's two kinds."""
    if len(data) != CID_BYTES or data[:4] not in _PREFIXES.values():
        raise ValueError("not a CIDv1 of a raw or DAG-CBOR block with SHA-256")
    return Link(data)


def text(cid: Link) -> str:
    """Write an identifier as every IPFS tool does: base32 in lower case after ``b``."""
    return "b" + base64.b32encode(cid).decode().rstrip("=").lower()


def parse(written: str) -> Link:
    """Read an identifier in base32; raise ``ValueError`` for anything else."""
    if not written.startswith("b") or not written.isascii() or written != written.lower():
        raise ValueError("not a CID in base32")
    body = written[1:].upper()
    found = checked(base64.b32decode(body + "=" * (-len(body) % 8)))
    if text(found) != written:
        raise ValueError("not a CID in its one spelling")
    return found
