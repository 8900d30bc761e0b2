"""``mip passport``: what it shows, what it refuses, and how it behaves on a terminal."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import subprocess
import sys
import termios
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mip_cli.cli import main
from mip_cli.crypto.field import random_element, random_salt
from mip_cli.crypto.kdf import KdfParams
from mip_cli.store import keyfile, passports
from mip_cli.store.secrets_codec import PassportSecrets, PassportStatus
from mip_cli.units import Address, Epoch

PASSWORD = "correct horse battery staple"


class Stdin(io.TextIOWrapper):
    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """A data folder with one real passport: production Argon2id."""
    folder = tmp_path_factory.mktemp("data")
    folder.chmod(0o700)
    content = PassportSecrets(
        name="default",
        status=PassportStatus.ENROLLED,
        created=1_790_000_000,
        secret=random_element(),
        anchor=Address("0x" + "Ab" * 20),
        anchor_key=os.urandom(32),
        epoch=Epoch(3),
        face_spec="dlib-128/1",
        face_spec_id=7,
        template=(1, -2, 3),
        face_salt=random_salt(),
        keys_salt=random_salt(),
        guardian_salt=random_salt(),
        password_kdf=KdfParams(os.urandom(32)),
        chain_id=31337,
        registry=Address("0x" + "Cd" * 20),
        index=5,
    )
    keyfile.create(passports.passport_path(folder, "default"), content, PASSWORD.encode())
    return folder, content


@pytest.fixture
def settings(data_dir, monkeypatch):
    monkeypatch.setenv("MIP_DATA_DIR", str(data_dir[0]))
    monkeypatch.setattr(sys, "stdin", Stdin(PASSWORD.encode()))
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_show__json_without_secrets(settings, data_dir, capsys):
    assert main(["passport", "show", "--json", "--password-file", "-"]) == 0
    out = capsys.readouterr().out
    assert json.loads(out) == {
        "schema": "mip.passport.show/1",
        "name": "default",
        "status": "enrolled",
        "created": datetime.fromtimestamp(1_790_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "anchor": "0x" + "Ab" * 20,
        "chain_id": 31337,
        "registry": "0x" + "Cd" * 20,
        "index": 5,
        "epoch": 3,
        "face_spec": "dlib-128/1",
        "kinds": ["face", "password"],
    }


def test_show__wrong_password_quotes_nothing(settings, capsys, monkeypatch):
    monkeypatch.setenv("MIP_DEBUG", "1")
    monkeypatch.setattr(sys, "stdin", Stdin(b"canary canary"))
    assert main(["passport", "show", "--json", "--password-file", "-"]) == 5
    output = capsys.readouterr()
    assert json.loads(output.out)["error"]["kind"] == "WrongSecret"
    assert "canary" not in output.out + output.err


def test_show__unknown_passport_before_any_password(settings, capsys):
    assert main(["passport", "show", "--passport", "other"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "mip: error: there is no passport named other",
        "mip: hint: there are: default",
    ]


def test_show__no_terminal(settings, data_dir):
    command = [sys.executable, "-m", "mip_cli", "passport", "show"]
    done = subprocess.run(command, capture_output=True, text=True, start_new_session=True)
    assert done.returncode == 2
    assert "there is no terminal" in done.stderr
    assert "--password-file" in done.stderr


def test_list__names_without_password(settings, capsys, monkeypatch, tmp_path):
    assert main(["passport", "list"]) == 0
    assert capsys.readouterr().out == "default\n"
    assert main(["passport", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed == {"schema": "mip.passport.list/1", "passports": ["default"]}
    assert main(["--data-dir", str(tmp_path), "passport", "list"]) == 0
    output = capsys.readouterr()
    assert (output.out, output.err[:10]) == ("", "mip: note:")


def on_a_terminal(command: list[str], *typed: bytes) -> tuple[int, str]:
    """Run a command on a terminal of its own, answering each prompt; return code and screen."""
    screen, device = pty.openpty()

    def own_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        [sys.executable, *command],
        stdin=device,
        stdout=device,
        stderr=device,
        start_new_session=True,
        preexec_fn=own_terminal,
        env=os.environ | {"TERM": "xterm", "NO_COLOR": "1"},
    )
    os.close(device)
    shown, answers = b"", list(typed)
    while True:
        try:
            shown += os.read(screen, 4096)
        except OSError:  # the last holder of the terminal has gone
            break
        if answers and shown.endswith(b": "):
            os.write(screen, answers.pop(0))
    os.close(screen)
    return process.wait(timeout=20), shown.decode()


def show_command(data_dir: Path) -> list[str]:
    return ["-m", "mip_cli", "--data-dir", str(data_dir), "passport", "show"]


def test_terminal__password_is_asked_and_not_echoed(data_dir):
    code, shown = on_a_terminal(show_command(data_dir[0]), PASSWORD.encode() + b"\n")
    assert code == 0, shown
    assert shown.startswith("password of passport default: ")
    assert "registry" in shown
    assert PASSWORD not in shown
    assert "\x1b[3" not in shown, "no colour was wanted"


def test_terminal__interrupt_at_the_prompt(data_dir):
    code, shown = on_a_terminal(show_command(data_dir[0]), b"\x03")
    assert code == 130
    assert "mip: error: interrupted" in shown


def test_terminal__end_of_input_at_the_prompt(data_dir):
    code, shown = on_a_terminal(show_command(data_dir[0]), b"\x04")
    assert code == 2
    assert "mip: error: no password was given" in shown


NEW_PASSWORD = """
from mip_cli.cli import _io
try:
    print("got", len(_io.read_password(None, prompt="new password", confirm=True)))
except Exception as error:
    print("refused", error)
"""


@pytest.mark.parametrize(
    ("typed", "outcome"),
    [
        ((b"canary123\n", b"canary123\n"), "got 9"),
        ((b"canary123\n", b"canary124\n"), "refused the two passwords differ"),
        ((b"canary\n", b"canary\n"), "refused the password has fewer than 8 characters"),
    ],
)
def test_terminal__new_password_is_asked_twice(typed, outcome):
    _, shown = on_a_terminal(["-c", NEW_PASSWORD], *typed)
    assert outcome in shown
    assert "canary" not in shown
    assert shown.startswith("new password: ")
    assert "the same again: " in shown
