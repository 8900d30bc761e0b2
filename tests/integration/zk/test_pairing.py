"""Proofs checked by the pairing that can be read, half a second each."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from py_ecc import optimized_bn128 as bn

from mip_cli.config import load_settings
from mip_cli.crypto.field import P
from mip_cli.errors import ProofInvalid
from mip_cli.flows.passport import proof_file, verify
from mip_cli.progress import Silent
from mip_cli.zk import verifier
from mip_cli.zk.artifacts import load_key
from mip_cli.zk.points import G1Point, G2Point, negate
from mip_cli.zk.proof import Proof
from mip_cli.zk.verifying_key import VerifyingKey

FOLDER = Path(__file__).parent.parent.parent / "vectors"
VECTORS = json.loads((FOLDER / "proof_file.json").read_text())
VOTE = {case["name"]: case["file"] for case in VECTORS["cases"]}[VECTORS["verifies"]]


def g1(scalar: int) -> G1Point:
    x, y = bn.normalize(bn.multiply(bn.G1, scalar))
    return int(x), int(y)


def g2(scalar: int) -> G2Point:
    x, y = bn.normalize(bn.multiply(bn.G2, scalar))
    return (int(x.coeffs[0]), int(x.coeffs[1])), (int(y.coeffs[0]), int(y.coeffs[1]))


@pytest.fixture(scope="module")
def key() -> VerifyingKey:
    return VerifyingKey(g1(3), g2(5), g2(1), g2(7), (g1(11), g1(13)))


def test_key__gamma_equal_to_delta_is_really_forgeable(key: VerifyingKey) -> None:
    weak = replace(key, delta2=key.gamma2)
    combined = g1(11 + 13 * 42)
    forged = Proof(weak.alpha1, weak.beta2, negate(combined))
    verifier.verify(weak, forged, [42])
    with pytest.raises(ProofInvalid, match="does not verify"):
        verifier.verify(key, forged, [42])


def test_vector__verifies_with_the_pinned_development_key() -> None:
    key = load_key(load_settings({}), "passport").key
    file = proof_file.decode(VOTE.encode())
    verifier.verify(key, file.proof, file.signals)
    with pytest.raises(ProofInvalid, match="does not verify"):
        verifier.verify(key, file.proof, replace(file, nonce=1).signals)
    changed = json.loads(VOTE)
    changed["pi_a"][0] = str(int(changed["pi_a"][0]) + P)
    with pytest.raises(ProofInvalid, match="not canonical"):
        verifier.verify(key, proof_file.decode(json.dumps(changed).encode()).proof, file.signals)


def test_verify__development_key_on_a_local_chain__is_told() -> None:
    file = proof_file.decode(VOTE.encode())
    found = verify.verify_offline(
        load_settings({}), file, Silent(), clock=lambda: file.deadline - 60
    )
    assert (found.development, found.seconds_left) == (True, 60)
