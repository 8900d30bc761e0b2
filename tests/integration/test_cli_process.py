"""The command as a process: what it loads, how it ends, what its memory gives away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mip_cli.cli import COMMANDS
from mip_cli.errors import StorageFull

MIP = [sys.executable, "-m", "mip_cli"]
HEAVY = ("web3", "numpy", "cv2", "onnxruntime", "wasmtime", "rich", "cryptography", "requests")


def test_help__loads_no_command_and_nothing_heavy():
    script = (
        "import sys\nfrom mip_cli.cli import main\ncode = main(['--help'])\n"
        f"heavy = [m for m in {HEAVY} if m in sys.modules]\n"
        "commands = [m for m in sys.modules if m.startswith('mip_cli.cli.')]\n"
        "print(heavy, sorted(c for c in commands if '._' not in c), code, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stderr == "[] [] 0\n"
    assert done.stdout.startswith("Usage: mip [OPTIONS] COMMAND [ARGS]...")


def test_reading_the_chain__imports_neither_web3_nor_eth_abi() -> None:
    code = (
        "import sys, mip_cli.chain.index, mip_cli.chain.app, mip_cli.chain.inspection\n"
        "from mip_cli.chain.app import parse_invocation\n"
        "parse_invocation('vote(uint256)', ['1']).payload\n"
        "bad = {'web3', 'eth_abi', 'eth_account', 'requests'} & set(sys.modules)\n"
        "sys.exit(repr(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "position", "expected"),
    [
        ("mip ", "1", {entry.name for entries in COMMANDS.values() for entry in entries}),
        ("mip comp", "1", {"completion"}),
        ("mip guardian k", "2", {"keep"}),
        ("mip completion ", "2", {"bash", "zsh", "fish"}),
    ],
)
def test_completion__words(words, position, expected):
    environment = os.environ | {"COMP_WORDS": words, "COMP_CWORD": position}
    done = subprocess.run(
        MIP,
        env=environment | {"_MIP_COMPLETE": "bash_complete"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert {line.split(",")[1] for line in done.stdout.splitlines()} == expected


def test_failure__of_the_disk_itself(tmp_path):
    with open("/dev/full", "w") as full:
        done = subprocess.run([*MIP, "--version"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == StorageFull.exit_code
    assert done.stderr.startswith("mip: error: no space left on device")


def test_failure__reader_went_away(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*MIP, "--help"], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_failure__closed_stderr():
    def shell(redirection: str, *arguments: str) -> int:
        script = f'exec "$@" {redirection}'
        return subprocess.run(["/bin/sh", "-c", script, "sh", *MIP, *arguments]).returncode

    assert shell("2>&-", "frobnicate") == 2
    assert shell(">&-", "--version") == 0


@pytest.mark.parametrize(
    ("number", "code", "line"),
    [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")],
)
def test_signal__ends_with_its_code(tmp_path, number, code, line):
    (tmp_path / "passports").mkdir(mode=0o700)
    (tmp_path / "passports" / "default.mip").write_text("{}")
    command = [*MIP, "--data-dir", str(tmp_path), "passport", "show", "--password-file", "-"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        wait_until_reading(process.pid)
        process.send_signal(number)
        _, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (code, f"mip: error: {line}\n")


def wait_until_reading(pid: int) -> None:
    """Wait until the process sits in read(2) on its standard input."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if Path(f"/proc/{pid}/syscall").read_text().split()[:2] == ["0", "0x0"]:
            return
        time.sleep(0.02)
    pytest.fail("the command never asked for the password")


def test_process__is_hardened():
    script = (
        "import ctypes, os, resource\nfrom mip_cli.cli import main\nmain(['--version'])\n"
        "dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)\n"
        "print(oct(os.umask(0)), resource.getrlimit(resource.RLIMIT_CORE), dumpable)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "0o77 (0, 0) 0"
