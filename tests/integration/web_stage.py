"""A chain, two issuers, two passports, and their servers: all by the installed command."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from mip_cli.chain.devnet import Node, developer_signer
from mip_cli.crypto.policy_text import EXAMPLE_POLICY, EXAMPLE_SCHEMA
from mip_cli.flows.passport import enroll
from mip_cli.progress import Silent
from tests.head_start import portraits
from tests.integration.conftest import LocalChain, running_chain
from tests.integration.http_world import (
    Served,
    environment,
    recording,
    serving,
)
from tests.integration.kyc_world import ISSUER_PASSWORD, PASSWORD, World
from tests.ports import unused_port

TIMEOUT = 60
KEY = "key of the web shop, not to be told"
PURPOSE = "Enter the shop"


@dataclass
class Stage:
    """A chain, two issuers, two passports, and servers as a test wants them."""

    world: World
    policy: dict[str, Any]
    numbers: dict[str, int]

    @property
    def folder(self) -> Path:
        return self.world.folder

    def holder(self, *arguments: object, name: str = "holder", code: int = 0) -> Any:
        return self.world.mip(
            *arguments, "--passport", name, "--image", self.world.photo, code=code
        )

    def offer(
        self, issuer: str, url: str, claims: dict[str, Any], schema: object = EXAMPLE_SCHEMA
    ) -> tuple[str, Path]:
        """Prepare an offer; return it, and a file with its transaction code."""
        (self.folder / "schema.json").write_text(json.dumps(schema))
        (self.folder / "claims.json").write_text(json.dumps(claims))
        made = self.world.mip(
            *("issuer", "offer", "--issuer", issuer, "--url", url, "--yes"),
            *("--schema", "schema.json", "--claims", "claims.json"),
            issuer=True,
        )
        pin = self.folder / f"{made['id']}.pin"
        pin.write_text(made["tx_code"])
        pin.chmod(0o600)
        return made["offer"], pin

    def fetch(
        self,
        issuer: str,
        url: str,
        claims: dict[str, Any],
        name: str = "holder",
        schema: object = EXAMPLE_SCHEMA,
    ) -> Any:
        offer, pin = self.offer(issuer, url, claims, schema)
        return self.holder("fetch", offer, "--code-file", pin, name=name)

    def _environment(self) -> dict[str, str]:
        settings = self.world.chain.settings
        return environment(
            self.folder, MIP_RPC_URL=settings.rpc_url, MIP_BUILD_DIR=str(settings.build_dir)
        )

    @contextmanager
    def issuer(self, name: str, url: str = "") -> Iterator[Served]:
        (self.folder / "password").write_text(ISSUER_PASSWORD)
        (self.folder / "password").chmod(0o600)
        command = ["--data-dir", "city", "kyc", "issuer", "serve", "--issuer", name]
        command += ["--password-file", "password", *(("--url", url) if url else ())]
        with serving(command, self._environment(), self.folder, unused_port(), url) as served:
            yield served

    @contextmanager
    def verifier(self, url: str = "", **options: str) -> Iterator[Served]:
        (self.folder / "policy.json").write_text(json.dumps(self.policy))
        (self.folder / "key").write_text(KEY + "\n")
        (self.folder / "key").chmod(0o600)
        chosen = {"policy": "policy.json", "purpose": PURPOSE, "key-file": "key"} | options
        data = str(self.world.chain.settings.data_dir)
        command = ["--data-dir", data, "kyc", "verifier", "serve"]
        command += [f"--{name}={value}" for name, value in chosen.items()]
        command += ["--url", url] if url else []
        with serving(command, self._environment(), self.folder, unused_port(), url) as served:
            yield served


def set_up(chain: LocalChain, folder: Path) -> Stage:
    photos = portraits(folder / "photos")
    for name in ("holder", "stranger"):
        wish = enroll.EnrollRequest(name, photos.first, PASSWORD.encode())
        enroll.enroll(chain.settings, wish, developer_signer(1), Silent())
    city = folder / "city" / "deployments"
    city.mkdir(parents=True, mode=0o700)
    record = chain.settings.data_dir / "deployments" / "31337.json"
    (city / record.name).write_bytes(record.read_bytes())
    world = World(chain, folder, photos.again)
    numbers = {
        name: world.mip("issuer", "init", "--issuer", name, "--title", name, issuer=True)["number"]
        for name in ("city", "town")
    }
    policy = EXAMPLE_POLICY | {"issuers": list(numbers.values())}
    return Stage(world, policy, numbers)


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """Run a chain with two issuers and two passports."""
    with running_chain(folder / "chain", Node.ANVIL, deployed=True) as chain:
        yield set_up(chain, folder)


def begin(served_url: str, port: int) -> dict[str, Any]:
    """Ask a verifier for a request, as the web service does."""
    answer = requests.post(
        f"http://127.0.0.1:{port}/requests",
        headers={"Authorization": f"Bearer {KEY}"},
        timeout=TIMEOUT,
    )
    assert answer.status_code == 201, answer.text
    made = dict(answer.json())
    assert made["result_uri"].startswith(f"{served_url}/results/")
    return made


def outcome(port: int, made: dict[str, Any]) -> dict[str, Any]:
    path = urlsplit(made["result_uri"]).path
    answer = requests.get(f"http://127.0.0.1:{port}{path}", timeout=TIMEOUT)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    return dict(answer.json())


def asked(port: int, made: dict[str, Any]) -> dict[str, Any]:
    """Read a request object as a wallet does, from OpenID4VP and RFC 9101 alone."""
    query = parse_qs(urlsplit(made["authorization_request"]).query, strict_parsing=True)
    path = urlsplit(query["request_uri"][0]).path
    answer = requests.get(f"http://127.0.0.1:{port}{path}", timeout=TIMEOUT)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/oauth-authz-req+jwt"
    head, payload, signature = answer.text.split(".")
    assert signature == ""
    assert unpadded(head) == {"alg": "none", "typ": "oauth-authz-req+jwt"}
    found = unpadded(payload)
    assert found["client_id"] == query["client_id"][0] == "redirect_uri:" + found["response_uri"]
    assert (found["response_type"], found["response_mode"]) == ("vp_token", "direct_post")
    return found


def unpadded(part: str) -> dict[str, Any]:
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


def captured(
    stage: Stage, served: Served, port: int, made: dict[str, Any], *credentials: str
) -> Any:
    """Have ``mip`` make an answer that never arrives; return it."""
    with recording(served.port, port, block="/response") as transcript:
        refused = stage.holder(
            *("present", made["authorization_request"], "--yes"),
            *(word for name in credentials for word in ("--credential", name)),
            code=3,
        )
    assert "answers with status 503" in refused
    fields = parse_qs(transcript.exchanges[-1].decode(), strict_parsing=True)
    (token,), (state,) = fields["vp_token"], fields["state"]
    ((proof,),) = json.loads(token).values()
    return proof, state
