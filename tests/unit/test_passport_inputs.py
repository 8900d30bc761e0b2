"""Inputs of the passport circuit: what is refused in words before any circuit runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mip_cli.crypto import commitments
from mip_cli.crypto.field import R
from mip_cli.crypto.lean_tree import LeanTree
from mip_cli.errors import FaceMismatch
from mip_cli.zk.manifest import Circuit
from mip_cli.zk.passport_inputs import (
    FaceOpening,
    PassportParameters,
    PassportWitness,
    circuit_inputs,
    fold_norm,
    public_signals,
)

PARAMETERS = PassportParameters(
    depth=3, dimension=8, threshold=500, spec_id=99, diff_bits=5, fold=4, fold_floor=1000
)
TEMPLATE = (20, 30, -10, 40, 5, -60, 70, 90)
PROBE = (22, 30, -10, 25, 5, -60, 70, 90)  # squared distance 229
ANCHOR = "0x" + "a1" * 20
PEOPLE = 13


@pytest.fixture
def witness() -> PassportWitness:
    """A leaf proof with face and password, of one who could use people too."""
    return PassportWitness(
        secret=11,
        anchor=ANCHOR,
        face_commitment=commitments.face_commitment(TEMPLATE, 5, PARAMETERS.spec_id),
        password_commitment=commitments.password_commitment(77),
        twin_commitment=commitments.twin_commitment(77, 3),
        guardian_commitment=commitments.guardian_commitment(PEOPLE),
        keys_salt=17,
        scope=19,
        message=23,
        face=FaceOpening(TEMPLATE, 5, PROBE),
        stretched=77,
    )


def test_circuit_inputs__of_a_leaf_proof(witness: PassportWitness) -> None:
    inputs = circuit_inputs(witness, PARAMETERS)
    leaf = witness.leaf
    assert (inputs["useFace"], inputs["usePassword"], inputs["usePeople"]) == (1, 1, 0)
    assert inputs["coordinates"] == [value % R for value in TEMPLATE]
    assert inputs["pathLeft"] == inputs["pathNode"] == [leaf] * 3
    assert inputs["pathRight"] == [0] * 3
    assert public_signals(witness) == [
        leaf + 2,
        commitments.nullifier(11, ANCHOR, 19),
        19,
        23,
    ]


def test_circuit_inputs__of_a_member(witness: PassportWitness) -> None:
    tree = LeanTree([1, 2, witness.leaf])
    member = replace(witness, path=tree.path(2))
    inputs = circuit_inputs(member, PARAMETERS)
    assert inputs["pathNode"] == [tree.root] * 3
    assert inputs["pathRight"] == [witness.leaf, 0, 0]
    assert public_signals(member)[0] == tree.root + 2


def test_circuit_inputs__fill_an_unused_kind_with_a_dummy(witness: PassportWitness) -> None:
    password_only = circuit_inputs(replace(witness, face=None), PARAMETERS)
    assert password_only["useFace"] == 0
    assert password_only["coordinates"] == password_only["probe"]
    assert fold_norm(password_only["coordinates"], 4) >= PARAMETERS.fold_floor  # type: ignore[arg-type]
    face_only = circuit_inputs(replace(witness, stretched=None), PARAMETERS)
    assert (face_only["usePassword"], face_only["stretched"]) == (0, 0)
    assert (face_only["usePeople"], face_only["peopleKey"]) == (0, 0)


@pytest.mark.parametrize(
    ("changes", "flags", "level"),
    [
        ({}, (1, 1, 0), 2),
        ({"stretched": None}, (1, 0, 0), 1),
        ({"face": None}, (0, 1, 0), 1),
        ({"stretched": None, "people_key": PEOPLE}, (1, 0, 1), 3),
        ({"face": None, "people_key": PEOPLE}, (0, 1, 1), 3),
    ],
)
def test_level__of_each_choice_of_kinds(
    witness: PassportWitness, changes: dict[str, object], flags: tuple[int, ...], level: int
) -> None:
    chosen = replace(witness, **changes)  # type: ignore[arg-type]
    inputs = circuit_inputs(chosen, PARAMETERS)
    assert (inputs["useFace"], inputs["usePassword"], inputs["usePeople"]) == flags
    assert inputs["peopleKey"] == (PEOPLE if flags[2] else 0)
    assert chosen.level == level
    assert public_signals(chosen)[0] == chosen.leaf + level


def test_twin__is_what_a_password_opens_beside_the_people(witness: PassportWitness) -> None:
    """As in the circuit: of the two commitments to the password each proof opens one."""
    circuit_inputs(replace(witness, twin_commitment=5), PARAMETERS)
    with_people = replace(witness, face=None, people_key=PEOPLE)
    circuit_inputs(replace(with_people, password_commitment=5), PARAMETERS)
    with pytest.raises(ValueError, match="does not open the twin"):
        circuit_inputs(replace(with_people, twin_commitment=5), PARAMETERS)
    of_other_shape = commitments.twin_commitment(77, 7)
    with pytest.raises(ValueError, match="does not open the twin"):
        circuit_inputs(replace(with_people, twin_commitment=of_other_shape), PARAMETERS)


def test_circuit_inputs__are_the_same_dummies_for_everybody(witness: PassportWitness) -> None:
    one = circuit_inputs(replace(witness, face=None), PARAMETERS)
    other = circuit_inputs(replace(witness, face=None, secret=12), PARAMETERS)
    for name in ("coordinates", "probe", "faceSalt"):
        assert one[name] == other[name]


@pytest.mark.parametrize(
    "probe",
    [
        (36, *TEMPLATE[1:]),  # difference -16: the range of five bits ends at -16
        (5, 15, *TEMPLATE[2:]),  # 15 * 15 * 2 = 450
    ],
)
def test_match__within_both_limits(witness: PassportWitness, probe: tuple[int, ...]) -> None:
    circuit_inputs(replace(witness, face=FaceOpening(TEMPLATE, 5, probe)), PARAMETERS)


@pytest.mark.parametrize(
    "probe",
    [
        (4, *TEMPLATE[1:]),  # difference 16
        (37, *TEMPLATE[1:]),  # difference -17
        (5, 15, -3, 38, *TEMPLATE[4:]),  # 450 + 49 + 4
    ],
)
def test_match__reverts_beyond_a_limit(witness: PassportWitness, probe: tuple[int, ...]) -> None:
    with pytest.raises(FaceMismatch, match="does not match"):
        circuit_inputs(replace(witness, face=FaceOpening(TEMPLATE, 5, probe)), PARAMETERS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"secret": 0}, "must not be zero"),
        ({"scope": 0}, "must not be zero"),
        ({"scope": 19 + R}, "scope is not a canonical"),
        ({"message": -1}, "message is not a canonical"),
        ({"keys_salt": R}, "keys_salt is not a canonical"),
        ({"twin_commitment": R}, "twin_commitment is not a canonical"),
        ({"anchor": "0x12"}, "40 hex digits"),
        ({"face": None, "stretched": None}, "face or the password"),
        ({"face": None, "stretched": None, "people_key": PEOPLE}, "face or the password"),
        ({"people_key": PEOPLE}, "two kinds at most"),
        ({"stretched": None, "people_key": PEOPLE + 1}, "does not open the guardian"),
        ({"stretched": None, "people_key": R}, "not a canonical"),
        ({"face_commitment": 5}, "do not open the face"),
        ({"face": FaceOpening(TEMPLATE, 6, PROBE)}, "do not open the face"),
        ({"face": FaceOpening(TEMPLATE[1:], 5, PROBE[1:])}, "8 coordinates"),
        ({"face": FaceOpening(TEMPLATE, 5, PROBE[1:])}, "8 coordinates"),
        ({"face": FaceOpening((128, *TEMPLATE[1:]), 5, PROBE)}, "8-bit"),
        ({"stretched": 78}, "does not open the password"),
        ({"path": LeanTree([1, 2]).path(0)}, "starts at another leaf"),
    ],
)
def test_circuit_inputs__reverts(
    witness: PassportWitness, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        circuit_inputs(replace(witness, **changes), PARAMETERS)  # type: ignore[arg-type]


def test_path__reverts_when_false_or_too_long(witness: PassportWitness) -> None:
    path = LeanTree([1, 2, 3, witness.leaf]).path(3)
    with pytest.raises(ValueError, match="another root"):
        circuit_inputs(replace(witness, path=replace(path, root=path.root + 1)), PARAMETERS)
    with pytest.raises(ValueError, match="at most 1 siblings"):
        circuit_inputs(replace(witness, path=path), replace(PARAMETERS, depth=1))
    uneven = replace(path, node_is_right=path.node_is_right[:1])
    with pytest.raises(ValueError, match="each with its side"):
        circuit_inputs(replace(witness, path=uneven), PARAMETERS)


def test_template__reverts_near_zero(witness: PassportWitness) -> None:
    for template, norm in (((0,) * 8, 0), ((31, 0, 0, 0, 6, 0, 0, 0), 997)):
        assert fold_norm(template, 4) == norm
        commitment = commitments.face_commitment(template, 5, PARAMETERS.spec_id)
        opening = FaceOpening(template, 5, template)
        with pytest.raises(ValueError, match="too close to zero"):
            circuit_inputs(replace(witness, face_commitment=commitment, face=opening), PARAMETERS)


def test_repr__shows_no_secret(witness: PassportWitness) -> None:
    assert repr(witness) == "PassportWitness(level=2, <redacted>)"
    assert repr(witness.face) == "FaceOpening(<redacted>)"


def test_parameters__come_from_a_passport_circuit_only() -> None:
    params = (20, 128, 1, 2, 3, 4, 5)
    circuit = Circuit("x", "x.circom", "Passport", params, (), (), 1, "O2", False)
    assert PassportParameters.of(circuit) == PassportParameters(*params)
    for wrong in (replace(circuit, template="Kyc"), replace(circuit, params=params[1:])):
        with pytest.raises(ValueError, match="not a passport circuit"):
            PassportParameters.of(wrong)
