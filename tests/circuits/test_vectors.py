"""The compiled circuits give the answers of tests/vectors/; circomlib's Poseidon among them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mip_cli.crypto.field import R
from mip_cli.crypto.lean_tree import MerklePath
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
def test_circomlib_poseidon__gives_the_vectors(size: int, part: Callable[..., Any]) -> None:
    built = part("poseidon.circom", "Poseidon", size)
    cases = [case for case in vectors("poseidon")["cases"] if len(case["inputs"]) == size]
    assert cases
    for case in cases:
        values = built.witness({"inputs": numbers(case["inputs"])})
        assert built.signals(values) == [int(case["output"])]


@pytest.mark.parametrize(("width", "cost"), [(2, 216), (4, 264)])
def test_poseidon2__gives_the_vectors(width: int, cost: int, part: Callable[..., Any]) -> None:
    built = part("lib/poseidon2.circom", "Poseidon2Compress", width)
    assert built.r1cs.constraints == cost
    cases = [case for case in vectors("poseidon2")["cases"] if len(case["inputs"]) == width]
    assert cases
    for case in cases:
        values = built.witness({"in": numbers(case["inputs"])})
        assert built.signals(values) == [int(case["compression"])]
        assert built.unsatisfied(values) == []


@pytest.mark.parametrize("number", range(6))
def test_face_commitment__gives_the_vectors(number: int, part: Callable[..., Any]) -> None:
    face = vectors("commitments")["faces"][number]
    template = face["template"]
    built = part("lib/commitment.circom", "FaceCommitment", len(template), int(face["spec_id"]))
    inputs = {"coordinates": [value % R for value in template], "salt": int(face["salt"])}
    assert built.signals(built.witness(inputs)) == [int(face["commitment"])]


@pytest.mark.parametrize(
    ("file", "template", "inputs", "output"),
    [
        ("commitment", "IdentityCommitment", {"secret": "secret"}, "identity_commitment"),
        ("commitment", "PasswordCommitment", {"stretched": "stretched"}, "password_commitment"),
        (
            "commitment",
            "KeysRoot",
            {
                "face": "face_commitment",
                "password": "password_commitment",
                "guardian": "guardian_commitment",
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
                "epoch": "epoch",
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
    file: str, template: str, inputs: dict[str, str], output: str, part: Callable[..., Any]
) -> None:
    built = part(f"lib/{file}.circom", template)
    for case in vectors("commitments")["passports"]:
        values = built.witness({name: int(case[field], 0) for name, field in inputs.items()})
        assert built.signals(values) == [int(case[output])]
        assert built.unsatisfied(values) == []


def test_tree__gives_the_vectors(part: Callable[..., Any]) -> None:
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


def test_passport__gives_the_vectors(passport: Any) -> None:
    document = vectors("passport")
    assert numbers(document["params"]) == list(passport.circuit.params)
    assert document["signals"] == list(passport.circuit.signals)
    for case in document["cases"]:
        path, face = case["path"], case["face"]
        witness = PassportWitness(
            secret=int(case["secret"]),
            anchor=case["anchor"],
            epoch=case["epoch"],
            face_commitment=int(case["face_commitment"]),
            password_commitment=int(case["password_commitment"]),
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
        )
        expected = numbers(case["public_signals"])
        assert witness.leaf == int(case["leaf"])
        assert public_signals(witness) == expected
        inputs = circuit_inputs(witness, PassportParameters.of(passport.circuit))
        assert passport.real.signals(passport.real.witness(inputs)) == expected
