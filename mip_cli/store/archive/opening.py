"""Opening an archive: its lock, its head, its store."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mip_cli.crypto.aead import Rng, system_rng
from mip_cli.crypto.archive_keys import ArchiveKey
from mip_cli.errors import EnvironmentFault, UsageFault
from mip_cli.store import files
from mip_cli.store.archive import head
from mip_cli.store.archive.archive import Archive, Clock
from mip_cli.store.archive.beginning import BeginningStore
from mip_cli.store.archive.blocks import BlockStore
from mip_cli.store.archive.stores import open_store


@contextmanager
def open_archive(
    home: Path,
    owner: bytes,
    key: ArchiveKey,
    *,
    create: str | None = None,
    rng: Rng = system_rng,
    clock: Clock = time.time,
) -> Iterator[Archive]:
    """Open the archive in a folder under its lock; with ``create`` begin one in that store.

    What was not committed when the block ends is dropped. Raises ``UsageFault`` where there is no
    archive and none shall begin, ``BlockMissing``, ``BlockDamaged``, ``KeyLocked``.
    """
    files.ensure_private_dir(home)
    path = head.head_path(home)
    with files.lock(path, what=f"the archive of {home.name}"):
        exists = path.exists()
        if not exists and create is None:
            head.read_head(home)
        found = head.read_head(home) if exists else None
        store = open_store(found.store if found else str(create), home)
        begun = BeginningStore(store, home)
        try:
            if found is None:
                begun.clear()
                _require_empty(store)
                archive = Archive(home, begun, owner, key, rng=rng, clock=clock)
                archive.start()
            else:
                begun.done()
                archive = Archive(home, store, owner, key, rng=rng, clock=clock)
                archive.attach(found)
            yield archive
        finally:
            try:
                if path.exists():
                    begun.done()
                else:
                    with contextlib.suppress(EnvironmentFault):  # the next run clears
                        begun.clear()
            finally:
                store.close()


def _require_empty(store: BlockStore) -> None:
    listing = store.listing()
    if listing is not None and next(iter(listing), None) is not None:
        raise UsageFault(
            f"{store.label} holds blocks already",
            hint="choose an empty place, or restore the archive: mip archive import FILE.car",
        )
