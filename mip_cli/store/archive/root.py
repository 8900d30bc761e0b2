"""What the root of an archive holds: lists, keys and counters of log and categories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mip_cli.crypto.aead import KEY_BYTES
from mip_cli.crypto.archive_blocks import BlockInvalid
from mip_cli.crypto.cid import Link
from mip_cli.store.archive.manifest import CATEGORY
from mip_cli.store.archive.paged import MAX_LENGTH, Top

MAX_CATEGORIES = 64


@dataclass(frozen=True, repr=False)
class CategoryState:
    """One category."""

    epoch: int
    """How often something was erased or revoked in it."""
    epoch_key: bytes
    """``K(c,e)``: what the keys of grantees derive from."""
    live: int = 0
    """Records in it."""
    top: Top = field(default_factory=Top)
    """Its manifest."""
    schema_key: bytes | None = None
    """Key of the schema's node; None for a category that comes with the tool."""
    schema: Link | None = None
    """That node."""


@dataclass(frozen=True, repr=False)
class RootState:
    """Everything the root holds."""

    anchor_key: bytes
    """What the salts of the anchors derive from."""
    at: int
    """Unix time of the commit."""
    commit: int
    """Number of the commit, from 1."""
    log: Top
    """The log's list."""
    peaks: tuple[bytes, ...]
    """Peaks of the log's Merkle tree."""
    categories: Mapping[str, CategoryState]
    """By name."""
    grants: Top = field(default_factory=Top)
    """The list of grants."""

    def encode(self) -> tuple[dict[str, object], list[Link]]:
        """Return the root's value and links."""
        links = [_require(self.log.cid)]
        if self.grants.cid is not None:
            links.append(self.grants.cid)
        items = []
        for name, state in sorted(self.categories.items()):
            links += [cid for cid in (state.schema, state.top.cid) if cid is not None]
            items.append(
                {
                    "epoch": state.epoch,
                    "epoch_key": state.epoch_key,
                    "key": state.top.key,
                    "length": state.top.length,
                    "live": state.live,
                    "name": name,
                    "schema": state.schema_key,
                }
            )
        log = {"key": self.log.key, "length": self.log.length, "peaks": list(self.peaks)}
        value = {
            "anchor_key": self.anchor_key,
            "at": self.at,
            "categories": items,
            "commit": self.commit,
            "grants": {"key": self.grants.key, "length": self.grants.length},
            "log": log,
        }
        return value, links


def decode_root(value: Any, links: tuple[Link, ...]) -> RootState:
    """Read a root's value; raise ``BlockInvalid`` when it is none."""
    try:
        return _decode(value, list(links))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        raise BlockInvalid("the root holds something else than it must") from None


def _decode(value: Any, links: list[Link]) -> RootState:
    _members(value, "anchor_key", "at", "categories", "commit", "grants", "log")
    log, items = value["log"], value["categories"]
    _members(log, "key", "length", "peaks")
    length, peaks = _number(log["length"], 1, MAX_LENGTH), tuple(log["peaks"])
    if len(peaks) != length.bit_count() or len(items) > MAX_CATEGORIES:
        raise ValueError
    log_top = Top(length, _key(log["key"]), links.pop(0))
    _members(value["grants"], "key", "length")
    grants = _top(value["grants"], links)
    categories: dict[str, CategoryState] = {}
    for item in items:
        name = item["name"]
        if not CATEGORY.fullmatch(name) or (categories and name <= max(categories)):
            raise ValueError
        categories[name] = _category(item, links)
    if links:
        raise ValueError
    return RootState(
        anchor_key=_key(value["anchor_key"]),
        at=_number(value["at"], 0, 1 << 63),
        commit=_number(value["commit"], 1, 1 << 63),
        log=log_top,
        peaks=tuple(_key(peak) for peak in peaks),
        categories=categories,
        grants=grants,
    )


def _category(item: Any, links: list[Link]) -> CategoryState:
    _members(item, "epoch", "epoch_key", "key", "length", "live", "name", "schema")
    schema_key = None if item["schema"] is None else _key(item["schema"])
    schema = None if schema_key is None else links.pop(0)
    top = _top(item, links)
    return CategoryState(
        epoch=_number(item["epoch"], 0, 1 << 32),
        epoch_key=_key(item["epoch_key"]),
        live=_number(item["live"], 0, top.length),
        top=top,
        schema_key=schema_key,
        schema=schema,
    )


def _top(item: Any, links: list[Link]) -> Top:
    length = _number(item["length"], 0, MAX_LENGTH)
    if (item["key"] is None) != (length == 0):
        raise ValueError
    return Top(length, _key(item["key"]), links.pop(0)) if length else Top()


def _members(value: Any, *names: str) -> None:
    if not isinstance(value, dict) or tuple(sorted(value)) != names:
        raise ValueError


def _key(value: Any) -> bytes:
    if type(value) is not bytes or len(value) != KEY_BYTES:
        raise ValueError
    return value


def _number(value: Any, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError
    return value


def _require(cid: Link | None) -> Link:
    if cid is None:
        raise ValueError("an archive has a log")
    return cid
