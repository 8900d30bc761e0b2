"""An issuer's key is stolen: it is stopped at once, changed after two days, and life goes on."""

from __future__ import annotations

import json
import shutil
from typing import Any

from mip_cli.flows.kyc import kyc_issuer_life
from mip_cli.progress import Silent
from tests.integration.kyc_world import ADULT, World, world

__all__ = ["world"]

HOUR = 3600


def later(world: World, seconds: int) -> None:
    world.chain.rpc.call("evm_increaseTime", seconds)
    world.chain.rpc.call("evm_mine")


def listed(world: World) -> Any:
    """Return the issuer as everybody sees it."""
    found = kyc_issuer_life.on_chain(world.chain.settings, Silent())
    return next(item for item in found.issuers if item.name == "City of Example")


def issue_by_thief(world: World, name: str) -> None:
    """Let whoever copied the issuer's file and password sign for a request."""
    own = world.folder / "city"
    own.rename(world.folder / "honest")
    (world.folder / "stolen").rename(own)
    try:
        world.mip(
            *("issuer", "issue", "--schema", "schema.json", "--claims", "old-claims.json"),
            *("--request", f"{name}-request.json", "-o", f"{name}.json", "--yes"),
            issuer=True,
        )
    finally:
        own.rename(world.folder / "stolen")
        (world.folder / "honest").rename(own)


def test_stolen_key__dies_at_once_and_is_replaced(world: World) -> None:
    world.mip("issuer", "init", "--title", "City of Example", issuer=True)
    old, _ = world.obtain("old", ADULT)
    first = world.prove(old, "-o", "before.json")
    assert world.mip("verify", "before.json")["on_chain"] is True
    shutil.copytree(world.folder / "city", world.folder / "stolen")
    old_key = listed(world).record.key

    # while nobody knows, the thief's credential is as good as any
    world.holder("request", "-o", "false-request.json")
    issue_by_thief(world, "false")
    false = world.holder("import", "false.json")["id"]
    world.prove(false, "-o", "false-proof.json")

    # stopped: no proof is made, and those made before die within the grace time
    world.mip("issuer", "suspend", "--yes", issuer=True)
    for credential in (old, false):
        assert "issuer is suspended" in world.prove(credential, "-o", "x.json", code=1)
    later(world, 121)
    for proof in ("before.json", "false-proof.json"):
        assert "since the proof was made" in world.mip("verify", proof, code=4)

    # a key that is announced and dropped is none
    world.mip("issuer", "rotate", "--yes", issuer=True)
    assert listed(world).change is not None
    world.mip("issuer", "rotate", "--cancel", "--yes", issuer=True)
    assert listed(world).change is None
    assert "no change" in world.mip("issuer", "rotate", "--finish", "--yes", issuer=True, code=2)

    announced = world.mip("issuer", "rotate", "--yes", issuer=True)
    again = world.mip("issuer", "rotate", "--yes", issuer=True)
    assert again["change"] == announced["change"]
    early = world.mip("issuer", "rotate", "--finish", "--yes", issuer=True, code=4)
    assert "waits 48 hours" in early
    assert listed(world).record.key == old_key
    later(world, 48 * HOUR)
    finished = world.mip("issuer", "rotate", "--finish", "--yes", issuer=True)
    assert finished["key"] == announced["change"]["key"] != announced["key"]
    assert listed(world).record.key != old_key
    world.mip("issuer", "resume", "--yes", issuer=True)

    # the old key signs for nobody
    for credential in (old, false):
        assert "another key" in world.prove(credential, "-o", "x.json", code=1)
    world.holder("request", "-o", "late-request.json")
    issue_by_thief(world, "late")
    assert "another key" in world.holder("import", "late.json", code=1)

    # a credential issued anew serves the same person under the same pseudonym
    new, number = world.obtain("new", ADULT)
    assert number == 1  # the numbers count on
    entered = world.prove(new, "--send")
    assert entered["nullifier"] == first["nullifier"]
    assert entered["receipt"]["gas_used"] < 310_000


def test_stolen_controller__is_stopped_in_the_open(world: World) -> None:
    """Somebody with the controller's account and a key file of his own announces his key."""
    world.mip("issuer", "init", "--title", "City of Example", issuer=True)
    shutil.copytree(world.folder / "city", world.folder / "stolen")
    own = world.folder / "city"
    own.rename(world.folder / "honest")
    (world.folder / "stolen").rename(own)
    announced = world.mip("issuer", "rotate", "--yes", issuer=True)
    own.rename(world.folder / "stolen")
    (world.folder / "honest").rename(own)

    assert listed(world).change is not None
    later(world, 47 * HOUR)
    refused = world.mip("issuer", "rotate", "--finish", "--yes", issuer=True, code=2)
    assert "not this file's" in refused
    world.mip("issuer", "rotate", "--cancel", "--yes", issuer=True)
    later(world, 2 * HOUR)
    assert listed(world).change is None
    shown = world.mip("issuer", "show", issuer=True)
    assert shown["key"] == announced["key"]
    world.obtain("fine", ADULT)


def test_dry_run__notes_nothing(world: World) -> None:
    world.mip("issuer", "init", "--title", "City of Example", issuer=True)
    world.obtain("card", ADULT)
    path = next((world.folder / "city" / "issuers").glob("*.mip"))
    before = path.read_bytes()
    for command in (
        ("revoke", "--number", 0, "-o", "list.json", "--dry-run"),
        ("rotate", "--dry-run"),
        ("suspend", "--dry-run"),
    ):
        assert world.mip("issuer", *command, issuer=True)["dry_run"] is True
    assert path.read_bytes() == before
    assert not (world.folder / "list.json").exists()
    assert world.mip("issuer", "revoke", "-o", "list.json", issuer=True)["revoked"] == 0
    world.mip("issuer", "revoke", "--number", 0, "-o", "l.json", "--yes", issuer=True)
    assert json.loads((world.folder / "l.json").read_text())["nonces"] == [0]
