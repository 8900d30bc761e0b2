"""Credentials and proofs over HTTP on a real node: served and fetched by the installed command."""

from __future__ import annotations

import base64
import datetime
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from jwcrypto.jwk import JWK
from sd_jwt.common import SDObj
from sd_jwt.issuer import SDJWTIssuer

from mip_cli.chain.devnet import Node, developer_signer
from mip_cli.crypto.policy_text import EXAMPLE_POLICY, EXAMPLE_SCHEMA
from mip_cli.flows.demo import demo_photos
from mip_cli.flows.kyc import credential_file, self_attest
from mip_cli.flows.kyc.web_app import web_app
from mip_cli.flows.passport import enroll
from mip_cli.progress import Silent
from tests.integration.conftest import LocalChain, running_chain
from tests.integration.http_world import (
    Served,
    Transcript,
    environment,
    recording,
    serving,
    unused_port,
)
from tests.integration.kyc_world import ADULT, ISSUER_PASSWORD, MINOR, PASSWORD, World

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

    def offer(self, issuer: str, url: str, claims: dict[str, Any]) -> tuple[str, Path]:
        """Prepare an offer; return it, and a file with its transaction code."""
        (self.folder / "schema.json").write_text(json.dumps(EXAMPLE_SCHEMA))
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

    def fetch(self, issuer: str, url: str, claims: dict[str, Any], name: str = "holder") -> Any:
        offer, pin = self.offer(issuer, url, claims)
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


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    with running_chain(folder / "chain", Node.ANVIL, deployed=True) as chain:
        yield set_up(chain, folder)


def set_up(chain: LocalChain, folder: Path) -> Stage:
    photos = demo_photos.find(None, folder / "photos")
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


def values(transcript: Transcript) -> set[bytes]:
    """Return everything in a transcript that is long enough to be told apart."""
    return {part for part in re.split(rb"[^A-Za-z0-9_-]+", transcript.whole()) if len(part) >= 8}


def test_transcripts__of_issuers_and_services_share_no_value_of_a_holder(stage: Stage) -> None:
    seen: dict[tuple[str, str], set[bytes]] = {}
    held: dict[tuple[str, str], str] = {}
    known: dict[tuple[str, str], str] = {}
    for issuer in ("city", "town"):
        port = unused_port()
        url = f"http://127.0.0.1:{port}"
        with stage.issuer(issuer, url) as served:
            for name in ("holder", "stranger"):
                with recording(served.port, port) as transcript:
                    got = stage.fetch(issuer, url, ADULT, name)
                assert got["issuer"] == stage.numbers[issuer]
                assert got["issuer_checked"] is True
                seen[issuer, name] = values(transcript)
                held[issuer, name] = got["id"]
    for shop in ("shop", "club"):
        port = unused_port()
        url = f"http://127.0.0.1:{port}"
        with stage.verifier(url) as served:
            for name in ("holder", "stranger"):
                made = begin(url, served.port)
                assert outcome(served.port, made) == {"outcome": "pending", "purpose": PURPOSE}
                with recording(served.port, port) as transcript:
                    shown = stage.holder(
                        *("present", made["authorization_request"], "--yes"),
                        *("--credential", held["city", name]),
                        name=name,
                    )
                seen[shop, name] = values(transcript)
                known[shop, name] = shown["pseudonym"]
                assert (shown["origin"], shown["app"]) == (url, web_app(url))
                found = outcome(served.port, made)
                assert (found["outcome"], found["pseudonym"]) == ("accepted", shown["pseudonym"])
                assert (found["level"], found["self_attested_issuers"]) == (2, [])
            # the same person comes back as the same, and with the other credential too
            made = begin(url, served.port)
            again = stage.holder(
                *("present", made["authorization_request_by_value"], "--yes"),
                *("--credential", held["town", "holder"]),
                code=3,  # nobody answers at this origin while nothing is forwarded
            )
            assert "connection refused" in again
            with recording(served.port, port):
                again = stage.holder(
                    *("present", made["authorization_request_by_value"], "--yes"),
                    *("--credential", held["town", "holder"]),
                )
            assert again["pseudonym"] == known[shop, "holder"]
    assert len(set(known.values())) == 4
    places = ("city", "town", "shop", "club")
    for i, one in enumerate(places):
        for other in places[i + 1 :]:
            shared = seen[one, "holder"] & seen[other, "holder"]
            assert shared - (seen[one, "stranger"] & seen[other, "stranger"]) == set()
            assert len(seen[one, "holder"] - seen[one, "stranger"]) > 3  # the test sees something
    log = (stage.folder / "chain").rglob("*")
    for path in log:
        if path.is_file():
            assert b"Lovelace" not in path.read_bytes()
    for path in stage.folder.glob("server-*.log"):
        text = path.read_text()
        for secret in (KEY, ISSUER_PASSWORD, "Lovelace", *known.values(), *held.values()):
            assert secret not in text


def test_fetch__goes_on_after_a_lost_answer(stage: Stage) -> None:
    lost: list[bytes] = []

    def lose(path: str, data: bytes) -> bytes:
        if path == "/credential" and not lost:
            lost.append(data)
            return data[: len(data) // 2]
        return data

    port = unused_port()
    url = f"http://127.0.0.1:{port}"
    with stage.issuer("city", url) as served, recording(served.port, port, lose):
        offer, pin = stage.offer("city", url, ADULT)
        before = len(stage.holder("list")["credentials"])
        wrong = stage.folder / "wrong.pin"
        wrong.write_text("00000000" if pin.read_text() != "00000000" else "00000001")
        wrong.chmod(0o600)
        refused = stage.holder("fetch", offer, "--code-file", wrong, code=1)
        assert "refuses (invalid_grant)" in refused
        assert "no JSON" in stage.holder("fetch", offer, "--code-file", pin, code=3)
        (promised,) = json.loads(lost[0])["credentials"]
        # the transaction code is not needed again, and not asked for
        got = stage.holder("fetch", offer, "--code-file", stage.folder / "none")
        assert got["number"] == promised["credential"]["credentialStatus"]["nonce"]
        held = stage.holder("list")["credentials"]
        assert len(held) == before + 1
        assert not list(stage.world.chain.settings.data_dir.rglob("*.fetch"))
        # and the code was spent
        spent = stage.holder("fetch", offer, "--code-file", pin, code=1)
        assert "there is nothing here" in spent
        listed = stage.world.mip("issuer", "offers", "--issuer", "city", issuer=True)["offers"]
        assert got["number"] in [o["number"] for o in listed if o["state"] == "fetched"]


def test_fetch__refuses_what_the_registry_does_not_know(stage: Stage) -> None:
    def other_claim(path: str, data: bytes) -> bytes:
        return data.replace(b'"1990-12-10"', b'"1980-12-10"') if path == "/credential" else data

    def other_number(path: str, data: bytes) -> bytes:
        here, there = (f":{stage.numbers[name]}".encode() for name in ("city", "town"))
        return data.replace(here + b'"', there + b'"') if path == "/credential" else data

    def own_word(path: str, data: bytes) -> bytes:
        """Put in its place what anybody can sign, under the number that stands for that."""
        if path != "/credential":
            return data
        document = json.loads(data)
        (entry,) = document["credentials"]
        given = credential_file.decode(json.dumps(entry["credential"]).encode())
        signed = self_attest.sign(
            replace(given.issuer, number=1),
            given.signed.statement.subject,
            given.schema,
            given.values,
            self_attest.OWN_WORD,
            first=datetime.datetime.now(datetime.UTC).date(),
        )
        entry["credential"] = json.loads(credential_file.encode(signed))
        return json.dumps(document).encode()

    def other_origin(path: str, data: bytes) -> bytes:
        return data.replace(b"/token", b"0/token") if "oauth" in path else data

    cases = {
        "signature does not hold": (other_claim, 1),
        "another key than the registry has": (other_number, 1),
        "under the key that everybody has": (own_word, 1),
        "endpoints of another origin": (other_origin, 3),
    }
    with stage.issuer("city", "http://127.0.0.1:9") as served:
        for words, (change, code) in cases.items():
            port = unused_port()
            url = f"http://127.0.0.1:{port}"

            def everywhere(path: str, data: bytes, url: str = url, change: Any = change) -> bytes:
                return bytes(change(path, data.replace(b"http://127.0.0.1:9", url.encode())))

            with recording(served.port, port, everywhere):
                offer, pin = stage.offer("city", url, ADULT)
                before = len([c for c in stage.holder("list")["credentials"] if c["credential"]])
                assert words in stage.holder("fetch", offer, "--code-file", pin, code=code)
                after = len([c for c in stage.holder("list")["credentials"] if c["credential"]])
                assert before == after
    plain = "openid-credential-offer://?credential_offer_uri=http%3A%2F%2Fcity.example%2Foffer%2Fx"
    assert "not protected by https" in stage.holder("fetch", plain, "--code-file", pin, code=2)


def captured(stage: Stage, served: Served, port: int, made: dict[str, Any], credential: str) -> Any:
    """Have ``mip`` make an answer that never arrives; return it."""
    with recording(served.port, port, block="/response") as transcript:
        refused = stage.holder(
            "present", made["authorization_request"], "--yes", "--credential", credential, code=3
        )
    assert "answers with status 503" in refused
    fields = parse_qs(transcript.exchanges[-1].decode(), strict_parsing=True)
    (token,), (state,) = fields["vp_token"], fields["state"]
    ((proof,),) = json.loads(token).values()
    return proof, state


def test_verifier__refuses_all_but_the_one_proof(stage: Stage) -> None:
    with stage.issuer("city") as served:
        adult = stage.fetch("city", served.url, ADULT)["id"]
        minor = stage.fetch("city", served.url, MINOR)["id"]
    port = unused_port()
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        served = stack.enter_context(stage.verifier(url))
        other = stack.enter_context(stage.verifier())
        made, second, third = (begin(url, served.port) for _ in range(3))
        at_other = begin(other.url, other.port)
        wish = asked(served.port, made)
        assert wish["response_uri"] == f"{url}/response"
        (query,) = wish["dcql_query"]["credentials"]
        assert query["format"] == "mip_vc"
        assert query["meta"]["policy"] == stage.policy
        states = [asked(served.port, m)["state"] for m in (second, third)]
        foreign = asked(other.port, at_other)
        with recording(served.port, port, block="/response") as quiet:
            refused = stage.holder(
                "present", third["request_uri"], "--yes", "--credential", minor, code=1
            )
        assert "does not say what the policy asks for" in refused
        assert not any(b"vp_token" in exchange for exchange in quiet.exchanges)
        proof, state = captured(stage, served, port, made, adult)

        def post(document: object, to: str = state, at: Served = served) -> requests.Response:
            fields = {"vp_token": json.dumps({"mip": [document]}), "state": to}
            return requests.post(
                f"http://127.0.0.1:{at.port}/response", data=fields, timeout=TIMEOUT
            )

        def refuse(answer: requests.Response, words: str, status: int = 400) -> None:
            assert answer.status_code == status, answer.text
            assert set(answer.json()) == {"error", "error_description"}
            assert words in answer.json()["error_description"], answer.text

        refuse(post(proof, states[0]), "another request")
        refuse(post(proof, foreign["state"], other), "another web service")
        refuse(post(proof, "A" * 22), "unknown")
        for name, words in {
            "nullifier": "does not verify", "root": "does not verify", "purpose": "another purpose",
            "nonce": "another nonce", "beneficiary": "another beneficiary", "level": "level 1",
            "payload": "another request",
        }.items():  # fmt: skip
            refuse(post(altered(proof, "mip", name)), words)
        # what was refused did not close the request, until there were too many
        looser = json.loads(json.dumps(proof))
        looser["credential"]["policy"]["predicates"][0]["value"] = 16
        refuse(post(looser), "another policy")
        later = post(altered(proof, "credential", "day"))
        refuse(later, "does not verify")
        assert post(proof).json() == {}
        found = outcome(served.port, made)
        assert (found["outcome"], found["level"]) == ("accepted", 2)
        assert found["pseudonym"] == f"0x{int(proof['mip']['nullifier']):064x}"
        refuse(post(proof), "accepted already")
        gone = urlsplit(made["request_uri"]).path
        refuse(
            requests.get(f"http://127.0.0.1:{served.port}{gone}", timeout=TIMEOUT), "nothing", 404
        )
        refuse_malformed(served, states[0])
        declined = {"error": "access_denied", "state": states[1]}
        address = f"http://127.0.0.1:{served.port}/response"
        assert requests.post(address, data=declined, timeout=TIMEOUT).json() == {}
        assert outcome(served.port, third)["outcome"] == "declined"
        refuse(post(proof, states[1]), "declined already")
        for _ in range(9):
            refuse(post(proof, states[0]), "another request")
        refuse(post(proof, states[0]), "refused already")
        assert outcome(served.port, second)["outcome"] == "refused"
        require_private(served, made)


def altered(proof: dict[str, Any], part: str, name: str) -> dict[str, Any]:
    """Return the proof file with one value that is another, of the same form."""
    document = json.loads(json.dumps(proof))
    value = document[part][name]
    changed: dict[str, Any] = {
        "purpose": f"{value}!", "level": 1, "nonce": 1, "day": document["credential"]["day"] - 1,
        "beneficiary": "0x" + "0" * 39 + "1", "payload": "0x" + "11" * 32,
    }  # fmt: skip
    document[part][name] = changed.get(name)
    if document[part][name] is None:
        document[part][name] = str(int(value) ^ 1)
    return dict(document)


def refuse_malformed(served: Served, state: str) -> None:
    url = f"http://127.0.0.1:{served.port}/response"
    for token in ("x", "[]", "{}", '{"mip":[]}', '{"mip":[{},{}]}', '{"mip":["x"]}', '{"a":[{}]}'):
        answer = requests.post(url, data={"vp_token": token, "state": state}, timeout=TIMEOUT)
        assert answer.status_code == 400
        assert "vp_token is an object" in answer.json()["error_description"]
    for fields in ({"state": state}, {"vp_token": "{}"}, {"error": "x"}, {}):
        answer = requests.post(url, data=fields, timeout=TIMEOUT)
        assert answer.json()["error"] == "invalid_request"
    both = {"vp_token": "{}", "error": "x", "state": state}
    assert requests.post(url, data=both, timeout=TIMEOUT).status_code == 400
    large = {"vp_token": "x" * 140_000, "state": state}
    assert requests.post(url, data=large, timeout=TIMEOUT).status_code == 413
    assert requests.post(url, json={"state": state}, timeout=TIMEOUT).status_code == 400


def require_private(served: Served, made: dict[str, Any]) -> None:
    """Requests are begun by the service alone, outcomes read with their address alone."""
    base = f"http://127.0.0.1:{served.port}"
    for head in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Basic {KEY}"}):
        answer = requests.post(f"{base}/requests", headers=head, timeout=TIMEOUT)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    path = urlsplit(made["result_uri"]).path
    assert requests.get(f"{base}{path[:-1]}", timeout=TIMEOUT).status_code == 404
    page = requests.get(f"{base}{path}", headers={"Accept": "text/html"}, timeout=TIMEOUT)
    assert page.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "accepted" in page.text
    log = served.log.read_text()
    for secret in (KEY, path.rpartition("/")[2], "vp_token"):
        assert secret not in log


def test_verifier__keeps_to_the_chain(stage: Stage) -> None:
    """A proof that held when it was made, of an issuer who is suspended by now."""
    with stage.issuer("town") as served:
        card = stage.fetch("town", served.url, ADULT)["id"]
    port = unused_port()
    url = f"http://127.0.0.1:{port}"
    with stage.verifier(url) as served:
        made = begin(url, served.port)
        proof, state = captured(stage, served, port, made, card)
        stage.world.mip("issuer", "suspend", "--issuer", "town", "--yes", issuer=True)
        stage.world.chain.rpc.call("evm_increaseTime", 300)
        stage.world.chain.rpc.call("evm_mine")
        fields = {"vp_token": json.dumps({"mip": [proof]}), "state": state}
        answer = requests.post(f"{served.url}/response".replace(str(port), str(served.port)),
                               data=fields, timeout=TIMEOUT)  # fmt: skip
        assert answer.status_code == 400
        assert "issuers" in answer.json()["error_description"]
        assert outcome(served.port, made)["outcome"] == "pending"


def test_sd_jwt__is_the_holders_own_word(stage: Stage) -> None:
    key = JWK.generate(kty="EC", crv="P-256")
    (stage.folder / "ministry.jwk").write_text(key.export_public())
    claims = {
        "iss": "https://pid.example",
        "vct": "urn:eudi:pid:1",
        SDObj("birthdate"): "1990-12-10",
        SDObj("address"): {"country": "DE"},
        "status": {"status_list": {"idx": 1, "uri": "https://pid.example/list"}},
    }
    issued = SDJWTIssuer(claims, key, extra_header_parameters={"typ": "dc+sd-jwt"})
    (stage.folder / "pid.txt").write_text(issued.sd_jwt_issuance + "\n")
    taken = ("import", "--sd-jwt", "pid.txt")
    assert "whose signature" in stage.holder(*taken, code=2)
    (stage.folder / "other.jwk").write_text(JWK.generate(kty="EC", crv="P-256").export_public())
    before = stage.holder("list")
    assert "does not hold" in stage.holder(*taken, "--issuer-key", "other.jwk", code=1)
    assert stage.holder("list") == before
    made = stage.holder(*taken, "--issuer-key", "ministry.jwk")
    found = made["credential"]
    assert (found["self_attested"], found["evidence"]["how"]) == (True, "sd-jwt es256")
    assert key.thumbprint() in found["evidence"]["detail"]
    assert found["claims"] == {"birth_date": "1990-12-10", "residence": "DE"}
    assert any("revoked" in remark for remark in made["remarks"])
    own = found["issuer"]
    port = unused_port()
    url = f"http://127.0.0.1:{port}"
    answer = ("--yes", "--credential", made["id"])
    # who lists issuers takes nobody's own word; who lists the number of it gets just that
    with stage.verifier(url) as served, recording(served.port, port):
        wish = begin(url, served.port)
        refused = stage.holder("present", wish["authorization_request"], *answer, code=1)
        assert "does not accept the" in refused
        assert outcome(served.port, wish)["outcome"] == "pending"
    port = unused_port()
    url = f"http://127.0.0.1:{port}"
    looser = replace(stage, policy=stage.policy | {"issuers": [own]})
    with looser.verifier(url) as served, recording(served.port, port):
        wish = begin(url, served.port)
        stage.holder("present", wish["authorization_request"], *answer)
        result = outcome(served.port, wish)
        assert (result["outcome"], result["self_attested_issuers"]) == ("accepted", [own])
