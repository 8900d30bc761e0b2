"""Guardians, recovery, vetoes and voiding on real nodes with real proofs, as an owner sees them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from mip_cli.chain.devnet import Node
from mip_cli.chain.faults import NodeUntrusted
from mip_cli.chain.history import leaf_history, present_leaf
from mip_cli.chain.recovery import (
    CHANGE_DELAY,
    DELAY,
    MAX_DELAY,
    OPEN_FOR,
    PROPOSAL,
    Phase,
    RequestStatus,
)
from mip_cli.chain.registry import PassportStatus, Registry
from mip_cli.chain.rpc import RpcClient
from mip_cli.chain.watch import RecoveryAct
from mip_cli.crypto.binding import frozen_leaf, revoked_leaf
from mip_cli.crypto.lean_tree import LeanTree
from mip_cli.errors import ChainRefusal
from mip_cli.units import Commitment
from tests.e2e.chains import Proxy
from tests.integration.chain.life import PEOPLE, Life
from tests.integration.conftest import running_chain

DAY = 86_400


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Iterator[Life]:
    """A passport whose guardians are in force, on a chain of this module's own."""
    folder = tmp_path_factory.mktemp("recovery")
    with running_chain(folder, Node.ANVIL, deployed=True) as chain:
        found = Life(chain)
        found.set_guardians()
        yield found


@pytest.fixture
def life(prepared: Life) -> Iterator[Life]:
    """The prepared passport for one test; what the test does is taken back."""
    point = prepared.rpc.call("evm_snapshot")
    yield prepared.again(f"journal {point}")
    assert prepared.rpc.call("evm_revert", point) is True


@pytest.fixture
def proxy(life: Life) -> Iterator[Proxy]:
    found = Proxy(life.chain.running.url)
    yield found
    found.close()


@contextmanager
def refused(reason: str) -> Iterator[None]:
    with pytest.raises(ChainRefusal) as caught:
        yield
    assert caught.value.reason == reason


def kinds(life: Life) -> list[RecoveryAct]:
    return [event.kind for event in life.watch().events]


@pytest.mark.parametrize("node", list(Node))
def test_recovery__brings_a_passport_back(start_chain, node) -> None:
    life = Life(start_chain(node))
    life.enrol()
    assert life.watch().quiet
    assert not life.state.has_guardians

    life.propose_change(life.holder, PEOPLE, life.set.commitment)
    seen = life.watch()
    assert seen.change is not None
    assert seen.requests == ()
    assert seen.change.guardian_commitment == PEOPLE
    assert seen.change.set_commitment == life.set.commitment
    assert seen.change.ready_at == seen.change.proposed_at + CHANGE_DELAY
    assert seen.change.until == seen.change.ready_at + OPEN_FOR
    life.advance(CHANGE_DELAY)
    life.finish_change(life.holder)
    life.holder = replace(life.holder, guardian=PEOPLE)
    assert life.watch().quiet
    assert (life.state.guardian_epoch, life.state.has_guardians) == (1, True)
    assert life.history()[-1].opening == life.holder.opening

    thief = life.update(life.holder, keys=1)  # takes the passport over
    back = replace(life.holder, keys=2)
    request = life.propose(back)
    seen = life.watch()
    assert [(r.request, r.phase) for r in seen.requests] == [(request, Phase.PROPOSED)]
    assert seen.to_veto == ()
    assert seen.requests[0].state.expires_at == seen.requests[0].proposed_at + PROPOSAL
    life.approve(request, 0, 4)
    assert life.recovery.request(request).approvals == 2
    life.approve(request, 2)
    seen = life.watch()
    assert [r.phase for r in seen.to_veto] == [Phase.WAITING]
    assert seen.state.armed == 1
    with refused("recovery: delay is not over"):
        life.execute(thief.opening, request)
    life.advance(DELAY)
    assert life.watch().to_veto[0].phase is Phase.READY
    assert life.recovery.requests([request, request])[1] == life.recovery.request(request)
    here = present_leaf(life.registry, back.identity, back.anchor, life.found.block)
    assert here == thief.opening
    life.execute(here, request)

    assert life.recovery.request(request).status is RequestStatus.EXECUTED
    seen = life.watch()
    assert seen.quiet
    assert [event.kind for event in seen.events] == [
        RecoveryAct.CHANGE_PROPOSED,
        RecoveryAct.CHANGED,
        RecoveryAct.PROPOSED,
        *[RecoveryAct.APPROVED] * 3,
        RecoveryAct.ARMED,
        RecoveryAct.EXECUTED,
    ]
    assert seen.events[-1].request == request
    assert seen.events[2].new_keys_root == back.keys_root
    assert [event.time for event in seen.events] == sorted(event.time for event in seen.events)
    changes = life.history()
    assert [change.epoch for change in changes] == [0, 1, 2, 3]
    assert changes[-1].opening == back.opening
    assert life.tree().find(back.leaf) == 2
    with pytest.raises(NodeUntrusted, match="another leaf"):
        life.tree().path(2, thief.leaf)
    with refused("registry: siblings do not lead from this leaf to the tree"):
        life.update(thief, keys=3)
    pseudonym = life.advance_epoch(back)
    assert life.epochs.epoch_of(pseudonym) == 1
    assert life.update(back, keys=4).leaf == life.history()[-1].opening.leaf


def test_veto__twice__freezes_until_a_quorum_decides(life) -> None:
    back = replace(life.holder, keys=2)
    for number in (1, 2):
        request = life.propose(back)
        life.approve(request, 0, 1, 2)
        waiting = life.watch().to_veto[0].state
        assert waiting.ready_at - life.watch().events[-1].time == DELAY << (number - 1)
        life.veto(life.holder, request)
        assert life.recovery.request(request).status is RequestStatus.VETOED
        assert life.watch().quiet
        back = replace(back, keys=back.keys + 1)
    record = life.registry.passport(back.identity, back.anchor)
    assert record.status is PassportStatus.FROZEN
    assert life.history()[-1].status is PassportStatus.FROZEN
    tree = life.tree()
    assert tree.tree.leaf(record.index) == frozen_leaf()
    assert list(tree.tree.levels[0])[:2] == [life.others_leaf(n) for n in (11, 12)]
    assert tree.tree.root == LeanTree(tree.tree.levels[0]).root == life.registry.root()

    request = life.propose(back)
    life.approve(request, 0, 1, 2)
    assert life.watch().requests[0].phase is Phase.PROPOSED  # a quorum is more
    life.approve(request, 3)
    seen = life.watch().to_veto[0]
    assert seen.state.ready_at - life.watch().events[-1].time == min(4 * DELAY, MAX_DELAY)
    life.advance(MAX_DELAY)
    life.execute(life.history()[-1].opening, request)
    record = life.registry.passport(back.identity, back.anchor)
    assert record.status is PassportStatus.ACTIVE
    assert life.tree().find(back.leaf) == record.index
    assert life.history()[-1].opening == back.opening


def test_revoked_by_a_thief__comes_back(life) -> None:
    life.revoke(life.holder)
    assert life.tree().tree.leaf(2) == revoked_leaf()
    change = life.history()[-1]
    assert (change.status, change.opening) == (PassportStatus.REVOKED, life.holder.opening)
    back = replace(life.holder, keys=2)
    request = life.propose(back)
    life.approve(request, 0, 1, 2, 3)
    life.advance(DELAY)
    life.execute(change.opening, request)
    assert life.history()[-1].status is PassportStatus.ACTIVE
    assert life.tree().find(back.leaf) == 2


def test_change__is_stopped_by_holder_or_guardians(life) -> None:
    other = Commitment(5)
    life.propose_change(life.holder, other, 6)
    assert life.watch().change.set_commitment == 6
    life.cancel_change(life.holder)
    assert life.watch().quiet
    life.propose_change(life.holder, other, 7)
    life.approve_cancel(0, 1)
    assert life.watch().change.set_commitment == 7
    life.approve_cancel(2)
    assert life.watch().quiet
    assert kinds(life)[2:] == [
        RecoveryAct.CHANGE_PROPOSED,
        RecoveryAct.CHANGE_CANCELLED,
        RecoveryAct.CHANGE_PROPOSED,
        *[RecoveryAct.CHANGE_OPPOSED] * 3,
        RecoveryAct.CHANGE_CANCELLED,
    ]
    assert life.watch().events[-1].changes == life.state.changes


def test_watch__requests_end_with_their_time_or_another_recovery(life) -> None:
    first, second = (life.propose(replace(life.holder, keys=k)) for k in (1, 2))
    assert {r.request for r in life.watch().requests} == {first, second}
    life.approve(second, 0, 1, 2)
    assert {r.request: r.phase for r in life.watch().requests} == {
        first: Phase.PROPOSED,
        second: Phase.WAITING,
    }
    life.advance(PROPOSAL)
    assert [r.request for r in life.watch().requests] == [second]
    third = life.propose(replace(life.holder, keys=3))
    life.execute(life.holder.opening, second)
    assert life.watch().quiet
    state = life.state
    assert life.recovery.request(third).phase(state, 0) is Phase.VOID


def test_watch__looks_no_further_back_than_it_must(life) -> None:
    assert len(kinds(life)) == 2
    life.advance(40 * DAY)
    assert kinds(life) == []
    request = life.propose(replace(life.holder, keys=1))
    life.approve(request, 0, 1, 2)
    life.advance(DELAY + OPEN_FOR)
    assert life.watch().quiet
    life.advance(40 * DAY)
    assert life.watch().quiet


def test_watch__a_node_that_hides_an_approved_request__is_found_out(life, proxy) -> None:
    request = life.propose(replace(life.holder, keys=1))
    life.approve(request, 0, 1, 2)
    client = RpcClient(proxy.url)
    try:
        assert [r.request for r in life.watch(client).to_veto] == [request]

        def hide(method: str, params: list[Any], result: Any) -> Any:
            return [] if method == "eth_getLogs" else result

        proxy.after = hide
        with pytest.raises(NodeUntrusted, match="hides the approval"):
            life.watch(client)
    finally:
        client.close()


def test_history__a_node_that_hides_a_replacement__is_found_out(life, proxy) -> None:
    life.update(life.holder, keys=1)
    client = RpcClient(proxy.url)
    registry = Registry(client, life.registry.address)
    who = (life.holder.identity, life.holder.anchor, life.found.block)
    try:
        assert leaf_history(registry, *who) == life.history()
        proxy.after = lambda method, _, result: result[:-1] if method == "eth_getLogs" else result
        with pytest.raises(NodeUntrusted, match="do not lead to the passport's state"):
            leaf_history(registry, *who)
        proxy.after = lambda method, _, result: result[1:] if method == "eth_getLogs" else result
        with pytest.raises(NodeUntrusted, match="do not begin with one enrolment"):
            leaf_history(registry, *who)
    finally:
        client.close()


def test_history__of_one_who_never_enrolled__is_empty(life) -> None:
    who = (Commitment(999), life.holder.anchor, life.found.block)
    assert leaf_history(life.registry, *who) == []
    assert present_leaf(life.registry, *who) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DELAY()", DELAY),
        ("MAX_DELAY()", MAX_DELAY),
        ("CHANGE_DELAY()", CHANGE_DELAY),
        ("PROPOSAL()", PROPOSAL),
        ("OPEN_FOR()", OPEN_FOR),
    ],
)
def test_constants__equal_the_contract(chain, name, value) -> None:
    from mip_cli.chain.app import App

    assert App(chain.rpc, chain.deployment.recovery).read(name) == value
