"""The credential circuit accepts what is true and refuses each lie, also as a forged witness."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from forge import CIRCUITS, Built, Forge
from kyc_holders import (
    AGE_18,
    BIRTH,
    DATE,
    MAX,
    NUMBER,
    TEXT,
    TODAY,
    KycHolder,
    claims,
    typed,
)
from kyc_lies import LIES, other_policies

from mip_cli.crypto import babyjubjub as curve
from mip_cli.crypto.field import R
from mip_cli.crypto.policy import Interval, Predicate, entries_of, gaps
from mip_cli.crypto.quad_tree import QuadTree
from mip_cli.errors import CredentialInvalid, MipError, PolicyUnmet, ProofInvalid
from mip_cli.zk.predicate_inputs import PredicateParameters, circuit_inputs, public_signals


@pytest.fixture
def holder(kyc: Forge) -> KycHolder:
    return KycHolder(PredicateParameters.of(kyc.circuit))


@pytest.fixture
def small_holder(small_kyc: Forge) -> KycHolder:
    return KycHolder(PredicateParameters.of(small_kyc.circuit))


def aged(holder: KycHolder, birth: int, today: int) -> KycHolder:
    """Return one born on a day, who shows on another that he is an adult."""
    adult = holder.predicate(0, DATE, AGE_18, relative=True)
    born = claims(s0=typed(DATE, birth))
    return holder.but(claims=born, today=today, predicates=(adult,), required=1)


TRUE: dict[str, Callable[[KycHolder], KycHolder]] = {
    "as it is": lambda h: h,
    "any of three, the last": lambda h: h.but(claims=claims(s1=typed(TEXT, 401)), required=1),
    "all of three": lambda h: h.but(required=3),
    "none required": lambda h: h.but(required=0),
    "no predicate at all": lambda h: h.but(predicates=(h.predicate(0, 1, AGE_18),), required=0),
    "on the first day": lambda h: h.but(issued_on=TODAY),
    "on the last day": lambda h: h.but(expires_on=TODAY),
    "for ever": lambda h: h.but(expires_on=99991231),
    "nobody revoked": lambda h: h.but(revoked=()),
    "the first number": lambda h: h.but(nonce=0),
    "the last accepted issuer": lambda h: h.but(issuers=(0, 2, 1)),
    "on the birthday": lambda h: aged(h, BIRTH, TODAY),
    "born on 29 February, on 1 March": lambda h: aged(h, 20080229, 20260301),
    "born on 29 February, in a leap year": lambda h: aged(h, 20060229 - 20000, 20260301),
    "by the day of issue": lambda h: h.but(
        predicates=(h.predicate(12, DATE, (Interval(20250101, MAX),)),), required=1
    ),
    "by the last day": lambda h: h.but(
        predicates=(h.predicate(13, DATE, (Interval(0, 20270101),)),), required=1
    ),
    "lowest and highest value": lambda h: h.but(
        claims=claims(s11=typed(TEXT, 0), s10=typed(TEXT, MAX)),
        predicates=(
            h.predicate(11, TEXT, (Interval(0, 0), Interval(5, 6))),
            h.predicate(10, TEXT, (Interval(1, 2), Interval(MAX, MAX))),
        ),
    ),
    "four predicates": lambda h: h.but(
        predicates=(*h.predicates, h.predicate(2, NUMBER, (Interval(9, 9),))), required=4
    ),
}


@pytest.mark.parametrize("case", TRUE)
def test_true_statement__has_a_witness(
    case: str, small_kyc: Forge, small_holder: KycHolder
) -> None:
    holder = TRUE[case](small_holder)
    witness = holder.witness()
    values = small_kyc.real.witness(holder.inputs(witness))
    assert small_kyc.real.signals(values) == public_signals(witness)
    assert small_kyc.real.unsatisfied(values) == []


@pytest.mark.parametrize("kinds", ["F", "P", "FP", "FG", "PG"])
def test_deployed_circuit__has_a_witness_for_each_level(
    kinds: str, kyc: Forge, holder: KycHolder
) -> None:
    deep = holder.but(nonce=4**12 - 1, place=4**8 - 2, issuers=(4**8 - 1, 4**8 - 2))
    witness = deep.witness(kinds)
    values = kyc.real.witness(deep.inputs(witness))
    assert kyc.real.signals(values) == public_signals(witness)


def test_set_of_64__each_member_and_each_gap(kyc: Forge, holder: KycHolder) -> None:
    members = tuple(range(10, 10 + 2 * 64, 2))
    inside = holder.predicate(1, TEXT, tuple(Interval(m, m) for m in members))
    outside = holder.predicate(1, TEXT, gaps(members))
    assert (len(inside.intervals), len(outside.intervals)) == (64, 65)
    for value in (10, 11, 9, 72, 73, 136, 137, 0, MAX):
        true = inside if value in members else outside
        for predicate in (inside, outside):
            case = holder.but(
                claims=claims(s1=typed(TEXT, value)), predicates=(predicate,), required=1
            )
            if predicate is true:
                kyc.real.witness(case.inputs())
            else:
                with pytest.raises(PolicyUnmet):
                    case.inputs()


def test_constraints__stay_below_the_ceiling(kyc: Forge) -> None:
    assert kyc.real.r1cs.constraints <= kyc.circuit.max_constraints == 25_000
    assert kyc.real.r1cs.domain_power == 15
    assert kyc.real.r1cs.public == len(kyc.circuit.signals) == 6


def test_public_signals__stand_in_the_order_of_the_manifest(kyc: Forge) -> None:
    names = [kyc.real.names[wire] for wire in range(1, 7)]
    expected = [f"main.{signal}" for signal in kyc.circuit.signals]
    assert all(name in found for name, found in zip(expected, names, strict=True))


def test_wires__each_bound_by_some_constraint(small_kyc: Forge, small_holder: KycHolder) -> None:
    """A predicate not shown leaves its dummy free, so all are shown; no people are used."""
    holder = TRUE["four predicates"](small_holder)
    assert small_kyc.real.loose(small_kyc.real.witness(holder.inputs())) == [["main.peopleKey"]]


# --- refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize("lie", LIES)
def test_lie__has_no_witness(lie: str, kyc: Forge, holder: KycHolder) -> None:
    with pytest.raises(ProofInvalid):
        kyc.real.witness(LIES[lie].inputs(holder))


@pytest.mark.parametrize("lie", LIES)
def test_forged_witness__breaks_its_rule_and_passes_without_it(
    lie: str, small_kyc: Forge, small_holder: KycHolder
) -> None:
    found = LIES[lie]
    inputs = found.inputs(small_holder)
    assert small_kyc.strays(inputs, found.rule) == []
    without = small_kyc.without(found.rule)
    assert without.unsatisfied(without.place(small_kyc.forged(inputs))) == []


def test_rules__each_have_a_lie(kyc: Forge) -> None:
    told = {rule for lie in LIES.values() for rule in lie.rule.split(", ")}
    assert told | {"curve"} == set(kyc.rules)
    assert len(LIES) >= 40


def test_point_off_the_curve__is_refused(part: Callable[..., Built]) -> None:
    """Rule "curve": the formulas are a group's only there."""
    built = part("lib/signature.circom", "OnCurve")
    for point in (curve.BASE8, curve.IDENTITY, (0, R - 1)):
        built.witness({"x": point[0], "y": point[1]})
    for x, y in ((0, 0), (1, 1), (curve.BASE8[0], curve.BASE8[1] + 1), (0, 2)):
        assert not curve.is_on_curve((x, y))
        with pytest.raises(ProofInvalid):
            built.witness({"x": x, "y": y})


@pytest.mark.parametrize("width", [4, 16, 27, 120, 253])
def test_range__refuses_aliases_and_neighbours(width: int, part: Callable[..., Built]) -> None:
    """Num2Bits of each width in use: bits of x + R never fit, and 2^width is out."""
    built = part("lib/range.circom", "Unsigned", width) if width <= 248 else None
    built = built or part("node_modules/circomlib/circuits/bitify.circom", "Num2Bits", width)
    name = "value" if width <= 248 else "in"
    for value in (0, 1, 2**width - 1):
        built.witness({name: value})
    for value in (2**width, R - 1, R - 200, R - 2**width):
        if value < 2**width:
            continue
        with pytest.raises(ProofInvalid):
            built.witness({name: value})
    for value in (0, 2**width - 1):
        assert value + R >= 2**width


def test_challenge__has_one_decomposition(part: Callable[..., Built]) -> None:
    """254 bits hold x and x + R: plain Num2Bits takes both, the strict one only x."""
    x = 5
    for template, accepted in (("Num2Bits", True), ("Num2Bits_strict", False)):
        params = (254,) if accepted else ()
        built = part("node_modules/circomlib/circuits/bitify.circom", template, *params)
        honest = built.witness({"in": x})
        bits = [built.wire(f"main.out[{i}]") for i in range(254)]
        aliased = list(honest)
        for i, wire in enumerate(bits):
            aliased[wire] = (x + R) >> i & 1
        assert (built.unsatisfied(aliased) == []) is accepted


def test_policies__have_each_their_own_statement(small_kyc: Forge, small_holder: KycHolder) -> None:
    own = small_holder.policy.commitment
    found = {name: policy.commitment for name, policy in other_policies(small_holder).items()}
    assert own not in found.values()
    assert len(set(found.values())) == len(found)


def test_day__moves_the_statement(small_kyc: Forge, small_holder: KycHolder) -> None:
    later = small_holder.but(today=TODAY + 1)
    signals = [
        small_kyc.real.signals(small_kyc.real.witness(h.inputs())) for h in (small_holder, later)
    ]
    assert signals[1][2] == signals[0][2] + 1
    assert [a == b for a, b in zip(*signals, strict=True)] == [True, True, False, True, True, True]


def test_pseudonym__is_that_of_the_passport_circuit(
    kyc: Forge, holder: KycHolder, passport: Forge
) -> None:
    witness = holder.witness()
    alone = passport.real.signals(passport.real.witness(holder.base.inputs(witness.passport)))
    both = kyc.real.signals(kyc.real.witness(holder.inputs(witness)))
    assert [both[i] for i in (0, 1, 4, 5)] == alone


# --- in words -------------------------------------------------------------------------------------


REFUSED: dict[str, tuple[Callable[[KycHolder], KycHolder], type[MipError], str]] = {
    "revoked": (lambda h: h.but(revoked=(2,)), CredentialInvalid, "revoked"),
    "expired": (lambda h: h.but(expires_on=TODAY - 1), CredentialInvalid, "not in force"),
    "not begun": (lambda h: h.but(issued_on=20260301), CredentialInvalid, "not in force"),
    "minor": (lambda h: aged(h, BIRTH + 1, TODAY), PolicyUnmet, "does not say"),
    "issuer": (lambda h: h.but(issuers=(0, 2)), PolicyUnmet, "accept"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_untrue_statement__refused_in_words(case: str, small_holder: KycHolder) -> None:
    small_holder.inputs()
    change, error, words = REFUSED[case]
    with pytest.raises(error, match=words):
        change(small_holder).inputs()


def test_foreign_credential__refused_in_words(small_holder: KycHolder) -> None:
    parameters = small_holder.parameters
    witness = small_holder.witness()
    with pytest.raises(CredentialInvalid, match="another passport"):
        circuit_inputs(replace(witness, blinding=witness.blinding + 1), parameters)
    other = KycHolder(parameters, seed=2)
    with pytest.raises(CredentialInvalid, match="another key"):
        circuit_inputs(replace(witness, issuers=other.tree.path(1)), parameters)
    broken = replace(
        witness.credential, signature=replace(witness.credential.signature, response=1)
    )
    with pytest.raises(CredentialInvalid, match="signature"):
        circuit_inputs(replace(witness, credential=broken), parameters)


# --- model ----------------------------------------------------------------------------------------


def random_holder(parameters: PredicateParameters, seed: int) -> KycHolder:
    """Draw claims and predicates so that about half of the predicates hold."""
    rng = random.Random(seed)
    values = {f"s{i}": typed(rng.choice((1, 2, 3)), rng.randrange(40)) for i in range(6)}
    room = 4**parameters.set_levels

    def intervals() -> tuple[Interval, ...]:
        points = sorted(rng.sample(range(40), 2 * rng.randint(1, min(room, 8))))
        return tuple(Interval(a, b) for a, b in zip(points[::2], points[1::2], strict=True))

    predicates = tuple(
        Predicate(
            rng.randrange(6), rng.choice((1, 2, 3)), False, intervals(), parameters.set_levels
        )
        for _ in range(rng.randint(1, 4))
    )
    return KycHolder(
        parameters,
        seed=seed,
        claims=claims(**values),
        predicates=predicates,
        required=rng.randint(0, len(predicates)),
    )


def test_random_credentials__agree_with_the_model(small_kyc: Forge) -> None:
    """Each predicate of each credential, told true or false by plain arithmetic and by circom."""
    parameters = PredicateParameters.of(small_kyc.circuit)
    met = unmet = 0
    for seed in range(60):
        holder = random_holder(parameters, seed)
        entries = entries_of(holder.claims, holder.statement.terms)
        holding = sum(
            entry >> 120 == p.kind and any(i.low <= entry % 2**120 <= i.high for i in p.intervals)
            for p in holder.predicates
            for entry in (entries[p.slot],)
        )
        if holding >= holder.required:
            witness = holder.witness()
            values = small_kyc.real.witness(holder.inputs(witness))
            assert small_kyc.real.signals(values) == public_signals(witness)
            met += 1
        else:
            with pytest.raises(PolicyUnmet):
                holder.inputs()
            unmet += 1
    assert min(met, unmet) >= 10


def test_empty_tree__is_0() -> None:
    assert QuadTree(3).root == 0 != QuadTree(3, {5: 1}).root


# --- vectors --------------------------------------------------------------------------------------


def test_parts__give_the_vectors(part: Callable[..., Built]) -> None:
    vectors = json.loads((CIRCUITS.parent / "tests" / "vectors" / "credentials.json").read_text())
    case = vectors["credential"]
    issued_on, expires_on, nonce = case["terms"]
    built = part("lib/credential.circom", "Subject")
    opening = {name: int(case[name]) for name in ("secret", "blinding")}
    values = built.witness(opening | {"anchor": int(case["anchor"], 16)})
    assert built.signals(values) == [int(case["subject"])]
    built = part("lib/credential.circom", "CredentialDigest")
    values = built.witness(
        {
            "claim": [int(claim) for claim in case["claims"]],
            "subject": int(case["subject"]),
            "schema": int(vectors["schema"]["id"]),
            "issuedOn": issued_on,
            "expiresOn": expires_on,
            "nonce": nonce,
        }
    )
    assert built.signals(values) == [int(case["digest"])]
    key = {"keyX": int(case["key"][0]), "keyY": int(case["key"][1])}
    built = part("lib/signature.circom", "EdDSAPoseidon")
    signed = key | {
        "nonceX": int(case["nonce"][0]),
        "nonceY": int(case["nonce"][1]),
        "response": int(case["response"]),
        "digest": int(case["digest"]),
    }
    built.witness(signed)
    with pytest.raises(ProofInvalid):
        built.witness(signed | {"digest": int(case["digest"]) + 1})
    built = part("lib/credential.circom", "IssuerLeaf")
    values = built.witness(key | {"revocationRoot": int(vectors["issuer"]["revocation_root"])})
    assert built.signals(values) == [int(vectors["issuer"]["leaf"])]
