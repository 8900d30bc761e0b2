"""Development keys stay on local chains, whichever flow is asked; each refusal by its reason."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mip_cli.config import load_settings
from mip_cli.errors import ArtifactMismatch, ProofInvalid
from mip_cli.flows.passport import proof_file, verify
from mip_cli.progress import Silent
from mip_cli.zk.artifacts import load_key, require_fit

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "proof_file.json").read_text())


@pytest.mark.parametrize("chain_id", [1, 11155111, 31338])
def test_prove__development_key_on_a_public_chain__refused(chain_id: int) -> None:
    key = load_key(load_settings({}), "passport")
    assert key.development
    with pytest.raises(ArtifactMismatch) as refused:
        require_fit(key, chain_id)
    assert f"these are development keys (verifying key {key.key_hash[:16]}" in refused.value.message
    assert f"chain {chain_id} is not a local one" in refused.value.message
    assert "--zkey FINAL --ptau FILE --pin" in str(refused.value.hint)


@pytest.mark.parametrize(("chain_id", "development"), [(31337, True), (1337, True), (1, False)])
def test_prove__key_fit_for_the_chain__goes_on(chain_id: int, development: bool) -> None:
    key = load_key(load_settings({}), "passport")
    require_fit(replace(key, development=development), chain_id)


def _proof() -> proof_file.ProofFile:
    cases = {case["name"]: case["file"] for case in VECTORS["cases"]}
    return proof_file.decode(cases[VECTORS["verifies"]].encode())


@pytest.mark.parametrize("chain_id", [1, 31338])
def test_verify__development_key_on_a_public_chain__refused(chain_id: int) -> None:
    file = replace(_proof(), chain_id=chain_id)
    with pytest.raises(ProofInvalid, match=f"claims chain {chain_id} with development keys"):
        verify.verify_offline(load_settings({}), file, Silent())
