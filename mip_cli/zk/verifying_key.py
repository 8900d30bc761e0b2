"""Groth16 verifying keys: snarkjs' JSON, a canonical hash, the words of the chain.

A key that anyone can forge with is refused wherever it comes from: phase 2 must have moved delta
away from gamma, all points must be finite, on the curve and in the subgroup.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from mip_cli.errors import ArtifactMismatch
from mip_cli.zk.points import (
    G1Point,
    G2Point,
    evm_g2,
    format_g1,
    format_g2,
    g1_problem,
    g2_problem,
    parse_g1,
    parse_g2,
)

MAX_PUBLIC = 64
"""More public signals than any circuit here has; a bound for hostile files."""


@dataclass(frozen=True)
class VerifyingKey:
    """What fixes a circuit for a verifier."""

    alpha1: G1Point
    beta2: G2Point
    gamma2: G2Point
    delta2: G2Point
    ic: tuple[G1Point, ...]
    """One point more than public signals."""

    @property
    def public(self) -> int:
        """Number of public signals."""
        return len(self.ic) - 1

    def to_json(self) -> dict[str, object]:
        """Return snarkjs' ``verification_key.json`` (without the redundant pairing value)."""
        return {
            "protocol": "groth16",
            "curve": "bn128",
            "nPublic": self.public,
            "vk_alpha_1": format_g1(self.alpha1),
            "vk_beta_2": format_g2(self.beta2),
            "vk_gamma_2": format_g2(self.gamma2),
            "vk_delta_2": format_g2(self.delta2),
            "IC": [format_g1(point) for point in self.ic],
        }

    def hash(self) -> str:
        """Return SHA-256 (hex) over the JSON with sorted keys and no white space."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def evm_words(self) -> list[int]:
        """Return alpha1, beta2, gamma2, delta2 and IC as the EVM precompiles order them."""
        words = list(self.alpha1)
        for point in (self.beta2, self.gamma2, self.delta2):
            words += evm_g2(point)
        for each in self.ic:
            words += each
        return words


def parse_verifying_key(document: object) -> VerifyingKey:
    """Read a decoded ``verification_key.json`` and check it; raises ``ArtifactMismatch``."""
    try:
        key = _parse(document)
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactMismatch(f"not a Groth16 verifying key: {error}") from error
    check(key)
    return key


def _parse(document: object) -> VerifyingKey:
    if not isinstance(document, Mapping):
        raise TypeError("expected an object")
    if document["protocol"] != "groth16" or document["curve"] != "bn128":
        raise ValueError("another proof system or curve")
    points = document["IC"]
    if not isinstance(points, list) or not 1 <= len(points) <= MAX_PUBLIC + 1:
        raise ValueError("IC is not a list of points")
    if document["nPublic"] != len(points) - 1:
        raise ValueError("nPublic does not match IC")
    return VerifyingKey(
        alpha1=parse_g1(document["vk_alpha_1"]),
        beta2=parse_g2(document["vk_beta_2"]),
        gamma2=parse_g2(document["vk_gamma_2"]),
        delta2=parse_g2(document["vk_delta_2"]),
        ic=tuple(parse_g1(point) for point in points),
    )


def check(key: VerifyingKey) -> None:
    """Refuse a key that is malformed or that anyone can forge with, by ``ArtifactMismatch``.

    With gamma == delta the proof A = alpha, B = beta, C = -vk_x verifies for every statement;
    delta = -gamma is no better.
    """
    named = {"alpha1": key.alpha1} | {f"IC[{i}]": point for i, point in enumerate(key.ic)}
    for name, point in named.items():
        if problem := g1_problem(point):
            raise ArtifactMismatch(f"verifying key refused: {name}: {problem}")
    twisted = {"beta2": key.beta2, "gamma2": key.gamma2, "delta2": key.delta2}
    for name, twisted_point in twisted.items():
        if problem := g2_problem(twisted_point):
            raise ArtifactMismatch(f"verifying key refused: {name}: {problem}")
    if key.gamma2[0] == key.delta2[0]:
        raise ArtifactMismatch(
            "verifying key refused: anyone can forge proofs for it (gamma equals delta)",
            hint="the set-up lacks its phase 2: rebuild with scripts/build_circuits.py",
        )
