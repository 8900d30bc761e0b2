"""Grants in one process, so that a run ends exactly where a test wants it to: what stays true."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from mip_cli.chain.abi import pack_words, selector
from mip_cli.chain.devnet import DEVELOPER, Node, developer_signer
from mip_cli.chain.keys import Signer
from mip_cli.chain.reverts import GrantRefusal
from mip_cli.chain.tx import FeeTooHigh
from mip_cli.chain.values import Call
from mip_cli.config import Settings
from mip_cli.crypto import grant_access, grant_bundle
from mip_cli.crypto.grant_access import AccessReceipt
from mip_cli.errors import FileInvalid, PermissionAbsent, UsageFault
from mip_cli.flows.archive import archive_records as archive
from mip_cli.flows.demo import demo_photos
from mip_cli.flows.demo.demo_stage import machine
from mip_cli.flows.grants import access, grant, grant_run, grant_see, grant_terms
from mip_cli.flows.grants.grant_terms import Consent, Wish
from mip_cli.flows.passport import prove, verify, void
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.flows.passport.proof_file import AppCall
from mip_cli.flows.sending import Purse, Rehearsed
from mip_cli.progress import Silent
from mip_cli.store.archive import paths
from mip_cli.store.archive.blocks import BlockDamaged
from mip_cli.store.archive.category import OpenCategory
from mip_cli.store.archive.grants import Ending, GrantState
from mip_cli.store.grantees import Accesses, Opened
from mip_cli.units import Address
from tests.integration.conftest import LocalChain, running_chain
from tests.integration.test_passport_life import PASSWORD, enrolled_holder

S = Silent()
LIFETIME = 30 * 24 * 60 * 60


class Killed(BaseException):
    """A run that ends where it stands, as by a kill."""


@dataclass
class Until(Silent):
    """Watches a run and ends it where a step begins."""

    what: str

    def step(self, text: str) -> None:
        if text == self.what:
            raise Killed(text)


@dataclass
class Party:
    """A grantee on a machine of his own."""

    settings: Settings
    opened: Opened
    account: Signer | None
    store: str
    count: int = 0

    @property
    def accesses(self) -> Accesses:
        return Accesses(self.settings.data_dir, self.opened.name)

    def pending(self, bundle: bytes) -> list[AccessReceipt]:
        return self.accesses.pending(grant_bundle.FORM.decode(bundle).receipt.id)

    @property
    def folder(self) -> Path:
        return self.settings.data_dir / f"shown-{self.count}"

    def open(
        self,
        bundle: bytes,
        progress: Silent = S,
        *,
        purse: Purse | None = None,
        older: bool = False,
    ) -> access.Accessed:
        self.count += 1
        own = None if self.account is None else Purse(self.account)
        source = access.Source(store=self.store)
        return access.open_bundle(
            self.settings,
            self.opened,
            bundle,
            source,
            self.folder,
            purse or own,
            progress,
            older=older,
        )

    def left(self, bundle: bytes) -> int:
        receipt = grant_bundle.FORM.decode(bundle).receipt
        return grant_see.check(self.settings, receipt, S).uses_left


@dataclass
class World:
    """A holder with records on a chain, and whoever comes to read them."""

    chain: LocalChain
    photos: demo_photos.Photos
    folder: Path
    payer: Signer = field(default_factory=lambda: developer_signer(DEVELOPER))

    @property
    def settings(self) -> Settings:
        return self.chain.settings

    @property
    def factors(self) -> Factors:
        return Factors(PASSWORD, self.photos.again)

    @property
    def store(self) -> str:
        return f"folder:{self.folder / 'blocks'}"

    def put(self, path: str, amount: int, category: str = "finance") -> None:
        data = json.dumps({"amount": amount} if category == "finance" else {"text": "x"}).encode()
        with archive.opened(self.settings, "holder", self.factors, S, create=self.store) as session:
            session.archive.put_record(category, path, data)
            session.archive.commit()

    def party(self, name: str, contract: Address | None = None) -> Party:
        settings = machine(self.settings, self.folder, name)
        account = None
        if contract is None:
            account = Signer(secrets.token_bytes(32))
            self.chain.rpc.call("anvil_setBalance", account.address, hex(10**18))
        opened = access.init(
            settings,
            name,
            f"The {name}",
            PASSWORD,
            S,
            account=account,
            purpose=f"be {name}" if contract is None else None,
            contract=contract,
        )
        if contract is not None:
            self.state_key(contract, opened.content.card.key_hash)
        return Party(settings, opened, account, self.store)

    def state_key(self, contract: Address, key: bytes) -> None:
        data = selector("set_key(bytes32)") + pack_words([int.from_bytes(key, "big")])
        self.chain.sender(DEVELOPER).send(f"key:{secrets.token_hex(8)}", Call(contract, data))

    def consent(self, to: Party, name: str, category: str, level: int, uses: int) -> Consent:
        card = grant.read_card(access.card(to.opened))
        return grant.prepare(self.settings, Wish(card, category, level, LIFETIME, uses, name), S)

    def issue(
        self, to: Party, name: str, category: str = "finance", level: int = 2, uses: int = 1
    ) -> bytes:
        consent = self.consent(to, name, category, level, uses)
        purse = Purse(self.payer)
        return grant.issue(self.settings, consent, "holder", self.factors, purse, S).bundle

    def refresh(self, name: str) -> bytes:
        return grant.refresh(self.settings, "holder", self.factors, name, S).bundle

    def revoke(self, name: str) -> grant.Revoked:
        purse = Purse(self.payer)
        return grant.revoke(self.settings, "holder", self.factors, name, purse, S)

    def listing(self) -> grant_see.Listing:
        return grant_see.listing(self.settings, "holder", self.factors, S)

    def state(self, name: str) -> tuple[GrantState, Ending | None]:
        with archive.opened(self.settings, "holder", self.factors, S) as session:
            found = session.archive.grants.require(name)
        return found.state, found.ended

    def renounce(self, party: Party, bundle: bytes) -> None:
        """The grantee ends the grant by himself."""
        receipt = grant_bundle.FORM.decode(bundle).receipt
        assert party.account is not None
        with access.connection.connect(party.settings) as link:
            call = grant_terms.grants_of(link).renounce(receipt.pseudonym, receipt.category)
            sender = access.sender_of(party.settings, link, Purse(party.account))
            sender.send(f"renounce:{receipt.id.hex()}", call)

    def apply(self, lender: Address) -> None:
        """Bring a proof to the lender, who uses the grant at level 2."""
        ask = prove.Ask(lender, self.payer.address, AppCall("apply(uint256)", ("5",)))
        consent = prove.prepare(self.settings, ask, S)
        keys = prove.Keys("holder", PASSWORD, self.photos.again)
        shown = prove.prove(self.settings, consent, keys, S).file
        verify.send(self.settings, shown, self.payer, S)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("grants")
    with running_chain(folder / "chain", Node.ANVIL, deployed=True) as chain:
        found = World(chain, enrolled_holder(chain, folder).photos, folder)
        for number in range(3):
            found.put(f"r{number}.json", number)
        found.put("visit.json", 0, "health")
        yield found


# -- what was paid for stays paid -----------------------------------------------------------------


def test_open__killed_after_the_use__an_older_and_a_newer_bundle_need_no_second_one(
    world: World,
) -> None:
    bank = world.party("bank1")
    bundle = world.issue(bank, "paid")
    with pytest.raises(Killed):
        bank.open(bundle, Until("decrypting"))
    assert bank.left(bundle) == 0
    (cut_off,) = bank.pending(bundle)
    world.put("later.json", 99)
    later = world.refresh("paid")
    done = bank.open(later)
    assert (len(done.records), done.transaction) == (4, None)
    assert done.receipt.used == cut_off.access
    assert bank.pending(later) == []
    # the holder finds the receipt to the use, and it is signed and of the newer bundle
    handed = [grant_access.FORM.encode(done.receipt)]
    used = grant_see.receipts(world.settings, "holder", world.factors, "paid", handed, S)
    assert [(use.receipt, use.uses_left) for use in used.uses] == [(done.receipt, 0)]
    with pytest.raises(PermissionAbsent, match="used up"):
        bank.open(later)


def test_open__killed_after_the_use__of_a_grant_that_ended__is_refused(world: World) -> None:
    """What was paid for stays paid, and opens nothing once the holder took it back."""
    bank = world.party("taker")
    bundle = world.issue(bank, "taken-back", uses=2)
    with pytest.raises(Killed):
        bank.open(bundle, Until("decrypting"))
    assert (bank.left(bundle), len(bank.pending(bundle))) == (1, 1)
    shutil.copytree(world.folder / "blocks", copied := world.folder / "blocks of then")
    world.revoke("taken-back")
    bank.store = f"folder:{copied}"
    with pytest.raises(PermissionAbsent, match="nothing is granted"):
        bank.open(bundle)
    assert not bank.folder.exists()


def test_open__killed_before_the_use__the_same_receipt_is_taken(world: World) -> None:
    bank = world.party("bank2")
    bundle = world.issue(bank, "durable")
    assert bank.account is not None
    # the fee that is allowed is too low: the transaction is not signed, the receipt stands
    with pytest.raises(FeeTooHigh):
        bank.open(bundle, purse=Purse(bank.account, fee_cap=1))
    (begun,) = bank.pending(bundle)
    assert bank.left(bundle) == 1
    assert not bank.folder.exists()
    done = bank.open(bundle)
    assert done.receipt == begun
    assert done.uses_left == 0
    assert bank.pending(bundle) == []


def test_contract__one_use_one_opening_also_after_a_kill(world: World) -> None:
    assert world.chain.deployment is not None
    lender = world.chain.deployment.address("Lender")
    party = world.party("lender1", lender)
    bundle = world.issue(party, "loan", level=3, uses=9)
    world.apply(lender)  # at level 2, which opens nothing of level 3
    with pytest.raises(PermissionAbsent, match="has not used the grant for this opening"):
        party.open(bundle)
    world.revoke("loan")
    decide = selector("decide(uint256,bool)") + pack_words([1, 1])
    world.chain.sender(DEVELOPER).send("decide", Call(lender, decide))
    bundle = world.issue(party, "loan2", level=2, uses=9)
    world.apply(lender)
    with pytest.raises(Killed):
        party.open(bundle, Until("decrypting"))
    (cut_off,) = party.pending(bundle)
    later = world.refresh("loan2")
    done = party.open(later)
    assert done.receipt.access == cut_off.access
    assert party.left(later) == 8
    with pytest.raises(PermissionAbsent, match="has not used the grant for this opening"):
        party.open(later)
    # and a key that the contract states no more gets no new bundle when another grant ends
    bank = world.party("bank3")
    world.issue(bank, "beside")
    assert set(world.revoke("beside").bundles) >= {"loan2"}
    world.issue(bank, "beside")
    world.state_key(lender, secrets.token_bytes(32))
    assert "loan2" not in world.revoke("beside").bundles
    world.state_key(lender, party.opened.content.card.key_hash)


# -- an older bundle ------------------------------------------------------------------------------


def test_open__an_older_bundle_than_one_opened__is_refused_unless_asked_for(world: World) -> None:
    bank = world.party("bank-older")
    first = world.issue(bank, "older", level=3, uses=9)
    shutil.copytree(world.folder / "blocks", copied := world.folder / "blocks of the first")
    bank.open(first)
    later = world.refresh("older")
    bank.store = f"folder:{copied}"
    bank.open(first)  # nothing tells him that there is a newer one
    bank.store = world.store
    bank.open(later)
    bank.open(later)
    bank.store = f"folder:{copied}"
    left = bank.left(first)
    with pytest.raises(access.OlderBundle, match="older than one that you opened: number"):
        bank.open(first)
    with pytest.raises(access.OlderBundle, match="older than one that you opened"):
        access.check(bank.settings, bank.opened, first, S)
    assert not bank.folder.exists()
    assert (bank.left(first), bank.pending(first)) == (left, [])
    assert access.check(bank.settings, bank.opened, first, S, older=True).opened_before == 4
    assert bank.open(first, older=True).uses_left == left - 1
    with pytest.raises(access.OlderBundle):
        bank.open(first)  # once is not for ever


def test_open__cut_off_with_a_newer_bundle__the_older_is_refused(world: World) -> None:
    bank = world.party("bank-cut")
    first = world.issue(bank, "cut", uses=9)
    later = world.refresh("cut")
    with pytest.raises(Killed):
        bank.open(later, Until("decrypting"))
    with pytest.raises(access.OlderBundle):
        bank.open(first)
    bank.open(later)


def test_open__a_forged_bundle_and_another_grant__do_not_raise_the_mark(world: World) -> None:
    bank = world.party("bank-forged")
    bundle = world.issue(bank, "forged", uses=9)
    genuine = grant_bundle.FORM.decode(bundle)
    forged = grant_bundle.FORM.encode(replace(genuine, number=genuine.number + 9))
    with pytest.raises(FileInvalid, match="not signed"):
        bank.open(forged)
    assert bank.accesses.newest(genuine.receipt.id) is None
    newer = world.refresh("forged")
    bank.open(newer)
    world.revoke("forged")
    again = world.issue(bank, "forged-anew", uses=9)
    bank.open(again)
    with pytest.raises(PermissionAbsent, match="another consent took the place"):
        access.check(bank.settings, bank.opened, newer, S, older=True)


# -- a holder who lies ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("category", "names", "said"),
    [
        ("social", ("a", "a/b"), "cannot lie beside"),
        ("preference", ("x" * 201,), "more than 200 bytes"),
    ],
)
def test_open__paths_that_no_disk_takes__cost_no_use(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    category: str,
    names: tuple[str, ...],
    said: str,
) -> None:
    party = world.party(f"reader-{category}")
    with (
        monkeypatch.context() as other,
        archive.opened(world.settings, "holder", world.factors, S) as session,
    ):
        other.setattr(OpenCategory, "require_room", lambda *_: None)
        other.setattr(paths, "has_fitting_parts", lambda _: True)
        for name in names:
            session.archive.put_record(category, name, b'{"text": "x"}')
        session.archive.commit()
    bundle = world.issue(party, f"bad-{category}", category, 3)
    with pytest.raises(BlockDamaged, match=said):
        party.open(bundle)
    assert party.left(bundle) == 1
    assert party.pending(bundle) == []
    assert [p.name for p in party.settings.data_dir.iterdir() if "shown" in p.name] == []
    # made good, the same grant opens
    with archive.opened(world.settings, "holder", world.factors, S) as session:
        archive.erase(session, category, [names[-1]], S)
        session.archive.put_record(category, "good", b'{"text": "x"}')
        session.archive.commit()
    assert "good" in [one.path for one in party.open(world.refresh(f"bad-{category}")).records]


# -- what the chain says --------------------------------------------------------------------------


def test_list__ends_what_ended_on_chain_and_names_whose_bundles_are_old(world: World) -> None:
    gone, stays = world.party("gone"), world.party("stays")
    theirs, bundle = world.issue(gone, "gone", "health"), world.issue(stays, "stays", "health")
    before = world.listing()
    assert before.renewed == ()
    assert {one.fault for one in before.grants if one.record and one.record.live} >= {None}
    world.renounce(gone, theirs)
    found = world.listing()
    assert found.renewed == ("stays",)
    assert found.block > before.block
    told = {one.record.name: one for one in found.grants if one.record}
    assert told["gone"].fault == "ended: revoked"
    assert (told["stays"].fault, told["stays"].uses_left) == (None, 1)
    assert world.state("gone") == (GrantState.ENDED, Ending.REVOKED)
    with pytest.raises(BaseException, match="lacks block"):
        stays.open(bundle)
    assert stays.open(world.refresh("stays")).uses_left == 0
    told = {one.record.name: one for one in world.listing().grants if one.record}
    assert (told["stays"].fault, told["stays"].uses_left) == ("grants: grant is used up", 0)


def test_receipts__say_how_the_grant_stands_and_end_what_ended(world: World) -> None:
    bank = world.party("bank4")
    bundle = world.issue(bank, "seen", uses=2)
    bank.open(bundle)

    def seen() -> grant_see.Used:
        return grant_see.receipts(world.settings, "holder", world.factors, "seen", [], S)

    assert (seen().standing.fault, seen().standing.uses_left, len(seen().uses)) == (None, 1, 1)
    world.renounce(bank, bundle)
    assert (seen().standing.fault, len(seen().uses)) == ("ended: revoked", 1)
    assert world.state("seen") == (GrantState.ENDED, Ending.REVOKED)


def test_list__of_another_chain__says_that_it_was_not_asked(world: World) -> None:
    bank = world.party("bank5")
    world.issue(bank, "elsewhere")
    with archive.opened(world.settings, "holder", world.factors, S) as session:
        found = session.archive.grants.require("elsewhere")
        other = replace(found, receipt=replace(found.receipt, chain_id=1), name="other", view=None)
        session.archive.keep_grant(other)
        session.archive.commit()
    told = {one.record.name: one for one in world.listing().grants if one.record}
    assert (told["other"].asked, told["elsewhere"].asked) == (False, True)
    assert str(told["other"].fault).startswith("not asked: given on chain 1 at ")
    with archive.opened(world.settings, "holder", world.factors, S) as session:
        session.archive.keep_grant(replace(other, state=GrantState.ENDED, ended=Ending.DROPPED))
        session.archive.commit()
    world.revoke("elsewhere")


def test_revoke__ends_first_what_the_chain_ended(world: World) -> None:
    """Who is out already gets no bundle under the new keys."""
    out, stays, other = (world.party(name) for name in ("out", "stays2", "other2"))
    theirs = world.issue(out, "out")
    world.issue(stays, "stays2")
    world.issue(other, "other2")
    world.renounce(out, theirs)
    bundles = world.revoke("other2").bundles
    assert "stays2" in bundles
    assert "out" not in bundles
    assert world.state("out") == (GrantState.ENDED, Ending.REVOKED)


def test_revoke__prepared_while_another_stands__is_refused(world: World) -> None:
    bank = world.party("bank6")
    consent = world.consent(bank, "given-away", "finance", 2, 1)
    rehearsal = Purse(world.payer, rehearse=True)
    with pytest.raises(Rehearsed) as act:
        grant.issue(world.settings, consent, "holder", world.factors, rehearsal, S, relay=True)
    assert world.state("given-away") == (GrantState.PREPARED, None)
    world.issue(bank, "standing")
    with pytest.raises(UsageFault, match="another grant stands in its place on chain"):
        world.revoke("given-away")
    assert world.state("given-away") == (GrantState.PREPARED, None)
    # revoking the one that stands stops the act that was given away; then it goes
    world.revoke("standing")
    with pytest.raises(GrantRefusal) as refused:
        world.chain.sender(DEVELOPER).send("given away", act.value.call)
    assert refused.value.reason == "grants: nonce is not the next sequence"
    assert world.revoke("given-away").transaction is not None
    assert world.state("given-away")[0] is GrantState.ENDED


def test_void__ends_the_grant_and_the_next_bears_the_new_epoch(world: World) -> None:
    bank = world.party("bank7")
    bundle = world.issue(bank, "voided", uses=5)
    assert bank.open(bundle).uses_left == 4
    world.chain.devnet.advance(3600)
    void.void(world.settings, "holder", world.factors, Purse(world.payer), S)
    with pytest.raises(PermissionAbsent, match="voided by its holder"):
        bank.open(bundle)
    told = {one.record.name: one for one in world.listing().grants if one.record}
    assert told["voided"].fault == "ended: void"
    again = world.issue(bank, "again", uses=5)
    receipt = grant_bundle.FORM.decode(again).receipt
    with grant_run.opened(world.settings, "holder", world.factors, S) as run:
        state = run.grants.grant_of(receipt.pseudonym, receipt.category)
        assert state.epoch == run.holding.link.epochs.epoch_of(receipt.pseudonym) >= 1
    assert bank.open(again).uses_left == 4
