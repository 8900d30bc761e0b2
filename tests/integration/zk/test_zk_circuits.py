"""The circuits that are deployed, with the keys that are pinned: real proofs of the vectors."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mip_cli.config import load_settings
from mip_cli.crypto.field import R
from mip_cli.crypto.lean_tree import MerklePath
from mip_cli.errors import ProofInvalid
from mip_cli.zk import verifier
from mip_cli.zk.artifacts import CircuitArtifacts, load_circuit, load_key
from mip_cli.zk.guardian_inputs import ApprovalWitness, approval_inputs
from mip_cli.zk.manifest import load_manifest
from mip_cli.zk.passport_inputs import (
    FaceOpening,
    PassportParameters,
    PassportWitness,
    circuit_inputs,
)
from mip_cli.zk.proof import Proof, format_signals
from mip_cli.zk.prover import Prover, Snarkjs

ROOT = Path(__file__).resolve().parents[3]
KINDS = ("FP", "F", "P", "FG", "PG")
"""Face, password, guardians: every choice that the passport circuit takes."""
APPROVALS = ("request", "cancellation")


def vectors(name: str) -> Any:
    return json.loads((ROOT / "tests" / "vectors" / f"{name}.json").read_text())


def numbers(texts: Sequence[str]) -> tuple[int, ...]:
    return tuple(map(int, texts))


@pytest.fixture(scope="module")
def circuit() -> Callable[[str], CircuitArtifacts]:
    """Load a circuit as the product does, once."""
    return cache(lambda name: load_circuit(load_settings(), name))


def passport_of(kinds: str) -> tuple[PassportWitness, tuple[int, ...]]:
    """Return the member of the vectors that uses these kinds, and his public signals."""
    case = next(
        case for case in vectors("passport")["cases"] if case["path"] and _kinds(case) == kinds
    )
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
        path=MerklePath(
            int(path["leaf"]),
            int(path["root"]),
            numbers(path["siblings"]),
            tuple(path["node_is_right"]),
        ),
        face=face and FaceOpening(tuple(face["template"]), int(face["salt"]), tuple(face["probe"])),
        stretched=case["stretched"] and int(case["stretched"]),
        people_key=case["people_key"] and int(case["people_key"]),
    )
    return witness, numbers(case["public_signals"])


def _kinds(case: dict[str, Any]) -> str:
    members = {"F": "face", "P": "stretched", "G": "people_key"}
    return "".join(letter for letter, name in members.items() if case[name] is not None)


def approval_of(request: str) -> tuple[dict[str, Any], tuple[int, ...]]:
    """Return inputs and public signals of a guardian of the vectors."""
    case = vectors("guardian")["cases"][0]
    witness = ApprovalWitness(
        guardian_secret=int(case["guardian_secret"]),
        guardian_salt=int(case["guardian_salt"]),
        siblings=numbers(case["siblings"]),
        position=case["position"],
        threshold=int(case["threshold"]),
        quorum=int(case["quorum"]),
        set_salt=int(case["set_salt"]),
        request=int(case[request]),
    )
    nullifier = {"request": "approval_nullifier", "cancellation": "cancellation_nullifier"}[request]
    names = ("set_commitment", nullifier, request, "thresholds")
    inputs = approval_inputs(witness, int(case["set_commitment"]))
    return dict(inputs), numbers([case[name] for name in names])


def refused_by_all(artifacts: CircuitArtifacts, proof: Proof, signals: Sequence[int]) -> bool:
    for check in (
        lambda: verifier.verify(artifacts.key, proof, signals),
        lambda: verifier.verify_quickly(artifacts.curve, artifacts.key, proof, signals),
    ):
        with pytest.raises(ProofInvalid, match="does not"):
            check()
    return True


def convinces_snarkjs(
    artifacts: CircuitArtifacts, proof: Proof, signals: Sequence[int], folder: Path
) -> bool:
    documents = {
        "vk.json": artifacts.key.to_json(),
        "public.json": format_signals(signals),
        "proof.json": proof.to_json(),
    }
    for name, document in documents.items():
        (folder / name).write_text(json.dumps(document))
    snarkjs = Snarkjs(ROOT / "circuits" / "node_modules")
    return b"OK!" in snarkjs.run(["groth16", "verify", *documents], folder)


@pytest.mark.parametrize("kinds", KINDS)
def test_passport__is_proved_with_each_choice_of_kinds(
    kinds: str, prover: Prover, circuit: Callable[[str], CircuitArtifacts], tmp_path: Path
) -> None:
    passport = circuit("passport")
    witness, expected = passport_of(kinds)
    inputs = circuit_inputs(witness, PassportParameters.of(passport.circuit))
    proof, signals = passport.prove(inputs, prover)
    assert signals == expected
    assert convinces_snarkjs(passport, proof, signals, tmp_path)
    verifier.verify(passport.key, proof, signals)
    for position in range(4):
        other = list(signals)
        other[position] = (other[position] + 1) % R  # of the first: another level
        assert refused_by_all(passport, proof, other)


@pytest.mark.parametrize("request_of", APPROVALS)
def test_approval__is_proved(
    request_of: str, prover: Prover, circuit: Callable[[str], CircuitArtifacts], tmp_path: Path
) -> None:
    approval = circuit("guardian_approval")
    inputs, expected = approval_of(request_of)
    proof, signals = approval.prove(inputs, prover)
    assert signals == expected
    assert convinces_snarkjs(approval, proof, signals, tmp_path)
    verifier.verify(approval.key, proof, signals)
    for position in range(4):
        other = list(signals)
        other[position] = (other[position] + 1) % R
        assert refused_by_all(approval, proof, other)


def test_approval__does_not_serve_the_other_request(
    prover: Prover, circuit: Callable[[str], CircuitArtifacts]
) -> None:
    """Nor with the nullifier that belongs to it."""
    approval = circuit("guardian_approval")
    inputs, signals = approval_of("request")
    proof, _ = approval.prove(inputs, prover)
    _, other = approval_of("cancellation")
    verifier.verify(approval.key, proof, signals)
    assert refused_by_all(approval, proof, other)


def test_proof__does_not_serve_the_other_circuit(
    prover: Prover, circuit: Callable[[str], CircuitArtifacts]
) -> None:
    passport, approval = circuit("passport"), circuit("guardian_approval")
    inputs, signals = approval_of("request")
    proof, _ = approval.prove(inputs, prover)
    assert refused_by_all(passport, proof, signals)


@pytest.mark.parametrize("change", ["people_key", "stretched"])
def test_passport__refuses_a_lie_before_it_proves(
    change: str, prover: Prover, circuit: Callable[[str], CircuitArtifacts]
) -> None:
    """The circuit does, not only the words before it."""
    passport = circuit("passport")
    witness, _ = passport_of("PG")
    parameters = PassportParameters.of(passport.circuit)
    inputs = circuit_inputs(witness, parameters)
    wrong = replace(witness, **{change: 5})
    with pytest.raises(ValueError, match="does not open"):
        circuit_inputs(wrong, parameters)
    name = {"people_key": "peopleKey", "stretched": "stretched"}[change]
    with pytest.raises(ProofInvalid):
        passport.prove(inputs | {name: 5}, prover)


def test_keys__of_all_circuits_are_pinned_and_different() -> None:
    settings = load_settings()
    manifest = load_manifest(ROOT / "circuits" / "circuits.json")
    assert set(manifest.development_keys) == set(manifest.circuits)
    found = {name: load_key(settings, name).key_hash for name in manifest.circuits}
    assert found == dict(manifest.development_keys)
    assert len(set(found.values())) == len(manifest.circuits) > 1
