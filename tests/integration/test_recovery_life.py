"""Guardians and recoveries through the flows: real proofs, a real node, time that passes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mip_cli.chain.recovery import Phase
from mip_cli.chain.reverts import AppRefusal
from mip_cli.errors import Negative, UsageFault
from mip_cli.flows import demo_photos, guardian_acts, guardianship, prove
from mip_cli.flows.guardians import Wish
from mip_cli.flows.guardianship import PartState
from mip_cli.flows.recover_status import Step
from mip_cli.models import Kind
from tests.integration.guardian_world import (
    DAY,
    GUARDIAN_PASSWORD,
    NAMES,
    NEW_PASSWORD,
    PASSWORD,
    SILENT,
    World,
)

if TYPE_CHECKING:
    from conftest import LocalChain


@pytest.fixture(scope="module")
def base(chain: LocalChain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A holder with three guardians in force."""
    root = tmp_path_factory.mktemp("world")
    photos = demo_photos.find(None, root / "photos")
    snapshot = chain.rpc.call("evm_snapshot")
    world = World(chain, photos, root / "machines")
    world.enroll()
    world.set_guardians()
    yield world
    assert chain.rpc.call("evm_revert", snapshot)


@pytest.fixture
def world(base: World, tmp_path: Path) -> Iterator[World]:
    with base.branch(tmp_path / "machines") as found:
        yield found


def test_set__is_in_force_and_everybody_sees_it(world: World) -> None:
    unlocked = world.open()
    assert unlocked.secrets.kinds == (Kind.FACE, Kind.PASSWORD, Kind.PEOPLE)
    assert unlocked.sealed.envelope.people is not None
    assert world.state().has_guardians
    seen = guardian_acts.overview(world.holder, "me", world.factors, SILENT)
    assert (seen.active_on_chain, seen.pending, seen.foreign) == (True, None, False)
    for name in NAMES:
        found = guardianship.check(world.machine(name), "ada", GUARDIAN_PASSWORD, SILENT)
        assert found.good
        assert [part.state for part in found.parts] == [PartState.IN_FORCE]
    assert world.vote(world.holder, prove.Keys("me", PASSWORD, world.photos.again))


def test_recover__device_lost__comes_back_as_the_same(world: World, tmp_path: Path) -> None:
    before = world.vote(world.holder, prove.Keys("me", PASSWORD, world.photos.again))
    backup, locator = world.backup(tmp_path / "backup.mip"), world.locator()
    device = world.machine("new device")
    begun = world.start(device, backup, locator)
    assert world.start(device, backup, locator).ask == begun.ask
    assert recover_step(world, device) is Step.ANSWERS
    one, two = world.answers(begun.ask)
    first = world.go_on(device, (one,), old_password=PASSWORD)
    assert (first.step, first.phase, first.missing is None) == (Step.PROPOSE, Phase.NONE, False)
    now = world.go_on(device, (two,), old_password=PASSWORD)
    assert (now.step, now.phase, now.approvals, now.needed) == (Step.WAIT, Phase.WAITING, 2, 2)
    with pytest.raises(Negative, match="48 hours more"):
        world.finish(device)
    world.later(2 * DAY)
    done = world.finish(device)
    assert done.people
    assert done.path == device.data_dir / "passports" / "me.mip"
    unlocked = world.open(device, world.new_factors)
    assert unlocked.secrets.kinds == (Kind.FACE, Kind.PASSWORD, Kind.PEOPLE)
    with pytest.raises(AppRefusal, match="has voted"):
        world.vote(device, prove.Keys("me", NEW_PASSWORD, world.photos.first))
    with pytest.raises(UsageFault, match="does not hold"):
        world.vote(world.holder, prove.Keys("me", PASSWORD, world.photos.again))
    assert not (device.data_dir / "recoveries" / "me").exists()
    del before


def recover_step(world: World, machine) -> Step:
    from mip_cli.flows import recover_status

    return recover_status.status(machine, "me").step


def test_wish__is_replaced(world: World) -> None:
    assert replace(Wish(), threshold=2).threshold == 2
