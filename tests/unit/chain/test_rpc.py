"""The JSON-RPC client against a server that behaves in every bad way."""

from __future__ import annotations

import time
from http.server import BaseHTTPRequestHandler

import pytest

from mip_cli.chain import rpc
from mip_cli.chain.faults import NodeRefused, NodeUntrusted
from mip_cli.chain.rpc import RpcClient, hexbytes, printable, quantity
from mip_cli.endpoint import Watchdog, parse_endpoint
from mip_cli.errors import ConfigInvalid, NetworkDown, WrongChain
from tests.unit.chain.conftest import Node, raw, reply, result


def test_call__returns_the_result_over_one_connection(node: Node) -> None:
    node.behave = result("0x7a69")
    client = node.client()
    assert [client.chain_id() for _ in range(5)] == [31337] * 5
    assert node.requests == 5
    client.close()


def test_batch__finds_each_answer_by_its_id(node: Node) -> None:
    def behave(handler: BaseHTTPRequestHandler, asked: object) -> None:
        answers = [{"id": q["id"], "result": q["params"][0]} for q in asked]
        reply(handler, answers[::-1])

    node.behave = behave
    client = node.client()
    assert client.batch([("echo", [i]) for i in range(250)]) == list(range(250))
    assert node.requests == 3
    client.close()


def test_call__a_json_rpc_error__carries_code_and_data(node: Node) -> None:
    error = {"code": 3, "message": "execution reverted\x1b[31m", "data": "0x08c379a0"}
    node.behave = lambda h, asked: reply(h, {"id": asked["id"], "error": error})
    with pytest.raises(NodeRefused) as caught:
        node.client().call("eth_call")
    assert (caught.value.code, caught.value.data) == (3, bytes.fromhex("08c379a0"))
    assert "\x1b" not in caught.value.message
    assert node.requests == 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html>hello</html>", "not JSON"),
        (b"[" * 50, "not JSON"),
        (b"1" * 5000, "not JSON|not an object"),
        (b"[]", "not an object"),
        (b"null", "not an object"),
        (b'{"id": 999, "result": 1}', "another question"),
        (b'{"id": "1", "result": 1}', "another question"),
        (b'{"id": 1}', "without result"),
        (b"\xff\xfe", "not JSON"),
        (b"", "not JSON"),
    ],
    ids=repr,
)
def test_call__garbage__is_one_clear_error(node: Node, body: bytes, message: str) -> None:
    node.behave = lambda handler, _: raw(handler, body)
    with pytest.raises(NodeUntrusted, match=message):
        node.client().call("eth_chainId")


@pytest.mark.thorough
def test_call__deep_nesting__cannot_crash_the_interpreter(node: Node) -> None:
    import py_ecc.bn128  # noqa: F401 - it raises the recursion limit, so that deep JSON would

    node.behave = lambda handler, _: raw(handler, b'{"a":' * 1_000_000)
    with pytest.raises(NodeUntrusted, match="not JSON"):
        node.client().call("eth_chainId")


def test_call__a_huge_answer__is_cut_off(node: Node) -> None:
    def behave(handler: BaseHTTPRequestHandler, _: object) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(10**12))
        handler.end_headers()
        while True:
            handler.wfile.write(b" " * 65536)

    node.behave = behave
    with pytest.raises(NodeUntrusted, match="more than 1000000 bytes"):
        node.client(max_response=1_000_000).call("eth_chainId")


@pytest.mark.thorough
@pytest.mark.parametrize("part", ["headers", "body"])
def test_call__a_dripping_answer__ends_in_time(node: Node, part: str) -> None:
    def behave(handler: BaseHTTPRequestHandler, _: object) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        if part == "body":
            handler.wfile.write(b"Content-Length: 1000000\r\n\r\n")
        for _ in range(200):
            handler.wfile.write(b"X-A: b\r\n" if part == "headers" else b" ")
            time.sleep(0.05)

    node.behave = behave
    with pytest.raises(NetworkDown, match=r"no full answer within 0\.3 s"):
        node.client(timeout=0.3, attempts=2).call("eth_chainId")


def test_call__silence__ends_in_time(node: Node) -> None:
    node.behave = lambda *_: time.sleep(2)
    with pytest.raises(NetworkDown, match=r"no full answer within 0\.2 s"):
        node.client(timeout=0.2, attempts=1).call("eth_chainId")


def test_call__silence_seen_by_the_socket_first__is_told_in_the_same_words(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc, "Watchdog", lambda sock, seconds: Watchdog(sock, seconds + 60))
    node.behave = lambda *_: time.sleep(2)
    with pytest.raises(NetworkDown, match=r"no full answer within 0\.2 s"):
        node.client(timeout=0.2, attempts=1).call("eth_chainId")


def test_call__cut_short__is_tried_again(node: Node) -> None:
    def behave(handler: BaseHTTPRequestHandler, asked: object) -> None:
        if node.requests == 1:
            handler.send_response(200)
            handler.send_header("Content-Length", "100")
            handler.end_headers()
            handler.wfile.write(b"{")
            handler.close_connection = True
        else:
            result("0x1")(handler, asked)

    node.behave = behave
    assert node.client().chain_id() == 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_call__a_busy_node__is_asked_three_times(node: Node, status: int) -> None:
    node.behave = lambda handler, _: raw(handler, b"", status)
    with pytest.raises(NetworkDown, match=str(status)):
        node.client().call("eth_chainId")
    assert node.requests == 3


def test_call__a_submission__is_never_repeated(node: Node) -> None:
    node.behave = lambda handler, _: raw(handler, b"", 503)
    with pytest.raises(NetworkDown):
        node.client().call("eth_sendRawTransaction", "0x00")
    assert node.requests == 1


@pytest.mark.parametrize(
    ("status", "message"), [(401, "denies access"), (302, "redirects"), (404, "status 404")]
)
def test_call__other_statuses__are_not_repeated(node: Node, status: int, message: str) -> None:
    node.behave = lambda handler, _: raw(handler, b"no", status)
    with pytest.raises(NetworkDown, match=message):
        node.client().call("eth_chainId")
    assert node.requests == 1


def test_require_chain__another__is_the_wrong_chain(node: Node) -> None:
    node.behave = result("0x1")
    with pytest.raises(WrongChain, match="serves chain 1, not 31337"):
        node.client().require_chain(31337)


def test_credentials__are_sent_and_never_shown(node: Node) -> None:
    node.behave = result("0x1")
    port = node.server.server_port
    client = RpcClient(f"http://user:s3cret@127.0.0.1:{port}/v3/k3y?token=t0k")
    client.chain_id()
    assert node.headers["Authorization"].startswith("Basic ")
    for text in (client.label, repr(client.endpoint), str(client.endpoint)):
        assert not any(part in text for part in ("user", "s3cret", "k3y", "t0k"))
    node.behave = lambda handler, _: raw(handler, b"nonsense")
    with pytest.raises(NodeUntrusted) as caught:
        client.chain_id()
    assert not any(part in caught.value.message for part in ("s3cret", "k3y", "t0k"))
    client.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8545",
        "ftp://host/",
        "file:///etc/passwd",
        "ws://host",
        "http://",
        "http://host:99999",
        "http://ho st",
        "http://host\r\nX: y",
        "http://host:port",
    ],
)
def test_parse_endpoint__anything_but_http__refused(url: str) -> None:
    with pytest.raises(ConfigInvalid):
        parse_endpoint(url)


@pytest.mark.parametrize(
    ("url", "local", "exposed"),
    [
        ("http://127.0.0.1:8545", True, False),
        ("http://localhost", True, False),
        ("http://[::1]:8545", True, False),
        ("http://10.0.0.7", False, True),
        ("https://rpc.example.org/key", False, False),
    ],
)
def test_exposed__plain_http_to_another_machine(url: str, local: bool, exposed: bool) -> None:
    client = RpcClient(url)
    assert (client.endpoint.is_local, client.exposed) == (local, exposed)


@pytest.mark.parametrize("value", [None, 1, "", "0x", "1", "0xg", "0x" + "1" * 65, "-0x1"])
def test_quantity__anything_but_a_number__refused(value: object) -> None:
    with pytest.raises(NodeUntrusted):
        quantity(value)


@pytest.mark.parametrize("value", [None, "0x1", "00", "0xzz", "0x" + "00" * 31])
def test_hexbytes__anything_but_bytes__refused(value: object) -> None:
    with pytest.raises(NodeUntrusted):
        hexbytes(value, 32)


def test_printable__bounds_and_strips() -> None:
    assert printable("a\x1b[2J\nb\u202ec" + "d" * 999, 10) == "a [2J b cd"
    assert printable(None) == ""
