"""Verifying keys and proofs as values: spelling, order of words, and keys that are refused."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from py_ecc import optimized_bn128 as bn

from mip_cli.crypto.field import P
from mip_cli.errors import ArtifactMismatch, ProofInvalid
from mip_cli.zk import verifying_key
from mip_cli.zk.points import G1Point, G2Point, g1_problem, g2_problem
from mip_cli.zk.proof import Proof, from_evm_words, parse_proof, parse_signals
from mip_cli.zk.verifying_key import VerifyingKey, parse_verifying_key


def g1(scalar: int) -> G1Point:
    x, y = bn.normalize(bn.multiply(bn.G1, scalar))
    return int(x), int(y)


def g2(scalar: int) -> G2Point:
    x, y = bn.normalize(bn.multiply(bn.G2, scalar))
    return (int(x.coeffs[0]), int(x.coeffs[1])), (int(y.coeffs[0]), int(y.coeffs[1]))


def outside_subgroup() -> G2Point:
    """A point of the twist found by counting up, in no subgroup of order R."""
    for x0 in range(1, 100):
        x = bn.FQ2([x0, 0])
        square = x * x * x + bn.b2
        a, b = (int(c) for c in square.coeffs)
        norm = pow(a * a + b * b, (P + 1) // 4, P)
        for sign in (1, -1):
            half = (a + sign * norm) * pow(2, -1, P) % P
            real = pow(half, (P + 1) // 4, P)
            y = bn.FQ2([real, b * pow(2 * real, -1, P) % P])
            if y * y == square:
                return (x0, 0), (int(y.coeffs[0]), int(y.coeffs[1]))
    raise AssertionError("no point found")


@pytest.fixture(scope="module")
def key() -> VerifyingKey:
    return VerifyingKey(g1(3), g2(5), g2(1), g2(7), (g1(11), g1(13)))


@pytest.fixture
def document(key: VerifyingKey) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(json.dumps(key.to_json()))
    return decoded


def test_key__survives_its_json(key: VerifyingKey, document: dict[str, Any]) -> None:
    assert parse_verifying_key(document) == key


def test_key__hash_ignores_order_and_redundant_fields(
    key: VerifyingKey, document: dict[str, Any]
) -> None:
    shuffled = dict(reversed(document.items())) | {"vk_alphabeta_12": []}
    assert parse_verifying_key(shuffled).hash() == key.hash()
    assert replace(key, ic=key.ic[::-1]).hash() != key.hash()


def test_key__words_put_imaginary_parts_first(key: VerifyingKey) -> None:
    words = key.evm_words()
    assert words[:2] == list(key.alpha1)
    (x0, x1), (y0, y1) = key.beta2
    assert words[2:6] == [x1, x0, y1, y0]
    assert words[14:] == [*key.ic[0], *key.ic[1]]
    assert len(words) == 2 + 3 * 4 + 2 * 2


@pytest.mark.thorough
@pytest.mark.parametrize("delta", [1, -1])
def test_key__gamma_equal_to_delta__reverts(key: VerifyingKey, delta: int) -> None:
    x, (y0, y1) = key.gamma2
    same = key.gamma2 if delta == 1 else (x, (P - y0, P - y1))
    with pytest.raises(ArtifactMismatch, match="anyone can forge"):
        verifying_key.check(replace(key, delta2=same))


@pytest.mark.parametrize("field", ["beta2", "gamma2", "delta2"])
def test_key__bad_point_of_g2__reverts(key: VerifyingKey, field: str) -> None:
    for point, reason in (
        (((0, 0), (0, 0)), "at infinity"),
        (((1, 2), (3, 4)), "not on the curve"),
        (outside_subgroup(), "not in the subgroup"),
        (((P, 0), (3, 4)), "not canonical"),
    ):
        with pytest.raises(ArtifactMismatch, match=f"{field}: .*{reason}"):
            verifying_key.check(replace(key, **{field: point}))


def test_key__bad_point_of_g1__reverts(key: VerifyingKey) -> None:
    for point, reason in (((0, 0), "infinity"), ((1, 1), "curve"), ((1, P + 2), "canonical")):
        with pytest.raises(ArtifactMismatch, match=f"alpha1: .*{reason}"):
            verifying_key.check(replace(key, alpha1=point))
        with pytest.raises(ArtifactMismatch, match=rf"IC\[1\]: .*{reason}"):
            verifying_key.check(replace(key, ic=(key.ic[0], point)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["protocol"], "plonk"),
        (["curve"], "bls12381"),
        (["nPublic"], 2),
        (["nPublic"], "1"),
        (["IC"], []),
        (["IC"], None),
        (["IC", 0], ["1", "2"]),
        (["IC", 0, 0], 1),
        (["IC", 0, 0], "01"),
        (["IC", 0, 0], "-1"),
        (["IC", 0, 0], "9" * 79),
        (["IC", 0, 2], "0"),
        (["vk_beta_2", 0], ["1"]),
        (["vk_beta_2", 2], ["0", "0"]),
        (["vk_alpha_1"], {}),
    ],
)
def test_key__malformed_json__reverts(
    document: dict[str, Any], path: list[Any], value: object
) -> None:
    changed: Any = copy.deepcopy(document)
    target = changed
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    with pytest.raises(ArtifactMismatch, match="not a Groth16 verifying key"):
        parse_verifying_key(changed)


@pytest.mark.parametrize("value", [None, [], "key", {}])
def test_key__not_a_key__reverts(value: object) -> None:
    with pytest.raises(ArtifactMismatch):
        parse_verifying_key(value)


def test_proof__words_are_its_own_inverse() -> None:
    words = list(range(1, 9))
    proof = from_evm_words(words)
    assert proof == Proof((1, 2), ((4, 3), (6, 5)), (7, 8))
    assert proof.evm_words() == words
    assert parse_proof(proof.to_json()) == proof


@pytest.mark.parametrize(
    "change",
    [
        {"pi_a": ["1", "2"]},
        {"pi_a": ["1", "2", "2"]},
        {"pi_a": ["1", "0x2", "1"]},
        {"pi_b": [["1", "2"], ["3", "4"]]},
        {"pi_c": None},
        {"protocol": "plonk"},
        {"curve": "bls12381"},
    ],
)
def test_proof__malformed__reverts(change: dict[str, object]) -> None:
    document = from_evm_words(list(range(1, 9))).to_json() | change
    with pytest.raises(ProofInvalid, match="malformed"):
        parse_proof(document)


def test_proof__other_shapes__reverts() -> None:
    for value in (None, [], {}):
        with pytest.raises(ProofInvalid):
            parse_proof(value)
    with pytest.raises(ProofInvalid, match="8 words"):
        from_evm_words([1])


def test_signals__canonical_decimals_only() -> None:
    assert parse_signals(["0", "12"]) == (0, 12)
    for value in (None, "12", [12], ["012"], ["+1"], ["1 "], ["٣"]):
        with pytest.raises(ProofInvalid):
            parse_signals(value)


def test_points__of_the_generators_are_fine() -> None:
    assert g1_problem(g1(1)) is None
    assert g2_problem(g2(1)) is None
