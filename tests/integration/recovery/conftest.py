"""A holder whose guardians are in force, and a branch of that world for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.head_start import portraits
from tests.integration.guardian_world import World

if TYPE_CHECKING:
    from conftest import LocalChain


@pytest.fixture(scope="package")
def base(chain: LocalChain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A holder with three guardians in force."""
    root = tmp_path_factory.mktemp("world")
    photos = portraits(root / "photos")
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
