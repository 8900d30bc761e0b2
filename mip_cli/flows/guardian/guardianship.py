"""The guardian's side: accept an invitation, keep a part, see whether it is still good.

Nothing here tells the chain or the holder's enemies who guards whom; a node that is asked about a
passport learns that somebody is interested in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from mip_cli.chain.recovery import RecoveryState
from mip_cli.chain.registry import PassportStatus
from mip_cli.config import Settings
from mip_cli.crypto.aead import NotAuthentic
from mip_cli.crypto.check_words import check_words
from mip_cli.errors import FileInvalid, UsageFault
from mip_cli.flows import connection
from mip_cli.flows.connection import Connection
from mip_cli.flows.guardian import approvals
from mip_cli.flows.guardian.guardian_documents import Card, Part, Passport
from mip_cli.flows.guardian.guardian_files import CARD, INVITATION, PART, open_part
from mip_cli.progress import Progress
from mip_cli.store import guardianships
from mip_cli.store.guardianships import MAX_PARTS, Guardianship, Opened


class PartState(StrEnum):
    """What a part is worth."""

    IN_FORCE = "in force"
    """The set on chain holds this guardian, with this place."""
    WAITING = "waiting"
    """It belongs to a set that waits for its time."""
    FOREIGN = "foreign"
    """Its set is in force or waits with people of somebody else: not what the holder made."""
    REPLACED = "replaced"
    """It belongs to an earlier set, and may open backups of that time."""
    BROKEN = "broken"
    """The share in it cannot be read."""


@dataclass(frozen=True)
class Accepted:
    """A guardianship that was begun."""

    name: str
    """Its name on this device."""
    label: str
    """How the holder calls himself."""
    card: bytes
    """What the holder needs of the guardian."""
    words: str
    """Check words of the card."""


@dataclass(frozen=True)
class CheckedPart:
    """One part, held against the chain."""

    part: Part
    """What it says; its share stays sealed."""
    state: PartState
    """What it is worth."""


@dataclass(frozen=True)
class Guarded:
    """What a guardian knows of a passport that he guards."""

    name: str
    """The guardianship."""
    label: str
    """How the holder calls himself."""
    parts: tuple[CheckedPart, ...]
    """His parts, oldest first."""
    status: PassportStatus | None
    """What the registry says of the passport; None before a part came."""
    ready_at: int | None
    """Unix time from which a waiting change of the guardians can be finished."""
    known_change: bool
    """Whether he has a part of the set that waits."""
    foreign: bool
    """Whether the set of one of his parts is in force or waits with another people secret."""
    now: int
    """Unix time by which delays are judged."""

    @property
    def good(self) -> bool:
        """Whether he can bring the holder back."""
        return any(found.state is PartState.IN_FORCE for found in self.parts)


def list_names(settings: Settings) -> list[str]:
    """Return the names of the guardianships on this device; needs no password."""
    return guardianships.list_names(settings.data_dir)


def accept(
    settings: Settings,
    invitation: bytes,
    name: str,
    password: bytes,
    *,
    clock: Callable[[], float] = time.time,
) -> Accepted:
    """Draw a guardian's secrets for an invitation and return his card.

    Run again with the same invitation it returns the same card. Raises ``UsageFault`` when the name
    is taken by another invitation.
    """
    invited = INVITATION.decode(invitation)
    data_dir = settings.data_dir
    path = guardianships.path_of(data_dir, name)
    if path.exists():
        opened = guardianships.open_with_password(data_dir, name, password)
        if opened.content.invitation != invited.invitation:
            raise UsageFault(
                f"the guardianship {name} is for another invitation", hint="choose another --name"
            )
    else:
        opened = guardianships.create(
            data_dir, name, invited.label, invited.invitation, password, int(clock())
        )
    content = opened.content
    card = CARD.encode(Card(content.invitation, content.leaf, content.public_key))
    return Accepted(name, content.label, card, check_words(card))


def keep(
    settings: Settings, name: str, password: bytes, part: bytes, progress: Progress
) -> Guarded:
    """Keep a part from the holder, after it was held against the chain.

    A part of the set in force or of the one that waits is never pushed out by another. Raises
    ``FileInvalid`` for a part that is somebody else's or broken, ``UsageFault`` for one of a set
    that the chain does not know.
    """
    opened = guardianships.open_with_password(settings.data_dir, name, password)
    found = PART.decode(part)
    if found.invitation != opened.content.invitation or not _is_whole(opened.content, found):
        raise FileInvalid(
            "the part is for another guardian, or its share cannot be read",
            hint="ask the holder which part is yours",
        )
    earlier = _passport(opened.content)
    if earlier is not None and earlier != found.passport:
        raise FileInvalid(
            "the part is about another passport than the one guarded so far",
            hint="the holder has to invite you again for another passport",
        )
    with connection.connect(settings) as link:
        approvals.require_place(found.passport, link)
        state = approvals.state_at(found.passport, link)
        replaced = worth(opened.content, found, state) is PartState.REPLACED
        if replaced and part not in opened.content.parts:
            raise UsageFault(
                "the set of guardians that this part belongs to is neither in force nor proposed",
                hint="the holder proposes it first: `mip guardian set`; or he made a newer one",
            )
        if part not in opened.content.parts:
            opened = guardianships.keep_parts(opened, _kept(opened.content, part, state))
        return _guarded(opened, link)


def check(settings: Settings, name: str, password: bytes, progress: Progress) -> Guarded:
    """Hold every part against the chain, without showing any."""
    opened = guardianships.open_with_password(settings.data_dir, name, password)
    progress.step("asking the chain")
    with connection.connect(settings) as link:
        return _guarded(opened, link)


def parts_of(content: Guardianship) -> list[Part]:
    """Return the parts that a guardian keeps, oldest first."""
    return [PART.decode(part) for part in content.parts]


def part_in_force(content: Guardianship, state: RecoveryState) -> Part | None:
    """Return the part of the set in force, if the guardian has it.

    An approval shows his place in the set and not whose people secret it has.
    """
    for part in reversed(parts_of(content)):
        if _is_whole(content, part) and part.set_commitment(content.leaf) == state.set_commitment:
            return part
    return None


def _guarded(opened: Opened, link: Connection) -> Guarded:
    content, passport = opened.content, _passport(opened.content)
    now = int(link.clock())
    if passport is None:
        return Guarded(opened.name, content.label, (), None, None, False, False, now)
    approvals.require_place(passport, link)
    state = approvals.state_at(passport, link)
    parts = tuple(CheckedPart(p, worth(content, p, state)) for p in parts_of(content))
    record = link.registry.passport(passport.identity_commitment, passport.anchor)
    return Guarded(
        name=opened.name,
        label=content.label,
        parts=parts,
        status=record.status,
        ready_at=state.pending_ready_at if state.change_is_alive(now) else None,
        known_change=any(found.state is PartState.WAITING for found in parts),
        foreign=any(is_foreign(content, found.part, state) for found in parts),
        now=now,
    )


def worth(content: Guardianship, part: Part, state: RecoveryState) -> PartState:
    """Return what a part is worth by the state of its passport on chain."""
    if not _is_whole(content, part):
        return PartState.BROKEN
    found = (part.set_commitment(content.leaf), part.guardian_commitment)
    if found == (state.set_commitment, state.guardian_commitment):
        return PartState.IN_FORCE
    if found == _waiting(state):
        return PartState.WAITING
    return PartState.FOREIGN if is_foreign(content, part, state) else PartState.REPLACED


def is_foreign(content: Guardianship, part: Part, state: RecoveryState) -> bool:
    """Tell whether a part's set is on chain with another people secret than the holder's.

    Who has two of the holder's keys can propose the set commitment that he sees on chain, beside a
    secret that he alone has.
    """
    mine = (part.set_commitment(content.leaf), part.guardian_commitment)
    pairs = [(state.set_commitment, state.guardian_commitment), _waiting(state)]
    return any(pair and pair[0] == mine[0] and pair[1] != mine[1] for pair in pairs)


def _waiting(state: RecoveryState) -> tuple[int, int] | None:
    if not state.pending_ready_at:
        return None
    return state.pending_set_commitment, state.pending_guardian_commitment


def _is_whole(content: Guardianship, part: Part) -> bool:
    try:
        open_part(part, content.private_key)
    except NotAuthentic:
        return False
    return True


def _passport(content: Guardianship) -> Passport | None:
    return PART.decode(content.parts[-1]).passport if content.parts else None


def _kept(content: Guardianship, part: bytes, state: RecoveryState) -> tuple[bytes, ...]:
    """Return the parts to keep: the oldest that is good for nothing on chain goes first."""
    parts = [*content.parts, part]
    while len(parts) > MAX_PARTS:
        useless = [
            p for p in parts[:-1] if worth(content, PART.decode(p), state) is PartState.REPLACED
        ]
        parts.remove(useless[0] if useless else parts[0])
    return tuple(parts)
