"""A holder of records in one process, and grantees whose runs end where a test wants it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mip_cli.chain.abi import pack_words, selector
from mip_cli.chain.devnet import DEVELOPER, Node, developer_signer
from mip_cli.chain.keys import Signer
from mip_cli.chain.values import Call
from mip_cli.config import Settings
from mip_cli.crypto import grant_bundle
from mip_cli.crypto.grant_access import AccessReceipt
from mip_cli.flows.archive import archive_records as archive
from mip_cli.flows.demo import demo_photos
from mip_cli.flows.demo.demo_stage import machine
from mip_cli.flows.grants import access, grant, grant_see, grant_terms
from mip_cli.flows.grants.grant_terms import Consent, Wish
from mip_cli.flows.passport import prove, verify
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.flows.passport.proof_file import AppCall
from mip_cli.flows.sending import Purse
from mip_cli.progress import Silent
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
        self.present(lender, AppCall("apply(uint256)", ("5",)))

    def present(self, app: Address, act: AppCall) -> None:
        """Prove an act to an app and send it."""
        ask = prove.Ask(app, self.payer.address, act)
        consent = prove.prepare(self.settings, ask, S)
        keys = prove.Keys("holder", PASSWORD, self.photos.again)
        shown = prove.prove(self.settings, consent, keys, S).file
        verify.send(self.settings, shown, self.payer, S)


@contextmanager
def granting_world(folder: Path) -> Iterator[World]:
    """A chain with an enrolled holder, three records of finance and one of health."""
    with running_chain(folder / "chain", Node.ANVIL, deployed=True) as chain:
        found = World(chain, enrolled_holder(chain, folder).photos, folder)
        for number in range(3):
            found.put(f"r{number}.json", number)
        found.put("visit.json", 0, "health")
        yield found
