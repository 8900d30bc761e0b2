"""One proof by two processes: real halves of a real key, and what they must not tell."""

from __future__ import annotations

import ast
import os
import struct
from pathlib import Path

import pytest

import mip_cli
from mip_cli.errors import EnvironmentFault, FileInvalid, ProofInvalid
from mip_cli.zk import binfile, halves, prover, verifier
from mip_cli.zk.artifacts import CircuitArtifacts
from mip_cli.zk.proof import Proof
from mip_cli.zk.prover import Groth16py, make_proof
from mip_cli.zk.witness import public_signals


@pytest.fixture
def wtns(tiny: CircuitArtifacts, inputs: dict[str, object]) -> bytes:
    return tiny.program.compute(inputs)


def _verify(tiny: CircuitArtifacts, proof: Proof, wtns: bytes) -> None:
    verifier.verify(tiny.key, proof, public_signals(wtns, tiny.key.public))


def test_prove__halves__verify_and_are_no_more_than_the_witness(
    tiny: CircuitArtifacts, wtns: bytes
) -> None:
    first, second = (Groth16py().prove(tiny.zkey, wtns) for _ in range(2))
    _verify(tiny, first, wtns)
    # not blinded, as the module says: which is why nothing may leave but by make_proof
    assert first == second


def test_make_proof__halves__are_blinded(tiny: CircuitArtifacts, wtns: bytes) -> None:
    bare = Groth16py().prove(tiny.zkey, wtns)
    made = [make_proof(Groth16py(), tiny.zkey, tiny.key, wtns, tiny.curve)[0] for _ in range(2)]
    words = [set(proof.evm_words()) for proof in (bare, *made)]
    assert not words[0] & words[1]
    assert not words[0] & words[2]
    assert not words[1] & words[2]
    for proof in made:
        _verify(tiny, proof, wtns)


def test_make_proof__blinded_wrongly__gives_nothing__reverts(
    tiny: CircuitArtifacts, wtns: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What leaves is what was verified, not what it was made from."""

    def swapped(_: object, __: object, proof: Proof) -> Proof:
        return Proof(proof.c, proof.b, proof.a)

    monkeypatch.setattr(prover, "rerandomise", swapped)
    with pytest.raises(EnvironmentFault, match="returned a wrong proof; it was thrown away"):
        make_proof(Groth16py(), tiny.zkey, tiny.key, wtns, tiny.curve)


def test_back_ends__are_asked_by_make_proof_alone() -> None:
    """Their proofs may tell of the witness: nothing else may take one from them."""
    package = Path(mip_cli.__file__).parent
    asked = []
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                asked += [
                    (path.relative_to(package).as_posix(), node.name, ast.unparse(call.func))
                    for call in ast.walk(node)
                    if isinstance(call, ast.Call)
                    and isinstance(call.func, ast.Attribute)
                    and call.func.attr == "prove"
                    and any("wtns" in ast.unparse(argument) for argument in call.args)
                ]
    assert asked == [("zk/prover.py", "make_proof", "prover.prove")]


def test_prove__one_core__is_one_process_and_blinded_by_the_library(
    tiny: CircuitArtifacts, wtns: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def split(_: bytes) -> tuple[bytes, bytes]:
        raise AssertionError("split on one core")

    with monkeypatch.context() as patch:
        patch.setattr(os, "sched_getaffinity", lambda _: {0})
        patch.setattr(prover.halves, "split", split)
        first, second = (Groth16py().prove(tiny.zkey, wtns) for _ in range(2))
    assert first != second
    _verify(tiny, first, wtns)


def test_join__halves_of_two_witnesses__is_no_proof(
    tiny: CircuitArtifacts, inputs: dict[str, object], wtns: bytes
) -> None:
    other = tiny.program.compute(inputs | {"a": 4, "b": [9, 5, 6]})
    mine, others = (Groth16py().prove(tiny.zkey, each) for each in (wtns, other))
    assert mine != others
    _verify(tiny, others, other)
    for joined in (halves.join(mine, others), halves.join(others, mine)):
        with pytest.raises(ProofInvalid):
            _verify(tiny, joined, wtns)


def test_split__keeps_the_sizes_and_takes_the_rest_to_infinity(tiny: CircuitArtifacts) -> None:
    whole = binfile.parse(tiny.zkey.read_bytes(), b"zkey", 1)
    first, second = (
        binfile.parse(half, b"zkey", 1) for half in halves.split(tiny.zkey.read_bytes())
    )
    for half, kept, gone in ((first, (5, 7), (6, 8)), (second, (4, 8, 9), (5, 6, 7))):
        for number in kept:
            assert half[number] == whole[number]
        for number in gone:
            assert bytes(half[number]) == bytes(len(whole[number]))
    (domain,) = struct.unpack_from("<I", first[2], 80)
    assert tiny.key.public + 2 <= domain <= 2 * (tiny.key.public + 2)
    assert bytes(first[9]) == bytes(64 * domain)
    assert second[2][80:84] == whole[2][80:84]


def test_split__another_file__is_refused(tiny: CircuitArtifacts) -> None:
    with pytest.raises(FileInvalid, match=r"not a \.zkey file"):
        halves.split(b"")
    sections = binfile.parse(tiny.zkey.read_bytes(), b"zkey", 1)
    broken = [(number, body[:-32] if number == 2 else body) for number, body in sections.items()]
    with pytest.raises(FileInvalid, match="broken header"):
        halves.split(binfile.build(b"zkey", 1, broken))
    with pytest.raises(FileInvalid, match="no section 7"):
        halves.split(
            binfile.build(b"zkey", 1, [(n, body) for n, body in sections.items() if n != 7])
        )
