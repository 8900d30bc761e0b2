"""The recovery contract once more, in plain Python: what the contract is compared with.

Each act raises ``Refused`` with the very reason the contract gives, and changes nothing then. A
proof is a flag here, and a guardian's approval is the guardian.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

from model import ACTIVE, Leaf, Presentation, Refused, RegistryModel

from mip_cli.crypto.field import R

DELAY, MAX_DELAY = 48 * 3600, 14 * 86_400
PROPOSAL, OPEN_FOR, CHANGE_DELAY = 7 * 86_400, 7 * 86_400, 48 * 3600

Passport = tuple[int, str]
"""Identity commitment and anchor; the model knows one registry."""


class Status(IntEnum):
    """Where a request stands."""

    PROPOSED = 1
    ARMED = 2
    VETOED = 3
    EXECUTED = 4


def _require(condition: bool, reason: str) -> None:
    if not condition:
        raise Refused(f"recovery: {reason}")


@dataclass
class Change:
    """A change of the set that waits."""

    guardian: int
    set_commitment: int
    ready_at: int
    objectors: set[int] = field(default_factory=set)
    """Nullifiers."""


@dataclass
class Guarded:
    """What is known of a passport."""

    guardian: int = 0
    set_commitment: int = 0
    guardian_epoch: int = 0
    nonce: int = 0
    vetoes: int = 0
    changes: int = 0
    armed: int = 0
    armed_until: int = 0
    change: Change | None = None

    def holds_up(self, now: int) -> bool:
        """Whether an ARMED request holds up a change."""
        return self.armed > 0 and now < self.armed_until

    def void_requests(self) -> None:
        """Forget how many are ARMED."""
        self.armed = self.armed_until = 0

    def take_back(self) -> None:
        """Take back the change that waits, if one does."""
        if self.change:
            self.change = None
            self.changes += 1

    def view(self) -> tuple[int, ...]:
        """Return what ``passport_state`` does."""
        change = self.change
        return (
            *(self.guardian, self.set_commitment, self.guardian_epoch, self.nonce),
            *(self.vetoes, self.changes, self.armed, self.armed_until),
            *((change.guardian, change.set_commitment, change.ready_at) if change else (0, 0, 0)),
        )


@dataclass
class Request:
    """A request and who approved it."""

    passport: Passport
    new_keys: int
    guardian_epoch: int
    nonce: int
    expires_at: int
    status: Status = Status.PROPOSED
    approvers: set[int] = field(default_factory=set)
    """Nullifiers."""
    thresholds: int = 0
    ready_at: int = 0

    def view(self) -> tuple[int, ...]:
        """Return what ``request_state`` does, without the passport."""
        return (
            *(self.new_keys, self.status, len(self.approvers), self.expires_at),
            *(self.ready_at, self.guardian_epoch, self.nonce),
        )


@dataclass
class RecoveryModel:
    """State and acts of the recovery contract."""

    registry: RegistryModel
    passports: dict[Passport, Guarded] = field(default_factory=dict)
    requests: dict[int, Request] = field(default_factory=dict)

    def of(self, passport: Passport) -> Guarded:
        """Return what is known of a passport."""
        return self.passports.setdefault(passport, Guarded())

    def alive(self, request: int, now: int) -> bool:
        """Tell whether a request is neither void nor over."""
        asked = self.requests[request]
        guarded = self.of(asked.passport)
        current = (asked.guardian_epoch, asked.nonce) == (guarded.guardian_epoch, guarded.nonce)
        return current and now < asked.expires_at and asked.status <= Status.ARMED

    def propose(
        self,
        now: int,
        passport: Passport,
        new_keys: int,
        request: int,
        presented: Presentation,
        genuine: bool,
    ) -> int:
        """Ask for new keys; ``request`` is computed by the caller."""
        _require(0 < new_keys < R, "keys root is zero or not canonical")
        guarded = self.of(passport)
        _require(guarded.set_commitment != 0, "passport has no guardians")
        _require(request not in self.requests, "request was proposed before")
        opened = Leaf(*passport, new_keys, guarded.guardian)
        self.registry.check_opening(now, opened, presented, genuine)
        self.requests[request] = Request(
            passport, new_keys, guarded.guardian_epoch, guarded.nonce, now + PROPOSAL
        )
        return request

    def approve(
        self, now: int, request: int, thresholds: int, nullifier: int, genuine: bool
    ) -> None:
        """Add a guardian's approval."""
        asked = self.requests.get(request)
        if asked is None or asked.status > Status.ARMED:
            raise Refused("recovery: request is not open")
        guarded = self.of(asked.passport)
        self._require_alive(now, asked, guarded)
        self._judge(guarded, thresholds, nullifier, asked.approvers, genuine)
        asked.approvers.add(nullifier)
        asked.thresholds = thresholds
        if asked.status is Status.PROPOSED and len(asked.approvers) >= self._required(asked):
            asked.status = Status.ARMED
            asked.ready_at = now + min(DELAY * 2**guarded.vetoes, MAX_DELAY)
            asked.expires_at = asked.ready_at + OPEN_FOR
            guarded.armed = guarded.armed + 1 if guarded.holds_up(now) else 1
            guarded.armed_until = asked.expires_at

    def veto(
        self,
        now: int,
        opened: Leaf,
        request: int,
        siblings: list[int],
        presented: Presentation,
        genuine: bool,
    ) -> None:
        """End an armed request by the holder's word."""
        asked, guarded = self._armed(now, opened, request)
        self.registry.check_holder(now, opened, siblings, presented, genuine)
        asked.status = Status.VETOED
        guarded.vetoes += 1
        guarded.armed -= 1
        guarded.take_back()
        if guarded.vetoes == 2:
            self.registry.freeze(now, opened, siblings)
            guarded.nonce += 1
            guarded.void_requests()

    def execute(self, now: int, opened: Leaf, request: int, siblings: list[int]) -> None:
        """Carry an armed request out."""
        asked, guarded = self._armed(now, opened, request)
        _require(now >= asked.ready_at, "delay is not over")
        _require(
            len(asked.approvers) >= self._required(asked),
            "too few approvals for a passport taken out",
        )
        self.registry.replace(now, opened, asked.new_keys, guarded.guardian, siblings)
        asked.status = Status.EXECUTED
        guarded.nonce += 1
        guarded.vetoes = 0
        guarded.void_requests()
        guarded.take_back()

    def propose_change(
        self,
        now: int,
        opened: Leaf,
        guardian: int,
        set_commitment: int,
        siblings: list[int],
        presented: Presentation,
        genuine: bool,
    ) -> None:
        """Start a change of the set."""
        _require(0 < guardian < R, "guardian commitment is zero or not canonical")
        _require(set_commitment < R, "set commitment is not canonical")
        guarded = self.of((opened.identity, opened.anchor))
        _require(presented.nonce == guarded.changes, "nonce is not the number of changes")
        self.registry.check_holder(now, opened, siblings, presented, genuine)
        guarded.change = Change(guardian, set_commitment, now + CHANGE_DELAY)
        guarded.changes += 1

    def cancel_change(
        self, now: int, opened: Leaf, siblings: list[int], presented: Presentation, genuine: bool
    ) -> None:
        """Take the change back, by the holder."""
        guarded = self.of((opened.identity, opened.anchor))
        _require(guarded.change is not None, "no change waits")
        _require(presented.nonce == guarded.changes, "nonce is not the number of changes")
        self.registry.check_holder(now, opened, siblings, presented, genuine)
        guarded.take_back()

    def approve_cancel(
        self, passport: Passport, thresholds: int, nullifier: int, genuine: bool
    ) -> None:
        """Add a guardian's word against the change."""
        guarded = self.of(passport)
        change = guarded.change
        if change is None:
            raise Refused("recovery: no change waits")
        self._judge(guarded, thresholds, nullifier, change.objectors, genuine)
        change.objectors.add(nullifier)
        if len(change.objectors) >= thresholds % 256:
            guarded.take_back()

    def finish_change(self, now: int, opened: Leaf, siblings: list[int]) -> None:
        """Put the new set in force."""
        guarded = self.of((opened.identity, opened.anchor))
        change = guarded.change
        if change is None:
            raise Refused("recovery: no change waits")
        _require(now >= change.ready_at, "change has not waited long enough")
        _require(now < change.ready_at + OPEN_FOR, "change has expired")
        _require(not guarded.holds_up(now), "an armed request holds up the change")
        status = self.registry.status(opened.identity, opened.anchor)
        _require(status == ACTIVE, "passport is not active")
        self.registry.replace(now, opened, opened.keys, change.guardian, siblings)
        guarded.guardian, guarded.set_commitment = change.guardian, change.set_commitment
        guarded.change = None
        guarded.changes += 1
        guarded.guardian_epoch += 1
        guarded.vetoes = 0
        guarded.void_requests()

    def _armed(self, now: int, opened: Leaf, request: int) -> tuple[Request, Guarded]:
        asked = self.requests.get(request)
        if asked is None or asked.status is not Status.ARMED:
            raise Refused("recovery: request is not armed")
        passport = (opened.identity, opened.anchor)
        _require(asked.passport == passport, "request is of another passport")
        guarded = self.of(passport)
        self._require_alive(now, asked, guarded)
        return asked, guarded

    def _require_alive(self, now: int, asked: Request, guarded: Guarded) -> None:
        current = (asked.guardian_epoch, asked.nonce) == (guarded.guardian_epoch, guarded.nonce)
        _require(current, "request is void")
        _require(now < asked.expires_at, "request has expired")

    def _required(self, asked: Request) -> int:
        active = self.registry.status(*asked.passport) == ACTIVE
        return asked.thresholds % 256 if active else asked.thresholds // 256

    def _judge(
        self,
        guarded: Guarded,
        thresholds: int,
        nullifier: int,
        before: Iterable[int],
        genuine: bool,
    ) -> None:
        _require(guarded.set_commitment != 0, "passport has no guardians")
        threshold, quorum = thresholds % 256, thresholds // 256
        _require(1 <= threshold <= quorum <= 16, "thresholds are out of range")
        _require(nullifier != 0, "nullifier is zero")
        _require(nullifier not in before, "guardian has approved already")
        _require(genuine, "proof is not valid")
