"""``mip passport sheet`` for an enrolled passport: true to the chain, and without a secret."""

from __future__ import annotations

import json
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mip_cli.chain.devnet import developer_signer
from mip_cli.cli import main
from mip_cli.crypto.cid import cid_of
from mip_cli.flows.passport import enroll, passport_file
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.flows.passport.passport_keys import keys_of
from mip_cli.flows.recovery.locator import parse_locator
from mip_cli.progress import Silent
from tests.head_start import portraits

if TYPE_CHECKING:
    from conftest import LocalChain

PASSWORD = b"correct horse battery staple"


def test_sheet__names_the_passport_and_holds_no_secret(
    chain: LocalChain,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    photos = portraits(tmp_path)
    wish = enroll.EnrollRequest("printed", photos.first, PASSWORD)
    enroll.enroll(chain.settings, wish, developer_signer(1), Silent())
    factors = Factors(PASSWORD, photos.again)
    content = passport_file.unlock(chain.settings, "printed", factors, Silent()).unlocked.secrets
    (tmp_path / "backup").write_bytes(b"a backup")
    monkeypatch.setenv("MIP_KEYRING", "off")
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(PASSWORD)))
    page = tmp_path / "sheet.html"
    command = ["--data-dir", str(chain.settings.data_dir), "passport", "sheet", "--json"]
    command += ["--passport", "printed", "--image", str(photos.again), "--password-file", "-"]
    command += ["--rpc-url", chain.settings.rpc_url, "--backup", str(tmp_path / "backup")]
    assert main([*command, "-o", str(page)]) == 0
    output = capsys.readouterr()
    shown = json.loads(output.out)
    locator = parse_locator(shown["locator"])
    assert chain.deployment is not None
    assert (locator.chain_id, locator.anchor) == (31337, content.anchor)
    assert (locator.registry, locator.recovery) == (
        chain.deployment.registry,
        chain.deployment.recovery,
    )
    assert locator.identity_commitment == keys_of(content).identity
    assert locator.cid == shown["cid"] == cid_of(b"a backup")
    assert (shown["guardians"], shown["threshold"]) == (0, None)
    assert "has no guardians" in output.err
    printed = page.read_text()
    numbers = (content.secret, content.face_salt, content.keys_salt, content.password_commitment)
    canaries = [f"{number:064x}" for number in numbers] + [str(number) for number in numbers]
    canaries += [content.anchor_key.hex(), PASSWORD.decode(), content.password_kdf.salt.hex()]
    assert not [canary for canary in canaries if canary in printed + output.out + output.err]
    assert page.stat().st_mode & 0o077 == 0
    before = page.read_bytes()
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(PASSWORD)))
    assert main([*command, "-o", str(page)]) == 2
    assert "exists" in capsys.readouterr().out
    assert page.read_bytes() == before
