"""The archive anchor: one commitment after the other, by pseudonym, bound to what it anchors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boa
import pytest
from deployment import Deployment, account, at, load, now, refusal, words
from eth_utils import keccak
from groth16_simulator import negated_form
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mip_cli.chain import archive_anchor
from mip_cli.models import Presentation

SIGNATURE = keccak(b"anchor(bytes32,uint256)")
COMMITMENT = keccak(b"a log")
NEXT = "archive: sequence is not the next one"
BAD_PROOF = "registry: proof is not valid"


@pytest.fixture
def anchor(suite: Deployment) -> Any:
    suite.enroll(1)
    return load("ArchiveAnchor.vy").deploy(suite.registry.address)


def shown(
    suite: Deployment,
    anchor: Any,
    commitment: bytes,
    sequence: int,
    *,
    signature: bytes = SIGNATURE,
    **changes: Any,
) -> Presentation:
    payload = keccak(signature + commitment + words(sequence))
    return suite.presentation(anchor.address, archive_anchor.PURPOSE, payload, **changes)


def test_anchor__keeps_every_commitment(suite: Deployment, anchor: Any) -> None:
    first = shown(suite, anchor, COMMITMENT, 1)
    assert anchor.sequence_of(first.nullifier) == 0
    anchor.anchor(COMMITMENT, 1, first.abi(), sender=account(66))  # anyone may relay
    (log,) = anchor.get_logs()
    assert type(log).__name__ == "ArchiveAnchored"
    assert (log.nullifier, log.sequence, log.commitment) == (first.nullifier, 1, COMMITMENT)
    other = keccak(b"a longer log")
    anchor.anchor(other, 2, shown(suite, anchor, other, 2).abi())
    assert anchor.sequence_of(first.nullifier) == 2
    assert anchor.commitment_at(first.nullifier, 1) == COMMITMENT
    assert anchor.commitment_at(first.nullifier, 2) == other
    assert anchor.commitment_at(first.nullifier, 3) == bytes(32)


def test_anchor__pseudonyms_stand_apart(suite: Deployment, anchor: Any) -> None:
    anchor.anchor(COMMITMENT, 1, shown(suite, anchor, COMMITMENT, 1).abi())
    other = shown(suite, anchor, COMMITMENT, 1, nullifier=5)
    anchor.anchor(COMMITMENT, 1, other.abi())
    assert (anchor.sequence_of(5), anchor.sequence_of(6)) == (1, 0)


def test_anchor__sequence_not_the_next__reverts(suite: Deployment, anchor: Any) -> None:
    def act(sequence: int, **changes: Any) -> str | None:
        form = shown(suite, anchor, COMMITMENT, sequence, **changes)
        with boa.env.anchor():
            return refusal(lambda: anchor.anchor(COMMITMENT, sequence, form.abi()))

    assert act(1) is None
    assert act(0) == NEXT
    assert act(2) == NEXT
    assert act(2**256 - 1) == NEXT
    anchor.anchor(COMMITMENT, 1, shown(suite, anchor, COMMITMENT, 1).abi())
    assert act(2) is None
    assert act(1) == NEXT  # a replay, in any form of the proof
    assert act(1, seed=2) == NEXT
    assert act(1, nonce=9) == NEXT
    assert act(3) == NEXT
    form = shown(suite, anchor, COMMITMENT, 1)
    form = replace(form, proof=tuple(negated_form(form.proof)))
    assert refusal(lambda: anchor.anchor(COMMITMENT, 1, form.abi())) == NEXT


def test_anchor__proof_of_something_else__reverts(suite: Deployment, anchor: Any) -> None:
    good = shown(suite, anchor, COMMITMENT, 1)

    def act(commitment: bytes, sequence: int, form: Presentation) -> str | None:
        with boa.env.anchor():
            return refusal(lambda: anchor.anchor(commitment, sequence, form.abi()))

    assert act(COMMITMENT, 1, good) is None
    assert act(keccak(b"another"), 1, good) == BAD_PROOF
    assert act(COMMITMENT, 2, good) == BAD_PROOF
    for changed in (
        replace(good, nullifier=good.nullifier + 1),
        replace(good, beneficiary=account(66)),
        replace(good, nonce=good.nonce + 1),
        replace(good, deadline=good.deadline + 1),
        shown(suite, anchor, COMMITMENT, 1, signature=keccak(b"anchor(uint256,uint256)")),
    ):
        assert act(COMMITMENT, 1, changed) == BAD_PROOF
    elsewhere = load("ArchiveAnchor.vy").deploy(suite.registry.address)
    assert act(COMMITMENT, 1, shown(suite, elsewhere, COMMITMENT, 1)) == BAD_PROOF
    payload = keccak(SIGNATURE + COMMITMENT + words(1))
    purpose = suite.presentation(anchor.address, "mip: anchor my archivE", payload)
    assert act(COMMITMENT, 1, purpose) == BAD_PROOF


def test_anchor__too_little_shown__reverts(suite: Deployment, anchor: Any) -> None:
    low = shown(suite, anchor, COMMITMENT, 1, level=1)
    assert refusal(lambda: anchor.anchor(COMMITMENT, 1, low.abi())) == "registry: level is too low"
    old = shown(suite, anchor, COMMITMENT, 1, lifetime=60)
    at(now() + 61)
    late = "registry: presentation has expired"
    assert refusal(lambda: anchor.anchor(COMMITMENT, 1, old.abi())) == late
    people = shown(suite, anchor, COMMITMENT, 1, level=3)
    assert refusal(lambda: anchor.anchor(COMMITMENT, 1, people.abi())) is None


def test_anchor__zero_commitment__reverts(suite: Deployment, anchor: Any) -> None:
    form = shown(suite, anchor, bytes(32), 1)
    reason = "archive: commitment is zero"
    assert refusal(lambda: anchor.anchor(bytes(32), 1, form.abi())) == reason
    one = bytes(31) + b"\1"
    assert refusal(lambda: anchor.anchor(one, 1, shown(suite, anchor, one, 1).abi())) is None


def test_deploy__registry_without_code__reverts(suite: Deployment) -> None:
    deploy = load("ArchiveAnchor.vy").deploy
    assert refusal(lambda: deploy(account(9))) == "archive: registry has no code"
    assert refusal(lambda: deploy(suite.registry.address)) is None


def test_anchor__states_what_holders_agree_to(suite: Deployment, anchor: Any) -> None:
    assert anchor.passport_purpose() == archive_anchor.PURPOSE
    assert anchor.passport_level() == 2
    assert suite.registry.address == anchor.REGISTRY()
    assert boa.env.get_balance(anchor.address) == 0


class AnchorMachine(RuleBasedStateMachine):
    """Any order of anchors of three pseudonyms against a model of two lines."""

    suite: Deployment

    @initialize()
    def start(self) -> None:
        self.context = boa.env.anchor()
        self.context.__enter__()
        self.suite.enroll(1)
        self.contract = load("ArchiveAnchor.vy").deploy(self.suite.registry.address)
        self.model: dict[int, list[bytes]] = {7: [], 8: [], 9: []}
        self.accepted = 0

    @rule(
        who=st.sampled_from([7, 8, 9]), step=st.sampled_from([1, 1, 1, 0, 2, -1]), log=st.binary()
    )
    def anchor(self, who: int, step: int, log: bytes) -> None:
        sequence, commitment = max(len(self.model[who]) + step, 0), keccak(log)
        form = shown(self.suite, self.contract, commitment, sequence, nullifier=who)
        reason = refusal(lambda: self.contract.anchor(commitment, sequence, form.abi()))
        if sequence == len(self.model[who]) + 1:
            assert reason is None
            self.model[who].append(commitment)
            self.accepted += 1
        else:
            assert reason == NEXT

    @invariant()
    def storage_is_the_model(self) -> None:
        for who, kept in getattr(self, "model", {}).items():
            assert self.contract.sequence_of(who) == len(kept)
            found = [self.contract.commitment_at(who, n) for n in range(len(kept) + 2)]
            assert found == [bytes(32), *kept, bytes(32)]

    def teardown(self) -> None:
        if hasattr(self, "context"):
            self.context.__exit__(None, None, None)


def test_anchor__any_order(deployed: Deployment) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    machine = type("Machine", (AnchorMachine,), {"suite": deployed})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=6, stateful_step_count=12, deadline=None)
    )
