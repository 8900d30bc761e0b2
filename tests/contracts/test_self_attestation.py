"""The issuer whose key everybody has: registered once, and spoken for by nobody."""

from __future__ import annotations

from typing import Any

import boa
import pytest
from deployment import Deployment, account, load, refusal
from issuer_acts import key_of

from mip_cli.crypto import self_attestation
from mip_cli.crypto.credential import ISSUER_LEVELS, issuer_leaf
from mip_cli.crypto.quad_tree import QuadTree

UNKNOWN, ACTIVE = 0, 1


@pytest.fixture
def registry(suite: Deployment) -> Any:
    return load("IssuerRegistry.vy").deploy(suite.hasher)


def deploy(registry: Any) -> Any:
    return load("SelfAttestation.vy").deploy(registry.address)


def test_number__is_the_next(registry: Any) -> None:
    itself = deploy(registry)
    assert (itself.NUMBER(), registry.size()) == (1, 2)
    assert itself.ISSUERS() == registry.address
    key = self_attestation.public_key()
    assert (itself.KEY_X(), itself.KEY_Y()) == key
    holders = registry.issuer(1)
    assert (holders.key_x, holders.key_y, holders.revocation_root) == (*key, 0)
    assert (holders.controller, holders.status) == (itself.address, ACTIVE)
    assert registry.root() == QuadTree(ISSUER_LEVELS, {1: issuer_leaf(key, 0)}).root


def test_front_runner__takes_a_number_of_his_own_and_nothing_else(registry: Any) -> None:
    """He registers first, under the open key itself, suspends, and proposes himself."""
    thief, key = account(666), self_attestation.public_key()
    taken = registry.register(*key, "self-attested: holders say so themselves", sender=thief)
    registry.suspend(taken, sender=thief)
    itself = deploy(registry)
    assert (taken, itself.NUMBER(), registry.size()) == (1, 2, 3)
    assert (registry.issuer(2).controller, registry.issuer(2).status) == (itself.address, ACTIVE)
    assert registry.root() == QuadTree(ISSUER_LEVELS, {2: issuer_leaf(key, 0)}).root
    reason = refusal(lambda: registry.suspend(itself.NUMBER(), sender=thief))
    assert reason == "issuers: sender is not the controller"
    # what a list that was left zero names is not his either
    assert registry.issuer(0).status == UNKNOWN
    assert refusal(lambda: registry.resume(0, sender=thief)) == "issuers: no such issuer"


def test_nobody__speaks_for_it(registry: Any) -> None:
    itself = deploy(registry)
    controller = account(500)
    other = registry.register(*key_of(0), "issuer", sender=controller)
    acts = {
        "publish": lambda n, **who: registry.publish(n, 0, 5, **who),
        "propose": lambda n, **who: registry.propose(n, *key_of(2), account(4), **who),
        "suspend": lambda n, **who: registry.suspend(n, **who),
    }
    for act in acts.values():
        with boa.env.anchor():
            act(other, sender=controller)
        for sender in (account(4), controller, boa.env.eoa):
            reason = refusal(lambda a=act, s=sender: a(itself.NUMBER(), sender=s))
            assert reason == "issuers: sender is not the controller"


def test_contract__has_no_act(registry: Any) -> None:
    """What a controller can do, its code would have to ask for."""
    abi = [entry for entry in deploy(registry).abi if entry["type"] == "function"]
    assert {entry["name"] for entry in abi} == {"KEY_X", "KEY_Y", "NUMBER", "ISSUERS"}
    assert {entry["stateMutability"] for entry in abi} == {"view"}


def test_registry__without_code__reverts(registry: Any) -> None:
    assert deploy(registry).NUMBER() == 1
    reason = refusal(lambda: load("SelfAttestation.vy").deploy(account(9)))
    assert reason == "issuers: self-attestation without a registry"
