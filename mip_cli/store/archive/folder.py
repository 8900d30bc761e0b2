"""Blocks as files in a folder, which any tool can copy, mount or back up."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from mip_cli.crypto import cid as links_of
from mip_cli.crypto.archive_blocks import MAX_BLOCK, Block
from mip_cli.crypto.cid import Link
from mip_cli.errors import EnvironmentFault, FileInvalid, StorageFull
from mip_cli.store import files
from mip_cli.store.archive.blocks import missing

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_SHARD = 2  # characters of a CID that name a subfolder


class FolderStore:
    """One file a block, below subfolders by the end of its name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._unsynced: list[Path] = []
        files.ensure_private_dir(path)

    @property
    def uri(self) -> str:
        """Return how the holder names it."""
        return f"folder:{self.path}"

    @property
    def label(self) -> str:
        """Return what may be shown of it."""
        return str(self.path)

    def put(self, blocks: Sequence[Block]) -> None:
        """Write blocks under temporary names and rename them; ``publish`` makes them durable."""
        for block in blocks:
            target = self._path(block.cid)
            temporary = target.with_suffix(".part")
            try:
                target.parent.mkdir(mode=files.PRIVATE_DIR, exist_ok=True)
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
                descriptor = os.open(temporary, flags, files.PRIVATE_FILE)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(block.data)
                os.replace(temporary, target)
            except OSError as error:
                with contextlib.suppress(OSError):
                    temporary.unlink()
                raise self._explain(error) from None
            self._unsynced.append(target)

    def get(self, cids: Sequence[Link]) -> list[bytes]:
        """Read blocks, at most one byte more than a block may have."""
        return [self._read(cid) for cid in cids]

    def publish(self, root: Link, previous: Link | None) -> None:
        """Flush every block written since the last time, then the folders."""
        folders = {path.parent for path in self._unsynced}
        try:
            for path in (*self._unsynced, *folders, self.path):
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
        except OSError as error:
            raise self._explain(error) from None
        self._unsynced.clear()

    def delete(self, cids: Sequence[Link]) -> None:
        """Remove blocks."""
        for cid in cids:
            try:
                path = self._path(cid)
                path.unlink(missing_ok=True)
                path.with_suffix(".part").unlink(missing_ok=True)  # of a process that was killed
            except OSError as error:
                raise self._explain(error) from None

    def listing(self) -> Iterator[Link]:
        """Return every block in the folder; one archive lies in it."""
        for file in self.path.glob(f"{'?' * _SHARD}/b*"):
            with contextlib.suppress(ValueError):
                yield links_of.parse(file.name)

    def close(self) -> None:
        """Nothing is held open."""

    def _path(self, cid: Link) -> Path:
        name = links_of.text(cid)
        return self.path / name[-_SHARD:] / name

    def _read(self, cid: Link) -> bytes:
        path = self._path(cid)
        if not os.path.lexists(path):
            raise missing(self, cid)
        try:
            return files.read_bounded(path, MAX_BLOCK, what="block", follow_symlinks=False)
        except FileInvalid:
            raise
        except EnvironmentFault:
            raise missing(self, cid) from None

    def _explain(self, error: OSError) -> EnvironmentFault:
        reason = (error.strerror or "unknown failure").lower()
        kind = StorageFull if error.errno in _NO_ROOM else EnvironmentFault
        return kind(f"cannot use {self.path}: {reason}")
