"""Guardians without files: a set of five with fixed secrets, for real approvals on a chain."""

from __future__ import annotations

from mip_cli.crypto.binding import keccak256
from mip_cli.crypto.guardian_set import PLACES, GuardianSet, guardian_leaf
from mip_cli.zk.artifacts import CircuitArtifacts
from mip_cli.zk.guardian_inputs import ApprovalWitness, approval_inputs
from mip_cli.zk.prover import Prover
from mip_cli.zk.witness import Inputs

COUNT = 5
THRESHOLD = 3
QUORUM = 4


def guardians() -> GuardianSet:
    """Return the set; the first five places are the guardians'."""
    leaves = [guardian_leaf(_element(f"guardian {i}"), _element(f"salt {i}")) for i in range(COUNT)]
    fillers = [_element(f"filler {i}") for i in range(COUNT, PLACES)]
    return GuardianSet((*leaves, *fillers), THRESHOLD, QUORUM, _element("set salt"))


def approval_witness(position: int, request: int) -> ApprovalWitness:
    """Return all that one guardian's approval needs."""
    people = guardians()
    return ApprovalWitness(
        guardian_secret=_element(f"guardian {position}"),
        guardian_salt=_element(f"salt {position}"),
        siblings=people.path(position),
        position=position,
        threshold=people.threshold,
        quorum=people.quorum,
        set_salt=people.salt,
        request=request,
    )


def approval_inputs_of(position: int, request: int) -> Inputs:
    """Return the input signals of one guardian's approval."""
    return approval_inputs(approval_witness(position, request), guardians().commitment)


def approve(
    circuit: CircuitArtifacts, prover: Prover, position: int, request: int
) -> tuple[int, tuple[int, ...]]:
    """Make a real approval; returns the nullifier and the proof's words."""
    proof, signals = circuit.prove(approval_inputs_of(position, request), prover)
    return signals[1], tuple(proof.evm_words())


def _element(text: str) -> int:
    return int.from_bytes(keccak256(text.encode()), "big") >> 8
