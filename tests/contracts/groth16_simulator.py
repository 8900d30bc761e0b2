"""Groth16 proofs made from the trapdoor.

Whoever knows alpha, beta, gamma, delta and the IC scalars can prove anything. A key whose trapdoor
is known needs no circuit, so contract tests get real proofs with real pairings for any public
signals in milliseconds. That is the very reason why development keys serve local chains only.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

from py_ecc.optimized_bn128 import G2, multiply, normalize
from pyrevm import EVM

from mip_cli.crypto.field import P, R

CALLER, PRODUCT = "0x" + "11" * 20, "0x" + "00" * 19 + "07"

Point1 = tuple[int, int]
Point2 = tuple[int, int, int, int]


@cache
def _native() -> EVM:
    return EVM()


@lru_cache(maxsize=4096)
def g1(scalar: int) -> Point1:
    """Multiply the generator of G1; coordinates as the EVM takes them.

    A native EVM's own product, two hundred times as fast as one in Python.
    """
    words = [1, 2, scalar % R]
    data = b"".join(word.to_bytes(32, "big") for word in words)
    product = _native().message_call(CALLER, PRODUCT, calldata=data, gas=100_000)
    return int.from_bytes(product[:32], "big"), int.from_bytes(product[32:], "big")


def g2(scalar: int) -> Point2:
    """Multiply the generator of G2; imaginary parts first, as the EVM takes them."""
    x, y = normalize(multiply(G2, scalar % R))
    return int(x.coeffs[1]), int(x.coeffs[0]), int(y.coeffs[1]), int(y.coeffs[0])


@dataclass(frozen=True)
class Trapdoor:
    """A verifying key and what nobody should know about it."""

    alpha: int
    beta: int
    gamma: int
    delta: int
    ic: tuple[int, ...]

    @classmethod
    def from_seed(cls, seed: int, signals: int) -> Trapdoor:
        """Draw a repeatable trapdoor for a number of public signals."""
        rng = random.Random(seed)
        return cls(
            *(rng.randrange(1, R) for _ in range(4)),
            tuple(rng.randrange(1, R) for _ in range(signals + 1)),
        )

    @cached_property
    def key(self) -> tuple[Point1, Point2, Point2, Point2, list[Point1]]:
        """The verifying key in the order of the verifier's constructor."""
        return (
            g1(self.alpha),
            g2(self.beta),
            g2(self.gamma),
            g2(self.delta),
            [g1(k) for k in self.ic],
        )

    def prove(self, signals: Sequence[int], seed: int = 0) -> list[int]:
        """Make a valid proof for any public signals; another seed gives another form of it."""
        rng = random.Random(seed)
        a, b = rng.randrange(1, R), rng.randrange(1, R)
        vk_x = self.ic[0] + sum(k * s for k, s in zip(self.ic[1:], signals, strict=True))
        c = (a * b - self.alpha * self.beta - vk_x * self.gamma) * pow(self.delta, -1, R)
        return [*g1(a), *_cached_g2(b), *g1(c)]


_G2_CACHE: dict[int, Point2] = {}


def _cached_g2(scalar: int) -> Point2:
    if scalar not in _G2_CACHE:
        _G2_CACHE[scalar] = g2(scalar)
    return _G2_CACHE[scalar]


def negated_form(proof: Sequence[int]) -> list[int]:
    """Return (-A, -B, C), another valid proof of the same statement."""
    ax, ay, bx1, bx0, by1, by0, cx, cy = proof
    return [ax, P - ay, bx1, bx0, (P - by1) % P, (P - by0) % P, cx, cy]
