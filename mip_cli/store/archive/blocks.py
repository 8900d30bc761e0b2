"""What a store of blocks offers, and the one way to read from it.

A store is not trusted: what it returns is bounded while it is read, and its name computed anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from mip_cli.crypto.archive_blocks import MAX_BLOCK, Block
from mip_cli.crypto.cid import Link, names, text
from mip_cli.errors import FileInvalid
from mip_cli.store.blocks import BlockMissing


class BlockDamaged(FileInvalid):
    """A block is not the one it is named after, too long, or not of this archive and place."""


class BlockStore(Protocol):
    """Somewhere to keep blocks. Raises ``BlockMissing``, ``EnvironmentFault``, ``NetworkDown``."""

    @property
    def uri(self) -> str:
        """How the holder names it; ``stores.open_store`` takes it. It may hold a password."""

    @property
    def label(self) -> str:
        """What may be shown of it."""

    def put(self, blocks: Sequence[Block]) -> None:
        """Take blocks, perhaps not durably yet."""

    def get(self, cids: Sequence[Link]) -> list[bytes]:
        """Return blocks in the order asked for, unchecked; none longer than ``MAX_BLOCK`` + 1."""

    def publish(self, root: Link, previous: Link | None) -> None:
        """Make everything put so far durable, and keep what hangs on ``root``."""

    def delete(self, cids: Sequence[Link]) -> None:
        """Let go of blocks; those that are not there are no failure."""

    def listing(self) -> Iterator[Link] | None:
        """Return every block there is, None where the store cannot or must not tell."""

    def close(self) -> None:
        """Let go of what the store holds open."""


def fetch(store: BlockStore, cids: Sequence[Link]) -> list[bytes]:
    """Return blocks after computing their names; raise ``BlockDamaged`` for any other content."""
    found = store.get(cids)
    for cid, data in zip(cids, found, strict=True):
        if len(data) > MAX_BLOCK or not names(cid, data):
            raise damaged(store, cid, "the store has other content under this name")
    return found


def fetch_one(store: BlockStore, cid: Link) -> bytes:
    """Return one block after computing its name."""
    return fetch(store, [cid])[0]


def missing(store: BlockStore, cid: Link) -> BlockMissing:
    """Say that a block is not there."""
    return BlockMissing(
        f"{store.label} lacks block {text(cid)}",
        hint="restore it from another store or from a CAR file: mip archive import FILE",
    )


def damaged(store: BlockStore, cid: Link, why: str) -> BlockDamaged:
    """Say what is wrong with a block."""
    return BlockDamaged(
        f"block {text(cid)} of {store.label} is damaged: {why}",
        hint="restore it from another store or from a CAR file: mip archive import FILE",
    )


__all__ = ["BlockDamaged", "BlockMissing", "BlockStore", "damaged", "fetch", "fetch_one", "missing"]
