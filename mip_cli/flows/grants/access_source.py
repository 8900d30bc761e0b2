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
from mip_cli.store.archive import car, stores
from mip_cli.store.archive.blocks import BlockStore
from mip_cli.store.archive.manifest import Record
from mip_cli.store.archive.sqlite import SqliteStore
from mip_cli.store.archive.view_reader import ViewReader


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
            raise UsageFault(f"{source.car} belongs to another bundle")
        yield held
    finally:
        held.close()


@contextmanager
def _named(name: str) -> Iterator[BlockStore]:
    where = stores.absolute(name, Path.cwd())
    kind, _, rest = where.partition(":")
    if kind in ("sqlite", "folder") and not (rest and Path(rest).exists()):
        raise UsageFault(f"there are no blocks in {name}")
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


def write(
    store: BlockStore | None,
    bundle: Bundle,
    key: bytes | None,
    receipt: AccessReceipt,
    output: Path,
) -> tuple[tuple[Record, ...], Any]:
    """Write what a view shows to a folder beside the target, then give it its name."""
    target = output.absolute()
    draft = target.parent / f".{target.name}.{receipt.id.hex()[:16]}.mip-tmp"
    if draft.exists():
        shutil.rmtree(draft)  # of a run of this very access that was killed
    try:
        draft.mkdir(mode=files.PRIVATE_DIR)
        found = _fill(store, bundle, key, draft)
        draft.rename(target)
    except OSError as error:
        reason = (error.strerror or "unknown failure").lower()
        raise EnvironmentFault(f"cannot write to {output}: {reason}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return found


def _fill(
    store: BlockStore | None, bundle: Bundle, key: bytes | None, folder: Path
) -> tuple[tuple[Record, ...], Any]:
    if bundle.view is None or key is None or store is None:
        files.atomic_write(folder / "proof.json", (bundle.proof or "").encode())
        return (), None
    reader = ViewReader(store, bundle.place, bundle.view, key, bundle.receipt.level)
    if reader.level == 1:
        files.atomic_write(folder / "numbers.json", reader.encoded)
        return (), reader.aggregates
    shown = reader.records()
    for one in shown:
        path = folder.joinpath(*one.record.path.split("/"))
        files.ensure_private_dir(path.parent)
        with open(path, "xb", opener=_private) as out:
            for piece in reader.read(one):
                out.write(piece)
    return tuple(one.record for one in shown), None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, files.PRIVATE_FILE)
