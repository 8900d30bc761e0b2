"""A credential's life on a real node, by the installed command: issue, prove, refuse, revoke."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mip_cli.chain.devnet import developer_signer
from mip_cli.crypto.policy_document import parse_app_policy
from mip_cli.crypto.policy_text import EXAMPLE_POLICY, EXAMPLE_SCHEMA
from mip_cli.flows import demo_photos, enroll
from mip_cli.progress import Silent

if TYPE_CHECKING:
    from conftest import LocalChain

MIP = Path(sys.executable).parent / "mip"
PASSWORD = "correct horse battery staple"
ISSUER_PASSWORD = "a password of the city hall"
ADULT = {
    "given_name": "Ada",
    "family_name": "Lovelace-Canary",
    "birth_date": "1990-12-10",
    "nationality": "GBR",
    "residence": "DE",
    "assurance": 3,
}
MINOR = ADULT | {"birth_date": "2021-01-01"}


@dataclass
class World:
    """A chain, an enrolled holder, and an issuer of another data folder."""

    chain: LocalChain
    folder: Path
    photo: Path

    def mip(self, *arguments: object, issuer: bool = False, code: int = 0) -> Any:
        """Run a command with ``--json``; return its document, or its last lines when refused."""
        settings = self.chain.settings
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "MIP_RPC_URL": settings.rpc_url,
            "MIP_BUILD_DIR": str(settings.build_dir),
            "MIP_KEYRING": "off",
        }
        data = settings.data_dir if not issuer else self.folder / "city"
        command = [str(MIP), "--data-dir", str(data), "kyc", *map(str, arguments), "--json"]
        done = subprocess.run(
            [*command, "--password-file", "-"] if "verify" not in command else command,
            input=ISSUER_PASSWORD if issuer else PASSWORD,
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr if code else json.loads(done.stdout)

    def holder(self, *arguments: object, code: int = 0) -> Any:
        return self.mip(*arguments, "--passport", "holder", "--image", self.photo, code=code)

    def obtain(self, name: str, claims: dict[str, Any]) -> tuple[str, int]:
        """Ask for a credential, have it issued, keep it; return its name and number."""
        self.holder("request", "-o", f"{name}-request.json")
        (self.folder / f"{name}-claims.json").write_text(json.dumps(claims))
        (self.folder / "schema.json").write_text(json.dumps(EXAMPLE_SCHEMA))
        issued = self.mip(
            *("issuer", "issue", "--schema", "schema.json", "--claims", f"{name}-claims.json"),
            *("--request", f"{name}-request.json", "-o", f"{name}.json", "--yes"),
            issuer=True,
        )
        kept = self.holder("import", f"{name}.json")
        assert kept["issuer_checked"] is True
        return kept["id"], issued["number"]

    def prove(self, credential: str, *arguments: object, code: int = 0) -> Any:
        return self.holder(
            *("prove", "--policy", "adult.json", "--app", "AgeGate", "--call", "enter()"),
            *("--credential", credential, "--yes", *arguments),
            code=code,
        )


@pytest.fixture
def world(start_chain: Callable[..., LocalChain], tmp_path: Path) -> World:
    chain = start_chain()
    photos = demo_photos.find(None, tmp_path / "photos")
    wish = enroll.EnrollRequest("holder", photos.first, PASSWORD.encode())
    enroll.enroll(chain.settings, wish, developer_signer(1), Silent())
    (tmp_path / "adult.json").write_text(json.dumps(EXAMPLE_POLICY))
    city = tmp_path / "city" / "deployments"
    city.mkdir(parents=True, mode=0o700)
    record = chain.settings.data_dir / "deployments" / "31337.json"
    (city / record.name).write_bytes(record.read_bytes())
    return World(chain, tmp_path, photos.again)


def test_credential__from_issue_to_revocation(world: World) -> None:
    made = world.mip("issuer", "init", "--title", "City of Example", issuer=True)
    assert (made["number"], made["issued"]) == (0, 0)
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
    assert proved["policy"]["commitment"] == str(
        parse_app_policy(EXAMPLE_POLICY).policy.commitment
    )
    offline = world.mip("verify", "proof.json", "--offline")
    assert (offline["valid"], offline["on_chain"], offline["level"]) == (True, False, None)
    assert world.mip("verify", "proof.json", "--policy", "adult.json")["on_chain"] is True

    # nothing of the credential is in the proof
    text = (world.folder / "proof.json").read_text()
    card = json.loads((world.folder / "adult-card.json").read_text())
    key = card["proof"]["verificationMethod"].split(":")[2:]
    for secret in (requests[0], *key, card["proof"]["proofValue"], "Lovelace", "1990"):
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
    world.mip("issuer", "suspend", "--resume", "--yes", issuer=True)
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
