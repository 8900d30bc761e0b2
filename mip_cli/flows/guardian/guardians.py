"""The holder's side of guardians: invite them, make a set of them, change it, take a change back.

A new set is written into the key file before it is proposed on chain, and everybody's part is
handed out before that: a kill at any moment leaves the set in force as it is, and the next run
goes on. The people secret itself is forgotten as soon as its shares are sealed.
"""

from __future__ import annotations

import secrets as system
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from mip_cli.chain.recovery import (
    CHANGE_PURPOSE,
    OPEN_FOR,
    change_payload,
)
from mip_cli.chain.values import Receipt
from mip_cli.config import Settings
from mip_cli.crypto.check_words import check_words
from mip_cli.crypto.plaintext import is_readable
from mip_cli.errors import UsageFault
from mip_cli.flows.guardian import guardian_change, guardian_sets
from mip_cli.flows.guardian.guardian_documents import Card, Invitation
from mip_cli.flows.guardian.guardian_files import CARD, INVITATION
from mip_cli.flows.guardian.guardian_sets import Candidate, commitment_of
from mip_cli.flows.passport import passport_file, replacement
from mip_cli.flows.passport.holding import Holding, hold
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.flows.recovery.locator import Locator, format_locator
from mip_cli.flows.sending import Purse
from mip_cli.progress import Progress
from mip_cli.store import keyfile
from mip_cli.store.guardian_codec import (
    INVITATION_BYTES,
    MAX_INVITATIONS,
    MAX_LABEL,
    GuardianState,
    OpenInvitation,
    SetRecord,
)


@dataclass(frozen=True)
class Wish:
    """What set a holder wants: the present one with some added and some left out."""

    cards: tuple[bytes, ...] = ()
    """Cards of new guardians."""
    without: tuple[str, ...] = ()
    """Labels of guardians who shall be no more."""
    nobody: bool = False
    """Whether there shall be no guardians at all."""
    threshold: int | None = None
    """None for the present one where it fits, else a majority, two at least."""
    quorum: int | None = None
    """None for the present one where it fits, else one more than the threshold if it can."""
    anew: bool = False
    """Make a new set also where the same one was begun: its parts were lost."""


@dataclass(frozen=True, repr=False)
class Draft:
    """A set that was made and not proposed; its parts are to be stored before it is."""

    name: str
    """The passport."""
    record: SetRecord
    """The set as the holder keeps it."""
    parts: Mapping[str, bytes] = field(repr=False)
    """Each guardian's part by his label; none when a set that was begun goes on."""
    words: Mapping[str, str]
    """Check words of the new guardians' cards by label."""
    present: tuple[str, ...]
    """Labels of the guardians in force."""
    resumed: bool
    """Whether an earlier run began it."""

    def __repr__(self) -> str:
        return f"Draft({self.name!r}, {self.record!r})"

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the guardians to be."""
        return tuple(member.label for member in self.record.members)

    @property
    def short_id(self) -> str:
        """What tells the parts of this set from those of another."""
        return f"{commitment_of(self.record):064x}"[:8]


@dataclass(frozen=True)
class Proposed:
    """A change of the guardians that waits on chain."""

    name: str
    """The passport."""
    set_commitment: int
    """What the chain sees of the set."""
    ready_at: int
    """Unix time from which it can be finished."""
    until: int
    """Unix time at which it can no more."""
    receipt: Receipt | None
    """Transaction of this run; None when an earlier one had arrived."""


def invite(
    settings: Settings,
    name: str,
    factors: Factors,
    label: str,
    own_label: str,
    progress: Progress,
) -> bytes:
    """Return an invitation, noted in the key file; the same label gives the same one again.

    Raises ``UsageFault`` for labels that cannot be shown as they are or are taken.
    """
    for text in (label, own_label):
        if not is_readable(text) or len(text.encode()) > MAX_LABEL:
            raise UsageFault(f"a label is plain text of at most {MAX_LABEL} bytes")
    unlocked = passport_file.unlock(settings, name, factors, progress).unlocked
    if keyfile.staged(keyfile.base_path(unlocked.path)) is not None:
        raise replacement.on_its_way(name)  # the note would be lost with the old key file
    guardians = unlocked.secrets.guardians or GuardianState()
    if label in _labels(guardians.active) | _labels(guardians.pending):
        raise UsageFault(f"{label} is a guardian already", hint="choose another label")
    known = {i.label: i.invitation for i in guardians.invitations}
    if label in known:
        return INVITATION.encode(Invitation(own_label, known[label]))
    if len(known) >= MAX_INVITATIONS:
        raise UsageFault(
            f"{MAX_INVITATIONS} invitations are open", hint="`mip guardian set` closes those used"
        )
    fresh = OpenInvitation(label, system.token_bytes(INVITATION_BYTES))
    after = replace(guardians, invitations=(*guardians.invitations, fresh))
    keyfile.update(unlocked, replace(unlocked.secrets, guardians=after))
    return INVITATION.encode(Invitation(own_label, fresh.invitation))


def draft(settings: Settings, name: str, factors: Factors, wish: Wish, progress: Progress) -> Draft:
    """Make the set that a holder wants, and everybody's part; writes and sends nothing.

    Raises ``UsageFault`` for cards that answer no invitation of his, labels that no guardian has,
    thresholds that cannot be met, and while another set of his waits on chain.
    """
    with hold(settings, name, factors, progress) as holding:
        guardians = holding.content.guardians or GuardianState()
        present = guardians.active.members if guardians.active else ()
        labels = tuple(member.label for member in present)
        if wish.nobody:
            if guardians.active is None:
                raise UsageFault(f"the passport {name} has no guardians")
            if guardians.pending and not guardians.pending.members and not wish.anew:
                return Draft(name, guardians.pending, {}, {}, labels, True)
            _require_none_waits(holding)
            return Draft(name, guardian_sets.nobody(), {}, {}, labels, False)
        candidates, words = _candidates(guardians, wish)
        active = guardians.active
        thresholds = guardian_sets.choose_thresholds(
            len(candidates),
            wish.threshold,
            wish.quorum,
            (active.threshold, active.quorum) if active else None,
        )
        pending = guardians.pending
        if pending and not wish.anew and _same(pending, candidates, thresholds):
            return Draft(name, pending, {}, words, labels, True)
        _require_none_waits(holding)
        progress.step("sharing the people secret")
        passport = holding.passport
        locator = format_locator(
            Locator(
                passport.chain_id,
                passport.registry,
                passport.recovery,
                passport.identity_commitment,
                passport.anchor,
                None,  # no backup that exists opens with the parts of a set not in force
            )
        )
        record, parts = guardian_sets.make(candidates, *thresholds, passport, locator)
        return Draft(name, record, parts, words, labels, False)


def propose(
    settings: Settings,
    made: Draft,
    factors: Factors,
    purse: Purse,
    progress: Progress,
) -> Proposed:
    """Write a draft into the key file, then propose it on chain; it waits 48 hours there.

    Every guardian's part must be stored by now: nobody can make it again. Run again after a kill
    it goes on. Raises ``UsageFault`` without face and password or while another set of this
    passport waits, ``ChainRefusal``.
    """
    with hold(settings, made.name, factors, progress) as holding:
        guardians = holding.content.guardians or GuardianState()
        record = made.record
        if guardians.pending != record:
            _require_over(holding, guardians.pending, purse)
            earlier = guardians.superseded(guardians.pending)
            pending = replace(guardians, pending=record, earlier=earlier)
            holding = holding.write(replace(holding.content, guardians=pending))
        holding.record()
        receipt = None
        if not guardian_change.is_waiting(holding.state(), record):
            receipt = _send_change(holding, record, purse)
        state = holding.state()
        if not guardian_change.is_waiting(state, record):
            raise UsageFault(
                "the change of guardians is not waiting on chain",
                hint="it was cancelled meanwhile: see `mip guardian list`",
            )
        return Proposed(
            made.name,
            commitment_of(record),
            state.pending_ready_at,
            state.pending_ready_at + OPEN_FOR,
            receipt,
        )


def _require_over(holding: Holding, earlier: SetRecord | None, purse: Purse) -> None:
    """Raise ``UsageFault`` while a set may come into force whose record would be written over."""
    if earlier is None:
        return
    link, content = holding.link, holding.content
    label = guardian_change.label_of(link, content, earlier, holding.state().changes)
    holding.sender(purse).settle(label, holding.progress)
    now = guardian_change.is_waiting(state := holding.state(), earlier)
    alive = now and state.change_is_alive(holding.now())
    if alive or not guardian_change.is_over(link, content, earlier):
        raise UsageFault(
            "another set of guardians waits on chain, and may come into force",
            hint="take it back first with `mip guardian cancel`",
        )


def _send_change(holding: Holding, record: SetRecord, purse: Purse) -> Receipt:
    registry, state = holding.link.registry.address, holding.state()
    commitment = commitment_of(record)
    label = guardian_change.label_of(holding.link, holding.content, record, state.changes)
    payload = change_payload(registry, record.guardian_commitment, commitment)
    shown = holding.show(CHANGE_PURPOSE, payload, state.changes)
    call = holding.link.recovery.propose_change(
        registry,
        holding.leaf,
        record.guardian_commitment,
        commitment,
        holding.siblings(),
        shown,
    )
    holding.progress.step("proposing the guardians on chain")
    return holding.sender(purse).send(label, call, holding.progress)


def _require_none_waits(holding: Holding) -> None:
    """Raise ``UsageFault`` while the set that the key file waits for does so on chain.

    Anyone may put that in force: a key file that had forgotten it would have guardians of whom it
    knows nothing.
    """
    pending = holding.content.guardians and holding.content.guardians.pending
    if not pending:
        return
    final = guardian_change.state_of(holding.link, holding.content, final=True)
    for state in (holding.state(), final):
        if state.change_is_alive(holding.now()) and guardian_change.is_waiting(state, pending):
            raise UsageFault(
                f"another set of guardians of {holding.content.name} waits on chain",
                hint="take it back with `mip guardian cancel`, or wait and `mip guardian finish`",
            )


def _candidates(guardians: GuardianState, wish: Wish) -> tuple[list[Candidate], dict[str, str]]:
    present = guardians.active.members if guardians.active else ()
    unknown = set(wish.without) - {member.label for member in present}
    if unknown:
        raise UsageFault(
            f"there is no guardian {sorted(unknown)[0]}", hint="see `mip guardian list`"
        )
    found = [
        Candidate(m.label, m.invitation, m.leaf, m.public_key)
        for m in present
        if m.label not in wish.without
    ]
    words = {}
    for data in wish.cards:
        card = CARD.decode(data)
        label = _invited(guardians, card)
        if label in {c.label for c in found} or card.leaf in {c.leaf for c in found}:
            raise UsageFault(f"the card of {label} is given twice, or he is a guardian already")
        found.append(Candidate(label, card.invitation, card.leaf, card.public_key))
        words[label] = check_words(data)
    if not found:
        raise UsageFault("nobody would be left", hint="`mip guardian remove --all` drops all")
    return found, words


def _invited(guardians: GuardianState, card: Card) -> str:
    known = {i.invitation: i.label for i in guardians.invitations}
    for record in (guardians.active, guardians.pending):
        known |= {m.invitation: m.label for m in (record.members if record else ())}
    if card.invitation not in known:
        raise UsageFault(
            "a card answers no invitation of this passport",
            hint="invite the guardian again: `mip guardian invite`",
        )
    return known[card.invitation]


def _same(record: SetRecord, candidates: Sequence[Candidate], thresholds: tuple[int, int]) -> bool:
    found = {(m.label, m.invitation, m.leaf, m.public_key) for m in record.members}
    wanted = {(c.label, c.invitation, c.leaf, c.public_key) for c in candidates}
    return found == wanted and (record.threshold, record.quorum) == thresholds


def _labels(record: SetRecord | None) -> set[str]:
    return {member.label for member in record.members} if record else set()
