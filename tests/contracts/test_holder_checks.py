"""What the registry tells other contracts, and what the recovery contract does to a leaf."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boa
import pytest
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
from eth_utils import keccak
from model import FROZEN_LEAF, REVOKED_LEAF

from mip_cli.crypto.field import R
from mip_cli.crypto.lean_tree import LeanTree

ASKER, APP = account(40), account(41)
NOT_VALID = "registry: proof is not valid"
ABOUT = "registry: presentation is not about the passport's leaf"
WRONG = "registry: siblings do not lead from this leaf to the tree"
NUMBER = "registry: number of siblings does not fit the tree"
LEVEL = "registry: level is not that of a leaf proof"


def enrolled(suite: Deployment, count: int) -> tuple[list[Holder], LeanTree]:
    holders = [suite.enroll(number) for number in range(count)]
    return holders, LeanTree(holder.leaf for holder in holders)


# --- check_holder and check_opening


def test_check_holder__the_leaf_is_in_the_tree_and_its_holder_asks(suite: Deployment) -> None:
    holders, tree = enrolled(suite, 6)
    for holder in holders:
        shown = suite.for_leaf(holder, ASKER, "p", keccak(b"x"))
        arguments = (holder.opening.abi(), keccak(text="p"), keccak(b"x"))
        siblings = subtree_siblings(tree, holder.index)
        answer = suite.registry.check_holder(*arguments, siblings, shown.abi(), sender=ASKER)
        assert answer == shown.nullifier
        opened = suite.registry.check_opening(*arguments, shown.abi(), sender=ASKER)
        assert opened == shown.nullifier


def test_check_holder__reverts(suite: Deployment) -> None:
    holders, tree = enrolled(suite, 6)
    holder = holders[2]
    siblings = subtree_siblings(tree, 2)
    good = suite.for_leaf(holder, ASKER, "p", keccak(b"x"))

    def act(in_tree: bool = True, **changes: Any) -> str | None:
        values = {
            "leaf": holder.opening.abi(),
            "purpose": keccak(text="p"),
            "payload": keccak(b"x"),
            "siblings": siblings,
            "presented": good,
            "sender": ASKER,
            **changes,
        }
        sender = values.pop("sender")
        values["presented"] = values["presented"].abi()
        if in_tree:
            return refusal(lambda: suite.registry.check_holder(*values.values(), sender=sender))
        values.pop("siblings")
        return refusal(lambda: suite.registry.check_opening(*values.values(), sender=sender))

    def made(**changes: Any) -> Any:
        return suite.for_leaf(holder, ASKER, "p", keccak(b"x"), **changes)

    for in_tree in (True, False):
        assert act(in_tree) is None
        assert act(in_tree, purpose=keccak(text="q")) == NOT_VALID
        assert act(in_tree, payload=keccak(b"y")) == NOT_VALID
        assert act(in_tree, sender=account(42)) == NOT_VALID
        assert act(in_tree, presented=replace(good, nonce=good.nonce + 1)) == NOT_VALID
        for level in (0, 1, 3, 4):
            assert act(in_tree, presented=made(level=level)) == LEVEL
        assert act(in_tree, presented=made(root=suite.registry.root())) == ABOUT
        other = made(beneficiary=account(66))
        assert act(in_tree, presented=other) == "registry: beneficiary is not the anchor"
        late = made(lifetime=-1)
        assert act(in_tree, presented=late) == "registry: presentation has expired"
        bad = (holder.identity, holder.anchor, holder.keys + R, holder.guardian)
        assert act(in_tree, leaf=bad) == "registry: leaf operand is not canonical"
    assert act(siblings=siblings[:-1]) == NUMBER
    assert act(siblings=[*siblings, 1, 1]) == NUMBER
    assert act(siblings=[siblings[0] ^ 1, siblings[1]]) == WRONG
    # a leaf that is not in the tree: its maker opens it, but holds no passport by it
    absent = replace(holder, keys=commitment(90))
    shown = suite.for_leaf(absent, ASKER, "p", keccak(b"x"))
    assert act(False, leaf=absent.opening.abi(), presented=shown) is None
    assert act(True, leaf=absent.opening.abi(), presented=shown) == WRONG
    stranger = replace(holder, anchor=account(66))
    shown = suite.for_leaf(stranger, ASKER, "p", keccak(b"x"))
    assert act(False, leaf=stranger.opening.abi(), presented=shown) is None
    unknown = "registry: passport is not enrolled"
    assert act(True, leaf=stranger.opening.abi(), presented=shown) == unknown


def test_check_holder__after_an_update_or_a_revocation__reverts(suite: Deployment) -> None:
    holders, tree = enrolled(suite, 3)

    def act(holder: Holder) -> str | None:
        shown = suite.for_leaf(holder, ASKER, "p", keccak(b"x")).abi()
        siblings = subtree_siblings(tree, holder.index)
        call = (holder.opening.abi(), keccak(text="p"), keccak(b"x"), siblings, shown)
        return refusal(lambda: suite.registry.check_holder(*call, sender=ASKER))

    assert act(holders[1]) is None
    renewed = suite.update(holders[1], commitment(9), tree)
    assert act(renewed) is None
    assert act(holders[1]) == WRONG
    shown = suite.for_revoke(renewed).abi()
    suite.registry.revoke(renewed.opening.abi(), subtree_siblings(tree, 1), shown)
    tree.update(1, REVOKED_LEAF)
    assert act(renewed) == "registry: passport is revoked"


# --- check_for


def test_check_for__the_pseudonym_of_another_app(suite: Deployment) -> None:
    enrolled(suite, 2)
    good = suite.presentation(ASKER, "p", keccak(b"x"), app=APP)

    def act(presented: Any = good, sender: str = ASKER, **changes: Any) -> str | None:
        values = {
            "app": APP,
            "purpose": keccak(text="p"),
            "payload": keccak(b"x"),
            "level": 2,
            "strict": True,
            **changes,
        }
        answers: list[int] = []
        reason = refusal(
            lambda: answers.append(
                suite.registry.check_for(*values.values(), presented.abi(), sender=sender)
            )
        )
        assert reason or answers == [presented.nullifier]
        return reason

    assert act() is None
    assert act(app=ASKER) == NOT_VALID
    assert act(app=account(42)) == NOT_VALID
    assert act(sender=account(42)) == NOT_VALID
    assert act(purpose=keccak(text="q")) == NOT_VALID
    assert act(payload=keccak(b"y")) == NOT_VALID
    assert act(level=3) == "registry: level is too low"
    assert act(suite.presentation(ASKER, "p", keccak(b"x"), app=APP, level=3), level=3) is None
    # what was shown to the app is nothing that another contract can take here, nor the other way
    at_app = suite.presentation(APP, "p", keccak(b"x"))
    assert act(at_app) == NOT_VALID
    check = (keccak(text="p"), keccak(b"x"), 2, True)
    assert refusal(lambda: suite.registry.check(*check, at_app.abi(), sender=APP)) is None
    assert refusal(lambda: suite.registry.check(*check, good.abi(), sender=APP)) == NOT_VALID
    assert refusal(lambda: suite.registry.check(*check, good.abi(), sender=ASKER)) == NOT_VALID


def test_check_for__roots(suite: Deployment) -> None:
    enrolled(suite, 2)
    old = suite.presentation(ASKER, "p", keccak(b"x"), app=APP, lifetime=3000)
    at(START + 60)
    suite.enroll(9)
    arguments = (APP, keccak(text="p"), keccak(b"x"), 2)

    def act(strict: bool) -> str | None:
        return refusal(
            lambda: suite.registry.check_for(*arguments, strict, old.abi(), sender=ASKER)
        )

    assert act(False) is None
    assert act(True) == "registry: root is not the current one"
    at(START + 60 + 120)
    suite.update(suite.enroll(10), commitment(9), tree_of(suite, 3))
    at(START + 60 + 240)
    assert act(False) == "registry: root is not accepted"


def tree_of(suite: Deployment, others: int) -> LeanTree:
    """Rebuild the tree of passports 0 and 1, 9 and 10."""
    assert suite.registry.size() == others + 1
    leaves = []
    for number in (0, 1, 9, 10):
        anchor, keys = account(number), commitment(10**6 + number)
        guardian = commitment(2 * 10**6 + number)
        leaves.append(Holder(commitment(number), anchor, keys, guardian, 0).leaf)
    return LeanTree(leaves)


# --- replace and freeze, for the recovery contract


def test_replace__gives_keys_and_guardians(suite: Deployment) -> None:
    holders, tree = enrolled(suite, 5)
    holder = suite.update(holders[3], commitment(8), tree)
    at(now() + 50)
    siblings = subtree_siblings(tree, 3)
    arguments = (holder.opening.abi(), commitment(9), commitment(10), siblings)
    suite.registry.replace(*arguments, sender=suite.recovery.address)
    (log,) = suite.registry.get_logs()
    renewed = replace(holder, keys=commitment(9), guardian=commitment(10), epoch=2)
    assert type(log).__name__ == "PassportUpdated"
    assert (log.index, log.epoch, log.keys_root) == (3, 2, renewed.keys)
    assert (log.guardian_commitment, log.leaf) == (renewed.guardian, renewed.leaf)
    tree.update(3, renewed.leaf)
    assert suite.registry.root() == tree.root
    stored = suite.registry.passport(holder.identity, holder.anchor)
    assert tuple(stored) == (3, 2, START, 1)  # the time is that of the holder's last update


def test_replace__voids_older_roots(suite: Deployment) -> None:
    (holder, *_), tree = enrolled(suite, 2)
    old = suite.registry.root()
    at(START + 60)
    arguments = (holder.opening.abi(), 5, 6, subtree_siblings(tree, 0))
    suite.registry.replace(*arguments, sender=suite.recovery.address)
    at(START + 179)
    assert suite.registry.is_known_root(old) is True
    at(START + 180)
    assert suite.registry.is_known_root(old) is False


def test_replace__reverts(suite: Deployment) -> None:
    holders, tree = enrolled(suite, 3)
    holder, siblings = holders[0], subtree_siblings(tree, 0)

    def act(keys: int = 5, guardian: int = 6, **changes: Any) -> str | None:
        opened = replace(holder.opening, **{k: v for k, v in changes.items() if k != "siblings"})
        call = (opened.abi(), keys, guardian, changes.get("siblings", siblings))
        with boa.env.anchor():
            return refusal(lambda: suite.registry.replace(*call, sender=suite.recovery.address))

    assert act() is None
    for bad in (0, R):
        assert act(keys=bad) == "registry: keys root is zero or not canonical"
        assert act(guardian=bad) == "registry: guardian commitment is zero or not canonical"
    assert act(identity=commitment(77)) == "registry: passport is not enrolled"
    assert act(keys=5, anchor=account(77)) == "registry: passport is not enrolled"
    assert act(siblings=[5]) == WRONG
    assert act(siblings=[]) == NUMBER


@pytest.mark.parametrize("kind", ["revoked", "frozen"])
def test_replace__in_the_place_of_a_mark(suite: Deployment, kind: str) -> None:
    holders, tree = enrolled(suite, 3)
    holder, siblings = holders[1], subtree_siblings(tree, 1)
    if kind == "revoked":
        shown = suite.for_revoke(holder).abi()
        suite.registry.revoke(holder.opening.abi(), siblings, shown)
        mark, status = REVOKED_LEAF, 2
    else:
        opened = holder.opening.abi()
        suite.registry.freeze(opened, siblings, sender=suite.recovery.address)
        (log,) = suite.registry.get_logs()
        assert type(log).__name__ == "PassportFrozen"
        assert (log.identity_commitment, log.anchor) == (holder.identity, holder.anchor)
        assert (log.index, log.epoch) == (1, 0)
        mark, status = FROZEN_LEAF, 3
    tree.update(1, mark)
    assert suite.registry.root() == tree.root
    assert suite.registry.passport(holder.identity, holder.anchor).status == status
    reason = f"registry: passport is {kind}"
    again = (holder.opening.abi(), siblings)
    assert refusal(lambda: suite.registry.freeze(*again, sender=suite.recovery.address)) == reason
    update = suite.for_update(holder, commitment(9)).abi()
    call = (holder.opening.abi(), commitment(9), siblings, update)
    assert refusal(lambda: suite.registry.update(*call)) == reason
    nobody = replace(holder, keys=commitment(90), guardian=commitment(91))
    arguments = (nobody.opening.abi(), commitment(9), commitment(10))
    wrong = refusal(lambda: suite.registry.replace(*arguments, [5], sender=suite.recovery.address))
    assert wrong == WRONG
    suite.registry.replace(*arguments, siblings, sender=suite.recovery.address)
    renewed = replace(holder, keys=commitment(9), guardian=commitment(10))
    tree.update(1, renewed.leaf)
    assert suite.registry.root() == tree.root
    assert tuple(suite.registry.passport(holder.identity, holder.anchor)) == (1, 1, 0, 1)
    # a proof made before it was taken out names the epoch of then
    stale = suite.for_revoke(holder).abi()
    reason = refusal(lambda: suite.registry.revoke(renewed.opening.abi(), siblings, stale))
    assert reason == "registry: nonce is not the passport's epoch"


# --- paths up to the root


def test_path__up_to_the_root_in_the_largest_subtree(suite: Deployment) -> None:
    for size in range(1, 14):
        with boa.env.anchor():
            holders, tree = enrolled(suite, size)
            for index in (0, size // 2, size - 1):
                with boa.env.anchor():
                    holder = holders[index]
                    copy = LeanTree(h.leaf for h in holders)
                    inside = subtree_siblings(copy, index)
                    is_largest = index < 1 << (size.bit_length() - 1) and size & (size - 1)
                    longer = copy.siblings(index)[: len(inside) + 1]
                    path = longer if is_largest else inside
                    assert len(path) == len(inside) + bool(is_largest)
                    shown = suite.for_update(holder, commitment(9)).abi()
                    suite.registry.update(holder.opening.abi(), commitment(9), path, shown)
                    copy.update(index, replace(holder, keys=commitment(9)).leaf)
                    assert suite.registry.root() == copy.root
                    # the peaks are right too: whoever enrols next builds on them
                    copy.append(suite.enroll(100).leaf)
                    assert suite.registry.root() == copy.root


def test_path__one_more_sibling_elsewhere__reverts(suite: Deployment) -> None:
    holders, tree = enrolled(suite, 7)

    def act(index: int, path: list[int]) -> str | None:
        holder = holders[index]
        call = (holder.opening.abi(), 9, path, suite.for_update(holder, 9).abi())
        with boa.env.anchor():
            return refusal(lambda: suite.registry.update(*call))

    assert act(1, tree.siblings(1)) is None
    for index in (4, 5):
        assert act(index, subtree_siblings(tree, index)) is None
        assert act(index, [*subtree_siblings(tree, index), tree.siblings(0)[2]]) == NUMBER
    assert act(6, []) is None
    assert act(6, [1]) == NUMBER
    holders.append(suite.enroll(7))
    tree.append(holders[7].leaf)  # a complete tree has no such level
    assert act(1, tree.siblings(1)) is None
    assert act(1, [*tree.siblings(1), 1]) == NUMBER


def test_path__stale_or_wrong_last_sibling_is_left_aside(suite: Deployment) -> None:
    holders, tree = enrolled(suite, 6)
    holder, path = holders[1], tree.siblings(1)
    tree.append(suite.enroll(6).leaf)  # the last sibling folds less than is there now
    assert path != tree.siblings(1)
    for last, reason in (
        (path[2], None),
        (5, None),
        (0, None),
        (R, "registry: tree node is not canonical"),
    ):
        with boa.env.anchor():
            call = (holder.opening.abi(), 9, [*path[:2], last], suite.for_update(holder, 9).abi())
            assert refusal(lambda call=call: suite.registry.update(*call)) == reason
            if reason is None:
                copy = LeanTree(h.leaf for h in [*holders, replace(holders[0])][:6])
                copy.append(tree.leaf(6))
                copy.update(1, replace(holder, keys=9).leaf)
                assert suite.registry.root() == copy.root
    wrong = [*path[:1], path[1] ^ 1, path[2]]
    call = (holder.opening.abi(), 9, wrong, suite.for_update(holder, 9).abi())
    assert refusal(lambda: suite.registry.update(*call)) == WRONG
