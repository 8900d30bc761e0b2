"""Where a recovery stands and what it needs next, by its ask, the answers that came and the chain.

All of it is public knowledge: no key is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mip_cli.chain.recovery import Phase
from mip_cli.chain.registry import PassportStatus
from mip_cli.config import Settings
from mip_cli.crypto.guardian_set import split_thresholds
from mip_cli.errors import FileInvalid
from mip_cli.flows import connection
from mip_cli.flows.connection import Connection
from mip_cli.flows.guardian import approvals
from mip_cli.flows.guardian.guardian_documents import Answer, Ask, Recovery
from mip_cli.flows.guardian.guardian_files import ANSWER, ASK, ask_hash
from mip_cli.store import recoveries


class Step(StrEnum):
    """What a recovery needs next."""

    ANSWERS = "answers"
    """Guardians' answers to the newest ask."""
    PROPOSE = "propose"
    """The request has to be proposed and approved: ``mip recover continue``."""
    APPROVALS = "approvals"
    """More guardians have to approve."""
    WAIT = "wait"
    """Time."""
    FINISH = "finish"
    """``mip recover finish``."""
    RENEW = "renew"
    """A new ask: the old one can never be carried out."""


@dataclass(frozen=True)
class Standing:
    """Where a recovery stands, by public knowledge alone."""

    name: str
    """The passport's name on this device."""
    step: Step
    """What is needed next."""
    phase: Phase
    """What the request is worth on chain."""
    request: int
    """Its number."""
    status: PassportStatus
    """What the registry says of the passport."""
    answers: int
    """Answers that came and were kept."""
    approvals: int
    """Guardians who approved on chain."""
    needed: int | None
    """How many have to; None while no answer told."""
    ready_at: int | None
    """Unix time from which it can be finished, once enough approved."""
    expires_at: int | None
    """Unix time at which the request is over."""
    delay: int
    """Seconds that it has to wait once enough approved, as things are now."""
    vetoes: int
    """How often the holder of the present keys said no."""
    now: int
    """Unix time by which this is judged."""
    words: str | None = None
    """Check words of a new ask, when one was just made."""
    missing: str | None = None
    """Why the answers are not enough yet."""


def status(settings: Settings, name: str, *, words: str | None = None) -> Standing:
    """Return where a recovery stands; needs no key, only the ask and the chain."""
    folder = recoveries.require(settings.data_dir, name)
    ask = recoveries.read_ask(folder)
    with connection.connect(settings) as link:
        return standing(link, name, folder, ask, words=words)


def standing(
    link: Connection,
    name: str,
    folder: Path,
    document: bytes,
    *,
    words: str | None = None,
    missing: str | None = None,
) -> Standing:
    """Judge a recovery by its ask, the answers that came, and the chain."""
    ask, act = ASK.decode(document), recovery_of(ASK.decode(document))
    approvals.require_place(ask.passport, link)
    request = approvals.request_of(ask.passport, act)
    state, found = approvals.state_at(ask.passport, link), link.recovery.request(request)
    record = link.registry.passport(ask.passport.identity_commitment, ask.passport.anchor)
    now = int(link.clock())
    phase = found.phase(state, now)
    if phase is Phase.NONE and approvals.is_stale(act, state):
        phase = Phase.VOID
    answers = answers_to(document, folder)
    needed = _needed(answers, record.status)
    return Standing(
        name=name,
        step=_step(phase, len(answers), found.approvals, needed, record.status),
        phase=phase,
        request=request,
        status=record.status,
        answers=len(answers),
        approvals=found.approvals,
        needed=needed,
        ready_at=found.ready_at or None,
        expires_at=found.expires_at or None,
        delay=state.delay,
        vetoes=state.vetoes,
        now=now,
        words=words,
        missing=missing,
    )


def is_over(link: Connection, document: bytes) -> bool:
    """Tell whether a request can never be carried out, by the final state and the chain's time.

    What would bring it about may be destroyed then; this machine's clock may be wrong.
    """
    ask = ASK.decode(document)
    act, where, block = recovery_of(ask), ask.passport, link.final()
    state = link.recovery.state(where.registry, where.identity_commitment, where.anchor, block.tag)
    found = link.recovery.request(approvals.request_of(where, act), block.tag)
    phase = found.phase(state, block.time)
    if phase is Phase.NONE:
        return approvals.is_stale(act, state)
    return phase in (Phase.VETOED, Phase.EXPIRED, Phase.VOID)


def answers_to(document: bytes, folder: Path) -> list[Answer]:
    """Return the stored answers to an ask; a kill may have left some to an ask of the past."""
    wanted = ask_hash(document)
    kept = [data for data in recoveries.read_answers(folder) if ANSWER.decode(data).ask == wanted]
    return approvals.read_answers(document, kept)


def recovery_of(ask: Ask) -> Recovery:
    """Return the act of an ask of a recovery."""
    if not isinstance(ask.act, Recovery):
        raise FileInvalid("the ask is not about a recovery")
    return ask.act


def _needed(answers: Sequence[Answer], status: PassportStatus) -> int | None:
    for answer in answers:
        if answer.approval is not None:
            threshold, quorum = split_thresholds(answer.approval.thresholds)
            return threshold if status is PassportStatus.ACTIVE else quorum
    return None


def _step(
    phase: Phase, answers: int, approved: int, needed: int | None, status: PassportStatus
) -> Step:
    match phase:
        case Phase.NONE:
            return Step.PROPOSE if answers >= (needed or 1) else Step.ANSWERS
        case Phase.PROPOSED:
            return Step.APPROVALS
        case Phase.WAITING | Phase.READY:
            short = needed is not None and approved < needed
            if status is not PassportStatus.ACTIVE and short:
                return Step.APPROVALS
            return Step.WAIT if phase is Phase.WAITING else Step.FINISH
        case Phase.EXECUTED:
            return Step.FINISH
        case Phase.VETOED | Phase.EXPIRED | Phase.VOID:
            return Step.RENEW
