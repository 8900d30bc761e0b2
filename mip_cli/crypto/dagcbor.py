"""DAG-CBOR in its one canonical form, and the public envelope that every node of the archive has.

cbor2 writes and reads what we sealed ourselves. The envelope comes from strangers: it is read by
hand, because a general reader also builds dates, patterns and big numbers for whoever asks.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import cbor2

from mip_cli.crypto.cid import CID_BYTES, Link, checked

_DATA = b"\xa2\x61d"  # a map of two members, the first is "d"
_LINKS = b"\x61l"
_LINK = b"\xd8\x2a\x58\x25\x00"  # tag 42, 37 bytes, the identity multibase
_BYTES, _LIST = 2, 4


def encode(value: object) -> bytes:
    """Write maps, lists, texts, bytes and integers; links do not occur in what is sealed."""
    return cbor2.dumps(value, canonical=True)


def decode(data: bytes) -> Any:
    """Read what ``encode`` wrote; raise ``ValueError`` for another spelling of it."""
    try:
        value = cbor2.loads(data)
        if cbor2.dumps(value, canonical=True) != data:
            raise ValueError
    except (ValueError, TypeError, OverflowError, RecursionError, EOFError, cbor2.CBORError):
        raise ValueError("not canonical DAG-CBOR") from None
    return value


def envelope(data: bytes, links: Sequence[Link]) -> bytes:
    """Write a node: its data, and its links in clear."""
    parts = [_DATA, _head(_BYTES, len(data)), data, _LINKS, _head(_LIST, len(links))]
    for link in links:
        parts += (_LINK, link)
    return b"".join(parts)


def open_envelope(block: bytes) -> tuple[bytes, list[Link]]:
    """Read a node; raise ``ValueError`` for any byte that ``envelope`` would write otherwise."""
    if not block.startswith(_DATA):
        raise ValueError("not a node")
    size, at = _read_head(block, len(_DATA), _BYTES)
    data = block[at : at + size]
    at += size
    if len(data) != size or block[at : at + len(_LINKS)] != _LINKS:
        raise ValueError("the node is cut short")
    count, at = _read_head(block, at + len(_LINKS), _LIST)
    step = len(_LINK) + CID_BYTES
    if len(block) != at + count * step:
        raise ValueError("the node's links are cut short, or something follows them")
    links = []
    for start in range(at, len(block), step):
        if block[start : start + len(_LINK)] != _LINK:
            raise ValueError("the node has something else among its links")
        links.append(checked(block[start + len(_LINK) : start + step]))
    return data, links


def _head(major: int, value: int) -> bytes:
    if value < 24:
        return bytes([major << 5 | value])
    for code, kind, bits in ((24, ">B", 8), (25, ">H", 16), (26, ">I", 32)):
        if value < 1 << bits:
            return bytes([major << 5 | code]) + struct.pack(kind, value)
    raise ValueError("too long for a block")


def _read_head(block: bytes, at: int, major: int) -> tuple[int, int]:
    if at >= len(block) or block[at] >> 5 != major:
        raise ValueError("the node has another shape")
    low = block[at] & 31
    width = {24: 1, 25: 2, 26: 4}.get(low, 0)
    if low > 26:
        raise ValueError("the node has another shape")
    value = low if low < 24 else int.from_bytes(block[at + 1 : at + 1 + width], "big")
    if _head(major, value) != block[at : at + 1 + width]:
        raise ValueError("a length is not in its shortest form")
    return value, at + 1 + width
