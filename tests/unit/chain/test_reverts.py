"""The map of reason strings covers the contracts, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mip_cli.chain.faults import NodeRefused
from mip_cli.chain.reasons import REASONS
from mip_cli.chain.reverts import (
    ERROR_SELECTOR,
    AppRefusal,
    EpochRefusal,
    RecoveryRefusal,
    RegistryRefusal,
    VerifierRefusal,
    refusal,
    translate,
)
from mip_cli.crypto.binding import word
from mip_cli.errors import ChainRefusal

CONTRACTS = Path(__file__).resolve().parents[3] / "contracts"
REASON = re.compile(r"[\"'](?P<text>[a-z_0-9]+: [^\"']*(?:'[^\"]*)?)[\"']\s*(?:#.*)?$", re.M)


def revert_data(reason: str) -> bytes:
    raw = reason.encode()
    return ERROR_SELECTOR + word(32) + word(len(raw)) + raw + bytes(-len(raw) % 32)


def reasons_in_sources() -> set[str]:
    found = set()
    for path in CONTRACTS.rglob("*.vy"):
        source = path.read_text()
        for match in REASON.finditer(source):
            before = source[: match.start()].rstrip()
            if before.endswith(",") or before.endswith("raise"):
                found.add(match["text"])
    return found


def test_reasons__match_the_contracts() -> None:
    found = reasons_in_sources()
    assert len(found) > 30
    assert set(REASONS) == found


def test_words__are_clauses() -> None:
    for reason in REASONS.values():
        for text in (reason.words, reason.hint or "x"):
            assert text[0].islower()
            assert not text.endswith(".")


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("registry: root is not accepted", RegistryRefusal),
        ("verifier: key point is zero", VerifierRefusal),
        ("recovery: delay is not over", RecoveryRefusal),
        ("epochs: nonce is not the present epoch", EpochRefusal),
        ("vote: passport has voted", AppRefusal),
        ("shop: sold out", AppRefusal),
    ],
)
def test_refusal__has_the_class_of_its_contract(reason: str, kind: type[ChainRefusal]) -> None:
    found = refusal(reason)
    assert type(found) is kind
    assert found.reason == reason
    assert found.exit_code == 4


def test_translate__reads_revert_data_before_the_message() -> None:
    reason = "registry: passport is revoked"
    error = NodeRefused("execution reverted: something else", code=3, data=revert_data(reason))
    found = translate(error)
    assert isinstance(found, RegistryRefusal)
    assert found.reason == reason


@pytest.mark.parametrize(
    "message",
    [
        "execution reverted: vote: passport has voted",
        "VM Exception while processing transaction: reverted with reason string "
        "'vote: passport has voted'",
    ],
)
def test_translate__falls_back_to_the_message(message: str) -> None:
    found = translate(NodeRefused(message, code=-32000))
    assert isinstance(found, AppRefusal)
    assert found.reason == "vote: passport has voted"


def test_translate__keeps_other_errors() -> None:
    error = NodeRefused("method not found", code=-32601)
    assert translate(error) is error


def test_translate__strips_what_could_steer_a_terminal() -> None:
    found = translate(NodeRefused("x", code=3, data=revert_data("app: \x1b[2J\u202eevil")))
    assert isinstance(found, AppRefusal)
    assert found.message == "the contract refuses: app: [2J evil"


@pytest.mark.parametrize("data", [ERROR_SELECTOR, ERROR_SELECTOR + word(1 << 200), b"\x01"])
def test_translate__survives_broken_revert_data(data: bytes) -> None:
    assert isinstance(translate(NodeRefused("reverted", code=3, data=data)), AppRefusal)
