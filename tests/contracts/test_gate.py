"""The predicate gate lets in what is proved for it, and nothing with one value changed."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boa
import pytest
from deployment import Deployment, account, at, load, now, payload_of, refusal
from groth16_simulator import negated_form
from issuer_acts import ADULTS, DAY, POLICY, Issuers, PredicatePresentation, date_of

from mip_cli.crypto.binding import scope_of
from mip_cli.crypto.field import R

ZERO = "0x" + "00" * 20


@pytest.fixture
def issuers(suite: Deployment) -> Issuers:
    found = Issuers(suite)
    suite.enroll(1)
    found.register()
    return found


def enter(issuers: Issuers, presented: PredicatePresentation) -> str | None:
    with boa.env.anchor():
        return refusal(lambda: issuers.age.enter(presented.shown()))


def test_enter__keeps_the_beneficiary_under_the_pseudonym(issuers: Issuers) -> None:
    presented = issuers.presentation()
    issuers.age.enter(presented.shown(), sender=account(3))
    (found,) = issuers.age.get_logs()
    assert (found.nullifier, found.beneficiary) == (presented.nullifier, presented.beneficiary)
    assert issuers.age.entered(presented.nullifier) == presented.beneficiary


def test_enter__twice__reverts(issuers: Issuers) -> None:
    presented = issuers.presentation()
    issuers.age.enter(presented.shown())
    for again in (
        presented,
        replace(presented, proof=tuple(negated_form(presented.proof))),
        issuers.presentation(beneficiary=account(4)),
    ):
        assert enter(issuers, again) == "age: passport has entered"
    assert enter(issuers, issuers.presentation(nullifier=6)) is None


CHANGES: dict[str, Callable[[PredicatePresentation], PredicatePresentation]] = {
    "level": lambda p: replace(p, level=3),
    "nullifier": lambda p: replace(p, nullifier=p.nullifier + 1),
    "nullifier plus R": lambda p: replace(p, nullifier=p.nullifier + R),
    "beneficiary": lambda p: replace(p, beneficiary=account(5)),
    "nonce": lambda p: replace(p, nonce=p.nonce + 1),
    "deadline": lambda p: replace(p, deadline=p.deadline + 1),
    "day": lambda p: replace(p, day=p.day - 1),
    "proof": lambda p: replace(p, proof=(p.proof[6], p.proof[7], *p.proof[2:])),
}


@pytest.mark.parametrize("change", CHANGES)
def test_enter__one_value_changed__reverts(change: str, issuers: Issuers) -> None:
    presented = issuers.presentation()
    assert enter(issuers, presented) is None
    assert enter(issuers, CHANGES[change](presented)) == "gate: proof is not valid"


OTHERS: dict[str, dict[str, Any]] = {
    "policy": {"policy": POLICY + 1},
    "date": {"date": date_of(20_833) - 1},
    "asker": {"asker": account(8)},
    "purpose": {"purpose": "enter as a child"},
    "function": {"payload": ADULTS.bind(payload_of("leave()"))},
    "no policy": {"payload": payload_of("enter()")},
    "chain": {"chain_id": 1},
}


@pytest.mark.parametrize("other", OTHERS)
def test_enter__proved_for_another__reverts(other: str, issuers: Issuers) -> None:
    bare = issuers.presentation()
    assert enter(issuers, issuers.prove(bare)) is None
    assert enter(issuers, issuers.prove(bare, **OTHERS[other])) == "gate: proof is not valid"


def test_enter__terms__reverts(issuers: Issuers) -> None:
    def refused(**changes: Any) -> str | None:
        return enter(issuers, issuers.presentation(**changes))

    assert refused() is None
    assert refused(level=3) is None
    assert refused(level=1) == "gate: level is too low"
    assert refused(level=4) == "gate: level is unknown"
    assert refused(nullifier=0) == "gate: nullifier is zero"
    assert refused(beneficiary=ZERO) == "gate: beneficiary is zero"
    assert refused(deadline=now()) is None
    assert refused(deadline=now() - 1) == "gate: presentation has expired"
    assert refused(deadline=now() + 3600) is None
    assert refused(deadline=now() + 3601) == "gate: deadline lies too far ahead"
    assert refused(root=5) == "gate: passport root is not accepted"
    assert refused(issuers_root=5) == "gate: issuers root is not accepted"
    assert refused(issuers_root=0) == "gate: issuers root is not accepted"


def ask(
    issuers: Issuers, presented: PredicatePresentation, level: int, policy: int = POLICY
) -> str | None:
    """Ask the gate as an app without the module of policies would."""
    purpose = boa.eval('keccak256("enter as an adult")')
    return refusal(
        lambda: issuers.gate.check(
            purpose, payload_of("enter()"), level, policy, presented.abi(), sender=account(8)
        )
    )


def test_level_0__reverts(issuers: Issuers) -> None:
    """An app that asks for level 0 does not get a proof of no level."""
    for level, reason in ((1, None), (0, "gate: level is unknown")):
        bare = issuers.presentation(level=level)
        presented = issuers.prove(bare, asker=account(8), payload=payload_of("enter()"))
        assert ask(issuers, presented, 0) == reason


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (0, "gate: policy is zero or not canonical"),
        (R, "gate: policy is zero or not canonical"),
        (R - 1, None),
    ],
)
def test_policy__not_canonical__reverts(issuers: Issuers, policy: int, reason: str | None) -> None:
    bare = issuers.presentation()
    presented = issuers.prove(
        bare, asker=account(8), payload=payload_of("enter()"), policy=policy % R
    )
    assert ask(issuers, presented, 2, policy) == reason


def test_day__is_the_blocks_or_the_one_before(issuers: Issuers) -> None:
    today = now() // DAY
    for day, reason in (
        (today + 1, "gate: day is not today"),
        (today, None),
        (today - 1, None),
        (today - 2, "gate: day is not today"),
        (2**256 - 1, "gate: day is not today"),
    ):
        fits = issuers.presentation(day=day) if day < 2**32 else None
        presented = fits or replace(issuers.presentation(), day=day)
        found = enter(issuers, presented)
        assert found == reason


def test_midnight__does_not_void_a_proof(issuers: Issuers) -> None:
    at((now() // DAY + 1) * DAY - 60)
    presented = issuers.presentation()
    at(now() + 120)
    assert presented.day + 1 == now() // DAY
    assert enter(issuers, presented) is None


def test_revocation__voids_proofs_after_the_grace_time(issuers: Issuers) -> None:
    at(now() + 61)
    presented = issuers.presentation()
    issuers.registry.publish(1, 0, 5, sender=account(500))
    assert enter(issuers, presented) is None
    at(now() + issuers.registry.GRACE())
    assert enter(issuers, presented) == "gate: issuers root is not accepted"
    assert enter(issuers, issuers.presentation()) is None


def test_pseudonym__is_that_of_the_passport_registry(issuers: Issuers) -> None:
    """Both contracts compute scope and message alike, so a holder is one and the same to an app."""
    gate = boa.env.generate_address("app")
    presented = issuers.prove(issuers.presentation(), asker=gate, payload=payload_of("enter()"))
    purpose = boa.eval('keccak256("enter as an adult")')
    found = issuers.gate.check(
        purpose, payload_of("enter()"), 2, POLICY, presented.abi(), sender=gate
    )
    assert found == presented.nullifier
    scope = issuers.suite.registry.scope_of(gate, purpose)
    assert scope == scope_of(boa.env.evm.patch.chain_id, gate, "enter as an adult")


def test_date__of_every_kind_of_day(issuers: Issuers) -> None:
    days = {0, 58, 59, 60, 364, 365, 789, 790, 11_016, 11_017, 20_833, 2_932_896}
    days |= {
        (datetime.date(y, m, d) - datetime.date(1970, 1, 1)).days
        for y in (1972, 1999, 2000, 2023, 2024, 2100, 2400)
        for m, d in ((1, 1), (2, 28), (3, 1), (12, 31))
    }
    days |= {(datetime.date(y, 2, 29) - datetime.date(1970, 1, 1)).days for y in (1972, 2000, 2400)}
    for day in sorted(days):
        assert issuers.gate.date_of(day) == date_of(day)
    assert refusal(lambda: issuers.gate.date_of(2**32)) == "gate: day is out of range"


def test_gate__construction__reverts(issuers: Issuers) -> None:
    passports, registry = issuers.suite.registry.address, issuers.registry.address
    verifier, source = issuers.verifier.address, load("PredicateGate.vy")
    nobody = account(1)
    assert refusal(lambda: source.deploy(passports, registry, verifier)) is None
    assert refusal(lambda: source.deploy(nobody, registry, verifier)) == (
        "gate: registry has no code"
    )
    assert refusal(lambda: source.deploy(passports, nobody, verifier)) == (
        "gate: registry has no code"
    )
    assert refusal(lambda: source.deploy(passports, registry, nobody)) == (
        "gate: verifier has no code"
    )
    other = issuers.suite.verifier.address
    assert refusal(lambda: source.deploy(passports, registry, other)) == (
        "gate: verifier is of another circuit"
    )


def test_app__states_what_it_asks(issuers: Issuers) -> None:
    assert issuers.age.passport_purpose() == "enter as an adult"
    assert issuers.age.passport_level() == 2
    assert issuers.age.policy_commitment() == ADULTS.commitment
