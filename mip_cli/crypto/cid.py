"""The one kind of content id that is used here: CIDv1, one raw block, SHA-256, base32.

The packages for CIDs bring tables of every codec, hash and base and three more packages; the one
form that a backup and an archive's blocks have is four fixed bytes and a hash.
"""

from __future__ import annotations

import base64
import hashlib
from typing import NewType

Cid = NewType("Cid", str)
"""Text of a content id, as ``bafkrei...``."""

_HEADER = bytes((0x01, 0x55, 0x12, 0x20))
"""Version 1, codec raw, hash sha2-256 of 32 bytes (the multicodec table)."""
_BASE32 = "b"
"""Prefix of RFC 4648's base32, lower case, without padding (the multibase table)."""
_DIGEST_BYTES = 32


def cid_of(block: bytes) -> Cid:
    """Return the content id of one raw block."""
    return _write(hashlib.sha256(block).digest())


def parse_cid(text: str) -> Cid:
    """Read a content id in its one spelling; raise ``ValueError`` for any other kind or form."""
    body = text.removeprefix(_BASE32).upper()
    try:
        raw = base64.b32decode(body + "=" * (-len(body) % 8))
    except ValueError:
        raise ValueError("not a content id") from None
    cid = _write(raw[len(_HEADER) :])
    if len(raw) != len(_HEADER) + _DIGEST_BYTES or cid != text:
        raise ValueError("not the content id of a raw block under SHA-256")
    return cid


def _write(digest: bytes) -> Cid:
    text = base64.b32encode(_HEADER + digest).decode().lower().rstrip("=")
    return Cid(_BASE32 + text)
