"""A list in pages under a tree of nodes, each sealed under a key that its parent holds.

A change writes one node per level anew, under new keys: the key of the list then opens nothing of
what was there before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mip_cli.crypto.aead import KEY_BYTES, Rng
from mip_cli.crypto.archive_blocks import Block, BlockInvalid, Place, open_node, seal_node
from mip_cli.crypto.cid import Link
from mip_cli.store.archive.blocks import BlockStore, damaged, fetch

PAGE = 128
"""Entries in a page."""
FAN = 256
"""Children of a node."""
MAX_LENGTH = PAGE * FAN**2
"""Entries of the longest list: 8,388,608."""

Entry = tuple[Any, Link | None]
"""A value, None where it was erased, and the block it links to."""


@dataclass(frozen=True)
class Top:
    """What a parent keeps of a list."""

    length: int = 0
    """Entries, erased ones included."""
    key: bytes | None = None
    """Key of the top node, None for an empty list."""
    cid: Link | None = None
    """The top node, None for an empty list."""


class PagedList:
    """One list: read page by page, changed in memory, written by ``flush``."""

    def __init__(self, store: BlockStore, tag: bytes, top: Top, *, linked: bool) -> None:
        self._store = store
        self._tag = tag
        self._linked = linked
        self._length = top.length
        self._top = top
        self._pages: dict[int, list[Entry]] = {}
        self._dirty: set[int] = set()
        self._nodes: dict[tuple[int, int], list[tuple[bytes, Link]]] = {}

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Entry:
        return self._page(index // PAGE)[index % PAGE]

    def __iter__(self) -> Iterator[Entry]:
        self._load_all()
        for number in range(-(-self._length // PAGE)):
            yield from self._page(number)

    def append(self, value: Any, link: Link | None = None) -> int:
        """Add an entry and return its position; raise ``ValueError`` when the list is full."""
        if self._length >= MAX_LENGTH:
            raise ValueError("the list is full")
        index = self._length
        number = index // PAGE
        page = self._page(number) if index % PAGE else self._pages.setdefault(number, [])
        page.append((value, link))
        self._dirty.add(number)
        self._length += 1
        return index

    def replace(self, index: int, value: Any, link: Link | None = None) -> None:
        """Put another entry in a place."""
        self._page(index // PAGE)[index % PAGE] = (value, link)
        self._dirty.add(index // PAGE)

    def flush(self, rng: Rng) -> tuple[Top, list[Block], list[Link]]:
        """Seal what changed; return the new top, the new blocks and those they supersede."""
        if not self._dirty:
            return self._top, [], []
        fresh: list[Block] = []
        gone: list[Link] = []
        height = _height(self._length)
        before = _height(self._top.length)
        changed = {number: self._seal_page(number, rng, fresh) for number in sorted(self._dirty)}
        for level in range(1, height + 1):
            changed = self._raise(level, changed, before, rng, fresh, gone)
        if self._top.cid is not None and height == before:
            gone.append(self._top.cid)  # else it became a child, and lives on if it is unchanged
        key, cid = changed[0]
        self._top = Top(self._length, key, cid)
        self._dirty.clear()
        return self._top, fresh, gone

    def _raise(
        self,
        level: int,
        changed: dict[int, tuple[bytes, Link]],
        before: int,
        rng: Rng,
        fresh: list[Block],
        gone: list[Link],
    ) -> dict[int, tuple[bytes, Link]]:
        raised = {}
        for number in sorted({index // FAN for index in changed}):
            children = list(self._children(level, number, before))
            for index in sorted(i for i in changed if i // FAN == number):
                slot = index % FAN
                if slot < len(children):
                    gone.append(children[slot][1])
                    children[slot] = changed[index]
                else:
                    children.append(changed[index])
            self._nodes[(level, number)] = children
            key = rng(KEY_BYTES)
            value = {"k": b"".join(child_key for child_key, _ in children)}
            block = seal_node(
                Place("list", self._tag, level, number), key, value, [cid for _, cid in children]
            )
            fresh.append(block)
            raised[number] = (key, block.cid)
        return raised

    def _seal_page(self, number: int, rng: Rng, fresh: list[Block]) -> tuple[bytes, Link]:
        page = self._page(number)
        key = rng(KEY_BYTES)
        links = [link for _, link in page if link is not None]
        place = Place("list", self._tag, 0, number)
        block = seal_node(place, key, {"e": [value for value, _ in page]}, links)
        fresh.append(block)
        return key, block.cid

    def _page(self, number: int) -> list[Entry]:
        if number not in self._pages:
            self._load([number])
        return self._pages[number]

    def _load_all(self) -> None:
        count = -(-self._top.length // PAGE)
        self._load([n for n in range(count) if n not in self._pages])

    def _load(self, numbers: Sequence[int]) -> None:
        doors = [self._door(0, number) for number in numbers]
        blocks = fetch(self._store, [cid for _, cid in doors])
        for number, (key, cid), block in zip(numbers, doors, blocks, strict=True):
            self._pages[number] = self._read_page(number, key, cid, block)

    def _door(self, level: int, index: int) -> tuple[bytes, Link]:
        """Return key and name of a node of the list as it was last written."""
        height = _height(self._top.length)
        if level == height and index == 0 and self._top.key is not None and self._top.cid:
            return self._top.key, self._top.cid
        if level >= height:
            raise IndexError(index)
        return self._children(level + 1, index // FAN, height)[index % FAN]

    def _children(self, level: int, index: int, height: int) -> list[tuple[bytes, Link]]:
        """Return the children of a node as last written; none for one that is to be."""
        if (level, index) in self._nodes:
            return self._nodes[(level, index)]
        if level > height:
            below = level - 1 == height and index == 0 and self._top.key is not None
            return [(self._top.key, self._top.cid)] if below else []  # type: ignore[list-item]
        last = -(-self._top.length // PAGE) - 1
        for _ in range(level):
            last //= FAN
        if index > last:
            return []
        key, cid = self._door(level, index)
        block = fetch(self._store, [cid])[0]
        place = Place("list", self._tag, level, index)
        try:
            value, links = open_node(place, key, block)
            keys = _exactly(value, "k")
            if not isinstance(keys, bytes) or len(keys) != KEY_BYTES * len(links):
                raise BlockInvalid("a node of a list has another shape")
        except BlockInvalid as error:
            raise damaged(self._store, cid, str(error)) from None
        found = [
            (keys[at * KEY_BYTES : (at + 1) * KEY_BYTES], link) for at, link in enumerate(links)
        ]
        if len(found) != _width(self._top.length, level, index):
            raise damaged(self._store, cid, "a node of a list has too few or too many children")
        self._nodes[(level, index)] = found
        return found

    def _read_page(self, number: int, key: bytes, cid: Link, block: bytes) -> list[Entry]:
        try:
            value, links = open_node(Place("list", self._tag, 0, number), key, block)
            entries = _exactly(value, "e")
            if not isinstance(entries, list):
                raise BlockInvalid("a page has another shape")
        except BlockInvalid as error:
            raise damaged(self._store, cid, str(error)) from None
        live = sum(entry is not None for entry in entries) if self._linked else 0
        if len(entries) != _width(self._top.length, 0, number) or live != len(links):
            raise damaged(self._store, cid, "a page has too few or too many entries")
        rest = iter(links)
        return [
            (entry, next(rest) if self._linked and entry is not None else None) for entry in entries
        ]


def _height(length: int) -> int:
    pages, height = -(-length // PAGE), 0
    while pages > 1:
        pages, height = -(-pages // FAN), height + 1
    return height


def _width(length: int, level: int, index: int) -> int:
    """Return how many entries or children a node has in a list of a length."""
    below, each = length, PAGE
    for _ in range(level):
        below, each = -(-below // each), FAN
    return min(each, below - index * each)


def _exactly(value: Any, member: str) -> Any:
    if not isinstance(value, dict) or set(value) != {member}:
        raise BlockInvalid("a node of a list has another shape")
    return value[member]
