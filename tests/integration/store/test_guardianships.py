"""What guardians and askers keep on disk, under their passwords."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from mip_cli.crypto import hpke
from mip_cli.crypto.field import R
from mip_cli.errors import FileInvalid, KeyLocked, UsageFault, WrongSecret
from mip_cli.store import asks, guardianships
from mip_cli.store.guardianships import Guardianship

PASSWORD = b"a password of a guardian"
INVITATION = bytes(range(16))


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, guardianships.Opened]:
    data = tmp_path_factory.mktemp("guardian")
    return data, guardianships.create(data, "ada", "Ada", INVITATION, PASSWORD, 1_700_000_000)


def test_open__gives_what_was_made(made) -> None:
    data, opened = made
    again = guardianships.open_with_password(data, "ada", PASSWORD)
    assert again.content == opened.content
    assert (again.content.label, again.content.invitation) == ("Ada", INVITATION)
    assert again.content.leaf == opened.content.leaf
    assert again.content.public_key == hpke.keypair_from(again.content.private_key).public


def test_open__another_password__is_refused(made) -> None:
    with pytest.raises(WrongSecret, match="does not open"):
        guardianships.open_with_password(made[0], "ada", b"another password")


def test_create__twice__is_refused(made) -> None:
    before = guardianships.path_of(made[0], "ada").read_bytes()
    with pytest.raises(UsageFault, match="exists"):
        guardianships.create(made[0], "ada", "Ada", INVITATION, PASSWORD, 0)
    assert guardianships.path_of(made[0], "ada").read_bytes() == before


def test_create__draws_new_secrets(made, tmp_path: Path) -> None:
    other = guardianships.create(tmp_path, "ada", "Ada", INVITATION, PASSWORD, 0).content
    mine = made[1].content
    assert {other.secret, other.salt, other.private_key}.isdisjoint(
        {mine.secret, mine.salt, mine.private_key}
    )


def test_file__is_private_and_shows_nothing(made) -> None:
    path = guardianships.path_of(made[0], "ada")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    data, content = path.read_bytes(), made[1].content
    for value in (content.secret, content.salt, int.from_bytes(content.private_key, "big")):
        assert f"{value:064x}".encode() not in data
    assert b"Ada" not in data
    assert str(content.secret) not in repr(made[1]) + repr(content) + repr(made[1].box)


def test_open__damaged__is_refused_before_any_work(made, tmp_path: Path) -> None:
    source = guardianships.path_of(made[0], "ada").read_bytes()
    path = guardianships.path_of(tmp_path, "ada")
    path.parent.mkdir(mode=0o700)
    path.write_bytes(source)
    assert guardianships.open_with_password(tmp_path, "ada", PASSWORD)
    for damaged in (b"", source[:-2], source.replace(b"0x", b"0X", 1), source + b"\n"):
        path.write_bytes(damaged)
        with pytest.raises(FileInvalid):
            guardianships.open_with_password(tmp_path, "ada", PASSWORD)


def test_keep_parts__is_durable_and_refuses_a_race(made) -> None:
    data, opened = made
    kept = guardianships.keep_parts(opened, (b"one", b"two"))
    again = guardianships.open_with_password(data, "ada", PASSWORD)
    assert again.content.parts == kept.content.parts == (b"one", b"two")
    with pytest.raises(KeyLocked, match="in the meantime"):
        guardianships.keep_parts(opened, (b"three",))
    guardianships.keep_parts(again, ())


def test_guardianship__out_of_range__is_refused(made) -> None:
    content = made[1].content
    assert replace(content, parts=(b"x",) * guardianships.MAX_PARTS)
    for change in (
        {"secret": 0},
        {"secret": R},
        {"salt": R},
        {"parts": (b"x",) * (guardianships.MAX_PARTS + 1)},
    ):
        with pytest.raises(ValueError, match="out of range"):
            replace(content, **change)
    assert isinstance(content, Guardianship)


def test_names__are_safe(made, tmp_path: Path) -> None:
    assert guardianships.list_names(made[0]) == ["ada"]
    assert guardianships.list_names(tmp_path / "none") == []
    for name in ("", "../ada", "Ada", "a" * 33):
        with pytest.raises(UsageFault, match="1 to 32"):
            guardianships.path_of(made[0], name)
    with pytest.raises(UsageFault, match="no guardianship named eve"):
        guardianships.require(made[0], "eve")


def test_asks__open_once_and_are_forgotten(tmp_path: Path) -> None:
    ask, key = bytes(range(32)), asks.AskKey(bytes(range(1, 33)), bytes(range(2, 34)))
    asks.create(tmp_path, ask, key, PASSWORD)
    assert asks.open_with_password(tmp_path, ask, PASSWORD) == key
    assert key.private_key.hex() not in repr(key)
    assert key.private_key.hex().encode() not in asks.path_of(tmp_path, ask).read_bytes()
    with pytest.raises(WrongSecret):
        asks.open_with_password(tmp_path, ask, b"another password")
    asks.forget(tmp_path, ask)
    asks.forget(tmp_path, ask)
    with pytest.raises(UsageFault, match="used already"):
        asks.open_with_password(tmp_path, ask, PASSWORD)
