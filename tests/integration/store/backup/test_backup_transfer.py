"""A change of device: key file and transfer code, and every refusal in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mip_cli.crypto.transfer import TransferCode
from mip_cli.flows.passport import passport_file
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.progress import Silent
from mip_cli.store import keyfile
from tests.integration.store.backup.conftest import (
    OTHER_PASSWORD,
    PASSWORD,
    Owner,
    contents,
    export,
    open_with_people,
)


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
