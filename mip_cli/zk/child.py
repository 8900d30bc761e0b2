"""Running of foreign programs with an empty environment, a time limit and no survivors."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mip_cli.errors import EnvironmentFault, ToolMissing

_MINIMAL = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/nonexistent"}
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  a tmpfs; our folder in it has mode 0700


@dataclass(frozen=True)
class Program:
    """A program to run: its environment holds nothing of ours."""

    command: Sequence[str | Path]
    stdin: bytes = b""
    cwd: Path | None = None
    extra_env: Mapping[str, str] = field(default_factory=dict)
    pass_fds: Sequence[int] = ()
    quiet: bool = False
    """Leave its output out of errors: for programs that hold secrets."""

    @property
    def name(self) -> str:
        """Name of the program without its folder."""
        return Path(self.command[0]).name

    def start(self) -> subprocess.Popen[bytes]:
        """Start it in a session of its own; raises ``ToolMissing`` when that cannot be."""
        try:
            return subprocess.Popen(
                [str(part) for part in self.command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self.cwd,
                env=_MINIMAL | dict(self.extra_env),
                start_new_session=True,
                pass_fds=tuple(self.pass_fds),
            )
        except OSError as error:
            raise ToolMissing(f"cannot start {self.name}: {error.strerror}") from error


def run(program: Program, *, timeout: float) -> bytes:
    """Run a program to its end and return its standard output, as ``run_together`` does."""
    return run_together([program], timeout=timeout)[0]


def run_together(programs: Sequence[Program], *, timeout: float) -> list[bytes]:
    """Run programs beside each other and return the standard output of each.

    The programs and all they started are killed when time is over (seconds), when one of them
    fails, or when we are interrupted. Raises ``ToolMissing`` when one cannot be started and
    ``EnvironmentFault`` with the end of its output when it fails.
    """
    deadline = time.monotonic() + timeout
    with contextlib.ExitStack() as stack:
        processes = []
        for program in programs:
            process = stack.enter_context(program.start())
            stack.callback(_kill_unfinished, process)
            processes.append(process)
        return [
            _finish(program, process, deadline - time.monotonic(), timeout)
            for program, process in zip(programs, processes, strict=True)
        ]


def _finish(
    program: Program, process: subprocess.Popen[bytes], left: float, timeout: float
) -> bytes:
    try:
        out, err = process.communicate(program.stdin, timeout=max(left, 0))
    except subprocess.TimeoutExpired as error:
        raise EnvironmentFault(f"{program.name} did not finish within {timeout:.0f} s") from error
    finally:
        _kill_group(process)  # at once: later its number may be another's
    if process.returncode != 0:
        said = "" if program.quiet else ": " + (out + err).decode(errors="replace").strip()[-600:]
        raise EnvironmentFault(f"{program.name} failed with status {process.returncode}{said}")
    return out


def _kill_unfinished(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is None:  # nobody has waited for it, so its number is its own
        _kill_group(process)


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
