"""Backups of real key files: what comes in, what it never replaces, and every refusal."""

from __future__ import annotations

import json
import os
from dataclasses import replace

from mip_cli.crypto.cid import cid_of
from mip_cli.crypto.kdf import KdfParams
from mip_cli.flows import face
from mip_cli.flows.passport import passport_file
from mip_cli.flows.passport.passport_keys import own_keys
from mip_cli.progress import Silent
from mip_cli.store import container, keyfile, passports
from mip_cli.store.slots import PeopleLock
from mip_cli.units import Epoch
from tests.integration.store.backup.conftest import (
    OTHER_PASSWORD,
    contents,
    export,
    open_with_people,
)


def test_import__never_loses_what_was_there(owner, clean, mip, tmp_path, capsys) -> None:
    assert mip(owner.settings, *export(owner, "-o", "first")) == 0
    assert mip(owner.settings, *export(owner, "-o", "second")) == 0
    first, second = (tmp_path / "first").read_bytes(), (tmp_path / "second").read_bytes()
    # the same slots under the same root key: only the face's slot went
    assert first == second
    assert mip(clean, "import", "first") == 0
    capsys.readouterr()
    assert mip(clean, "import", "first", "--json") == 0
    assert json.loads(capsys.readouterr().out)["unchanged"]
    older = owner.path.read_bytes()
    passports.passport_path(clean.data_dir, "default").write_bytes(older)
    assert mip(clean, "import", "first") == 2
    assert "it may be newer" in capsys.readouterr().err
    assert contents(clean) == {"default.mip": older}
    assert mip(clean, "import", "first", "--force") == 0
    assert "kept as" in capsys.readouterr().err
    assert contents(clean) == {"default.mip": first, "default.mip.replaced-1": older}
    assert passports.list_names(clean.data_dir) == ["default"]


def test_import__damaged__reverts(owner, clean, mip, tmp_path, capsys) -> None:
    assert mip(owner.settings, *export(owner, "-o", "good")) == 0
    data = (tmp_path / "good").read_bytes()
    middle = len(data) // 2
    other = b"1" if data[middle : middle + 1] == b"0" else b"0"
    forms = {
        "shorter": (data[:middle], "cut short"),
        "byte": (data[:middle] + other + data[middle + 1 :], "damaged"),
        "longer": (data + b"\n", "damaged"),
        "empty": (b"", "empty"),
        "huge": (data + b" " * container.MAX_BYTES, "larger than 262144 bytes"),
    }
    for name, (content, _) in forms.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    reasons = {name: reason for name, (_, reason) in forms.items()}
    special = {"folder": "not a regular file", "pipe": "not a regular file", "none": "there is no"}
    for name, reason in (reasons | special).items():
        capsys.readouterr()
        assert mip(clean, "import", name) == 3
        first, *_ = capsys.readouterr().err.splitlines()
        assert first.startswith("mip: error: ")
        assert reason in first
        assert "backup" in first
        assert contents(clean) == {}
    assert mip(clean, "import", "good") == 0


def test_import__a_copy_of_the_key_file_on_its_own_device(owner, clean, mip, tmp_path) -> None:
    copy = tmp_path / "copy.mip"
    owner.path.rename(copy)
    assert mip(clean, "import", copy) == 2
    assert mip(owner.settings, "import", copy) == 0
    assert mip(owner.settings, "show", "--image", owner.photos.again, "--password-file", "-") == 0


def test_backup__older_than_the_keys__still_has_what_recovery_needs(
    owner, clean, mip, tmp_path
) -> None:
    assert mip(owner.settings, *export(owner, "-o", "old")) == 0
    template = face.enrolment_template(owner.photos.again, owner.settings, Silent())
    params = KdfParams(os.urandom(32))
    lock, keys = keyfile.password_lock(OTHER_PASSWORD.encode(), params)
    after = replace(owner.content, epoch=Epoch(4), **own_keys(template, keys.stretched, params))
    locks = [
        lock,
        passport_file.face_lock(owner.settings, template),
        PeopleLock(owner.people.keypair.public),
    ]
    keyfile.create(owner.path, after, locks, overwrite=True)  # as a rotation ends
    assert mip(clean, "import", "old") == 0
    found = open_with_people(clean, owner)
    assert (found.secret, found.anchor, found.anchor_key) == (
        after.secret,
        after.anchor,
        after.anchor_key,
    )
    assert mip(owner.settings, *export(owner, "-o", "new"), password=OTHER_PASSWORD) == 0
    assert cid_of((tmp_path / "new").read_bytes()) != cid_of((tmp_path / "old").read_bytes())
