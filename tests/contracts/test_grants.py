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
    FINANCE,
    FOREIGN,
    GRANTEE,
    HEALTH,
    MAX_LIFETIME,
    NOT_VALID,
    NOTHING,
    NULLIFIER,
    PURPOSE,
    STALE,
    STRANGER,
    TOO_HIGH,
    USED_UP,
    VOIDED,
    ZERO,
    Grants,
    Terms,
    changed,
    digest_of,
    plus_one,
    rolled_back,
    typed_grant,
)
from groth16_simulator import negated_form
from model import Presentation

from mip_cli.chain import grants as client


@pytest.fixture
def grants(suite: Deployment) -> Grants:
    return Grants(suite)


def test_deploy__reverts(suite: Deployment) -> None:
    deploy, registry = load("PermissionGrants.vy").deploy, suite.registry.address
    assert refusal(lambda: deploy(registry)) is None
    assert refusal(lambda: deploy(account(1))) == "grants: registry has no code"
    made = deploy(registry)
    assert made.REGISTRY() == registry
    assert made.MAX_LIFETIME() == MAX_LIFETIME == client.MAX_LIFETIME


def test_grants__have_no_admin_and_take_no_money(grants: Grants) -> None:
    changing = {
        entry["name"]
        for entry in grants.contract.abi
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    }
    assert changing == {"advance", "grant", "revoke", "renounce", "use"}
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
    "grantee": lambda t: replace(t, grantee=plus_one(t.grantee)),
    "purpose": lambda t: replace(t, purpose=t.purpose + "."),
    "category": lambda t: replace(t, category=HEALTH),
    "level": lambda t: replace(t, level=t.level + 1),
    "level below": lambda t: replace(t, level=t.level - 1),
    "expires": lambda t: replace(t, expires=t.expires + 1),
    "uses": lambda t: replace(t, uses=t.uses + 1),
    "receipt": lambda t: replace(t, receipt=keccak(b"another receipt")),
}


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
    elsewhere = load("PermissionGrants.vy").deploy(grants.suite.registry.address)
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
