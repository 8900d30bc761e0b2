"""The example gates: one use per passport, whatever form the proof takes."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import boa
from deployment import (
    CLAIM_PURPOSE,
    CONTRACTS,
    QUESTION,
    START,
    Deployment,
    account,
    at,
    payload_of,
    refusal,
)
from eth_utils import keccak
from groth16_simulator import negated_form

VETO = """
@external
def veto(choice: uint256, presentation: IPassportRegistry.Presentation):
    nullifier: uint256 = staticcall REGISTRY.check(
        keccak256(self.passport_purpose),
        keccak256(abi_encode(keccak256("veto(uint256)"), choice)),
        LEVEL,
        False,
        presentation,
    )
    assert not self.has_voted[nullifier], "vote: passport has voted"
    self.has_voted[nullifier] = True
"""


def test_claim__once_per_passport(suite: Deployment) -> None:
    suite.enroll(1)
    presented = suite.for_claim()
    suite.claim.claim(presented.abi(), sender=account(66))  # anyone may relay
    assert suite.claim.beneficiary_of(presented.nullifier) == account(77)
    used = "claim: passport has claimed"
    assert refusal(lambda: suite.claim.claim(presented.abi())) == used
    forms = (
        replace(presented, proof=tuple(negated_form(presented.proof))),
        suite.for_claim(seed=2),
        suite.for_claim(nonce=8),
        suite.for_claim(beneficiary=account(78)),
    )
    for form in forms:
        assert refusal(lambda form=form: suite.claim.claim(form.abi())) == used
    other = suite.for_claim(nullifier=5)
    assert refusal(lambda: suite.claim.claim(other.abi())) is None


def test_claim__level_one__reverts(suite: Deployment) -> None:
    suite.enroll(1)
    presented = suite.for_claim(level=1)
    assert refusal(lambda: suite.claim.claim(presented.abi())) == "registry: level is too low"


def test_claim__relayer_cannot_take_the_benefit(suite: Deployment) -> None:
    suite.enroll(1)
    presented = replace(suite.for_claim(), beneficiary=account(66))
    assert refusal(lambda: suite.claim.claim(presented.abi())) == "registry: proof is not valid"


def test_vote__counts_once_per_passport(suite: Deployment) -> None:
    suite.enroll(1)
    presented = suite.for_vote(1)
    suite.vote.vote(1, presented.abi())
    (log,) = suite.vote.get_logs()
    assert type(log).__name__ == "VoteCast"
    assert (log.nullifier, log.choice) == (presented.nullifier, 1)
    assert (suite.vote.tally(0), suite.vote.tally(1)) == (0, 1)
    assert suite.vote.has_voted(presented.nullifier) is True
    again = suite.for_vote(0, seed=3)
    assert refusal(lambda: suite.vote.vote(0, again.abi())) == "vote: passport has voted"
    suite.vote.vote(0, suite.for_vote(0, nullifier=5).abi())
    assert (suite.vote.tally(0), suite.vote.tally(1)) == (1, 1)


def test_vote__reverts(suite: Deployment) -> None:
    suite.enroll(1)
    presented = suite.for_vote(1)

    def act(choice: int, form: object = presented) -> str | None:
        with boa.env.anchor():
            return refusal(lambda: suite.vote.vote(choice, form.abi()))  # type: ignore[attr-defined]

    assert act(1) is None
    assert act(0) == "registry: proof is not valid"  # a proof for one choice fails for another
    assert act(2) == "vote: no such choice"
    assert act(1, suite.for_claim()) == "registry: proof is not valid"
    assert act(1, suite.for_vote(1, level=1)) == "registry: level is too low"
    at(START + 10**8)
    assert act(1, suite.for_vote(1)) is None
    at(START + 10**8 + 1)
    assert act(1, suite.for_vote(1)) == "vote: voting is over"


def test_app__proof_for_one_function__fails_for_another(suite: Deployment, tmp_path: Path) -> None:
    """The vote example with a second function of the same arguments, purpose and pseudonyms."""
    suite.enroll(1)
    shutil.copytree(CONTRACTS / "interfaces", tmp_path / "interfaces")
    (tmp_path / "examples").mkdir()
    source = tmp_path / "examples" / "TwoFunctions.vy"
    source.write_text((CONTRACTS / "examples" / "PassportVote.vy").read_text() + VETO)
    app = boa.load(str(source), suite.registry.address, QUESTION, 2, START + 10**8)

    def act(function: str, made_for: str) -> str | None:
        payload = payload_of(made_for, 1)
        shown = suite.presentation(app.address, QUESTION, payload).abi()
        with boa.env.anchor():
            return refusal(lambda: getattr(app, function)(1, shown))

    assert act("vote", "vote(uint256)") is None
    assert act("veto", "veto(uint256)") is None
    assert act("veto", "vote(uint256)") == "registry: proof is not valid"
    assert act("vote", "veto(uint256)") == "registry: proof is not valid"
    bare = suite.presentation(app.address, QUESTION, keccak((1).to_bytes(32, "big"))).abi()
    assert refusal(lambda: app.vote(1, bare)) == "registry: proof is not valid"


def test_claim__proof_bound_to_no_function__reverts(suite: Deployment) -> None:
    suite.enroll(1)
    bare = suite.presentation(suite.claim.address, CLAIM_PURPOSE, keccak(b""))
    assert refusal(lambda: suite.claim.claim(bare.abi())) == "registry: proof is not valid"


def test_apps__state_purpose_and_level(suite: Deployment) -> None:
    assert (suite.claim.passport_purpose(), suite.claim.passport_level()) == (CLAIM_PURPOSE, 2)
    assert (suite.vote.passport_purpose(), suite.vote.passport_level()) == (QUESTION, 2)
    assert suite.claim.REGISTRY() == suite.vote.REGISTRY() == suite.registry.address
    assert keccak(text=QUESTION) != keccak(text=CLAIM_PURPOSE)
    assert boa.env.get_balance(suite.vote.address) == 0
