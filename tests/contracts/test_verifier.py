"""Groth16Verifier: yes to valid proofs, no to everything else, and never a caller's gas burnt."""

from __future__ import annotations

from typing import Any

import boa
import pytest
from deployment import deploy, load, refusal, route_precompiles
from groth16_simulator import Trapdoor, g1, g2, negated_form

from mip_cli.crypto.field import P, R

SIGNALS = [10**76, 3, 0, R - 1]
PADDING = [0, 0, 0, 0]


@pytest.fixture(scope="module")
def trapdoor() -> Trapdoor:
    return Trapdoor.from_seed(1, 4)


@pytest.fixture(scope="module")
def verifier(trapdoor: Trapdoor) -> Any:
    route_precompiles()
    boa.env.evm.patch.chain_id = 31337
    return load("Groth16Verifier.vy").deploy(*trapdoor.key, True)


def test_verify__valid_proof(verifier: Any, trapdoor: Trapdoor) -> None:
    assert verifier.verify(trapdoor.prove(SIGNALS), SIGNALS + PADDING) is True
    assert verifier.signal_count() == 4
    assert verifier.development() is True


def test_verify__malleated_forms_are_valid_too(verifier: Any, trapdoor: Trapdoor) -> None:
    assert verifier.verify(negated_form(trapdoor.prove(SIGNALS)), SIGNALS + PADDING) is True
    assert verifier.verify(trapdoor.prove(SIGNALS, seed=5), SIGNALS + PADDING) is True


@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("step", [1, -1])
def test_verify__signal_changed_by_one(
    verifier: Any, trapdoor: Trapdoor, index: int, step: int
) -> None:
    signals = [10**76, 3, 5, 10**75]
    proof = trapdoor.prove(signals)
    assert verifier.verify(proof, signals + PADDING) is True
    signals[index] += step
    assert verifier.verify(proof, signals + PADDING) is False


@pytest.mark.parametrize("index", range(4))
def test_verify__signal_not_canonical(verifier: Any, trapdoor: Trapdoor, index: int) -> None:
    signals = [1, 2, 3, 4]
    proof = trapdoor.prove(signals)
    assert verifier.verify(proof, signals + PADDING) is True
    signals[index] += R
    assert verifier.verify(proof, signals + PADDING) is False


@pytest.mark.parametrize("index", range(4, 8))
def test_verify__signal_beyond_the_circuit(verifier: Any, trapdoor: Trapdoor, index: int) -> None:
    signals = [1, 2, 3, 4, 0, 0, 0, 0]
    proof = trapdoor.prove(signals[:4])
    assert verifier.verify(proof, signals) is True
    signals[index] = 1
    assert verifier.verify(proof, signals) is False


@pytest.mark.parametrize("index", range(8))
def test_verify__coordinate_not_canonical(verifier: Any, trapdoor: Trapdoor, index: int) -> None:
    proof = trapdoor.prove(SIGNALS)
    proof[index] += P
    if proof[index] < 2**256:
        with boa.env.anchor():
            before = verifier.verify(proof, SIGNALS + PADDING)
        assert before is False
        assert verifier._computation.get_gas_used() < 20_000  # refused before the pairing


@pytest.mark.parametrize("place", [(0, 2), (2, 6), (6, 8)])
def test_verify__zero_point(verifier: Any, trapdoor: Trapdoor, place: tuple[int, int]) -> None:
    proof = trapdoor.prove(SIGNALS)
    proof[place[0] : place[1]] = [0] * (place[1] - place[0])
    assert verifier.verify(proof, SIGNALS + PADDING) is False
    assert verifier._computation.get_gas_used() < 20_000


@pytest.mark.parametrize("index", range(8))
def test_verify__point_off_its_curve__gas_is_bounded(
    verifier: Any, trapdoor: Trapdoor, index: int
) -> None:
    proof = trapdoor.prove(SIGNALS)
    proof[index] ^= 1
    assert verifier.verify(proof, SIGNALS + PADDING, gas=30_000_000) is False
    assert verifier._computation.get_gas_used() < 300_000


def test_verify__too_little_gas__reverts(verifier: Any, trapdoor: Trapdoor) -> None:
    """Whatever gas a relayer gives, a valid proof is never called invalid."""
    proof = trapdoor.prove(SIGNALS)
    reasons = []
    for gas in range(60_000, 400_000, 2_500):
        answers: list[bool] = []
        reason = refusal(
            lambda gas=gas, answers=answers: answers.append(
                verifier.verify(proof, SIGNALS + PADDING, gas=gas)
            )
        )
        assert answers == ([True] if reason is None else [])
        reasons.append(reason)
    enough = reasons.index(None)
    assert set(reasons[enough:]) == {None}
    assert set(reasons[:enough]) == {"verifier: too little gas"}


def test_check__too_little_gas__is_no_answer_about_the_proof() -> None:
    """An app sees why it was refused: for want of gas, not for a proof that is not valid."""
    with boa.env.anchor():
        suite = deploy()
        suite.enroll(1)
        shown = suite.for_claim().abi()
        found = set()
        for gas in range(100_000, 400_000, 5_000):
            with boa.env.anchor():
                found.add(refusal(lambda gas=gas: suite.claim.claim(shown, gas=gas)))
    assert {None, "verifier: too little gas"} <= found
    assert found <= {None, "", "verifier: too little gas"}


@pytest.mark.parametrize("count", [1, 2, 3, 5, 6, 7, 8])
def test_verify__other_numbers_of_signals(verifier: Any, count: int) -> None:
    trapdoor = Trapdoor.from_seed(count, count)
    other = load("Groth16Verifier.vy").deploy(*trapdoor.key, False)
    signals = [10**70 + k for k in range(count)]
    proof = trapdoor.prove(signals)
    padding = [0] * (8 - count)
    assert other.verify(proof, signals + padding) is True
    for index in range(8):
        changed = signals + padding
        changed[index] += 1
        assert other.verify(proof, changed) is False
    for index in range(count):
        changed = signals + padding
        changed[index] += R
        assert other.verify(proof, changed) is False


def test_deploy__key_hash_binds_every_part(verifier: Any, trapdoor: Trapdoor) -> None:
    from eth_abi import encode
    from eth_utils import keccak

    types = ["uint256[2]", "uint256[4]", "uint256[4]", "uint256[4]", "uint256[2][]"]
    assert verifier.verifying_key_hash() == keccak(encode(types, trapdoor.key))


REASONS = {
    "no public signal": "verifier: key has no public signal",
    "coordinate": "verifier: key coordinate is not canonical",
    "zero": "verifier: key point is zero",
    "same": "verifier: gamma equals delta up to its sign",
    "curve": "verifier: key point is not on the curve",
    "chain": "verifier: development key outside a local chain",
}


def test_deploy__faulty_key__reverts(verifier: Any) -> None:
    good = Trapdoor(3, 5, 7, 11, (13, 17)).key
    factory = load("Groth16Verifier.vy")

    def attempt(*, development: bool = False, **changes: Any) -> str | None:
        names = ("alpha", "beta", "gamma", "delta", "ic")
        values = [changes.get(name, value) for name, value in zip(names, good, strict=True)]
        return refusal(lambda: factory.deploy(*values, development))

    off_1, off_2 = (1, 3), (*g2(9)[:3], g2(9)[3] ^ 1)
    gx1, gx0, gy1, gy0 = g2(7)
    assert attempt() is None
    assert attempt(ic=[g1(13)]) == REASONS["no public signal"]
    assert attempt(delta=g2(7)) == REASONS["same"]
    assert attempt(delta=(gx1, gx0, P - gy1, P - gy0)) == REASONS["same"]
    assert attempt(alpha=off_1) == REASONS["curve"]
    assert attempt(alpha=(0, 0)) == REASONS["curve"]
    assert attempt(alpha=(1 + P, 2)) == REASONS["curve"]
    assert attempt(ic=[g1(13), off_1]) == REASONS["curve"]
    for name in ("beta", "gamma", "delta"):
        assert attempt(**{name: off_2}) == REASONS["curve"]
        assert attempt(**{name: (0, 0, 0, 0)}) == REASONS["zero"]
        point = good[("alpha", "beta", "gamma", "delta").index(name)]
        assert attempt(**{name: (point[0] + P, *point[1:])}) == REASONS["coordinate"]


@pytest.mark.parametrize(
    ("chain_id", "allowed"), [(31337, True), (1337, True), (1, False), (8453, False)]
)
def test_deploy__development_key(verifier: Any, chain_id: int, allowed: bool) -> None:
    key = Trapdoor(3, 5, 7, 11, (13, 17)).key
    factory = load("Groth16Verifier.vy")
    boa.env.evm.patch.chain_id = chain_id
    try:
        assert refusal(lambda: factory.deploy(*key, False)) is None
        reason = refusal(lambda: factory.deploy(*key, True))
    finally:
        boa.env.evm.patch.chain_id = 31337
    assert reason == (None if allowed else REASONS["chain"])


def test_deploy__forgery_for_gamma_equal_to_delta_would_work() -> None:
    """Why such keys are refused: A = alpha, B = beta, C = -vk_x needs no witness."""
    trapdoor = Trapdoor(3, 5, 7, 7, (13, 17))
    vk_x = 13 + 17 * 4
    forged = [*g1(3), *g2(5), *g1(-vk_x)]
    a_b, fixed = 3 * 5, trapdoor.alpha * trapdoor.beta
    assert (a_b - fixed - vk_x * trapdoor.gamma - (-vk_x) * trapdoor.delta) % R == 0
    assert len(forged) == 8


def test_deployment__suite_uses_this_verifier() -> None:
    with boa.env.anchor():
        suite = deploy()
        assert suite.registry.VERIFIER() == suite.verifier.address
        assert suite.registry.HASHER() == suite.hasher
