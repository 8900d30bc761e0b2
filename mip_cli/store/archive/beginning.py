"""The blocks of an archive that has no head yet, noted so that a first commit that fails can go.

Each is noted under the archive's home before the store has it, and only what is noted is deleted:
it was sealed under random keys of this run and is never a block of another archive.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from mip_cli.crypto import cid as links_of
from mip_cli.crypto.archive_blocks import Block
from mip_cli.crypto.cid import Link
from mip_cli.store import files
from mip_cli.store.archive.blocks import BlockStore

_BATCH = 256  # blocks


class BeginningStore:
    """A store that notes what is put in it, until ``done`` or ``clear``."""

    def __init__(self, store: BlockStore, home: Path) -> None:
        self._store = store
        # a store's name may hold a password
        self._notes = home / f"begun-{hashlib.sha256(store.uri.encode()).hexdigest()[:16]}"

    @property
    def uri(self) -> str:
        """Return the store's."""
        return self._store.uri

    @property
    def label(self) -> str:
        """Return the store's."""
        return self._store.label

    def put(self, blocks: Sequence[Block]) -> None:
        """Note the names, then put the blocks."""
        names = (links_of.text(block.cid).encode() + b"\n" for block in blocks)
        files.append(self._notes, b"".join(names))
        self._store.put(blocks)

    def get(self, cids: Sequence[Link]) -> list[bytes]:
        """Read from the store."""
        return self._store.get(cids)

    def publish(self, root: Link, previous: Link | None) -> None:
        """Publish in the store."""
        self._store.publish(root, previous)

    def delete(self, cids: Sequence[Link]) -> None:
        """Delete in the store."""
        self._store.delete(cids)

    def listing(self) -> Iterator[Link] | None:
        """List the store."""
        return self._store.listing()

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def clear(self) -> None:
        """Delete what a run without a commit noted; nothing where there was none."""
        if not self._notes.exists():
            return
        with open(self._notes, "rb") as notes:
            some: list[Link] = []
            for line in notes:
                with contextlib.suppress(ValueError):  # a torn line: its block was never put
                    some.append(links_of.parse(line.decode().removesuffix("\n")))
                if len(some) == _BATCH:
                    self._store.delete(some)
                    some = []
            self._store.delete(some)
        self.done()

    def done(self) -> None:
        """Forget the notes: a head names the archive, or nothing of it is left."""
        self._notes.unlink(missing_ok=True)
