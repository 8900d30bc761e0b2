"""PassportRegistry: what apps ask."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boa
from deployment import START, Deployment, account, at, commitment, load, refusal
from eth_utils import keccak
from registry_acts import NOT_VALID, enrolled

from mip_cli.crypto.field import R

# --- what apps ask


def test_check__returns_the_nullifier(suite: Deployment) -> None:
    enrolled(suite, 3)
    asker = account(40)
    for level in (1, 2, 3):
        presented = suite.presentation(asker, "p", keccak(b"x"), level=level)
        answer = suite.registry.check(
            keccak(text="p"), keccak(b"x"), level, True, presented.abi(), sender=asker
        )
        assert answer == presented.nullifier
    assert suite.registry.get_logs() == []


def test_check__reverts(suite: Deployment) -> None:
    enrolled(suite, 3)
    asker = account(40)
    good = suite.presentation(asker, "p", keccak(b"x"))

    def act(**changes: Any) -> str | None:
        values = {
            "purpose": keccak(text="p"),
            "payload": keccak(b"x"),
            "level": 2,
            "strict": False,
            "presented": good,
            "sender": asker,
            **changes,
        }
        sender = values.pop("sender")
        values["presented"] = values["presented"].abi()
        return refusal(lambda: suite.registry.check(*values.values(), sender=sender))

    def made(**changes: Any) -> Any:
        return suite.presentation(asker, "p", keccak(b"x"), **changes)

    assert act() is None
    assert act(purpose=keccak(text="q")) == NOT_VALID
    assert act(payload=keccak(b"y")) == NOT_VALID
    assert act(sender=account(41)) == NOT_VALID  # another contract asks
    for name in ("nonce", "nullifier"):
        for step in (1, -1):
            changed = replace(good, **{name: getattr(good, name) + step})
            assert act(presented=changed) == NOT_VALID
    for step in (1, -1):
        assert act(presented=replace(good, deadline=good.deadline + step)) == NOT_VALID
        proof = list(good.proof)
        proof[0] += step
        assert act(presented=replace(good, proof=tuple(proof))) == NOT_VALID
    assert act(presented=replace(good, beneficiary=account(78))) == NOT_VALID
    assert act(presented=replace(good, nullifier=good.nullifier + R)) == NOT_VALID
    assert act(presented=replace(good, level=1), level=1) == NOT_VALID
    not_accepted = "registry: root is not accepted"
    for root in (0, 1, good.root + 1, good.root - 1, good.root + R, commitment(5)):
        assert act(presented=made(root=root)) == not_accepted
        assert (
            act(presented=made(root=root), strict=True) == "registry: root is not the current one"
        )
    assert act(presented=made(nullifier=0)) == "registry: nullifier is zero"
    zero = "0x" + "00" * 20
    assert act(presented=made(beneficiary=zero)) == "registry: beneficiary is zero"
    assert act(presented=made(level=1)) == "registry: level is too low"
    assert act(presented=made(level=1), level=1) is None
    assert act(presented=made(level=1), level=0) is None
    assert act(presented=made(level=0), level=0) == "registry: level is unknown"
    assert act(presented=made(level=3)) is None
    assert act(presented=made(level=3), level=3) is None
    assert act(presented=made(level=4)) == "registry: level is unknown"
    assert act(presented=made(level=2**256 - 1)) == "registry: level is unknown"
    assert act(level=3) == "registry: level is too low"


def test_check__deadline(suite: Deployment) -> None:
    enrolled(suite, 1)
    for lifetime, reason in (
        (0, None),
        (-1, "registry: presentation has expired"),
        (3600, None),
        (3601, "registry: deadline lies too far ahead"),
    ):
        presented = suite.for_claim(lifetime=lifetime)
        with boa.env.anchor():
            assert refusal(lambda p=presented: suite.claim.claim(p.abi())) == reason


def test_check__empty_tree__reverts(suite: Deployment) -> None:
    assert suite.registry.is_known_root(0) is False
    assert suite.registry.accepted_roots() == []
    presented = suite.for_claim(root=0)
    assert refusal(lambda: suite.claim.claim(presented.abi())) == "registry: root is not accepted"
    strict = (keccak(b""), keccak(b""), 1, True, presented.abi())
    assert refusal(lambda: suite.registry.check(*strict)) == "registry: root is not the current one"


def test_check__other_deployment_or_chain__reverts(suite: Deployment) -> None:
    enrolled(suite, 1)
    presented = suite.for_claim()
    with boa.env.anchor():
        assert refusal(lambda: suite.claim.claim(presented.abi())) is None
    second = load("examples/PassportClaim.vy").deploy(suite.registry.address)
    assert refusal(lambda: second.claim(presented.abi())) == NOT_VALID
    boa.env.evm.patch.chain_id = 1337
    try:
        assert refusal(lambda: suite.claim.claim(presented.abi())) == NOT_VALID
    finally:
        boa.env.evm.patch.chain_id = 31337
    assert refusal(lambda: suite.claim.claim(presented.abi())) is None


def test_check__after_an_epoch_passed__old_root_dies(suite: Deployment) -> None:
    (holder, *_), tree = enrolled(suite, 2)
    presented = suite.for_claim()
    at(START + 60)
    suite.update(holder, commitment(9), tree)
    at(START + 60 + 119)
    with boa.env.anchor():
        assert refusal(lambda: suite.claim.claim(presented.abi())) is None
    at(START + 60 + 120)
    assert refusal(lambda: suite.claim.claim(presented.abi())) == "registry: root is not accepted"


def test_scope_and_message__shared_vectors(suite: Deployment) -> None:
    import json
    from pathlib import Path

    document = json.loads((Path(__file__).parents[1] / "vectors" / "binding.json").read_text())
    try:
        for case in document["scopes"]:
            boa.env.evm.patch.chain_id = int(case["chain_id"])
            purpose = keccak(text=case["purpose"])
            assert suite.registry.scope_of(case["contract"], purpose) == int(case["scope"])
        for case in document["messages"]:
            boa.env.evm.patch.chain_id = int(case["chain_id"])
            answer = suite.registry.message_of(
                case["contract"],
                case["beneficiary"],
                bytes.fromhex(case["payload"][2:]),
                int(case["nonce"]),
                int(case["deadline"]),
            )
            assert answer == int(case["message"])
    finally:
        boa.env.evm.patch.chain_id = 31337
