"""Files are there whole or not at all, read in a bounded way, and locked."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from mip_cli.errors import EnvironmentFault, FileInvalid, KeyLocked, UsageFault
from mip_cli.store import files

OLD = b"old " * 1000
NEW = b"new content " * 1000


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def run_driver(script: str, *arguments: str) -> object:
    """Run a script in a process of its own, which may fork and kill; it prints JSON."""
    command = [sys.executable, "-c", textwrap.dedent(script), *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)


def test_write__is_private_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        files.atomic_write(tmp_path / "f", NEW)
        files.ensure_private_dir(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert mode(tmp_path / "f") == 0o600
    assert (mode(tmp_path / "a"), mode(tmp_path / "a" / "b")) == (0o700, 0o700)


def test_write__replaces(tmp_path):
    files.atomic_write(tmp_path / "f", OLD)
    files.atomic_write(tmp_path / "f", NEW)
    assert (tmp_path / "f").read_bytes() == NEW
    assert names(tmp_path) == ["f"]


def test_write__is_durable_in_this_order(tmp_path, monkeypatch):
    """What a power cut leaves depends on the order; no kill of a process can show it."""
    done = []

    def record(name: str) -> None:
        real = getattr(os, name)

        def step(*args: object) -> object:
            folder = name == "fsync" and stat.S_ISDIR(os.fstat(args[0]).st_mode)
            done.append("fsync folder" if folder else name)
            return real(*args)

        monkeypatch.setattr(os, name, step)

    for name in ("write", "fsync", "replace", "link"):
        record(name)
    files.atomic_write(tmp_path / "f", OLD, overwrite=False)
    files.atomic_write(tmp_path / "f", NEW)
    files.remove_file(tmp_path / "f")
    assert done == [
        *("write", "fsync", "link", "fsync folder"),
        *("write", "fsync", "replace", "fsync folder"),
        "fsync folder",
    ]


def test_write__keeps_an_existing_file(tmp_path):
    files.atomic_write(tmp_path / "f", OLD, overwrite=False)
    with pytest.raises(UsageFault, match="exists"):
        files.atomic_write(tmp_path / "f", NEW, overwrite=False)
    assert (tmp_path / "f").read_bytes() == OLD
    assert names(tmp_path) == ["f"]


def test_write__two_creators_have_one_winner(tmp_path):
    outcomes: list[str] = []
    barrier = threading.Barrier(8)

    def create(number: int) -> None:
        barrier.wait()
        try:
            files.atomic_write(tmp_path / "f", b"%d" % number, overwrite=False)
            outcomes.append(str(number))
        except UsageFault:
            pass

    threads = [threading.Thread(target=create, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [(tmp_path / "f").read_text()]


def test_write__file_system_without_hard_links(tmp_path, monkeypatch):
    def no_links(*_: object) -> None:
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(os, "link", no_links)
    files.atomic_write(tmp_path / "f", NEW, overwrite=False)
    with pytest.raises(UsageFault, match="exists"):
        files.atomic_write(tmp_path / "f", OLD, overwrite=False)
    assert (tmp_path / "f").read_bytes() == NEW


def test_write__missing_folder(tmp_path):
    with pytest.raises(EnvironmentFault, match="cannot write"):
        files.atomic_write(tmp_path / "none" / "f", NEW)


KILL_AT_EACH_STEP = """
    import json, os, signal, sys
    from pathlib import Path
    from mip_cli.store import files

    folder, overwrite = Path(sys.argv[1]), sys.argv[2] == "replace"
    old, new = b"old " * 1000, b"new content " * 1000
    steps = ("open", "fchmod", "write", "fsync", "replace", "link", "unlink", "close", "fstat")

    def writer(fatal, after):
        count = 0
        def wrap(real):
            def step(*args, **kwargs):
                nonlocal count
                count += 1
                if count == fatal and not after:
                    os.kill(os.getpid(), signal.SIGKILL)
                if real.__name__ == "write":
                    args = (args[0], bytes(args[1][:5000]))  # a kernel may write less than asked
                mine = count == fatal
                try:
                    return real(*args, **kwargs)
                finally:
                    if mine:
                        os.kill(os.getpid(), signal.SIGKILL)
            return step
        for name in steps:
            setattr(os, name, wrap(getattr(os, name)))
        files.atomic_write(folder / "f", new, overwrite=overwrite)

    report, fatal, finished = [], 0, False
    while not finished:
        fatal += 1
        for after in (False, True):
            for path in folder.iterdir():
                path.unlink()
            if overwrite:
                (folder / "f").write_bytes(old)
            child = os.fork()
            if child == 0:
                writer(fatal, after)
                os._exit(0)
            status = os.waitpid(child, 0)[1]
            finished = os.WIFEXITED(status)
            found = (folder / "f").read_bytes() if (folder / "f").exists() else None
            temporary = [p for p in folder.iterdir() if p.name != "f"]
            private = all(p.stat().st_mode & 0o077 == 0 for p in temporary)
            files.atomic_write(folder / "f", new)  # the next run
            left = sorted(p.name for p in folder.iterdir())
            state = {None: "none", old: "old", new: "new"}.get(found, "half")
            report.append([state, private, left, os.WIFSIGNALED(status)])
    print(json.dumps(report))
"""


@pytest.mark.parametrize(("how", "before"), [("replace", "old"), ("create", "none")])
def test_write__killed_at_each_step(tmp_path, how, before):
    report = run_driver(KILL_AT_EACH_STEP, str(tmp_path), how)
    states = [state for state, _, _, _ in report]
    assert set(states) == {before, "new"}
    assert states == sorted(states, key=lambda state: state == "new"), "old again after new"
    assert all(private for _, private, _, _ in report)
    assert all(left == ["f"] for _, _, left, _ in report), "the next run cleans up"
    assert sum(killed for _, _, _, killed in report) >= 20


FULL_DISK = """
    import json, os, resource, sys
    from pathlib import Path
    from mip_cli.errors import StorageFull
    from mip_cli.store import files

    folder = Path(sys.argv[1])
    (folder / "f").write_bytes(b"old")
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    try:
        files.atomic_write(folder / "f", b"x" * 8192)
    except StorageFull as error:
        report = [error.message, error.hint, error.exit_code]
    print(json.dumps([report, (folder / "f").read_text(), os.listdir(folder)]))
"""


def test_write__full_disk(tmp_path):
    (message, hint, code), content, left = run_driver(FULL_DISK, str(tmp_path))
    assert "file too large" in message
    assert "free some room" in hint
    assert code == 3
    assert (content, left) == ("old", ["f"])


def test_leftovers__of_a_living_writer_stay(tmp_path):
    with files._temporary(tmp_path / "f") as (_, temporary):
        assert files.remove_leftovers(tmp_path / "f") == 0
        assert temporary.exists()
    (tmp_path / ".f.0123.mip-tmp").write_bytes(b"of a dead one")
    (tmp_path / ".other.0123.mip-tmp").write_bytes(b"of another file")
    assert files.remove_leftovers(tmp_path / "f") == 1
    assert names(tmp_path) == [".other.0123.mip-tmp"]


def test_read__up_to_the_limit(tmp_path):
    (tmp_path / "f").write_bytes(b"12345")
    assert files.read_bounded(tmp_path / "f", 5, what="file") == b"12345"
    with pytest.raises(FileInvalid, match="larger than 4 bytes"):
        files.read_bounded(tmp_path / "f", 4, what="file")


def test_read__refuses_what_is_no_plain_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "f").write_bytes(b"1")
    (tmp_path / "link").symlink_to("f")
    for name in ("pipe", ".", "/dev/zero"):
        with pytest.raises(FileInvalid, match="not a regular file"):
            files.read_bounded(tmp_path / name, 9, what="file")
    assert files.read_bounded(tmp_path / "link", 9, what="file") == b"1"
    with pytest.raises(FileInvalid, match="symbolic link"):
        files.read_bounded(tmp_path / "link", 9, what="file", follow_symlinks=False)
    with pytest.raises(EnvironmentFault, match="there is no key file"):
        files.read_bounded(tmp_path / "none", 9, what="key file")


def test_read__size_that_lies():
    # /proc files say they are empty
    with pytest.raises(FileInvalid, match="larger than 10 bytes"):
        files.read_bounded(Path("/proc/self/status"), 10, what="file")


def test_lock__excludes_and_ends(tmp_path):
    with files.lock(tmp_path / "f", what="the passport"):
        second = files.lock(tmp_path / "f", what="the passport", patience=0.0)
        with pytest.raises(KeyLocked, match="the passport is in use by another mip process"):
            second.__enter__()
        assert mode(tmp_path / ".f.lock") == 0o600
    with files.lock(tmp_path / "f", what="the passport", patience=0.0):
        pass


def test_lock__waits(tmp_path):
    entered, order = threading.Event(), []

    def hold() -> None:
        with files.lock(tmp_path / "f", what="it"):
            entered.set()
            threading.Event().wait(0.15)
            order.append("first")

    holder = threading.Thread(target=hold)
    holder.start()
    entered.wait()
    with files.lock(tmp_path / "f", what="it"):
        order.append("second")
    holder.join()
    assert order == ["first", "second"]


def test_private_dir__file_in_the_way(tmp_path):
    (tmp_path / "f").write_bytes(b"")
    with pytest.raises(EnvironmentFault, match="not a folder"):
        files.ensure_private_dir(tmp_path / "f")


def test_remove__twice(tmp_path):
    (tmp_path / "f").write_bytes(b"")
    files.remove_file(tmp_path / "f")
    files.remove_file(tmp_path / "f")
    assert names(tmp_path) == []
