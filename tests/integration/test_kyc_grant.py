"""A proof about credentials as what a grant of level 0 gives."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mip_cli.crypto.grant_bundle import Bundle
from mip_cli.crypto.grant_card import GranteeKind
from mip_cli.errors import FileInvalid, ProofInvalid, UsageFault
from mip_cli.flows.grants import grant_proof, grant_terms
from mip_cli.flows.kyc import policy_file
from mip_cli.progress import Silent
from mip_cli.units import Nullifier
from tests.integration.kyc_world import ADULT, World, world
from tests.unit.grant_support import card, receipt

__all__ = ["world"]


def test_level_0__a_proof_about_credentials__holds_for_the_grantee_alone(world: World) -> None:
    world.mip("issuer", "init", "--title", "City of Example", issuer=True)
    adult, _ = world.obtain("adult-card", ADULT)
    world.prove(adult, "-o", "proof.json")
    text = (world.folder / "proof.json").read_text()
    bound = policy_file.decode(text.encode()).bound
    gate = card(kind=GranteeKind.CONTRACT, address=bound.app, purpose=bound.purpose, signature=None)
    grant_terms.require_proof(gate, text)
    with pytest.raises(UsageFault, match="another purpose"):
        grant_terms.require_proof(replace(gate, purpose="judge a loan"), text)
    with pytest.raises(UsageFault, match="another app"):
        grant_terms.require_proof(card(purpose=bound.purpose), text)

    granted = receipt(gate, level=0, pseudonym=bound.nullifier)
    bundle = Bundle(granted, 1, 0, None, None, 1, gate.kem, None, None, text)
    settings = world.chain.settings
    found = grant_proof.verified(settings, bundle, Silent())
    assert found is not None
    assert (found.on_chain, found.file) == (True, bound)

    other = replace(granted, pseudonym=Nullifier(bound.nullifier + 1))
    with pytest.raises(FileInvalid, match="another pseudonym"):
        grant_proof.verified(settings, replace(bundle, receipt=other), Silent())
    document = json.loads(text)
    document["pi_a"], document["pi_c"] = document["pi_c"], document["pi_a"]
    with pytest.raises(ProofInvalid, match="does not verify"):
        grant_proof.verified(settings, replace(bundle, proof=json.dumps(document)), Silent())
    document = json.loads(text)
    document["credential"]["day"] -= 1  # good for yesterday too, had it been made then
    with pytest.raises(ProofInvalid, match="does not verify"):
        grant_proof.verified(settings, replace(bundle, proof=json.dumps(document)), Silent())
