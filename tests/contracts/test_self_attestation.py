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

SUSPENDED, ACTIVE = 2, 1


@pytest.fixture
def registry(suite: Deployment) -> Any:
    return load("IssuerRegistry.vy").deploy(suite.hasher)


def deploy(registry: Any) -> Any:
    return load("SelfAttestation.vy").deploy(registry.address)


def test_number_0__is_left_to_nobody(registry: Any) -> None:
    itself = deploy(registry)
    assert (itself.NUMBER(), registry.size()) == (1, 2)
    assert itself.ISSUERS() == registry.address
    key = self_attestation.public_key()
    assert (itself.KEY_X(), itself.KEY_Y()) == key
    nobody, holders = registry.issuer(0), registry.issuer(1)
    assert (nobody.status, holders.status) == (SUSPENDED, ACTIVE)
    assert (holders.key_x, holders.key_y, holders.revocation_root) == (*key, 0)
    assert nobody.controller == holders.controller == itself.address
    assert registry.root() == QuadTree(ISSUER_LEVELS, {1: issuer_leaf(key, 0)}).root


def test_later__takes_the_next_number_alone(registry: Any) -> None:
    registry.register(*key_of(0), "issuer 0", sender=account(500))
    itself = deploy(registry)
    assert (itself.NUMBER(), registry.size()) == (1, 2)
    assert registry.issuer(0).status == ACTIVE


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
            assert refusal(lambda s=sender: registry.resume(0, sender=s)) == reason


def test_contract__has_no_act(registry: Any) -> None:
    """What a controller can do, its code would have to ask for."""
    abi = [entry for entry in deploy(registry).abi if entry["type"] == "function"]
    assert {entry["name"] for entry in abi} == {"KEY_X", "KEY_Y", "NUMBER", "ISSUERS"}
    assert {entry["stateMutability"] for entry in abi} == {"view"}


def test_registry__without_code__reverts(registry: Any) -> None:
    assert deploy(registry).NUMBER() == 1
    reason = refusal(lambda: load("SelfAttestation.vy").deploy(account(9)))
    assert reason == "issuers: self-attestation without a registry"
