"""What an app asks of credentials: several proofs of one passport, for this policy and no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boa
import pytest
from deployment import Deployment, account, at, load, now, payload_of, refusal
from issuer_acts import Issuers, PredicatePresentation, policy_abi

from mip_cli.crypto.field import R
from mip_cli.crypto.policy_app import AppPolicy

PURPOSE = "apply for a flat"
FLAT = 12
IDENTITY, INCOME, GUARANTOR = 10**70 + 1, 10**71 + 1, 10**72 + 1
TWO_OF_THREE = AppPolicy(2, False, 2, (IDENTITY, INCOME, GUARANTOR))

Shown = tuple[tuple[int, tuple[int, ...]], ...]


@pytest.fixture
def issuers(suite: Deployment) -> Issuers:
    found = Issuers(suite)
    suite.enroll(1)
    found.register()
    return found


def office(issuers: Issuers, policy: AppPolicy = TWO_OF_THREE) -> Any:
    return load("examples/FlatLottery.vy").deploy(issuers.gate.address, policy_abi(policy))


def proofs(
    issuers: Issuers,
    app: Any,
    bare: PredicatePresentation,
    parts: tuple[int, ...],
    policy: AppPolicy = TWO_OF_THREE,
    **changes: Any,
) -> Shown:
    """Prove some parts for one policy; ``changes`` go into what is proved."""
    payload = changes.pop("payload", payload_of("apply(uint256)", FLAT))
    return tuple(
        (
            part,
            issuers.prove(
                bare,
                asker=app.address,
                purpose=PURPOSE,
                payload=policy.bind(payload),
                policy=policy.parts[part],
                seed=part + 1,
                **changes,
            ).proof,
        )
        for part in parts
    )


def apply(app: Any, bare: PredicatePresentation, shown: Shown, flat: int = FLAT) -> str | None:
    presented = bare.shown(*shown) if shown else (*bare.shown()[:-1], [])
    with boa.env.anchor():
        return refusal(lambda: app.apply(flat, presented))


@pytest.mark.parametrize("parts", [(0, 1), (0, 2), (1, 2)])
def test_apply__with_enough_parts(issuers: Issuers, parts: tuple[int, ...]) -> None:
    app, bare = office(issuers), issuers.presentation()
    app.apply(FLAT, bare.shown(*proofs(issuers, app, bare, parts)), sender=account(3))
    (found,) = app.get_logs()
    assert (found.flat, found.nullifier, found.beneficiary) == (
        FLAT,
        bare.nullifier,
        bare.beneficiary,
    )
    assert (app.applicant(FLAT, bare.nullifier), app.applications(FLAT)) == (bare.beneficiary, 1)


def test_apply__twice__reverts(issuers: Issuers) -> None:
    app, bare = office(issuers), issuers.presentation()
    app.apply(FLAT, bare.shown(*proofs(issuers, app, bare, (0, 1))))
    others = proofs(issuers, app, bare, (1, 2))
    assert apply(app, bare, others) == "flat: passport has applied"
    somebody = replace(bare, nullifier=bare.nullifier + 1)
    assert apply(app, somebody, proofs(issuers, app, somebody, (1, 2))) is None


def test_apply__another_flat__reverts(issuers: Issuers) -> None:
    app, bare = office(issuers), issuers.presentation()
    shown = proofs(issuers, app, bare, (0, 1))
    assert apply(app, bare, shown) is None
    assert apply(app, bare, shown, FLAT + 1) == "gate: proof is not valid"
    assert apply(app, bare, shown, 2**32) == "flat: there is no such flat"


def test_parts__other_than_required__reverts(issuers: Issuers) -> None:
    app, bare = office(issuers), issuers.presentation()
    first, second, third = proofs(issuers, app, bare, (0, 1, 2))
    assert apply(app, bare, (first, second)) is None
    for shown, reason in (
        ((), "policy: not as many parts as required"),
        ((first,), "policy: not as many parts as required"),
        ((first, second, third), "policy: not as many parts as required"),
        ((first, first), "policy: parts are not in ascending order"),
        ((second, first), "policy: parts are not in ascending order"),
        ((first, (3, third[1])), "policy: there is no such part"),
        ((first, (2**256 - 1, third[1])), "policy: there is no such part"),
        (((0, second[1]), (1, first[1])), "gate: proof is not valid"),
        ((first, (1, first[1])), "gate: proof is not valid"),
        ((first, (2, second[1])), "gate: proof is not valid"),
    ):
        assert apply(app, bare, shown) == reason


def test_parts__of_two_passports__revert(issuers: Issuers) -> None:
    """A friend's income does not help: the pseudonym is there once."""
    app, bare = office(issuers), issuers.presentation()
    mine = proofs(issuers, app, bare, (0, 1))
    friend = replace(bare, nullifier=bare.nullifier + 1)
    (income,) = proofs(issuers, app, friend, (1,))
    assert apply(app, bare, mine) is None
    assert apply(app, bare, (mine[0], income)) == "gate: proof is not valid"
    assert apply(app, friend, (mine[0], income)) == "gate: proof is not valid"


SHARED: dict[str, dict[str, Any]] = {
    "beneficiary": {"beneficiary": account(5)},
    "nonce": {"nonce": 8},
    "level": {"level": 3},
}


@pytest.mark.parametrize("value", SHARED)
def test_parts__of_two_acts__revert(issuers: Issuers, value: str) -> None:
    app, bare = office(issuers), issuers.presentation()
    first, second = proofs(issuers, app, bare, (0, 1))
    other = replace(bare, **SHARED[value])
    (stranger,) = proofs(issuers, app, other, (1,))
    assert apply(app, bare, (first, second)) is None
    assert apply(app, bare, (first, stranger)) == "gate: proof is not valid"


OTHER_POLICIES: dict[str, AppPolicy] = {
    "a lower level": replace(TWO_OF_THREE, level=1),
    "a higher level": replace(TWO_OF_THREE, level=3),
    "strict": replace(TWO_OF_THREE, strict=True),
    "one part more required": replace(TWO_OF_THREE, required=3),
    "one part less required": replace(TWO_OF_THREE, required=1),
    "another first part": replace(TWO_OF_THREE, parts=(IDENTITY + 1, INCOME, GUARANTOR)),
    "another second part": replace(TWO_OF_THREE, parts=(IDENTITY, INCOME + 1, GUARANTOR)),
    "another part that is not shown": replace(
        TWO_OF_THREE, parts=(IDENTITY, INCOME, GUARANTOR + 1)
    ),
    "no third part": replace(TWO_OF_THREE, parts=(IDENTITY, INCOME)),
    "a fourth part": replace(TWO_OF_THREE, parts=(*TWO_OF_THREE.parts, 7)),
    "another order": replace(TWO_OF_THREE, parts=(INCOME, IDENTITY, GUARANTOR)),
}


@pytest.mark.parametrize("other", OTHER_POLICIES)
def test_policy__proved_for_another__reverts(issuers: Issuers, other: str) -> None:
    """The same credentials and act, shown for a policy that differs in one value."""
    app, bare = office(issuers), issuers.presentation()
    for policy, reason in (
        (TWO_OF_THREE, None),
        (OTHER_POLICIES[other], "gate: proof is not valid"),
    ):
        # the parts as the app has them, so that the binding alone differs
        bound = policy.bind(payload_of("apply(uint256)", FLAT))
        shown = tuple(
            (
                part,
                issuers.prove(
                    bare,
                    asker=app.address,
                    purpose=PURPOSE,
                    payload=bound,
                    policy=TWO_OF_THREE.parts[part],
                ).proof,
            )
            for part in (0, 1)
        )
        assert apply(app, bare, shown) == reason


def test_level__too_low__reverts(issuers: Issuers) -> None:
    app = office(issuers)
    for level, reason in ((2, None), (3, None), (1, "gate: level is too low")):
        bare = issuers.presentation(level=level)
        assert apply(app, bare, proofs(issuers, app, bare, (0, 1))) == reason


def test_strict__takes_the_newest_roots_alone(issuers: Issuers, suite: Deployment) -> None:
    strict = replace(TWO_OF_THREE, strict=True)
    apps = {policy: office(issuers, policy) for policy in (strict, TWO_OF_THREE)}

    def entered(act: Callable[[], Any], policy: AppPolicy) -> str | None:
        with boa.env.anchor():
            at(now() + 61)
            bare = issuers.presentation()
            shown = proofs(issuers, apps[policy], bare, (0, 1), policy)
            act()
            return apply(apps[policy], bare, shown)

    def publish() -> None:
        issuers.registry.publish(1, 0, 5, sender=account(500))

    for act, reason in (
        (lambda: None, None),
        (lambda: suite.enroll(2), "policy: passport root is not the newest"),
        (publish, "policy: issuers root is not the newest"),
    ):
        assert entered(act, strict) == reason
        assert entered(act, TWO_OF_THREE) is None


def test_commitment__is_that_of_the_specification(issuers: Issuers) -> None:
    for policy in (TWO_OF_THREE, AppPolicy(1, True, 1, (5,)), AppPolicy(3, False, 4, (4, 3, 2, 1))):
        app = office(issuers, policy)
        assert app.policy_commitment() == policy.commitment
        assert tuple(app.credential_policy()) == policy_abi(policy)
        assert app.passport_level() == policy.level
        assert app.GATE() == issuers.gate.address
        assert app.passport_purpose() == PURPOSE


def test_construction__reverts(issuers: Issuers) -> None:
    source, gate = load("examples/FlatLottery.vy"), issuers.gate.address

    def refused(
        level: int = 2, required: int = 1, parts: tuple[int, ...] = (1, 2), gate: str = gate
    ) -> str | None:
        return refusal(lambda: source.deploy(gate, (level, False, required, list(parts))))

    assert refused() is None
    assert refused(gate=account(1)) == "policy: gate has no code"
    assert refused(level=1) is None
    assert refused(level=3) is None
    assert refused(level=0) == "policy: level is unknown"
    assert refused(level=4) == "policy: level is unknown"
    assert refused(required=2) is None
    assert refused(required=0) == "policy: required parts do not exist"
    assert refused(required=3) == "policy: required parts do not exist"
    assert refused(required=1, parts=()) == "policy: required parts do not exist"
    assert refused(parts=(1, R - 1)) is None
    assert refused(parts=(1, R)) == "policy: part is zero or not canonical"
    assert refused(parts=(1, 0)) == "policy: part is zero or not canonical"
    assert refused(parts=(1, 2, 1)) == "policy: part is there twice"


LYING_GATE = """
# pragma version 0.4.3
struct Presentation:
    root: uint256
    level: uint256
    nullifier: uint256
    beneficiary: address
    nonce: uint256
    deadline: uint256
    issuers_root: uint256
    day: uint256
    proof: uint256[8]

PASSPORTS: public(address)
ISSUERS: public(address)
added: public(uint256)

@external
def add(more: uint256):
    self.added = more

@view
@external
def check(
    purpose: bytes32, payload: bytes32, level: uint256, policy: uint256, p: Presentation
) -> uint256:
    return p.nullifier + self.added
"""


def test_gate__that_answers_another_pseudonym__reverts(issuers: Issuers) -> None:
    gate = boa.loads(LYING_GATE)
    app = load("examples/FlatLottery.vy").deploy(gate.address, policy_abi(TWO_OF_THREE))
    bare = issuers.presentation()
    shown: Shown = ((0, bare.proof), (1, bare.proof))
    assert apply(app, bare, shown) is None
    gate.add(1)
    assert apply(app, bare, shown) == "policy: gate answers another pseudonym"
