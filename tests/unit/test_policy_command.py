"""``mip kyc policy`` and ``mip prove --policy``: words before anything is opened, hostile files."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mip_cli.cli import _policy, main
from mip_cli.crypto.policy_document import EXAMPLE_APP_POLICY, parse_app_policy
from mip_cli.crypto.policy_text import EXAMPLE_POLICY
from mip_cli.flows.kyc.kyc_prove import AppConsent
from mip_cli.flows.passport.proof_file import AppCall
from mip_cli.flows.passport.prove import Ask, Consent
from mip_cli.models import Kind, Request
from mip_cli.units import Address, Scope

APP = Address("0x5FbDB2315678afecb367f032d93F642f64180aa3")


@dataclass(frozen=True)
class Done:
    """What a command said and returned."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def mip(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Run]:
    """Run commands in this process, in a folder of their own."""
    umask, handler = os.umask(0o022), signal.getsignal(signal.SIGTERM)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Done:
        code = main(["--data-dir", str(tmp_path / "data"), *arguments])
        return Done(code, *capsys.readouterr())

    yield run
    os.umask(umask)
    signal.signal(signal.SIGTERM, handler)


def written(folder: Path, document: object) -> str:
    (folder / "policy.json").write_text(json.dumps(document))
    return "policy.json"


def test_policy__is_said_in_words_and_numbers(mip: Run, tmp_path: Path) -> None:
    name = written(tmp_path, EXAMPLE_APP_POLICY)
    shown = mip("kyc", "policy", name)
    assert shown.returncode == 0, shown.stderr
    for words in (
        "any 2 of these 3",
        "part 2, a credential Income 1 by one of the issuers 2, 3, without saying which",
        "the day of issue lies at most 90 days back",
        "two kinds of key",
        "any accepted roots",
        f"{parse_app_policy(EXAMPLE_APP_POLICY).policy.commitment:#066x}",
    ):
        assert words in shown.stdout
    found = json.loads(mip("kyc", "policy", name, "--json").stdout)
    assert found["commitment"] == str(parse_app_policy(EXAMPLE_APP_POLICY).policy.commitment)
    assert [part["issuers"] for part in found["parts"]] == [[2], [2, 3], [2, 3]]


@pytest.mark.parametrize("option", ["--example", "--example-parts"])
def test_example__is_a_policy(mip: Run, tmp_path: Path, option: str) -> None:
    (tmp_path / "policy.json").write_text(mip("kyc", "policy", option).stdout)
    assert mip("kyc", "policy", "policy.json").returncode == 0


def hostile(**members: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(EXAMPLE_POLICY))
    return document | members


EVIL = "\x1b[2J\u202eevil"
HOSTILE: dict[str, object] = {
    "a name with controls": hostile(schema=EXAMPLE_POLICY["schema"] | {"name": EVIL}),  # type: ignore[operator]
    "a text with controls": hostile(
        predicates=[{"claim": "given_name", "op": "==", "value": EVIL}], require="all"
    ),
    "an unknown claim": hostile(predicates=[{"claim": EVIL, "op": "==", "value": 1}]),
    "an unknown operator": hostile(predicates=[{"claim": "given_name", "op": EVIL, "value": 1}]),
    "deep": json.loads("[" * 12 + "]" * 12),
    "a number of many digits": hostile(issuers=[10**4000]),
    "no policy": "x",
    "another format": hostile(format=EVIL),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file__one_clear_error(mip: Run, tmp_path: Path, name: str) -> None:
    done = mip("kyc", "policy", written(tmp_path, HOSTILE[name]))
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.startswith("mip: error: the policy cannot be read")
    assert not {"\x1b", "\u202e"} & set(done.stderr)
    assert len(done.stderr) < 400


@pytest.mark.thorough
def test_file__too_large_or_nested__refused(mip: Run, tmp_path: Path) -> None:
    (tmp_path / "policy.json").write_text(" " * (64 * 1024 + 1))
    assert "larger than" in mip("kyc", "policy", "policy.json").stderr
    (tmp_path / "policy.json").write_text("[" * 50_000)
    assert mip("kyc", "policy", "policy.json").returncode == 3


def test_prove__options_that_do_not_go_together(mip: Run, tmp_path: Path) -> None:
    name = written(tmp_path, EXAMPLE_POLICY)
    common = ("prove", "--app", "AgeGate", "-o", "proof.json")
    for arguments, words in (
        (("--policy", name), "goes with --call"),
        (("--policy", name, "--call", "enter()", "--payload", "00"), "without --payload"),
        (("--call", "enter()", "--credential", "0123456789abcdef"), "go with --policy"),
        (("--call", "enter()", "--revocations", "list.json"), "go with --policy"),
        (("--call", "enter()", "--ask-no-issuer"), "go with --policy"),
    ):
        done = mip(*common, *arguments)
        assert done.returncode == 2
        assert words in done.stderr
    assert not (tmp_path / "proof.json").exists()


def test_consent__shows_all_that_is_bound() -> None:
    policy = parse_app_policy(EXAMPLE_APP_POLICY)
    request = Request(31337, APP, "apply for a flat", b"\x05" * 32, 2, Scope(5))
    call = AppCall("apply(uint256)", ("7",))
    consent = AppConsent(Consent(Ask(APP, APP, call), request, APP), policy, APP, (2,))
    kinds = frozenset({Kind.FACE, Kind.PASSWORD})
    text = _policy.consent_text(consent, kinds, quiet=False)
    # whom a proof may make known, and nobody when that was forbidden
    assert "its server, which" in text
    assert "its server" not in _policy.consent_text(consent, kinds, quiet=True)
    for part in policy.parts:
        assert f"a credential {part.schema.name} {part.schema.version}" in text
        assert all(words in text for words in part.predicates)
    for words in (
        "any 2 of these 3",
        "says so himself",
        "two kinds",
        f"{policy.policy.commitment:#x}",
    ):
        assert words in text
    strict = parse_app_policy(EXAMPLE_APP_POLICY | {"strict": True})
    assert "newest roots alone" not in text
    assert "newest roots alone" in _policy.consent_text(
        AppConsent(consent.consent, strict, APP), frozenset({Kind.FACE}), quiet=False
    )
