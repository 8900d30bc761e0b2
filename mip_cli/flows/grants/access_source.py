"""Where a grantee gets the blocks of a view, and how they become files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mip_cli.crypto.cid import Link
from mip_cli.crypto.grant_access import AccessReceipt
from mip_cli.crypto.grant_bundle import Bundle
from mip_cli.errors import EnvironmentFault, UsageFault
from mip_cli.progress import Progress
from mip_cli.store import files
from mip_cli.store.archive import car, stores, walk
from mip_cli.store.archive.blocks import BlockStore
from mip_cli.store.archive.manifest import Record
from mip_cli.store.archive.sqlite import SqliteStore
from mip_cli.store.archive.view_reader import Shown, ViewReader


@dataclass(frozen=True)
class Source:
    """Where the blocks of a view come from: one of the two."""

    store: str | None = None
    """A store, as ``stores.open_store`` takes it."""
    car: Path | None = None
    """A CAR file."""


@contextmanager
def blocks(source: Source, view: Link, progress: Progress) -> Iterator[BlockStore]:
    """Open where the blocks of a view are; those of a CAR file go to a private place first."""
    if (source.store is None) == (source.car is None):
        raise UsageFault("where are the blocks?", hint="add --store STORE or --car FILE")
    if source.store is not None:
        with _named(source.store) as store:
            yield store
        return
    held = SqliteStore(None, "sqlite")
    try:
        if _restore(Path(str(source.car)), held, progress) != view:
            raise UsageFault(
                f"{source.car} belongs to another bundle",
                hint="take the file that was written with this bundle, or name a store",
            )
        yield held
    finally:
        held.close()


@contextmanager
def _named(name: str) -> Iterator[BlockStore]:
    where = stores.absolute(name, Path.cwd())
    kind, _, rest = where.partition(":")
    if kind in ("sqlite", "folder") and not (rest and Path(rest).exists()):
        raise UsageFault(
            f"there are no blocks in {name}",
            hint="ask the holder where they are, or for a CAR file of them",
        )
    store = stores.open_store(where, Path.cwd())
    try:
        yield store
    finally:
        store.close()


def _restore(path: Path, store: BlockStore, progress: Progress) -> Link:
    try:
        with open(path, "rb") as file:
            return car.restore(file, store, progress)
    except OSError as error:
        raise EnvironmentFault(f"cannot read {path}: {(error.strerror or '').lower()}") from None


@dataclass(frozen=True, repr=False)
class Ready:
    """What a bundle shows, opened and found whole; nothing of it was written yet."""

    proof: str | None
    """The proof of level 0."""
    reader: ViewReader | None = None
    """The view of the other levels."""
    shown: tuple[Shown, ...] = ()
    """Its records, under paths that can lie side by side."""


def opened(
    store: BlockStore | None, bundle: Bundle, key: bytes | None, progress: Progress
) -> Ready:
    """Open what a bundle shows, to see before a use is spent that it can be written.

    The holder made it and is not trusted. Raises ``BlockMissing``, ``BlockDamaged`` for a view that
    is not what it must be.
    """
    if bundle.view is None or key is None or store is None:
        return Ready(bundle.proof or "")
    for _ in walk.reachable(store, bundle.view):
        pass  # a view that is not all there is told as such
    reader = ViewReader(store, bundle.place, bundle.view, key, bundle.receipt.level)
    if reader.level == 1:
        _ = reader.aggregates
        return Ready(None, reader)
    shown = reader.records()
    for done, one in enumerate(shown):
        for _ in reader.read(one):
            pass
        progress.advance(done + 1, len(shown))
    return Ready(None, reader, tuple(shown))


def write(ready: Ready, receipt: AccessReceipt, output: Path) -> tuple[tuple[Record, ...], Any]:
    """Write what a view shows to a folder beside the target, then give it its name."""
    target = output.absolute()
    draft = target.parent / f".{target.name}.{receipt.id.hex()[:16]}.mip-tmp"
    if draft.exists():
        shutil.rmtree(draft)  # of a run of this very access that was killed
    try:
        draft.mkdir(mode=files.PRIVATE_DIR)
        found = _fill(ready, draft)
        draft.rename(target)
    except OSError as error:
        reason = (error.strerror or "unknown failure").lower()
        raise EnvironmentFault(f"cannot write to {output}: {reason}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return found


def _fill(ready: Ready, folder: Path) -> tuple[tuple[Record, ...], Any]:
    reader = ready.reader
    if reader is None:
        files.atomic_write(folder / "proof.json", (ready.proof or "").encode())
        return (), None
    if reader.level == 1:
        files.atomic_write(folder / "numbers.json", reader.encoded)
        return (), reader.aggregates
    for one in ready.shown:
        path = folder.joinpath(*one.record.path.split("/"))
        files.ensure_private_dir(path.parent)
        with open(path, "xb", opener=_private) as out:
            for piece in reader.read(one):
                out.write(piece)
    return tuple(one.record for one in ready.shown), None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, files.PRIVATE_FILE)
