"""A category that was opened: its manifest, read once, and where each path stands in it."""

from __future__ import annotations

from mip_cli.crypto.archive_blocks import BlockInvalid
from mip_cli.crypto.cid import Link
from mip_cli.errors import UsageFault
from mip_cli.store.archive.blocks import BlockStore, damaged
from mip_cli.store.archive.manifest import Record, decode_record
from mip_cli.store.archive.paged import PagedList, Top
from mip_cli.store.archive.paths import Beside
from mip_cli.store.archive.root import CategoryState

CELL = 8
"""Places of the list that level 1 counts together or not at all (section 16)."""


class OpenCategory:
    """A category that was opened."""

    def __init__(self, store: BlockStore, tag: bytes, state: CategoryState) -> None:
        self.tag = tag
        self.state = state
        self.list = PagedList(store, tag, state.top, linked=True)
        self.records: dict[str, tuple[int, Record, Link]] = {}
        self.former: dict[int, bytes] = {}
        """Keys of epochs that ended since the last commit."""
        self._beside = Beside()
        self._free: list[int] = []
        for index, (value, link) in enumerate(self.list):
            if value is None or link is None:
                self._free.append(index)
                continue
            try:
                record = decode_record(value)
            except BlockInvalid as error:
                raise damaged(store, _cid(state.top), str(error)) from None
            if record.path in self.records:
                raise damaged(store, _cid(state.top), "a path stands in the manifest twice")
            self.records[record.path] = (index, record, link)
            self._beside.add(record.path)
        if len(self.records) != state.live:
            raise damaged(store, _cid(state.top), "the manifest has too few or too many records")

    def require_room(self, path: str) -> None:
        """Raise ``UsageFault`` for a path that cannot be a file beside those that are here."""
        other = None if path in self.records else self._beside.conflict(path)
        if other is not None:
            raise UsageFault(
                f"{path} cannot lie beside {other}, which is here already",
                hint="choose another --path: the one would be a folder of the other, or they "
                "differ in case alone",
            )

    def keep(self, record: Record, link: Link) -> None:
        """Give a record its place: the one of its path, or a new one.

        A place in a full cell is left empty for ever: what was counted there at level 1 may not
        change by one record.
        """
        before = self.records.get(record.path)
        index = self._next() if before is None else before[0]
        if before is not None and not self.is_open(before[0]):
            self.list.replace(before[0], None)
            index = self._next()
        if index is None:
            index = self.list.append(record.encode(), link)
        else:
            self.list.replace(index, record.encode(), link)
        if before is None:
            self._beside.add(record.path)
        self.records[record.path] = (index, record, link)

    def drop(self, path: str) -> None:
        """Take a record out."""
        index, _, _ = self.records.pop(path)
        self.list.replace(index, None)
        self._free.append(index)
        self._beside.remove(path)

    def reseal(self, record: Record, link: Link) -> None:
        """Put the same content under another key in the place that it has."""
        index, _, _ = self.records[record.path]
        self.list.replace(index, record.encode(), link)
        self.records[record.path] = (index, record, link)

    def is_open(self, index: int) -> bool:
        """Tell whether the cell of a place was never full."""
        return index - index % CELL + CELL > len(self.list)

    def counted(self) -> dict[str, int]:
        """Return the paths in cells that are full, each with its cell's number."""
        held: dict[int, int] = {}
        for index, _, _ in self.records.values():
            held[index // CELL] = held.get(index // CELL, 0) + 1
        return {
            path: index // CELL
            for path, (index, _, _) in self.records.items()
            if held[index // CELL] == CELL
        }

    def _next(self) -> int | None:
        while self._free:
            if self.is_open(index := self._free.pop()):
                return index
        return None


def _cid(top: Top) -> Link:
    if top.cid is None:
        raise ValueError("an empty list has no block")
    return top.cid
