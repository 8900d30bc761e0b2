"""How a grant ends before its time: the holder voids or revokes it, the grantee gives it back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import boa
import pytest
from deployment import Deployment, account, at, load, now, refusal
from eth_utils import keccak
from grant_acts import (
    DAY,
    FINANCE,
    FOREIGN,
    GRANTEE,
    HEALTH,
    NONE,
    NOT_VALID,
    NOTHING,
    NULLIFIER,
    PURPOSE,
    STALE,
    STRANGER,
    VOIDED,
    Grants,
    Terms,
    changed,
    rolled_back,
)
from groth16_simulator import negated_form
from model import Presentation


@pytest.fixture
def grants(suite: Deployment) -> Grants:
    return Grants(suite)


def test_epoch__advance_voids(grants: Grants) -> None:
    terms, other = Terms(), Terms(category=HEALTH, level=3)
    assert grants.grant(terms) is None
    assert grants.grant(other) is None
    unsent = grants.shown(terms)
    assert rolled_back(lambda: grants.grant(terms, unsent)) is None
    grants.advance()
    assert grants.use() == VOIDED
    assert grants.use(3, category=HEALTH) == VOIDED
    assert grants.state()[4] == 0  # as it was noted
    # what was proved before it was voided is void as well
    assert grants.grant(terms, unsent) == NOT_VALID
    assert grants.grant(terms, epoch=0) == NOT_VALID
    assert grants.grant(terms, epoch=2) == NOT_VALID
    assert grants.grant(terms) is None
    assert grants.state()[4] == 1
    assert grants.use() is None
    assert grants.use(3, category=HEALTH) == VOIDED
    grants.advance()
    assert grants.use() == VOIDED


def test_presentation__of_another_act__reverts(grants: Grants) -> None:
    """One contract takes three acts: what proves one proves no other, also where nonces agree."""
    terms = Terms()
    grants.set_epoch(1)  # as the first act's number
    acts: dict[str, Callable[[Presentation], str | None]] = {
        "grant": lambda shown: grants.grant(terms, shown),
        "revoke": grants.revoke,
        "advance": lambda shown: refusal(lambda: grants.send_advance(terms, shown)),
    }
    shown = {
        "grant": grants.shown(terms),
        "revoke": grants.shown_revoke(),
        "advance": grants.shown_advance(terms),
    }
    assert {presented.nonce for presented in shown.values()} == {1}
    for proved, presented in shown.items():
        for act, send in acts.items():
            wanted = None if act == proved else NOT_VALID
            assert rolled_back(partial(send, presented)) == wanted, (proved, act)


def test_epoch__of_others_changes_nothing(grants: Grants) -> None:
    assert grants.grant(Terms()) is None
    grants.advance(nullifier=NULLIFIER + 5)
    assert grants.use() is None


def test_revoke__ends_the_grant(grants: Grants) -> None:
    assert grants.grant(Terms()) is None
    assert grants.use() is None
    shown = grants.shown_revoke()
    hashed = keccak(text=PURPOSE)
    grants.contract.revoke(GRANTEE, hashed, FINANCE, shown.abi(), sender=account(66))
    (log,) = grants.contract.get_logs()
    assert type(log).__name__ == "GrantRevoked"
    assert (log.nullifier, log.category, log.sequence) == (NULLIFIER, FINANCE, 2)
    assert grants.state() == NOTHING
    assert grants.contract.sequence_of(NULLIFIER, FINANCE) == 2
    assert grants.use() == NONE
    assert grants.revoke(shown) == STALE
    assert grants.revoke(changed(shown, proof=tuple(negated_form(shown.proof)))) == STALE
    assert grants.grant(Terms()) is None
    assert grants.use() is None


def test_revoke__stops_what_was_not_sent_yet(grants: Grants) -> None:
    terms = Terms()
    unsent = grants.shown(terms)
    assert rolled_back(lambda: grants.grant(terms, unsent)) is None
    assert grants.revoke() is None  # nothing was granted yet
    assert grants.contract.sequence_of(NULLIFIER, FINANCE) == 1
    assert grants.grant(terms, unsent) == STALE


def test_revoke__proof_of_something_else__reverts(grants: Grants) -> None:
    assert grants.grant(Terms()) is None
    assert grants.grant(Terms(category=HEALTH)) is None
    good = grants.shown_revoke()
    assert rolled_back(lambda: grants.revoke(good)) is None
    assert grants.revoke(good, grantee=STRANGER) == NOT_VALID
    assert grants.revoke(good, purpose=PURPOSE + ".") == NOT_VALID
    assert grants.revoke(good, category=HEALTH) == NOT_VALID
    assert grants.revoke(changed(good, nullifier=NULLIFIER + 1, nonce=1)) == NOT_VALID
    assert grants.revoke(changed(good, beneficiary=account(9))) == NOT_VALID
    assert grants.revoke(changed(good, nonce=3)) == STALE
    assert grants.revoke(nonce=1) == STALE
    assert grants.revoke(level=1) == "registry: level is too low"
    assert grants.revoke(signature="grant(address,bytes32,bytes32)") == NOT_VALID
    # a digest that names another grantee or purpose, asker and pseudonym being right
    for grantee, purpose in ((STRANGER, PURPOSE), (GRANTEE, "another")):
        packed = int(grantee, 16).to_bytes(32, "big") + keccak(text=purpose) + FINANCE
        payload = keccak(keccak(text="revoke(address,bytes32,bytes32)") + packed)
        mixed = grants.suite.presentation(grants.address, PURPOSE, payload, nonce=2, app=GRANTEE)
        assert grants.revoke(mixed) == NOT_VALID
    # a grant does not revoke, a revocation does not grant
    terms = Terms()
    assert grants.revoke(grants.shown(terms)) == NOT_VALID
    assert grants.grant(terms, good) == NOT_VALID
    # nor a revocation of another deployment
    elsewhere = load("PermissionGrants.vy").deploy(grants.suite.registry.address)
    fresh = changed(good)
    revoked = (GRANTEE, keccak(text=PURPOSE), FINANCE)
    assert refusal(lambda: elsewhere.revoke(*revoked, fresh.abi())) == STALE
    first = grants.shown_revoke(nonce=1)
    assert refusal(lambda: elsewhere.revoke(*revoked, first.abi())) == NOT_VALID
    assert grants.use() is None


def test_revoke__of_what_has_ended(grants: Grants) -> None:
    """Revoking works after the last use, the expiry and a voiding: it ends whatever is noted."""
    for end in (
        lambda: [grants.use(), grants.use(), grants.use()],
        lambda: at(now() + 31 * DAY),
        lambda: grants.advance(),
    ):
        with boa.env.anchor():
            assert grants.grant(Terms()) is None
            end()
            assert grants.use() not in (None, NONE)
            assert grants.revoke() is None
            assert grants.use() == NONE


def test_renounce__by_the_grantee_alone(grants: Grants) -> None:
    assert grants.renounce() == NONE
    assert grants.grant(Terms()) is None
    unsent = grants.shown(Terms(uses=5))
    assert grants.renounce(by=STRANGER) == FOREIGN
    assert grants.renounce(by=account(1)) == FOREIGN
    assert grants.use() is None
    grants.contract.renounce(NULLIFIER, FINANCE, sender=GRANTEE)
    (log,) = grants.contract.get_logs()
    assert type(log).__name__ == "GrantRenounced"
    assert (log.nullifier, log.category) == (NULLIFIER, FINANCE)
    assert grants.state() == NOTHING
    assert grants.renounce() == NONE
    # it voids nothing that the holder has presented
    assert grants.contract.sequence_of(NULLIFIER, FINANCE) == 1
    assert grants.grant(Terms(uses=5), unsent) is None
    with boa.env.anchor():
        grants.advance()
        assert grants.renounce() is None
    at(now() + 31 * DAY)
    assert grants.renounce() is None
