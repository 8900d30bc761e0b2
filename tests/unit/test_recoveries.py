"""A recovery in progress on disk: its content's one form, its folder."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mip_cli.crypto.field import R
from mip_cli.crypto.kdf import KdfParams
from mip_cli.errors import UsageFault
from mip_cli.store import recoveries
from mip_cli.store.recoveries import OwnKeys, Progressing
from mip_cli.store.secrets_codec import PassportSecrets, PassportStatus
from mip_cli.units import Address, Epoch

ADDRESS = Address("0x5FbDB2315678afecb367f032d93F642f64180aa3")
KDF = KdfParams(bytes(range(32)))
OWN = OwnKeys("dlib-128/1", 12345, (1, -128, 127), 7, KDF, 8, 9, 10)
PASSPORT = PassportSecrets(
    name="me",
    status=PassportStatus.ENROLLED,
    created=1,
    secret=3,
    anchor=ADDRESS,
    anchor_key=bytes(range(32)),
    epoch=Epoch(1),
    face_spec="dlib-128/1",
    face_spec_id=5,
    template=(1, 2, 3),
    face_salt=1,
    password_kdf=KDF,
    password_commitment=1,
    twin_commitment=2,
    keys_salt=3,
    guardian_commitment=4,
    chain_id=31337,
    registry=ADDRESS,
    index=0,
)
CONTENT = Progressing("me", 1_700_000_000, "mip:1:x", b"{}\n", bytes(range(32)), OWN)


@pytest.mark.parametrize("content", [CONTENT, replace(CONTENT, passport=PASSPORT)])
def test_decode__gives_what_was_encoded(content: Progressing) -> None:
    assert recoveries.decode(recoveries.encode(content)) == content
    assert "redacted" in repr(content)
    assert str(bytes(range(32))) not in repr(content) + repr(content.own)


def test_decode__other_content__is_refused_without_quoting_it() -> None:
    sound = json.loads(recoveries.encode(CONTENT))
    own = sound["own"]
    for change in (
        {"format": "mip.recovery/2"},
        {"more": 1},
        {"private_key": "0x00"},
        {"ask": 5},
        {"passport": "{}"},
        {"passport": 7},
        {"own": {**own, "template": [128]}},
        {"own": {**own, "template": []}},
        {"own": {**own, "face_salt": f"0x{R:064x}"}},
        {"own": {**own, "password_kdf": None}},
    ):
        with pytest.raises(ValueError, match="^the sealed content is not a recovery"):
            recoveries.decode(json.dumps({**sound, **change}).encode())
    for junk in (b"", b"[]", b"null", b"\xff"):
        with pytest.raises(ValueError, match="^the sealed content is not a recovery"):
            recoveries.decode(junk)


def test_folder__only_of_possible_names(tmp_path: Path) -> None:
    assert recoveries.list_names(tmp_path) == []
    for name in ("", "..", "a/b", "A"):
        with pytest.raises(UsageFault, match="1 to 32"):
            recoveries.folder(tmp_path, name)
    with pytest.raises(UsageFault, match="no recovery of a passport named me"):
        recoveries.require(tmp_path, "me")


def test_answers__are_kept_once_and_dropped(tmp_path: Path) -> None:
    recoveries.keep_answer(tmp_path, b"one")
    recoveries.keep_answer(tmp_path, b"two")
    recoveries.keep_answer(tmp_path, b"one")
    assert sorted(recoveries.read_answers(tmp_path)) == [b"one", b"two"]
    recoveries.drop_answers(tmp_path)
    assert recoveries.read_answers(tmp_path) == []


def test_remove__leaves_nothing(tmp_path: Path) -> None:
    folder = recoveries.folder(tmp_path, "me")
    folder.mkdir(parents=True)
    for name in (recoveries.STATE, recoveries.SOURCE, recoveries.ASK):
        (folder / name).write_bytes(b"x")
    assert recoveries.list_names(tmp_path) == ["me"]
    recoveries.remove(recoveries.require(tmp_path, "me"))
    assert recoveries.list_names(tmp_path) == []
    assert not folder.exists()
