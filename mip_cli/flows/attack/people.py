"""Who plays in the containment test: passports and grantees, each on a machine of their own."""

from __future__ import annotations

import json
import secrets
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from mip_cli.chain.keys import Signer
from mip_cli.chain.rpc import RpcClient
from mip_cli.config import Settings
from mip_cli.crypto.cid import Link
from mip_cli.flows.archive import archive_records as archive
from mip_cli.flows.attack.hoard import put_in_place
from mip_cli.flows.demo.demo_photos import Photos
from mip_cli.flows.demo.demo_stage import giving
from mip_cli.flows.grants import access, grant, grant_proof
from mip_cli.flows.grants.grant_terms import Wish
from mip_cli.flows.kyc import keeping
from mip_cli.flows.passport import enroll, passport_file, proof_file, prove
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.flows.passport.passport_keys import keys_of
from mip_cli.flows.sending import Purse
from mip_cli.progress import Progress
from mip_cli.store.credentials import Held, Vault
from mip_cli.store.grantees import Opened
from mip_cli.units import Commitment

DAY = 24 * 60 * 60
LIFETIME = 30 * DAY
USES = 20
VALIDITY = 55 * 60
"""Seconds of a proof of level 0: longer than the story."""
_FUNDS = hex(10**18)


def funded(rpc: RpcClient) -> Signer:
    """Return a new account with money from nowhere: on chain nothing leads to it."""
    signer = Signer(secrets.token_bytes(32))
    rpc.call("anvil_setBalance", signer.address, _FUNDS)
    return signer


def random_password() -> bytes:
    """Draw a password."""
    return secrets.token_urlsafe(16).encode()


@dataclass
class Person:
    """Somebody with a passport and an archive in a folder."""

    name: str
    place: Settings
    photos: Photos
    store: Path
    payer: Signer
    """Of the enrolment."""
    progress: Progress
    password: bytes = field(default_factory=random_password, repr=False)

    @property
    def factors(self) -> Factors:
        """Face and password."""
        return Factors(self.password, self.photos.again)

    def enrol(self) -> None:
        """Make the passport."""
        wish = enroll.EnrollRequest(self.name, self.photos.first, self.password)
        enroll.enroll(self.place, wish, self.payer, self.progress)

    def identity(self) -> Commitment:
        """Return the commitment that the enrolment made public."""
        opened = passport_file.unlock(self.place, self.name, self.factors, self.progress)
        return keys_of(opened.unlocked.secrets).identity

    def put(self, category: str, records: Mapping[str, object]) -> None:
        """Put records of JSON, or files of text, into the archive."""
        with self.session(create=True) as session:
            for path, content in records.items():
                text = content if isinstance(content, str) else json.dumps(content)
                kind = "text/plain" if isinstance(content, str) else None
                archive.put_file(
                    session,
                    category,
                    None,
                    path,
                    kind,
                    self.progress,
                    stdin=giving(text.encode()),
                )

    def session(self, *, create: bool = False) -> AbstractContextManager[archive.Session]:
        """Open the archive."""
        return archive.opened(
            self.place,
            self.name,
            self.factors,
            self.progress,
            create=f"folder:{self.store}" if create else None,
        )

    def links(self, category: str, paths: Sequence[str]) -> list[Link]:
        """Return the blocks of some records."""
        with self.session() as session:
            return [session.archive.find(category, path).link for path in paths]

    def keep(self, document: str) -> Held:
        """Keep a credential as ``mip kyc import`` does; who signed it does not matter here."""
        opened = passport_file.unlock(self.place, self.name, self.factors, self.progress)
        blinding, subject = secrets.randbits(240), secrets.randbits(240)
        held = Held(blinding, subject, int(time.time()), document.encode())
        moved = keeping.keep(self.place, opened.unlocked, held, self.progress)
        if moved.fault is not None:
            raise moved.fault
        return held

    def vault(self) -> Vault:
        """Return what seals the credentials."""
        opened = passport_file.unlock(self.place, self.name, self.factors, self.progress)
        return keeping.wallet_of(self.place, opened.unlocked).vault

    def proof_for(self, to: Party) -> str:
        """Prove to a grantee that its pseudonym has a passport."""
        card = grant.read_card(access.card(to.opened))
        consent = grant_proof.prepare(self.place, card, self.progress, validity=VALIDITY)
        keys = prove.Keys(self.name, self.password, self.photos.again)
        shown = prove.prove(self.place, consent, keys, self.progress).file
        return proof_file.encode(shown).decode()

    def grant(
        self, to: Party, category: str, level: int, payer: Signer, proof: str | None = None
    ) -> None:
        """Grant a category, and hand the bundle over."""
        card = grant.read_card(access.card(to.opened))
        wish = Wish(card, category, level, LIFETIME, USES, to.name, proof=proof)
        consent = grant.prepare(self.place, wish, self.progress)
        done = grant.issue(
            self.place, consent, self.name, self.factors, Purse(payer), self.progress
        )
        to.pseudonym, to.category, to.level = int(done.record.receipt.pseudonym), category, level
        to.receipt = done.record.id
        to.bundles.append(done.bundle)

    def revoke(self, of: Party, payer: Signer, parties: Sequence[Party], *, eager: bool) -> None:
        """Revoke a grant; the others of its category get new bundles."""
        done = grant.revoke(
            self.place, self.name, self.factors, of.name, Purse(payer), self.progress, eager=eager
        )
        for one in parties:
            if one.name in done.bundles:
                one.bundles.append(done.bundles[one.name])

    def refresh(self, of: Party) -> None:
        """Give a grantee the bundle of now."""
        done = grant.refresh(self.place, self.name, self.factors, of.name, self.progress)
        of.bundles.append(done.bundle)


@dataclass
class Party:
    """A grantee with its machine and account."""

    name: str
    place: Settings
    account: Signer
    opened: Opened
    store: Path
    """Of the blocks that its bundles point to."""
    progress: Progress
    bundles: list[bytes] = field(default_factory=list)
    receipt: bytes = b""
    pseudonym: int = 0
    category: str = ""
    level: int = 0
    _opened: int = 0

    @classmethod
    def make(
        cls,
        name: str,
        place: Settings,
        account: Signer,
        store: Path,
        purpose: str,
        progress: Progress,
    ) -> Party:
        """Draw keys and sign a card."""
        opened = access.init(
            place,
            name,
            f"The {name}",
            random_password(),
            progress,
            account=account,
            purpose=purpose,
        )
        return cls(name, place, account, opened, store, progress)

    def read(self, bundle: bytes | None = None) -> access.Accessed:
        """Open a bundle, the newest if none is named, as the grantee's own tool does."""
        self._opened += 1
        return access.open_bundle(
            self.place,
            self.opened,
            bundle or self.bundles[-1],
            access.Source(store=f"folder:{self.store}"),
            self.place.data_dir / f"opened-{self._opened}",
            Purse(self.account),
            self.progress,
        )

    def read_from(
        self, blocks: Mapping[Link, bytes], aside: Path, bundle: bytes | None = None
    ) -> access.Accessed:
        """Open a bundle, the newest if none is named, where the store holds these blocks."""
        shutil.rmtree(aside, ignore_errors=True)
        put_in_place(aside, blocks)
        own, self.store = self.store, aside
        try:
            return self.read(bundle)
        finally:
            self.store = own
