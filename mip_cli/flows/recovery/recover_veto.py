"""What the holder of the present keys does about requests to replace them: look, and say no."""

from __future__ import annotations

from dataclasses import dataclass

from mip_cli.chain.recovery import VETO_PURPOSE, request_payload
from mip_cli.chain.registry import PassportStatus
from mip_cli.chain.values import Receipt
from mip_cli.chain.watch import PendingRequest, Watch
from mip_cli.config import Settings
from mip_cli.errors import Negative
from mip_cli.flows import connection
from mip_cli.flows.passport.holding import Holding, hold
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.flows.sending import Purse
from mip_cli.progress import Progress
from mip_cli.zk.prover import Prover

VETOES_THAT_FREEZE = 2
"""The veto that takes the passport out of the tree (a test asks the contract)."""


@dataclass(frozen=True)
class Threat:
    """What is under way for a passport at the recovery contract."""

    name: str
    """The passport."""
    watch: Watch
    """Requests and the waiting change, with their times."""
    status: PassportStatus
    """What the registry says of it."""

    @property
    def freezes(self) -> bool:
        """Whether the next veto freezes the passport."""
        return self.watch.state.vetoes + 1 >= VETOES_THAT_FREEZE


@dataclass(frozen=True)
class Vetoed:
    """A request that is off."""

    request: int
    """Its number."""
    vetoes: int
    """Vetoes since the last recovery or change of the guardians."""
    frozen: bool
    """Whether the passport was frozen by it."""
    receipt: Receipt | None
    """Transaction of this run; None when an earlier one had arrived."""


def threats(settings: Settings, name: str, factors: Factors, progress: Progress) -> Threat:
    """Return what is under way for a passport of this device."""
    with hold(settings, name, factors, progress) as holding:
        return _threats(holding)


def veto(
    settings: Settings,
    name: str,
    factors: Factors,
    purse: Purse,
    progress: Progress,
    *,
    request: int | None = None,
    prover: Prover | None = None,
) -> Vetoed:
    """Say no to an approved request, the one that would be carried out first unless named.

    Raises ``Negative`` when none is there to be vetoed, ``UsageFault`` without face and password.
    """
    with hold(settings, name, factors, progress, prover=prover) as holding:
        found = _choose(_threats(holding), request)
        registry, number = holding.link.registry.address, found.request
        holding.record()
        label = f"veto:{holding.link.recovery.address}:{number:#x}"
        shown = holding.show(VETO_PURPOSE, request_payload(number))
        call = holding.link.recovery.veto(registry, holding.leaf, number, holding.siblings(), shown)
        progress.step("saying no on chain")
        receipt = holding.sender(purse).send(label, call, progress)
        state = holding.state()
        record = holding.link.registry.passport(holding.keys.identity, holding.content.anchor)
        return Vetoed(number, state.vetoes, record.status is PassportStatus.FROZEN, receipt)


def _threats(holding: Holding) -> Threat:
    identity, anchor = holding.keys.identity, holding.content.anchor
    watch = connection.under_way(holding.link, identity, anchor, holding.progress)
    record = holding.link.registry.passport(identity, anchor)
    return Threat(holding.content.name, watch, record.status)


def _choose(threat: Threat, request: int | None) -> PendingRequest:
    found = [entry for entry in threat.watch.to_veto if request in (None, entry.request)]
    if not found:
        waiting = len(threat.watch.requests)
        text = "no request was approved by your guardians, so there is nothing to say no to"
        hint = "requests below the threshold block nothing and run out" if waiting else None
        raise Negative(text, hint=hint)
    return min(found, key=lambda entry: entry.state.ready_at)
