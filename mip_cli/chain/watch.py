"""What happens to a passport at the recovery contract: events, and what threatens it now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mip_cli.chain.abi import topic, words
from mip_cli.chain.faults import NodeUntrusted
from mip_cli.chain.logs import block_at, header, headers, next_time, read_logs
from mip_cli.chain.recovery import (
    LONGEST,
    OPEN_FOR,
    Phase,
    Recovery,
    RecoveryState,
    RequestState,
    RequestStatus,
    passport_id,
)
from mip_cli.chain.values import Log
from mip_cli.progress import Progress, Silent
from mip_cli.units import Commitment

MAX_REQUESTS = 256
"""Requests looked at, those that were approved first, then the newest."""


class RecoveryAct(StrEnum):
    """The events of the contract, by their names."""

    PROPOSED = "RecoveryProposed"
    APPROVED = "RecoveryApproved"
    ARMED = "RecoveryArmed"
    VETOED = "RecoveryVetoed"
    EXECUTED = "RecoveryExecuted"
    CHANGE_PROPOSED = "GuardianChangeProposed"
    CHANGE_OPPOSED = "GuardianChangeApprovedAgainst"
    CHANGE_CANCELLED = "GuardianChangeCancelled"
    CHANGED = "GuardiansChanged"


@dataclass(frozen=True)
class RecoveryEvent:
    """One event; what its kind does not have is None."""

    kind: RecoveryAct
    """What happened."""
    block: int
    """Number of the block."""
    time: int
    """Unix time of the block."""
    request: int | None = None
    """The request it is about."""
    new_keys_root: int | None = None
    """Keys that were asked for."""
    expires_at: int | None = None
    """Unix time at which the request is over."""
    ready_at: int | None = None
    """Unix time from which it, or the change, can be carried out."""
    nullifier: int | None = None
    """The guardian's pseudonym for this one request."""
    approvals: int | None = None
    """Approvals so far."""
    vetoes: int | None = None
    """Vetoes so far."""
    changes: int | None = None
    """Changes of the set so far."""
    guardian_epoch: int | None = None
    """Number of the set that came into force."""
    guardian_commitment: int | None = None
    """Of the guardians that were proposed or came into force."""
    set_commitment: int | None = None
    """Of the same."""


_FIELDS: dict[RecoveryAct, tuple[bool, tuple[str, ...]]] = {
    RecoveryAct.PROPOSED: (True, ("new_keys_root", "expires_at")),
    RecoveryAct.APPROVED: (True, ("nullifier", "approvals")),
    RecoveryAct.ARMED: (True, ("ready_at", "expires_at")),
    RecoveryAct.VETOED: (True, ("vetoes",)),
    RecoveryAct.EXECUTED: (True, ()),
    RecoveryAct.CHANGE_PROPOSED: (False, ("guardian_commitment", "set_commitment", "ready_at")),
    RecoveryAct.CHANGE_OPPOSED: (False, ("nullifier", "approvals")),
    RecoveryAct.CHANGE_CANCELLED: (False, ("changes",)),
    RecoveryAct.CHANGED: (False, ("guardian_epoch", "guardian_commitment", "set_commitment")),
}
"""Whether a request is indexed behind the passport, and the words of the data."""


def _signature(act: RecoveryAct) -> str:
    indexed, names = _FIELDS[act]
    return f"{act}({','.join(['bytes32', *['uint256'] * (indexed + len(names))])})"


TOPICS: dict[bytes, RecoveryAct] = {topic(_signature(act)): act for act in RecoveryAct}
"""Which event a topic names."""


@dataclass(frozen=True)
class PendingRequest:
    """A request that may still replace the passport's keys."""

    request: int
    """Its number."""
    state: RequestState
    """What the contract knows of it."""
    phase: Phase
    """What it is worth now."""
    proposed_at: int
    """Unix time."""


@dataclass(frozen=True)
class PendingChange:
    """A change of the guardians that may still be finished."""

    guardian_commitment: Commitment
    """What the leaf would hold."""
    set_commitment: Commitment
    """The new set; 0 to have no guardians."""
    ready_at: int
    """Unix time from which anyone can finish it."""
    until: int
    """Unix time at which it is over."""
    proposed_at: int | None
    """Unix time; None when its event is not shown."""


@dataclass(frozen=True)
class Watch:
    """What an owner should know."""

    now: int
    """Unix time by which it was judged."""
    state: RecoveryState
    """What the contract knows of the passport."""
    requests: tuple[PendingRequest, ...]
    """Requests that are alive, oldest first."""
    change: PendingChange | None
    """The change of guardians that waits."""
    events: tuple[RecoveryEvent, ...]
    """What happened of late, oldest first."""

    @property
    def quiet(self) -> bool:
        """Whether nothing is under way."""
        return not self.requests and self.change is None

    @property
    def to_veto(self) -> tuple[PendingRequest, ...]:
        """Requests that go through unless somebody says no."""
        return tuple(entry for entry in self.requests if entry.phase.armed)


def recovery_events(
    recovery: Recovery,
    passport: bytes,
    first: int,
    last: int,
    progress: Progress | None = None,
) -> list[RecoveryEvent]:
    """Return the events of a passport (``passport_id``) between two blocks, oldest first."""
    topics = [tuple(TOPICS), (passport,)]
    logs = read_logs(recovery.rpc, recovery.address, topics, first, last, progress)
    times = headers(recovery.rpc, [block for block, _ in logs])
    return [_event(log, block, times[block].time) for block, log in logs]


def watch(
    recovery: Recovery,
    registry: str,
    identity_commitment: int,
    anchor: str,
    first: int,
    progress: Progress | None = None,
) -> Watch:
    """Return what is under way for a passport; nothing before block ``first`` is looked at.

    Events are read from as far back as something alive can come from. Raises ``NodeUntrusted``
    when the node contradicts itself.
    """
    observer = progress or Silent()
    observer.step("looking for requests to recover this passport")
    rpc = recovery.rpc
    head = header(rpc, "latest")
    if head is None:
        raise NodeUntrusted(f"{rpc.label} does not show its newest block")
    now = next_time(rpc)
    first = min(first, head.number)
    passport = passport_id(registry, identity_commitment, anchor)
    at = hex(head.number)
    state = recovery.state(registry, identity_commitment, anchor, at)
    for start in (block_at(rpc, first, head.number, head.time - LONGEST), first):
        events = recovery_events(recovery, passport, start, head.number, observer)
        candidates = _candidates(events)
        states = recovery.requests([number for number, _ in candidates], at)
        if any(found.passport != passport for found in states):
            raise NodeUntrusted(f"{rpc.label} shows a request of another passport as this one's")
        # those that ran out still count, and may be older than anything alive
        if state.armed <= sum(_counts(found, state) for found in states):
            break
    else:
        raise NodeUntrusted(
            f"{rpc.label} hides the approval of a request to recover this passport",
            hint="use another node at once",
        )
    requests = [
        PendingRequest(number, found, phase, proposed_at)
        for (number, proposed_at), found in zip(candidates, states, strict=True)
        if (phase := found.phase(state, now)).alive
    ]
    requests.sort(key=lambda entry: entry.proposed_at)
    return Watch(now, state, tuple(requests), _change(state, events, now), tuple(events))


def _counts(request: RequestState, state: RecoveryState) -> bool:
    same = (request.guardian_epoch, request.nonce) == (state.guardian_epoch, state.nonce)
    return request.status is RequestStatus.ARMED and same


def _candidates(events: Sequence[RecoveryEvent]) -> list[tuple[int, int]]:
    """Return requests and when they were proposed: the approved ones, then the newest."""
    proposed: dict[int, int] = {}
    approved: dict[int, int] = {}
    for event in events:
        if event.request is None:
            continue
        if event.kind is RecoveryAct.PROPOSED:
            proposed[event.request] = event.time
        elif event.kind is RecoveryAct.ARMED:
            approved[event.request] = proposed.get(event.request, event.time)
    newest = [item for item in reversed(proposed.items()) if item[0] not in approved]
    return [*approved.items(), *newest][:MAX_REQUESTS]


def _change(
    state: RecoveryState, events: Sequence[RecoveryEvent], now: int
) -> PendingChange | None:
    if not state.change_is_alive(now):
        return None
    times = [
        event.time
        for event in events
        if event.kind is RecoveryAct.CHANGE_PROPOSED and event.ready_at == state.pending_ready_at
    ]
    return PendingChange(
        state.pending_guardian_commitment,
        state.pending_set_commitment,
        state.pending_ready_at,
        state.pending_ready_at + OPEN_FOR,
        times[-1] if times else None,
    )


def _event(log: Log, block: int, time: int) -> RecoveryEvent:
    kind = TOPICS[log.topics[0]]
    indexed, names = _FIELDS[kind]
    if len(log.topics) != 2 + indexed:
        raise NodeUntrusted("the node sent an event that the recovery contract does not have")
    fields = dict(zip(names, words(log.data, len(names)), strict=True))
    request = int.from_bytes(log.topics[2], "big") if indexed else None
    return RecoveryEvent(kind, block, time, request, **fields)
