"""What a foreign prover may do: the system calls of groth16py's process, its environment, files."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import mip_cli.zk
from mip_cli.errors import EnvironmentFault, ToolMissing
from mip_cli.zk import child
from mip_cli.zk.child import Program
from tests.waiting import wait_for

CHILD = Path(mip_cli.zk.__file__).with_name("_groth16py_child.py")


def _confined(action: str, *readable: Path) -> subprocess.CompletedProcess[str]:
    code = f"""
import ctypes, errno, fcntl, os, resource, runpy, socket, sys, termios
names = runpy.run_path({str(CHILD)!r})
parent = os.getppid()
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
names["confine"](*{[str(path) for path in readable]!r})
{action}
print("reached")
"""
    return subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False
    )


needs_landlock = pytest.mark.skipif(
    ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1) < 1,
    reason="the kernel has no Landlock",
)


def test_confined__may_read_what_is_named_and_compute(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("x")
    for readable in (tmp_path, tmp_path / "key"):
        done = _confined(f"assert open({str(tmp_path / 'key')!r}).read() == 'x'", readable)
        assert done.stdout == "reached\n", done.stderr


@needs_landlock
@pytest.mark.parametrize(
    "action",
    [
        "open({file!r})",
        "os.open({file!r}, os.O_RDONLY)",
        "os.listdir({folder!r})",
        "open('/proc/%d/mem' % parent)",
        "open('/proc/%d/environ' % parent)",
        "open('/proc/self/mem')",
        "open('/etc/passwd')",
        "open({key!r} + '/../file')",
        "open({link!r})",
    ],
)
def test_confined__other_files_are_closed__reverts(action: str, tmp_path: Path) -> None:
    names = {name: tmp_path / name for name in ("file", "key", "link")}
    names["file"].write_text("secret")
    names["key"].mkdir()
    link = names["key"] / "link"
    link.symlink_to(names["file"])
    text = {"folder": str(tmp_path), **{n: str(p) for n, p in names.items()}, "link": str(link)}
    done = _confined(action.format(**text), names["key"])
    assert "reached" not in done.stdout
    assert "Permission denied" in done.stderr


def test_confined__may_start_threads() -> None:
    done = _confined("import threading; t = threading.Thread(target=len, args=['']); t.start()")
    assert done.stdout == "reached\n", done.stderr


@pytest.mark.parametrize(
    "action",
    [
        "socket.socket()",
        "socket.socket(socket.AF_UNIX)",
        "os.fork()",
        "os.execv('/bin/true', ['true'])",
        "os.kill(parent, 0)",
        "open({file!r}, 'w')",
        "open({file!r}, 'a')",
        "os.unlink({file!r})",
        "os.rename({file!r}, {file!r} + '2')",
        "os.chmod({file!r}, 0o777)",
        "os.symlink({file!r}, {file!r} + '2')",
        "os.mkdir({file!r} + '2')",
        "os.truncate({file!r}, 0)",
        "os.memfd_create('x')",
        "fcntl.ioctl(0, termios.FIONREAD, b'1234')",
        "fcntl.fcntl(0, fcntl.F_SETOWN, parent)",
        "os.sched_setaffinity(parent, [0])",
        "resource.setrlimit(resource.RLIMIT_NOFILE, (9, 9))",
        "resource.prlimit(parent, resource.RLIMIT_NOFILE, (9, 9))",
        "call(101, 16, parent, 0, 0)",  # ptrace
        "call(310, parent, 0, 0, 0, 0, 0)",  # process_vm_readv
        "call(311, parent, 0, 0, 0, 0, 0)",  # process_vm_writev
        "call(425, 1, 0)",  # io_uring_setup
        "call(426, 0, 0, 0, 0, 0, 0)",  # io_uring_enter
        "call(427, 0, 0, 0, 0)",  # io_uring_register
        "call(434, parent, 0)",  # pidfd_open
        "call(437, -100, b'/etc/passwd', 0, 0)",  # openat2
        "call(304, 0, 0, 0)",  # open_by_handle_at
    ],
)
def test_confined__everything_else__reverts(action: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("kept")
    done = _confined(action.format(file=str(file)))
    assert "reached" not in done.stdout
    assert "Function not implemented" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert file.read_text() == "kept"


STRANGER = """
import os, socket
def tried(act):
    try:
        act()
    except OSError:
        return b"-"
    return b"+"
acts = (
    lambda: open({file!r}),
    lambda: os.listdir({folder!r}),
    lambda: open("/etc/passwd"),
    lambda: open("/proc/%d/environ" % os.getppid()),
    lambda: open({file!r}, "a"),
    socket.socket,
    os.fork,
)
loaded = b"".join(map(tried, acts))
def import_zkey(path):
    return [open(path, "rb").read()]
def prove_wtns(key, path):
    return key + open(path, "rb").read() + loaded + b"".join(map(tried, acts))
"""


@needs_landlock
def test_child__confines_what_it_loads_before_its_first_instruction(tmp_path: Path) -> None:
    """A stranger in groth16py's place gets key and witness, and nothing else, when it is loaded."""
    file = tmp_path / "file"
    file.write_text("secret")
    package = tmp_path / "site" / "groth16py"
    package.mkdir(parents=True)
    told = {"file": str(file), "folder": str(tmp_path)}
    (package / "__init__.py").write_text(STRANGER.format(**told))
    with child.secret_descriptor(b"key ") as key, child.secret_descriptor(b"witness ") as wtns:
        paths = [f"/proc/self/fd/{descriptor}" for descriptor in (key, wtns)]
        command = [sys.executable, "-I", "-S", CHILD, package.parent, *paths]
        out = child.run(Program(command, cwd=Path("/"), pass_fds=[key, wtns]), timeout=60)
    assert out == b"key witness " + 14 * b"-"


@pytest.fixture
def nap() -> str:
    """Return what only this test's programs sleep: seconds, longer than any test may take."""
    return f"600.{secrets.randbelow(10**12):012d}"


@contextlib.contextmanager
def no_nap_slept_out() -> Iterator[None]:
    """Fail when what is inside waited for a nap to end, as it does where nobody is killed."""
    start = time.monotonic()
    yield
    assert time.monotonic() - start < 500


def sleeps(nap: str) -> bool:
    """Say whether a program that names this nap runs."""
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has just ended
            if nap.encode() in process.read_bytes():
                return True
    return False


def test_run__passes_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIP_CANARY", "secret")
    monkeypatch.setenv("LD_PRELOAD", "")
    out = child.run(Program(["/usr/bin/env"]), timeout=60)
    assert b"CANARY" not in out
    assert b"LD_PRELOAD" not in out


def test_run__passes_no_descriptors() -> None:
    null = os.open("/dev/null", os.O_RDONLY)
    inherited = fcntl.fcntl(null, fcntl.F_DUPFD, 100)
    os.close(null)
    os.set_inheritable(inherited, True)
    try:
        out = child.run(Program(["/bin/ls", "/proc/self/fd"]), timeout=60)
    finally:
        os.close(inherited)
    assert str(inherited).encode() not in out.split()


def test_run__kills_what_the_program_started(nap: str) -> None:
    with no_nap_slept_out(), pytest.raises(EnvironmentFault, match="did not finish"):
        child.run(Program(["/bin/sh", "-c", f"sleep {nap} & sleep {nap}"]), timeout=2)
    wait_for(lambda: not sleeps(nap), "the end of every nap")


def test_run_together__gives_each_output_and_ends_all_when_one_fails(
    tmp_path: Path, nap: str
) -> None:
    both = [Program(["/bin/echo", word]) for word in ("one", "two")]
    assert child.run_together(both, timeout=60) == [b"one\n", b"two\n"]
    mark = tmp_path / "mark"
    slow = Program(["/bin/sh", "-c", f"touch {mark}; sleep {nap}"])
    fails = Program(["/bin/sh", "-c", f"until [ -e {mark} ]; do sleep 0.02; done; exit 1"])
    with no_nap_slept_out(), pytest.raises(EnvironmentFault, match="sh failed with status 1"):
        child.run_together([fails, slow], timeout=60)
    assert mark.exists()
    wait_for(lambda: not sleeps(nap), "the end of every nap")
    with no_nap_slept_out(), pytest.raises(ToolMissing, match="cannot start absent"):
        child.run_together([slow, Program([tmp_path / "absent"])], timeout=60)
    wait_for(lambda: not sleeps(nap), "the end of every nap")


def test_run_together__what_one_started_ends_with_it(tmp_path: Path, nap: str) -> None:
    """Not with the last of all: its number may be another process's by then."""
    begun, end = tmp_path / "begun", tmp_path / "end"
    starts = f"sleep {nap} >/dev/null 2>&1 & touch {begun}"
    shells = [starts, f"until [ -e {end} ]; do sleep 0.02; done"]
    programs = [Program(["/bin/sh", "-c", script]) for script in shells]
    with ThreadPoolExecutor() as threads:
        running = threads.submit(child.run_together, programs, timeout=60)
        try:
            wait_for(begun.exists, "a child of the first")
            wait_for(lambda: not sleeps(nap), "the end of every nap")
            assert not running.done()
        finally:
            end.touch()
        assert running.result() == [b"", b""]


def test_run__failure_and_absence__reverts(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="status 1"):
        child.run(Program(["/bin/false"]), timeout=60)
    with pytest.raises(ToolMissing, match="cannot start"):
        child.run(Program([tmp_path / "absent"]), timeout=60)


def test_run__quiet_failure_shows_no_output() -> None:
    script = "echo canary; echo canary >&2; exit 3"
    with pytest.raises(EnvironmentFault, match="status 3: canary\ncanary"):
        child.run(Program(["/bin/sh", "-c", script]), timeout=60)
    with pytest.raises(EnvironmentFault) as refused:
        child.run(Program(["/bin/sh", "-c", script], quiet=True), timeout=60)
    assert "canary" not in str(refused.value)


def test_secret_folder__is_private_and_always_removed() -> None:
    seen = []

    def fail() -> None:
        with child.secret_folder() as folder:
            seen.append(folder)
            assert folder.stat().st_mode & 0o777 == 0o700
            (folder / "witness").write_bytes(b"secret")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert not seen[0].exists()


def test_secret_descriptor__names_no_file() -> None:
    with child.secret_descriptor(b"secret") as descriptor:
        path = Path(f"/proc/self/fd/{descriptor}")
        assert path.read_bytes() == b"secret"
        assert "memfd" in str(path.readlink())
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
