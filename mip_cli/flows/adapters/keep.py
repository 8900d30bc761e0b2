"""A foreign credential, checked once, becomes one of the holder's own; protocol section 23."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from dataclasses import dataclass

from mip_cli.config import Settings
from mip_cli.flows.adapters import Adapter, Foreign
from mip_cli.flows.adapters.mapping import Claimed, ForeignMapping
from mip_cli.flows.kyc import self_attest
from mip_cli.flows.kyc.kyc_held import HeldView
from mip_cli.flows.kyc.kyc_issuer import DEFAULT_DAYS
from mip_cli.flows.passport.passport_file import Opened
from mip_cli.progress import Progress

Clock = Callable[[], float]


@dataclass(frozen=True)
class Checked:
    """A foreign credential that holds, before anything is kept."""

    foreign: Foreign
    claimed: Claimed
    days: int
    """How long our credential is good: no longer than theirs."""


def check(
    adapter: Adapter,
    document: bytes,
    keys: bytes,
    mapping: ForeignMapping,
    *,
    clock: Clock = time.time,
) -> Checked:
    """Check a foreign credential and put it in our words; nothing is kept.

    Raises what ``Adapter.verify`` and ``ForeignMapping.apply`` raise.
    """
    now = clock()
    foreign = adapter.verify(document, keys, now)
    claimed = mapping.apply(foreign)
    days = DEFAULT_DAYS
    if foreign.until is not None:
        today = datetime.datetime.fromtimestamp(now, datetime.UTC).date()
        days = max(1, min(days, (foreign.until - today).days + 1))
    return Checked(foreign, claimed, days)


def keep(
    settings: Settings,
    opened: Opened,
    checked: Checked,
    progress: Progress,
    *,
    clock: Clock = time.time,
) -> HeldView:
    """Keep what was checked as the holder's own word, with a note of how it was checked."""
    claimed = checked.claimed
    return self_attest.self_attested(
        settings,
        opened,
        claimed.schema,
        claimed.values,
        progress,
        note=checked.foreign.note,
        days=checked.days,
        clock=clock,
    )
