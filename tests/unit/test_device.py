"""The device secret and the count of photos: where they lie, and what they refuse."""

from __future__ import annotations

import json
import os
import socket
import stat
import time
from dataclasses import replace

import pytest

from mip_cli.config import load_settings
from mip_cli.crypto.aead import Sealed
from mip_cli.errors import ConfigInvalid, FileInvalid, KeyLocked
from mip_cli.flows import doctor
from mip_cli.progress import Silent
from mip_cli.store import attempts, device, keyring
from mip_cli.store.attempts import LIMIT, WAIT, Attempts
from mip_cli.store.device import DeviceSecret, Place
from mip_cli.store.slots import FaceSlot
from tests.unit.secret_service import SecretService

SLOT = FaceSlot(bytes(16), Sealed(b"n" * 12, b"w" * 64))
OTHER = FaceSlot(bytes(16), Sealed(b"n" * 12, b"x" * 64))
SECRET = DeviceSecret(b"d" * 32, Place.FILE)
NOW = 1_790_000_000


class MemoryKeyring:
    """The system's keyring as far as this project sees it: an outside service."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.locked = False

    def get(self, name: str) -> str | None:
        return None if self.locked else self.kept.get(name)

    def set(self, name: str, value: str) -> bool:
        if self.locked:
            return False
        self.kept[name] = value
        return True


def test_ensure__draws_once_and_keeps_it_private(tmp_path):
    assert device.place(tmp_path) is None
    secret = device.ensure(tmp_path, None)
    assert device.ensure(tmp_path, None) == secret
    assert device.find(tmp_path, secret.name, None) == secret
    assert device.place(tmp_path) is Place.FILE
    path = tmp_path / "device" / "secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert len(secret.name) == 16
    assert secret.name.hex() not in path.read_text()
    assert secret.value.hex() not in repr(secret)


def test_ensure__prefers_an_open_keyring(tmp_path):
    ring = MemoryKeyring()
    secret = device.ensure(tmp_path, ring)
    assert secret.place is Place.KEYRING is device.place(tmp_path)
    assert ring.kept == {secret.name.hex(): secret.value.hex()}
    assert device.ensure(tmp_path, ring) == secret
    assert device.find(tmp_path, secret.name, ring) == secret
    for file in (tmp_path / "device").iterdir():
        assert secret.value not in file.read_bytes()
        assert secret.value.hex().encode() not in file.read_bytes()


def test_ensure__a_locked_keyring_is_no_keyring(tmp_path):
    ring = MemoryKeyring()
    ring.locked = True
    secret = device.ensure(tmp_path, ring)
    assert secret.place is Place.FILE
    assert ring.kept == {}


def test_find__a_keyring_that_was_locked_since__reverts(tmp_path):
    ring = MemoryKeyring()
    secret = device.ensure(tmp_path, ring)
    ring.locked = True
    for opened in (ring, None):
        with pytest.raises(KeyLocked, match="keyring, which is locked") as found:
            device.find(tmp_path, secret.name, opened)
        assert found.value.exit_code == 5
        with pytest.raises(KeyLocked, match="locked"):  # and no second secret in its place
            device.ensure(tmp_path, opened)
    ring.locked = False
    assert device.find(tmp_path, secret.name, ring) == secret


def test_find__another_device__reverts(tmp_path):
    secret = device.ensure(tmp_path, None)
    with pytest.raises(KeyLocked, match="set on another device"):
        device.find(tmp_path, bytes(16), MemoryKeyring())
    with pytest.raises(KeyLocked, match="set on another device"):
        device.find(tmp_path / "elsewhere", secret.name, None)


def test_find__a_keyring_that_lies__reverts(tmp_path):
    ring = MemoryKeyring()
    secret = device.ensure(tmp_path, ring)
    ring.kept[secret.name.hex()] = (b"z" * 32).hex()
    with pytest.raises(KeyLocked):
        device.find(tmp_path, secret.name, ring)
    ring.kept[secret.name.hex()] = "CANARY"
    with pytest.raises(FileInvalid, match="damaged") as found:
        device.find(tmp_path, secret.name, ring)
    assert "CANARY" not in str(found.value)


def test_find__a_damaged_file__reverts(tmp_path):
    secret = device.ensure(tmp_path, None)
    path = tmp_path / "device" / "secret"
    for data in (b"", b"zz", secret.value.hex().encode()[:-2], b"\xff\xfe", b"0" * 300):
        path.write_bytes(data)
        with pytest.raises(FileInvalid):
            device.find(tmp_path, secret.name, None)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(FileInvalid, match="symbolic link"):
        device.find(tmp_path, secret.name, None)


def test_ensure__killed(tmp_path):
    child = os.fork()
    if child == 0:
        os.link = lambda *_: os.kill(os.getpid(), 9)  # type: ignore[assignment]
        device.ensure(tmp_path, None)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == 9
    secret = device.ensure(tmp_path, None)
    assert device.find(tmp_path, secret.name, None) == secret


def test_system_keyring__no_session_bus(monkeypatch):
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
    ring = keyring.SystemKeyring()
    assert ring.get("name") is None
    assert ring.set("name", "value") is False


@pytest.mark.thorough
def test_system_keyring__a_bus_that_never_answers_holds_nobody_up(monkeypatch, tmp_path):
    with socket.socket(socket.AF_UNIX) as bus:
        bus.bind(str(tmp_path / "bus"))
        bus.listen()
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/bus")
        ring = keyring.SystemKeyring(timeout=0.2)
        assert ring.get("name") is None
        assert ring.set("name", "value") is False
        assert device.ensure(tmp_path, ring).place is Place.FILE


def test_system_keyring__never_a_backend_of_configuration(monkeypatch, tmp_path):
    """The package would load any class that the environment names; ours asks one by name."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    assert device.ensure(tmp_path, keyring.SystemKeyring()).place is Place.FILE


def test_settings__say_whether_a_keyring_is_asked(tmp_path):
    env = {"HOME": str(tmp_path)}
    assert isinstance(keyring.of(load_settings(env)), keyring.SystemKeyring)
    assert keyring.of(load_settings(env | {"MIP_KEYRING": "off"})) is None
    with pytest.raises(ConfigInvalid, match="auto or off"):
        load_settings(env | {"MIP_KEYRING": "maybe"})


def counter(tmp_path, *, has_people=True, slot=SLOT, secret=SECRET) -> Attempts:
    return Attempts(tmp_path, secret, slot, has_people=has_people)


def test_attempts__five_then_closed_until_people_open(tmp_path):
    for used in range(LIMIT):
        assert counter(tmp_path).require_open(NOW) == LIMIT - used
        counter(tmp_path).begin(NOW)  # a new object each time: the count is on disk
    for later in (NOW, NOW + 10 * 365 * 86400):
        with pytest.raises(KeyLocked, match="closed after 5 photos") as found:
            counter(tmp_path).begin(later)
        assert "password and people" in found.value.hint
        with pytest.raises(KeyLocked):
            counter(tmp_path).require_open(later)
    assert counter(tmp_path, slot=OTHER).require_open(NOW) == LIMIT, "another passport's is its own"
    attempts.forget(tmp_path, SLOT)
    assert counter(tmp_path).require_open(NOW) == LIMIT


def test_attempts__without_people_one_an_hour(tmp_path):
    """Nobody could open the face again: bad light must not cost the passport."""
    for _ in range(LIMIT):
        counter(tmp_path, has_people=False).begin(NOW)
    with pytest.raises(KeyLocked, match="closed for 60 minutes more"):
        counter(tmp_path, has_people=False).begin(NOW)
    with pytest.raises(KeyLocked, match="closed for 1 minutes more"):
        counter(tmp_path, has_people=False).begin(NOW + WAIT - 1)
    with pytest.raises(KeyLocked, match="closed for 60 minutes"):  # a clock put back wins nothing
        counter(tmp_path, has_people=False).begin(NOW - 86400)
    assert counter(tmp_path, has_people=False).require_open(NOW + WAIT) == 1
    counter(tmp_path, has_people=False).begin(NOW + WAIT)
    with pytest.raises(KeyLocked, match="closed for 60 minutes more"):
        counter(tmp_path, has_people=False).begin(NOW + WAIT)


def test_attempts__durable_before_the_photo_is_compared(tmp_path):
    """Killed after the count and before the verdict: the attempt is spent."""
    for spent in range(LIMIT):
        child = os.fork()
        if child == 0:
            counter(tmp_path).begin(NOW)
            os.kill(os.getpid(), 9)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == 9
        if spent < LIMIT - 1:
            assert counter(tmp_path).require_open(NOW) == LIMIT - spent - 1
    with pytest.raises(KeyLocked):
        counter(tmp_path).require_open(NOW)


@pytest.mark.thorough
@pytest.mark.parametrize("field", ["failed", "last", "mac", "format", "noise"])
def test_attempts__altered__closed(tmp_path, field):
    counter(tmp_path).begin(NOW)
    path = tmp_path / "device" / "attempts.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    good = path.read_bytes()
    document = json.loads(good)
    (entry,) = document["attempts"].values()
    match field:
        case "failed" | "last":
            entry[field] -= 1 if field == "last" else -1
        case "mac":
            entry["mac"] = "0x" + "00" * 32
        case "format":
            document["format"] = "mip.attempts/9"
    path.write_bytes(b"noise" if field == "noise" else json.dumps(document).encode())
    with pytest.raises(KeyLocked, match="altered or is damaged"):
        counter(tmp_path).begin(NOW)
    with pytest.raises(KeyLocked, match="altered or is damaged"):
        counter(tmp_path).require_open(NOW)
    path.write_bytes(good)
    assert counter(tmp_path).require_open(NOW) == LIMIT - 1
    path.write_bytes(b"noise" if field == "noise" else json.dumps(document).encode())
    attempts.forget(tmp_path, SLOT)  # who opened the passport otherwise mends it
    assert counter(tmp_path).require_open(NOW) == LIMIT


def test_attempts__of_another_device_secret__closed(tmp_path):
    counter(tmp_path).begin(NOW)
    with pytest.raises(KeyLocked, match="altered"):
        counter(tmp_path, secret=DeviceSecret(b"e" * 32, Place.FILE)).require_open(NOW)


def test_attempts__keeps_the_newest_counts_of_many(tmp_path, monkeypatch):
    monkeypatch.setattr(attempts, "MAX_ENTRIES", 3)
    for number in range(5):
        slot = FaceSlot(bytes(16), Sealed(bytes(12), bytes([number]) * 64))
        counter(tmp_path, slot=slot).begin(NOW + number)
    document = json.loads((tmp_path / "device" / "attempts.json").read_bytes())
    assert sorted(e["last"] - NOW for e in document["attempts"].values()) == [2, 3, 4]


def test_forget__nothing_counted(tmp_path):
    attempts.forget(tmp_path, SLOT)
    assert not (tmp_path / "device").exists()
    counter(tmp_path).begin(time.time())
    attempts.forget(tmp_path, OTHER)
    assert counter(tmp_path).require_open(time.time()) == LIMIT - 1


@pytest.mark.thorough
def test_doctor__says_where_the_device_secret_lies(tmp_path):
    # the machine code of the circuits stays where every run finds it: it takes seconds to make
    settings = replace(load_settings(), data_dir=tmp_path / "data")

    def says() -> str:
        checks = doctor.examine(settings, Silent(), chain=False)
        (found,) = [check.text for check in checks if check.name == "device secret"]
        return found

    assert says() == "none yet; the first enrolment draws it"
    device.ensure(settings.data_dir, MemoryKeyring())
    assert says() == "in the system's keyring"
    other = replace(settings, data_dir=tmp_path / "other")
    device.ensure(other.data_dir, None)
    settings = other
    assert says() == f"in {other.data_dir}/device, for there was no open keyring"


@pytest.fixture
def service(tmp_path, monkeypatch):
    made = SecretService(tmp_path / "session-bus")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", made.address)
    yield made
    made.close()


def test_system_keyring__keeps_and_gives_back(tmp_path, service):
    ring = keyring.SystemKeyring()
    assert ring.get("name") is None
    secret = device.ensure(tmp_path, ring)
    assert secret.place is Place.KEYRING
    ((attributes, kept),) = service.items.values()
    assert kept.decode() == secret.value.hex()
    assert attributes["service"] == keyring.SERVICE
    assert attributes["username"] == secret.name.hex()
    assert device.find(tmp_path, secret.name, keyring.SystemKeyring()) == secret


@pytest.mark.thorough
def test_system_keyring__locked__asks_nobody(tmp_path, service):
    """No password window: neither ``Unlock`` nor ``Prompt`` is ever called."""
    secret = device.ensure(tmp_path, keyring.SystemKeyring())
    service.locked = True
    service.asked.clear()
    with pytest.raises(KeyLocked, match="keyring, which is locked"):
        device.find(tmp_path, secret.name, keyring.SystemKeyring())
    assert device.ensure(tmp_path / "other", keyring.SystemKeyring()).place is Place.FILE
    assert "Get" in service.asked
    assert not {"Unlock", "Prompt", "CreateItem", "CreateCollection"} & set(service.asked)
