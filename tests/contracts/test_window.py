"""The root window: what lives how long, and that nobody flushes it or keeps an old root alive."""

from __future__ import annotations

from dataclasses import replace

from deployment import START, Deployment, at, commitment, now, subtree_siblings

from mip_cli.crypto.lean_tree import LeanTree

CURRENT = 2**256 - 1


def known(suite: Deployment, root: int) -> bool:
    listed = {entry.root for entry in suite.registry.accepted_roots()}
    assert suite.registry.is_known_root(root) is (root in listed)
    return root in listed


def test_window__current_root_never_dies(suite: Deployment) -> None:
    suite.enroll(1)
    root = suite.registry.root()
    at(START + 10**7)
    assert known(suite, root)
    assert [tuple(r) for r in suite.registry.accepted_roots()] == [(root, CURRENT)]


def test_window__closing_root_lives_an_hour_after_its_replacement(suite: Deployment) -> None:
    suite.enroll(1)
    root = suite.registry.root()
    at(START + 61)
    suite.enroll(2)
    assert suite.registry.accepted_roots()[1].until == START + 61 + 3600
    for second, lives in ((61, True), (61 + 3599, True), (61 + 3600, False), (61 + 9999, False)):
        at(START + second)
        assert known(suite, root) is lives


def test_window__root_with_the_mark_of_another__is_unknown(suite: Deployment) -> None:
    """The registry keeps one byte of each closing root at hand; the root itself decides."""
    suite.enroll(1)
    root = suite.registry.root()
    at(START + 61)
    suite.enroll(2)
    assert known(suite, root)
    for other in (root ^ (1 << 8), root ^ (1 << 250), root & 0xFF, root + 2**254):
        assert other & 0xFF == root & 0xFF
        assert not suite.registry.is_known_root(other)


def test_window__root_within_its_own_bucket_dies_at_once(suite: Deployment) -> None:
    suite.enroll(1)
    first = suite.registry.root()
    at(START + 59)
    assert known(suite, first)
    suite.enroll(2)
    assert not known(suite, first)
    second = suite.registry.root()
    at(START + 60)  # the next bucket: the second root was there at the end of the first
    suite.enroll(3)
    assert known(suite, second)
    assert not known(suite, first)


def test_window__spam_cannot_flush_five_buckets(suite: Deployment) -> None:
    closing = []
    number = 0
    for bucket in range(7):
        for second in range(0, 60, 10):
            at(START + 60 * bucket + second)
            number += 1
            suite.enroll(number)
            for root in closing[-5:]:
                assert known(suite, root)
        closing.append(suite.registry.root())
    at(START + 60 * 7)
    suite.enroll(number + 1)
    assert [known(suite, root) for root in closing] == [False, False, True, True, True, True, True]
    listed = [entry.root for entry in suite.registry.accepted_roots()]
    assert listed == [suite.registry.root(), *reversed(closing[-5:])]


def test_window__update_leaves_older_roots_two_minutes(suite: Deployment) -> None:
    holders = [suite.enroll(k) for k in range(2)]
    tree = LeanTree(h.leaf for h in holders)
    oldest = suite.registry.root()
    at(START + 60)
    tree.append(suite.enroll(5).leaf)
    older = suite.registry.root()
    at(START + 120)
    suite.update(holders[0], commitment(9), tree)
    assert {entry.until for entry in suite.registry.accepted_roots()[1:]} == {START + 240}
    at(START + 239)
    assert known(suite, oldest)
    assert known(suite, older)
    assert known(suite, suite.registry.root())
    at(START + 240)
    assert not known(suite, oldest)
    assert not known(suite, older)
    assert known(suite, suite.registry.root())


def test_window__revocation_voids_too(suite: Deployment) -> None:
    holders = [suite.enroll(k) for k in range(2)]
    tree = LeanTree(h.leaf for h in holders)
    old = suite.registry.root()
    at(START + 60)
    h = holders[0]
    presented = suite.for_revoke(h).abi()
    suite.registry.revoke(h.opening.abi(), subtree_siblings(tree, 0), presented)
    at(START + 179)
    assert known(suite, old)
    at(START + 180)
    assert not known(suite, old)


def test_window__voiding_again_extends_nothing(suite: Deployment) -> None:
    holders = [suite.enroll(k) for k in range(4)]
    tree = LeanTree(h.leaf for h in holders)
    old = suite.registry.root()
    for step in range(3):
        at(START + 60 + 50 * step)
        suite.update(holders[step], commitment(90 + step), tree)
    assert now() == START + 160
    assert known(suite, old)
    at(START + 180)  # two minutes after the first update
    assert not known(suite, old)


def test_window__enrolments_extend_nothing(suite: Deployment) -> None:
    holders = [suite.enroll(k) for k in range(2)]
    tree = LeanTree(h.leaf for h in holders)
    old = suite.registry.root()
    at(START + 60)
    suite.update(holders[0], commitment(9), tree)
    at(START + 130)
    suite.enroll(7)
    at(START + 180)
    assert not known(suite, old)


def test_window__batched_enrolments_void_nothing(suite: Deployment) -> None:
    suite.enroll(1)
    old = suite.registry.root()
    at(START + 60)
    assert suite.registry.enroll_batch([tuple(suite.signed(k).values()) for k in (5, 6)]) == 2
    assert suite.registry.accepted_roots()[1].until == START + 60 + 3600
    at(START + 60 + 3599)
    assert known(suite, old)
    at(START + 60 + 3600)
    assert not known(suite, old)


def test_window__roots_after_an_update_live_their_hour(suite: Deployment) -> None:
    holders = [suite.enroll(k) for k in range(2)]
    tree = LeanTree(h.leaf for h in holders)
    at(START + 60)
    suite.update(holders[0], commitment(9), tree)
    renewed = suite.registry.root()
    at(START + 120)
    suite.enroll(7)
    at(START + 120 + 3599)
    assert known(suite, renewed)


def test_window__one_who_rotates_in_every_block_stops_nobody(suite: Deployment) -> None:
    """An update every six seconds: the newest closing root is good for a minute."""
    holders = [suite.enroll(k) for k in range(16)]
    tree = LeanTree(h.leaf for h in holders)
    chosen: list[tuple[int, int]] = []  # root, last second at which it must do
    for turn, second in enumerate(range(2, 362, 6)):
        at(START + second)
        at_index = turn % len(holders)
        holder = holders[at_index]
        cooled = suite.registry.passport(holder.identity, holder.anchor).updated_at + 600 <= now()
        if cooled:
            renewed = suite.update(holder, commitment(1000 + turn), tree)
            holders[at_index] = replace(renewed)
        else:  # a fresh passport, enrolled and rotated at once
            fresh = suite.enroll(2000 + turn)
            tree.append(fresh.leaf)
            suite.update(fresh, commitment(3000 + turn), tree)
        if second > 60:
            newest = suite.registry.accepted_roots()[1]
            chosen.append((newest.root, now() + 59))
        for root, last in chosen:
            if now() <= last:
                assert known(suite, root)
    assert len(chosen) > 40
