"""Proofs for web services on a real node: asked, made and checked by the installed command."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from jwcrypto.jwk import JWK
from sd_jwt.common import SDObj
from sd_jwt.issuer import SDJWTIssuer

from mip_cli.crypto.policy_document import EXAMPLE_APP_POLICY, INCOME_SCHEMA, parse_app_policy
from tests.integration.http_world import (
    Change,
    Served,
    recording,
)
from tests.integration.kyc_world import ADULT, MINOR
from tests.integration.web_stage import (
    KEY,
    TIMEOUT,
    Stage,
    asked,
    begin,
    captured,
    outcome,
    staged,
    unpadded,
)
from tests.ports import unused_port


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("stage")) as found:
        yield found


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
        (part,) = query["meta"]["policy"]["parts"]
        assert part | {"format": "mip.policy/1"} == stage.policy
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
        }.items():  # fmt: skip
            refuse(post(altered(proof, "mip", name)), words)
        # what was refused did not close the request, until there were too many
        looser = json.loads(json.dumps(proof))
        looser["credential"]["policy"]["parts"][0]["predicates"][0]["value"] = 16
        refuse(post(looser), "not that of the act")
        # nor does it help to bind the looser policy to the same request
        policy = parse_app_policy(looser["credential"]["policy"]).policy
        act = bytes.fromhex(looser["credential"]["payload"][2:])
        looser["mip"]["payload"] = "0x" + policy.bind(act).hex()
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


def test_two_credentials__answer_one_request(stage: Stage) -> None:
    """A policy of several parts: person and income, of one passport, under one pseudonym."""
    income = {"monthly_income": 31_004_159, "currency": "EUR"}
    with stage.issuer("city") as served:
        person = stage.fetch("city", served.url, ADULT)["id"]
        minor = stage.fetch("city", served.url, MINOR)["id"]
        salary = stage.fetch("city", served.url, income, schema=INCOME_SCHEMA)["id"]
        poor = stage.fetch(
            "city", served.url, income | {"monthly_income": 900}, schema=INCOME_SCHEMA
        )["id"]
    numbers = list(stage.numbers.values())
    parts = [part | {"issuers": numbers} for part in EXAMPLE_APP_POLICY["parts"][:2]]
    both = replace(stage, policy=EXAMPLE_APP_POLICY | {"parts": parts})
    port = unused_port()
    url = f"http://127.0.0.1:{port}"
    with both.verifier(url) as served:
        made, second = begin(url, served.port), begin(url, served.port)
        with recording(served.port, port) as quiet:
            for chosen, words, code in (
                ((person, poor), "does not say", 1),
                ((minor, salary), "does not say", 1),
                ((person,), "no credential Income", 2),
            ):
                only = [word for name in chosen for word in ("--credential", name)]
                said = stage.holder("present", made["request_uri"], "--yes", *only, code=code)
                assert words in said
        assert not any(b"vp_token" in exchange for exchange in quiet.exchanges)
        proof, state = captured(stage, served, port, made, person, salary)
        assert proof["credential"]["parts"] == [0, 1]
        assert len(proof["credential"]["more"]) == 1
        address = f"http://127.0.0.1:{served.port}/response"

        def post(document: object, to: str) -> requests.Response:
            fields = {"vp_token": json.dumps({"mip": [document]}), "state": to}
            return requests.post(address, data=fields, timeout=TIMEOUT)

        first = {name: proof[name] for name in proof["credential"]["more"][0]}
        for change, words in (
            ({"parts": [0], "more": []}, "as many parts as the policy requires"),
            ({"parts": [0, 0]}, "ascending"),
            ({"more": [first]}, "does not verify"),
        ):
            document = proof | {"credential": proof["credential"] | change}
            answer = post(document, state)
            assert answer.status_code == 400
            assert words in answer.json()["error_description"], change
        other = asked(served.port, second)["state"]
        assert "another request" in post(proof, other).json()["error_description"]
        assert post(proof, state).json() == {}
        found = outcome(served.port, made)
        assert (found["outcome"], found["shown"], found["level"]) == ("accepted", [0, 1], 2)
        assert "accepted already" in post(proof, state).json()["error_description"]
        # the whole way by the command, and the same pseudonym
        with recording(served.port, port) as transcript:
            shown = stage.holder("present", second["authorization_request"], "--yes")
        assert shown["pseudonym"] == found["pseudonym"]
        assert len(shown["credentials"]) == 2
        assert outcome(served.port, second)["outcome"] == "accepted"
        assert b"31004159" not in transcript.whole()


def test_request__altered_in_flight__gives_no_answer_that_holds(stage: Stage) -> None:
    """Who sits where TLS ends, and asks the holder for something else than the service did."""
    with stage.issuer("city") as served:
        adult = stage.fetch("city", served.url, ADULT)["id"]

    def rewritten(change: Callable[[dict[str, Any]], None]) -> Change:
        def rewrite(path: str, data: bytes) -> bytes:
            if not path.startswith("/request/"):
                return data
            head, payload, _ = data.decode().split(".")
            found = unpadded(payload)
            change(found)
            body = base64.urlsafe_b64encode(json.dumps(found).encode()).rstrip(b"=").decode()
            return f"{head}.{body}.".encode()

        return rewrite

    def meta(found: Any) -> Any:
        return found["dcql_query"]["credentials"][0]["meta"]

    def looser(found: dict[str, Any]) -> None:
        meta(found)["policy"]["parts"][0]["predicates"][0]["value"] = 16

    def purpose(found: dict[str, Any]) -> None:
        meta(found)["purpose"] = "Log in"

    def nonce(found: dict[str, Any]) -> None:
        found["nonce"] = "n" * 43

    def elsewhere(found: dict[str, Any]) -> None:
        found["response_uri"] = "http://127.0.0.1:9/response"
        found["client_id"] = "redirect_uri:http://127.0.0.1:9/response"

    port = unused_port()
    url = f"http://127.0.0.1:{port}"
    with stage.verifier(url) as served:
        for change, words, code in (
            (looser, "another policy", 1),
            (purpose, "another purpose", 1),
            (nonce, "another request", 1),
            (elsewhere, "another's request", 3),
        ):
            made = begin(url, served.port)
            answer = ("present", made["authorization_request"], "--yes", "--credential", adult)
            with recording(served.port, port, rewritten(change)):
                assert words in stage.holder(*answer, code=code), words
            assert outcome(served.port, made)["outcome"] == "pending"
            with recording(served.port, port):
                stage.holder(*answer)
            assert outcome(served.port, made)["outcome"] == "accepted"


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
