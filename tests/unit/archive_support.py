"""An archive in a private folder, and what tests do to it."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from mip_cli.crypto.archive_blocks import CHUNK, Block
from mip_cli.crypto.archive_keys import ArchiveKey
from mip_cli.crypto.cid import Link
from mip_cli.progress import Silent
from mip_cli.store.archive import head
from mip_cli.store.archive.archive import Archive
from mip_cli.store.archive.audit import Audit, audit
from mip_cli.store.archive.blocks import BlockStore
from mip_cli.store.archive.head import Head, read_head
from mip_cli.store.archive.opening import open_archive
from mip_cli.store.archive.stores import open_store

OWNER = b"o" * 32


def clock() -> float:
    return 1_800_000_000.0


@dataclass
class Kept:
    """One holder's archive between openings."""

    home: Path
    store: str = "sqlite"
    owner: bytes = OWNER
    key: ArchiveKey = field(default_factory=lambda: ArchiveKey(b"k" * 32))

    @contextmanager
    def open(self) -> Iterator[Archive]:
        with open_archive(self.home, self.owner, self.key, create=self.store, clock=clock) as found:
            yield found
            self.key = found.key

    def put(self, category: str, path: str, content: bytes, kind: str = "a/b") -> None:
        with self.open() as archive:
            archive.put(category, path, kind, len(content), reader(content))
            archive.commit()

    def get(self, category: str, path: str) -> bytes:
        with self.open() as archive:
            return b"".join(archive.read(archive.find(category, path)))

    def erase(self, category: str, *paths: str) -> None:
        with self.open() as archive:
            archive.erase(category, paths or None)
            archive.commit()
            archive.sweep()

    def paths(self) -> dict[str, list[str]]:
        with self.open() as archive:
            return {
                name: sorted(one.record.path for one in archive.records(name))
                for name in archive.categories
            }

    def audit(self) -> Audit:
        with self.open() as archive:
            return audit(archive, Silent())

    @property
    def head(self) -> Head:
        return read_head(self.home)

    @property
    def head_path(self) -> Path:
        return head.head_path(self.home)

    def forget(self) -> None:
        """Lose the archive and every block of it, as if it had never been."""
        shutil.rmtree(self.home)
        if self.store.startswith("folder:"):
            shutil.rmtree(self.store.removeprefix("folder:"))

    @contextmanager
    def blocks(self) -> Iterator[BlockStore]:
        """The store itself, as whoever runs it has it."""
        store = open_store(self.store, self.home)
        try:
            yield store
        finally:
            store.close()

    def names(self) -> list[Link]:
        with self.blocks() as store:
            listing = store.listing()
            assert listing is not None
            return sorted(listing)

    def overwrite(self, cid: Link, data: bytes) -> None:
        with self.blocks() as store:
            store.put([Block(cid, data)])
            store.publish(cid, None)


def reader(content: bytes) -> Callable[[int], bytes]:
    at = 0

    def read(size: int) -> bytes:
        nonlocal at
        piece = content[at : at + size]
        at += len(piece)
        return piece

    return read


def pattern(size: int) -> bytes:
    return (b"%08d" % size * (size // 8 + 1))[:size]


def filled(kept: Kept) -> None:
    """Put one large record and many small ones: blocks of every kind there is."""
    kept.put("health", "large", pattern(3 * CHUNK))
    with kept.open() as archive:
        for number in range(140):
            archive.put("health", f"r{number}", "a/b", 5, reader(b"12345"))
        archive.commit()


class Killer:
    """Kills its own process at the n-th write to store or head."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.count = 0

    def step(self) -> None:
        if self.count == self.at:
            _die()
        self.count += 1

    def arm(self, archive: Archive) -> None:
        store = archive.store
        put, publish, delete = store.put, store.publish, store.delete
        write = head.write_head

        def killing_put(blocks: Sequence[Block]) -> None:
            self.step()
            put(blocks)
            self.step()

        def killing_publish(root: Link, previous: Link | None) -> None:
            self.step()
            publish(root, previous)
            self.step()

        def killing_delete(cids: Sequence[Link]) -> None:
            self.step()
            delete(cids)
            self.step()

        def killing_write(home: Path, new: Head) -> None:
            self.step()
            write(home, new)
            self.step()

        store.put = killing_put  # type: ignore[method-assign]
        store.publish = killing_publish  # type: ignore[method-assign]
        store.delete = killing_delete  # type: ignore[method-assign]
        head.write_head = killing_write


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def run_killed(act: Callable[[Killer], None]) -> Iterator[int]:
    """Run an act in child processes, killed at each write in turn; yield after each death."""
    for at in itertools.count():
        child = os.fork()
        if child == 0:
            try:
                act(Killer(at))
            except BaseException:
                os._exit(3)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0, "the act failed by itself"
            return
        assert os.WTERMSIG(status) == signal.SIGKILL
        yield at
