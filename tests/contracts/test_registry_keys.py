"""PassportRegistry: replacement of keys and revocation; refusals beside successes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boa
from deployment import (
    START,
    Deployment,
    Holder,
    account,
    at,
    commitment,
    now,
    refusal,
    subtree_siblings,
)
from groth16_simulator import negated_form
from model import REVOKED_LEAF
from registry_acts import NOT_VALID, enrolled, event

from mip_cli.crypto.commitments import leaf
from mip_cli.crypto.field import R

# --- replacement of keys


def test_update__replaces_keys(suite: Deployment) -> None:
    holders, tree = enrolled(suite, 7)
    for index in (0, 3, 4, 5, 6):
        renewed = suite.update(holders[index], commitment(90 + index), tree)
        log = event(suite.registry)
        assert type(log).__name__ == "PassportUpdated"
        assert (log.identity_commitment, log.anchor) == (renewed.identity, renewed.anchor)
        assert (log.index, log.epoch) == (index, 1)
        assert (log.keys_root, log.leaf) == (renewed.keys, renewed.leaf)
        assert log.guardian_commitment == holders[index].guardian  # the fast way leaves it
        assert suite.registry.root() == tree.root
        assert suite.registry.size() == 7
        stored = suite.registry.passport(renewed.identity, renewed.anchor)
        assert tuple(stored) == (index, 1, now(), 1)
    for extra in range(5):  # the stored peaks are right too
        tree.append(suite.enroll(100 + extra).leaf)
        assert suite.registry.root() == tree.root


def test_update__only_member(suite: Deployment) -> None:
    (holder,), tree = enrolled(suite, 1)
    renewed = suite.update(holder, commitment(9), tree)
    assert suite.registry.root() == renewed.leaf


def test_update__others_enrolling_do_not_stop_it(suite: Deployment) -> None:
    holders, tree = enrolled(suite, 4)
    presented = suite.for_update(holders[1], commitment(9))
    siblings = subtree_siblings(tree, 1)
    for number in range(4, 7):
        tree.append(suite.enroll(number).leaf)
    h = holders[1]
    suite.registry.update(h.opening.abi(), commitment(9), siblings, presented.abi())
    tree.update(1, leaf(h.identity, h.anchor, commitment(9), h.guardian))
    assert suite.registry.root() == tree.root


def act_update(
    suite: Deployment, holder: Holder, new_keys: int, path: list[int], proved: Any, **changes: Any
) -> str | None:
    """Try an update with one thing changed; roll back."""
    values = {"new": new_keys, "siblings": path, "presented": proved, **changes}
    opened, values = opening_with(holder, values)
    with boa.env.anchor():
        return refusal(lambda: suite.registry.update(opened, *values.values()))


def opening_with(holder: Holder, values: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Take changes of the leaf's opening out of the arguments; encode both."""
    parts = ("identity", "anchor", "keys", "guardian")
    changes = {name: values.pop(name) for name in parts if name in values}
    return replace(holder.opening, **changes).abi(), {
        **values,
        "presented": values["presented"].abi(),
    }


def test_update__reverts(suite: Deployment) -> None:
    holders, tree = enrolled(suite, 6)
    holder, new = holders[2], commitment(9)
    siblings = subtree_siblings(tree, 2)
    good = suite.for_update(holder, new)

    def act(**changes: Any) -> str | None:
        return act_update(suite, holder, new, siblings, good, **changes)

    assert act() is None
    for bad in (0, R, new + R):
        assert act(new=bad) == "registry: keys root is zero or not canonical"
    assert act(identity=commitment(50)) == "registry: passport is not enrolled"
    assert act(anchor=account(50)) == "registry: passport is not enrolled"
    about = "registry: presentation is not about the passport's leaf"
    assert act(keys=commitment(50)) == about
    assert act(guardian=commitment(50)) == about
    assert act(presented=suite.for_update(holder, new, root=suite.registry.root())) == about
    assert act(presented=replace(good, root=good.root + R)) == about
    assert act(keys=holder.keys + R) == "registry: leaf operand is not canonical"
    assert act(guardian=0) == "registry: guardian commitment is zero or not canonical"
    other = suite.for_update(holder, new, beneficiary=account(66))
    assert act(presented=other) == "registry: beneficiary is not the anchor"
    level = "registry: level is not that of a leaf proof"
    for other_level in (0, 1, 3, 4):
        assert act(presented=suite.for_update(holder, new, level=other_level)) == level
    for nonce in (1, 2**256 - 1):
        wrong_nonce = suite.for_update(holder, new, nonce=nonce)
        assert act(presented=wrong_nonce) == "registry: nonce is not the passport's epoch"
    assert act(presented=suite.for_update(holder, commitment(10))) == NOT_VALID  # another act
    assert act(new=commitment(10)) == NOT_VALID  # a relayer's own keys
    assert act(presented=suite.for_revoke(holder)) == NOT_VALID
    number = "registry: number of siblings does not fit the tree"
    assert act(siblings=siblings[:-1]) == number
    assert act(siblings=[*siblings, 1, 1]) == number
    wrong = "registry: siblings do not lead from this leaf to the tree"
    assert act(siblings=[siblings[0], siblings[1] ^ 1]) == wrong
    assert act(siblings=[siblings[0] + R, siblings[1]]) == "registry: tree node is not canonical"


def test_update__cool_down(suite: Deployment) -> None:
    (holder, *_), tree = enrolled(suite, 3)
    renewed = suite.update(holder, commitment(9), tree)
    first = now()
    siblings = subtree_siblings(tree, 0)
    for wait, reason in (
        (0, "registry: keys were replaced less than COOLDOWN ago"),
        (599, "registry: keys were replaced less than COOLDOWN ago"),
        (600, None),
    ):
        at(first + wait)
        presented = suite.for_update(renewed, commitment(10))
        assert act_update(suite, renewed, commitment(10), siblings, presented) == reason


def test_update__same_proof_serves_once(suite: Deployment) -> None:
    (holder, *_), tree = enrolled(suite, 2)
    presented = suite.for_update(holder, holder.keys)  # even to the same keys
    siblings = subtree_siblings(tree, 0)
    call = (holder.opening.abi(), holder.keys, siblings)
    suite.registry.update(*call, presented.abi())
    assert suite.registry.root() == tree.root  # the leaf is the same as before
    at(now() + 600)
    for form in (presented, replace(presented, proof=tuple(negated_form(presented.proof)))):
        reason = refusal(lambda form=form: suite.registry.update(*call, form.abi()))
        assert reason == "registry: nonce is not the passport's epoch"


def test_update__of_one_never_changes_another(suite: Deployment) -> None:
    holders, tree = enrolled(suite, 5)
    before = [suite.registry.passport(h.identity, h.anchor) for h in holders]
    suite.update(holders[2], commitment(9), tree)
    after = [suite.registry.passport(h.identity, h.anchor) for h in holders]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, True, False, True, True]


# --- revocation


def test_revoke__takes_the_leaf_out(suite: Deployment) -> None:
    holders, tree = enrolled(suite, 5)
    holder = holders[1]
    siblings = subtree_siblings(tree, 1)
    suite.registry.revoke(holder.opening.abi(), siblings, suite.for_revoke(holder).abi())
    log = event(suite.registry)
    assert type(log).__name__ == "PassportRevoked"
    assert (log.identity_commitment, log.anchor) == (holder.identity, holder.anchor)
    assert (log.index, log.epoch) == (1, 0)
    tree.update(1, REVOKED_LEAF)
    assert (suite.registry.root(), suite.registry.size()) == (tree.root, 5)
    assert suite.registry.passport(holder.identity, holder.anchor).status == 2
    revoked = "registry: passport is revoked"
    siblings = subtree_siblings(tree, 1)
    presented = suite.for_update(holder, commitment(9))
    assert act_update(suite, holder, commitment(9), siblings, presented) == revoked
    again = suite.for_revoke(holder, root=REVOKED_LEAF)
    arguments = (holder.opening.abi(), siblings, again.abi())
    assert refusal(lambda: suite.registry.revoke(*arguments)) == revoked
    reason = refusal(
        lambda: suite.registry.enroll(holder.identity, commitment(9), 3, sender=holder.anchor)
    )
    assert reason == "registry: passport is already enrolled"


def test_revoke__reverts(suite: Deployment) -> None:
    holders, tree = enrolled(suite, 4)
    holder, siblings, good = holders[3], subtree_siblings(tree, 3), suite.for_revoke(holders[3])

    def act(**changes: Any) -> str | None:
        values = {"siblings": siblings, "presented": good, **changes}
        opened, values = opening_with(holder, values)
        with boa.env.anchor():
            return refusal(lambda: suite.registry.revoke(opened, *values.values()))

    assert act() is None
    assert act(identity=commitment(50)) == "registry: passport is not enrolled"
    about = "registry: presentation is not about the passport's leaf"
    assert act(keys=commitment(50)) == about
    assert act(presented=suite.for_revoke(holders[2])) == about
    for level in (1, 3):
        reason = "registry: level is not that of a leaf proof"
        assert act(presented=suite.for_revoke(holder, level=level)) == reason
    stale = suite.for_revoke(holder, nonce=1)
    assert act(presented=stale) == "registry: nonce is not the passport's epoch"
    assert act(presented=suite.for_update(holder, holder.keys)) == NOT_VALID
    other = suite.for_revoke(holder, beneficiary=account(66))
    assert act(presented=other) == "registry: beneficiary is not the anchor"
    wrong = "registry: siblings do not lead from this leaf to the tree"
    assert act(siblings=[siblings[0] ^ 1, siblings[1]]) == wrong
    number = "registry: number of siblings does not fit the tree"
    assert act(siblings=[]) == number


def test_revoke__no_cool_down(suite: Deployment) -> None:
    (holder, *_), tree = enrolled(suite, 2)
    renewed = suite.update(holder, commitment(9), tree)
    siblings = subtree_siblings(tree, 0)
    arguments = (renewed.opening.abi(), siblings)
    suite.registry.revoke(*arguments, suite.for_revoke(renewed).abi())
    assert suite.registry.passport(renewed.identity, renewed.anchor).status == 2


def test_revoke__record_keeps_epoch_and_time(suite: Deployment) -> None:
    (_, holder, _), tree = enrolled(suite, 3)
    at(START + 100)
    renewed = suite.update(holder, commitment(9), tree)
    at(START + 300)
    arguments = (renewed.opening.abi(), subtree_siblings(tree, 1))
    suite.registry.revoke(*arguments, suite.for_revoke(renewed).abi())
    assert event(suite.registry).epoch == 1
    stored = suite.registry.passport(renewed.identity, renewed.anchor)
    assert tuple(stored) == (1, 1, START + 100, 2)


def test_leaf__inner_node_is_no_leaf(suite: Deployment) -> None:
    """The planted leaf: an enroller's keys root cannot be opened as a leaf of its own."""
    victim = leaf(commitment(1), account(2), commitment(3), commitment(4))
    holder = suite.enroll(1, keys=victim)
    assert suite.registry.root() == holder.leaf
    presented = suite.for_update(replace(holder, keys=commitment(3)), commitment(9), root=victim)
    planted = (commitment(1), account(2), commitment(3), commitment(4))
    reason = refusal(lambda: suite.registry.update(planted, commitment(9), [], presented.abi()))
    assert reason == "registry: passport is not enrolled"
