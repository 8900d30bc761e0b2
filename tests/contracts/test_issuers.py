"""Issuers register, publish what they revoked, and change keys in the open."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import boa
import pytest
from deployment import CONTRACTS, START, Deployment, account, at, commitment, now, refusal
from eth_utils import keccak
from issuer_acts import Issuers, key_of

from mip_cli.crypto import babyjubjub as curve
from mip_cli.crypto.credential import TAG_ISSUER, issuer_leaf
from mip_cli.crypto.field import R

OUTSIDER = account(9)
HOURS_48 = 48 * 3600
DAYS_7 = 7 * 24 * 3600
NEW_KEY = key_of(7)


@pytest.fixture
def issuers(suite: Deployment) -> Issuers:
    return Issuers(suite)


def event(contract: Any, name: str) -> Any:
    (found,) = [log for log in contract.get_logs() if type(log).__name__ == name]
    return found


def test_register__puts_a_leaf_into_the_tree(issuers: Issuers) -> None:
    for number in range(6):
        controller = issuers.register(number)
        found = event(issuers.registry, "IssuerRegistered")
        assert (found.issuer, found.controller) == (number + 1, controller)
        assert (found.key_x, found.key_y, found.name) == (*key_of(number), f"issuer {number}")
        assert issuers.registry.root() == issuers.tree.root
        record = issuers.registry.issuer(number + 1)
        assert tuple(record) == (controller, *key_of(number), 0, 0, 0, 1)
    assert issuers.registry.size() == 7


def test_number_0__is_nobodys_in_a_new_registry(issuers: Issuers) -> None:
    registry, first = issuers.registry, account(666)
    assert (registry.size(), registry.root()) == (1, 0)
    assert registry.register(*key_of(0), "first of all", sender=first) == 1
    assert tuple(registry.issuer(0)) == ("0x" + "00" * 20, 0, 0, 0, 0, 0, 0)
    acts: dict[str, Callable[[int], None]] = {
        "publish": lambda n: registry.publish(n, 0, 5, sender=first),
        "propose": lambda n: registry.propose(n, *key_of(1), first, sender=first),
        "suspend": lambda n: registry.suspend(n, sender=first),
        "resume": lambda n: registry.resume(n, sender=first),
    }
    for act in acts.values():
        assert refusal(lambda a=act: a(1)) is None
        assert refusal(lambda a=act: a(0)) == "issuers: no such issuer"


def test_leaf__has_the_tag_of_the_circuit() -> None:
    assert f'{TAG_ISSUER}  # "mip.issuer/1"' in (CONTRACTS / "IssuerRegistry.vy").read_text()


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (key_of(0), None),
        ((key_of(0)[0] + R, key_of(0)[1]), "issuers: key is not canonical"),
        ((key_of(0)[0], key_of(0)[1] + R), "issuers: key is not canonical"),
        (curve.IDENTITY, "issuers: key is not canonical"),
        ((0, R - 1), "issuers: key is not canonical"),
        ((key_of(0)[0], key_of(0)[1] + 1), "issuers: key is not on the curve"),
        ((1, 1), "issuers: key is not on the curve"),
    ],
)
def test_register__key__reverts(issuers: Issuers, key: tuple[int, int], reason: str | None) -> None:
    assert refusal(lambda: issuers.registry.register(*key, "")) == reason


def test_register__full__reverts(issuers: Issuers) -> None:
    layout = issuers.registry.compiler_data.storage_layout["storage_layout"]
    slot = int(layout["root_window"]["_packed"]["slot"])
    for size, reason in ((65_535, None), (65_536, "issuers: registry is full")):
        boa.env.set_storage(issuers.registry.address, slot, size)
        assert refusal(lambda: issuers.registry.register(*key_of(1), "")) == reason


def test_publish__replaces_the_leaf(issuers: Issuers) -> None:
    controllers = [issuers.register(number) for number in range(3)]
    at(now() + 100)
    issuers.registry.publish(2, 0, commitment(1), sender=controllers[1])
    found = event(issuers.registry, "RevocationsPublished")
    assert (found.issuer, found.version, found.root) == (2, 1, commitment(1))
    issuers.tree.update({2: issuer_leaf(key_of(1), commitment(1))})
    assert issuers.registry.root() == issuers.tree.root
    record = issuers.registry.issuer(2)
    assert (record.revocation_root, record.version, record.published_at) == (
        commitment(1),
        1,
        START + 100,
    )


def test_publish__reverts(issuers: Issuers) -> None:
    controller = issuers.register()
    other = issuers.register(1)

    def publish(
        number: int = 1, version: int = 0, root: int = 5, sender: str = controller
    ) -> str | None:
        with boa.env.anchor():
            return refusal(lambda: issuers.registry.publish(number, version, root, sender=sender))

    assert publish() is None
    assert publish(root=R - 1) is None
    assert publish(root=R) == "issuers: root is not canonical"
    assert publish(version=1) == "issuers: version is not the present one"
    assert publish(sender=other) == "issuers: sender is not the controller"
    assert publish(number=3) == "issuers: no such issuer"
    issuers.registry.publish(1, 0, 5, sender=controller)
    assert publish() == "issuers: version is not the present one"


def test_old_revocations__die_after_the_grace_time(issuers: Issuers) -> None:
    controller = issuers.register()
    at(now() + 61)
    before = issuers.registry.root()
    issuers.registry.publish(1, 0, 5, sender=controller)
    assert issuers.registry.is_known_root(before)
    assert issuers.registry.is_known_root(issuers.registry.root())
    at(now() + issuers.registry.GRACE() - 1)
    assert issuers.registry.is_known_root(before)
    at(now() + 1)
    assert not issuers.registry.is_known_root(before)
    assert issuers.registry.is_known_root(issuers.registry.root())


def test_registration__keeps_older_roots_for_the_window(issuers: Issuers) -> None:
    issuers.register()
    at(now() + 61)
    before = issuers.registry.root()
    issuers.register(1)
    at(now() + issuers.registry.WINDOW() - 1)
    assert issuers.registry.is_known_root(before)
    at(now() + 1)
    assert not issuers.registry.is_known_root(before)


def test_root_that_closes_twice__lives_until_the_later_end(issuers: Issuers) -> None:
    controller, registry = issuers.register(), issuers.registry
    issuers.register(1)
    root, start = registry.root(), now()
    at(start + 61)
    registry.suspend(1, sender=controller)
    at(start + 62)
    registry.resume(1, sender=controller)
    assert registry.root() == root
    at(start + 130)
    issuers.register(2)
    listed = [entry.until for entry in registry.accepted_roots() if entry.root == root]
    assert listed == [start + 130 + registry.WINDOW(), start + 61 + registry.GRACE()]
    for second, lives in ((180, True), (181, True), (130 + 3599, True), (130 + 3600, False)):
        at(start + second)
        assert registry.is_known_root(root) is lives


def test_suspension__takes_the_leaf_out_until_resumed(issuers: Issuers) -> None:
    controllers = [issuers.register(number) for number in range(2)]
    at(now() + 61)
    before = issuers.registry.root()
    issuers.registry.suspend(2, sender=controllers[1])
    assert event(issuers.registry, "IssuerSuspended").issuer == 2
    issuers.tree.update({2: 0})
    assert issuers.registry.root() == issuers.tree.root
    assert issuers.registry.issuer(2).status == 2
    issuers.registry.publish(2, 0, 5, sender=controllers[1])
    assert issuers.registry.root() == issuers.tree.root
    at(now() + issuers.registry.GRACE())
    assert not issuers.registry.is_known_root(before)
    issuers.registry.resume(2, sender=controllers[1])
    assert event(issuers.registry, "IssuerResumed").issuer == 2
    issuers.tree.update({2: issuer_leaf(key_of(1), 5)})
    assert issuers.registry.root() == issuers.tree.root
    assert issuers.registry.issuer(2).status == 1


def test_everyone_suspended__leaves_no_root(issuers: Issuers) -> None:
    controller = issuers.register()
    issuers.registry.suspend(1, sender=controller)
    assert issuers.registry.root() == 0
    assert not issuers.registry.is_known_root(0)


def test_suspension__reverts(issuers: Issuers) -> None:
    controller = issuers.register()
    registry = issuers.registry
    assert refusal(lambda: registry.suspend(1)) == "issuers: sender is not the controller"
    assert refusal(lambda: registry.resume(1, sender=controller)) == (
        "issuers: issuer is not suspended"
    )
    registry.suspend(1, sender=controller)
    assert refusal(lambda: registry.suspend(1, sender=controller)) == "issuers: issuer is suspended"
    assert refusal(lambda: registry.resume(1)) == "issuers: sender is not the controller"
    assert refusal(lambda: registry.resume(1, sender=controller)) is None
    assert refusal(lambda: registry.suspend(2)) == "issuers: no such issuer"
    assert refusal(lambda: registry.resume(2)) == "issuers: no such issuer"


def test_change__waits_and_is_finished_by_anyone(issuers: Issuers) -> None:
    controller, heir = issuers.register(), account(600)
    registry = issuers.registry
    registry.propose(1, *key_of(7), heir, sender=controller)
    found = event(registry, "ChangeProposed")
    ready_at = now() + HOURS_48
    assert (found.issuer, found.key_x, found.key_y) == (1, *key_of(7))
    assert (found.controller, found.ready_at) == (heir, ready_at)
    assert tuple(registry.change(1)) == (*key_of(7), heir, ready_at)
    assert registry.root() == issuers.tree.root
    before = registry.root()
    at(ready_at - 1)
    assert refusal(lambda: registry.finish(1, sender=OUTSIDER)) == "issuers: delay not over"
    at(ready_at)
    registry.finish(1, sender=OUTSIDER)
    found = event(registry, "ChangeFinished")
    assert (found.issuer, found.controller) == (1, heir)
    assert (found.key_x, found.key_y) == key_of(7)
    issuers.tree.update({1: issuer_leaf(key_of(7), 0)})
    assert registry.root() == issuers.tree.root
    assert registry.change(1).ready_at == 0
    assert refusal(lambda: registry.finish(1)) == "issuers: no change is waiting"
    assert refusal(lambda: registry.suspend(1, sender=controller)) == (
        "issuers: sender is not the controller"
    )
    at(now() + registry.GRACE())
    assert not registry.is_known_root(before)
    assert refusal(lambda: registry.suspend(1, sender=heir)) is None


def test_change__expires(issuers: Issuers) -> None:
    controller = issuers.register()
    issuers.registry.propose(1, *key_of(7), controller, sender=controller)
    start = now()
    for wait, reason in ((0, None), (1, "issuers: change has expired")):
        with boa.env.anchor():
            at(start + HOURS_48 + DAYS_7 + wait)
            assert refusal(lambda: issuers.registry.finish(1)) == reason


def test_change__of_a_suspended_issuer__puts_nothing_back(issuers: Issuers) -> None:
    controller = issuers.register()
    issuers.registry.suspend(1, sender=controller)
    issuers.registry.propose(1, *key_of(7), controller, sender=controller)
    at(now() + HOURS_48)
    issuers.registry.finish(1)
    assert issuers.registry.root() == 0
    issuers.registry.resume(1, sender=controller)
    issuers.tree.update({1: issuer_leaf(key_of(7), 0)})
    assert issuers.registry.root() == issuers.tree.root


def test_stolen_controller__is_stopped_by_the_true_one(issuers: Issuers) -> None:
    """Thief and issuer have the same key: what he proposes waits, and is cancelled in the open."""
    controller, thief = issuers.register(), account(666)
    registry = issuers.registry
    registry.propose(1, *key_of(8), thief, sender=controller)
    at(now() + HOURS_48 - 1)
    registry.cancel(1, sender=controller)
    assert event(registry, "ChangeCancelled").issuer == 1
    at(now() + 1)
    assert refusal(lambda: registry.finish(1)) == "issuers: no change is waiting"
    registry.propose(1, *key_of(8), thief, sender=controller)
    at(now() + HOURS_48)
    registry.propose(1, *key_of(9), controller, sender=controller)  # starts the delay anew
    assert refusal(lambda: registry.finish(1)) == "issuers: delay not over"


def test_change__reverts(issuers: Issuers) -> None:
    controller = issuers.register()
    registry = issuers.registry

    def propose(number: int = 1, key: Any = NEW_KEY, heir: str = OUTSIDER, **who: Any) -> Any:
        with boa.env.anchor():
            return refusal(
                lambda: registry.propose(number, *key, heir, sender=who.get("by", controller))
            )

    assert propose() is None
    assert propose(by=OUTSIDER) == "issuers: sender is not the controller"
    assert propose(number=2) == "issuers: no such issuer"
    assert propose(key=(0, 1)) == "issuers: key is not canonical"
    assert propose(key=(1, 1)) == "issuers: key is not on the curve"
    assert propose(heir="0x" + "00" * 20) == "issuers: controller is zero"
    assert refusal(lambda: registry.cancel(1, sender=controller)) == "issuers: no change is waiting"
    registry.propose(1, *key_of(7), OUTSIDER, sender=controller)
    assert refusal(lambda: registry.cancel(1)) == "issuers: sender is not the controller"


def test_schema__is_logged_under_its_hash(issuers: Issuers) -> None:
    registry, document = issuers.registry, b'{"claims":[]}'
    schema = int.from_bytes(keccak(document), "big") >> 8
    first = now()
    assert registry.publish_schema(document, sender=OUTSIDER) == schema
    found = event(registry, "SchemaPublished")
    assert (found.schema, found.publisher, found.document) == (schema, OUTSIDER, document)
    at(first + 10)
    registry.publish_schema(document)
    assert registry.schema_published_at(schema) == first
    assert registry.schema_published_at(schema + 1) == 0


def test_random_acts__agree_with_a_tree_in_python(issuers: Issuers) -> None:
    rng = random.Random(5)
    registry, leaves = issuers.registry, {}
    controllers: list[str] = []

    def present(number: int) -> None:
        record = registry.issuer(number)
        alive = record.status == 1
        key = (record.key_x, record.key_y)
        leaves[number] = issuer_leaf(key, record.revocation_root) if alive else 0

    def publish(number: int) -> None:
        version = registry.issuer(number).version
        registry.publish(number, version, rng.randrange(R), sender=controllers[number - 1])

    def toggle(number: int) -> None:
        alive = registry.issuer(number).status == 1
        act = registry.suspend if alive else registry.resume
        act(number, sender=controllers[number - 1])

    acts: list[Callable[[int], None]] = [publish, toggle]
    for step in range(40):
        if step < 5 or rng.random() < 0.2:
            controllers.append(issuers.register(len(controllers)))
            present(len(controllers))
        else:
            number = rng.randrange(1, len(controllers) + 1)
            rng.choice(acts)(number)
            present(number)
        issuers.tree.update(leaves)
        assert registry.root() == issuers.tree.root
