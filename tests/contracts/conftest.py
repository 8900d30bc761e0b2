"""Fixtures for the contract tests: titanoboa, pairing precompiles routed to a native EVM."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # noqa: E402

from deployment import Deployment, deploy, route_precompiles, spare_storage_dumps


@pytest.fixture(scope="session")
def deployed() -> Deployment:
    """The suite, deployed once for all tests."""
    route_precompiles()
    spare_storage_dumps()
    return deploy()


@pytest.fixture
def suite(deployed: Deployment) -> Iterator[Deployment]:
    """The suite, rolled back after each test."""
    import boa

    with boa.env.anchor():
        yield deployed
