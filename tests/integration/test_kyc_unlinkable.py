"""Two issuers and two verifiers lay their transcripts side by side and find no common value."""

from __future__ import annotations

import json
import re
from pathlib import Path

from mip_cli.chain import suite
from mip_cli.chain.abi import address_word
from mip_cli.chain.deploy import Part, deploy
from mip_cli.chain.deployments import GATE
from mip_cli.chain.suite import parse_compiled
from mip_cli.crypto.claims import parse_schema
from mip_cli.crypto.policy_document import parse_app_policy
from mip_cli.crypto.policy_text import EXAMPLE_POLICY, EXAMPLE_SCHEMA
from tests.integration.kyc_world import ADULT, World, world

__all__ = ["world"]


def values(*paths: Path) -> set[int]:
    """Return every number of 40 bits or more in some files, however it is written.

    Long hexadecimal texts are cut into words as well, for signatures and proofs are written so.
    """
    found: set[int] = set()
    for path in paths:
        text = path.read_text()
        found |= {int(digits) for digits in re.findall(r"(?<![0-9a-fA-Fx])\d{13,}", text)}
        for digits in re.findall(r"0x([0-9a-fA-F]{10,})", text):
            found.add(int(digits, 16))
            found |= {int(digits[i : i + 64], 16) for i in range(0, len(digits) - 63, 64)}
        found |= {int(digits, 16) for digits in re.findall(r'"([0-9a-f]{64})"', text)}
    return {value for value in found if value >= 1 << 40}


def obtain(world: World, issuer: str, number: int) -> tuple[str, Path, Path]:
    """Ask an issuer for a credential; return its name, and what the issuer saw and made."""
    made = world.mip("issuer", "init", "--title", issuer, "--issuer", issuer, issuer=True)
    assert made["number"] == number
    request, card = world.folder / f"{issuer}-request.json", world.folder / f"{issuer}.json"
    world.holder("request", "-o", request)
    world.mip(
        *("issuer", "issue", "--schema", "schema.json", "--claims", "claims.json"),
        *("--request", request, "-o", card, "--issuer", issuer, "--yes"),
        issuer=True,
    )
    return world.holder("import", card)["id"], request, card


def put_app(world: World, policy: Path) -> str:
    build = world.chain.settings.build_dir / "contracts" / f"{suite.AGE}.json"
    found = parse_compiled(suite.AGE, build.read_bytes())
    assert world.chain.deployment is not None
    place = address_word(world.chain.deployment.address(GATE))
    arguments = suite._policy_arguments(parse_app_policy(json.loads(policy.read_text())).policy)
    part = Part("OtherAge", found.bytecode + place + arguments, found.runtime, found.compiler)
    deploy(world.chain.sender(0, "journal-other"), [part])
    return part.address


def test_transcripts__share_no_value(world: World) -> None:
    (world.folder / "claims.json").write_text(json.dumps(ADULT))
    (world.folder / "schema.json").write_text(json.dumps(EXAMPLE_SCHEMA))
    city, *of_city = obtain(world, "city", 2)
    town, *of_town = obtain(world, "town", 3)
    other = world.folder / "other-policy.json"
    other.write_text(json.dumps(EXAMPLE_POLICY | {"issuers": [3, 2]}))
    app = put_app(world, other)
    proofs = []
    for credential, policy, place, account in (
        (city, "adult.json", "AgeGate", "0x" + "11" * 20),
        (town, str(other), app, "0x" + "22" * 20),
    ):
        proofs.append(world.folder / f"{credential}-proof.json")
        world.holder(
            *("prove", "--policy", policy, "--app", place, "--call", "enter()", "--yes"),
            *("--credential", credential, "--beneficiary", account, "-o", proofs[-1]),
        )
        assert world.mip("verify", proofs[-1])["on_chain"] is True

    chain = world.chain.deployment
    assert chain is not None
    addresses = {int(contract.address, 16) for contract in chain.contracts}
    document = json.loads(proofs[0].read_text())
    # what everybody has in common: contracts, keys of circuits, the roots of the day, the schema
    public = addresses | {
        int(document["mip"]["verifying_key"].removeprefix("0x"), 16),
        int(document["mip"]["root"]),
        int(document["credential"]["issuers_root"]),
        parse_schema(EXAMPLE_SCHEMA).id,
    }
    issuers = [values(*of_city), values(*of_town)]
    verifiers = [values(proof) for proof in proofs]
    assert all(len(found) >= 6 for found in issuers)
    assert all(len(found) >= 14 for found in verifiers)
    assert issuers[0] & issuers[1] <= public
    assert len(issuers[0] & issuers[1]) >= 2  # schema and registry: such values are found
    assert verifiers[0] & verifiers[1] <= public | payload_of(proofs)
    for issuer in issuers:
        for verifier in verifiers:
            assert issuer & verifier <= addresses


def payload_of(proofs: list[Path]) -> set[int]:
    """Return the hash of the call, which is the same function of both apps."""
    found = {json.loads(proof.read_text())["credential"]["payload"] for proof in proofs}
    assert len(found) == 1
    return {int(text.removeprefix("0x"), 16) for text in found}
