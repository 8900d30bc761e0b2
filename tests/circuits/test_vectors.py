"""The compiled circuits give the answers of tests/vectors/; circomlib's Poseidon among them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from forge import Built, Forge

from mip_cli.crypto import commitments
from mip_cli.crypto.field import R
from mip_cli.crypto.lean_tree import MerklePath
from mip_cli.zk.guardian_inputs import ApprovalWitness, approval_inputs, approval_signals
from mip_cli.zk.passport_inputs import (
    FaceOpening,
    PassportParameters,
    PassportWitness,
    circuit_inputs,
    public_signals,
)

VECTORS = Path(__file__).resolve().parents[1] / "vectors"


def vectors(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text())


def numbers(texts: list[str]) -> list[int]:
    return [int(text) for text in texts]


@pytest.mark.parametrize("size", [1, 2, 4, 6, 7, 15, 16])
def test_circomlib_poseidon__gives_the_vectors(size: int, part: Callable[..., Built]) -> None:
    built = part("poseidon.circom", "Poseidon", size)
    cases = [case for case in vectors("poseidon")["cases"] if len(case["inputs"]) == size]
    assert cases
    for case in cases:
        values = built.witness({"inputs": numbers(case["inputs"])})
        assert built.signals(values) == [int(case["output"])]


@pytest.mark.parametrize(("width", "cost"), [(2, 216), (4, 264)])
def test_poseidon2__gives_the_vectors(width: int, cost: int, part: Callable[..., Built]) -> None:
    built = part("lib/poseidon2.circom", "Poseidon2Compress", width)
    assert built.r1cs.constraints == cost
    cases = [case for case in vectors("poseidon2")["cases"] if len(case["inputs"]) == width]
    assert cases
    for case in cases:
        values = built.witness({"in": numbers(case["inputs"])})
        assert built.signals(values) == [int(case["compression"])]
        assert built.unsatisfied(values) == []


@pytest.mark.parametrize("number", range(6))
def test_face_commitment__gives_the_vectors(number: int, part: Callable[..., Built]) -> None:
    face = vectors("commitments")["faces"][number]
    template = face["template"]
    built = part("lib/commitment.circom", "LongCommitment", len(template), int(face["spec_id"]))
    inputs = {
        "coordinates": [value % R for value in template],
        "salt": int(face["salt"]),
        "asTwin": 0,
        "stretched": 5,
    }
    assert built.signals(built.witness(inputs)) == [int(face["commitment"])]
    twin = commitments.twin_commitment(5, commitments.twin_arity(len(template)))
    assert built.signals(built.witness(inputs | {"asTwin": 1})) == [twin]


def test_twin__gives_the_vectors(part: Callable[..., Built]) -> None:
    document = vectors("commitments")
    assert {case["twin_arity"] for case in document["passports"]} == {"4", "7"}
    for face, case in zip(document["faces"], document["passports"], strict=False):
        size, spec_id = len(face["template"]), int(face["spec_id"])
        built = part("lib/commitment.circom", "LongCommitment", size, spec_id)
        inputs = {
            "coordinates": [value % R for value in face["template"]],
            "salt": int(face["salt"]),
            "asTwin": 1,
            "stretched": int(case["stretched"]),
        }
        values = built.witness(inputs)
        assert built.signals(values) == [int(case["twin_commitment"])]
        assert built.unsatisfied(values) == []


@pytest.mark.parametrize(
    ("file", "template", "inputs", "output"),
    [
        ("commitment", "IdentityCommitment", {"secret": "secret"}, "identity_commitment"),
        (
            "commitment",
            "KeysRoot",
            {
                "face": "face_commitment",
                "password": "password_commitment",
                "twin": "twin_commitment",
                "salt": "keys_salt",
            },
            "keys_root",
        ),
        (
            "commitment",
            "Leaf",
            {
                "identity": "identity_commitment",
                "anchor": "anchor",
                "keysRoot": "keys_root",
                "guardian": "guardian_commitment",
            },
            "leaf",
        ),
        (
            "nullifier",
            "Nullifier",
            {"secret": "secret", "anchor": "anchor", "scope": "scope"},
            "nullifier",
        ),
    ],
)
def test_object__gives_the_vectors(
    file: str, template: str, inputs: dict[str, str], output: str, part: Callable[..., Built]
) -> None:
    built = part(f"lib/{file}.circom", template)
    for case in vectors("commitments")["passports"]:
        values = built.witness({name: int(case[field], 0) for name, field in inputs.items()})
        assert built.signals(values) == [int(case[output])]
        assert built.unsatisfied(values) == []


@pytest.mark.parametrize(("people", "output"), [(0, "password"), (1, "guardian")])
def test_short_commitment__gives_the_vectors(
    people: int, output: str, part: Callable[..., Built]
) -> None:
    built = part("lib/commitment.circom", "ShortCommitment")
    for case in vectors("commitments")["passports"]:
        openings = {"stretched": int(case["stretched"]), "peopleKey": int(case["people_key"])}
        values = built.witness(openings | {"usePeople": people})
        assert built.signals(values) == [int(case[f"{output}_commitment"])]
        assert built.unsatisfied(values) == []


@pytest.mark.parametrize(
    ("template", "inputs", "output"),
    [
        ("SetCommitment", {"root": "set_root", "salt": "set_salt"}, "set_commitment"),
        ("ApprovalNullifier", {"request": "request"}, "approval_nullifier"),
        ("ApprovalNullifier", {"request": "cancellation"}, "cancellation_nullifier"),
        ("GuardianLeaf", {"salt": "guardian_salt"}, None),
    ],
)
def test_guardian_object__gives_the_vectors(
    template: str, inputs: dict[str, str], output: str | None, part: Callable[..., Built]
) -> None:
    built = part("lib/guardian.circom", template)
    more = "thresholds" if template == "SetCommitment" else "secret"
    names = inputs | {more: "thresholds" if more == "thresholds" else "guardian_secret"}
    for case in vectors("guardian")["cases"]:
        values = built.witness({name: int(case[field]) for name, field in names.items()})
        expected = case["leaves"][case["position"]] if output is None else case[output]
        assert built.signals(values) == [int(expected)]


def test_guardian_approval__gives_the_vectors(approval: Forge) -> None:
    document = vectors("guardian")
    assert [document["depth"]] == list(approval.circuit.params)
    for case in document["cases"]:
        for request, nullifier in (
            ("request", "approval_nullifier"),
            ("cancellation", "cancellation_nullifier"),
        ):
            witness = ApprovalWitness(
                guardian_secret=int(case["guardian_secret"]),
                guardian_salt=int(case["guardian_salt"]),
                siblings=tuple(numbers(case["siblings"])),
                position=case["position"],
                threshold=int(case["threshold"]),
                quorum=int(case["quorum"]),
                set_salt=int(case["set_salt"]),
                request=int(case[request]),
            )
            names = ("set_commitment", nullifier, request, "thresholds")
            expected = [int(case[name]) for name in names]
            assert approval_signals(witness) == expected
            inputs = approval_inputs(witness, int(case["set_commitment"]))
            assert approval.real.signals(approval.real.witness(inputs)) == expected


def test_tree__gives_the_vectors(part: Callable[..., Built]) -> None:
    depth = 6
    built = part("lib/merkle.circom", "MerkleRoot", depth)
    for case in vectors("tree")["cases"]:
        for path in case["paths"]:
            levels = (numbers(path["siblings"]), path["node_is_right"])
            lefts, rights = [], []
            nodes = [int(path["leaf"])]
            compressed = part("lib/poseidon2.circom", "Poseidon2Compress", 2)
            for sibling, is_right in zip(*levels, strict=True):
                pair = [sibling, nodes[-1]] if is_right else [nodes[-1], sibling]
                lefts.append(pair[0])
                rights.append(pair[1])
                nodes += compressed.signals(compressed.witness({"in": pair}))
            idle = depth - len(lefts)
            inputs = {
                "leaf": nodes[0],
                "left": lefts + [nodes[-1]] * idle,
                "right": rights + [0] * idle,
                "node": nodes[1:] + [nodes[-1]] * idle,
            }
            assert built.signals(built.witness(inputs)) == [int(case["root"])]


def test_passport__gives_the_vectors(passport: Forge) -> None:
    document = vectors("passport")
    assert numbers(document["params"]) == list(passport.circuit.params)
    assert document["signals"] == list(passport.circuit.signals)
    assert {case["level"] for case in document["cases"]} == {1, 2, 3}
    for case in document["cases"]:
        path, face = case["path"], case["face"]
        witness = PassportWitness(
            secret=int(case["secret"]),
            anchor=case["anchor"],
            face_commitment=int(case["face_commitment"]),
            password_commitment=int(case["password_commitment"]),
            twin_commitment=int(case["twin_commitment"]),
            guardian_commitment=int(case["guardian_commitment"]),
            keys_salt=int(case["keys_salt"]),
            scope=int(case["scope"]),
            message=int(case["message"]),
            path=path
            and MerklePath(
                int(path["leaf"]),
                int(path["root"]),
                tuple(numbers(path["siblings"])),
                tuple(path["node_is_right"]),
            ),
            face=face
            and FaceOpening(tuple(face["template"]), int(face["salt"]), tuple(face["probe"])),
            stretched=case["stretched"] and int(case["stretched"]),
            people_key=case["people_key"] and int(case["people_key"]),
        )
        expected = numbers(case["public_signals"])
        assert witness.leaf == int(case["leaf"])
        assert witness.level == case["level"]
        assert public_signals(witness) == expected
        inputs = circuit_inputs(witness, PassportParameters.of(passport.circuit))
        assert passport.real.signals(passport.real.witness(inputs)) == expected
