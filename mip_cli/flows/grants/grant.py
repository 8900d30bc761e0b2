"""Grants: a holder lets a grantee read one category, sees what becomes of it, and ends it.

The order is what a kill at any point needs: receipt, keys and view are durable before anything is
signed; the chain comes next; then what the grantee gets. Each act goes on when it is run again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mip_cli.chain.values import Receipt
from mip_cli.config import Settings, public_file_mode
from mip_cli.crypto import grant_bundle
from mip_cli.errors import AppUntrusted, Negative, UsageFault, WrongChain
from mip_cli.flows import connection
from mip_cli.flows.grants import grant_run, grant_terms
from mip_cli.flows.grants.grant_run import GrantRun
from mip_cli.flows.grants.grant_terms import Consent, Wish, prepare, read_card
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.flows.sending import Purse
from mip_cli.progress import Progress
from mip_cli.store import files
from mip_cli.store.archive import car
from mip_cli.store.archive.grants import Ending, GrantRecord, GrantState
from mip_cli.zk.prover import Prover

__all__ = [
    "Consent",
    "Wish",
    "chain_of",
    "issue",
    "prepare",
    "read_card",
    "refresh",
    "revoke",
]

Clock = Callable[[], float]


@dataclass(frozen=True)
class Issued:
    """A grant that is on chain, and what to hand to the grantee."""

    record: GrantRecord
    """As the archive keeps it."""
    bundle: bytes
    """For the grantee."""
    transaction: Receipt | None
    """None when an earlier run had sent it."""
    resumed: bool
    """Whether an earlier run had begun it."""


@dataclass(frozen=True)
class Revoked:
    """A grant that ended."""

    record: GrantRecord
    transaction: Receipt | None
    """None when nothing of it was on chain any more."""
    resealed: int
    """Records that were encrypted anew."""
    bundles: Mapping[str, bytes] = field(default_factory=dict)
    """New bundles of the category's other grants, by name: the old ones open nothing any more."""


def issue(
    settings: Settings,
    consent: Consent,
    passport: str,
    factors: Factors,
    purse: Purse,
    progress: Progress,
    *,
    car_file: Path | None = None,
    relay: bool = False,
    prover: Prover | None = None,
    clock: Clock | None = None,
) -> Issued:
    """Grant what the holder consented to, or finish granting it; return the bundle.

    With ``car_file`` the blocks of the view are written there too. With ``relay`` and a purse that
    rehearses everything is prepared and ``Rehearsed`` brings what somebody else may send; once it
    is on chain, ``refresh`` gives the bundle. Raises ``UsageFault`` for a name
    that is taken, ``ChainRefusal``, ``WrongChain``, ``BlockMissing``, ``BlockDamaged``.
    """
    wish = consent.wish
    with grant_run.opened(settings, passport, factors, progress, prover=prover, clock=clock) as run:
        _require_same(run, consent)
        grant_run.require_keys(run)
        run.settle(wish.category)
        archive = run.session.archive
        record, resumed = archive.grants.named(wish.name), True
        if record is None or not record.live:
            record, resumed = run.draw(consent), False
            archive.keep_grant(record)
            archive.renew_view(record, rebuild=True)
            archive.note_grant(record)
            progress.step("making what the grantee can read")
            if relay or not purse.rehearse:
                archive.commit()
        elif record.state is GrantState.GRANTED or not _fits(record, wish):
            raise UsageFault(
                f"there is a grant called {wish.name} already",
                hint=f"choose another --name, or make its bundle again: mip grant refresh "
                f"{wish.name}",
            )
        sent = run.announce(record, purse, remembered=relay or not purse.rehearse)
        record = replace(run.now(record), state=GrantState.GRANTED)
        archive.keep_grant(record)
        archive.commit()
        run.settle(wish.category)  # what this grant took the place of
        record = run.now(record)
        bundle = _bundle(run, record, wish.proof)
        if car_file is not None:
            _write_car(run, record, car_file, progress)
        return Issued(record, bundle, sent, resumed)


def revoke(
    settings: Settings,
    passport: str,
    factors: Factors,
    name: str,
    purse: Purse,
    progress: Progress,
    *,
    eager: bool = False,
    prover: Prover | None = None,
    clock: Clock | None = None,
) -> Revoked:
    """End a grant: on chain first, then with a new epoch of its category.

    With ``eager`` every record of the category is encrypted anew. Raises ``UsageFault`` for a grant
    that ended before, unless ``eager`` says what is still to be done.
    """
    with grant_run.opened(settings, passport, factors, progress, prover=prover, clock=clock) as run:
        archive = run.session.archive
        record = archive.grants.require(name)
        if not record.live and not eager:
            raise UsageFault(
                f"the grant {name} has ended ({record.ended})",
                hint="to encrypt anew what it could read, add --eager",
            )
        sent = None
        if record.live:
            grant_run.require_keys(run)
            sent = run.withdraw(record, purse)
            prepared = record.state is GrantState.PREPARED
            record = run.end(record, Ending.DROPPED if prepared and not sent else Ending.REVOKED)
        resealed = 0
        if eager:
            progress.step("encrypting anew")
            resealed = archive.reseal(record.category, progress)
        progress.step("changing keys")
        archive.commit()
        run.settle(record.category)  # else who is out already would get the new keys
        others = archive.grants.live(record.category)
        bundles = {
            one.name: _bundle(run, one, None)
            for one in others
            if one.state is GrantState.GRANTED and one.receipt.level and _has_its_key(run, one)
        }
        return Revoked(record, sent, resealed, bundles)


def refresh(
    settings: Settings,
    passport: str,
    factors: Factors,
    name: str,
    progress: Progress,
    *,
    proof: str | None = None,
    car_file: Path | None = None,
    clock: Clock | None = None,
) -> Issued:
    """Show a grantee the category as it is now, in a new bundle.

    Raises ``Negative`` when the grant has ended, on chain or here.
    """
    with grant_run.opened(settings, passport, factors, progress, clock=clock) as run:
        archive = run.session.archive
        record = archive.grants.require(name)
        if proof is not None:
            grant_terms.require_proof(record.card, proof)
        run.settle(record.category)
        record = run.now(record)
        if record.state is GrantState.PREPARED:
            if run.on_chain(record).receipt != record.id:
                raise UsageFault(
                    f"the grant {name} is not on chain yet", hint="finish it: mip grant issue"
                )
            record = replace(record, state=GrantState.GRANTED)
            archive.keep_grant(record)
        if not record.live:
            raise Negative(
                f"the grant {name} has ended ({record.ended})",
                hint="give a new one with mip grant issue",
            )
        if (proof is None) != (record.receipt.level > 0):
            raise UsageFault(
                "a bundle of level 0 has a proof, and no other has",
                hint="for level 0 add --proof FILE; leave it out for any other",
            )
        grant_terms.require_card(run.holding.link, record.card)
        archive.renew_view(record, rebuild=True)
        progress.step("making what the grantee can read")
        archive.commit()
        record = run.now(record)
        bundle = _bundle(run, record, proof)
        if car_file is not None:
            _write_car(run, record, car_file, progress)
        return Issued(record, bundle, None, resumed=False)


def chain_of(settings: Settings) -> int:
    """Return the chain of the settings' node."""
    with connection.connect(settings) as link:
        return link.chain_id


def _require_same(run: GrantRun, consent: Consent) -> None:
    if (consent.chain_id, consent.contract) != (run.holding.link.chain_id, run.grants.address):
        raise WrongChain("the node serves another chain than the one you agreed to")
    grant_terms.require_card(run.holding.link, consent.wish.card)
    run.holding.record()


def _fits(record: GrantRecord, wish: Wish) -> bool:
    r = record.receipt
    terms = (r.category, r.level, r.uses, r.expires - r.created)
    return record.card == wish.card and terms == (
        wish.category,
        wish.level,
        wish.uses,
        wish.lifetime,
    )


def _has_its_key(run: GrantRun, record: GrantRecord) -> bool:
    """Tell whether a grantee's contract still states the key that the grant is sealed to."""
    try:
        grant_terms.require_card(run.holding.link, record.card)
    except AppUntrusted:
        return False
    return True


def _bundle(run: GrantRun, record: GrantRecord, proof: str | None) -> bytes:
    return grant_bundle.FORM.encode(run.bundle(record, proof))


def _write_car(run: GrantRun, record: GrantRecord, path: Path, progress: Progress) -> None:
    if record.view is None:
        raise UsageFault(
            "a grant of level 0 has no blocks", hint="leave --car out: the bundle holds the proof"
        )
    with files.atomic_stream(path, mode=public_file_mode(), overwrite=True) as write:
        car.export(run.session.archive.store, record.view, write, progress)
