"""The view: the one node that a grant's key opens, and through it what the level gives."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mip_cli.crypto import aead
from mip_cli.crypto.aead import KEY_BYTES, NONCE_BYTES, NotAuthentic, Rng, Sealed, system_rng
from mip_cli.crypto.archive_blocks import (
    Block,
    BlockInvalid,
    digest_of,
    node_of,
    padded,
    read_links,
    unpadded,
)
from mip_cli.crypto.cid import Link

MAX_AGGREGATES = 64 * 1024
"""Bytes of the numbers of level 1."""

_MAGIC = b"mip.view/1\0"
_LABEL = b"mip grant view/1\0"


@dataclass(frozen=True)
class ViewPlace:
    """Which view it is; all of it is bound to the ciphertext."""

    grant: bytes
    """The receipt's hash."""
    category: str
    epoch: int
    """Of the category when it was made."""
    number: int
    """Of the bundle that brings it."""


@dataclass(frozen=True, repr=False)
class ViewContent:
    """What a view holds."""

    level: int
    """1 to 3."""
    count: int
    """Records it shows, or counts."""
    tag: bytes
    """What the blocks below are bound to."""
    length: int = 0
    """Entries of the list, erased ones included."""
    key: bytes | None = None
    """Key of the list; None without one."""
    list: Link | None = None
    """The list."""
    aggregates: bytes | None = None
    """JSON of level 1."""


def seal_view(
    place: ViewPlace, key: bytes, content: ViewContent, *, rng: Rng = system_rng
) -> Block:
    """Seal a view under the key of its grant."""
    links = [] if content.list is None else [content.list]
    value = {
        "aggregates": content.aggregates,
        "count": content.count,
        "key": content.key,
        "length": content.length,
        "level": content.level,
        "tag": content.tag,
    }
    sealed = aead.seal(key, padded(value), _associated(place, links), rng=rng)
    return node_of(_MAGIC + sealed.nonce + sealed.ciphertext, links)


def open_view(place: ViewPlace, key: bytes, block: bytes) -> ViewContent:
    """Open a view; raise ``BlockInvalid`` for one of another place or key, or a changed one."""
    data, links = read_links(block)
    start = len(_MAGIC)
    if not data.startswith(_MAGIC):
        raise BlockInvalid("this is not a view")
    sealed = Sealed(data[start : start + NONCE_BYTES], data[start + NONCE_BYTES :])
    try:
        plain = aead.unseal(key, sealed, _associated(place, links))
    except NotAuthentic:
        raise BlockInvalid("the key does not open this view, or it was changed") from None
    try:
        return _content(unpadded(plain), links)
    except (ValueError, TypeError, KeyError):
        raise BlockInvalid("a view has another shape") from None


def _content(value: Any, links: Sequence[Link]) -> ViewContent:
    if not isinstance(value, dict) or set(value) != {
        "aggregates",
        "count",
        "key",
        "length",
        "level",
        "tag",
    }:
        raise ValueError
    content = ViewContent(
        level=_number(value["level"], 3),
        count=_number(value["count"], 1 << 53),
        tag=_key(value["tag"]),
        length=_number(value["length"], 1 << 53),
        key=None if value["key"] is None else _key(value["key"]),
        list=links[0] if links else None,
        aggregates=value["aggregates"],
    )
    listed = content.level >= 2 and content.length > 0
    if len(links) != int(listed) or (content.key is None) == listed or content.level < 1:
        raise ValueError
    if (content.level == 1) != isinstance(content.aggregates, bytes):
        raise ValueError
    if content.aggregates is not None and len(content.aggregates) > MAX_AGGREGATES:
        raise ValueError
    return content


def _associated(place: ViewPlace, links: Sequence[Link]) -> bytes:
    if len(place.grant) != KEY_BYTES:
        raise ValueError("a grant is named by 32 bytes")
    numbers = struct.pack(">II", place.epoch, place.number)
    return _LABEL + place.grant + numbers + place.category.encode() + b"\0" + digest_of(links)


def _number(value: Any, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError
    return value


def _key(value: Any) -> bytes:
    if type(value) is not bytes or len(value) != KEY_BYTES:
        raise ValueError
    return value
