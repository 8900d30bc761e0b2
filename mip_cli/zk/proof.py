"""Groth16 proofs as values: snarkjs' JSON and the words of the chain.

Proofs are malleable: (-A, -B, C) and re-randomised forms verify as well. Never identify anything
by a proof or its hash; what may happen once is marked by a nullifier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mip_cli.errors import ProofInvalid
from mip_cli.zk.points import (
    G1Point,
    G2Point,
    evm_g2,
    format_g1,
    format_g2,
    integer,
    parse_g1,
    parse_g2,
)


@dataclass(frozen=True)
class Proof:
    """The three points of a proof; not checked."""

    a: G1Point
    b: G2Point
    c: G1Point

    def to_json(self) -> dict[str, object]:
        """Return snarkjs' ``proof.json``."""
        return {
            "pi_a": format_g1(self.a),
            "pi_b": format_g2(self.b),
            "pi_c": format_g1(self.c),
            "protocol": "groth16",
            "curve": "bn128",
        }

    def evm_words(self) -> list[int]:
        """Return the 8 words of a contract call: A, B with imaginary parts first, C."""
        return [*self.a, *evm_g2(self.b), *self.c]


def parse_proof(document: object) -> Proof:
    """Read a decoded ``proof.json``; raises ``ProofInvalid`` unless it is spelt canonically."""
    if not isinstance(document, Mapping):
        raise ProofInvalid("the proof is not an object")
    try:
        if document["protocol"] != "groth16" or document.get("curve", "bn128") != "bn128":
            raise ValueError("another proof system or curve")
        return Proof(
            a=parse_g1(document["pi_a"]),
            b=parse_g2(document["pi_b"]),
            c=parse_g1(document["pi_c"]),
        )
    except (KeyError, ValueError) as error:
        raise ProofInvalid(f"the proof is malformed: {error}") from error


def parse_signals(values: object) -> tuple[int, ...]:
    """Read a decoded ``public.json``, a list of canonical decimal strings."""
    if not isinstance(values, list):
        raise ProofInvalid("the public signals are not a list")
    try:
        return tuple(integer(value) for value in values)
    except ValueError as error:
        raise ProofInvalid(f"the public signals are malformed: {error}") from error


def format_signals(signals: Sequence[int]) -> list[str]:
    """Write public signals as snarkjs does."""
    return [str(signal) for signal in signals]


def from_evm_words(words: Sequence[int]) -> Proof:
    """Read the 8 words of a contract call; raises ``ProofInvalid`` on another count."""
    if len(words) != 8:
        raise ProofInvalid("a proof has 8 words")
    ax, ay, bx1, bx0, by1, by0, cx, cy = words
    return Proof((ax, ay), ((bx0, bx1), (by0, by1)), (cx, cy))
