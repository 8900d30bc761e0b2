"""The archive and the chain: anchoring its log, and finding out whether it is the anchored one.

Between logging the act and the transaction anything may stop; the next anchoring takes the same
number again, and only what is on chain counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mip_cli.chain.archive_anchor import PURPOSE, SIGNATURE, ArchiveAnchor
from mip_cli.config import Settings
from mip_cli.crypto import commitments
from mip_cli.crypto.archive_keys import anchor_salt
from mip_cli.crypto.archive_proof import anchor_commitment
from mip_cli.crypto.binding import scope_of
from mip_cli.errors import Negative, UsageFault
from mip_cli.flows import connection
from mip_cli.flows.archive.archive_records import Session
from mip_cli.flows.connection import Connection
from mip_cli.flows.passport.enroll import require_home
from mip_cli.flows.passport.proof_file import AppCall
from mip_cli.flows.passport.prove import Ask
from mip_cli.progress import Progress
from mip_cli.store.archive.audit import AnchorNote, Audit, anchor_notes, audit
from mip_cli.store.secrets_codec import PassportStatus
from mip_cli.units import Address, Nullifier


class ArchiveRolledBack(Negative):
    """The chain knows of a later archive than the one that is here."""


class ArchiveForked(Negative):
    """The chain knows of an archive whose log went another way."""


class Standing(StrEnum):
    """How the archive stands to its anchor."""

    UNCHECKED = "unchecked"
    """No chain was asked."""
    NEVER = "never anchored"
    """Nothing is anchored under the pseudonym."""
    ANCHORED = "anchored"
    """The log goes on from the newest anchor."""


@dataclass(frozen=True)
class Verified:
    """What holds for an archive."""

    audit: Audit
    """What was read."""
    standing: Standing
    """How it stands to its anchor."""
    sequence: int = 0
    """Number of the newest anchor, 0 without one."""
    since: int = 0
    """Acts in the log after that anchor."""
    unsent: int = 0
    """Anchors that the log tells of and the chain does not know."""


@dataclass(frozen=True)
class Plan:
    """An anchoring that was logged and waits for its proof."""

    ask: Ask
    """What the proof must be bound to."""
    sequence: int
    """Number of the anchor."""
    size: int
    """Acts in the log that it commits to."""


def verify(
    settings: Settings, session: Session, progress: Progress, *, offline: bool = False
) -> Verified:
    """Read everything and hold the log against the chain.

    Raises ``ArchiveRolledBack``, ``ArchiveForked``, ``ArchiveContradicts``, ``BlockMissing``,
    ``BlockDamaged``. A node that hides an anchor cannot be told from one that has none.
    """
    found = audit(session.archive, progress)
    if offline:
        return Verified(found, Standing.UNCHECKED)
    progress.step("asking the chain")
    with connection.connect(settings) as link:
        return _compare(session, link, found)


def _compare(session: Session, link: Connection, found: Audit) -> Verified:
    anchor, nullifier = of_passport(session, link)
    newest = anchor.sequence_of(nullifier)
    ours = [note for note in found.anchors if _is_at(note, link, anchor.address)]
    unsent = len({note.sequence for note in ours if note.sequence > newest})
    if newest == 0:
        return Verified(found, Standing.NEVER, unsent=unsent)
    committed = anchor.commitment_at(nullifier, newest)
    note = _require_goes_on(session, ours, newest, committed)
    return Verified(found, Standing.ANCHORED, newest, found.acts - note.size, unsent)


def _require_goes_on(
    session: Session, ours: list[AnchorNote], newest: int, committed: bytes
) -> AnchorNote:
    """Return the act of the newest anchor on chain; raise unless the log here goes on from it."""
    note = matching(session, ours, newest, committed)
    if note is not None:
        return note
    if any(one.sequence == newest for one in ours):
        raise ArchiveForked(
            f"the chain's anchor {newest} is of an archive whose log went another way",
            hint="another device anchored its own copy: find it, and export it from there",
        )
    known = max((one.sequence for one in ours), default=0)
    raise ArchiveRolledBack(
        f"the chain knows of anchor {newest}, the archive here of none after {known}: it is "
        "an older one",
        hint="restore the newest copy: mip archive import FILE.car",
    )


def plan(
    settings: Settings,
    session: Session,
    progress: Progress,
    beneficiary: Address,
    *,
    older: bool = False,
) -> Plan:
    """Log that the archive is being anchored, durably, and say what must be proved for it.

    An anchor on an older copy would hide that it is one, so that it needs ``older``. Raises
    ``UsageFault`` when the log is anchored as it is, ``ArchiveRolledBack``, ``ArchiveForked``.
    """
    archive = session.archive
    progress.step("asking the chain")
    with connection.connect(settings) as link:
        anchor, nullifier = of_passport(session, link)
        newest = anchor.sequence_of(nullifier)
        committed = anchor.commitment_at(nullifier, newest)
        chain_id = link.chain_id
        ours = notes_at(session, link, anchor.address)
        if newest and not older:
            _require_goes_on(session, ours, newest, committed)
    notes = anchor_notes(archive, archive.log.leaf_hashes())
    last = notes[-1] if notes and notes[-1].size == len(archive.log) else None
    if last is not None and matching(session, [last], newest, committed) is not None:
        raise UsageFault("nothing was done since the last anchor", hint="mip archive verify")
    sequence = newest + 1
    wanted = (chain_id, anchor.address, sequence)
    if last is None or (last.chain_id, last.contract, last.sequence) != wanted:
        archive.note_anchor(*wanted)
        archive.commit()
    size, root = len(archive.log), archive.log.root
    salt = anchor_salt(archive.anchor_key, sequence)
    commitment = anchor_commitment(salt, sequence, size, root)
    call = AppCall(SIGNATURE, ("0x" + commitment.hex(), str(sequence)))
    return Plan(Ask(app=anchor.address, beneficiary=beneficiary, call=call), sequence, size)


def of_passport(session: Session, link: Connection) -> tuple[ArchiveAnchor, Nullifier]:
    """Return the anchor of a chain and the passport's pseudonym there."""
    content = session.unlocked.secrets
    if content.status is not PassportStatus.ENROLLED:
        raise UsageFault(
            f"the passport {content.name} is not enrolled yet",
            hint="finish with `mip enroll`, or leave the chain out: --offline",
        )
    require_home(content, link)
    anchor = ArchiveAnchor(link.rpc, link.deployment.archive_anchor)
    scope = scope_of(link.chain_id, anchor.address, PURPOSE)
    return anchor, commitments.nullifier(content.secret, content.anchor, scope)


def matching(
    session: Session, notes: list[AnchorNote], sequence: int, committed: bytes
) -> AnchorNote | None:
    """Return the act of anchoring that a commitment on chain is of, None where there is none."""
    salt = anchor_salt(session.archive.anchor_key, sequence)
    for note in reversed(notes):
        if note.sequence == sequence and committed == anchor_commitment(
            salt, sequence, note.size, note.root
        ):
            return note
    return None


def notes_at(session: Session, link: Connection, contract: Address) -> list[AnchorNote]:
    """Return the acts of anchoring at a contract."""
    archive = session.archive
    notes = anchor_notes(archive, archive.log.leaf_hashes())
    return [note for note in notes if _is_at(note, link, contract)]


def _is_at(note: AnchorNote, link: Connection, contract: Address) -> bool:
    return (note.chain_id, note.contract) == (link.chain_id, contract)
