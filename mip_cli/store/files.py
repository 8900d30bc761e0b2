"""Files that are there whole or not at all, read in a bounded way, and locked.

Writing: a temporary file beside the target (O_EXCL, 0600), fsync, rename, fsync of the folder
(SECURITY.md, binding rules). A writer holds an advisory lock on its temporary file; one without a
living holder is the remains of a killed process and goes at the next write of the same target.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from mip_cli.errors import EnvironmentFault, FileInvalid, KeyLocked, StorageFull, UsageFault

PRIVATE_FILE = 0o600
PRIVATE_DIR = 0o700
LOCK_PATIENCE = 10.0
"""Seconds to wait for another process before giving up."""

_LOCK_POLL = 0.05  # seconds
_TEMPORARY = ".mip-tmp"
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV})


def ensure_private_dir(path: Path) -> Path:
    """Make a folder (0700) and its parents where missing; raise ``EnvironmentFault`` otherwise."""
    try:
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        for folder in reversed(missing):  # mkdir(parents=True) would give parents another mode
            folder.mkdir(mode=PRIVATE_DIR, exist_ok=True)
        if not path.is_dir():
            raise FileExistsError
    except FileExistsError as error:
        raise EnvironmentFault(f"{path} is in the way: it is not a folder") from error
    except OSError as error:
        raise _explain(error, f"cannot make {path}") from error
    return path


def atomic_write(
    path: Path, data: bytes, *, mode: int = PRIVATE_FILE, overwrite: bool = True
) -> None:
    """Write a file so that after a crash at any moment the old or the new one is there.

    The folder must exist. Raises ``UsageFault`` when the file exists and ``overwrite`` is false
    (decided by the file system, so two processes cannot both win), ``StorageFull`` when the disk
    is full, ``EnvironmentFault`` for other failures; then nothing is left behind.
    """
    with atomic_stream(path, mode=mode, overwrite=overwrite) as write:
        write(data)


@contextlib.contextmanager
def atomic_stream(
    path: Path, *, mode: int = PRIVATE_FILE, overwrite: bool = True
) -> Iterator[Callable[[bytes], None]]:
    """Give a function that writes the next bytes of a file; as ``atomic_write``.

    The file is there once the block ends without an exception, and only then.
    """
    try:
        remove_leftovers(path)
        if not overwrite and os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        with _temporary(path) as (descriptor, temporary):
            os.fchmod(descriptor, mode)
            yield functools.partial(_write_all, descriptor)
            os.fsync(descriptor)
            if overwrite:
                os.replace(temporary, path)
            else:
                _publish_new(temporary, path)
        _sync_dir(path.parent)
    except FileExistsError as error:
        raise UsageFault(f"{path} exists", hint="choose another name, or use --force") from error
    except OSError as error:
        raise _explain(error, f"cannot write {path}") from error


def append(path: Path, data: bytes) -> None:
    """Add to a private file, which a power cut may take back; raise ``StorageFull`` as others."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags, PRIVATE_FILE)
        try:
            _write_all(descriptor, data)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _explain(error, f"cannot write {path}") from None


def rename(source: Path, target: Path) -> None:
    """Put a file in another's place in the same folder; durable, and there is always one."""
    try:
        os.replace(source, target)
        _sync_dir(target.parent)
    except OSError as error:
        raise _explain(error, f"cannot replace {target}") from error


def remove_file(path: Path) -> None:
    """Delete a file durably; one that is not there is no failure."""
    try:
        path.unlink(missing_ok=True)
        _sync_dir(path.parent)
    except OSError as error:
        raise _explain(error, f"cannot delete {path}") from error


def remove_leftovers(path: Path) -> int:
    """Delete temporary files that a killed writer of ``path`` left; return how many."""
    return _remove_dead(path.parent, _prefix(path))


def remove_leftovers_in(folder: Path) -> int:
    """Delete temporary files that killed writers of any file left in a folder; return how many."""
    return _remove_dead(folder, "")


def _remove_dead(folder: Path, prefix: str) -> int:
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries]
    found = [name for name in names if name.startswith(prefix) and name.endswith(_TEMPORARY)]
    return sum(_remove_if_dead(folder / name) for name in found)


def read_bounded(path: Path, limit: int, *, what: str, follow_symlinks: bool = True) -> bytes:
    """Read a regular file of at most ``limit`` bytes; ``what`` names it in messages.

    Raises ``FileInvalid`` for folders, pipes, devices, (when not followed) symbolic links and
    larger files, ``EnvironmentFault`` when it cannot be read. Never blocks on a pipe.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    if not follow_symlinks:
        flags |= os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError as error:
        raise EnvironmentFault(f"there is no {what} {path}") from error
    except OSError as error:
        if error.errno == errno.ELOOP and not follow_symlinks:
            raise FileInvalid(f"the {what} {path} is a symbolic link") from error
        raise _explain(error, f"cannot read the {what} {path}") from error
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise FileInvalid(f"the {what} {path} is not a regular file")
        if found.st_size > limit:
            raise FileInvalid(f"the {what} {path} is larger than {limit} bytes")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise _explain(error, f"cannot read the {what} {path}") from error
    finally:
        os.close(descriptor)
    if len(data) > limit:  # it grew while we read, or its size was a lie (/proc)
        raise FileInvalid(f"the {what} {path} is larger than {limit} bytes")
    return data


@contextlib.contextmanager
def lock(path: Path, *, what: str, patience: float | None = None) -> Iterator[None]:
    """Hold the exclusive lock beside ``path``; it ends with the process, even when killed.

    Waits up to ``patience`` seconds, ``LOCK_PATIENCE`` where none is named, then raises
    ``KeyLocked``. Not reentrant. The lock file stays: deleting it would let two processes hold
    "the" lock.
    """
    try:
        descriptor = os.open(
            path.parent / f".{path.name}.lock",
            os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW,
            PRIVATE_FILE,
        )
    except OSError as error:
        raise _explain(error, f"cannot lock {path}") from error
    try:
        _acquire(descriptor, what, LOCK_PATIENCE if patience is None else patience)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, what: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise KeyLocked(
                    f"{what} is in use by another mip process",
                    hint="wait until it has finished, then run the command again",
                ) from error
            time.sleep(_LOCK_POLL)
        else:
            return


def _prefix(path: Path) -> str:
    return f".{path.name}."


@contextlib.contextmanager
def _temporary(path: Path) -> Iterator[tuple[int, Path]]:
    while True:
        temporary = path.parent / f"{_prefix(path)}{secrets.token_hex(8)}{_TEMPORARY}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(temporary, flags, PRIVATE_FILE)
        with contextlib.suppress(OSError):  # a file system without locks has no cleaner either
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            break
        os.close(descriptor)  # a cleaner took it between open and lock: make another
    try:
        yield descriptor, temporary
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()  # renamed already unless something failed
        os.close(descriptor)


def _publish_new(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)  # fails when the target exists, unlike rename
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
        os.replace(temporary, path)  # a file system without hard links


def _remove_if_dead(temporary: Path) -> bool:
    try:
        descriptor = os.open(temporary, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        temporary.unlink()
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_dir(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot sync a folder
            raise
    finally:
        os.close(descriptor)


def _explain(error: OSError, what: str) -> EnvironmentFault:
    reason = (error.strerror or "unknown failure").lower()
    if error.errno in _NO_ROOM:
        return StorageFull(f"{what}: {reason}", hint="free some room and run the command again")
    return EnvironmentFault(f"{what}: {reason}")
