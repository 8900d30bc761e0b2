"""What becomes of a set that was proposed: look at it, put it in force, take it back."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mip_cli.chain.recovery import KEEP_PURPOSE, RecoveryState, keep_payload
from mip_cli.chain.values import Receipt
from mip_cli.config import Settings
from mip_cli.errors import Negative, UsageFault
from mip_cli.flows.guardian import guardian_change
from mip_cli.flows.passport.holding import Holding, hold
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.flows.sending import Purse
from mip_cli.flows.spans import duration
from mip_cli.progress import Progress
from mip_cli.store.guardian_codec import GuardianState, SetRecord
from mip_cli.store.secrets_codec import PassportSecrets


@dataclass(frozen=True)
class Overview:
    """A holder's guardians, and what the chain says of them."""

    name: str
    """The passport."""
    active: SetRecord | None
    """The set in force, as the key file has it."""
    active_on_chain: bool
    """Whether the chain agrees."""
    pending: SetRecord | None
    """The set that waits."""
    waiting: bool
    """Whether it waits on chain; not, when it was cancelled, ran out or was never sent."""
    ready_at: int | None
    """Unix time from which a waiting change can be finished, whoever proposed it."""
    foreign: bool
    """Whether a change waits on chain that this key file knows nothing of."""
    invitations: tuple[str, ...]
    """Labels of open invitations."""
    now: int
    """Unix time by which delays are judged."""


@dataclass(frozen=True)
class Finished:
    """A set that came into force."""

    name: str
    """The passport."""
    guardians: int
    """How many there are now."""
    threshold: int
    """How many of them bring the holder back; 0 without guardians."""
    receipt: Receipt | None
    """Transaction of this run; None when somebody else had finished it."""


def overview(settings: Settings, name: str, factors: Factors, progress: Progress) -> Overview:
    """Return a holder's guardians beside what the chain says of them."""
    with hold(settings, name, factors, progress) as holding:
        guardians, state = holding.content.guardians or GuardianState(), holding.state()
        active, pending = guardians.active, guardians.pending
        now = holding.now()
        alive = state.change_is_alive(now)
        waiting = alive and pending is not None and guardian_change.is_waiting(state, pending)
        return Overview(
            name=name,
            active=active,
            active_on_chain=_agrees(holding.content, state),
            pending=pending,
            waiting=waiting,
            ready_at=state.pending_ready_at if alive else None,
            foreign=alive and not waiting,
            invitations=tuple(i.label for i in guardians.invitations),
            now=now,
        )


def finish(
    settings: Settings,
    name: str,
    factors: Factors,
    purse: Purse,
    progress: Progress,
) -> Finished:
    """Put the set that waited in force, on chain and in the key file.

    The key file's people slot is then sealed to the new guardians, under the same root key: make a
    new backup. Raises ``Negative`` while it must wait, ``UsageFault`` when nothing waits.
    """
    with hold(settings, name, factors, progress) as holding:
        guardians = holding.content.guardians or GuardianState()
        if guardians.pending is None:
            return _finished(holding, None)
        record, state, now = guardians.pending, _settled(holding, purse), holding.now()
        if not guardian_change.is_waiting(state, record) or not state.change_is_alive(now):
            _forget_pending(holding, purse)
            raise UsageFault(
                "the change of guardians waits on chain no more: it was cancelled, or ran out",
                hint="begin again with `mip guardian set`",
            )
        if now < state.pending_ready_at:
            raise Negative(
                f"the guardians have to wait {duration(state.pending_ready_at - now)} more",
                hint="until then you and your present guardians can take it back",
            )
        holding.record()
        label = f"guardians-finish:{holding.link.registry.address}:{holding.keys.identity:#x}:"
        call = holding.link.recovery.finish_change(
            holding.link.registry.address, holding.leaf, holding.siblings()
        )
        progress.step("putting the new guardians in force")
        receipt = holding.sender(purse).send(f"{label}{state.changes}", call, progress)
        opened = guardian_change.settle(settings, holding.link, holding.opened)
        return _finished(replace(holding, opened=opened), receipt)


def cancel(
    settings: Settings,
    name: str,
    factors: Factors,
    purse: Purse,
    progress: Progress,
) -> Receipt | None:
    """Take back the change of guardians that waits, whoever proposed it; None when none does.

    Raises ``UsageFault`` without face and password, ``ChainRefusal``.
    """
    with hold(settings, name, factors, progress) as holding:
        state, receipt = _settled(holding, purse), None
        registry = holding.link.registry.address
        if state.pending_ready_at:
            holding.record()
            shown = holding.show(KEEP_PURPOSE, keep_payload(registry), state.changes)
            call = holding.link.recovery.cancel_change(
                registry, holding.leaf, holding.siblings(), shown
            )
            label = f"guardians-cancel:{registry}:{holding.keys.identity:#x}:{state.changes}"
            progress.step("taking the change back")
            receipt = holding.sender(purse).send(label, call, progress)
        _forget_pending(holding, purse)
        return receipt


def _agrees(content: PassportSecrets, state: RecoveryState) -> bool:
    active = content.guardians.active if content.guardians else None
    if active is None:
        return not state.has_guardians
    return guardian_change.is_in_force(state, active)


def _settled(holding: Holding, purse: Purse) -> RecoveryState:
    """Return the state once the proposal of the set that waits has arrived, if one was sent."""
    state, guardians = holding.state(), holding.content.guardians
    if guardians is None or guardians.pending is None:
        return state
    link, content = holding.link, holding.content
    label = guardian_change.label_of(link, content, guardians.pending, state.changes)
    holding.sender(purse).settle(label, holding.progress)
    return holding.state()


def _forget_pending(holding: Holding, purse: Purse) -> None:
    """Forget the set that waited, unless it may still come into force or this is a rehearsal."""
    guardians = holding.content.guardians
    if guardians is None or guardians.pending is None or purse.rehearse:
        return
    if not guardian_change.is_over(holding.link, holding.content, guardians.pending):
        return
    earlier = guardians.superseded(guardians.pending)
    after = replace(guardians, pending=None, earlier=earlier)
    holding.write(replace(holding.content, guardians=after))


def _finished(holding: Holding, receipt: Receipt | None) -> Finished:
    guardians = holding.content.guardians
    active = guardians.active if guardians else None
    if receipt is None and not _agrees(holding.content, holding.state()):
        raise UsageFault("no change of guardians was begun here", hint="see `mip guardian list`")
    count, threshold = (len(active.members), active.threshold) if active else (0, 0)
    return Finished(holding.content.name, count, threshold, receipt)
