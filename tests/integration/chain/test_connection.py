"""The checked way to the chain: its contracts, its clock, and what is under way."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from mip_cli.chain.deployments import GUARDIAN_VERIFIER
from mip_cli.errors import WrongChain
from mip_cli.flows.connection import connect, leaf_on_chain, under_way
from mip_cli.flows.deploy import record_path
from mip_cli.progress import Silent
from mip_cli.units import Commitment


def test_connect__knows_every_contract_of_the_record(chain) -> None:
    with connect(chain.settings) as link:
        assert link.registry.recovery() == link.recovery.address == chain.deployment.recovery
        assert link.epochs.address == chain.deployment.grants
        nobody = (Commitment(5), chain.sender().address, Silent())
        assert leaf_on_chain(link, *nobody) is None
        assert under_way(link, *nobody).quiet


def test_connect__a_record_of_before_the_guardians__says_what_to_do(start_chain) -> None:
    chain = start_chain()
    path = record_path(chain.settings, 31337)
    contracts = tuple(c for c in chain.deployment.contracts if c.name != GUARDIAN_VERIFIER)
    path.write_bytes(replace(chain.deployment, contracts=contracts).to_json())
    with (
        pytest.raises(WrongChain, match="has no GuardianVerifier") as caught,
        connect(chain.settings),
    ):
        pass
    assert "deploy again" in caught.value.hint


def test_clock__is_the_chains_on_a_local_chain_alone(start_chain) -> None:
    chain = start_chain()
    with connect(chain.settings) as link:
        assert abs(link.clock() - time.time()) < 60
        _, now = chain.devnet.advance(48 * 3600)
        assert link.clock() >= now
        public = replace(link, deployment=replace(link.deployment, chain_id=5))
        assert public.clock() < now - 3600
