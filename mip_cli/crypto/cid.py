"""Content ids: CIDv1 with SHA-256, of raw blocks and DAG-CBOR nodes; no other kind is used here.

The packages for CIDs bring tables of every codec, hash and base and three more packages; what a
backup and an archive's blocks have is four fixed bytes and a hash. Archives keep ids as bytes
(``Link``), a backup's one raw block is named by their text (``Cid``).
"""

from __future__ import annotations

import base64
import hashlib
from typing import NewType

Link = NewType("Link", bytes)
"""36 bytes: version, codec, SHA-256 multihash."""
Cid = NewType("Cid", str)
"""Text of the id of one raw block, as ``bafkrei...``."""

RAW = 0x55
"""Codec of ciphertext."""
DAG_CBOR = 0x71
"""Codec of nodes."""
CID_BYTES = 36

_PREFIXES = {codec: bytes([1, codec, 0x12, 32]) for codec in (RAW, DAG_CBOR)}
_BASE32 = "b"
"""Prefix of RFC 4648's base32, lower case, without padding (the multibase table)."""


def link_of(block: bytes, codec: int) -> Link:
    """Compute the id of a block."""
    return Link(_PREFIXES[codec] + hashlib.sha256(block).digest())


def codec_of(link: Link) -> int:
    """Return the codec in an id."""
    return link[1]


def names(link: Link, block: bytes) -> bool:
    """Tell whether an id is that of a block."""
    return link[4:] == hashlib.sha256(block).digest()


def checked(data: bytes) -> Link:
    """Return bytes as an id; raise ``ValueError`` for any but the two kinds."""
    if len(data) != CID_BYTES or data[:4] not in _PREFIXES.values():
        raise ValueError("not the content id of a raw or DAG-CBOR block under SHA-256")
    return Link(data)


def text(link: Link) -> str:
    """Write an id as every IPFS tool does: base32 in lower case after ``b``."""
    return _BASE32 + base64.b32encode(link).decode().rstrip("=").lower()


def parse(written: str) -> Link:
    """Read an id in its one spelling; raise ``ValueError`` for any other kind or form."""
    if not written.startswith(_BASE32) or written != written.lower():
        raise ValueError("not a content id in base32")
    body = written[1:].upper()
    try:
        raw = base64.b32decode(body + "=" * (-len(body) % 8))
    except ValueError:
        raise ValueError("not a content id in base32") from None
    found = checked(raw)
    if text(found) != written:
        raise ValueError("not a content id in its one spelling")
    return found


def cid_of(block: bytes) -> Cid:
    """Return the text of the id of one raw block."""
    return Cid(text(link_of(block, RAW)))


def parse_cid(written: str) -> Cid:
    """Read the text of the id of a raw block; raise ``ValueError`` for any other kind or form."""
    if codec_of(parse(written)) != RAW:
        raise ValueError("not the content id of a raw block")
    return Cid(written)
