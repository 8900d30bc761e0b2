"""The passport circuit accepts what is true and refuses each lie, also as a forged witness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from forge import Forge
from holders import Holder, enrolled, squares, with_distance, with_fold_norm
from passport_lies import LIES
from passport_lies_face import moved_probe

from mip_cli.crypto import commitments
from mip_cli.crypto.commitments import TAG_NULLIFIER
from mip_cli.crypto.field import R
from mip_cli.crypto.poseidon import poseidon
from mip_cli.errors import FaceMismatch, ProofInvalid
from mip_cli.zk.passport_inputs import PassportWitness, public_signals

TRUE: dict[str, Callable[[Holder], PassportWitness]] = {
    "face and password": lambda h: h.deep(h.witness()),
    "face only": lambda h: h.deep(h.witness("F")),
    "password only": lambda h: h.deep(h.witness("P")),
    "face and people": lambda h: h.deep(h.witness("FG")),
    "password and people": lambda h: h.deep(h.witness("PG")),
    "leaf proof": lambda h: h.witness(),
    "leaf proof with people": lambda h: h.witness("PG"),
    "tree of one": lambda h: h.in_tree(h.witness(), 1, 0),
    "tree of two, left": lambda h: h.in_tree(h.witness(), 2, 0),
    "tree of two, right": lambda h: h.in_tree(h.witness(), 2, 1),
    "lone last leaf of five": lambda h: h.in_tree(h.witness(), 5, 4),
    "lone last leaf of seven": lambda h: h.in_tree(h.witness(), 7, 6),
    "tree of thirty, depth 5": lambda h: h.in_tree(h.witness(), 30, 17),
    "message 0": lambda h: h.deep(h.witness(message=0)),
    "largest public inputs": lambda h: h.deep(h.witness(scope=R - 1, message=R - 1)),
    "distance at the threshold": lambda h: with_distance(h, [60, -60, 60, -60]),
    "largest differences": lambda h: with_distance(h, [63, -64]),
    "extreme coordinates": lambda h: enrolled(
        h, [127, 127, 127, 127, -128, -128, -128, -128] * (h.parameters.dimension // 8)
    ),
    "norm at the floor": lambda h: with_fold_norm(h, h.parameters.fold_floor),
    "only the password known": lambda h: h.deep(
        h.witness("P", face_commitment=0, twin_commitment=0, guardian_commitment=0)
    ),
    "only the face known": lambda h: h.deep(
        h.witness("F", password_commitment=0, twin_commitment=0, guardian_commitment=0)
    ),
    "face and people, no password": lambda h: h.deep(
        h.witness("FG", password_commitment=0, twin_commitment=0)
    ),
    "password and people, no face": lambda h: h.deep(
        h.witness("PG", face_commitment=0, password_commitment=0)
    ),
}


@pytest.mark.parametrize("case", TRUE)
def test_true_statement__has_a_witness(case: str, passport: Forge, holder: Holder) -> None:
    witness = TRUE[case](holder)
    values = passport.real.witness(holder.inputs(witness))
    assert passport.real.signals(values) == public_signals(witness)
    assert passport.real.unsatisfied(values) == []


def test_512_coordinates__have_a_witness(passport_512: Forge, holder_512: Holder) -> None:
    witness = holder_512.deep(holder_512.witness())
    values = passport_512.real.witness(holder_512.inputs(witness))
    assert passport_512.real.signals(values) == public_signals(witness)
    assert passport_512.real.unsatisfied(values) == []


def test_512_coordinates__threshold_is_sharp(passport_512: Forge, holder_512: Holder) -> None:
    threshold = holder_512.parameters.threshold
    for distance, fits in ((threshold, True), (threshold + 1, False)):
        differences = [110] * (distance // 110**2)
        differences += squares(distance % 110**2, 4) or []
        assert sum(d * d for d in differences) == distance
        lie = moved_probe(differences)(holder_512)
        if fits:
            passport_512.real.witness(lie)
        else:
            with pytest.raises(ProofInvalid):
                passport_512.real.witness(lie)
            assert passport_512.strays(lie, "distance") == []


def test_idle_level__may_stand_anywhere(passport: Forge, holder: Holder) -> None:
    witness = holder.in_tree(holder.witness(), 6, 3)
    inputs = holder.inputs(witness)
    shifted = {
        "pathLeft": [0, *inputs["pathLeft"][:-1]],
        "pathRight": [witness.leaf, *inputs["pathRight"][:-1]],
        "pathNode": [witness.leaf, *inputs["pathNode"][:-1]],
    }
    values = passport.real.witness(inputs | shifted)
    assert passport.real.signals(values) == public_signals(witness)


def test_constraints__stay_below_the_ceiling(passport: Forge, passport_512: Forge) -> None:
    for forge, power in ((passport, 13), (passport_512, 14)):
        assert forge.real.r1cs.constraints <= forge.circuit.max_constraints
        assert forge.real.r1cs.domain_power == power
        assert forge.real.r1cs.public == len(forge.circuit.signals) == 4


def test_public_signals__stand_in_the_order_of_the_manifest(passport: Forge) -> None:
    names = [passport.real.names[wire] for wire in range(1, 5)]
    expected = [f"main.{signal}" for signal in passport.circuit.signals]
    assert all(name in found for name, found in zip(expected, names, strict=True))


@pytest.mark.parametrize("lie", LIES)
def test_lie__has_no_witness(lie: str, passport: Forge, holder: Holder) -> None:
    with pytest.raises(ProofInvalid):
        passport.real.witness(LIES[lie].inputs(holder))


@pytest.mark.parametrize("lie", LIES)
def test_forged_witness__breaks_its_rule(lie: str, passport: Forge, holder: Holder) -> None:
    found = LIES[lie]
    assert passport.strays(found.inputs(holder), found.rule) == []


@pytest.mark.parametrize("lie", LIES)
def test_forged_witness__passes_without_its_rule(
    lie: str, small: Forge, small_holder: Holder
) -> None:
    found = LIES[lie]
    inputs = found.inputs(small_holder)
    assert small.strays(inputs, found.rule) == []
    without = small.without(found.rule)
    assert without.unsatisfied(without.place(small.forged(inputs))) == []


def test_lies__try_every_rule(passport: Forge) -> None:
    assert {lie.rule for lie in LIES.values()} == set(passport.rules)


@pytest.mark.parametrize(
    ("kinds", "idle"), [("FP", "peopleKey"), ("FG", "stretched"), ("PG", "faceSalt")]
)
def test_wires__each_bound_by_some_constraint(
    kinds: str, idle: str, passport: Forge, holder: Holder
) -> None:
    """But for one opening of the kind that is not used, which nothing shown depends on."""
    real = passport.real
    values = real.witness(holder.inputs(holder.deep(holder.witness(kinds))))
    assert real.loose(values) == [[f"main.{idle}"]]


def test_congruent_public_input__is_the_same_witness(passport: Forge, holder: Holder) -> None:
    """So that the verifier alone can refuse x + R, and must (docs/protocol.md section 3)."""
    witness = holder.deep(holder.witness())
    inputs = holder.inputs(witness)
    assert passport.real.witness(inputs) == passport.real.witness(
        inputs | {"scope": witness.scope - R}
    )
    with pytest.raises(ValueError, match="scope is not a canonical field element"):
        holder.inputs(replace(witness, scope=witness.scope + R))


def test_zero_scope_and_secret__are_left_to_contract_and_holder(
    passport: Forge, holder: Holder
) -> None:
    """The circuit has a witness for both; the contract computes scopes, Python refuses both."""
    scope_0 = holder.inputs() | {"scope": 0}
    nullifier = poseidon(
        TAG_NULLIFIER, holder.secret, commitments.address_element("0x" + "a1" * 20), 0
    )
    assert passport.real.signals(passport.real.witness(scope_0))[1] == nullifier != 0
    for name in ("scope", "secret"):
        with pytest.raises(ValueError, match="must not be zero"):
            holder.inputs(replace(holder.witness(), **{name: 0}))


def test_far_probe__refused_in_words_first(holder: Holder) -> None:
    for differences in ([64], [-65], [60, -60, 60, -60, 1]):
        with pytest.raises(FaceMismatch):
            holder.inputs(with_distance(holder, differences))
