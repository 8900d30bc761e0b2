"""Taking the whole archive elsewhere as a CAR file, and bringing it back.

A CAR file holds ciphertext alone; what opens it is the passport's archive key.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mip_cli.config import Settings, public_file_mode
from mip_cli.crypto import archive_keys, merkle_log
from mip_cli.crypto.archive_blocks import BlockInvalid, RootOlder, open_root
from mip_cli.crypto.archive_keys import ArchiveKey
from mip_cli.crypto.cid import text as cid_text
from mip_cli.errors import EnvironmentFault, FileInvalid, Negative, UsageFault
from mip_cli.flows.archive import archive_records as flow
from mip_cli.flows.archive.archive_records import Session
from mip_cli.flows.passport import passport_file
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.progress import Progress
from mip_cli.store import files
from mip_cli.store.archive import car, head, walk
from mip_cli.store.archive.archive import Archive
from mip_cli.store.archive.head import Head
from mip_cli.store.archive.stores import open_store


@dataclass(frozen=True)
class Moved:
    """What was written or read."""

    root: str
    """CID of the archive's root."""
    blocks: int
    """Blocks below it."""
    records: int
    """Records in it."""


class ArchiveOlder(Negative):
    """The archive to import does not go on from the one that is here."""


def export(session: Session, output: Path, progress: Progress, *, overwrite: bool) -> Moved:
    """Write every block of the archive into one file, whole or not at all."""
    archive = session.archive
    progress.step("writing blocks")
    with files.atomic_stream(output, mode=public_file_mode(), overwrite=overwrite) as write:
        count = car.export(archive.store, archive.head.root, write, progress)
    return Moved(cid_text(archive.head.root), count, sum(archive.categories.values()))


def restore(
    settings: Settings,
    name: str,
    factors: Factors,
    source: Path,
    progress: Progress,
    *,
    store: str | None,
    older: bool = False,
) -> Moved:
    """Bring an archive back from a CAR file into a store, and make it the passport's archive.

    An archive that is here stays unless the other one's log goes on from it, or ``older`` says that
    what was added since may go. Raises ``FileInvalid`` for a damaged file, ``BlockMissing`` for an
    incomplete one, ``ArchiveOlder``, also with ``older`` where the file is from before an erasure;
    then nothing changed.
    """
    unlocked = passport_file.unlock(settings, name, factors, progress).unlocked
    unlocked, key = flow.ensure_key(unlocked)
    content = unlocked.secrets
    owner = archive_keys.owner_of(content.secret, content.anchor)
    home = head.home_of(settings.data_dir, name)
    files.ensure_private_dir(home)
    path = head.head_path(home)
    with files.lock(path, what=f"the archive of {name}"), _reading(source) as file:
        present = _present(home)
        if present is not None and store is not None and store != present.store:
            raise UsageFault(
                f"the archive of {name} lies in another store already",
                hint="import without --store, or move its folder away first",
            )
        _require_key(file, owner, key)
        where = open_store(present.store if present else flow.store_name(store), home)
        try:
            progress.step("reading blocks")
            root = car.restore(file, where, progress)
            archive = Archive(home, where, owner, key)
            archive.load(root)
            if present is not None and not older:
                _require_later(archive, present)
            progress.step("checking that nothing is missing")
            blocks = sum(1 for _ in walk.nodes(where, root))
            where.publish(root, None if present is None else present.root)
            archive.adopt(root)
        finally:
            where.close()
    flow.keep_key(Session(archive, unlocked))
    return Moved(cid_text(root), blocks, sum(archive.categories.values()))


def _present(home: Path) -> Head | None:
    return head.read_head(home) if head.head_path(home).exists() else None


def _require_key(file: BinaryIO, owner: bytes, key: ArchiveKey) -> None:
    """Refuse a file that the key does not open while no block of it lies in the store yet."""
    block = car.find_root(file)
    file.seek(0)
    try:
        if block is not None:
            open_root(key, owner, block)
    except RootOlder:
        raise ArchiveOlder(
            "the archive in the file is from before an erasure, or another passport's: the "
            "passport's archive key of today opens none of it",
            hint="keep the archive that is here, or import an export made after the last erasure",
        ) from None
    except BlockInvalid:
        raise FileInvalid(
            "the passport's archive key does not open the archive in the file: it is another "
            "passport's, or this one came back from a backup that is older than the archive",
            hint="come back with a backup that was made after the first `mip archive put`",
        ) from None


def _require_later(archive: Archive, present: Head) -> None:
    hashes = archive.log.leaf_hashes()
    before = merkle_log.root_of(merkle_log.peaks_of(hashes[: present.size]))
    if len(hashes) < present.size or before != present.log_root:
        raise ArchiveOlder(
            "the archive here knows of acts that the one in the file does not",
            hint="to lose them and go back to the file, add --older",
        )


@contextmanager
def _reading(path: Path) -> Iterator[BinaryIO]:
    try:
        with open(path, "rb") as file:
            yield file
    except FileNotFoundError:
        raise EnvironmentFault(f"there is no file {path}") from None
    except IsADirectoryError:
        raise EnvironmentFault(f"{path} is a folder") from None
