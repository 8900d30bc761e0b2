"""``mip guardian cancel --as``: a guardian is told that the chain will show him."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from mip_cli.cli import guardian_asks
from mip_cli.cli.guardian_asks import SHOWN, cancel
from mip_cli.errors import UsageFault


def test_cancel__help_says_that_the_chain_shows_who_pays() -> None:
    shown = " ".join(CliRunner().invoke(cancel, ["--help"]).output.split())
    assert "With --as your own account pays" in shown


def test_cancel__as_guardian__is_warned_before_his_consent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(guardian_asks, "chosen", lambda settings, name: name)
    monkeypatch.setattr(guardian_asks, "read_password", lambda name, file: b"a password")
    inner = cancel.callback
    while hasattr(inner, "__wrapped__"):
        inner = inner.__wrapped__
    keys = {"settings": None, "ask_file": None, "answers": (), "passport_name": "me"}
    rest = {"image": None, "password_file": None, "key_file": None}
    with pytest.raises(UsageFault, match="consent"):
        inner(**keys, **rest, guardianship="ada", dry_run=False, yes=False, as_json=False)
    assert SHOWN in " ".join(capsys.readouterr().err.split())
