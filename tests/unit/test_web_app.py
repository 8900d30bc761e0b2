"""A web service in the place of a contract: one address per origin, one payload per request."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_abi import encode  # type: ignore[attr-defined]
from eth_hash.auto import keccak

from mip_cli.errors import ConfigInvalid
from mip_cli.flows.kyc.web_app import WebRequest, origin, web_app

REQUEST = WebRequest("https://shop.example/response", "n" * 43, "s" * 22)


def test_origin__has_one_spelling() -> None:
    same = ("https://shop.example/a?b", "https://SHOP.example:443", "https://shop.example")
    assert {origin(url) for url in same} == {"https://shop.example"}
    assert origin("http://127.0.0.1:8750/x") == "http://127.0.0.1:8750"
    assert origin("http://127.0.0.1:80") == "http://127.0.0.1"
    assert origin("http://[::1]:8750") == "http://[::1]:8750"
    others = ("http://shop.example", "https://shop.example:444", "https://www.shop.example")
    assert len({origin(url) for url in (*same, *others)}) == 4
    with pytest.raises(ConfigInvalid):
        origin("shop.example")


def test_web_app__is_as_the_specification_says() -> None:
    text = "https://shop.example"
    inner = encode(["bytes32", "bytes32"], [keccak(b"mip.web/1"), keccak(text.encode())])
    assert bytes.fromhex(web_app(text)[2:]) == keccak(inner)[12:]
    assert web_app(text) == "0x3EED116e0E90317ceb4e2Fa8dB8301FC82f2bD1d"


def test_payload__is_as_the_specification_says() -> None:
    kind = b"WebRequest(string client_id,string response_uri,string nonce,string state)"
    client = b"redirect_uri:https://shop.example/response"
    texts = (kind, client, b"https://shop.example/response", b"n" * 43, b"s" * 22)
    words = encode(["bytes32"] * 5, [keccak(text) for text in texts])
    assert keccak(words) == REQUEST.payload
    assert REQUEST.payload.hex().startswith("7c9c61be7632088091f35ce68d69406d")
    changed = [
        replace(REQUEST, response_uri="https://shop.example/response2"),
        replace(REQUEST, nonce="m" * 43),
        replace(REQUEST, state="t" * 22),
        replace(REQUEST, nonce=REQUEST.nonce + "s", state=REQUEST.state[1:]),
    ]
    assert len({found.payload for found in (REQUEST, *changed)}) == 5
