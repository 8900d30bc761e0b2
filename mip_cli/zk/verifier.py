"""Verification of Groth16 proofs off chain.

``verify_quickly`` uses wasmcurves' pairing, 10 ms: what a fresh proof must pass before it leaves,
and what a verifier asks; a web service checks up to four proofs for each answer. It shares no code
with any prover but snarkjs. ``verify`` makes the same checks with py_ecc, pure Python that can be
read, in a second: the oracle that tests and benchmark hold the quick one against.
"""

from __future__ import annotations

from collections.abc import Sequence

from mip_cli.crypto.field import P, R
from mip_cli.errors import ProofInvalid
from mip_cli.zk import points
from mip_cli.zk.bn128 import G1, G2, Curve, to_montgomery
from mip_cli.zk.points import G1Point, G2Point
from mip_cli.zk.proof import Proof
from mip_cli.zk.verifying_key import VerifyingKey

_NO = "the proof does not verify"


def verify(key: VerifyingKey, proof: Proof, signals: Sequence[int]) -> None:
    """Return when the proof holds for the public signals, else raise ``ProofInvalid``.

    Refuses signals >= R, coordinates >= P, and points at infinity, off the curve or outside the
    subgroup. The key must have been checked (``verifying_key.check``).
    """
    _check_signals(key, signals)
    for point in (proof.a, proof.c):
        if problem := points.g1_problem(point):
            raise ProofInvalid(f"the proof is malformed: {problem}")
    if problem := points.g2_problem(proof.b):
        raise ProofInvalid(f"the proof is malformed: {problem}")
    from py_ecc import optimized_bn128 as bn

    combined = points.as_py_ecc_g1(key.ic[0])
    for signal, base in zip(signals, key.ic[1:], strict=True):
        combined = bn.add(combined, bn.multiply(points.as_py_ecc_g1(base), signal))
    product = bn.FQ12.one()
    for left, right in (
        (points.as_py_ecc_g1(points.negate(proof.a)), proof.b),
        (points.as_py_ecc_g1(key.alpha1), key.beta2),
        (combined, key.gamma2),
        (points.as_py_ecc_g1(proof.c), key.delta2),
    ):
        product *= bn.pairing(points.as_py_ecc_g2(right), left, final_exponentiate=False)
    if bn.final_exponentiate(product) != bn.FQ12.one():
        raise ProofInvalid(_NO)


def verify_quickly(curve: Curve, key: VerifyingKey, proof: Proof, signals: Sequence[int]) -> None:
    """Do what ``verify`` does by ``curve``, in about 10 ms."""
    _check_signals(key, signals)
    for point in (proof.a, proof.c, *proof.b):
        if not all(0 <= c < P for c in point):
            raise ProofInvalid("the proof is malformed: a coordinate is not canonical")
    a, b, c = _g1(points.negate(proof.a)), _g2(proof.b), _g1(proof.c)
    if not (curve.is_valid(G1, a) and curve.is_valid(G2, b) and curve.is_valid(G1, c)):
        raise ProofInvalid("the proof is malformed: a point is not in its group")
    combined = _g1(key.ic[0])
    for signal, base in zip(signals, key.ic[1:], strict=True):
        combined = curve.add(G1, combined, curve.times(G1, _g1(base), signal))
    pairs = [(a, b), (_g1(key.alpha1), _g2(key.beta2)), (c, _g2(key.delta2))]
    if any(combined):
        pairs.append((combined, _g2(key.gamma2)))
    if not curve.pairing_is_one(pairs):
        raise ProofInvalid(_NO)


def _check_signals(key: VerifyingKey, signals: Sequence[int]) -> None:
    if len(signals) != key.public:
        raise ProofInvalid(f"the circuit has {key.public} public signals, not {len(signals)}")
    if not all(0 <= signal < R for signal in signals):
        raise ProofInvalid("a public signal is not a canonical field element")


def _g1(point: G1Point) -> bytes:
    return b"".join(to_montgomery(c) for c in point)


def _g2(point: G2Point) -> bytes:
    return b"".join(to_montgomery(c) for part in point for c in part)
