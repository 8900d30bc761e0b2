"""What a wallet reads from strangers: bounded, from one origin, and nothing it cannot show."""

from __future__ import annotations

import base64
import json
import threading
from typing import Any
from urllib.parse import urlencode

import pytest

from mip_cli.crypto.policy_document import EXAMPLE_APP_POLICY
from mip_cli.crypto.policy_text import EXAMPLE_POLICY
from mip_cli.errors import NetworkDown, UsageFault
from mip_cli.http import client, fetch, present
from mip_cli.http.client import MAX_ANSWER, ServerRefused, ServerUntrusted, Web
from tests.unit.stranger import Host, Reply, host

__all__ = ["host"]
GATE = "0x" + "0" * 40


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://shop.example/x", "not protected by https"),
        ("http://127.0.0.1.shop.example/", "not protected by https"),
        ("http://10.0.0.1/", "not protected by https"),
        ("ftp://shop.example/", "must start with http"),
        ("https://shop.example@evil.example/", "user name"),
        ("https://shop.example/#x", "fragment"),
        ("https://shop .example/", "blanks"),
        ("https://shöp.example/", "non-ASCII"),
        ("https://shop.example\\.evil.example/", "names no host"),
        ("https://" + "a" * 20_000, "too long"),
    ],
)
def test_addresses__that_nobody_goes_to(url: str, words: str) -> None:
    assert client.checked("https://shop.example/x", "the server")
    with pytest.raises(UsageFault, match=words):
        client.checked(url, "the server")


def test_answers__are_bounded(host: Host) -> None:
    web = Web(host.url, "the server")
    assert web.members(web.get(host.say("/good", {"a": 1}))) == {"a": 1}
    full = b'{"a":"' + b"x" * (MAX_ANSWER - 8) + b'"}'
    assert web.members(web.get(host.say("/full", full)))
    with pytest.raises(ServerUntrusted, match="more than"):
        web.get(host.say("/large", full + b" "))
    with pytest.raises(ServerUntrusted, match="leads elsewhere"):
        web.members(web.get(host.say("/moved", b"", 302, Location=host.url + "/good")))
    assert host.asked.count("/good") == 1
    with pytest.raises(NetworkDown, match="does not answer"):
        web.get(host.say("/short", b"{}", Content_Length="9"))
    for name, body in {"list": b"[]", "twice": b'{"a":1,"a":2}', "none": b"<p>"}.items():
        with pytest.raises(ServerUntrusted, match="no JSON object"):
            web.members(web.get(host.say(f"/{name}", body)))
    with pytest.raises(ServerUntrusted, match="is no JSON"):
        web.members(web.get(host.say("/html", {}, Content_Type="text/html")))
    with pytest.raises(NetworkDown, match="status 500"):
        web.members(web.get(host.say("/broken", b"oops", 500)))
    said = {"error": "invalid_grant", "error_description": "no\x1b[31m\u202e way"}
    with pytest.raises(ServerRefused) as caught:
        web.members(web.get(host.say("/no", said, 400)))
    assert caught.value.message == "the server refuses (invalid_grant): no [31m way"


def test_slow_answers__end(host: Host) -> None:
    stop = threading.Event()

    def wait() -> Reply:
        stop.wait(20)
        return 200, {}, b"{}"

    host.replies["/slow"] = wait
    web = Web(host.url, "the server", timeout=0.2)
    with pytest.raises(NetworkDown, match="no full answer in time"):
        web.get(host.url + "/slow")
    stop.set()


def test_other_origins__are_not_asked(host: Host) -> None:
    web = Web(host.url, "the server")
    with pytest.raises(ServerUntrusted, match="sends us elsewhere"):
        web.get("http://127.0.0.1:1/x")
    assert not web.holds("https://shop.example:99999/")
    assert not web.holds(host.url.replace("http", "https"))
    assert web.holds(host.url + "/x")


def wish(base: str, **changes: Any) -> dict[str, Any]:
    """Return a sound request, or one that differs."""
    policy = EXAMPLE_APP_POLICY
    meta = {"policy": policy, "purpose": "Enter", "chain_id": 31337}
    query = {"id": "mip", "format": "mip_vc", "meta": meta | {"gate": GATE}}
    return {
        "response_type": "vp_token",
        "response_mode": "direct_post",
        "client_id": f"redirect_uri:{base}/response",
        "response_uri": f"{base}/response",
        "nonce": "n" * 43,
        "state": "s" * 22,
        "dcql_query": {"credentials": [query | changes.pop("query", {})]},
    } | changes


def by_value(parameters: dict[str, Any]) -> str:
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in parameters.items()}
    return f"openid4vp://?{urlencode(texts)}"


def jwt(parameters: Any, signature: str = "", **header: str) -> bytes:
    head = {"alg": "none", "typ": "oauth-authz-req+jwt"} | header
    parts = (
        base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=") for p in (head, parameters)
    )
    return b".".join([*parts, signature.encode()])


def test_request__by_value_and_by_reference(host: Host) -> None:
    found = present.look(by_value(wish("https://shop.example")))
    assert found.ask.request.origin == "https://shop.example"
    terms = found.ask.terms
    assert (terms.policy.policy.level, terms.policy.demand) == (2, "any 2 of these 3")
    assert terms.purpose == "Enter"
    alone = present.look(
        by_value(wish("https://shop.example", **changed_meta(policy=EXAMPLE_POLICY)))
    )
    assert alone.ask.terms.policy.policy.level == 1
    kind = {"Content_Type": "application/oauth-authz-req+jwt"}
    link = host.say("/request/x", jwt(wish(host.url)), **kind)
    client_id = f"redirect_uri:{host.url}/response"
    uri = f"openid4vp://?{urlencode({'client_id': client_id, 'request_uri': link})}"
    assert present.look(uri).ask == present.look(link).ask
    other = f"openid4vp://?{urlencode({'client_id': client_id + '2', 'request_uri': link})}"
    with pytest.raises(ServerUntrusted, match="another's request"):
        present.look(other)
    # a link to another place than the asker's is not even opened
    host.asked.clear()
    for who in ("redirect_uri:https://shop.example/response", client_id.upper(), ""):
        uri = f"openid4vp://?{urlencode({'client_id': who, 'request_uri': link})}"
        with pytest.raises(UsageFault, match="its answer would go to|does not say who asks"):
            present.look(uri)
    assert host.asked == []
    away = host.say("/away", jwt(wish("https://shop.example")), **kind)
    with pytest.raises(UsageFault, match="its answer would go to https://shop.example"):
        present.look(away)
    for name, body in {
        "signed": jwt(wish(host.url), "c2ln"),
        "signed2": jwt(wish(host.url), alg="ES256"),
        "typ": jwt(wish(host.url), typ="JWT"),
        "list": jwt([]),
        "none": b"x",
    }.items():
        with pytest.raises(ServerUntrusted, match="is no request"):
            present.look(host.say(f"/{name}", body, **kind))


def changed_meta(**changes: Any) -> dict[str, Any]:
    meta = wish("https://shop.example")["dcql_query"]["credentials"][0]["meta"]
    return {"query": {"meta": meta | changes}}


ODD: dict[str, tuple[dict[str, Any], str]] = {
    "another type": ({"response_type": "code"}, "something else"),
    "another way": ({"response_mode": "fragment"}, "way we do not go"),
    "a client that is not who gets it": (
        {"client_id": "redirect_uri:https://a.example"},
        "who asks",
    ),
    "a client of another kind": ({"client_id": "https://shop.example/response"}, "who asks"),
    "an answer in the clear": (
        {"response_uri": "http://a.example/r", "client_id": "redirect_uri:http://a.example/r"},
        "not protected",
    ),
    "short nonce": ({"nonce": "n"}, "nonce or state"),
    "no state": ({"state": ""}, "nonce or state"),
    "transaction data": ({"transaction_data": ["x"]}, "more than a proof"),
    "a scope": ({"scope": "openid"}, "more than a proof"),
    "credential sets": ({"dcql_query": {"credentials": [], "credential_sets": []}}, "several"),
    "no credential": ({"dcql_query": {"credentials": []}}, "several"),
    "single claims": ({"query": {"claims": [{"path": ["a"]}]}}, "single claims"),
    "another format": ({"query": {"format": "dc+sd-jwt"}}, "another kind"),
    "several of them": ({"query": {"multiple": True}}, "another kind"),
    "without a holder": ({"query": {"require_cryptographic_holder_binding": False}}, "no sense"),
    "an odd name": ({"query": {"id": "a b"}}, "no sense"),
    "level 4": (changed_meta(policy=EXAMPLE_APP_POLICY | {"level": 4}), "level is 1 to 3"),
    "a level beside the policy": (changed_meta(level=2), "other members"),
    "one part twice": (
        changed_meta(policy=EXAMPLE_APP_POLICY | {"parts": EXAMPLE_APP_POLICY["parts"][:1] * 2}),
        "the same",
    ),
    "two queries": ({"dcql_query": {"credentials": [{"id": "a"}, {"id": "b"}]}}, "several"),
    "a chain of text": (changed_meta(chain_id="1"), "its chain"),
    "a member more": (changed_meta(x=1), "other members"),
    "no policy": (changed_meta(policy={}), "a policy is"),
    "a bad gate": (changed_meta(gate="0x1"), "."),
}


@pytest.mark.parametrize("name", ODD)
def test_request__that_cannot_be_answered(name: str) -> None:
    changes, words = ODD[name]
    assert present.look(by_value(wish("https://shop.example")))
    with pytest.raises(UsageFault, match=words):
        present.look(by_value(wish("https://shop.example", **changes)))


def test_offer__that_makes_no_sense(host: Host) -> None:
    base = "openid-credential-offer://?"
    for text, words in {
        "hello": "must start with http",
        base: "neither an offer nor a link",
        base + "credential_offer=%7B": "no sound JSON",
        base + "credential_offer=%7B%7D": "malformed",
        base + "credential_offer=%7B%7D&credential_offer_uri=x": "or both",
        base + "credential_offer=%7B%7D&credential_offer=%7B%7D": "twice",
        base + "x" * 20_000: "at most",
    }.items():
        with pytest.raises(UsageFault, match=words):
            fetch.look(text)
    away = host.say("/offer/a", {"credential_issuer": "https://city.example"})
    with pytest.raises(ServerUntrusted, match="of another issuer"):
        fetch.look(base + urlencode({"credential_offer_uri": away}))
    assert host.asked == ["/offer/a"]
