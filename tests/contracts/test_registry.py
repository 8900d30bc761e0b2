"""PassportRegistry: enrolment, replacement of keys, revocation, what apps ask."""

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
    deploy,
    load,
    now,
    refusal,
    subtree_siblings,
)
from eth_utils import keccak
from groth16_simulator import Trapdoor, negated_form
from model import REVOKED_LEAF

from mip_cli.crypto.commitments import leaf
from mip_cli.crypto.field import R
from mip_cli.crypto.lean_tree import LeanTree

NOT_VALID = "registry: proof is not valid"


def enrolled(suite: Deployment, count: int) -> tuple[list[Holder], LeanTree]:
    holders = [suite.enroll(number) for number in range(count)]
    return holders, LeanTree(holder.leaf for holder in holders)


def event(contract: Any) -> Any:
    (log,) = contract.get_logs()
    return log


# --- construction and constants


def test_deploy__parts_are_checked(suite: Deployment) -> None:
    factory = load("PassportRegistry.vy")
    hasher, verifier = suite.hasher, suite.verifier.address
    recovery = suite.recovery.address

    def act(*parts: Any) -> str | None:
        return refusal(lambda: factory.deploy(*parts))

    assert act(hasher, verifier, recovery) is None
    assert act(account(1), verifier, recovery) == "registry: hasher has no code"
    assert act(hasher, account(1), recovery) == "registry: verifier has no code"
    assert act(hasher, verifier, account(1)) == "registry: recovery has no code"
    other = load("Groth16Verifier.vy").deploy(*Trapdoor.from_seed(9, 3).key, True)
    assert act(hasher, other.address, recovery) == "registry: verifier is of another circuit"
    assert suite.registry.RECOVERY() == recovery


def test_constants__as_specified(suite: Deployment) -> None:
    r = suite.registry
    assert (r.BUCKET(), r.WINDOW(), r.GRACE()) == (60, 3600, 120)
    assert (r.COOLDOWN(), r.MAX_DEADLINE()) == (600, 3600)


def test_registry__has_no_admin_and_takes_no_money(suite: Deployment) -> None:
    changing = {
        entry["name"]
        for entry in suite.registry.abi
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    }
    own = {"enroll", "enroll_signed", "enroll_batch", "update", "revoke"}
    assert changing == own | {"replace", "freeze"}
    assert not any(e.get("stateMutability") == "payable" for e in suite.registry.abi)
    boa.env.set_balance(account(5), 10**18)
    assert suite.registry.enroll(commitment(1), commitment(2), 3, sender=account(5)) == 0
    with pytest.raises(Exception):  # noqa: B017, PT011 - the compiler's own refusal has no reason
        suite.registry.enroll(commitment(3), commitment(4), 5, sender=account(5), value=1)
    assert boa.env.get_balance(suite.registry.address) == 0


# --- enrolment


def test_enroll__leaf_comes_from_the_sender(suite: Deployment) -> None:
    holder = suite.enroll(1)
    log = event(suite.registry)
    assert type(log).__name__ == "PassportRegistered"
    assert (log.identity_commitment, log.anchor) == (holder.identity, holder.anchor)
    assert (log.index, log.keys_root, log.leaf) == (0, holder.keys, holder.leaf)
    assert log.guardian_commitment == holder.guardian
    assert suite.registry.root() == holder.leaf  # a tree of one is its leaf
    assert (suite.registry.size(), suite.registry.depth()) == (1, 0)
    assert tuple(suite.registry.passport(holder.identity, holder.anchor)) == (0, 0, 0, 1)
    assert tuple(suite.registry.passport(holder.identity, account(9))) == (0, 0, 0, 0)


def test_enroll__front_runner_harms_nobody(suite: Deployment) -> None:
    identity, keys = commitment(1), commitment(2)
    suite.registry.enroll(identity, keys, 3, sender=account(66))  # copied calldata
    stolen = event(suite.registry).leaf
    suite.registry.enroll(identity, keys, 3, sender=account(1))
    assert event(suite.registry).leaf == leaf(identity, account(1), keys, 3) != stolen


def test_enroll__thief_of_the_secret_gets_another_anchor(suite: Deployment) -> None:
    holder = suite.enroll(1)
    assert suite.registry.enroll(holder.identity, commitment(9), 3, sender=account(66)) == 1
    mine = suite.registry.passport(holder.identity, holder.anchor)
    assert (mine.index, mine.epoch, mine.status) == (0, 0, 1)


def test_enroll__twice__reverts(suite: Deployment) -> None:
    def act(identity: int, keys: int) -> str | None:
        return refusal(lambda: suite.registry.enroll(identity, keys, 3, sender=account(1)))

    assert act(commitment(1), commitment(2)) is None
    assert act(commitment(1), commitment(2)) == "registry: passport is already enrolled"
    assert act(commitment(1), commitment(3)) == "registry: passport is already enrolled"
    assert act(commitment(2), commitment(2)) is None


@pytest.mark.parametrize("bad", [0, R, R + 1, 2**256 - 1])
def test_enroll__zero_or_not_canonical__reverts(suite: Deployment, bad: int) -> None:
    def act(*values: int) -> str | None:
        with boa.env.anchor():
            return refusal(lambda: suite.registry.enroll(*values, sender=account(1)))

    assert act(1, R - 1, 1) is None
    assert act(R - 1, 1, R - 1) is None
    identity_reason = "registry: identity commitment is zero or not canonical"
    assert act(bad, 1, 1) == identity_reason
    assert act(1, bad, 1) == "registry: keys root is zero or not canonical"
    assert act(1, 1, bad) == "registry: guardian commitment is zero or not canonical"


def test_enroll__roots_equal_the_reference_tree(suite: Deployment) -> None:
    tree = LeanTree()
    for number in range(40):
        tree.append(suite.enroll(number).leaf)
        assert (suite.registry.root(), suite.registry.size()) == (tree.root, len(tree))
        assert suite.registry.depth() == tree.depth


def test_enroll__gas_does_not_grow_with_members(suite: Deployment) -> None:
    """At 8 and at 256 members the tree has one peak: equal work but for a few steps of a loop."""
    used = []
    suite.enroll(10**5)  # writes the lowest peak for the first time
    for target in (8, 256):
        while suite.registry.size() < target:
            missing = target - suite.registry.size()
            number = suite.registry.size()
            entries = [suite.signed(number + k) for k in range(min(64, missing))]
            suite.registry.enroll_batch([tuple(entry.values()) for entry in entries])
        suite.enroll(10**5 + target)
        used.append(suite.registry._computation.get_gas_used())
    assert 0 <= used[1] - used[0] <= 150 * 5  # five levels deeper


# --- signed and batched enrolment


def test_enroll_batch__equals_single_enrolments(suite: Deployment) -> None:
    tree = LeanTree()
    number = 0
    for size in (1, 2, 3, 1, 5, 8, 7, 64, 13, 1, 40):
        entries = [suite.signed(number + k) for k in range(size)]
        number += size
        added = suite.registry.enroll_batch([tuple(entry.values()) for entry in entries])
        logs = suite.registry.get_logs()
        assert added == size == len(logs)
        for entry, log in zip(entries, logs, strict=True):
            value = leaf(
                entry["identity_commitment"],
                entry["anchor"],
                entry["keys_root"],
                entry["guardian_commitment"],
            )
            assert (log.index, log.leaf) == (len(tree), value)
            tree.append(value)
        assert (suite.registry.root(), suite.registry.size()) == (tree.root, len(tree))
    for extra in range(5):  # the stored peaks are right too
        tree.append(suite.enroll(10**5 + extra).leaf)
        assert suite.registry.root() == tree.root


def test_enroll_batch__present_ones_are_skipped(suite: Deployment) -> None:
    entries = [tuple(suite.signed(k).values()) for k in range(4)]
    assert suite.registry.enroll_batch(entries[1:2]) == 1
    assert suite.registry.enroll_batch([entries[0], entries[1], entries[0], entries[2]]) == 2
    root = suite.registry.root()
    assert suite.registry.enroll_batch(entries[:3]) == 0
    assert suite.registry.get_logs() == []
    assert suite.registry.enroll_batch([]) == 0
    assert (suite.registry.root(), suite.registry.size()) == (root, 3)


def test_enroll_batch__one_fault__reverts(suite: Deployment) -> None:
    good = [suite.signed(k) for k in range(3)]

    def act(**changes: Any) -> str | None:
        entries = [*good[:1], {**good[1], **changes}, *good[2:]]
        with boa.env.anchor():
            return refusal(
                lambda: suite.registry.enroll_batch([tuple(entry.values()) for entry in entries])
            )

    unsigned = "registry: signature is not the anchor's"
    assert act() is None
    assert act(keys_root=commitment(5)) == unsigned
    assert act(guardian_commitment=commitment(5)) == unsigned
    assert act(identity_commitment=commitment(5)) == unsigned
    assert act(anchor=account(5)) == unsigned
    assert act(deadline=good[1]["deadline"] + 1) == unsigned
    assert act(deadline=now() - 1) == "registry: enrolment has expired"
    assert act(signature=b"") == unsigned
    identity_reason = "registry: identity commitment is zero or not canonical"
    for bad in (0, R):
        fresh = resigned(suite, 50, identity_commitment=bad)
        assert act(**fresh) == identity_reason
        fresh = resigned(suite, 50, keys_root=bad)
        assert act(**fresh) == "registry: keys root is zero or not canonical"
        fresh = resigned(suite, 50, guardian_commitment=bad)
        assert act(**fresh) == "registry: guardian commitment is zero or not canonical"


def resigned(suite: Deployment, number: int, **changes: int) -> dict[str, Any]:
    """Change an enrolment and sign it again."""
    from eth_account import Account
    from typed_data import typed_enrollment

    key = Account.from_key(pow(5, number + 1, 2**255 - 19).to_bytes(32, "big"))
    entry = {**suite.signed(number), **changes}
    entry.pop("signature")
    chain_id = boa.env.evm.patch.chain_id
    message = typed_enrollment(chain_id, suite.registry.address, *entry.values())
    return {**entry, "signature": bytes(key.sign_typed_data(full_message=message).signature)}


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


# --- what apps ask


def test_check__returns_the_nullifier(suite: Deployment) -> None:
    enrolled(suite, 3)
    asker = account(40)
    for level in (1, 2, 3):
        presented = suite.presentation(asker, "p", keccak(b"x"), level=level)
        answer = suite.registry.check(
            keccak(text="p"), keccak(b"x"), level, True, presented.abi(), sender=asker
        )
        assert answer == presented.nullifier
    assert suite.registry.get_logs() == []


def test_check__reverts(suite: Deployment) -> None:
    enrolled(suite, 3)
    asker = account(40)
    good = suite.presentation(asker, "p", keccak(b"x"))

    def act(**changes: Any) -> str | None:
        values = {
            "purpose": keccak(text="p"),
            "payload": keccak(b"x"),
            "level": 2,
            "strict": False,
            "presented": good,
            "sender": asker,
            **changes,
        }
        sender = values.pop("sender")
        values["presented"] = values["presented"].abi()
        return refusal(lambda: suite.registry.check(*values.values(), sender=sender))

    def made(**changes: Any) -> Any:
        return suite.presentation(asker, "p", keccak(b"x"), **changes)

    assert act() is None
    assert act(purpose=keccak(text="q")) == NOT_VALID
    assert act(payload=keccak(b"y")) == NOT_VALID
    assert act(sender=account(41)) == NOT_VALID  # another contract asks
    for name in ("nonce", "nullifier"):
        for step in (1, -1):
            changed = replace(good, **{name: getattr(good, name) + step})
            assert act(presented=changed) == NOT_VALID
    for step in (1, -1):
        assert act(presented=replace(good, deadline=good.deadline + step)) == NOT_VALID
        proof = list(good.proof)
        proof[0] += step
        assert act(presented=replace(good, proof=tuple(proof))) == NOT_VALID
    assert act(presented=replace(good, beneficiary=account(78))) == NOT_VALID
    assert act(presented=replace(good, nullifier=good.nullifier + R)) == NOT_VALID
    assert act(presented=replace(good, level=1), level=1) == NOT_VALID
    not_accepted = "registry: root is not accepted"
    for root in (0, 1, good.root + 1, good.root - 1, good.root + R, commitment(5)):
        assert act(presented=made(root=root)) == not_accepted
        assert (
            act(presented=made(root=root), strict=True) == "registry: root is not the current one"
        )
    assert act(presented=made(nullifier=0)) == "registry: nullifier is zero"
    zero = "0x" + "00" * 20
    assert act(presented=made(beneficiary=zero)) == "registry: beneficiary is zero"
    assert act(presented=made(level=1)) == "registry: level is too low"
    assert act(presented=made(level=1), level=1) is None
    assert act(presented=made(level=1), level=0) is None
    assert act(presented=made(level=0), level=0) == "registry: level is unknown"
    assert act(presented=made(level=3)) is None
    assert act(presented=made(level=3), level=3) is None
    assert act(presented=made(level=4)) == "registry: level is unknown"
    assert act(presented=made(level=2**256 - 1)) == "registry: level is unknown"
    assert act(level=3) == "registry: level is too low"


def test_check__deadline(suite: Deployment) -> None:
    enrolled(suite, 1)
    for lifetime, reason in (
        (0, None),
        (-1, "registry: presentation has expired"),
        (3600, None),
        (3601, "registry: deadline lies too far ahead"),
    ):
        presented = suite.for_claim(lifetime=lifetime)
        with boa.env.anchor():
            assert refusal(lambda p=presented: suite.claim.claim(p.abi())) == reason


def test_check__empty_tree__reverts(suite: Deployment) -> None:
    assert suite.registry.is_known_root(0) is False
    assert suite.registry.accepted_roots() == []
    presented = suite.for_claim(root=0)
    assert refusal(lambda: suite.claim.claim(presented.abi())) == "registry: root is not accepted"
    strict = (keccak(b""), keccak(b""), 1, True, presented.abi())
    assert refusal(lambda: suite.registry.check(*strict)) == "registry: root is not the current one"


def test_check__other_deployment_or_chain__reverts(suite: Deployment) -> None:
    enrolled(suite, 1)
    presented = suite.for_claim()
    with boa.env.anchor():
        assert refusal(lambda: suite.claim.claim(presented.abi())) is None
    second = load("examples/PassportClaim.vy").deploy(suite.registry.address)
    assert refusal(lambda: second.claim(presented.abi())) == NOT_VALID
    boa.env.evm.patch.chain_id = 1337
    try:
        assert refusal(lambda: suite.claim.claim(presented.abi())) == NOT_VALID
    finally:
        boa.env.evm.patch.chain_id = 31337
    assert refusal(lambda: suite.claim.claim(presented.abi())) is None


def test_check__after_an_epoch_passed__old_root_dies(suite: Deployment) -> None:
    (holder, *_), tree = enrolled(suite, 2)
    presented = suite.for_claim()
    at(START + 60)
    suite.update(holder, commitment(9), tree)
    at(START + 60 + 119)
    with boa.env.anchor():
        assert refusal(lambda: suite.claim.claim(presented.abi())) is None
    at(START + 60 + 120)
    assert refusal(lambda: suite.claim.claim(presented.abi())) == "registry: root is not accepted"


def test_scope_and_message__shared_vectors(suite: Deployment) -> None:
    import json
    from pathlib import Path

    document = json.loads((Path(__file__).parents[1] / "vectors" / "binding.json").read_text())
    try:
        for case in document["scopes"]:
            boa.env.evm.patch.chain_id = int(case["chain_id"])
            purpose = keccak(text=case["purpose"])
            assert suite.registry.scope_of(case["contract"], purpose) == int(case["scope"])
        for case in document["messages"]:
            boa.env.evm.patch.chain_id = int(case["chain_id"])
            answer = suite.registry.message_of(
                case["contract"],
                case["beneficiary"],
                bytes.fromhex(case["payload"][2:]),
                int(case["nonce"]),
                int(case["deadline"]),
            )
            assert answer == int(case["message"])
    finally:
        boa.env.evm.patch.chain_id = 31337


def test_second_registry__is_independent(suite: Deployment) -> None:
    with boa.env.anchor():
        other = deploy(suite.trapdoor)
        holder = suite.enroll(1)
        other.enroll(1)
        presented = suite.for_update(holder, commitment(9))
        arguments = (holder.opening.abi(), commitment(9), [])
        assert refusal(lambda: other.registry.update(*arguments, presented.abi())) == NOT_VALID
        assert refusal(lambda: suite.registry.update(*arguments, presented.abi())) is None
