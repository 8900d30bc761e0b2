"""Epochs, which PermissionGrants counts: a holder voids what he granted, by pseudonym."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boa
import pytest
from deployment import START, Deployment, account, at, load, refusal
from eth_utils import keccak
from groth16_simulator import negated_form
from model import Presentation

APP, PURPOSE = account(41), "keep money for this passport"
NOT_VALID = "registry: proof is not valid"
STALE = "epochs: nonce is not the present epoch"


def payload_for(app: str, purpose: str) -> bytes:
    name = keccak(text="advance(address,bytes32)")
    return bytes(keccak(name + bytes(12) + bytes.fromhex(app[2:]) + keccak(text=purpose)))


def made(suite: Deployment, nonce: int = 0, **changes: Any) -> Presentation:
    return suite.presentation(
        suite.grants.address,
        PURPOSE,
        payload_for(APP, PURPOSE),
        app=APP,
        nonce=nonce,
        **changes,
    )


def advance(suite: Deployment, presented: Presentation, app: str = APP) -> str | None:
    return refusal(lambda: suite.grants.advance(app, keccak(text=PURPOSE), presented.abi()))


def test_advance__counts_up(suite: Deployment) -> None:
    suite.enroll(1)
    for epoch in range(3):
        presented = made(suite, epoch)
        suite.grants.advance(APP, keccak(text=PURPOSE), presented.abi(), sender=account(66))
        (log,) = suite.grants.get_logs()
        assert type(log).__name__ == "EpochAdvanced"
        assert (log.nullifier, log.epoch) == (presented.nullifier, epoch + 1)
        assert suite.grants.epoch_of(presented.nullifier) == epoch + 1
    assert suite.grants.epoch_of(5) == 0


def test_advance__serves_once(suite: Deployment) -> None:
    suite.enroll(1)
    presented = made(suite)
    assert advance(suite, presented) is None
    for form in (
        presented,
        replace(presented, proof=tuple(negated_form(presented.proof))),
        made(suite, 0, seed=3),
        made(suite, 2),
    ):
        assert advance(suite, form) == STALE
    assert advance(suite, made(suite, 1)) is None


def test_advance__reverts(suite: Deployment) -> None:
    suite.enroll(1)
    good = made(suite)
    with boa.env.anchor():
        assert advance(suite, good) is None
    with boa.env.anchor():
        assert advance(suite, made(suite, level=3)) is None
    assert advance(suite, good, app=account(42)) == NOT_VALID
    assert advance(suite, made(suite, level=1)) == "registry: level is too low"
    assert advance(suite, replace(good, nullifier=5)) == NOT_VALID
    assert advance(suite, made(suite, root=5)) == "registry: root is not accepted"
    # a proof shown to the app itself, and one of another purpose
    payload = payload_for(APP, PURPOSE)
    assert advance(suite, suite.presentation(APP, PURPOSE, payload, nonce=0)) == NOT_VALID
    other = suite.presentation(suite.grants.address, "q", payload, app=APP, nonce=0)
    assert advance(suite, other) == NOT_VALID
    # a proof for another deployment of the counters
    second = load("PermissionGrants.vy").deploy(suite.registry.address)
    shown = good.abi()
    assert refusal(lambda: second.advance(APP, keccak(text=PURPOSE), shown)) == NOT_VALID


@pytest.mark.parametrize("app", [APP, account(43)])
def test_advance__others_are_left_alone(suite: Deployment, app: str) -> None:
    suite.enroll(1)
    assert advance(suite, made(suite)) is None
    assert suite.grants.epoch_of(10**70 + 1) == 0
    assert advance(suite, made(suite, 0, nullifier=10**70 + 1)) is None


def test_advance__one_who_enrols_in_every_block_stops_nobody(suite: Deployment) -> None:
    suite.enroll(1)
    presented = made(suite)
    at(START + 60)
    suite.enroll(2)
    assert suite.registry.root() != presented.root
    assert advance(suite, presented) is None
