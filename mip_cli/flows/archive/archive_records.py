"""The holder's archive: what is put in, taken out, listed, erased.

The archive key lies in the passport's key file, durable there before the archive exists. An erasure
draws another one; an interruption before the key file has it is mended at the next opening, since
the older key leads on to it.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mip_cli.config import Settings, public_file_mode
from mip_cli.crypto import archive_keys
from mip_cli.crypto.archive_keys import ArchiveKey
from mip_cli.crypto.cid import text as cid_text
from mip_cli.errors import EnvironmentFault, FileInvalid, KeyLocked, UsageFault
from mip_cli.flows.passport import passport_file
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.progress import Progress
from mip_cli.store import files, keyfile
from mip_cli.store.archive import categories, head, stores
from mip_cli.store.archive.archive import Archive
from mip_cli.store.archive.manifest import (
    CREDENTIAL_TYPE,
    JSON_TYPE,
    Record,
    is_type,
    require_category,
)
from mip_cli.store.archive.opening import open_archive
from mip_cli.store.archive.reading import Found
from mip_cli.store.keyfile import Unlocked

MAX_STDIN = 64 * 1024 * 1024
"""Bytes taken from a pipe, whose size nobody knows beforehand."""
MAX_LINES = 1024 * 1024 * 1024
"""Bytes of a file with one record a line."""


@dataclass(frozen=True)
class Session:
    """An open archive and the passport that it belongs to."""

    archive: Archive
    """The archive, under its lock."""
    unlocked: Unlocked
    """The passport."""


@dataclass(frozen=True)
class Put:
    """What was put in."""

    category: str
    """Where."""
    records: tuple[Record, ...]
    """What."""
    root: str
    """CID of the archive's root."""


@dataclass(frozen=True)
class Erasure:
    """What an erasure did."""

    records: int
    """Records that are gone."""
    collected: int
    """Blocks without a parent that were deleted besides."""
    root: str
    """CID of the archive's root."""


@contextmanager
def opened(
    settings: Settings,
    name: str,
    factors: Factors,
    progress: Progress,
    *,
    create: str | None = None,
) -> Iterator[Session]:
    """Open the archive of a passport; with ``create`` begin one in that store where there is none.

    What is not committed when the block ends is dropped. Raises what ``passport_file.unlock``
    raises, ``UsageFault`` where there is no archive, ``BlockMissing``, ``BlockDamaged``.
    """
    unlocked = passport_file.unlock(settings, name, factors, progress).unlocked
    with attached(settings, name, unlocked, progress, create=create) as session:
        yield session


@contextmanager
def attached(
    settings: Settings,
    name: str,
    unlocked: Unlocked,
    progress: Progress,
    *,
    create: str | None = None,
) -> Iterator[Session]:
    """Open the archive of a passport that was opened before; as ``opened``."""
    home = head.home_of(settings.data_dir, name)
    if create is None and not head.head_path(home).exists():
        head.read_head(home)
    unlocked, key = ensure_key(unlocked)
    content = unlocked.secrets
    owner = archive_keys.owner_of(content.secret, content.anchor)
    progress.step("opening the archive")
    with open_archive(home, owner, key, create=create) as archive:
        if archive.key != key:  # an erasure was cut off before the key file had the new key
            unlocked = _keep_key(unlocked, archive.key)
        yield Session(archive, unlocked)


def ensure_key(unlocked: Unlocked) -> tuple[Unlocked, ArchiveKey]:
    """Return a passport's archive key; draw it and make it durable where there is none."""
    key = unlocked.secrets.archive
    if key is not None:
        return unlocked, key
    unlocked = _keep_key(unlocked, archive_keys.new_key())
    kept = unlocked.secrets.archive
    if kept is None:
        raise EnvironmentFault("the key file does not keep the archive key")
    return unlocked, kept


def store_name(text: str | None) -> str:
    """Return the name of a store as it is kept, from what a holder typed."""
    return stores.DEFAULT if text is None else stores.absolute(text, Path.cwd())


def put_file(
    session: Session,
    category: str,
    source: Path | None,
    path: str | None,
    media_type: str | None,
    progress: Progress,
    *,
    stdin: Callable[[int], bytes] | None = None,
) -> Put:
    """Put one file, or what ``stdin`` gives, into a category.

    JSON obeys the category's schema. Raises ``UsageFault``, ``RecordInvalid``, ``FileInvalid``.
    """
    require_category(category)
    where = path or (source.name if source is not None else None)
    if where is None:
        raise UsageFault("what comes from a pipe needs a name", hint="add --path NAME")
    kind = media_type or categories.guess_type(source.name if source is not None else where)
    if not is_type(kind):
        raise UsageFault("a media type is written like image/png")
    if kind == CREDENTIAL_TYPE:
        raise UsageFault("credentials come by their own way", hint="mip kyc import, mip kyc fetch")
    progress.step(f"encrypting {where}")
    with _source(source, stdin) as (size, read):
        if kind == JSON_TYPE:
            if size > categories.MAX_RECORD:
                raise categories.RecordInvalid(
                    f"a JSON record has at most {categories.MAX_RECORD} bytes",
                    hint="put larger JSON as a file: --type application/octet-stream",
                )
            record = session.archive.put_record(category, where, read(size) if size else b"")
        else:
            record = session.archive.put(category, where, kind, size, read, progress)
    return _committed(session, category, [record])


def put_lines(
    session: Session, category: str, source: Path, prefix: str | None, progress: Progress
) -> Put:
    """Put a file with one JSON record a line; all of them or none."""
    data = files.read_bounded(source, MAX_LINES, what="file of records")
    lines = [line for line in data.split(b"\n") if line.strip()]
    if not lines:
        raise UsageFault(f"{source} holds no record")
    progress.step("encrypting records")
    records = []
    for number, line in enumerate(lines):
        where = f"{prefix or source.stem}/{number:06}.json"
        try:
            records.append(session.archive.put_record(category, where, line))
        except categories.RecordInvalid as error:
            raise categories.RecordInvalid(
                f"line {number + 1} of {source}: {error.message}", hint=error.hint
            ) from None
        if number % 256 == 0:
            progress.advance(number, len(lines))
    return _committed(session, category, records)


def get(
    session: Session,
    category: str,
    path: str,
    output: Path | None,
    progress: Progress,
    *,
    write: Callable[[bytes], object] | None = None,
    overwrite: bool = False,
) -> Record:
    """Write a record's content to a file, whole or not at all, or piece by piece to ``write``."""
    found = session.archive.find(category, path)
    progress.step(f"decrypting {path}")
    if output is not None:
        with files.atomic_stream(output, mode=public_file_mode(), overwrite=overwrite) as out:
            for piece in session.archive.read(found, progress):
                out(piece)
    elif write is not None:
        for piece in session.archive.read(found, progress):
            write(piece)
    return found.record


def listing(session: Session, category: str | None) -> list[Found]:
    """Return the records of a category, or of all of them, sorted."""
    archive = session.archive
    wanted = [category] if category is not None else list(archive.categories)
    found = [one for name in wanted for one in archive.records(name)]
    return sorted(found, key=lambda one: (one.category, one.record.path))


def add_category(session: Session, name: str, schema: bytes) -> str:
    """Add a category with a schema; return the root's CID."""
    categories.Rule(name, categories.parse_schema(schema))
    session.archive.add_category(name, schema)
    return cid_text(session.archive.commit().root)


def built_in_schema(name: str) -> dict[str, Any] | None:
    """Return the schema of a category that every archive has, without opening one."""
    return categories.BUILT_IN.get(name)


def schema_text(schema: dict[str, Any]) -> str:
    """Write a schema for people, ASCII only."""
    return json.dumps(schema, indent=2)


def erase(
    session: Session, category: str, paths: Sequence[str] | None, progress: Progress
) -> Erasure:
    """Erase records, or a whole category; their keys exist nowhere afterwards.

    The order is what a kill at any point needs: the archive first, which an older archive key still
    opens, then the key file, then the blocks.
    """
    archive = session.archive
    progress.step("rewriting manifest and log")
    count = archive.erase(category, paths)
    root = archive.commit().root
    progress.step("forgetting the old key")
    _keep_key(session.unlocked, archive.key)
    progress.step("collecting blocks")
    return Erasure(count, archive.sweep(), cid_text(root))


def keep_key(session: Session) -> None:
    """Make the archive's present key durable in the key file."""
    _keep_key(session.unlocked, session.archive.key)


def _keep_key(unlocked: Unlocked, key: ArchiveKey) -> Unlocked:
    for _ in range(3):
        known = unlocked.secrets.archive
        if known is not None and known.generation >= key.generation:
            return unlocked
        try:
            return keyfile.update(unlocked, replace(unlocked.secrets, archive=key))
        except KeyLocked:  # something else was noted in the key file meanwhile
            unlocked = keyfile.reread(unlocked)
    raise KeyLocked("the key file is changed all the time", hint="run the command again")


def _committed(session: Session, category: str, records: list[Record]) -> Put:
    return Put(category, tuple(records), cid_text(session.archive.commit().root))


@contextmanager
def _source(
    path: Path | None, stdin: Callable[[int], bytes] | None
) -> Iterator[tuple[int, Callable[[int], bytes]]]:
    """Give size and reader of a regular file, or of a pipe's content held in memory."""
    if path is None:
        if stdin is None:
            raise UsageFault("nothing was given to put", hint="name a file, or - for stdin")
        data = memoryview(stdin(MAX_STDIN + 1))
        if len(data) > MAX_STDIN:
            raise FileInvalid(f"more than {MAX_STDIN} bytes come from the pipe", hint="use a file")
        at = 0

        def read(size: int) -> bytes:
            nonlocal at
            piece = bytes(data[at : at + size])
            at += len(piece)
            return piece

        yield len(data), read
        return
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        raise EnvironmentFault(f"there is no file {path}") from None
    except OSError as error:
        raise EnvironmentFault(f"cannot read {path}: {(error.strerror or '').lower()}") from None
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise FileInvalid(f"{path} is not a regular file")
        yield found.st_size, file.read
