"""A guardian decides: about an ask that he was sent, or against a change of the set.

``consider`` says what would be given to whom, so that a person can compare and agree; ``answer``
gives that and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mip_cli.chain.registry import PassportStatus
from mip_cli.chain.values import Receipt
from mip_cli.config import Settings
from mip_cli.crypto.check_words import check_words
from mip_cli.errors import Negative, UsageFault
from mip_cli.flows import connection
from mip_cli.flows.guardian import approvals
from mip_cli.flows.guardian.guardian_documents import (
    Answer,
    Ask,
    Cancellation,
    Part,
)
from mip_cli.flows.guardian.guardian_files import ANSWER, ASK, ask_hash, open_part, seal_share
from mip_cli.flows.guardian.guardianship import part_in_force, parts_of
from mip_cli.flows.sending import Purse, sender_of
from mip_cli.progress import Progress
from mip_cli.store import guardianships
from mip_cli.store.guardianships import Opened
from mip_cli.zk.prover import Prover


@dataclass(frozen=True, repr=False)
class Question:
    """What a guardian is asked for, as he has to see it before he agrees."""

    name: str
    """The guardianship."""
    label: str
    """How the holder calls himself."""
    ask: Ask
    """What is asked."""
    document: bytes = field(repr=False)
    """The ask as it came."""
    words: str
    """What the guardian and the asker compare by voice."""
    status: PassportStatus
    """What the registry says of the passport."""
    opened: Opened
    """His secrets."""
    sharing: Part | None
    """The part whose share is wanted; None also when he has none of those guardians'."""
    approving: Part | None
    """The part he approves with."""

    def __repr__(self) -> str:
        return f"Question({self.name!r}, {self.words!r})"

    @property
    def needed(self) -> int | None:
        """How many guardians have to approve; None where nothing is approved."""
        if self.approving is None:
            return None
        if self.status is PassportStatus.ACTIVE or isinstance(self.ask.act, Cancellation):
            return self.approving.threshold
        return self.approving.quorum


@dataclass(frozen=True)
class Opposed:
    """A guardian's word against a change of the set."""

    receipt: Receipt | None
    """The transaction; None when his word was counted before."""
    off: bool
    """Whether the change is off."""


def consider(
    settings: Settings, name: str, password: bytes, ask: bytes, progress: Progress
) -> Question:
    """Read an ask and hold it against the chain; nothing is given yet.

    Raises ``UsageFault`` when it is about another passport, ``Negative`` when the chain has left
    it behind or this guardian has nothing for it.
    """
    asked = ASK.decode(ask)
    opened = guardianships.open_with_password(settings.data_dir, name, password)
    mine = [part for part in parts_of(opened.content) if part.passport == asked.passport]
    if not mine:
        raise UsageFault(
            f"the ask is about another passport than that of {opened.content.label}",
            hint="choose another guardianship with --name",
        )
    progress.step("asking the chain")
    with connection.connect(settings) as link:
        approvals.require_place(asked.passport, link)
        state = approvals.state_at(asked.passport, link)
        record = link.registry.passport(asked.passport.identity_commitment, asked.passport.anchor)
    approving = None
    if asked.act is not None:
        if approvals.is_stale(asked.act, state):
            raise approvals.stale(asked.act)
        approving = part_in_force(opened.content, state)
        if approving is None:
            raise _nothing_to_give("you are not among the guardians in force on chain")
    sharing = next((part for part in reversed(mine) if part.people == asked.people), None)
    if asked.people is not None and sharing is None and approving is None:
        raise _nothing_to_give("you have no part of the guardians that this ask needs")
    return Question(
        name=name,
        label=opened.content.label,
        ask=asked,
        document=ask,
        words=check_words(ask),
        status=record.status,
        opened=opened,
        sharing=sharing,
        approving=approving,
    )


def answer(
    settings: Settings, question: Question, progress: Progress, *, prover: Prover | None = None
) -> bytes:
    """Give what was considered: the share sealed to the asker, and the approval."""
    content, ask = question.opened.content, question.ask
    digest, share, approval = ask_hash(question.document), None, None
    if (part := question.sharing) is not None:
        secret = open_part(part, content.private_key)
        share = seal_share(digest, ask.public_key, part.number, part.threshold, secret)
    if ask.act is not None and question.approving is not None:
        progress.step("approving")
        request = approvals.request_of(ask.passport, ask.act)
        approval = approvals.approve(
            settings, ask.passport.chain_id, content, question.approving, request, prover=prover
        )
    return ANSWER.encode(Answer(digest, share, approval))


def oppose(
    settings: Settings,
    name: str,
    password: bytes,
    purse: Purse,
    progress: Progress,
    *,
    prover: Prover | None = None,
) -> Opposed:
    """Speak against the change of the set that waits; nobody has to ask for it.

    Raises ``Negative`` when no change waits or this guardian is not in force.
    """
    opened = guardianships.open_with_password(settings.data_dir, name, password)
    parts = parts_of(opened.content)
    if not parts:
        raise _nothing_to_give("no part was kept yet")
    passport = parts[-1].passport
    with connection.connect(settings) as link:
        approvals.require_place(passport, link)
        state = approvals.state_at(passport, link)
        if not state.pending_ready_at:
            raise Negative("no change of guardians waits")
        part = part_in_force(opened.content, state)
        if part is None:
            raise _nothing_to_give("you are not among the guardians in force on chain")
        act = Cancellation(state.guardian_epoch, state.changes)
        request = approvals.request_of(passport, act)
        progress.step("approving")
        approval = approvals.approve(
            settings, link.chain_id, opened.content, part, request, prover=prover
        )
        ask = Ask(passport, act, None, bytes(32), 0)
        given = Answer(bytes(32), None, approval)
        sender = sender_of(settings, link, purse)
        done = approvals.send(settings, link, ask, [given], sender, progress)
        after = approvals.state_at(passport, link)
    return Opposed(done.receipts[0] if done.receipts else None, approvals.is_stale(act, after))


def _nothing_to_give(text: str) -> Negative:
    return Negative(text, hint="see `mip guardian check`; ask the holder for your newest part")
