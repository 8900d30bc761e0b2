"""A category that was opened: its manifest, read once, and where each path stands in it."""

from __future__ import annotations

from mip_cli.crypto.archive_blocks import BlockInvalid
from mip_cli.crypto.cid import Link
from mip_cli.store.archive.blocks import BlockStore, damaged
from mip_cli.store.archive.manifest import Record, decode_record
from mip_cli.store.archive.paged import PagedList, Top
from mip_cli.store.archive.root import CategoryState


class OpenCategory:
    """A category that was opened."""

    def __init__(self, store: BlockStore, tag: bytes, state: CategoryState) -> None:
        self.tag = tag
        self.state = state
        self.list = PagedList(store, tag, state.top, linked=True)
        self.records: dict[str, tuple[int, Record, Link]] = {}
        self.free: list[int] = []
        self.former: dict[int, bytes] = {}
        """Keys of epochs that ended since the last commit."""
        for index, (value, link) in enumerate(self.list):
            if value is None or link is None:
                self.free.append(index)
                continue
            try:
                record = decode_record(value)
            except BlockInvalid as error:
                raise damaged(store, _cid(state.top), str(error)) from None
            if record.path in self.records:
                raise damaged(store, _cid(state.top), "a path stands in the manifest twice")
            self.records[record.path] = (index, record, link)
        if len(self.records) != state.live:
            raise damaged(store, _cid(state.top), "the manifest has too few or too many records")


def _cid(top: Top) -> Link:
    if top.cid is None:
        raise ValueError("an empty list has no block")
    return top.cid
