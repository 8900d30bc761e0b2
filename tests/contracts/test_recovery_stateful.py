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

members = st.integers(0, MEMBERS - 1)
picks = st.integers(0, 10**6)
chosen_sets = st.integers(-1, 2)
thief_acts = st.lists(
    st.sampled_from(["veto", "update", "revoke", "change", "finish", "rest"]),
    min_size=8,
    max_size=8,
)


def make_machine(deployed: Deployment) -> type[RuleBasedStateMachine]:
    """Bind the state machine to a deployed suite."""

    class Machine(RecoveryMachine):
        suite = deployed

        # --- rules

        @rule(
            seconds=st.sampled_from(
                [1, HOUR, 12 * HOUR, 48 * HOUR - 1, 48 * HOUR, 96 * HOUR]
                + [7 * DAY - 1, 7 * DAY, 9 * DAY - 1]
            )
        )
        def wait(self, seconds: int) -> None:
            pass_time(seconds)

        @rule(number=members, fault=st.sampled_from(["none"] * 4 + ["level", "signal"]))
        def propose(self, number: int, fault: str) -> None:
            self.ask(number, self.new_keys(), fault)

        @rule(number=members, choice=picks)
        def propose_again(self, number: int, choice: int) -> None:
            picked = self.pick(number, choice)
            if picked:
                self.ask(number, picked[1])

        @rule(number=members, choice=picks, who=picks, circle=st.integers(0, 6))
        def approve(self, number: int, choice: int, who: int, circle: int) -> None:
            picked = self.pick(number, choice)
            if picked:
                mine = self.sets[number] or CIRCLES[0]
                self.say_yes(number, picked[0], CIRCLES[circle] if circle < 3 else mine, who)

        @rule(number=members, extra=st.integers(0, 1))
        def arm(self, number: int, extra: int) -> None:
            circle = self.sets[number]
            request = self.ask(number, self.new_keys())
            if circle and request is not None:
                for who in range(circle.threshold + extra):
                    self.say_yes(number, request, circle, who)

        @rule(
            number=members,
            choice=picks,
            fault=st.sampled_from(["none"] * 5 + ["level", "signal", "keys"]),
        )
        def veto(self, number: int, choice: int, fault: str) -> None:
            picked = self.pick(number, choice)
            if picked:
                self.say_no(number, picked[0], fault)

        @rule(number=members, choice=picks, other=st.integers(0, 9))
        def execute(self, number: int, choice: int, other: int) -> None:
            picked = self.pick(number, choice)
            if picked:
                by = (number + 1) % MEMBERS if other == 0 else None
                self.carry_out(number, *picked, by)

        @rule(number=members, choice=picks, veto_first=st.booleans(), wait=st.booleans())
        def race(self, number: int, choice: int, veto_first: bool, wait: bool) -> None:
            """Veto and execution in one block: the first one counts."""
            picked = self.pick(number, choice)
            if not picked:
                return
            if wait and picked[0] in self.books.due:
                boa.env.evm.patch.timestamp = max(now(), self.books.due[picked[0]])
            acts = [
                lambda: self.say_no(number, picked[0]),
                lambda: self.carry_out(number, *picked),
            ]
            first, second = acts if veto_first else reversed(acts)
            if first():
                assert not second()
                REACHED[f"race: {'veto' if veto_first else 'execution'} first"] += 1

        @rule(
            number=members,
            circle=st.integers(-1, 2),
            fault=st.sampled_from(["none"] * 3 + ["nonce"]),
        )
        def propose_change(self, number: int, circle: int, fault: str) -> None:
            self.change(number, CIRCLES[circle] if circle >= 0 else None, fault)

        @rule(number=members)
        def cancel_change(self, number: int) -> None:
            registry, _, opened, siblings = self.at(number)
            shown = self.acts.for_keep(self.holders[number])
            self.same(
                "cancel_change",
                number,
                self.act("cancel_change", registry, opened.abi(), siblings, shown.abi()),
                lambda: self.model.cancel_change(now(), opened, siblings, shown, genuine=True),
            )

        @rule(number=members, who=picks, circle=st.integers(0, 6))
        def approve_cancel(self, number: int, who: int, circle: int) -> None:
            mine = self.sets[number] or CIRCLES[0]
            self.object(number, CIRCLES[circle] if circle < 3 else mine, who)

        @rule(number=members, wait=st.booleans())
        def finish_change(self, number: int, wait: bool) -> None:
            if wait:
                pass_time(48 * HOUR)
            self.finish(number)

        @rule(number=members)
        def update(self, number: int) -> None:
            self.rotate(number)

        @rule(number=members, really=st.integers(0, 2))
        def revoke(self, number: int, really: int) -> None:
            if not really:
                self.revoke_it(number)

        @rule(number=st.integers(0, MEMBERS - 2), does=thief_acts)
        def honest_quorum(self, number: int, does: list[str]) -> None:
            """Whatever a thief with the keys does in between, a quorum gets through."""
            circle = self.sets[number]
            if circle is None:
                return
            plan = iter(does)
            for _ in range(3):
                self.thief(number, next(plan))
                waiting = self.model.of(self.at(number)[1]).change
                if waiting:  # the guardians keep an eye on changes
                    for who in range(circle.threshold):
                        self.object(number, circle, who)
                keys = self.new_keys()
                request = self.ask(number, keys)
                assert request is not None
                for who in range(circle.quorum):
                    assert self.say_yes(number, request, circle, who)
                boa.env.evm.patch.timestamp = self.books.due[request]
                self.thief(number, next(plan))
                if self.carry_out(number, request, keys):
                    REACHED["honest quorum"] += 1
                    return
                REACHED["honest quorum: vetoed"] += 1
            raise AssertionError("a quorum of honest guardians did not get through")

        # --- promises

        @invariant()
        def agree(self) -> None:
            assert self.suite.registry.root() == self.acts.tree.root
            for number, holder in enumerate(self.holders):
                passport = (holder.identity, holder.anchor)
                state = tuple(self.acts.state(holder))
                assert state == self.model.of(passport).view()
                assert self.replay.passport(self.key(holder)) == state  # events tell everything
                record = self.suite.registry.passport(*passport)
                assert record.epoch == holder.epoch
                assert record.status == self.registry.status(*passport)
                circle = self.sets[number]
                assert state[:2] == (
                    *((circle.guardian, circle.commitment) if circle else (state[0], 0)),
                )
                if record.status == ACTIVE:
                    assert self.acts.tree.leaf(holder.index) == holder.leaf
                else:
                    mark = REVOKED_LEAF if record.status == 2 else FROZEN_LEAF
                    assert self.acts.tree.leaf(holder.index) == mark
            for request, _, _ in self.asked[-6:]:
                state = tuple(self.suite.recovery.request_state(request))
                assert state[1:] == self.model.requests[request].view()
                assert self.replay.request(request) == state
                assert state[3] == len(self.books.approvers[request])  # distinct guardians
            for contract in (self.suite.recovery, self.suite.registry, self.suite.epochs):
                assert boa.env.get_balance(contract.address) == 0

        @invariant()
        def veto_is_possible(self) -> None:
            """Until it is executed, the holder of a leaf in the tree can veto an armed request."""
            for request, number, _ in self.asked[-2:]:
                holder = self.holders[number]
                state = self.suite.recovery.request_state(request)
                active = self.registry.status(holder.identity, holder.anchor) == ACTIVE
                if state.status == ARMED and self.model.alive(request, now()) and active:
                    with boa.env.anchor():
                        logs, tree = self.acts.logs, self.acts.tree
                        assert refusal(lambda h=holder, r=request: self.acts.veto(h, r)) is None
                        self.acts.logs, self.acts.tree = logs, tree
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
            max_examples=30,
            stateful_step_count=40,
            deadline=None,
            phases=PHASES,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    missing = [name for name in MUST_REACH if not REACHED[name]]
    assert not missing, (missing, dict(REACHED))
