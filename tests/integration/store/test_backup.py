"""Backups of real key files: out of one device, into another, and every refusal in between."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from mip_cli.cli import main
from mip_cli.config import Settings, load_settings
from mip_cli.crypto.cid import cid_of
from mip_cli.crypto.field import random_element, random_salt
from mip_cli.crypto.kdf import KdfParams
from mip_cli.crypto.people import PeopleSecret
from mip_cli.crypto.transfer import TransferCode
from mip_cli.flows import face
from mip_cli.flows.demo import demo_photos
from mip_cli.flows.passport import passport_file
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.flows.passport.passport_keys import own_keys
from mip_cli.flows.recovery import backup
from mip_cli.flows.recovery.locator import Locator, format_locator
from mip_cli.models import Kind
from mip_cli.progress import Silent
from mip_cli.store import container, keyfile, passports
from mip_cli.store.guardian_codec import GuardianState, Member, SetRecord
from mip_cli.store.secrets_codec import PassportSecrets, PassportStatus
from mip_cli.store.slots import PeopleLock
from mip_cli.units import Address, Commitment, Epoch

PASSWORD = "correct horse battery staple"
OTHER_PASSWORD = "another horse altogether"
REGISTRY = Address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")


@dataclass(frozen=True)
class Owner:
    """A person with a passport on a device, and guardians."""

    settings: Settings
    photos: demo_photos.Photos
    content: PassportSecrets
    people: PeopleSecret

    @property
    def path(self) -> Path:
        return passports.passport_path(self.settings.data_dir, "default")

    @property
    def canaries(self) -> list[bytes]:
        """What nobody may find in the clear."""
        content = self.content
        values = [content.secret, content.face_salt, content.keys_salt]
        texts = [f"{value:064x}".encode() for value in values]
        return [*texts, content.anchor_key.hex().encode(), content.anchor.encode(), b"friend"]


def guardians(people: PeopleSecret) -> GuardianState:
    members = tuple(
        Member(f"friend {i}", bytes([i]) * 16, i + 1, bytes([i]) * 32, i, i) for i in range(3)
    )
    digests, fillers = (bytes(32),) * 3, tuple(range(100, 113))
    record = SetRecord(2, 3, 1, people.commitment, people.keypair.public, digests, members, fillers)
    return GuardianState(active=record)


@pytest.fixture(scope="module")
def template_owner(tmp_path_factory: pytest.TempPathFactory) -> Owner:
    photos = demo_photos.find(None, tmp_path_factory.mktemp("photos"))
    folder = tmp_path_factory.mktemp("device") / "data"
    settings = replace(load_settings(), data_dir=folder, keyring="off")
    template = face.enrolment_template(photos.first, settings, Silent())
    params = KdfParams(os.urandom(32))
    lock, keys = keyfile.password_lock(PASSWORD.encode(), params)
    people = PeopleSecret.random()
    content = PassportSecrets(
        name="default",
        status=PassportStatus.ENROLLED,
        created=1_790_000_000,
        secret=random_element(),
        anchor=Address("0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"),
        anchor_key=os.urandom(32),
        epoch=Epoch(3),
        guardian_commitment=random_salt(),
        chain_id=31337,
        registry=REGISTRY,
        index=5,
        guardians=guardians(people),
        **own_keys(template, keys.stretched, params),
    )
    locks = [lock, passport_file.face_lock(settings, template), PeopleLock(people.keypair.public)]
    keyfile.create(passports.passport_path(folder, "default"), content, locks)
    return Owner(settings, photos, content, people)


@pytest.fixture
def owner(
    template_owner: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Owner]:
    """A copy of the device, for one test."""
    folder = tmp_path / "device"
    shutil.copytree(template_owner.settings.data_dir, folder)
    monkeypatch.setenv("MIP_KEYRING", "off")
    monkeypatch.chdir(tmp_path)
    before = os.umask(0o022)
    settings = replace(template_owner.settings, data_dir=folder)
    yield replace(template_owner, settings=settings)
    os.umask(before)


@pytest.fixture
def clean(owner: Owner, tmp_path: Path) -> Settings:
    """A machine that has never seen the passport."""
    return replace(owner.settings, data_dir=tmp_path / "clean")


@pytest.fixture
def mip(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    def run(settings: Settings, *words: object, password: str = PASSWORD) -> int:
        stdin = TextIOWrapper(BytesIO(password.encode()))
        monkeypatch.setattr(sys, "stdin", stdin)
        return main(["--data-dir", str(settings.data_dir), "passport", *map(str, words)])

    return run


def export(owner: Owner, *words: object) -> list[object]:
    return ["export", "--image", owner.photos.again, "--password-file", "-", *words]


def open_with_people(settings: Settings, owner: Owner, name: str = "default") -> PassportSecrets:
    factors = Factors(password=PASSWORD.encode(), people=owner.people)
    return passport_file.unlock(settings, name, factors, Silent()).unlocked.secrets


def contents(settings: Settings) -> dict[str, bytes]:
    folder = passports.passports_dir(settings.data_dir)
    return {p.name: p.read_bytes() for p in folder.glob("[!.]*")} if folder.exists() else {}


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


def transfer(owner: Owner, mip: Callable[..., int]) -> None:
    assert mip(owner.settings, *export(owner, "-o", "passport.mip", "--for-device", "code")) == 0


def take_over(photo: Path, code: str = "code", *words: str) -> list[object]:
    return [
        *("import", "passport.mip", "--transfer-code", code),
        *("--image", photo, "--password-file", "-", *words),
    ]


def test_transfer__face_opens_it_on_the_new_device(owner, clean, mip, tmp_path, capsys) -> None:
    transfer(owner, mip)
    code = (tmp_path / "code").read_bytes()
    assert (tmp_path / "code").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "passport.mip").stat().st_mode & 0o777 == 0o600
    sealed = (tmp_path / "passport.mip").read_bytes()
    assert not [c for c in (*owner.canaries, code.split(b":")[3]) if c in sealed]
    assert mip(clean, *take_over(owner.photos.again), "--passport", "phone") == 0
    output = capsys.readouterr()
    assert "ready: your face opens it on this device" in output.out
    assert code.split(b":")[3].decode() not in output.out + output.err
    show = ["show", "--passport", "phone", "--image", owner.photos.again, "--password-file", "-"]
    assert mip(clean, *show) == 0
    factors = Factors(PASSWORD.encode(), owner.photos.again)
    opened = passport_file.unlock(clean, "phone", factors, Silent()).unlocked
    assert opened.secrets == replace(owner.content, name="phone")
    assert open_with_people(clean, owner, "phone") == opened.secrets
    slot, before = keyfile.read(opened.path).face, keyfile.read(owner.path).face
    assert slot is not None
    assert before is not None
    assert slot.device != before.device
    # the old device still works, until the keys are replaced
    assert passport_file.unlock(owner.settings, "default", factors, Silent())


def test_transfer__each_key_counts(owner, clean, mip, tmp_path, capsys) -> None:
    transfer(owner, mip)
    (tmp_path / "other").write_text(TransferCode.random().text + "\n")
    (tmp_path / "typo").write_text((tmp_path / "code").read_text().replace(":1:", ":1:a", 1))
    same = owner.photos.again
    for words, password, code, reason in [
        (take_over(owner.photos.other), PASSWORD, 1, "does not show the holder"),
        (take_over(same), OTHER_PASSWORD, 5, "the password does not open"),
        (take_over(same, "other"), PASSWORD, 5, "transfer code belongs to another file"),
        (take_over(same, "typo"), PASSWORD, 3, "incomplete or mistyped"),
        (["import", "passport.mip"], PASSWORD, 2, "made for a change of device"),
        (["import", "passport.mip", "--transfer-code", "code"], PASSWORD, 2, "takes your face"),
    ]:
        assert mip(clean, *words, password=password) == code, reason
        output = capsys.readouterr()
        assert reason in output.err
        assert (tmp_path / "code").read_text().split(":")[3] not in output.out + output.err
        assert contents(clean) == {}
    assert mip(clean, *take_over(same)) == 0


def test_transfer__a_plain_backup_takes_no_code(owner, clean, mip, tmp_path, capsys) -> None:
    transfer(owner, mip)
    assert mip(owner.settings, *export(owner, "-o", "passport.mip", "--force")) == 0
    assert mip(clean, *take_over(owner.photos.again)) == 2
    assert "no transfer code belongs to it" in capsys.readouterr().err
    assert contents(clean) == {}


def test_transfer__not_in_the_middle_of_a_replacement(owner, clean, mip, tmp_path, capsys) -> None:
    factors = Factors(PASSWORD.encode(), owner.photos.again)
    unlocked = passport_file.unlock(owner.settings, "default", factors, Silent()).unlocked
    keyfile.stage(unlocked)
    words = export(owner, "-o", "passport.mip", "--for-device", "code")
    assert mip(owner.settings, *words) == 5
    assert "a replacement of the keys of default is on its way" in capsys.readouterr().err
    assert not (tmp_path / "code").exists()
    # and what such a device holds is never replaced by a backup
    assert mip(owner.settings, *export(owner, "-o", "good")) == 0
    assert mip(owner.settings, "import", "good", "--force") == 5
    keyfile.discard(owner.path)
    assert mip(owner.settings, "import", "good", "--force") == 0


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
