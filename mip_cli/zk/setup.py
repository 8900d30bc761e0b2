"""Development proving keys in seconds, from a public seed.

tau, alpha and beta come from the seed, so everything is a known scalar times a generator. The
result is byte for byte what snarkjs makes by ``groth16 setup`` on the powers of tau of the same
tau and one ``zkey beacon``; phase 2 is done, hence delta differs from gamma. Who knows the seed
can forge proofs: such keys serve local chains only.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from mip_cli.crypto.field import P, R
from mip_cli.zk import beacon as beacon_module
from mip_cli.zk import binfile
from mip_cli.zk.bn128 import G1, G2, Curve, Group
from mip_cli.zk.r1cs import Combination, R1cs

BEACON_NAME = "mip development key"
_R_SQUARED = pow(1 << 256, 2, R)
_HASH_CHUNK = 1 << 14
"""snarkjs hashes the powers of H in chunks of this many points, the last one also full."""
_TWO_ADICITY = 28


@dataclass(frozen=True)
class Toxic:
    """The scalars of phase 1, public here by design."""

    tau: int
    alpha: int
    beta: int


def toxic_from_seed(seed: str) -> Toxic:
    """Derive tau, alpha and beta from a seed; the same for all circuits."""
    return Toxic(*(_scalar(seed, label) for label in ("tau", "alpha", "beta")))


def beacon_value(seed: str, circuit: str) -> bytes:
    """Derive the beacon of one circuit's phase 2."""
    return hashlib.sha256(f"{seed}/beacon/{circuit}".encode()).digest()


def _scalar(seed: str, label: str) -> int:
    digest = hashlib.sha512(f"{seed}/{label}".encode()).digest()
    return 1 + int.from_bytes(digest, "big") % (R - 1)


def root_of_unity(power: int) -> int:
    """Return the generator of the domain of size 2^power that snarkjs uses."""
    return pow(5, (R - 1) >> power, R)


def lagrange(power: int, point: int) -> list[int]:
    """Evaluate the Lagrange polynomials of the domain of size 2^power at a point outside it."""
    size, root = 1 << power, root_of_unity(power)
    roots = [1] * size
    for i in range(1, size):
        roots[i] = roots[i - 1] * root % R
    inverses = _invert([(point - x) % R for x in roots])
    factor = (pow(point, size, R) - 1) * pow(size, -1, R) % R
    return [factor * x % R * y % R for x, y in zip(roots, inverses, strict=True)]


def _invert(values: Sequence[int]) -> list[int]:
    prefix = [1]
    for value in values:
        prefix.append(prefix[-1] * value % R)
    inverse = pow(prefix[-1], -1, R)
    result = [0] * len(values)
    for i in range(len(values) - 1, -1, -1):
        result[i] = inverse * prefix[i] % R
        inverse = inverse * values[i] % R
    return result


@dataclass(frozen=True)
class _Evaluated:
    a: list[int]
    b: list[int]
    c: list[int]
    coefficients: bytes
    """Section 4: the non-zero entries of A and B."""


def _evaluate(r1cs: R1cs, basis: Sequence[int]) -> _Evaluated:
    a, b, c = ([0] * r1cs.wires for _ in range(3))
    entries: list[bytes] = []
    doubled: dict[bytes, tuple[int, bytes]] = {}

    def collect(target: list[int], terms: Combination, weight: int) -> list[tuple[int, bytes]]:
        stored = []
        for wire, raw in terms:
            known = doubled.get(raw)
            if known is None:
                value = int.from_bytes(raw, "little") % R
                known = (value, (value * _R_SQUARED % R).to_bytes(32, "little"))
                doubled[raw] = known
            target[wire] += known[0] * weight
            stored.append((wire, known[1]))
        return stored

    pack = struct.Struct("<III").pack
    for row, (left, right, out) in enumerate(r1cs.rows()):
        weight = basis[row]
        entries += [pack(0, row, wire) + raw for wire, raw in collect(a, left, weight)]
        entries += [pack(1, row, wire) + raw for wire, raw in collect(b, right, weight)]
        collect(c, out, weight)
    one = _R_SQUARED.to_bytes(32, "little")
    for wire in range(r1cs.public + 1):
        row = r1cs.constraints + wire
        a[wire] += basis[row]
        entries.append(pack(0, row, wire) + one)
    section = struct.pack("<I", len(entries)) + b"".join(entries)
    return _Evaluated([x % R for x in a], [x % R for x in b], [x % R for x in c], section)


Curves = Callable[[], Curve]
"""Makes a curve instance for the calling thread."""


class _Workers:
    """Splits generator multiples over threads, each with its own curve instance."""

    def __init__(self, make: Curves, threads: int) -> None:
        self._curves = [make() for _ in range(threads)]

    @property
    def curve(self) -> Curve:
        return self._curves[0]

    def multiples(self, group: Group, scalars: Sequence[int]) -> bytes:
        if len(self._curves) == 1 or len(scalars) < 64:
            return self.curve.multiples(group, scalars)
        step = -(-len(scalars) // len(self._curves))
        parts = [scalars[i : i + step] for i in range(0, len(scalars), step)]
        with ThreadPoolExecutor(len(self._curves)) as pool:
            jobs = zip(self._curves, parts, strict=False)
            return b"".join(pool.map(lambda job: job[0].multiples(group, job[1]), jobs))


def make_zkey(r1cs: R1cs, toxic: Toxic, beacon: bytes, curves: Curves, threads: int = 1) -> bytes:
    """Compute the proving key of a circuit, one beacon contribution included."""
    workers = _Workers(curves, threads)
    curve = workers.curve
    power = r1cs.domain_power
    size, public = 1 << power, r1cs.public
    if power >= _TWO_ADICITY:
        raise ValueError("the circuit is too large for the field")
    phase2 = beacon_module.derive(beacon, BEACON_NAME)
    inverse_delta = pow(phase2.delta, -1, R)
    tau, alpha, beta = toxic.tau, toxic.alpha, toxic.beta

    at = _evaluate(r1cs, lagrange(power, tau))
    combined = [(beta * x + alpha * y + z) % R for x, y, z in zip(at.a, at.b, at.c, strict=True)]
    private = combined[public + 1 :]
    odd = lagrange(power + 1, tau)[1::2]

    g1_alpha, g1_beta, g1_delta, g1_one = _split(
        workers.multiples(G1, [alpha, beta, phase2.delta, 1]), G1
    )
    g2_beta, g2_delta, g2_one = _split(workers.multiples(G2, [beta, phase2.delta, 1]), G2)
    ic = workers.multiples(G1, combined[: public + 1])
    undivided = workers.multiples(G1, private)
    points_a = workers.multiples(G1, at.a)
    points_b1 = workers.multiples(G1, at.b)
    points_b2 = workers.multiples(G2, at.b)
    points_c = workers.multiples(G1, [x * inverse_delta % R for x in private])
    points_h = workers.multiples(G1, [x * inverse_delta % R for x in odd])

    digest = hashlib.blake2b()

    def feed(group: Group, points: bytes, *, counted: int | None = None) -> None:
        if counted is not None:
            digest.update(struct.pack(">I", counted))
        digest.update(curve.uncompressed(group, points))

    for group, point in ((G1, g1_alpha), (G1, g1_beta), (G2, g2_beta)):
        feed(group, point)
    for group, point in ((G2, g2_one), (G1, g1_one), (G2, g2_one)):
        feed(group, point)
    feed(G1, ic, counted=public + 1)
    feed(G1, workers.multiples(G1, _powers_of_h(size, tau)), counted=size - 1)
    feed(G1, undivided, counted=len(private))
    feed(G1, points_a, counted=r1cs.wires)
    feed(G1, points_b1, counted=r1cs.wires)
    feed(G2, points_b2, counted=r1cs.wires)

    header = b"".join(
        (
            struct.pack("<I", 32) + P.to_bytes(32, "little"),
            struct.pack("<I", 32) + R.to_bytes(32, "little"),
            struct.pack("<III", r1cs.wires, public, size),
            g1_alpha + g1_beta + g2_beta + g2_one + g1_delta + g2_delta,
        )
    )
    return binfile.build(
        b"zkey",
        1,
        [
            (1, struct.pack("<I", 1)),
            (2, header),
            (3, ic),
            (4, at.coefficients),
            (5, points_a),
            (6, points_b1),
            (7, points_b2),
            (8, points_c),
            (9, points_h),
            (10, beacon_module.contribution_section(curve, digest.digest(), phase2)),
        ],
    )


def _powers_of_h(size: int, tau: int) -> list[int]:
    """Return (tau^size - 1) tau^i for as many i as snarkjs hashes (full chunks)."""
    count = size - 1
    if count > _HASH_CHUNK:
        count = -(-count // _HASH_CHUNK) * _HASH_CHUNK
    value = (pow(tau, size, R) - 1) % R
    powers = []
    for _ in range(count):
        powers.append(value)
        value = value * tau % R
    return powers


def _split(points: bytes, group: Group) -> list[bytes]:
    return [points[i : i + group.affine] for i in range(0, len(points), group.affine)]
