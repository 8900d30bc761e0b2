"""Grants with real proofs on anvil: given, used, revoked, refused, by apps and an account."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from mip_cli.chain.abi import encode, selector
from mip_cli.chain.app import App, parse_invocation
from mip_cli.chain.devnet import DEVELOPER, Node, developer_signer
from mip_cli.chain.epochs import advance_payload
from mip_cli.chain.grants import (
    GrantIssued,
    GrantRenounced,
    GrantRevoked,
    GrantUsed,
    PermissionGrants,
    Terms,
    category_id,
    domain_separator,
    grant_payload,
    revoke_payload,
)
from mip_cli.chain.logs import next_time
from mip_cli.chain.reverts import AppRefusal, GrantRefusal, RegistryRefusal
from mip_cli.chain.values import Call
from mip_cli.crypto.binding import keccak256, word
from tests.integration.chain.life import Life, request_of
from tests.integration.conftest import LocalChain, running_chain

DAY = 24 * 60 * 60
OPERATOR = developer_signer(DEVELOPER).address
OTHER_PURPOSE = "read my finance records for research"


class Granting:
    """An enrolled holder, and what he grants."""

    def __init__(self, chain, journal: str) -> None:
        self.life = Life(chain).again(journal)
        self.life.enrol()
        self.chain, self.found = chain, chain.deployment
        self.grants = PermissionGrants(chain.rpc, self.found.grants)
        self.first_block = self.found.block

    def app(self, name: str) -> App:
        return App(self.chain.rpc, self.found.address(name))

    def show(self, at: str, asker: str, purpose: str, payload: bytes, nonce: int = 0):
        """Prove with the pseudonym at ``at`` in a message for ``asker``."""
        ask = request_of(31337, asker, purpose, payload)
        ask = replace(ask, scope=request_of(31337, at, purpose, payload).scope)
        life = self.life
        record = life.registry.passport(life.holder.identity, life.holder.anchor)
        path = life.tree().path(record.index, life.holder.leaf)
        deadline = next_time(self.chain.rpc) + 1800
        return life.presenter.present(life.holder, ask, deadline, nonce=nonce, path=path)

    def pseudonym(self, at: str, purpose: str) -> int:
        return self.show(at, at, purpose, bytes(32)).nullifier

    def terms(self, grantee: str, purpose: str, category: str, level: int, uses: int = 5) -> Terms:
        expires, receipt = next_time(self.chain.rpc) + 30 * DAY, keccak256(b"a receipt")
        return Terms(grantee, purpose, category, level, expires, uses, receipt)

    def grant_call(self, terms: Terms) -> Call:
        nullifier = self.pseudonym(terms.grantee, terms.purpose)
        sequence = self.grants.sequence_of(nullifier, terms.category) + 1
        epoch = self.life.epochs.epoch_of(nullifier)
        payload = grant_payload(31337, self.grants.address, terms, epoch, sequence)
        shown = self.show(terms.grantee, self.grants.address, terms.purpose, payload, sequence)
        return self.grants.grant(terms, shown)

    def revoke_call(self, terms: Terms) -> Call:
        nullifier = self.pseudonym(terms.grantee, terms.purpose)
        sequence = self.grants.sequence_of(nullifier, terms.category) + 1
        where = (terms.grantee, terms.purpose, terms.category)
        shown = self.show(
            terms.grantee, self.grants.address, terms.purpose, revoke_payload(*where), sequence
        )
        return self.grants.revoke(*where, shown)

    def present(self, app: App, signature: str, *arguments: str) -> Call:
        act = parse_invocation(signature, list(arguments))
        return app.call(act, self.show(app.address, app.address, app.purpose(), act.payload))

    def refused(self, call: Call, kind: type[Exception] = GrantRefusal) -> str:
        with pytest.raises(kind) as caught:
            self.life.send(call)
        return caught.value.reason  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def own_chain(tmp_path_factory) -> Iterator[LocalChain]:
    with running_chain(tmp_path_factory.mktemp("grants"), Node.ANVIL, deployed=True) as found:
        yield found


@pytest.fixture
def granting(own_chain, request) -> Iterator[Granting]:
    """One chain for all tests, put back after each; the journal is each one's own."""
    point = own_chain.rpc.call("evm_snapshot")
    yield Granting(own_chain, request.node.name)
    assert own_chain.rpc.call("evm_revert", point) is True


def test_lender__granted_used_revoked_refused(granting) -> None:
    life, grants, lender = granting.life, granting.grants, granting.app("Lender")
    terms = granting.terms(lender.address, lender.purpose(), "finance", 2)
    who = granting.pseudonym(lender.address, terms.purpose)
    nothing = "grants: nothing is granted"
    assert granting.refused(granting.present(lender, "apply(uint256)", "900")) == nothing
    call = granting.grant_call(terms)
    receipt = life.send(call)
    (issued,) = grants.events_in(receipt)
    assert issued == GrantIssued(
        nullifier=who,
        category=category_id("finance"),
        grantee=lender.address,
        level=2,
        expires=terms.expires,
        uses=5,
        epoch=0,
        sequence=1,
        receipt=terms.receipt,
    )
    state = grants.grant_of(who, "finance")
    assert (state.exists, state.grantee, state.uses_left) == (True, lender.address, 5)
    assert (state.level, state.expires, state.sequence) == (2, terms.expires, 1)
    assert state.receipt == terms.receipt
    assert grants.allowed(lender.address, who, "finance", 2)
    assert grants.check(lender.address, who, "finance", 2) == 5
    assert state.fault(lender.address, 2, 0, next_time(life.rpc)) is None
    # one use, seen by the holder; the message of an app's own proof is no grant and no second one
    applied = life.send(granting.present(lender, "apply(uint256)", "900"))
    (used,) = grants.events_in(applied)
    assert used == GrantUsed(who, category_id("finance"), 2, 4, (1).to_bytes(32, "big"))
    stale = "grants: nonce is not the next sequence"
    assert granting.refused(call) == stale
    revocation = granting.revoke_call(terms)
    (revoked,) = grants.events_in(life.send(revocation))
    assert revoked == GrantRevoked(who, category_id("finance"), 2)
    assert granting.refused(revocation) == stale
    assert not grants.allowed(lender.address, who, "finance", 2)
    with pytest.raises(GrantRefusal) as caught:
        grants.check(lender.address, who, "finance", 2)
    assert caught.value.reason == nothing
    assert grants.grant_of(who, "finance").fault(lender.address, 2, 0, 0) == nothing
    decide = parse_invocation("decide(uint256,bool)", ["1", "true"])
    data = selector("decide(uint256,bool)") + encode(decide.types, decide.values)
    life.send(Call(lender.address, data))  # the holder of these tests is the operator's account
    again = granting.present(lender, "apply(uint256)", "900")
    assert granting.refused(again) == nothing
    events = [e for _, e in grants.history([who], granting.first_block, life.rpc.block_number())]
    assert events == [issued, used, revoked]


def test_clinic__voided_by_its_holder(granting) -> None:
    life, grants, clinic = granting.life, granting.grants, granting.app("Clinic")
    terms = granting.terms(clinic.address, clinic.purpose(), "health", 3, uses=2)
    life.send(granting.grant_call(terms))
    who = granting.pseudonym(clinic.address, terms.purpose)
    life.send(granting.present(clinic, "register()"))
    visit = Call(clinic.address, selector("visit(uint256)") + word(who))
    (used,) = grants.events_in(life.send(visit))
    assert (used.uses_left, used.level) == (1, 3)
    payload = advance_payload(clinic.address, terms.purpose)
    shown = granting.show(clinic.address, life.epochs.address, terms.purpose, payload)
    life.send(life.epochs.advance(clinic.address, terms.purpose, shown))
    voided = "grants: grant was voided by its holder"
    assert granting.refused(visit) == voided
    state = grants.grant_of(who, "health")
    now = next_time(life.rpc)
    assert (state.uses_left, state.epoch) == (1, 0)
    assert (state.fault(clinic.address, 3, 1, now), state.fault(clinic.address, 3, 0, now)) == (
        voided,
        None,
    )
    life.send(granting.grant_call(granting.terms(clinic.address, terms.purpose, "health", 3)))
    assert grants.grant_of(who, "health").epoch == 1
    life.send(visit)


def test_account__uses_expires_and_gives_back(granting) -> None:
    """A grantee without code: the account that sends here; its purpose is that of its card."""
    life, grants = granting.life, granting.grants
    terms = granting.terms(OPERATOR, OTHER_PURPOSE, "finance", 1, uses=2)
    who = granting.pseudonym(OPERATOR, OTHER_PURPOSE)
    lender = granting.app("Lender")
    assert who != granting.pseudonym(lender.address, lender.purpose())
    life.send(granting.grant_call(terms))
    access = keccak256(b"an access receipt")
    (used,) = grants.events_in(life.send(grants.use(who, "finance", 1, access)))
    assert (used.uses_left, used.access) == (1, access)
    too_high = granting.refused(grants.use(who, "finance", 2, access))
    assert too_high == "grants: level is not granted"
    life.advance(30 * DAY)
    assert granting.refused(grants.use(who, "finance", 1, access)) == "grants: grant has expired"
    (given_back,) = grants.events_in(life.send(grants.renounce(who, "finance")))
    assert given_back == GrantRenounced(who, category_id("finance"))
    assert not grants.grant_of(who, "finance").exists


def test_grant__of_changed_terms__refused(granting) -> None:
    """The real verifier refuses a proof for every one of the terms that is another."""
    life, lender = granting.life, granting.app("Lender")
    terms = granting.terms(lender.address, lender.purpose(), "finance", 2)
    call = granting.grant_call(terms)
    head, presented = 4 + 7 * 32, call.data[4 + 7 * 32 :]
    assert call.data[:head][4:] == terms.packed
    for other in (
        replace(terms, grantee=OPERATOR),
        replace(terms, purpose=terms.purpose + "."),
        replace(terms, category="health"),
        replace(terms, level=3),
        replace(terms, expires=terms.expires + 1),
        replace(terms, uses=6),
        replace(terms, receipt=keccak256(b"another")),
    ):
        changed = Call(call.to, call.data[:4] + other.packed + presented)
        assert granting.refused(changed, RegistryRefusal) == "registry: proof is not valid"
    life.send(call)


def test_examples__are_operated_by_the_developer(granting) -> None:
    for name in ("Lender", "Clinic"):
        app = granting.app(name)
        assert app.read("OPERATOR()") == int(OPERATOR, 16)
        assert app.read("GRANTS()") == int(granting.grants.address, 16)
        assert app.read("grantee_key()") == 0
        call = Call(app.address, selector("set_key(bytes32)") + keccak256(b"a key"))
        outsider = granting.chain.sender(account=0, journal="outsider")
        with pytest.raises(AppRefusal, match="only who runs"):
            outsider.send("a key", call)
        granting.life.send(call)
        assert app.read("grantee_key()") == int.from_bytes(keccak256(b"a key"), "big")
    found = granting.chain.rpc.eth_call(granting.grants.address, selector("domain_separator()"))
    assert found == domain_separator(31337, granting.grants.address)
    assert granting.grants.registry() == granting.found.registry
