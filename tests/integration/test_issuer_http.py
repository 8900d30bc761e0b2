"""An issuer's served endpoints, driven by a client written from the OpenID texts, not ours."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from mip_cli.chain.abi import checksum
from mip_cli.config import Settings, load_settings
from mip_cli.crypto.claims import parse_schema
from mip_cli.crypto.policy_text import EXAMPLE_SCHEMA
from mip_cli.flows.kyc import credential_file, offers
from mip_cli.flows.kyc.offers import Prepared
from mip_cli.store import issuers as store
from mip_cli.store.issuers import Home, Opened
from tests.integration.http_world import Served, environment, serving
from tests.ports import unused_port

PASSWORD = "a password of the city hall"
SCHEMA = parse_schema(EXAMPLE_SCHEMA)
CLAIMS = {"given_name": "Ada", "family_name": "Lovelace-Canary", "birth_date": "1990-12-10"}
GRANT = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
SUBJECT = f"0x{12345:064x}"
TIMEOUT = 30


@dataclass
class City:
    """A served issuer and its operator."""

    settings: Settings
    opened: Opened
    served: Served

    def offer(self) -> Prepared:
        return offers.prepare(
            self.settings, self.opened, SCHEMA, CLAIMS, days=30, hours=1, url=self.served.url
        )


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    folder = tmp_path_factory.mktemp("city")
    settings = load_settings({"HOME": str(folder), "MIP_DATA_DIR": str(folder / "data")})
    home = Home(31337, checksum("0x" + "11" * 20), 7)
    opened = store.create(settings.data_dir, "city", "City of Example", PASSWORD.encode())
    opened = store.settle(opened, home)
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o600)
    command = ["--data-dir", "data", "kyc", "issuer", "serve", "--issuer", "city"]
    command += ["--password-file", "password"]
    with serving(command, environment(folder), folder, unused_port()) as served:
        yield City(settings, opened, served)


class Wallet:
    """A holder's client, from OpenID4VCI 1.0 alone."""

    def __init__(self, uri: str) -> None:
        assert uri.startswith("openid-credential-offer://?")
        query = parse_qs(urlsplit(uri).query, strict_parsing=True)
        if "credential_offer" in query:
            self.offer = json.loads(query["credential_offer"][0])
        else:
            answer = requests.get(query["credential_offer_uri"][0], timeout=TIMEOUT)
            answer.raise_for_status()
            assert answer.headers["Content-Type"] == "application/json"
            self.offer = answer.json()
        base = self.offer["credential_issuer"]
        well_known = f"{base}/.well-known"
        self.issuer = requests.get(f"{well_known}/openid-credential-issuer", timeout=TIMEOUT).json()
        assert self.issuer["credential_issuer"] == base
        server = self.issuer.get("authorization_servers", [base])[0]
        self.oauth = requests.get(
            f"{server}/.well-known/oauth-authorization-server", timeout=TIMEOUT
        ).json()
        assert self.oauth["issuer"] == server
        (self.configuration,) = self.offer["credential_configuration_ids"]
        self.grant = self.offer["grants"][GRANT]

    def token(self, pin: str | None, **changes: str) -> requests.Response:
        fields = {"grant_type": GRANT, "pre-authorized_code": self.grant["pre-authorized_code"]}
        if pin is not None:
            fields["tx_code"] = pin
        return requests.post(self.oauth["token_endpoint"], data=fields | changes, timeout=TIMEOUT)

    def nonce(self) -> str:
        answer = requests.post(self.issuer["nonce_endpoint"], timeout=TIMEOUT)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        return str(answer.json()["c_nonce"])

    def credential(self, token: str, body: object) -> requests.Response:
        return requests.post(
            self.issuer["credential_endpoint"],
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT,
        )

    def asked(self, **proof: str) -> dict[str, Any]:
        found = {"nonce": proof.get("nonce") or self.nonce(), "subject": SUBJECT} | proof
        return {
            "credential_configuration_id": self.configuration,
            "proofs": {"mip_subject": [found]},
        }


def refused(answer: requests.Response, status: int, error: str) -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert set(answer.json()) == {"error", "error_description"}
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"


def test_pre_authorized_code__by_value_and_by_reference(city: City) -> None:
    numbers = []
    for uri in ("by_value", "by_reference"):
        made = city.offer()
        wallet = Wallet(getattr(made, uri))
        entry = wallet.issuer["credential_configurations_supported"][wallet.configuration]
        assert entry["format"] == "mip_vc"
        assert list(entry["proof_types_supported"]) == ["mip_subject"]
        assert {"path": ["credentialSubject", "claims", "birth_date"]} in entry[
            "credential_metadata"
        ]["claims"]
        assert wallet.grant["tx_code"]["input_mode"] == "numeric"
        token = wallet.token(made.tx_code)
        assert token.status_code == 200
        assert token.headers["Cache-Control"] == "no-store"
        assert token.json()["token_type"] == "Bearer"
        answer = wallet.credential(token.json()["access_token"], wallet.asked())
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        (found,) = answer.json()["credentials"]
        document = found["credential"]
        assert document["credentialSubject"]["claims"] == CLAIMS
        assert document["credentialSubject"]["id"] == f"mip:subject:{SUBJECT}"
        checked = credential_file.decode(json.dumps(document).encode())
        assert checked.signed.is_valid()
        assert checked.signed.key == city.opened.content.key.public
        numbers.append(checked.terms.nonce)
        # the same token, a new nonce, the same credential
        again = wallet.credential(token.json()["access_token"], wallet.asked())
        assert again.json()["credentials"] == [found]
        gone = requests.get(_link(made), timeout=TIMEOUT)
        refused(gone, 404, "invalid_request")
    assert numbers[0] != numbers[1]


def _link(made: Prepared) -> str:
    return parse_qs(urlsplit(made.by_reference).query)["credential_offer_uri"][0]


def test_token__refuses(city: City) -> None:
    made = city.offer()
    wallet = Wallet(made.by_value)
    pin = made.tx_code
    refused(wallet.token(None), 400, "invalid_request")
    refused(wallet.token(pin, grant_type="authorization_code"), 400, "unsupported_grant_type")
    refused(wallet.token(pin, grant_type=""), 400, "invalid_request")
    wrong = f"{(int(pin) + 1) % 10**8:08}"
    refused(wallet.token(wrong), 400, "invalid_grant")
    refused(wallet.token(pin, **{"pre-authorized_code": "ab" * 20}), 400, "invalid_grant")
    url = wallet.oauth["token_endpoint"]
    twice = [("grant_type", GRANT), ("grant_type", GRANT), ("tx_code", pin)]
    refused(requests.post(url, data=twice, timeout=TIMEOUT), 400, "invalid_request")
    good = {"grant_type": GRANT, "tx_code": pin} | {
        "pre-authorized_code": wallet.grant["pre-authorized_code"]
    }
    refused(requests.post(url, json=good, timeout=TIMEOUT), 400, "invalid_request")
    refused(
        requests.post(url, params={"tx_code": pin}, data=good, timeout=TIMEOUT),
        400,
        "invalid_request",
    )
    assert wallet.token(pin).status_code == 200
    refused(wallet.token(pin), 400, "invalid_grant")
    ended = city.offer()
    other = Wallet(ended.by_value)
    for _ in range(5):
        refused(other.token(wrong), 400, "invalid_grant")
    refused(other.token(ended.tx_code), 400, "invalid_grant")


def test_credential__refuses(city: City) -> None:
    made = city.offer()
    wallet = Wallet(made.by_value)
    token = wallet.token(made.tx_code).json()["access_token"]
    missing = wallet.credential("", wallet.asked())
    refused(missing, 401, "invalid_token")
    assert missing.headers["WWW-Authenticate"].startswith("Bearer")
    refused(wallet.credential(token[:-1], wallet.asked()), 401, "invalid_token")
    nonce = wallet.nonce()
    changed: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
        "another format": (
            lambda body: {"format": "jwt_vc_json", "proofs": body["proofs"]},
            "invalid_credential_request",
        ),
        "an identifier": (
            lambda body: body | {"credential_identifier": "one"},
            "unknown_credential_identifier",
        ),
        "an encrypted answer": (
            lambda body: body | {"credential_response_encryption": {"enc": "A256GCM"}},
            "invalid_encryption_parameters",
        ),
        "a list": (lambda body: [body], "invalid_credential_request"),
        "another configuration": (
            lambda body: body | {"credential_configuration_id": "mip-" + "0" * 64},
            "unknown_credential_configuration",
        ),
        "no configuration": (
            lambda body: body | {"credential_configuration_id": None},
            "unknown_credential_configuration",
        ),
        "a JWT": (lambda body: body | {"proofs": {"jwt": ["e30.e30.e30"]}}, "invalid_proof"),
        "two proofs": (
            lambda body: body | {"proofs": {"mip_subject": body["proofs"]["mip_subject"] * 2}},
            "invalid_proof",
        ),
        "no proof": (lambda body: body | {"proofs": {}}, "invalid_proof"),
        "subject 0": (lambda _: wallet.asked(subject="0x" + "0" * 64), "invalid_proof"),
        "subject too large": (lambda _: wallet.asked(subject="0x" + "f" * 64), "invalid_proof"),
        "subject in decimal": (lambda _: wallet.asked(subject="12345"), "invalid_proof"),
        "a nonce of nobody": (lambda _: wallet.asked(nonce="A" * 54), "invalid_nonce"),
    }
    for name, (change, error) in changed.items():
        answer = wallet.credential(token, change(wallet.asked(nonce=nonce)))
        assert answer.json()["error"] == error, name
        refused(answer, 400, error)
    # members that mean nothing here are ignored
    asked = wallet.asked(nonce=nonce) | {"issuer_state": "x"}
    assert wallet.credential(token, asked).status_code == 200
    refused(wallet.credential(token, wallet.asked(nonce=nonce)), 400, "invalid_nonce")
    other = wallet.asked(subject=f"0x{54321:064x}")
    refused(wallet.credential(token, other), 400, "invalid_credential_request")


def test_bodies__are_bounded_and_sound(city: City) -> None:
    made = city.offer()
    wallet = Wallet(made.by_value)
    token = wallet.token(made.tx_code).json()["access_token"]
    url, head = wallet.issuer["credential_endpoint"], {"Authorization": f"Bearer {token}"}
    json_head = head | {"Content-Type": "application/json"}

    def post(data: bytes, headers: dict[str, str]) -> requests.Response:
        return requests.post(url, data=data, headers=headers, timeout=TIMEOUT)

    refused(post(b"{", json_head), 400, "invalid_credential_request")
    refused(post(b"[" * 9000, json_head), 400, "invalid_credential_request")
    refused(post(b'{"proofs":{},"proofs":{}}', json_head), 400, "invalid_credential_request")
    refused(post(b"{}", head), 400, "invalid_credential_request")
    refused(post(b" " * (16 * 1024 + 1), json_head), 413, "invalid_request")
    fits = json.dumps(wallet.asked()).encode()
    assert post(fits + b" " * (16 * 1024 - len(fits)), json_head).status_code == 200
    refused(requests.get(url, timeout=TIMEOUT), 405, "invalid_request")
    refused(requests.get(f"{city.served.url}/x", timeout=TIMEOUT), 404, "invalid_request")
    with socket.create_connection(("127.0.0.1", city.served.port), TIMEOUT) as raw:
        raw.sendall(b"POST /credential HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n")
        assert b" 413 " in raw.recv(4096).splitlines()[0]


def test_slow_client__holds_up_nobody(city: City) -> None:
    half = b"POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\ngrant"
    slow = [socket.create_connection(("127.0.0.1", city.served.port), TIMEOUT) for _ in range(20)]
    try:
        for connection in slow:
            connection.sendall(half)
        assert Wallet(city.offer().by_reference).nonce()
    finally:
        for connection in slow:
            connection.close()


def test_log__tells_routes_and_nothing_else(city: City) -> None:
    made = city.offer()
    wallet = Wallet(made.by_reference)
    pin, code = made.tx_code, wallet.grant["pre-authorized_code"]
    token = wallet.token(pin).json()["access_token"]
    assert wallet.credential(token, wallet.asked()).status_code == 200
    requests.get(f"{city.served.url}/x/{pin}?{code}", timeout=TIMEOUT)
    log = city.served.log.read_text()
    reference = _link(made).rpartition("/")[2]
    for secret in (pin, code, token, reference, SUBJECT, "Ada", "Lovelace", "127.0.0.1 - -"):
        assert secret not in log
    pattern = re.compile(r"mip: log: [A-Z]+ (/[a-z<>./-]+|\(unknown\)) \d{3}")
    lines = [line for line in city.served.lines if "serving" not in line]
    assert lines
    assert [line for line in lines if not pattern.fullmatch(line)] == []


def test_revocations__are_the_same_for_everybody(city: City) -> None:
    url = f"{city.served.url}/revocations"
    metadata = requests.get(
        f"{city.served.url}/.well-known/openid-credential-issuer", timeout=TIMEOUT
    ).json()
    assert metadata["mip_revocation_list"] == url
    home = Home(31337, checksum("0x" + "11" * 20), 7)
    listed = credential_file.REVOCATIONS.encode(credential_file.Revocations(home, 0, ()))
    for headers in ({}, {"If-None-Match": '"1"', "Cookie": "who=7"}, {"Range": "bytes=0-9"}):
        answer = requests.get(url, headers=headers, timeout=TIMEOUT)
        assert (answer.status_code, answer.content) == (200, listed)
        assert answer.headers["Cache-Control"] == "public, max-age=60"
        assert not {"ETag", "Last-Modified", "Set-Cookie", "Vary"} & set(answer.headers)
    refused(requests.post(url, timeout=TIMEOUT), 405, "invalid_request")
    refused(requests.get(f"{url}/7", timeout=TIMEOUT), 404, "invalid_request")
    # what the issuer publishes later is there without a restart
    later = credential_file.REVOCATIONS.encode(credential_file.Revocations(home, 1, (3,)))
    store.put_list(city.settings.data_dir, "city", later)
    assert requests.get(url, timeout=TIMEOUT).content == later


def test_page__whose_name_leads_here__refused(city: City) -> None:
    url = f"{city.served.url}/revocations"
    assert requests.get(url, timeout=TIMEOUT).status_code == 200
    rebound = {"Host": f"evil.example:{city.served.port}", "Origin": "http://evil.example"}
    refused(requests.get(url, headers=rebound, timeout=TIMEOUT), 421, "invalid_request")
    token = {"grant_type": GRANT, "pre-authorized_code": "x", "tx_code": "1"}
    answer = requests.post(f"{city.served.url}/token", token, headers=rebound, timeout=TIMEOUT)
    refused(answer, 421, "invalid_request")


def test_answers__name_no_software(city: City) -> None:
    answer = requests.get(
        f"{city.served.url}/.well-known/openid-credential-issuer", timeout=TIMEOUT
    )
    assert "Server" not in answer.headers
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_server__listens_on_this_machine_only(city: City) -> None:
    socket.create_connection(("127.0.0.1", city.served.port), TIMEOUT).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", city.served.port), TIMEOUT)
