"""A credential's life on a real node, by the installed command: issue, prove, refuse, revoke."""

from __future__ import annotations

import json

from mip_cli.crypto.policy_document import parse_app_policy
from mip_cli.crypto.policy_text import EXAMPLE_POLICY
from tests.integration.kyc_world import ADULT, MINOR, World, world

__all__ = ["world"]


def test_credential__from_issue_to_revocation(world: World) -> None:
    made = world.mip("issuer", "init", "--title", "City of Example", issuer=True)
    assert (made["number"], made["issued"]) == (2, 0)  # 0 is nobody, 1 are holders themselves
    again = world.mip("issuer", "init", "--title", "City of Example", issuer=True, code=2)
    assert "registered already" in again

    adult, adult_number = world.obtain("adult-card", ADULT)
    minor, minor_number = world.obtain("minor-card", MINOR)
    assert (adult_number, minor_number) == (0, 1)
    listed = world.holder("list")["credentials"]
    assert {held["id"] for held in listed} == {adult, minor}
    shown = world.holder("show", adult)["credential"]
    assert shown["claims"] == ADULT

    # the two requests, and what the issuer knows, have no number in common with each other
    requests = [
        json.loads((world.folder / f"{n}-card-request.json").read_text())["subject"]
        for n in ("adult", "minor")
    ]
    assert requests[0] != requests[1]

    refused = world.prove(minor, "-o", "minor-proof.json", code=1)
    assert "does not say what the policy asks for" in refused
    assert not (world.folder / "minor-proof.json").exists()

    proved = world.prove(adult, "-o", "proof.json")
    assert (proved["level"], proved["credentials"], proved["receipt"]) == (2, [adult], None)
    assert proved["policy"]["commitment"] == str(parse_app_policy(EXAMPLE_POLICY).policy.commitment)
    offline = world.mip("verify", "proof.json", "--offline")
    assert (offline["valid"], offline["on_chain"], offline["level"]) == (True, False, None)
    assert world.mip("verify", "proof.json", "--policy", "adult.json")["on_chain"] is True

    # nothing of the credential is in the proof
    text = (world.folder / "proof.json").read_text()
    card = json.loads((world.folder / "adult-card.json").read_text())
    key = card["proof"]["verificationMethod"].split(":")[2:]
    for secret in (requests[0], *key, card["proof"]["proofValue"], "Lovelace", ADULT["birth_date"]):
        assert secret not in text
        assert str(int(secret, 16) if secret.startswith("0x") else secret) not in text

    # one value changed: the proof is refused
    document = json.loads(text)
    for change in ({"day": document["credential"]["day"] - 1}, {"issuers_root": "5"}):
        altered = document | {"credential": document["credential"] | change}
        (world.folder / "altered.json").write_text(json.dumps(altered))
        world.mip("verify", "altered.json", "--offline", code=1)
    looser = json.loads(json.dumps(document))
    looser["credential"]["policy"]["parts"][0]["predicates"][0]["value"] = 16
    (world.folder / "altered.json").write_text(json.dumps(looser))
    assert "payload" in world.mip("verify", "altered.json", "--offline", code=3)
    # nor does it help to bind the looser policy to the same act
    rebound = parse_app_policy(looser["credential"]["policy"]).policy
    payload = bytes.fromhex(looser["credential"]["payload"][2:])
    looser["mip"]["payload"] = "0x" + rebound.bind(payload).hex()
    (world.folder / "altered.json").write_text(json.dumps(looser))
    world.mip("verify", "altered.json", "--offline", code=1)

    entered = world.prove(adult, "--send")
    assert entered["receipt"]["gas_used"] < 310_000
    assert entered["nullifier"] == proved["nullifier"]
    assert "entered already" in world.prove(adult, "--send", code=4)

    spare, _ = world.obtain("spare-card", ADULT)
    revoked = world.mip(
        "issuer", "revoke", "--number", adult_number, "-o", "list.json", "--yes", issuer=True
    )
    assert (revoked["revoked"], revoked["version"]) == (1, 1)
    assert "needs its list" in world.prove(spare, "-o", "x.json", code=2)
    listed_now = ("--revocations", "list.json")
    assert "revoked by its issuer" in world.prove(adult, "-o", "x.json", *listed_now, code=1)
    still = world.prove(spare, "-o", "spare.json", *listed_now)
    assert world.mip("verify", "spare.json")["on_chain"] is True
    assert still["nullifier"] == proved["nullifier"]

    # the proof of before dies with the root it was made under
    world.chain.rpc.call("evm_increaseTime", 300)
    world.chain.rpc.call("evm_mine")
    assert "since the proof was made" in world.mip("verify", "proof.json", code=4)

    suspended = world.mip("issuer", "suspend", "--yes", issuer=True)
    assert suspended["status"] == "suspended"
    assert "issuer is suspended" in world.prove(spare, "-o", "y.json", *listed_now, code=1)
    assert not (world.folder / "y.json").exists()
    world.mip("issuer", "resume", "--yes", issuer=True)
    world.prove(spare, "-o", "y.json", *listed_now)

    # what lies on the holder's disk is sealed
    for path in (world.chain.settings.data_dir).rglob("*"):
        if path.is_file():
            assert b"Lovelace" not in path.read_bytes()

    refuse_foreign_credentials(world)


def refuse_foreign_credentials(world: World) -> None:
    """Another's credential, a changed one, one with a member of its own."""
    document = json.loads((world.folder / "adult-card.json").read_text())
    subject = document["credentialSubject"]["id"]
    document["credentialSubject"]["id"] = subject[:-1] + ("0" if subject[-1] != "0" else "1")
    (world.folder / "other.json").write_text(json.dumps(document))
    assert "answers no request" in world.holder("import", "other.json", code=1)
    document = json.loads((world.folder / "adult-card.json").read_text())
    document["credentialSubject"]["claims"]["birth_date"] = "1980-01-01"
    (world.folder / "other.json").write_text(json.dumps(document))
    assert "signature does not hold" in world.holder("import", "other.json", code=1)
    document["@context"].append("https://example.org")
    (world.folder / "other.json").write_text(json.dumps(document))
    assert "cannot be read" in world.holder("import", "other.json", code=3)
