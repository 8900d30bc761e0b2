"""Running of foreign programs with an empty environment, a time limit and no survivors."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mip_cli.errors import EnvironmentFault, ToolMissing

_MINIMAL = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/nonexistent"}
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  a tmpfs; our folder in it has mode 0700


def run(
    command: Sequence[str | Path],
    *,
    timeout: float,
    stdin: bytes = b"",
    cwd: Path | None = None,
    extra_env: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
    quiet: bool = False,
) -> bytes:
    """Run a program to its end and return its standard output.

    The environment holds nothing of ours; the program and all it started are killed when time
    is over (seconds) or we are interrupted. Raises ``ToolMissing`` when it cannot be started and
    ``EnvironmentFault`` with the end of its output when it fails; ``quiet`` leaves that out, for
    programs that hold secrets.
    """
    name = Path(command[0]).name
    try:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=_MINIMAL | dict(extra_env or {}),
            start_new_session=True,
            pass_fds=tuple(pass_fds),
        )
    except OSError as error:
        raise ToolMissing(f"cannot start {name}: {error.strerror}") from error
    with process:
        try:
            out, err = process.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired as error:
            raise EnvironmentFault(f"{name} did not finish within {timeout:.0f} s") from error
        finally:
            _kill_group(process)
    if process.returncode != 0:
        said = "" if quiet else ": " + (out + err).decode(errors="replace").strip()[-600:]
        raise EnvironmentFault(f"{name} failed with status {process.returncode}{said}")
    return out


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def secret_folder() -> Iterator[Path]:
    """Give a folder only we can read, in memory if there is a tmpfs, and remove it always."""
    parent = _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK) else None
    path = Path(tempfile.mkdtemp(prefix="mip-", dir=parent))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def secret_descriptor(data: bytes) -> Iterator[int]:
    """Give a descriptor of an anonymous file in memory that holds the data."""
    descriptor = os.memfd_create("mip")
    try:
        with os.fdopen(os.dup(descriptor), "wb") as stream:
            stream.write(data)
        yield descriptor
    finally:
        os.ftruncate(descriptor, 0)
        os.close(descriptor)
