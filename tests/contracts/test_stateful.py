"""Random sequences of acts: contract and model agree on answers, reasons, events and roots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boa
from deployment import (
    Deployment,
    Holder,
    account,
    at,
    commitment,
    now,
    refusal,
    subtree_siblings,
)
from eth_utils import keccak
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from model import REVOKED_LEAF, Leaf, Refused, RegistryModel

from mip_cli.crypto.binding import message_of, scope_of
from mip_cli.crypto.field import R
from mip_cli.crypto.lean_tree import LeanTree

REACHED: Counter[str] = Counter()
ASKER = account(40)

numbers = st.integers(0, 9)
bad_elements = st.sampled_from([0, R, R + 5])
faults = st.sampled_from(
    ["none"] * 3
    + ["keys", "siblings", "level", "signal", "late", "new", "missing", "nonce"]
    + ["to the root"] * 3
    + ["stale root"] * 2
)


def make_machine(suite: Deployment) -> type[RuleBasedStateMachine]:
    """Bind the state machine to a deployed suite."""

    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.anchor = boa.env.anchor()
            self.anchor.__enter__()
            self.model = RegistryModel()
            self.holders: list[Holder] = []
            self.seen_roots: list[int] = [0, 1]
            self.events: list[int] = []
            self.fresh = 100

        def teardown(self) -> None:
            # whoever replays the events has the tree
            if self.events:
                assert LeanTree(self.events).root == suite.registry.root()
            self.anchor.__exit__(None, None, None)

        def same(self, name: str, contract: Callable[[], Any], model: Callable[[], Any]) -> Any:
            """Run both; compare answer or reason."""
            expected: Any = None
            reason: str | None = None
            try:
                expected = model()
            except Refused as refused:
                reason = str(refused)
            answers: list[Any] = []
            got = refusal(lambda: answers.append(contract()))
            assert got == reason, (name, got, reason)
            REACHED[f"{name}: {reason or 'done'}"] += 1
            for log in suite.registry.get_logs() if reason is None else []:
                if not hasattr(log, "index"):
                    continue
                if type(log).__name__ == "PassportRegistered":
                    assert log.index == len(self.events)
                    self.events.append(log.leaf)
                else:
                    self.events[log.index] = getattr(log, "leaf", REVOKED_LEAF)
            return (reason is None, answers[0] if answers else None, expected)

        @rule(number=numbers, sender=numbers)
        def enroll(self, number: int, sender: int) -> None:
            values = (commitment(number), commitment(50 + number), commitment(70 + number))
            anchor = account(sender)
            done, answer, expected = self.same(
                "enroll",
                lambda: suite.registry.enroll(*values, sender=anchor),
                lambda: self.model.enroll(now(), *values, anchor),
            )
            if done:
                assert answer == expected
                identity, keys, guardian = values
                self.holders.append(Holder(identity, anchor, keys, guardian, answer))

        @rule(sender=numbers, bad=bad_elements, place=st.integers(0, 2))
        def enroll_bad(self, sender: int, bad: int, place: int) -> None:
            values = [commitment(20), commitment(1), commitment(2)]
            values[place] = bad
            self.same(
                "enroll",
                lambda: suite.registry.enroll(*values, sender=account(sender)),
                lambda: self.model.enroll(now(), *values, account(sender)),
            )

        @rule(picks=st.lists(st.integers(0, 6), max_size=5), fault=st.integers(-12, 4))
        def enroll_batch(self, picks: list[int], fault: int) -> None:
            entries = [suite.signed(300 + pick) for pick in picks]
            genuine = [True] * len(entries)
            if 0 <= fault < len(entries):
                entries[fault] = {**entries[fault], "keys_root": commitment(7)}
                genuine[fault] = False
            plain = [
                (
                    Leaf(
                        e["identity_commitment"],
                        e["anchor"],
                        e["keys_root"],
                        e["guardian_commitment"],
                    ),
                    e["deadline"],
                    good,
                )
                for e, good in zip(entries, genuine, strict=True)
            ]
            done, answer, expected = self.same(
                "enroll_batch",
                lambda: suite.registry.enroll_batch([tuple(e.values()) for e in entries]),
                lambda: self.model.enroll_batch(now(), plain),
            )
            if done:
                assert answer == expected
                REACHED["enroll_batch: several"] += answer > 1

        @rule(
            seconds=st.sampled_from(
                [1, 5, 30, 59, 60, 61, 119, 120, 121, 599, 600, 601, 3599, 3600]
            )
        )
        def wait(self, seconds: int) -> None:
            at(now() + seconds)

        @rule(pick=st.integers(0, 10**6), fault=faults)
        def update(self, pick: int, fault: str) -> None:
            self.replace_leaf(pick, fault, revoking=False)

        @rule(pick=st.integers(0, 10**6), fault=faults, really=st.integers(0, 1))
        def revoke(self, pick: int, fault: str, really: int) -> None:
            if not really:
                self.replace_leaf(pick, fault, revoking=True)

        def replace_leaf(self, pick: int, fault: str, *, revoking: bool) -> None:
            if not self.holders:
                return
            place = pick % len(self.holders)
            holder = self.holders[place]
            if fault == "missing":
                holder = replace(holder, anchor=account(999))
            self.fresh += 1
            new = R + 3 if fault == "new" and not revoking else commitment(1000 + self.fresh)
            level = 1 if fault == "level" else 2
            lifetime = -1 if fault == "late" else 600
            if revoking:
                presented = suite.for_revoke(holder, level=level, lifetime=lifetime)
            else:
                presented = suite.for_update(holder, new, level=level, lifetime=lifetime)
            if fault == "signal":
                presented = replace(presented, nullifier=presented.nullifier + 1)
            if fault == "nonce":
                presented = replace(presented, nonce=presented.nonce + 1)
            siblings = subtree_siblings(self.model.tree, holder.index)
            if fault == "siblings":
                siblings = (
                    [*siblings, 5] if pick % 2 or not siblings else [siblings[0] ^ 1, *siblings[1:]]
                )
            if fault in ("to the root", "stale root"):
                siblings = self.model.tree.siblings(holder.index)[: len(siblings) + 1]
                if fault == "stale root":
                    siblings[-1:] = [5]
            opened = holder.opening
            if fault == "keys":
                opened = replace(opened, keys=commitment(3))
            genuine = fault != "signal"
            call: tuple[Any, ...] = (siblings,) if revoking else (new, siblings)
            name = "revoke" if revoking else "update"
            done, _, _ = self.same(
                name,
                lambda: getattr(suite.registry, name)(opened.abi(), *call, presented.abi()),
                lambda: getattr(self.model, name)(now(), opened, *call, presented, genuine),
            )
            if done and fault in ("to the root", "stale root"):
                REACHED[f"{name}: {fault}"] += 1
            if done and not revoking:
                self.holders[place] = replace(holder, keys=new, epoch=holder.epoch + 1)

        @rule(
            pick=st.integers(0, 10**6),
            where=st.sampled_from(["current", "accepted", "accepted", "seen"]),
            level=st.sampled_from([0, 1, 2, 2, 2, 2, 3, 4]),
            strict=st.sampled_from([False, False, True]),
            min_level=st.sampled_from([0, 1, 1, 2, 2, 3]),
            fault=st.sampled_from(["none", "none", "none", "signal", "zero", "far"]),
        )
        def check(
            self, pick: int, where: str, level: int, strict: bool, min_level: int, fault: str
        ) -> None:
            roots = {
                "current": [self.model.tree.root],
                "accepted": [root for root, _ in self.model.accepted_roots(now())][-2:] or [0],
                "seen": self.seen_roots,
            }[where]
            presented = suite.presentation(
                ASKER,
                "p",
                keccak(b"x"),
                root=roots[pick % len(roots)],
                level=level,
                nullifier=0 if fault == "zero" else 10**70,
                lifetime=3601 if fault == "far" else 60,
            )
            if fault == "signal":
                presented = replace(presented, deadline=presented.deadline - 1)
            arguments = (keccak(text="p"), keccak(b"x"), min_level, strict, presented.abi())
            done, answer, expected = self.same(
                "check",
                lambda: suite.registry.check(*arguments, sender=ASKER),
                lambda: self.model.check(
                    now(), min_level, strict, presented, genuine=fault != "signal"
                ),
            )
            assert not done or answer == expected
            if done and presented.root != self.model.tree.root:
                REACHED["check: under a closing root"] += 1

        @invariant()
        def agree(self) -> None:
            tree = self.model.tree
            assert suite.registry.root() == tree.root
            assert suite.registry.size() == len(tree)
            assert suite.registry.depth() == tree.depth
            roots = [tuple(entry) for entry in suite.registry.accepted_roots()]
            assert roots == self.model.accepted_roots(now())
            if tree.root and tree.root != self.seen_roots[-1]:
                self.seen_roots.append(tree.root)
            accepted = {root for root, _ in roots}
            for root in self.seen_roots[-8:]:
                assert suite.registry.is_known_root(root) is (root in accepted)
            for holder in self.holders[-3:]:
                record = self.model.passports[holder.identity, holder.anchor]
                stored = suite.registry.passport(holder.identity, holder.anchor)
                assert tuple(stored) == (
                    record.index,
                    record.epoch,
                    record.updated_at,
                    record.status,
                )
            assert boa.env.get_balance(suite.registry.address) == 0

    return Machine


MUST_REACH = (
    "enroll: done",
    "enroll_batch: done",
    "enroll_batch: several",
    "update: done",
    "update: to the root",
    "update: stale root",
    "revoke: done",
    "check: done",
    "check: under a closing root",
    # some refusals that take a history; each reason has a test of its own besides
    "enroll: registry: passport is already enrolled",
    "update: registry: keys were replaced less than COOLDOWN ago",
    "check: registry: root is not accepted",
    "check: registry: root is not the current one",
)


def test_registry__agrees_with_the_model(suite: Deployment) -> None:
    REACHED.clear()
    run_state_machine_as_test(
        make_machine(suite),
        settings=settings(
            max_examples=35,
            stateful_step_count=50,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    missing = [name for name in MUST_REACH if not REACHED[name]]
    assert not missing, (missing, dict(REACHED))


def test_model__scope_and_message_are_the_contracts(suite: Deployment) -> None:
    asker, payload = account(3), keccak(b"x")
    assert suite.registry.scope_of(asker, keccak(text="p")) == scope_of(31337, asker, "p")
    expected = message_of(
        31337, asker, beneficiary=account(4), payload=payload, nonce=5, deadline=6
    )
    assert suite.registry.message_of(asker, account(4), payload, 5, 6) == expected
