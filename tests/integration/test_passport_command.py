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
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mip_cli.cli import main
from mip_cli.config import load_settings
from mip_cli.crypto.field import random_element, random_salt
from mip_cli.crypto.kdf import KdfParams
from mip_cli.crypto.people import PeopleSecret
from mip_cli.flows import face
from mip_cli.flows.demo import demo_photos
from mip_cli.flows.passport import passport_file
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.flows.passport.passport_keys import own_keys
from mip_cli.progress import Silent
from mip_cli.store import keyfile, passports
from mip_cli.store.guardian_codec import GuardianState, Member, SetRecord
from mip_cli.store.secrets_codec import PassportSecrets, PassportStatus
from mip_cli.store.slots import PeopleLock
from mip_cli.units import Address, Epoch

PASSWORD = "correct horse battery staple"


class Stdin(io.TextIOWrapper):
    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return demo_photos.find(None, tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory, photos):
    """A data folder with one real passport: production Argon2id, a real face."""
    folder = tmp_path_factory.mktemp("data")
    folder.chmod(0o700)
    own = replace(load_settings(), data_dir=folder, keyring="off")
    template = face.enrolment_template(photos.first, own, Silent())
    params = KdfParams(os.urandom(32))
    lock, keys = keyfile.password_lock(PASSWORD.encode(), params)
    content = PassportSecrets(
        name="default",
        status=PassportStatus.ENROLLED,
        created=1_790_000_000,
        secret=random_element(),
        anchor=Address("0x" + "Ab" * 20),
        anchor_key=os.urandom(32),
        epoch=Epoch(3),
        guardian_commitment=random_salt(),
        chain_id=31337,
        registry=Address("0x" + "Cd" * 20),
        index=5,
        **own_keys(template, keys.stretched, params),
    )
    locks = [lock, passport_file.face_lock(own, template)]
    keyfile.create(passports.passport_path(folder, "default"), content, locks)
    return folder, content


@pytest.fixture
def settings(data_dir, monkeypatch):
    monkeypatch.setenv("MIP_DATA_DIR", str(data_dir[0]))
    monkeypatch.setenv("MIP_KEYRING", "off")
    monkeypatch.setattr(sys, "stdin", Stdin(PASSWORD.encode()))
    before = os.umask(0o022)
    yield
    os.umask(before)


def show_with(photo: Path) -> list[str]:
    return ["passport", "show", "--json", "--image", str(photo), "--password-file", "-"]


def test_show__json_without_secrets(settings, data_dir, photos, capsys):
    assert main(show_with(photos.again)) == 0
    out = capsys.readouterr().out
    assert json.loads(out) == {
        "schema": "mip.passport.show/2",
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
        "opened_by": ["password", "face"],
        "people": None,
        "device_secret": "file",
        "apps": 0,
        "replacing": False,
    }


def test_show__guardians(settings, data_dir, photos, capsys, monkeypatch):
    folder, content = data_dir
    path = passports.passport_path(folder, "default")
    before = path.read_bytes()
    factors = Factors(PASSWORD.encode(), photos.again)
    own = replace(load_settings(), data_dir=folder, keyring="off")
    unlocked = passport_file.unlock(own, "default", factors, Silent()).unlocked
    people = PeopleSecret.random()
    members = tuple(
        Member(f"friend {i}", bytes([i]) * 16, i + 1, bytes([i]) * 32, i, i) for i in range(3)
    )
    fillers = tuple(range(100, 113))
    digests = (bytes(32),) * 3
    record = SetRecord(2, 3, 1, people.commitment, people.keypair.public, digests, members, fillers)
    with_people = replace(content, guardians=GuardianState(active=record))
    keyfile.update(unlocked, with_people, add=[PeopleLock(people.keypair.public)])
    assert main(show_with(photos.again)) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["people"] == {"guardians": 3, "threshold": 2, "quorum": 3}
    assert shown["kinds"] == ["face", "password", "people"]
    assert shown["opened_by"] == ["password", "face", "people"]
    monkeypatch.setattr(sys, "stdin", Stdin(PASSWORD.encode()))
    assert main([a for a in show_with(photos.again) if a != "--json"]) == 0
    text = capsys.readouterr().out
    assert "2 of 3 guardians, 3 once it is frozen" in text
    assert "friend" not in text
    # guardians and password open it too, on any device
    others = Factors(password=PASSWORD.encode(), people=people)
    elsewhere = replace(own, data_dir=folder / "elsewhere")
    opened = passport_file.open_passport(elsewhere, path, others, Silent())
    assert opened.people_key == people.people_key
    assert opened.unlocked.secrets == with_people
    path.write_bytes(before)


def test_show__password_alone__says_what_is_missing(settings, data_dir, capsys):
    assert main(["passport", "show", "--password-file", "-"]) == 5
    error = capsys.readouterr().err
    assert "opens with two of password, face, given is password" in error
    assert "--image FILE, a fresh photo" in error


def test_show__another_face__is_counted_and_releases_nothing(
    settings, data_dir, photos, capsys, monkeypatch
):
    attempts = data_dir[0] / "device" / "attempts.json"
    assert main(show_with(photos.other)) == 1
    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "FaceMismatch"
    (count,) = json.loads(attempts.read_bytes())["attempts"].values()
    assert count["failed"] == 1
    monkeypatch.setattr(sys, "stdin", Stdin(b"a wrong password"))
    assert main(show_with(photos.other)) == 5, "the password is the first thing to tell"
    (count,) = json.loads(attempts.read_bytes())["attempts"].values()
    assert count["failed"] == 1, "no photo is compared before a second kind is right"
    monkeypatch.setattr(sys, "stdin", Stdin(PASSWORD.encode()))
    assert main(show_with(photos.again)) == 0
    assert json.loads(attempts.read_bytes())["attempts"] == {}


def test_show__too_many_faces__closes_also_for_the_right_one(
    settings, data_dir, photos, capsys, monkeypatch
):
    attempts = data_dir[0] / "device" / "attempts.json"
    for _ in range(5):
        monkeypatch.setattr(sys, "stdin", Stdin(PASSWORD.encode()))
        assert main(show_with(photos.other)) == 1
    capsys.readouterr()
    monkeypatch.setattr(sys, "stdin", Stdin(PASSWORD.encode()))
    assert main(show_with(photos.again)) == 5
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["kind"] == "KeyLocked"
    assert "closed for 60 minutes more" in error["message"]
    attempts.unlink()


def test_show__wrong_password_quotes_nothing(settings, photos, capsys, monkeypatch):
    monkeypatch.setenv("MIP_DEBUG", "1")
    monkeypatch.setattr(sys, "stdin", Stdin(b"canary canary"))
    assert main(show_with(photos.again)) == 5
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
    return process.wait(timeout=300), shown.decode()


def show_command(data_dir: Path, photo: Path) -> list[str]:
    command = ["-m", "mip_cli", "--data-dir", str(data_dir), "passport", "show"]
    return [*command, "--image", str(photo)]


def test_terminal__password_is_asked_and_not_echoed(data_dir, photos):
    code, shown = on_a_terminal(show_command(data_dir[0], photos.again), PASSWORD.encode() + b"\n")
    assert code == 0, shown
    assert shown.startswith("password of passport default: ")
    assert "registry" in shown
    assert PASSWORD not in shown
    assert "\x1b[3" not in shown, "no colour was wanted"


def test_terminal__interrupt_at_the_prompt(data_dir, photos):
    code, shown = on_a_terminal(show_command(data_dir[0], photos.again), b"\x03")
    assert code == 130
    assert "mip: error: interrupted" in shown


def test_terminal__end_of_input_at_the_prompt(data_dir, photos):
    code, shown = on_a_terminal(show_command(data_dir[0], photos.again), b"\x04")
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
