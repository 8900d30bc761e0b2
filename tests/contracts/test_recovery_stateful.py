"""Random histories of recovery: contract and model agree, and what was promised holds."""

from __future__ import annotations

import boa
from deployment import Deployment, now, refusal
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from model import ACTIVE, FROZEN_LEAF, REVOKED_LEAF
from recovery_acts import ARMED, DAY, HOUR, pass_time
from recovery_machine import CIRCLES, MEMBERS, REACHED, RecoveryMachine

PHASES = (Phase.generate,)
"""A failing history is printed as it was found; shrinking one takes longer than reading it."""

members, guarded = st.integers(0, MEMBERS - 1), st.integers(0, MEMBERS - 2)
picks = st.integers(0, 10**6)
chosen_sets = st.integers(-1, 2)
moments = st.sampled_from([None, -1, 0, 0, 7 * DAY - 1, 7 * DAY])
"""Seconds after a request is due; None for as it comes."""
thief_acts = st.lists(
    st.sampled_from(["veto", "veto", "update", "revoke", "change", "finish", "rest"]),
    min_size=6,
    max_size=6,
)


def make_machine(deployed: Deployment) -> type[RuleBasedStateMachine]:
    """Bind the state machine to a deployed suite."""

    class Machine(RecoveryMachine):
        suite = deployed

        @rule(
            seconds=st.sampled_from(
                [1, HOUR, 12 * HOUR, 48 * HOUR - 1, 48 * HOUR, 96 * HOUR, 7 * DAY - 1, 7 * DAY]
            )
        )
        def wait(self, seconds: int) -> None:
            pass_time(seconds)

        # --- requests

        @rule(number=members, fault=st.sampled_from(["none"] * 3 + ["level", "signal"]))
        def propose(self, number: int, fault: str) -> None:
            self.ask(number, self.new_keys(), fault)

        @rule(number=guarded, choice=picks)
        def propose_again(self, number: int, choice: int) -> None:
            picked = self.pick(number, choice)
            if picked:
                self.ask(number, picked[1])

        @rule(number=guarded, choice=picks, who=picks, circle=st.integers(0, 6))
        def approve(self, number: int, choice: int, who: int, circle: int) -> None:
            if choice % 3 == 0:
                self.ask(number, self.new_keys())
            picked = self.pick(number, choice)
            if picked:
                mine = self.sets[number] or CIRCLES[0]
                for chosen in (CIRCLES[circle] if circle < 3 else mine, mine):
                    self.say_yes(number, picked[0], chosen, who)

        @rule(number=guarded, extra=st.integers(0, 1))
        def arm(self, number: int, extra: int) -> None:
            self.arm_one(number, extra)

        @rule(
            number=guarded,
            choice=picks,
            old=st.booleans(),
            fault=st.sampled_from(["none"] * 3 + ["level", "signal", "keys"]),
        )
        def veto(self, number: int, choice: int, old: bool, fault: str) -> None:
            picked = self.pick(number, choice) if old else self.armed_one(number)
            if picked:
                self.say_no(number, picked[0], fault)

        @rule(number=guarded, choice=picks, moment=moments, other=st.integers(0, 9))
        def execute(self, number: int, choice: int, moment: int | None, other: int) -> None:
            picked = self.pick(number, choice) if moment is None else self.armed_one(number)
            if picked:
                self.move_to(picked[0], moment)
                by = (number + 1) % MEMBERS if other == 0 else None
                self.carry_out(number, *picked, by)

        @rule(number=guarded, moment=moments, veto_first=st.booleans())
        def race(self, number: int, moment: int | None, veto_first: bool) -> None:
            """Veto and execution in one block: the first one counts."""
            picked = self.armed_one(number)
            if not picked:
                return
            self.move_to(picked[0], moment)
            acts = [
                ("veto", lambda: self.say_no(number, picked[0])),
                ("execution", lambda: self.carry_out(number, *picked)),
            ]
            (name, first), (_, second) = acts if veto_first else acts[::-1]
            if first():
                assert not second()
                REACHED[f"race: {name} first"] += 1

        @rule(number=guarded)
        def two_at_once(self, number: int) -> None:
            """The one that is carried out makes the other void."""
            picked, other = self.armed_one(number), self.arm_one(number)
            if picked and other:
                self.move_to(picked[0], 0)
                self.carry_out(number, *picked)
                self.carry_out(number, *other)

        @rule(number=guarded)
        def veto_all(self, number: int) -> None:
            """The second veto freezes; then there is nobody to veto."""
            for _ in range(3):
                picked = self.armed_one(number)
                if picked:
                    self.say_no(number, picked[0])

        @rule(number=guarded)
        def revoke_armed(self, number: int) -> None:
            """What the threshold armed needs the quorum once the passport is revoked."""
            picked = self.armed_one(number)
            if picked and self.revoke_it(number):
                self.move_to(picked[0], 0)
                self.carry_out(number, *picked)

        def move_to(self, request: int, moment: int | None) -> None:
            """Let time pass until a moment after the request is due, if it lies ahead."""
            if moment is not None:
                due = self.books.due[request] + moment
                boa.env.evm.patch.timestamp = max(now(), due)

        # --- changes of the set

        @rule(
            number=members,
            circle=chosen_sets,
            fault=st.sampled_from(["none"] * 3 + ["nonce"]),
        )
        def propose_change(self, number: int, circle: int, fault: str) -> None:
            self.change(number, CIRCLES[circle] if circle >= 0 else None, fault)

        @rule(number=members, really=st.booleans())
        def cancel_change(self, number: int, really: bool) -> None:
            if really:
                self.change(number, CIRCLES[number])
            registry, _, opened, siblings = self.at(number)
            shown = self.acts.for_keep(self.holders[number])
            self.same(
                "cancel_change",
                number,
                self.act("cancel_change", registry, opened.abi(), siblings, shown.abi()),
                lambda: self.model.cancel_change(now(), opened, siblings, shown, genuine=True),
            )

        @rule(number=guarded, who=picks, circle=st.integers(0, 6))
        def approve_cancel(self, number: int, who: int, circle: int) -> None:
            mine = self.sets[number] or CIRCLES[0]
            self.object(number, CIRCLES[circle] if circle < 3 else mine, who)

        @rule(number=guarded, circle=chosen_sets)
        def keep_the_set(self, number: int, circle: int) -> None:
            if self.change(number, CIRCLES[circle] if circle >= 0 else None):
                self.object_to_change(number)

        @rule(number=members, wait=st.booleans())
        def finish_change(self, number: int, wait: bool) -> None:
            if wait:
                pass_time(48 * HOUR)
            self.finish(number)

        @rule(number=guarded, circle=st.integers(0, 2))
        def hold_up(self, number: int, circle: int) -> None:
            """A change that has waited long enough meets an armed request."""
            if self.change(number, CIRCLES[circle]):
                pass_time(24 * HOUR)
                if self.arm_one(number):
                    pass_time(24 * HOUR)
                    self.finish(number)

        # --- the registry's own acts

        @rule(number=members)
        def update(self, number: int) -> None:
            self.rotate(number)

        @rule(number=members, really=st.integers(0, 3))
        def revoke(self, number: int, really: int) -> None:
            if not really:
                self.revoke_it(number)

        # --- promises

        @rule(number=guarded, does=thief_acts)
        def honest_quorum(self, number: int, does: list[str]) -> None:
            """Whatever a thief with the keys does in between, a quorum gets through."""
            plan = iter(does)
            for _ in range(3):
                self.object_to_change(number)
                self.thief(number, next(plan))
                circle = self.sets[number]
                if circle is None:  # they were dropped before this began
                    return
                self.object_to_change(number)
                keys = self.new_keys()
                request = self.ask(number, keys)
                assert request is not None
                for who in range(circle.quorum):
                    assert self.say_yes(number, request, circle, who)
                self.move_to(request, 0)
                self.thief(number, next(plan))
                if self.carry_out(number, request, keys):
                    REACHED["honest quorum"] += 1
                    return
                REACHED["honest quorum: vetoed"] += 1
            raise AssertionError("a quorum of honest guardians did not get through")

        def object_to_change(self, number: int) -> None:
            """The guardians keep an eye on changes."""
            circle = self.sets[number]
            waiting = self.model.of(self.at(number)[1]).change
            if circle and waiting:
                for who in range(circle.count):
                    if self.model.of(self.at(number)[1]).change:
                        self.object(number, circle, who)
                assert self.model.of(self.at(number)[1]).change is None

        @invariant()
        def agree(self) -> None:
            assert self.suite.registry.root() == self.acts.tree.root
            for number, holder in enumerate(self.holders):
                passport = (holder.identity, holder.anchor)
                state = tuple(self.on_chain(holder))
                assert state == self.model.of(passport).view()
                assert self.replay.passport(self.key(holder)) == state  # events tell everything
                record = tuple(self.suite.registry.passport(*passport))
                assert record[1::2] == (holder.epoch, self.registry.status(*passport))
                if number not in self.touched:  # recovering one changes no other
                    assert self.before.get(number, (state, record)) == (state, record)
                self.before[number] = (state, record)
                circle = self.sets[number]
                in_force = (circle.guardian, circle.commitment) if circle else (state[0], 0)
                assert state[:2] == in_force
                marks = {2: REVOKED_LEAF, 3: FROZEN_LEAF}
                assert self.acts.tree.leaf(holder.index) == marks.get(record[3], holder.leaf)
            self.touched.clear()
            for request, _, _ in self.asked[-4:]:
                told = tuple(self.suite.recovery.request_state(request))
                assert told[1:] == self.model.requests[request].view()
                assert self.replay.request(request) == told
                assert told[3] == len(self.books.approvers[request])  # distinct guardians
            for contract in (self.suite.recovery, self.suite.registry, self.suite.grants):
                assert boa.env.get_balance(contract.address) == 0

        @invariant()
        def veto_is_possible(self) -> None:
            """Until it is executed, the holder of a leaf in the tree can veto an armed request."""
            for request, number, _ in self.asked[-1:]:
                holder = self.holders[number]
                active = self.registry.status(holder.identity, holder.anchor) == ACTIVE
                armed = self.model.requests[request].status == ARMED
                if armed and self.model.alive(request, now()) and active:
                    with boa.env.anchor():
                        assert refusal(lambda h=holder, r=request: self.acts.veto(h, r)) is None
                    REACHED["veto is possible"] += 1

    return Machine


MUST_REACH = (
    *("propose: done", "approve: done", "veto: done", "execute: done"),
    *("propose_change: done", "cancel_change: done", "approve_cancel: done"),
    *("finish_change: done", "update: done", "revoke: done"),
    *("race: veto first", "race: execution first", "veto is possible"),
    *("honest quorum", "honest quorum: vetoed", "execute: of one taken out"),
    # some refusals that take a history; each reason has a test of its own besides
    "execute: recovery: delay is not over",
    "execute: recovery: request has expired",
    "execute: recovery: request is void",
    "execute: recovery: too few approvals for a passport taken out",
    "veto: registry: passport is frozen",
    "approve: recovery: proof is not valid",
    "approve: recovery: guardian has approved already",
    "finish_change: recovery: an armed request holds up the change",
)


def test_recovery__agrees_with_the_model_and_keeps_its_promises(suite: Deployment) -> None:
    REACHED.clear()
    run_state_machine_as_test(
        make_machine(suite),
        settings=settings(
            max_examples=24,
            stateful_step_count=30,
            deadline=None,
            phases=PHASES,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    missing = [name for name in MUST_REACH if not REACHED[name]]
    assert not missing, (missing, dict(REACHED))
