"""What a holder proves with, before a recovery and after it."""

from __future__ import annotations

from mip_cli.flows.passport import prove
from tests.integration.guardian_world import NEW_PASSWORD, PASSWORD, World


def holder_keys(world: World) -> prove.Keys:
    return prove.Keys("me", PASSWORD, world.photos.again)


def new_keys(world: World) -> prove.Keys:
    return prove.Keys("me", NEW_PASSWORD, world.photos.first)
