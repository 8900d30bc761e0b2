"""10,000 random credentials and policies: plain words, the product and the circuit agree."""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable
from typing import Any

import kyc_model as model
import pytest
from forge import Built, Forge
from kyc_holders import KycHolder

from mip_cli.crypto.claims import date_number, parse_schema
from mip_cli.crypto.credential import Terms
from mip_cli.crypto.field import R
from mip_cli.crypto.policy import SET_LEVELS, Predicate, entries_of
from mip_cli.crypto.policy_text import parse_policy
from mip_cli.crypto.quad_tree import QuadTree
from mip_cli.errors import ProofInvalid
from mip_cli.zk.predicate_inputs import PredicateParameters, public_signals

CASES = 10_000
WHOLE = 100
"""Cases that go through the whole circuit, signature and trees included: 0.1 s each."""
SCHEMA = parse_schema(model.SCHEMA)
TERMS = Terms(20200101, 20991231, 3)


def drawn(seed: int) -> tuple[random.Random, datetime.date, dict[str, Any], dict[str, Any]]:
    rng = random.Random(seed)
    today = datetime.date(2024, 2, 27) + datetime.timedelta(rng.randrange(1500))
    if rng.random() < 0.2:
        today = datetime.date(rng.randrange(2024, 2030), rng.choice((2, 3)), rng.choice((1, 28)))
    values = model.random_credential(rng)
    return rng, today, values, model.random_policy(rng, values, today)


def opening(
    rng: random.Random, predicate: Predicate, entries: tuple[int, ...], today: int
) -> dict[str, int | list[int]]:
    """Show a predicate by its true interval, or by the one nearest to the value."""
    value = predicate.value(entries, today)
    place = predicate.holding(entries, today)
    if place is None:
        near = [min(abs(value - i.low), abs(value - i.high)) for i in predicate.intervals]
        place = rng.choice((near.index(min(near)), rng.randrange(len(near))))
    interval = predicate.intervals[place]
    lone = interval.packed == predicate.spare
    tree = QuadTree(SET_LEVELS, {0: interval.packed}) if lone else predicate.tree
    return {
        "entry": list(entries),
        "today": today,
        "use": 1,
        "slotBit": [predicate.slot >> i & 1 for i in range(4)],
        "kind": predicate.kind,
        "relative": int(predicate.relative),
        "root": predicate.tree.root,
        "spare": predicate.spare,
        "value": value % R,
        "low": interval.low,
        "count": interval.count,
        "child": [c for row in tree.path(0 if lone else place).children for c in row],
    }


def accepts(built: Built, inputs: dict[str, int | list[int]]) -> bool:
    try:
        built.program.compute(inputs)
    except ProofInvalid:
        return False
    return True


def test_random_policies__plain_words_and_product_agree() -> None:
    """All 10,000, by whole policies."""
    met = 0
    for seed in range(CASES):
        _, today, values, document = drawn(seed)
        policy = parse_policy(document).policy
        entries = entries_of(SCHEMA.encode(values), TERMS)
        chosen = policy.chosen(entries, date_number(today))
        truth = model.satisfied(document, values, today)
        assert (chosen is not None) is truth, (seed, document, values, today)
        met += truth
    assert CASES // 5 < met < CASES * 4 // 5


@pytest.fixture(scope="session")
def predicate(part: Callable[..., Built]) -> Built:
    return part("lib/policy.circom", "Predicate", SET_LEVELS)


@pytest.mark.parametrize("share", range(4))
def test_random_predicates__plain_words_and_circuit_agree(share: int, predicate: Built) -> None:
    """All 10,000 credentials, by one predicate of each policy in the deployed circuit template."""
    true = 0
    for seed in range(share, CASES, 4):
        rng, today, values, document = drawn(seed)
        policy = parse_policy(document).policy
        number = rng.randrange(len(policy.predicates))
        entries = entries_of(SCHEMA.encode(values), TERMS)
        inputs = opening(rng, policy.predicates[number], entries, date_number(today))
        truth = model.holds(document["predicates"][number], values, today)
        assert accepts(predicate, inputs) is truth, (seed, document, values, today)
        true += truth
    assert CASES // 20 < true < CASES // 5


def test_random_credentials__the_whole_circuit_agrees(kyc: Forge) -> None:
    """With signature, issuer, revocation and the statement that the verifier recomputes."""
    parameters = PredicateParameters.of(kyc.circuit)
    done = 0
    for seed in range(CASES):
        _, today, values, document = drawn(seed)
        if not model.satisfied(document, values, today):
            continue
        policy = parse_policy(document).policy
        holder = KycHolder(
            parameters,
            seed=seed,
            today=date_number(today),
            claims=SCHEMA.encode(values),
            issued_on=TERMS.issued_on,
            expires_on=TERMS.expires_on,
            place=policy.issuers[-1],
            issuers=policy.issuers,
            required=policy.required,
            schema=SCHEMA.id,
            predicates=policy.predicates,
        )
        witness = holder.witness()
        signals = kyc.real.signals(kyc.real.witness(holder.inputs(witness)))
        assert signals == public_signals(witness), (seed, document, values, today)
        assert signals[2] == (policy.commitment + date_number(today)) % R
        done += 1
        if done == WHOLE:
            break
    assert done == WHOLE
