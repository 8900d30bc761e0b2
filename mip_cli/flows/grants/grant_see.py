"""How grants stand on chain, and who used them: for their holder, or with a receipt alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mip_cli.chain import grants as on_chain
from mip_cli.config import Settings
from mip_cli.crypto import grant_access
from mip_cli.crypto.grant_access import AccessReceipt
from mip_cli.crypto.grant_consent import ConsentReceipt
from mip_cli.errors import OTHER_NODE, Negative, WrongChain
from mip_cli.flows import connection
from mip_cli.flows.connection import Connection
from mip_cli.flows.grants import grant_run, grant_terms
from mip_cli.flows.grants.grant_run import GrantRun
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.progress import Progress
from mip_cli.store.archive.grants import MAX_ACCESSES, GrantRecord


@dataclass(frozen=True)
class Standing:
    """How a grant stands."""

    receipt: ConsentReceipt
    grant: bytes
    """The receipt's hash."""
    fault: str | None
    """What stands against a use, None while it is in force."""
    uses_left: int
    """As the chain has it."""
    record: GrantRecord | None = None
    """What the archive keeps of it; None for who is not its holder."""
    asked: bool = True
    """Whether the chain was asked, or the archive had the answer; else ``fault`` says why not."""


@dataclass(frozen=True)
class Listing:
    """How all grants stand."""

    grants: tuple[Standing, ...]
    block: int
    """As of which block of the chain that was asked."""
    renewed: tuple[str, ...]
    """Grants whose bundles open nothing any more, since another one was found to have ended."""


@dataclass(frozen=True)
class Use:
    """One use of a grant on chain."""

    block: int
    level: int
    uses_left: int
    access: bytes
    """The grantee's word for it."""
    receipt: AccessReceipt | None
    """What he handed back; None when he did not."""


@dataclass(frozen=True)
class Used:
    """How a grant was used, and how it stands."""

    standing: Standing
    uses: tuple[Use, ...]
    block: int
    """As of which block."""
    renewed: tuple[str, ...]
    """As of ``Listing``."""


def listing(settings: Settings, passport: str, factors: Factors, progress: Progress) -> Listing:
    """Return all grants with what the chain says of them now; what ended there ends here too.

    The node learns which pseudonyms were asked for together. Grants of another chain are told as
    the archive saw them last.
    """
    with grant_run.opened(settings, passport, factors, progress) as run:
        block = run.holding.link.rpc.block_number()
        progress.step("reading what the chain says")
        renewed = run.settle_here()
        found = tuple(_standing(run, record) for record in run.session.archive.grants)
        return Listing(found, block, tuple(renewed))


def check(settings: Settings, receipt: ConsentReceipt, progress: Progress) -> Standing:
    """Ask the chain how a grant stands; needs the receipt alone, no key."""
    progress.step("asking the chain")
    with connection.connect(settings) as link:
        grants = grant_terms.grants_of(link)
        if (receipt.chain_id, receipt.contract) != (link.chain_id, grants.address):
            raise WrongChain(
                f"the grant was given on chain {receipt.chain_id} at {receipt.contract}",
                hint=OTHER_NODE,
            )
        state = grants.grant_of(receipt.pseudonym, receipt.category)
        fault = _fault(link, state, receipt)
        ours = state.receipt == receipt.id
        return Standing(receipt, receipt.id, fault, state.uses_left if ours else 0)


def receipts(
    settings: Settings,
    passport: str,
    factors: Factors,
    name: str,
    handed: Sequence[bytes],
    progress: Progress,
) -> Used:
    """Return each use of a grant on chain, with the receipt of it where the grantee gave one.

    What ended on chain ends here too. Receipts that are ``handed`` in are kept. Raises ``Negative``
    for one that is of another grant, not signed by the grantee, or of a use that the chain does not
    know.
    """
    with grant_run.opened(settings, passport, factors, progress) as run:
        archive = run.session.archive
        record = archive.grants.require(name)
        run.require_place(record)
        link = run.holding.link
        progress.step("reading what the chain says")
        block = link.rpc.block_number()
        renewed = run.settle_here()
        record = run.now(record)
        uses = _uses(run, link, record)
        known = [grant_access.FORM.decode(data) for data in record.accesses]
        known += [_accept(record, data, uses) for data in handed]
        kept = {one.id: one for one in known}
        documents = tuple(grant_access.FORM.encode(one) for one in kept.values())
        if documents != record.accesses:
            record = replace(record, accesses=documents[-MAX_ACCESSES:])
            archive.keep_grant(record)
            archive.commit()
        by_word = {one.access: one for one in kept.values()}
        told = tuple(replace(use, receipt=by_word.get(use.access)) for use in uses)
        return Used(_standing(run, record), told, block, tuple(renewed))


def _standing(run: GrantRun, record: GrantRecord) -> Standing:
    r = record.receipt
    if not record.live:
        return Standing(r, record.id, f"ended: {record.ended}", 0, record)
    if not run.is_here(record):
        fault = f"not asked: given on chain {r.chain_id} at {r.contract}"
        return Standing(r, record.id, fault, 0, record, asked=False)
    state = run.on_chain(record)
    left = state.uses_left if state.receipt == record.id else 0
    return Standing(r, record.id, _fault(run.holding.link, state, r), left, record)


def _uses(run: GrantRun, link: Connection, record: GrantRecord) -> list[Use]:
    """Return the uses between this grant's issue and the next act of the holder."""
    nullifier, category = record.receipt.pseudonym, on_chain.category_id(record.category)
    last = link.rpc.block_number()
    found: list[Use] = []
    ours = False
    for block, event in run.grants.history([nullifier], link.deployment.block, last):
        if event.category != category:
            continue
        if isinstance(event, on_chain.GrantUsed):
            if ours:
                found.append(Use(block, event.level, event.uses_left, event.access, None))
        else:
            ours = isinstance(event, on_chain.GrantIssued) and event.receipt == record.id
    return found


def _accept(record: GrantRecord, data: bytes, uses: Sequence[Use]) -> AccessReceipt:
    found = grant_access.FORM.decode(data)
    if found.receipt != record.id:
        raise Negative("the access receipt is of another grant")
    if found.signing_key != record.card.signing_key or not grant_access.is_signed(found):
        raise Negative("the access receipt is not signed by the grantee")
    if all(use.access != found.access for use in uses):
        raise Negative("the chain knows of no such use; the grantee opened nothing by it, or lies")
    return found


def _fault(link: Connection, state: on_chain.GrantState, receipt: ConsentReceipt) -> str | None:
    if state.exists and state.receipt != receipt.id:
        return "grants: another grant took its place"
    epoch = link.epochs.epoch_of(receipt.pseudonym)
    return state.fault(receipt.grantee, receipt.level, epoch, int(link.clock()))
