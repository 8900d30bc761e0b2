"""Development keys stay on local chains, whichever flow is asked; each refusal by its reason."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from mip_cli.config import load_settings
from mip_cli.errors import ArtifactMismatch, ProofInvalid
from mip_cli.flows import proof_file, prove, verify
from mip_cli.models import Kind
from mip_cli.progress import Silent
from mip_cli.units import Address

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "proof_file.json").read_text())
APP = Address("0x5FbDB2315678afecb367f032d93F642f64180aa3")
HASH = "ab" * 32


class Reached(Exception):
    """The flow went on to the network."""


@pytest.fixture
def flow(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return ``prove.prove`` with an opened passport, asked by an app on a chain."""

    def connect(_: object) -> NoReturn:
        raise Reached

    monkeypatch.setattr(prove.passport_file, "unlock", lambda *_: SimpleNamespace())
    monkeypatch.setattr(prove, "choose_prover", lambda _: None)
    monkeypatch.setattr(prove.connection, "connect", connect)

    def run(chain_id: int, *, development: bool) -> None:
        artifacts = SimpleNamespace(development=development, key_hash=HASH)
        monkeypatch.setattr(prove, "load_circuit", lambda *_: artifacts)
        ask = prove.Ask(APP, APP, payload=bytes(32))
        request = prove.Request(
            chain_id=chain_id, app=APP, purpose="test", level=1, payload=bytes(32), scope=1
        )
        keys = prove.Keys("x", b"password", None, frozenset({Kind.PASSWORD}))
        prove.prove(load_settings({}), prove.Consent(ask, request, APP), keys, Silent())

    return run


@pytest.mark.parametrize("chain_id", [1, 11155111, 31338])
def test_prove__development_key_on_a_public_chain__refused(flow: Any, chain_id: int) -> None:
    with pytest.raises(ArtifactMismatch) as refused:
        flow(chain_id, development=True)
    assert f"these are development keys (verifying key {HASH[:16]}" in refused.value.message
    assert f"chain {chain_id} is not a local one" in refused.value.message
    assert "--zkey FINAL --ptau FILE --pin" in str(refused.value.hint)


@pytest.mark.parametrize(("chain_id", "development"), [(31337, True), (1337, True), (1, False)])
def test_prove__key_fit_for_the_chain__goes_on(flow: Any, chain_id: int, development: bool) -> None:
    with pytest.raises(Reached):
        flow(chain_id, development=development)


def _proof() -> proof_file.ProofFile:
    cases = {case["name"]: case["file"] for case in VECTORS["cases"]}
    return proof_file.decode(cases[VECTORS["verifies"]].encode())


@pytest.mark.parametrize("chain_id", [1, 31338])
def test_verify__development_key_on_a_public_chain__refused(chain_id: int) -> None:
    file = replace(_proof(), chain_id=chain_id)
    with pytest.raises(ProofInvalid, match=f"claims chain {chain_id} with development keys"):
        verify.verify_offline(load_settings({}), file, Silent())


def test_verify__development_key_on_a_local_chain__is_told() -> None:
    file = _proof()
    found = verify.verify_offline(
        load_settings({}), file, Silent(), clock=lambda: file.deadline - 60
    )
    assert (found.development, found.seconds_left) == (True, 60)
