"""What every act on a grant needs: passport, archive and chain opened together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mip_cli.chain.grants import (
    GrantState,
    PermissionGrants,
    Terms,
    grant_payload,
    revoke_payload,
)
from mip_cli.chain.values import Receipt
from mip_cli.config import Settings
from mip_cli.crypto import grant_bundle, grant_signing
from mip_cli.crypto.aead import KEY_BYTES, system_rng
from mip_cli.crypto.binding import scope_of
from mip_cli.crypto.grant_bundle import Bundle
from mip_cli.crypto.grant_consent import RECORD_BYTES, SALT_BYTES, ConsentReceipt
from mip_cli.errors import FileInvalid, UsageFault
from mip_cli.flows.archive import archive_records as archive
from mip_cli.flows.archive.archive_records import Session
from mip_cli.flows.grants import grant_terms
from mip_cli.flows.grants.grant_terms import Consent
from mip_cli.flows.passport import app_proof, holding
from mip_cli.flows.passport.app_proof import ForApp
from mip_cli.flows.passport.holding import Holding
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.flows.passport.prove import remember
from mip_cli.flows.sending import Purse
from mip_cli.models import Request
from mip_cli.progress import Progress
from mip_cli.store.archive import grants as book
from mip_cli.store.archive.grants import Ending, GrantRecord
from mip_cli.units import Nullifier
from mip_cli.zk.prover import Prover


@dataclass(frozen=True, repr=False)
class GrantRun:
    """A passport, its archive and its chain; the archive is under its lock."""

    holding: Holding
    session: Session
    grants: PermissionGrants
    prover: Prover | None

    def now(self, record: GrantRecord) -> GrantRecord:
        """Return a grant as the archive has it by now."""
        found = self.session.archive.grants.get(record.id)
        if found is None:
            raise FileInvalid("the archive lost a grant that it had")
        return found

    def pseudonym(self, record: GrantRecord) -> Nullifier:
        """Return under which pseudonym a grant stands."""
        r = record.receipt
        return app_proof.pseudonym_at(self.holding, r.grantee, r.purpose)

    def on_chain(self, record: GrantRecord) -> GrantState:
        """Return what the chain has in a grant's place."""
        self.require_place(record)
        return self.grants.grant_of(record.receipt.pseudonym, record.category)

    def is_here(self, record: GrantRecord) -> bool:
        """Tell whether a grant was given at the contract that is asked."""
        r = record.receipt
        return (r.chain_id, r.contract) == (self.holding.link.chain_id, self.grants.address)

    def require_place(self, record: GrantRecord) -> None:
        """Raise ``UsageFault`` for a grant that was given at another contract."""
        r = record.receipt
        if not self.is_here(record):
            raise UsageFault(
                f"the grant {record.name} was given on chain {r.chain_id} at {r.contract}",
                hint="name the right node with --rpc-url",
            )

    def ending(self, record: GrantRecord) -> Ending | None:
        """Return how a grant that was on chain ended, None while it stands."""
        state = self.on_chain(record)
        if not state.exists:
            return Ending.REVOKED
        if state.receipt != record.id:
            return Ending.REPLACED
        if state.epoch != self.holding.link.epochs.epoch_of(record.receipt.pseudonym):
            return Ending.VOID
        return Ending.EXPIRED if self.holding.now() >= state.expires else None

    def settle(self, category: str, *, here: bool = False) -> list[GrantRecord]:
        """End here what ended on chain; return what ended.

        Raises ``UsageFault`` for a grant of another contract, unless only those ``here`` count.
        """
        over = []
        for record in self.session.archive.grants.live(category):
            if here and not self.is_here(record):
                continue
            if record.state is book.GrantState.GRANTED and (how := self.ending(record)):
                over.append(self.end(record, how))
        if over:
            self.session.archive.commit()
        return over

    def settle_here(self) -> list[str]:
        """End what ended at this contract, in all categories; return whose bundles are old now."""
        grants = self.session.archive.grants
        before = {one.id: one.number for one in grants.live()}
        for category in sorted({one.category for one in grants.live()}):
            self.settle(category, here=True)
        left = [one for one in grants.live() if one.state is book.GrantState.GRANTED]
        return [one.name for one in left if one.number != before[one.id]]

    def end(self, record: GrantRecord, how: Ending) -> GrantRecord:
        """End a grant in the archive, with a new epoch; lasting after the next commit."""
        archive, after = self.session.archive, book.ended(record, how)
        archive.keep_grant(after)
        if record.receipt.level:
            archive.advance_epoch(record.category)
        archive.note_revoke(record)
        return after

    def draw(self, consent: Consent) -> GrantRecord:
        """Return a new grant with its receipt and keys, in no place yet."""
        wish = consent.wish
        seed = system_rng(KEY_BYTES)
        now = self.holding.now()
        receipt = ConsentReceipt(
            record_id=system_rng(RECORD_BYTES),
            salt=system_rng(SALT_BYTES),
            pseudonym=app_proof.pseudonym_at(self.holding, wish.card.address, wish.card.purpose),
            grantee=wish.card.address,
            grantee_name=wish.card.name,
            grantee_kind=wish.card.kind,
            key_hash=wish.card.key_hash,
            purpose=wish.card.purpose,
            category=wish.category,
            level=wish.level,
            created=now,
            expires=now + wish.lifetime,
            uses=wish.uses,
            chain_id=consent.chain_id,
            contract=consent.contract,
            bundle_key=grant_signing.keys_from(seed).public,
        )
        return GrantRecord(wish.name, receipt, wish.card, seed, store=wish.store)

    def announce(
        self, record: GrantRecord, purse: Purse, *, remembered: bool = True
    ) -> Receipt | None:
        """Prove and send a grant; None where it is on chain already."""
        r = record.receipt
        sender = self.holding.sender(purse)
        label = f"grant:{self.grants.address}:{record.id.hex()}"
        sender.settle(label, self.holding.progress)
        state = self.on_chain(record)
        if state.receipt == record.id:
            return None
        terms = Terms(r.grantee, r.purpose, r.category, r.level, r.expires, r.uses, record.id)
        link = self.holding.link
        sequence, epoch = state.sequence + 1, link.epochs.epoch_of(r.pseudonym)
        payload = grant_payload(link.chain_id, self.grants.address, terms, epoch, sequence)
        if remembered:
            self._remember(r, payload)
        act = ForApp(r.grantee, r.purpose, self.grants.address, payload, sequence)
        shown = app_proof.show(self.holding, act, purse.signer.address, self.prover)
        self.holding.progress.step("granting on chain")
        return sender.send(label, self.grants.grant(terms, shown), self.holding.progress)

    def withdraw(self, record: GrantRecord, purse: Purse) -> Receipt | None:
        """Revoke a grant on chain; None where there is nothing of it any more."""
        r = record.receipt
        sender = self.holding.sender(purse)
        sender.settle(f"grant:{self.grants.address}:{record.id.hex()}", self.holding.progress)
        label = f"revoke:{self.grants.address}:{record.id.hex()}"
        sender.settle(label, self.holding.progress)
        state = self.on_chain(record)
        prepared = record.state is book.GrantState.PREPARED
        if state.receipt != record.id and state.exists and prepared:
            raise UsageFault(
                "another grant stands in its place on chain, and an act of this one that was given "
                "away may still be sent",
                hint="revoke the one that stands: that stops both; then revoke this one",
            )
        if state.receipt != record.id and not prepared:
            return None
        sequence = state.sequence + 1
        payload = revoke_payload(r.grantee, r.purpose, r.category)
        act = ForApp(r.grantee, r.purpose, self.grants.address, payload, sequence)
        shown = app_proof.show(self.holding, act, purse.signer.address, self.prover)
        self.holding.progress.step("revoking on chain")
        call = self.grants.revoke(r.grantee, r.purpose, r.category, shown)
        return sender.send(label, call, self.holding.progress)

    def bundle(self, record: GrantRecord, proof: str | None = None) -> Bundle:
        """Return what the grantee gets, from the grant as it was committed."""
        r = record.receipt
        key = None
        if record.view is not None:
            key = self.session.archive.grant_key(record.category, record.id)
        bare = Bundle(
            receipt=r,
            number=record.number,
            epoch=record.epoch,
            view=record.view,
            store=record.store,
            made=self.holding.now(),
            kem=record.card.kem,
            encapsulated=None,
            wrapped=None,
            proof=proof,
        )
        signer = grant_signing.keys_from(record.bundle_seed)
        return grant_bundle.seal(bare, key, record.card.public_key, signer)

    def _remember(self, receipt: ConsentReceipt, payload: bytes) -> None:
        # before the proof leaves: a recovery must find what was granted, and void it
        link = self.holding.link
        scope = scope_of(link.chain_id, receipt.grantee, receipt.purpose)
        request = Request(link.chain_id, receipt.grantee, receipt.purpose, payload, 2, scope)
        if not remember(self.session.unlocked, request):
            raise UsageFault(
                "the passport knows too many apps to note this grantee, so that a recovery would "
                "not void the grant",
                hint="use another passport for grants",
            )


@contextmanager
def opened(
    settings: Settings,
    passport: str,
    factors: Factors,
    progress: Progress,
    *,
    prover: Prover | None = None,
    clock: Callable[[], float] | None = None,
) -> Iterator[GrantRun]:
    """Open passport, archive and chain; what is not committed when the block ends is dropped."""
    with holding.hold(settings, passport, factors, progress, prover=prover, clock=clock) as held:
        unlocked = held.opened.unlocked
        with archive.attached(settings, passport, unlocked, progress) as session:
            grants = grant_terms.grants_of(held.link)
            yield GrantRun(held, session, grants, prover)


def require_keys(run: GrantRun) -> None:
    """Raise ``UsageFault`` unless face and password were given."""
    app_proof.require_keys(run.holding, "granting and revoking")
