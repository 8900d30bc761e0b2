"""PassportRegistry: enrolment, replacement of keys, revocation, what apps ask."""

from __future__ import annotations

from typing import Any

import boa
import pytest
from deployment import Deployment, account, commitment, deploy, load, now, refusal
from groth16_simulator import Trapdoor
from registry_acts import NOT_VALID, event

from mip_cli.crypto.commitments import leaf
from mip_cli.crypto.field import R
from mip_cli.crypto.lean_tree import LeanTree

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


def test_second_registry__is_independent(suite: Deployment) -> None:
    with boa.env.anchor():
        other = deploy(suite.trapdoor)
        holder = suite.enroll(1)
        other.enroll(1)
        presented = suite.for_update(holder, commitment(9))
        arguments = (holder.opening.abi(), commitment(9), [])
        assert refusal(lambda: other.registry.update(*arguments, presented.abi())) == NOT_VALID
        assert refusal(lambda: suite.registry.update(*arguments, presented.abi())) is None
