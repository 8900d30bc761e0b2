"""A registry that says yes to everything, and strikes back when it is called."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import boa
import pytest
from deployment import CONTRACTS, Deployment, commitment, refusal
from recovery_acts import ARMED, HOUR, Acts, Circle, pass_time

NEW, OTHER = commitment(31), commitment(32)
CIRCLE, THIEFS = Circle(1), Circle(66)
SOURCE = Path(__file__).with_name("HostileRegistry.vy")


@pytest.fixture
def acts(suite: Deployment) -> Acts:
    return Acts(suite)


@pytest.fixture
def theirs(acts: Acts, tmp_path: Path) -> Acts:
    """The same recovery contract, asked about passports of a hostile registry."""
    shutil.copytree(CONTRACTS / "interfaces", tmp_path / "interfaces")
    shutil.copy(SOURCE, tmp_path)
    registry = boa.load(str(tmp_path / SOURCE.name), acts.recovery.address)
    return Acts(acts.suite, acts.tree, registry)


def test_hostile_registry__harms_its_own_passports_only(acts: Acts, theirs: Acts) -> None:
    acts.enroll(0)
    holder = acts.set_guardians(acts.enroll(1), CIRCLE)
    request = acts.propose(holder, NEW)
    before = (tuple(acts.state(holder)), tuple(acts.recovery.request_state(request)))
    root = acts.registry.root()
    same = replace(holder, epoch=0)  # the very same identity and anchor
    theirs.set_guardians(same, THIEFS)
    stolen = theirs.propose(same, OTHER)
    theirs.approve(stolen, THIEFS, [0, 1])
    for of, reason in ((request, "recovery: request is not armed"), (stolen, None)):
        call = (theirs.registry.address, same.opening.abi(), of, [])
        pass_time(24 * HOUR)
        if reason is None:
            pass_time(24 * HOUR)
        assert refusal(lambda call=call: acts.recovery.execute(*call)) == reason
    assert theirs.registry.reached() is True
    here = (acts.registry.address, holder.opening.abi(), stolen, acts.siblings(holder))
    assert refusal(lambda: acts.recovery.execute(*here)) == "recovery: request is not armed"
    assert (tuple(acts.state(holder)), tuple(acts.recovery.request_state(request))) == before
    assert acts.registry.root() == root


@pytest.mark.parametrize("mode", [1, 2, 3])
def test_hostile_registry__reentering_changes_nothing(acts: Acts, theirs: Acts, mode: int) -> None:
    holder = theirs.set_guardians(acts.enroll(1), CIRCLE)
    request, second = theirs.armed(holder, CIRCLE, NEW), theirs.armed(holder, CIRCLE, OTHER)
    theirs.propose_change(holder, 5, 6)
    pass_time(48 * HOUR)
    call = (theirs.registry.address, holder.opening.abi(), request, [])
    theirs.registry.aim(mode, second)
    with pytest.raises(boa.BoaError), boa.env.anchor():  # the lock's own refusal has no reason
        acts.recovery.execute(*call)
    assert acts.recovery.request_state(request).status == ARMED
    theirs.registry.aim(4, second)
    assert refusal(lambda: acts.recovery.execute(*call)) == "hostile: no"
    assert acts.recovery.request_state(request).status == ARMED
    theirs.registry.aim(0, 0)
    acts.recovery.execute(*call)
