"""The acts of random histories of recovery, each run on the contract and on the model.

The promises are held against books of their own, which know nothing of the model: when a request
was armed and with how many vetoes, and which guardians approved it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import boa
from deployment import Deployment, Holder, commitment, now, refusal
from hypothesis.stateful import RuleBasedStateMachine
from model import ACTIVE, Refused, RegistryModel
from recovery_acts import ARMED, DAY, HOUR, PROPOSED, Acts, Circle, pass_time
from recovery_model import RecoveryModel
from recovery_replay import Replay

from mip_cli.crypto.binding import keccak256

STATE = (
    *("guardian_commitment", "set_commitment", "guardian_epoch", "nonce", "vetoes", "changes"),
    *("armed", "armed_until"),
    *("pending_guardian_commitment", "pending_set_commitment", "pending_ready_at"),
)

REACHED: Counter[str] = Counter()
CIRCLES = (Circle(1, 3, 2, 3), Circle(2, 4, 2, 3), Circle(3, 2, 1, 2))
MEMBERS = 3
"""Passports; the last one begins without guardians."""


@dataclass
class Books:
    """What the promises are held against."""

    approvers: dict[int, set[int]] = field(default_factory=dict)
    """Guardians' secrets, per request, of approvals that were taken."""
    due: dict[int, int] = field(default_factory=dict)
    """When a request may be executed, by the specification."""
    vetoes: Counter[int] = field(default_factory=Counter)
    """Per passport, since its last recovery or change."""
    proposed_at: dict[int, int] = field(default_factory=dict)
    """When the waiting change of a passport was proposed."""


class RecoveryMachine(RuleBasedStateMachine):
    """Runs each act on both sides; the tests add when."""

    suite: Deployment
    """Set by the subclass."""

    def __init__(self) -> None:
        super().__init__()
        self.anchor = boa.env.anchor()
        self.anchor.__enter__()
        self.acts = Acts(self.suite)
        self.touched: set[int] = set()
        self.books, self.replay = Books(), Replay()
        self.registry = RegistryModel(self.acts.tree)
        self.model = RecoveryModel(self.registry)
        self.on_chain = self.acts.state
        self.acts.state = self.known  # type: ignore[method-assign]
        self.before: dict[int, Any] = {}
        self.holders: list[Holder] = []
        self.sets: list[Circle | None] = []
        self.asked: list[tuple[int, int, int]] = []  # request, passport, new keys
        self.fresh = 0
        for number in range(MEMBERS):
            self.holders.append(self.enroll(number))
            self.sets.append(None)
        for number in range(MEMBERS - 1):
            self.change(number, CIRCLES[number])
            pass_time(48 * HOUR)
            self.finish(number)

    def teardown(self) -> None:
        self.anchor.__exit__(None, None, None)

    def enroll(self, number: int) -> Holder:
        holder = self.suite.enroll(number)
        values = (holder.identity, holder.keys, holder.guardian, holder.anchor)
        self.registry.enroll(now(), *values)
        return holder

    def known(self, holder: Holder) -> Any:
        """Answer for the contract; that both agree is seen after each step."""
        values = self.model.of((holder.identity, holder.anchor)).view()
        return SimpleNamespace(**dict(zip(STATE, values, strict=True)))

    # --- running both

    def same(
        self, name: str, number: int, contract: Callable[[], Any], model: Callable[[], Any]
    ) -> bool:
        """Run both; compare reasons."""
        self.touched.add(number)
        reason: str | None = None
        self.acts.logs = []
        try:
            model()
        except Refused as refused:
            reason = str(refused)
        got = refusal(contract)
        assert got == reason, (name, got, reason)
        REACHED[f"{name}: {reason or 'done'}"] += 1
        for log in self.acts.logs if reason is None else []:
            self.replay.read(log, now())
        return reason is None

    def act(self, name: str, *arguments: Any) -> Callable[[], Any]:
        return lambda: self.acts._act(name, *arguments)

    def at(self, number: int) -> tuple[str, tuple[int, str], Any, list[int]]:
        """Return registry, passport, opening and siblings."""
        holder = self.holders[number]
        passport = (holder.identity, holder.anchor)
        siblings = self.acts.siblings(holder)
        return self.suite.registry.address, passport, holder.opening, siblings

    def new_keys(self) -> int:
        self.fresh += 1
        return commitment(5000 + self.fresh)

    def pick(self, number: int, choice: int) -> tuple[int, int] | None:
        """Choose a request of a passport, of the last ones rather."""
        mine = [(request, keys) for request, n, keys in self.asked if n == number][-4:]
        return mine[choice % len(mine)] if mine else None

    def arm_one(self, number: int, extra: int = 0) -> tuple[int, int] | None:
        """Bring a new request to ARMED if the passport has guardians."""
        circle, keys = self.sets[number], self.new_keys()
        request = self.ask(number, keys)
        if circle is None or request is None:
            return None
        holder = self.holders[number]
        active = self.registry.status(holder.identity, holder.anchor) == ACTIVE
        for who in range((circle.threshold if active else circle.quorum) + extra):
            self.say_yes(number, request, circle, who)
        return request, keys

    def armed_one(self, number: int) -> tuple[int, int] | None:
        """Return the newest request that is ARMED and alive, or make one."""
        for request, passport, keys in reversed(self.asked):
            armed = self.model.requests[request].status == ARMED
            if passport == number and armed and self.model.alive(request, now()):
                return request, keys
        return self.arm_one(number)

    # --- acts of all

    def ask(self, number: int, keys: int, fault: str = "none") -> int | None:
        registry, passport, _, _ = self.at(number)
        holder = self.holders[number]
        request = self.acts.request(holder, keys)
        guardian = self.acts.state(holder).guardian_commitment or 1
        level = 1 if fault == "level" else 2
        shown = self.acts.for_propose(holder, keys, guardian, level=level)
        if fault == "signal":
            shown = replace(shown, nonce=shown.nonce + 1)
        done = self.same(
            "propose",
            number,
            self.act("propose", registry, *passport, keys, shown.abi()),
            lambda: self.model.propose(now(), passport, keys, request, shown, fault != "signal"),
        )
        if done:
            self.asked.append((request, number, keys))
            self.books.approvers[request] = set()
        return request if done else None

    def say_yes(self, number: int, request: int, circle: Circle, who: int) -> bool:
        who %= circle.count
        approval = self.acts.approval(circle, who, request)
        genuine = circle is self.sets[number]
        nullifier, thresholds = approval.nullifier, approval.thresholds
        was = self.suite.recovery.request_state(request).status
        done = self.same(
            "approve",
            number,
            self.act("approve", request, *approval.abi()),
            lambda: self.model.approve(now(), request, thresholds, nullifier, genuine),
        )
        if done:
            assert genuine  # of the set in force, for this request
            self.books.approvers[request].add(circle.secrets[who])
            if was == PROPOSED and self.suite.recovery.request_state(request).status == ARMED:
                hours = min(48 * 2 ** self.books.vetoes[number], 14 * 24)
                self.books.due[request] = now() + hours * HOUR
        return done

    def say_no(self, number: int, request: int, fault: str = "none") -> bool:
        registry, _, opened, siblings = self.at(number)
        holder = self.holders[number]
        if fault == "keys":
            holder = replace(holder, keys=commitment(7))
            opened = holder.opening
        shown = self.acts.for_veto(holder, request, level=3 if fault == "level" else 2)
        if fault == "signal":
            shown = replace(shown, nullifier=shown.nullifier + 1)
        done = self.same(
            "veto",
            number,
            self.act("veto", registry, opened.abi(), request, siblings, shown.abi()),
            lambda: self.model.veto(now(), opened, request, siblings, shown, fault != "signal"),
        )
        if done:
            self.books.vetoes[number] += 1
            self.books.proposed_at.pop(number, None)
        return done

    def carry_out(self, number: int, request: int, keys: int, by: int | None = None) -> bool:
        registry, _, opened, siblings = self.at(number if by is None else by)
        approvers = len(self.books.approvers[request])
        status = self.registry.status(opened.identity, opened.anchor)
        done = self.same(
            "execute",
            number,
            self.act("execute", registry, opened.abi(), request, siblings),
            lambda: self.model.execute(now(), opened, request, siblings),
        )
        if done:
            circle = self.sets[number]
            assert circle is not None
            due = self.books.due[request]
            assert due <= now() < due + 7 * DAY  # neither early nor late
            enough = circle.threshold if status == ACTIVE else circle.quorum
            assert approvers >= enough
            REACHED["execute: of one taken out"] += status != ACTIVE
            self.books.vetoes[number] = 0
            self.books.proposed_at.pop(number, None)
            guardian = circle.guardian
            self.renew(number, keys=keys, guardian=guardian)
        return done

    def change(self, number: int, circle: Circle | None, fault: str = "none") -> bool:
        registry, _, opened, siblings = self.at(number)
        holder = self.holders[number]
        values = (circle.guardian, circle.commitment) if circle else (commitment(8), 0)
        shown = self.acts.for_change(holder, *values)
        if fault == "nonce":
            shown = replace(shown, nonce=shown.nonce + 1)
        arguments = (registry, opened.abi(), *values, siblings, shown.abi())
        done = self.same(
            "propose_change",
            number,
            self.act("propose_change", *arguments),
            lambda: self.model.propose_change(
                now(), opened, *values, siblings, shown, genuine=True
            ),
        )
        if done:
            self.books.proposed_at[number] = now()
        return done

    def finish(self, number: int) -> bool:
        registry, passport, opened, siblings = self.at(number)
        waiting = self.model.of(passport).change
        done = self.same(
            "finish_change",
            number,
            self.act("finish_change", registry, opened.abi(), siblings),
            lambda: self.model.finish_change(now(), opened, siblings),
        )
        if done:
            assert waiting is not None
            waited = now() - self.books.proposed_at.pop(number)
            assert 48 * HOUR <= waited < 48 * HOUR + 7 * DAY  # timelocked
            armed = [r for r, n, _ in self.asked if n == number and self.is_armed(r)]
            assert armed == []
            self.books.vetoes[number] = 0
            chosen = [c for c in CIRCLES if c.commitment == waiting.set_commitment]
            self.sets[number] = chosen[0] if chosen else None
            self.renew(number, guardian=waiting.guardian)
        return done

    def is_armed(self, request: int) -> bool:
        """Tell whether a request could still be carried out in the block before."""
        asked = self.model.requests[request]
        state = self.model.of(asked.passport)
        current = (asked.guardian_epoch + 1, asked.nonce) == (*(state.guardian_epoch, state.nonce),)
        return current and asked.status == ARMED and now() < asked.expires_at

    def object(self, number: int, circle: Circle, who: int) -> bool:
        registry, passport, _, _ = self.at(number)
        cancellation = self.acts.cancellation(self.holders[number])
        approval = self.acts.approval(circle, who % circle.count, cancellation)
        genuine = circle is self.sets[number]
        values = (approval.thresholds, approval.nullifier)
        return self.same(
            "approve_cancel",
            number,
            self.act("approve_cancel", registry, *passport, *approval.abi()),
            lambda: self.model.approve_cancel(passport, *values, genuine),
        )

    def renew(self, number: int, **changes: int) -> None:
        holder = self.holders[number]
        self.holders[number] = replace(holder, epoch=holder.epoch + 1, **changes)

    def rotate(self, number: int) -> bool:
        _, _, opened, siblings = self.at(number)
        keys, holder = self.new_keys(), self.holders[number]
        shown = self.suite.for_update(holder, keys)
        call = (opened.abi(), keys, siblings, shown.abi())
        done = self.same(
            "update",
            number,
            lambda: self.suite.registry.update(*call),
            lambda: self.registry.update(now(), opened, keys, siblings, shown, genuine=True),
        )
        if done:
            self.renew(number, keys=keys)
        return done

    def revoke_it(self, number: int) -> bool:
        _, _, opened, siblings = self.at(number)
        shown = self.suite.for_revoke(self.holders[number])
        return self.same(
            "revoke",
            number,
            lambda: self.suite.registry.revoke(opened.abi(), siblings, shown.abi()),
            lambda: self.registry.revoke(now(), opened, siblings, shown, genuine=True),
        )

    def thief(self, number: int, does: str) -> None:
        match does:
            case "veto":
                armed = [r for r, n, _ in self.asked if n == number]
                for request in reversed(armed):
                    if self.model.alive(request, now()):
                        self.say_no(number, request)
                        break
            case "update":
                self.rotate(number)
            case "revoke":
                self.revoke_it(number)
            case "change":
                self.change(number, CIRCLES[2])
            case "finish":
                self.finish(number)

    def key(self, holder: Holder) -> bytes:
        values = (int(self.suite.registry.address, 16), holder.identity, int(holder.anchor, 16))
        return keccak256(b"".join(value.to_bytes(32, "big") for value in values))
