"""Real proofs by each prover; four verifiers that must agree; what must never leave."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import groth16py
import pytest

from mip_cli.crypto.field import P, R
from mip_cli.errors import EnvironmentFault, MipError, ProofInvalid, UsageFault
from mip_cli.zk import verifier
from mip_cli.zk.artifacts import CircuitArtifacts
from mip_cli.zk.proof import Proof, format_signals, from_evm_words, parse_proof
from mip_cli.zk.prover import Groth16py, Prover, Snarkjs, make_proof, rerandomise
from tests.waiting import shared_memory, wait_until_removed


@pytest.fixture(scope="module")
def made(tiny: CircuitArtifacts, inputs: dict[str, object]) -> tuple[Proof, tuple[int, ...]]:
    return tiny.prove(inputs, Groth16py())


def _verdicts(
    tiny: CircuitArtifacts, snarkjs: Snarkjs, folder: Path, proof: Proof, signals: Sequence[int]
) -> dict[str, bool]:
    documents = {
        "vk.json": tiny.key.to_json(),
        "public.json": format_signals(signals),
        "proof.json": proof.to_json(),
    }
    for name, document in documents.items():
        (folder / name).write_text(json.dumps(document))

    def ours(check: Callable[[], None]) -> bool:
        try:
            check()
        except ProofInvalid:
            return False
        return True

    def theirs() -> bool:
        try:
            return b"OK!" in snarkjs.run(["groth16", "verify", *documents], folder)
        except EnvironmentFault:
            return False

    def arkworks() -> bool:
        key = groth16py.VerifyingKey.from_snarkjs(json.dumps(documents["vk.json"]))
        try:
            return bool(
                groth16py.Verifier(key).verify_snarkjs(
                    json.dumps(documents["proof.json"]), json.dumps(documents["public.json"])
                )
            )
        except Exception:
            return False

    return {
        "py_ecc": ours(lambda: verifier.verify(tiny.key, proof, signals)),
        "wasm": ours(lambda: verifier.verify_quickly(tiny.curve, tiny.key, proof, signals)),
        "snarkjs": theirs(),
        "groth16py": arkworks(),
    }


def test_prove__each_prover_convinces_each_verifier(
    tiny: CircuitArtifacts,
    inputs: dict[str, object],
    prover: Prover,
    snarkjs: Snarkjs,
    tmp_path: Path,
) -> None:
    proof, signals = tiny.prove(inputs, prover)
    assert signals == (36, 9)
    assert all(_verdicts(tiny, snarkjs, tmp_path, proof, signals).values())


@pytest.mark.parametrize("word", range(8))
def test_verify__one_bit_of_a_proof_word_changed__reverts(
    tiny: CircuitArtifacts,
    made: tuple[Proof, tuple[int, ...]],
    snarkjs: Snarkjs,
    tmp_path: Path,
    word: int,
) -> None:
    words = made[0].evm_words()
    words[word] ^= 1 << (7 * word)
    changed = from_evm_words(words)
    assert not any(_verdicts(tiny, snarkjs, tmp_path, changed, made[1]).values())


@pytest.mark.parametrize("position", [0, 1])
def test_verify__public_signal_plus_one__reverts(
    tiny: CircuitArtifacts,
    made: tuple[Proof, tuple[int, ...]],
    snarkjs: Snarkjs,
    tmp_path: Path,
    position: int,
) -> None:
    signals = list(made[1])
    signals[position] += 1
    assert not any(_verdicts(tiny, snarkjs, tmp_path, made[0], signals).values())


def test_verify__points_of_other_places__reverts(
    tiny: CircuitArtifacts,
    made: tuple[Proof, tuple[int, ...]],
    snarkjs: Snarkjs,
    tmp_path: Path,
) -> None:
    proof, signals = made
    swapped = replace(proof, a=proof.c, c=proof.a)
    assert not any(_verdicts(tiny, snarkjs, tmp_path, swapped, signals).values())
    negated = replace(proof, a=(proof.a[0], P - proof.a[1]))
    assert not any(_verdicts(tiny, snarkjs, tmp_path, negated, signals).values())


def test_verify__malleated_proof_is_accepted_as_documented(
    tiny: CircuitArtifacts,
    made: tuple[Proof, tuple[int, ...]],
    snarkjs: Snarkjs,
    tmp_path: Path,
) -> None:
    (ax, ay), (bx, (by0, by1)), c = made[0].a, made[0].b, made[0].c
    other = Proof((ax, P - ay), (bx, (P - by0, P - by1)), c)
    assert other != made[0]
    assert all(_verdicts(tiny, snarkjs, tmp_path, other, made[1]).values())


def test_verify__rerandomised_proof_is_another_valid_one(
    tiny: CircuitArtifacts,
    made: tuple[Proof, tuple[int, ...]],
    snarkjs: Snarkjs,
    tmp_path: Path,
) -> None:
    other = rerandomise(tiny.curve, tiny.key, made[0])
    assert not set(other.evm_words()) & set(made[0].evm_words())
    assert all(_verdicts(tiny, snarkjs, tmp_path, other, made[1]).values())


@pytest.mark.parametrize("word", range(8))
def test_verify__coordinate_plus_modulus__reverts(
    tiny: CircuitArtifacts, made: tuple[Proof, tuple[int, ...]], word: int
) -> None:
    words = made[0].evm_words()
    words[word] += P
    _both_refuse(tiny, from_evm_words(words), made[1], "not canonical")


def test_verify__signal_plus_order__reverts(
    tiny: CircuitArtifacts, made: tuple[Proof, tuple[int, ...]]
) -> None:
    _both_refuse(tiny, made[0], (made[1][0] + R, made[1][1]), "canonical field element")


def test_verify__signal_missing_or_extra__reverts(
    tiny: CircuitArtifacts, made: tuple[Proof, tuple[int, ...]]
) -> None:
    _both_refuse(tiny, made[0], made[1][:1], "has 2 public signals, not 1")
    _both_refuse(tiny, made[0], (*made[1], 0), "has 2 public signals, not 3")


def test_verify__points_at_infinity__reverts(
    tiny: CircuitArtifacts, made: tuple[Proof, tuple[int, ...]]
) -> None:
    proof, signals = made
    for broken in (
        replace(proof, a=(0, 0)),
        replace(proof, b=((0, 0), (0, 0))),
        replace(proof, c=(0, 0)),
    ):
        _both_refuse(tiny, broken, signals, "malformed")


def _both_refuse(tiny: CircuitArtifacts, proof: Proof, signals: Sequence[int], reason: str) -> None:
    with pytest.raises(ProofInvalid, match=reason):
        verifier.verify(tiny.key, proof, signals)
    with pytest.raises(ProofInvalid, match=reason):
        verifier.verify_quickly(tiny.curve, tiny.key, proof, signals)


def test_proof__survives_its_json(made: tuple[Proof, tuple[int, ...]]) -> None:
    assert parse_proof(json.loads(json.dumps(made[0].to_json()))) == made[0]


@pytest.mark.parametrize(
    ("change", "line"), [({"b": [4, 10, 6]}, "line 10"), ({"b": [4, 5, 7]}, "line 11")]
)
def test_witness__rule_broken__reverts(
    tiny: CircuitArtifacts, inputs: dict[str, object], change: dict[str, object], line: str
) -> None:
    with pytest.raises(ProofInvalid, match=line):
        tiny.program.compute(inputs | change)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"a": 9, "b": [4, 5]}, "takes 3 values, not 2"),
        ({"a": 9, "b": [4, 5, 6, 7]}, "takes 3 values, not 4"),
        ({"a": 9}, "takes 4 input values, not 1"),
        ({"a": 9, "b": [4, 5, 6], "z": 1}, "no input signal 'z'"),
        ({"a": 9 + R, "b": [4, 5, 6]}, "not a field element"),
        ({"a": "9", "b": [4, 5, 6]}, "must be integers"),
    ],
)
def test_witness__inputs_that_do_not_fit__reverts(
    tiny: CircuitArtifacts, bad: dict[str, object], reason: str
) -> None:
    with pytest.raises(UsageFault, match=reason):
        tiny.program.compute(bad)


def test_witness__negative_inputs_are_field_elements(tiny: CircuitArtifacts) -> None:
    assert tiny.program.compute({"a": 9, "b": [4, 5, -6]})


def test_prove__bad_witness_gives_no_proof__reverts(
    tiny: CircuitArtifacts, inputs: dict[str, object], prover: Prover
) -> None:
    wtns = bytearray(tiny.program.compute(inputs))
    wtns[-32] ^= 1
    before = shared_memory()
    with pytest.raises(EnvironmentFault):
        make_proof(prover, tiny.zkey, tiny.key, bytes(wtns), tiny.curve)
    wait_until_removed(before)


def test_prove__other_public_signal_in_the_witness_gives_no_proof__reverts(
    tiny: CircuitArtifacts, inputs: dict[str, object], prover: Prover
) -> None:
    wtns = bytearray(tiny.program.compute(inputs))
    wtns[12 + 12 + 40 + 12 + 32] ^= 1  # lowest byte of wire 1
    with pytest.raises(EnvironmentFault):
        make_proof(prover, tiny.zkey, tiny.key, bytes(wtns), tiny.curve)


def test_prove__broken_key_leaves_no_witness_behind__reverts(
    tiny: CircuitArtifacts, inputs: dict[str, object], prover: Prover, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.zkey"
    broken.write_bytes(tiny.zkey.read_bytes()[:2000])
    before = shared_memory()
    with pytest.raises(MipError):
        prover.prove(broken, tiny.program.compute(inputs))
    wait_until_removed(before)


@dataclass(frozen=True)
class Fixed:
    """A back end that always returns the same proof, as a dishonest one might."""

    proof: Proof
    name: str = "fixed"

    def available(self) -> bool:
        return True

    def prove(self, zkey: Path, wtns: bytes) -> Proof:
        return self.proof


def test_prove__no_number_the_back_end_chose_leaves(
    tiny: CircuitArtifacts, inputs: dict[str, object]
) -> None:
    wtns = tiny.program.compute(inputs)
    chosen = Groth16py().prove(tiny.zkey, wtns)
    proofs = [make_proof(Fixed(chosen), tiny.zkey, tiny.key, wtns, tiny.curve)[0] for _ in range(2)]
    words = [*chosen.evm_words(), *proofs[0].evm_words(), *proofs[1].evm_words()]
    assert len(set(words)) == 24
