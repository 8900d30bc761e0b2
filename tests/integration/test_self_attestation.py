"""What a person says of himself, on a real node: accepted where listed, refused elsewhere."""

from __future__ import annotations

import datetime
import json

from mip_cli.chain.abi import checksum
from mip_cli.crypto.claims import parse_schema
from mip_cli.crypto.policy_text import EXAMPLE_SCHEMA
from mip_cli.flows.kyc import credential_file, self_attest
from mip_cli.store.issuers import Home
from tests.integration.kyc_world import ADULT, World, world

__all__ = ["world"]


def test_own_word__counts_only_where_it_is_listed(world: World) -> None:
    world.mip("issuer", "init", "--title", "City of Example", issuer=True)
    (world.folder / "me.json").write_text(json.dumps(ADULT))
    (world.folder / "schema.json").write_text(json.dumps(EXAMPLE_SCHEMA))
    attest = ("attest", "--schema", "schema.json", "--claims")
    made = world.holder(*attest, "me.json")
    found = made["credential"]
    assert (found["issuer"], found["self_attested"]) == (1, True)
    assert found["evidence"] == {"how": "self", "detail": ""}
    assert world.holder("show", made["id"])["credential"] == found

    # the example app trusts an issuer of its own choice, not what anybody says
    refused = world.prove(made["id"], "-o", "x.json", code=1)
    assert "does not accept the issuer of" in refused
    assert not (world.folder / "x.json").exists()
    issued, _ = world.obtain("card", ADULT)
    world.prove(issued, "-o", "proof.json")
    assert world.mip("verify", "proof.json")["self_attested_issuers"] == []

    (world.folder / "wrong.json").write_text(json.dumps({"shoe_size": 43}))
    assert "no claim of that name" in world.holder(*attest, "wrong.json", code=2)
    assert len(world.holder("list")["credentials"]) == 2


def test_own_word__passes_for_no_issuer(world: World) -> None:
    """The file names another issuer: the registry has another key for it."""
    world.mip("issuer", "init", "--title", "City of Example", issuer=True)
    (world.folder / "me.json").write_text(json.dumps(ADULT))
    (world.folder / "schema.json").write_text(json.dumps(EXAMPLE_SCHEMA))
    world.holder("request", "-o", "request.json")
    made = self_signed(world, number=1)
    assert world.holder("import", made)["credential"]["self_attested"] is True
    refused = world.holder("import", self_signed(world, number=2), code=1)
    assert "another key than the registry has" in refused


def self_signed(world: World, number: int) -> str:
    """Sign, with the key everybody has, for a request, in the name of a number."""
    request = credential_file.REQUEST.decode((world.folder / "request.json").read_bytes())
    assert world.chain.deployment is not None
    registry = checksum(world.chain.deployment.address("IssuerRegistry"))
    today = datetime.datetime.now(datetime.UTC).date()
    found = self_attest.sign(
        Home(31337, registry, number),
        request.subject,
        parse_schema(EXAMPLE_SCHEMA),
        ADULT,
        self_attest.OWN_WORD,
        first=today,
    )
    name = f"self-{number}.json"
    (world.folder / name).write_bytes(credential_file.encode(found))
    return name
