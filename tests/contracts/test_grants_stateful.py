"""Random sequences of grants, uses and ends: contract, model and events agree on everything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import boa
from deployment import Deployment, account, at, now, refusal
from eth_utils import keccak
from grant_acts import DAY, FINANCE, HEALTH, MAX_LIFETIME, NULLIFIER, PURPOSE, Grants, Terms
from grant_model import EMPTY, GrantsModel, Key, Noted, Replay
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from model import Presentation, Refused

REACHED: Counter[str] = Counter()
GRANTEES = (account(41), account(42))
CATEGORIES = (FINANCE, HEALTH)

people = st.integers(0, 1).map(lambda n: NULLIFIER + n)
grantees = st.sampled_from(GRANTEES)
categories = st.sampled_from([FINANCE, FINANCE, HEALTH])
levels = st.integers(0, 3)
lifetimes = st.sampled_from([60, DAY, DAY, 200 * DAY, MAX_LIFETIME])
uses = st.sampled_from([1, 1, 1, 2, 3, 2**32 - 1])
asked = st.fixed_dictionaries({"level": levels, "uses": uses, "lifetime": lifetimes})
defects = st.sampled_from(
    [{"level": 4}, {"uses": 0}, {"uses": 2**32}]
    + [{"lifetime": -1}, {"lifetime": 0}, {"lifetime": MAX_LIFETIME + 1}]
)
faults = st.sampled_from(["nonce", "epoch", "terms", "pseudonym", "revocation"])


@dataclass(frozen=True)
class Sent:
    """A grant that was accepted once."""

    nullifier: int
    terms: Terms
    shown: Presentation


def make_machine(suite: Deployment) -> type[RuleBasedStateMachine]:
    """Bind the state machine to a deployed suite."""

    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.anchor = boa.env.anchor()
            self.anchor.__enter__()
            self.grants = Grants(suite)
            self.contract = self.grants.contract
            self.model, self.replay = GrantsModel(), Replay()
            self.sent: list[Sent] = []
            self.drawn = 0

        def teardown(self) -> None:
            assert self.replay.noted == self.model.noted
            assert self.replay.sequences == self.model.sequences
            for key in set(self.model.sequences):
                self.agree(key)
            assert boa.env.get_balance(self.contract.address) == 0
            self.anchor.__exit__(None, None, None)

        def same(self, name: str, contract: Callable[[], Any], model: Callable[[], Any]) -> bool:
            """Run both; compare reasons and events; tell whether the act was done."""
            reason: str | None = None
            before = dict(self.model.sequences)
            try:
                model()
            except Refused as refused:
                reason = str(refused)
            got = refusal(contract)
            assert got == reason, (name, got, reason)
            REACHED[f"{name}: {reason or 'done'}"] += 1
            if reason is None:
                (log,) = self.contract.get_logs()  # every change of state has one event
                self.replay.read(log)
            for key, sequence in self.model.sequences.items():
                assert sequence - before.get(key, 0) in (0, 1)
            return reason is None

        def agree(self, key: Key) -> None:
            """Compare all that can be asked about a pseudonym and category."""
            nullifier, category = key
            state = self.contract.grant_of(nullifier, category)
            assert state.sequence == self.model.sequences.get(key, 0)
            assert state.sequence == self.contract.sequence_of(nullifier, category)
            found = Noted(
                *(str(state.grantee), state.level, state.expires),
                *(state.uses_left, state.epoch, state.receipt),
            )
            assert found == self.model.noted.get(key, EMPTY)
            for grantee in GRANTEES:
                for level in {0, found.level, found.level + 1}:
                    self.ask(key, grantee, level)

        def ask(self, key: Key, grantee: str, level: int) -> None:
            reason, left = None, None
            try:
                left = self.model.check(now(), key, level, grantee)
            except Refused as refused:
                reason = str(refused)
            answers: list[int] = []
            check = partial(self.contract.check, *key, level, sender=grantee)
            assert refusal(lambda c=check, found=answers: found.append(c())) == reason
            assert answers == ([] if left is None else [left])
            allowed = self.contract.allowed(grantee, *key, level)
            assert allowed is (reason is None)
            if allowed:  # what is promised, said once more without the model's order of checks
                state, epoch = self.contract.grant_of(*key), suite.grants.epoch_of(key[0])
                assert (str(state.grantee), state.epoch) == (grantee, epoch)
                assert now() < state.expires
                assert level <= state.level <= 3
                assert state.uses_left >= 1

        @rule(who=people, grantee=grantees, category=categories, terms=asked)
        def grant(self, who: int, grantee: str, category: bytes, terms: dict[str, int]) -> None:
            self._grant(who, self.terms(grantee, category, terms), "none")

        @rule(who=people, grantee=grantees, category=categories, terms=asked, defect=defects)
        def grant_amiss(
            self,
            who: int,
            grantee: str,
            category: bytes,
            terms: dict[str, int],
            defect: dict[str, int],
        ) -> None:
            self._grant(who, self.terms(grantee, category, {**terms, **defect}), "none")

        @rule(who=people, grantee=grantees, category=categories, terms=asked, fault=faults)
        def grant_forged(
            self, who: int, grantee: str, category: bytes, terms: dict[str, int], fault: str
        ) -> None:
            self._grant(who, self.terms(grantee, category, terms), fault)

        def terms(self, grantee: str, category: bytes, asked: dict[str, int]) -> Terms:
            self.drawn += 1
            receipt = keccak(self.drawn.to_bytes(8, "big"))
            expires = now() + asked["lifetime"]
            return Terms(
                grantee, PURPOSE, category, asked["level"], expires, asked["uses"], receipt
            )

        def _grant(self, who: int, terms: Terms, fault: str) -> None:
            grantee, category = terms.grantee, terms.category
            key, proved = (who, category), terms
            sequence, epoch = self.grants.next(*key), self.grants.epoch(who)
            if fault == "terms":
                proved = replace(terms, uses=terms.uses + 1)
            if fault == "epoch":
                epoch += 1
            if fault == "nonce":
                sequence += 1
            shown = self.grants.shown(proved, epoch=epoch, sequence=sequence, nullifier=who)
            if fault == "pseudonym":
                shown = replace(shown, nullifier=NULLIFIER + 9, nonce=1)
                key, sequence = (NULLIFIER + 9, category), 1
            if fault == "revocation":
                shown = self.grants.shown_revoke(grantee, PURPOSE, category, nullifier=who)
            genuine = fault in ("none", "nonce")
            done = self.same(
                f"grant, {fault}",
                lambda: self.contract.grant(terms.abi(), shown.abi(), sender=account(66)),
                lambda: self.model.grant(now(), key, terms, sequence, genuine),
            )
            if done:
                self.sent.append(Sent(who, terms, shown))
            self.agree(key)

        @rule(pick=st.integers(0, 30))
        def grant_again(self, pick: int) -> None:
            if not self.sent:
                return
            old = self.sent[pick % len(self.sent)]
            key = (old.nullifier, old.terms.category)
            self.same(
                "grant again",
                lambda: self.contract.grant(old.terms.abi(), old.shown.abi()),
                lambda: self.model.grant(now(), key, old.terms, old.shown.nonce, True),
            )
            self.agree(key)

        @rule(who=people, category=categories)
        def revoke(self, who: int, category: bytes) -> None:
            self._revoke(who, category, "none")

        @rule(who=people, category=categories, fault=st.sampled_from(["nonce", "of"]))
        def revoke_forged(self, who: int, category: bytes, fault: str) -> None:
            self._revoke(who, category, fault)

        def _revoke(self, who: int, category: bytes, fault: str) -> None:
            key = (who, category)
            held = self.model.noted.get(key)
            grantee = held.grantee if held else GRANTEES[0]
            nonce = self.grants.next(*key) - (fault == "nonce")
            made_for = HEALTH if fault == "of" and category == FINANCE else category
            made_for = FINANCE if fault == "of" and category == HEALTH else made_for
            shown = self.grants.shown_revoke(grantee, PURPOSE, made_for, nullifier=who, nonce=nonce)
            purpose = keccak(text=PURPOSE)
            self.same(
                f"revoke, {fault}",
                lambda: self.contract.revoke(grantee, purpose, category, shown.abi()),
                lambda: self.model.revoke(key, nonce, fault != "of"),
            )
            self.agree(key)

        @rule(who=people, category=categories, by=grantees)
        def renounce(self, who: int, category: bytes, by: str) -> None:
            self.same(
                "renounce",
                lambda: self.contract.renounce(who, category, sender=by),
                lambda: self.model.renounce((who, category), by),
            )
            self.agree((who, category))

        @rule(who=people, category=categories, by=grantees, level=st.integers(0, 4))
        def use(self, who: int, category: bytes, by: str, level: int) -> None:
            self._use((who, category), level, by)

        @rule(pick=st.integers(0, 3), below=st.integers(0, 3))
        def use_own(self, pick: int, below: int) -> None:
            """Use something that is noted, at a level that was granted."""
            held = sorted(self.model.noted)
            if held:
                key = held[pick % len(held)]
                noted = self.model.noted[key]
                self._use(key, max(noted.level - below, 0), noted.grantee)

        @rule(who=people, grantee=grantees, category=categories, terms=asked)
        def spoil(self, who: int, grantee: str, category: bytes, terms: dict[str, int]) -> None:
            """Grant, then use with one thing wrong at a time: chance alone seldom gets there."""
            key, level = (who, category), terms["level"]
            stranger = next(one for one in GRANTEES if one != grantee)
            for end in ("void", "over", "renounced", "used up"):
                granted = {**terms, "uses": 1} if end == "used up" else terms
                self._grant(who, self.terms(grantee, category, granted), "none")
                self._use(key, level, stranger)
                self._use(key, level + 1, grantee)
                if end == "void":
                    self.advance(who)
                elif end == "over":
                    at(now() + terms["lifetime"])
                elif end == "used up":
                    self._use(key, level, grantee)
                else:
                    self.renounce(who, category, stranger)
                    self.renounce(who, category, grantee)
                self._use(key, level, grantee)

        def _use(self, key: Key, level: int, by: str) -> None:
            self.same(
                "use",
                lambda: self.contract.use(*key, level, keccak(b"a"), sender=by),
                lambda: self.model.use(now(), key, level, by),
            )
            self.agree(key)

        @rule(who=people)
        def advance(self, who: int) -> None:
            self.grants.advance(nullifier=who)
            self.model.advance(who)
            REACHED["advance: done"] += 1

        @rule(seconds=st.sampled_from([1, 1, 59, 60, 3600, 3600, DAY, 150 * DAY]))
        def pass_time(self, seconds: int) -> None:
            at(now() + seconds)

    return Machine


MUST_REACH = (
    "grant, none: done",
    "grant, nonce: grants: nonce is not the next sequence",
    "grant, epoch: registry: proof is not valid",
    "grant, terms: registry: proof is not valid",
    "grant, pseudonym: registry: proof is not valid",
    "grant, revocation: registry: proof is not valid",
    "grant again: grants: nonce is not the next sequence",
    "revoke, none: done",
    "revoke, nonce: grants: nonce is not the next sequence",
    "revoke, of: registry: proof is not valid",
    "renounce: done",
    "renounce: grants: sender is not the grantee",
    "renounce: grants: nothing is granted",
    "use: done",
    "use: grants: nothing is granted",
    "use: grants: sender is not the grantee",
    "use: grants: grant has expired",
    "use: grants: grant is used up",
    "use: grants: level is not granted",
    "use: grants: grant was voided by its holder",
    "advance: done",
)


def test_grants__agree_with_the_model(suite: Deployment) -> None:
    REACHED.clear()
    run_state_machine_as_test(
        make_machine(suite),
        settings=settings(
            max_examples=12,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    missing = [name for name in MUST_REACH if not REACHED[name]]
    assert not missing, (missing, dict(REACHED))
