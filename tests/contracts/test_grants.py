"""PermissionGrants: who may see what, until when, how often, and nothing with one value changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boa
import pytest
from deployment import Deployment, account, at, load, now, refusal
from eth.exceptions import Revert
from eth_utils import keccak, to_checksum_address
from grant_acts import (
    DAY,
    FINANCE,
    GRANTEE,
    HEALTH,
    MAX_LIFETIME,
    NOTHING,
    NULLIFIER,
    PURPOSE,
    STRANGER,
    Grants,
    Terms,
    changed,
    digest_of,
    rolled_back,
    typed_grant,
)
from groth16_simulator import negated_form
from model import Presentation

from mip_cli.chain import grants as client

ZERO = "0x" + "00" * 20
NOT_VALID = "registry: proof is not valid"
STALE = "grants: nonce is not the next sequence"
NONE = "grants: nothing is granted"
FOREIGN = "grants: sender is not the grantee"
EXPIRED = "grants: grant has expired"
USED_UP = "grants: grant is used up"
TOO_HIGH = "grants: level is not granted"
VOIDED = "grants: grant was voided by its holder"


@pytest.fixture
def grants(suite: Deployment) -> Grants:
    return Grants(suite)


def test_deploy__reverts(suite: Deployment) -> None:
    deploy, (registry, epochs) = load("PermissionGrants.vy").deploy, _addresses(suite)
    assert refusal(lambda: deploy(registry, epochs)) is None
    assert refusal(lambda: deploy(account(1), epochs)) == "grants: registry has no code"
    assert refusal(lambda: deploy(registry, account(1))) == "grants: epochs have no code"
    made = deploy(registry, epochs)
    assert (made.REGISTRY(), made.EPOCHS()) == (registry, epochs)
    assert made.MAX_LIFETIME() == MAX_LIFETIME == client.MAX_LIFETIME


def _addresses(suite: Deployment) -> tuple[str, str]:
    return suite.registry.address, suite.epochs.address


def test_grants__have_no_admin_and_take_no_money(grants: Grants) -> None:
    changing = {
        entry["name"]
        for entry in grants.contract.abi
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    }
    assert changing == {"grant", "revoke", "renounce", "use"}
    boa.env.set_balance(account(1), 10**18)
    with pytest.raises(Revert):
        boa.env.raw_call(grants.address, sender=account(1), value=1)
    assert boa.env.get_balance(grants.address) == 0


def test_grant__notes_what_the_holder_agreed_to(grants: Grants) -> None:
    terms = Terms()
    shown = grants.shown(terms)
    grants.contract.grant(terms.abi(), shown.abi(), sender=account(66))  # anyone may relay
    (log,) = grants.contract.get_logs()
    assert type(log).__name__ == "GrantIssued"
    assert (log.nullifier, log.grantee, log.category) == (NULLIFIER, GRANTEE, FINANCE)
    assert (log.level, log.expires, log.uses) == (2, terms.expires, 3)
    assert (log.epoch, log.sequence, log.receipt) == (0, 1, terms.receipt)
    state = grants.contract.grant_of(NULLIFIER, FINANCE)
    assert (state.grantee, state.level, state.expires) == (GRANTEE, 2, terms.expires)
    assert (state.uses_left, state.epoch, state.sequence) == (3, 0, 1)
    assert state.receipt == terms.receipt
    assert grants.contract.check(NULLIFIER, FINANCE, 2, sender=GRANTEE) == 3


TERMS: dict[str, tuple[Callable[[], Terms], str | None]] = {
    "grantee zero": (lambda: Terms(grantee=ZERO), "grants: grantee is zero"),
    "grantee one": (lambda: Terms(grantee="0x" + "00" * 19 + "01"), None),
    "category zero": (lambda: Terms(category=bytes(32)), "grants: category is zero"),
    "category one": (lambda: Terms(category=bytes(31) + b"\1"), None),
    "receipt zero": (lambda: Terms(receipt=bytes(32)), "grants: receipt is zero"),
    "receipt one": (lambda: Terms(receipt=bytes(31) + b"\1"), None),
    "level 0": (lambda: Terms(level=0), None),
    "level 3": (lambda: Terms(level=3), None),
    "level 4": (lambda: Terms(level=4), "grants: level is unknown"),
    "level 2^256 - 1": (lambda: Terms(level=2**256 - 1), "grants: level is unknown"),
    "uses 0": (lambda: Terms(uses=0), "grants: uses are out of range"),
    "uses 1": (lambda: Terms(uses=1), None),
    "uses 2^32 - 1": (lambda: Terms(uses=2**32 - 1), None),
    "uses 2^32": (lambda: Terms(uses=2**32), "grants: uses are out of range"),
    "expired": (lambda: Terms(expires=now()), "grants: expiry has passed"),
    "one second": (lambda: Terms(expires=now() + 1), None),
    "366 days": (lambda: Terms(expires=now() + MAX_LIFETIME), None),
    "a second more": (
        lambda: Terms(expires=now() + MAX_LIFETIME + 1),
        "grants: expiry lies too far ahead",
    ),
    "for ever": (lambda: Terms(expires=2**256 - 1), "grants: expiry lies too far ahead"),
}


@pytest.mark.parametrize("name", TERMS)
def test_grant__terms_out_of_range__reverts(grants: Grants, name: str) -> None:
    made, reason = TERMS[name]
    terms = made()
    assert grants.grant(terms) == reason
    if reason is None:
        assert grants.state(category=terms.category) == (*_noted(terms), 0, terms.receipt)
    else:
        assert grants.state(category=terms.category) == NOTHING


def _noted(terms: Terms) -> tuple[Any, ...]:
    return to_checksum_address(terms.grantee), terms.level, terms.expires, terms.uses


OTHER_TERMS: dict[str, Callable[[Terms], Terms]] = {
    "grantee": lambda t: replace(t, grantee=_plus_one(t.grantee)),
    "purpose": lambda t: replace(t, purpose=t.purpose + "."),
    "category": lambda t: replace(t, category=HEALTH),
    "level": lambda t: replace(t, level=t.level + 1),
    "level below": lambda t: replace(t, level=t.level - 1),
    "expires": lambda t: replace(t, expires=t.expires + 1),
    "uses": lambda t: replace(t, uses=t.uses + 1),
    "receipt": lambda t: replace(t, receipt=keccak(b"another receipt")),
}


def _plus_one(address: str) -> str:
    return "0x" + (int(address, 16) + 1).to_bytes(20, "big").hex()


@pytest.mark.parametrize("name", OTHER_TERMS)
def test_grant__one_of_the_terms_changed__reverts(grants: Grants, name: str) -> None:
    terms = Terms()
    shown = grants.shown(terms)
    assert rolled_back(lambda: grants.grant(terms, shown)) is None
    assert grants.grant(OTHER_TERMS[name](terms), shown) == NOT_VALID
    # neither does a digest of other terms serve, when asker and pseudonym are the right ones
    other = OTHER_TERMS[name](terms)
    digest = digest_of(typed_grant(31337, grants.address, other, 0, 1))
    mixed = grants.suite.presentation(
        grants.address, terms.purpose, digest, nonce=1, app=terms.grantee
    )
    assert grants.grant(terms, mixed) == NOT_VALID


OTHER_FORMS: dict[str, tuple[Callable[[Presentation], Presentation], str]] = {
    "level": (lambda p: changed(p, level=3), NOT_VALID),
    "nullifier": (lambda p: changed(p, nullifier=p.nullifier + 1), NOT_VALID),
    "beneficiary": (lambda p: changed(p, beneficiary=account(9)), NOT_VALID),
    "nonce": (lambda p: changed(p, nonce=p.nonce + 1), STALE),
    "deadline": (lambda p: changed(p, deadline=p.deadline + 1), NOT_VALID),
    "root": (lambda p: changed(p, root=p.root + 1), "registry: root is not accepted"),
    "proof": (lambda p: changed(p, proof=(*p.proof[6:], *p.proof[2:])[:8]), NOT_VALID),
}


@pytest.mark.parametrize("name", OTHER_FORMS)
def test_grant__one_value_presented_changed__reverts(grants: Grants, name: str) -> None:
    terms = Terms()
    change, reason = OTHER_FORMS[name]
    shown = grants.shown(terms)
    assert rolled_back(lambda: grants.grant(terms, shown)) is None
    assert grants.grant(terms, change(shown)) == reason


def test_grant__too_little_shown__reverts(grants: Grants) -> None:
    terms = Terms()
    assert grants.grant(terms, level=1) == "registry: level is too low"
    assert rolled_back(lambda: grants.grant(terms, level=3)) is None
    late = grants.shown(terms, lifetime=60)
    at(now() + 61)
    assert grants.grant(terms, late) == "registry: presentation has expired"
    assert grants.grant(terms) is None


def test_grant__another_chain_or_deployment__reverts(grants: Grants) -> None:
    terms = Terms()
    elsewhere = load("PermissionGrants.vy").deploy(*_addresses(grants.suite))
    shown = grants.shown(terms)
    assert refusal(lambda: elsewhere.grant(terms.abi(), shown.abi())) == NOT_VALID
    # the digest alone of another contract or chain
    assert grants.grant(terms, contract=elsewhere.address) == NOT_VALID
    assert grants.grant(terms, chain_id=31338) == NOT_VALID
    boa.env.evm.patch.chain_id = 31338
    try:
        assert grants.grant(terms, shown) == NOT_VALID
        assert rolled_back(lambda: grants.grant(terms, chain_id=31338)) is None
    finally:
        boa.env.evm.patch.chain_id = 31337
    assert grants.grant(terms, shown) is None


def test_grant__not_one_shown_to_the_grantee(grants: Grants) -> None:
    """What a holder presents to the app itself is not a grant, nor is it the other way round."""
    terms = Terms()
    digest = digest_of(typed_grant(31337, grants.address, terms, 0, 1))
    at_app = grants.suite.presentation(GRANTEE, PURPOSE, digest, nonce=1)
    assert grants.grant(terms, at_app) == NOT_VALID
    own_scope = grants.suite.presentation(grants.address, PURPOSE, digest, nonce=1)
    assert grants.grant(terms, own_scope) == NOT_VALID
    assert grants.grant(terms) is None


def test_grant__serves_once(grants: Grants) -> None:
    terms = Terms()
    shown = grants.shown(terms)
    assert grants.grant(terms, shown) is None
    forms = (
        shown,
        changed(shown, proof=tuple(negated_form(shown.proof))),
        grants.shown(terms, sequence=1, seed=3),
        grants.shown(terms, sequence=3),
        grants.shown(terms, sequence=0),
    )
    for form in forms:
        assert grants.grant(terms, form) == STALE
    # a nonce that fits does not make up for another sequence in the digest
    assert grants.grant(terms, grants.shown(terms, sequence=1, nonce=2)) == NOT_VALID
    for after in (lambda: grants.revoke(), lambda: grants.renounce()):
        with boa.env.anchor():
            assert after() is None
            assert grants.grant(terms, shown) == STALE
    assert grants.use() is None
    assert grants.grant(terms, shown) == STALE
    assert grants.grant(terms) is None


def test_grant__takes_the_place_of_the_one_before(grants: Grants) -> None:
    assert grants.grant(Terms(level=3, uses=9)) is None
    assert grants.use(3) is None
    terms = Terms(level=1, uses=1, receipt=keccak(b"less"), expires=now() + 60)
    assert grants.grant(terms) is None
    assert grants.state() == (GRANTEE, 1, terms.expires, 1, 0, keccak(b"less"))
    assert grants.contract.sequence_of(NULLIFIER, FINANCE) == 2
    assert grants.use(2) == TOO_HIGH
    assert grants.use(1) is None
    assert grants.use(1) == USED_UP


def test_grant__others_are_left_alone(grants: Grants) -> None:
    assert grants.grant(Terms()) is None
    assert grants.grant(Terms(category=HEALTH, level=3)) is None
    other = NULLIFIER + 5
    assert grants.grant(Terms(grantee=STRANGER), nullifier=other) is None
    before = grants.state(), grants.state(other)
    assert grants.revoke(category=HEALTH) is None
    assert (grants.state(), grants.state(other)) == before
    assert grants.state(category=HEALTH) == NOTHING
    sequences = [grants.next(NULLIFIER), grants.next(NULLIFIER, HEALTH), grants.next(other)]
    assert sequences == [2, 3, 2]
    assert grants.use() is None
    assert grants.use(by=STRANGER, nullifier=other) is None
    assert grants.use(nullifier=other) == FOREIGN
    assert grants.use(by=STRANGER) == FOREIGN


def test_grant__extremes_fit_in_a_word(grants: Grants) -> None:
    highest = 2**28 - 1
    grants.set_epoch(highest)
    terms = Terms("0x" + "ff" * 20, level=3, expires=now() + MAX_LIFETIME, uses=2**32 - 1)
    assert grants.grant(terms) is None
    noted = (int(grants.state()[0], 16), *grants.state()[1:])
    assert noted == (2**160 - 1, 3, terms.expires, 2**32 - 1, highest, terms.receipt)
    assert grants.use(3, by=terms.grantee) is None
    assert grants.state()[3] == 2**32 - 2
    grants.set_epoch(highest + 1)
    assert grants.use(3, by=terms.grantee) == VOIDED
    assert grants.grant(terms) == "grants: epoch is out of range"
    grants.set_epoch(2**256 - 1)
    assert grants.grant(terms) == "grants: epoch is out of range"


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
    elsewhere = load("PermissionGrants.vy").deploy(*_addresses(grants.suite))
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


def test_use__counts_down(grants: Grants) -> None:
    assert grants.grant(Terms(uses=2)) is None
    for left in (1, 0):
        grants.contract.use(NULLIFIER, FINANCE, left + 1, keccak(b"this"), sender=GRANTEE)
        (log,) = grants.contract.get_logs()
        assert type(log).__name__ == "GrantUsed"
        assert (log.nullifier, log.category, log.level) == (NULLIFIER, FINANCE, left + 1)
        assert (log.uses_left, log.access) == (left, keccak(b"this"))
        assert grants.state()[3] == left
    assert grants.use() == USED_UP
    assert grants.use(0) == USED_UP
    assert grants.state()[:4] == (GRANTEE, 2, Terms().expires, 0)


@pytest.mark.parametrize("granted", [0, 1, 2, 3])
def test_use__level(grants: Grants, granted: int) -> None:
    assert grants.grant(Terms(level=granted, uses=9)) is None
    for asked in (0, 1, 2, 3, 4, 2**256 - 1):
        assert grants.use(asked) == (None if asked <= granted else TOO_HIGH)


def test_use__until_it_expires(grants: Grants) -> None:
    terms = Terms(uses=5)
    assert grants.grant(terms) is None
    at(terms.expires - 1)
    assert grants.use() is None
    at(terms.expires)
    assert grants.use() == EXPIRED
    at(terms.expires + 10**9)
    assert grants.use() == EXPIRED


def test_use__by_another__reverts(grants: Grants) -> None:
    assert grants.use() == NONE
    assert grants.grant(Terms()) is None
    assert grants.use(by=STRANGER) == FOREIGN
    assert grants.use(by=_plus_one(GRANTEE)) == FOREIGN
    assert grants.use(by=ZERO) == FOREIGN
    assert grants.use(category=HEALTH) == NONE
    assert grants.use(nullifier=NULLIFIER + 1) == NONE
    assert grants.use(by=ZERO, nullifier=NULLIFIER + 1) == NONE
    assert grants.use() is None


def test_use__says_the_first_thing_that_stands_against_it(grants: Grants) -> None:
    assert grants.grant(Terms(uses=1, level=1)) is None
    grants.advance()
    assert grants.use(1) == VOIDED
    assert grants.use(2) == TOO_HIGH
    assert grants.grant(Terms(uses=1, level=1)) is None
    assert grants.use(1) is None
    grants.advance()
    assert grants.use(2) == USED_UP
    at(now() + 31 * DAY)
    assert grants.use(2) == EXPIRED
    assert grants.use(2, by=STRANGER) == FOREIGN
    assert grants.revoke() is None
    assert grants.use(2, by=STRANGER) == NONE


def test_domain__is_the_one_of_the_digest(grants: Grants) -> None:
    found = grants.contract.eip712Domain()
    assert tuple(found)[:5] == (b"\x0f", "MIP PermissionGrants", "1", 31337, grants.address)
    assert tuple(found)[5:] == (bytes(32), [])
    expected = client.domain_separator(31337, grants.address)
    assert grants.contract.domain_separator() == expected
    boa.env.evm.patch.chain_id = 1
    try:
        assert grants.contract.domain_separator() == client.domain_separator(1, grants.address)
    finally:
        boa.env.evm.patch.chain_id = 31337


def test_payloads__of_the_client_are_the_contracts(grants: Grants) -> None:
    terms = Terms()
    same = client.Terms(
        GRANTEE, PURPOSE, "finance", terms.level, terms.expires, terms.uses, terms.receipt
    )
    payload = client.grant_payload(31337, grants.address, same, 0, 1)
    assert payload == digest_of(typed_grant(31337, grants.address, terms, 0, 1))
    shown = grants.suite.presentation(grants.address, PURPOSE, payload, nonce=1, app=GRANTEE)
    assert grants.grant(terms, shown) is None
    payload = client.revoke_payload(GRANTEE, PURPOSE, "finance")
    shown = grants.suite.presentation(grants.address, PURPOSE, payload, nonce=2, app=GRANTEE)
    assert grants.revoke(shown) is None
