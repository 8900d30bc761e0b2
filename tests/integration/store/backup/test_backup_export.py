"""Backups of real key files: what leaves a device, to where, and every refusal."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from mip_cli.crypto.cid import cid_of
from mip_cli.crypto.people import PeopleSecret
from mip_cli.flows.passport import passport_file
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.flows.recovery import backup
from mip_cli.flows.recovery.locator import Locator, format_locator
from mip_cli.models import Kind
from mip_cli.progress import Silent
from mip_cli.store import container, keyfile
from mip_cli.store.secrets_codec import PassportStatus
from mip_cli.units import Commitment
from tests.integration.store.backup.conftest import (
    PASSWORD,
    REGISTRY,
    contents,
    export,
    guardians,
    open_with_people,
)


def test_export__comes_back_on_a_clean_machine(owner, clean, mip, tmp_path, capsys) -> None:
    file = tmp_path / "out.backup"
    assert mip(owner.settings, *export(owner, "-o", file, "--json")) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown == {
        "schema": "mip.passport.export/1",
        "name": "default",
        "opened_by": ["password", "people"],
        "bytes": file.stat().st_size,
        "cid": cid_of(file.read_bytes()),
        "file": str(file),
        "ipfs": False,
        "transfer_code_file": None,
    }
    assert file.stat().st_mode & 0o777 == 0o600
    assert not [c for c in owner.canaries if c in file.read_bytes()]
    assert mip(clean, "import", file, "--json") == 0
    imported = json.loads(capsys.readouterr().out)
    assert (imported["ready"], imported["replaced"], imported["unchanged"]) == (False, None, False)
    assert imported["opened_by"] == ["password", "people"]
    path = Path(imported["path"])
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert open_with_people(clean, owner) == owner.content
    assert owner.path.read_bytes() != file.read_bytes()
    assert keyfile.read(owner.path).kinds == (Kind.PASSWORD, Kind.FACE, Kind.PEOPLE)


def test_export__while_other_guardians_wait__says_who_will_not_open_it(
    owner, mip, tmp_path, capsys
) -> None:
    assert mip(owner.settings, *export(owner, "-o", tmp_path / "one.backup")) == 0
    assert "change of your guardians" not in capsys.readouterr().err
    factors = Factors(PASSWORD.encode(), owner.photos.again)
    unlocked = passport_file.unlock(owner.settings, "default", factors, Silent()).unlocked
    pending = guardians(PeopleSecret.random()).active
    waiting = replace(owner.content.guardians, pending=pending)
    keyfile.update(unlocked, replace(owner.content, guardians=waiting))
    assert mip(owner.settings, *export(owner, "-o", tmp_path / "two.backup")) == 0
    said = capsys.readouterr().err
    assert "will not open this backup" in said
    assert "mip guardian finish" in said


def test_export__to_stdout(owner, mip, capsysbinary) -> None:
    assert mip(owner.settings, *export(owner, "-o", "-")) == 0
    data = capsysbinary.readouterr().out
    assert container.parse(data, "it").kinds == (Kind.PASSWORD, Kind.PEOPLE)


def test_export__one_place_at_a_time(owner, mip, tmp_path, capsys) -> None:
    for words in ([], ["-o", "a", "--ipfs"], ["--folder", tmp_path, "--ipfs"]):
        assert mip(owner.settings, *export(owner, *words)) == 2
        assert "one of -o, --folder and --ipfs" in capsys.readouterr().err
    assert mip(owner.settings, *export(owner, "--for-device", "code", "--ipfs")) == 2
    assert "in a file, not into a store" in capsys.readouterr().err
    assert mip(owner.settings, *export(owner, "--json", "-o", "-")) == 2
    assert sorted(p.name for p in tmp_path.glob("*")) == ["device"]


def test_export__without_guardians__reverts(owner, mip, tmp_path, capsys) -> None:
    factors = Factors(PASSWORD.encode(), owner.photos.again)
    unlocked = passport_file.unlock(owner.settings, "default", factors, Silent()).unlocked
    keyfile.update(unlocked, replace(owner.content, guardians=None), drop=[Kind.PEOPLE])
    assert mip(owner.settings, *export(owner, "-o", "out")) == 2
    error = capsys.readouterr().err
    assert "nobody could open a backup of default elsewhere: it has no guardians" in error
    assert "mip guardian invite" in error
    assert not (tmp_path / "out").exists()
    assert mip(owner.settings, *export(owner, "-o", "out", "--for-device", "code")) == 0


def test_export__never_enrolled__reverts(owner, mip, tmp_path, capsys) -> None:
    factors = Factors(PASSWORD.encode(), owner.photos.again)
    unlocked = passport_file.unlock(owner.settings, "default", factors, Silent()).unlocked
    keyfile.update(unlocked, replace(owner.content, status=PassportStatus.PREPARED))
    assert mip(owner.settings, *export(owner, "-o", "out")) == 2
    assert "was not enrolled yet" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_export__overwrites_only_when_told(owner, mip, tmp_path, capsys) -> None:
    (tmp_path / "out").write_text("mine")
    assert mip(owner.settings, *export(owner, "-o", "out", "--for-device", "code")) == 2
    assert "exists" in capsys.readouterr().err
    assert (tmp_path / "out").read_text() == "mine"
    assert not (tmp_path / "code").exists()
    assert mip(owner.settings, *export(owner, "-o", "out", "--force")) == 0
    assert container.parse((tmp_path / "out").read_bytes(), "it")


def test_folder__named_by_content(owner, clean, mip, tmp_path, capsys) -> None:
    stick = tmp_path / "stick"
    assert mip(owner.settings, *export(owner, "--folder", stick, "--json")) == 0
    shown = json.loads(capsys.readouterr().out)
    file = stick / f"{shown['cid']}.mip"
    assert shown["file"] == str(file)
    assert cid_of(file.read_bytes()) == shown["cid"]
    assert mip(clean, "import", shown["cid"], "--folder", stick) == 0
    assert open_with_people(clean, owner) == owner.content
    locator = Locator(31337, REGISTRY, REGISTRY, Commitment(7), owner.content.anchor, shown["cid"])
    by_locator = ["import", format_locator(locator), "--folder", stick, "--passport", "second"]
    assert mip(clean, *by_locator) == 0
    nowhere = format_locator(replace(locator, cid=None))
    assert mip(clean, "import", nowhere, "--folder", stick, "--passport", "third") == 2
    assert "does not say where a backup is" in capsys.readouterr().err
    file.write_bytes(file.read_bytes().replace(b"0x", b"0X", 1))
    assert mip(clean, "import", shown["cid"], "--folder", stick, "--passport", "third") == 3
    assert "does not hold what its name says" in capsys.readouterr().err
    assert sorted(contents(clean)) == ["default.mip", "second.mip"]


def test_ipfs__there_and_back(owner, clean, mip, ipfs_url, capsys) -> None:
    assert mip(owner.settings, *export(owner, "--ipfs", "--ipfs-url", ipfs_url, "--json")) == 0
    cid = json.loads(capsys.readouterr().out)["cid"]
    assert mip(clean, "import", cid, "--ipfs-url", ipfs_url) == 0
    assert open_with_people(clean, owner) == owner.content
    other = cid_of(b"nothing of the kind")
    node = backup.ipfs(ipfs_url)
    node.put(b"no backup at all")
    assert mip(clean, "import", cid_of(b"no backup at all"), "--ipfs-url", ipfs_url) == 3
    assert "the backup is not a key file of mip" in capsys.readouterr().err
    assert not node.has(other)
