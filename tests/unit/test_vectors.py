"""Python gives the answers of tests/vectors/, and those that others published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mip_cli.crypto import binding, commitments, guardian_set
from mip_cli.crypto.field import R
from mip_cli.crypto.lean_tree import LeanTree
from mip_cli.crypto.poseidon import poseidon
from mip_cli.crypto.poseidon2 import compress, permute
from mip_cli.face.spec import DEFAULT_SPEC, FaceSpec, insightface_spec
from mip_cli.zk.manifest import load_manifest
from mip_cli.zk.passport_inputs import PassportParameters

ROOT = Path(__file__).resolve().parents[2]


def vectors(name: str) -> Any:
    return json.loads((ROOT / "tests" / "vectors" / f"{name}.json").read_text())


ADDRESSES = {"anchor", "recovery", "registry"}
"""Members that hold addresses."""


def numbers(texts: list[str]) -> list[int]:
    return [int(text) for text in texts]


PUBLISHED_POSEIDON = {
    # circomlib 2.0.5, test/poseidoncircuit.js
    (1, 2): 7853200120776062878684798364095072458815029376092732009249414926327459813530,
    (3, 4): 14763215145315200506921711489642608356394854266165572616578112107564877678998,
    (1, 2, 0, 0, 0): 1018317224307729531995786483840663576608797660851238720571059489595066344487,
    (3, 4, 5, 10, 23): (
        13034429309846638789535561449942021891039729847501137143363028890275222221409
    ),
    # circomlibjs and go-iden3-crypto
    tuple(range(1, 17)): (
        9989051620750914585850546081941653841776809718687451684622678807385399211877
    ),
}


@pytest.mark.parametrize("inputs", PUBLISHED_POSEIDON)
def test_poseidon__gives_published_values(inputs: tuple[int, ...]) -> None:
    assert poseidon(*inputs) == PUBLISHED_POSEIDON[inputs]


PUBLISHED_POSEIDON2 = (
    # permutation of (0, 1, ...) as the reference implementation and its ports publish it
    (
        0x1D01E56F49579CEC72319E145F06F6177F6C5253206E78C2689781452A31878B,
        0x0D189EC589C41B8CFFA88CFC523618A055ABE8192C70F75AA72FC514560F6C61,
    ),
    (
        0x0BB61D24DACA55EEBCB1929A82650F328134334DA98EA4F847F760054F4A3033,
        0x303B6F7C86D043BFCBCC80214F26A30277A15D3F74CA654992DEFE7FF8D03570,
        0x1ED25194542B12EEF8617361C3BA7C52E660B145994427CC86296242CF766EC8,
    ),
    (
        0x01BD538C2EE014ED5141B29E9AE240BF8DB3FE5B9A38629A9647CF8D76C01737,
        0x239B62E7DB98AA3A2A8F6A0D2FA1709E7A35959AA6C7034814D9DAA90CBAC662,
        0x04CBB44C61D928ED06808456BF758CBF0C18D1E15A7B6DBC8245FA7515D5E3CB,
        0x2E11C5CFF2A22C64D01304B778D78F6998EFF1AB73163A35603F54794C30847A,
    ),
)


@pytest.mark.parametrize(
    "outputs", PUBLISHED_POSEIDON2, ids=lambda outputs: f"width {len(outputs)}"
)
def test_poseidon2__gives_published_values(outputs: tuple[int, ...]) -> None:
    assert permute(list(range(len(outputs)))) == list(outputs)


@pytest.mark.thorough
def test_poseidon__gives_the_vectors() -> None:
    cases = vectors("poseidon")["cases"]
    assert {len(case["inputs"]) for case in cases} == set(range(1, 17))
    for case in cases:
        assert poseidon(*numbers(case["inputs"])) == int(case["output"])


def test_poseidon2__gives_the_vectors() -> None:
    for case in vectors("poseidon2")["cases"]:
        inputs = numbers(case["inputs"])
        assert permute(inputs) == numbers(case["permutation"])
        assert compress(*inputs) == int(case["compression"])


def test_tags__are_their_texts() -> None:
    tags = vectors("commitments")["tags"]
    assert len(set(tags.values())) == len(tags) == 11
    for name, value in tags.items():
        text = int(value).to_bytes(32, "big").lstrip(b"\0").decode()
        assert text == f"mip.{name.replace('_', '.')}/1"
        assert getattr(commitments, f"TAG_{name.upper()}") == int(value)


def test_commitments__give_the_vectors() -> None:
    document = vectors("commitments")
    for face in document["faces"]:
        salt, spec = int(face["salt"]), int(face["spec_id"])
        assert commitments.pack_template(face["template"]) == numbers(face["packed"])
        found = commitments.face_commitment(face["template"], salt, spec)
        assert found == int(face["commitment"])
    for case in document["passports"]:
        anchor = case.pop("anchor")
        known = {name: int(value) for name, value in case.items()}
        secret, scope = known["secret"], known["scope"]
        keys = commitments.keys_root(
            known["face_commitment"],
            commitments.password_commitment(known["stretched"]),
            commitments.twin_commitment(known["stretched"], known["twin_arity"]),
            known["keys_salt"],
        )
        guardian = commitments.guardian_commitment(known["people_key"])
        identity = commitments.identity_commitment(secret)
        assert identity == known["identity_commitment"]
        assert keys == known["keys_root"]
        assert commitments.leaf(identity, anchor, keys, guardian) == known["leaf"]
        assert commitments.nullifier(secret, anchor, scope) == known["nullifier"]


def test_tree__gives_the_vectors() -> None:
    document = vectors("tree")
    revoked = int(document["revoked"])
    assert binding.revoked_leaf() == revoked
    assert binding.frozen_leaf() == int(document["frozen"]) != revoked
    for case in document["cases"]:
        tree = LeanTree(numbers(case["leaves"]))
        assert (tree.root, tree.depth) == (int(case["root"]), case["depth"])
        for path in case["paths"]:
            found = tree.path(path["index"])
            assert found.siblings == tuple(numbers(path["siblings"]))
            assert found.node_is_right == tuple(path["node_is_right"])
        tree.update(len(tree) // 2, revoked)
        assert tree.root == int(case["root_after_revoking_the_middle"])


def test_scope_and_message__give_the_vectors() -> None:
    document = vectors("binding")
    for case in document["scopes"]:
        found = binding.scope_of(int(case["chain_id"]), case["contract"], case["purpose"])
        assert found == int(case["scope"]) < 2**248
    for case in document["messages"]:
        message = binding.message_of(
            int(case["chain_id"]),
            case["contract"],
            beneficiary=case["beneficiary"],
            payload=bytes.fromhex(case["payload"][2:]),
            nonce=int(case["nonce"]),
            deadline=int(case["deadline"]),
        )
        assert message == int(case["message"]) < 2**248


@pytest.mark.thorough
def test_guardian__gives_the_vectors() -> None:
    document = vectors("guardian")
    assert document["depth"] == guardian_set.SET_DEPTH
    for case in document["cases"]:
        leaves, siblings = tuple(numbers(case["leaves"])), tuple(numbers(case["siblings"]))
        texts = {name: x for name, x in case.items() if name not in ADDRESSES}
        known = {name: int(x) for name, x in texts.items() if not isinstance(x, list)}
        secret, position = known["guardian_secret"], known["position"]
        assert guardian_set.guardian_leaf(secret, known["guardian_salt"]) == leaves[position]
        found = guardian_set.GuardianSet(
            leaves, known["threshold"], known["quorum"], known["set_salt"]
        )
        assert found.thresholds == known["thresholds"]
        assert found.root == known["set_root"]
        assert found.commitment == known["set_commitment"]
        assert found.path(position) == siblings
        passport = (
            known["chain_id"],
            case["recovery"],
            case["registry"],
            known["identity_commitment"],
            case["anchor"],
            known["guardian_epoch"],
        )
        request = binding.recovery_request(*passport, known["nonce"], known["new_keys_root"])
        cancellation = binding.cancel_request(*passport, known["changes"])
        assert request == known["request"] < 2**248
        assert cancellation == known["cancellation"] < 2**248
        assert guardian_set.approval_nullifier(secret, request) == known["approval_nullifier"]
        found_nullifier = guardian_set.approval_nullifier(secret, cancellation)
        assert found_nullifier == known["cancellation_nullifier"]


def test_requests__bind_every_field() -> None:
    whole = (31337, "0x" + "9e" * 20, "0x" + "4e" * 20, 5, "0x" + "a1" * 20, 0, 0, 7)
    other = (1, "0x" + "9f" * 20, "0x" + "4f" * 20, 6, "0x" + "a2" * 20, 1, 1, 8)
    single = [(*whole[:i], other[i], *whole[i + 1 :]) for i in range(len(whole))]
    found = {binding.recovery_request(*fields) for fields in (whole, *single)}
    found |= {binding.cancel_request(*fields[:-1]) for fields in (whole, *single[:-1])}
    assert len(found) == 9 + 8


def test_vectors__hold_canonical_elements_only() -> None:
    def check(value: Any) -> None:
        if isinstance(value, dict):
            for name, part in value.items():
                if name not in {"chain_id", "nonce", "deadline", "guardian_epoch", "changes"}:
                    check(part)
        elif isinstance(value, list):
            for part in value:
                check(part)
        elif isinstance(value, str) and value.isdigit():
            assert int(value) < R

    for name in ("binding", "commitments", "guardian", "passport", "poseidon", "poseidon2", "tree"):
        check(vectors(name))


SPEC_OF_CIRCUIT = {
    "passport": DEFAULT_SPEC,
    # a local model's own hashes make another spec id, to be written into circuits.json by its user
    "passport_512": insightface_spec("0" * 64, "0" * 64),
}


@pytest.mark.parametrize("name", SPEC_OF_CIRCUIT)
def test_circuit__has_the_parameters_of_its_face_spec(name: str) -> None:
    spec: FaceSpec = SPEC_OF_CIRCUIT[name]
    manifest = load_manifest(ROOT / "circuits" / "circuits.json")
    found = PassportParameters.of(manifest.circuit(name))
    assert found.spec_id == spec.spec_id
    assert found.dimension == spec.dimension
    assert found.threshold == spec.threshold
    assert 1 << (found.diff_bits - 1) == spec.coordinate_limit
    assert (found.fold, found.fold_floor) == (spec.fold, spec.fold_floor)
    assert found.depth == 20
