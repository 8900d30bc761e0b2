"""The blocks of an archive that has no head yet, noted so that a first commit that fails can go.

Each is noted under the archive's home before the store has it, and only what is noted is deleted,
where the store lists nothing else: in a copy of the home made in the middle of it, the same notes
name blocks of the archive that went on.
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
        """Delete what a run without a commit noted, where nothing else is there.

        A store that cannot list keeps it: it is not asked whether it is empty either.
        """
        if not self._notes.exists():
            return
        listed = self._store.listing()
        if listed is None:
            return
        noted = set(self._noted())
        found = set(listed)
        if found <= noted:
            ours = list(found)
            for start in range(0, len(ours), _BATCH):
                self._store.delete(ours[start : start + _BATCH])
            self.done()

    def _noted(self) -> Iterator[Link]:
        with open(self._notes, "rb") as notes:
            for line in notes:
                with contextlib.suppress(ValueError):  # a torn line: its block was never put
                    yield links_of.parse(line.decode().removesuffix("\n"))

    def done(self) -> None:
        """Forget the notes: a head names the archive, or nothing of it is left."""
        self._notes.unlink(missing_ok=True)
