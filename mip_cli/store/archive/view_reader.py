"""A grantee's side of a view: the store and one key, nothing else of the archive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mip_cli.crypto import jsontext
from mip_cli.crypto.archive_blocks import BlockInvalid
from mip_cli.crypto.cid import Link
from mip_cli.crypto.grant_view import ViewPlace, open_view
from mip_cli.store.archive import content, paths
from mip_cli.store.archive.blocks import BlockStore, damaged, fetch_one
from mip_cli.store.archive.manifest import Record, decode_record
from mip_cli.store.archive.paged import PagedList, Top


@dataclass(frozen=True)
class Shown:
    """A record in a view."""

    record: Record
    """What the view tells of it."""
    link: Link
    """Where its content begins."""


class ViewReader:
    """An opened view. Raises ``BlockMissing``, ``BlockDamaged`` where the store fails."""

    def __init__(
        self, store: BlockStore, place: ViewPlace, view: Link, key: bytes, level: int
    ) -> None:
        self._store = store
        try:
            self._content = open_view(place, key, fetch_one(store, view))
            if self._content.level != level:
                raise BlockInvalid("the view is of another level than the grant")
        except BlockInvalid as error:
            raise damaged(store, view, str(error)) from None
        self._view = view
        self.level = level
        self.count = self._content.count

    def records(self) -> list[Shown]:
        """Return what the view shows; nothing at level 1."""
        found, c = [], self._content
        if c.length == 0 or c.list is None:
            return []
        top = Top(c.length, c.key, c.list)
        for value, link in PagedList(self._store, c.tag, top, linked=True):
            if value is None or link is None:
                continue
            try:
                found.append(Shown(decode_record(value), link))
            except BlockInvalid as error:
                raise damaged(self._store, c.list, str(error)) from None
        if len(found) != c.count:
            raise damaged(self._store, c.list, "the view has too few or too many records")
        fault = paths.fault(one.record.path for one in found)
        if fault is not None:
            raise damaged(self._store, c.list, f"its paths cannot be written: {fault}")
        return found

    def read(self, shown: Shown) -> Iterator[bytes]:
        """Yield the content of a record, each piece authentic; the whole is only at the end."""
        return content.read(self._store, self._content.tag, shown.record, shown.link)

    @property
    def encoded(self) -> bytes:
        """The numbers of level 1 as they came."""
        return self._content.aggregates or b""

    @property
    def aggregates(self) -> Any:
        """The numbers of level 1; None at other levels."""
        if self._content.aggregates is None:
            return None
        try:
            return jsontext.parse(self._content.aggregates)
        except ValueError:
            raise damaged(self._store, self._view, "its numbers are no JSON") from None
