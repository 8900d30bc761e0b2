"""Blocks in one SQLite file: the store that needs nothing else.

A rollback journal, not a write-ahead log: new pages are then written once, which halves the time
of large files. ``secure_delete`` overwrites what is erased.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from mip_cli.crypto.archive_blocks import MAX_BLOCK, Block
from mip_cli.crypto.cid import Link, checked
from mip_cli.errors import EnvironmentFault, FileInvalid, KeyLocked, StorageFull
from mip_cli.store import files
from mip_cli.store.archive.blocks import missing

_PATIENCE = 10  # seconds to wait for another process
_ASKED = 500  # blocks in one query
_PAGE = 16_384  # bytes; a chunk of 256 KiB takes 17 pages, and not 65
_SLACK = 64  # pages that may lie free
_APPLICATION = 0x4D495041  # "MIPA"


class SqliteStore:
    """The blocks of one archive in one file."""

    def __init__(self, path: Path | None, uri: str) -> None:
        """Open a file; without one a place that ends with the process, even when it is killed."""
        self.path = path or Path("temporary")
        self._uri = uri
        if path is not None:
            files.ensure_private_dir(path.parent)
            if not path.exists():
                os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, files.PRIVATE_FILE))
        try:
            # SQLite deletes the file without a name as soon as it has opened it
            self._base = sqlite3.connect(path or "", timeout=_PATIENCE, isolation_level=None)
            self._prepare()
        except sqlite3.Error as error:
            raise self._explain(error) from None

    @property
    def uri(self) -> str:
        """Return how the holder names it."""
        return self._uri

    @property
    def label(self) -> str:
        """Return what may be shown of it."""
        return str(self.path)

    def put(self, blocks: Sequence[Block]) -> None:
        """Take blocks in one transaction, durable on return only after ``publish``."""
        rows = [(block.cid, block.data) for block in blocks]
        try:
            if not self._base.in_transaction:
                self._base.execute("BEGIN IMMEDIATE")
            self._base.executemany("INSERT OR REPLACE INTO blocks VALUES (?, ?)", rows)
        except sqlite3.Error as error:
            raise self._explain(error) from None

    def get(self, cids: Sequence[Link]) -> list[bytes]:
        """Return blocks in the order asked for."""
        found: dict[bytes, bytes] = {}
        try:
            for start in range(0, len(cids), _ASKED):
                some = cids[start : start + _ASKED]
                marks = ",".join("?" * len(some))
                query = (
                    "SELECT cid, substr(data, 1, ?) FROM blocks "  # noqa: S608 - question marks
                    f"WHERE cid IN ({marks})"
                )
                found.update(self._base.execute(query, (MAX_BLOCK + 1, *some)))
        except sqlite3.Error as error:
            raise self._explain(error) from None
        for cid in cids:
            if cid not in found:
                raise missing(self, cid)
        # SQLite makes a text of an empty piece
        return [data if isinstance(data := found[cid], bytes) else b"" for cid in cids]

    def publish(self, root: Link, previous: Link | None) -> None:
        """Make everything put so far durable."""
        self._commit()

    def delete(self, cids: Sequence[Link]) -> None:
        """Delete blocks and overwrite where they lay."""
        try:
            self._base.execute("BEGIN IMMEDIATE")
            rows = [(cid,) for cid in cids]
            self._base.executemany("DELETE FROM blocks WHERE cid = ?", rows)
            self._base.execute("COMMIT")
            self._shrink()
        except sqlite3.Error as error:
            self._abandon()
            raise self._explain(error) from None

    def listing(self) -> Iterator[Link]:
        """Return every block in the file."""
        try:
            rows = self._base.execute("SELECT cid FROM blocks").fetchall()
        except sqlite3.Error as error:
            raise self._explain(error) from None
        for (name,) in rows:
            try:
                yield checked(bytes(name))
            except (ValueError, TypeError):
                raise FileInvalid(f"{self.path} is damaged: it names a block oddly") from None

    def close(self) -> None:
        """Close the file; what was put and not published is gone."""
        self._abandon()
        self._base.close()

    def _prepare(self) -> None:
        run = self._base.execute
        if not run("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            run(f"PRAGMA page_size = {_PAGE}")
            run("PRAGMA auto_vacuum = INCREMENTAL")
            run(f"PRAGMA application_id = {_APPLICATION}")
            run("CREATE TABLE IF NOT EXISTS blocks (cid BLOB PRIMARY KEY, data BLOB NOT NULL)")
        elif run("PRAGMA application_id").fetchone()[0] != _APPLICATION:
            raise FileInvalid(f"{self.path} is not a store of blocks")
        run("PRAGMA trusted_schema = OFF")
        run("PRAGMA journal_mode = TRUNCATE").fetchall()
        run("PRAGMA synchronous = FULL")
        run("PRAGMA secure_delete = ON").fetchall()
        run("PRAGMA cache_size = -16384").fetchall()  # KiB

    def _shrink(self) -> None:
        """Give room back to the file system, where it is worth the time."""
        (free,) = self._base.execute("PRAGMA freelist_count").fetchone()
        (pages,) = self._base.execute("PRAGMA page_count").fetchone()
        if free > max(_SLACK, pages // 8):
            # as a script: of a lone statement the module runs one step, which frees one page
            self._base.executescript("PRAGMA incremental_vacuum")

    def _commit(self) -> None:
        try:
            if self._base.in_transaction:
                self._base.execute("COMMIT")
        except sqlite3.Error as error:
            self._abandon()
            raise self._explain(error) from None

    def _abandon(self) -> None:
        if self._base.in_transaction:
            self._base.execute("ROLLBACK")

    def _explain(self, error: sqlite3.Error) -> EnvironmentFault | KeyLocked:
        text = str(error)
        if "full" in text:
            return StorageFull(f"no room for blocks in {self.path}", hint="free some room")
        if "locked" in text or "busy" in text:
            return KeyLocked(f"{self.path} is in use by another process", hint="try again")
        if "malformed" in text or "not a database" in text or "no such" in text:
            return FileInvalid(
                f"{self.path} is damaged",
                hint="move it away and restore the archive: mip archive import FILE.car",
            )
        return EnvironmentFault(f"cannot use {self.path}: {text}")
