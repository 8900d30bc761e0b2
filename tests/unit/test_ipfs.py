"""The IPFS client against a server that keeps every rule, or breaks exactly one."""

from __future__ import annotations

import itertools
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from mip_cli.crypto.cid import Cid, cid_of
from mip_cli.errors import ConfigInvalid, EnvironmentFault, NetworkDown, UsageFault
from mip_cli.store.blocks import MAX_BLOCK, BlockMissing, FolderBlocks, StoreUntrusted
from mip_cli.store.ipfs import IpfsNode

KUBO = {"Version": "0.30.0", "Commit": "", "Repo": "16", "System": "x", "Golang": "go1.22.7"}
JS_IPFS = {"Version": "0.66.1", "Commit": "", "Repo": "12"}
BLOCK = b"a sealed block of bytes\r\n--\x00\xff"
CID = cid_of(BLOCK)
Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class HostileNode:
    """Serves blocks as a node does; ``faults`` replaces the answer of one method."""

    version: dict[str, str] = field(default_factory=lambda: dict(KUBO))
    blocks: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        method = parts.path.removeprefix("/api/v0/")
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self.asked.append((method, query))
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        if method in self.faults:
            self.faults[method](handler)
        elif method == "version":
            send_json(handler, self.version)
        elif method == "block/put":
            wanted = "cid-codec" if "Golang" in self.version else "format"
            assert query[wanted] == "raw"
            boundary = re.fullmatch(
                r"multipart/form-data; boundary=(\w+)", handler.headers["Content-Type"]
            )
            assert boundary
            content = body.split(b"\r\n\r\n", 1)[1].removesuffix(
                f"\r\n--{boundary[1]}--\r\n".encode()
            )
            self.blocks[cid_of(content)] = content
            send_json(handler, {"Key": cid_of(content), "Size": len(content)})
        elif query["arg"] not in self.blocks:
            text = f"block was not found locally (offline): could not find {query['arg']}"
            send_json(handler, {"Message": text, "Code": 0, "Type": "error"}, status=500)
        elif method == "block/get":
            send(handler, self.blocks[query["arg"]])
        else:
            size = len(self.blocks[query["arg"]])
            send_json(handler, {"Key": query["arg"], "Size": size})

    def drip(self, piece: bytes) -> Answer:
        """Send a piece again and again, until the test ends."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.end_headers()
            while not self.stopping.wait(0.02):
                handler.wfile.write(piece)

        return answer

    def silence(self, handler: BaseHTTPRequestHandler) -> None:
        self.stopping.wait()


def send(handler: BaseHTTPRequestHandler, body: bytes, *, status: int = 200) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def send_json(handler: BaseHTTPRequestHandler, value: object, *, status: int = 200) -> None:
    send(handler, json.dumps(value).encode(), status=status)


@dataclass
class Served:
    """A running node and a client of it."""

    node: HostileNode
    url: str

    def client(self, **limits: float) -> IpfsNode:
        return IpfsNode(self.url, **limits)


@pytest.fixture
def served() -> Iterator[Served]:
    node = HostileNode()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            node.answer(self)

        def do_GET(self) -> None:
            raise AssertionError("a redirect was followed")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield Served(node, f"http://127.0.0.1:{server.server_port}")
    node.stopping.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.thorough
@pytest.mark.parametrize("version", [KUBO, JS_IPFS])
def test_put_and_get__both_dialects(served: Served, version: dict[str, str]) -> None:
    served.node.version = version
    client = served.client()
    assert client.put(BLOCK) == CID
    assert served.node.blocks == {CID: BLOCK}
    assert client.get(CID) == BLOCK
    put = next(query for method, query in served.node.asked if method == "block/put")
    assert put["pin"] == "true"


def test_put__largest_block_and_none_larger(served: Served) -> None:
    client = served.client()
    block = bytes(MAX_BLOCK)
    assert client.get(client.put(block)) == block
    with pytest.raises(ValueError, match="at most 262144 bytes"):
        client.put(bytes(MAX_BLOCK + 1))


def test_has__asks_the_node_alone(served: Served) -> None:
    client = served.client()
    assert not client.has(CID)
    client.put(BLOCK)
    assert client.has(CID)
    assert all(query["offline"] == "true" for m, query in served.node.asked if m == "block/stat")


def test_get__absent(served: Served) -> None:
    with pytest.raises(BlockMissing, match=f"does not find {CID}"):
        served.client().get(CID)


def wrong(handler: BaseHTTPRequestHandler) -> None:
    send(handler, BLOCK[:-1] + b"\x00")


def shortened(handler: BaseHTTPRequestHandler) -> None:
    send(handler, BLOCK[:-1])


def empty(handler: BaseHTTPRequestHandler) -> None:
    send(handler, b"")


def cut(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(BLOCK)))
    handler.end_headers()
    handler.wfile.write(BLOCK[:5])


def cut_chunk(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\nabc")


def announced_huge(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(1 << 40))
    handler.end_headers()


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in itertools.count():
        handler.wfile.write(bytes(64 * 1024))  # ends when the client hangs up


def endless_chunks(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in itertools.count():
        handler.wfile.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")


def redirect(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(307)
    handler.send_header("Location", f"http://{handler.headers['Host']}/elsewhere")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def denied(handler: BaseHTTPRequestHandler) -> None:
    send(handler, b"no", status=403)


def no_http(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"hello\n\n")


def terminal_tricks(handler: BaseHTTPRequestHandler) -> None:
    send_json(handler, {"Message": "\x1b[2Jbad\u202e\n" + "x" * 5000}, status=500)


GET_FAULTS: list[tuple[Answer, type[EnvironmentFault], str]] = [
    (wrong, StoreUntrusted, f"is not {CID}"),
    (shortened, StoreUntrusted, f"is not {CID}"),
    (empty, StoreUntrusted, f"is not {CID}"),
    (cut, NetworkDown, "cut short"),
    (cut_chunk, NetworkDown, "cut short"),
    (announced_huge, StoreUntrusted, "more than 262144 bytes"),
    (endless, StoreUntrusted, "more than 262144 bytes"),
    (endless_chunks, StoreUntrusted, "more than 262144 bytes"),
    (redirect, NetworkDown, "redirects elsewhere"),
    (denied, NetworkDown, "denies access"),
    (no_http, NetworkDown, "not HTTP"),
    (terminal_tricks, NetworkDown, "refuses: .2Jbad x+$"),
]


@pytest.mark.parametrize(("fault", "kind", "reason"), GET_FAULTS)
def test_get__faults_of_the_node(
    served: Served, fault: Answer, kind: type[EnvironmentFault], reason: str
) -> None:
    client = served.client()
    client.put(BLOCK)
    assert client.get(CID) == BLOCK
    served.node.faults["block/get"] = fault
    with pytest.raises(kind, match=reason) as caught:
        client.get(CID)
    assert len(caught.value.message) < 400
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("head", [b"", b"Transfer-Encoding: chunked\r\n"])
def test_get__reads_no_more_than_a_block(served: Served, head: bytes) -> None:
    sent = 0

    def count(handler: BaseHTTPRequestHandler) -> None:
        nonlocal sent
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        piece = bytes(0x10000)
        while sent < 1 << 30:
            handler.wfile.write(b"10000\r\n" + piece + b"\r\n" if head else piece)
            sent += len(piece)

    served.node.faults["block/get"] = count
    with pytest.raises(StoreUntrusted, match="more than 262144 bytes"):
        served.client().get(CID)
    assert sent < 64 << 20, "the rest fits into the buffers of two sockets"


@pytest.mark.thorough
def test_get__time_is_bounded(served: Served) -> None:
    served.node.blocks[CID] = BLOCK
    assert served.client(timeout=30).get(CID) == BLOCK
    for answer in (served.node.silence, served.node.drip(b"x"), served.node.drip(b"")):
        served.node.faults["block/get"] = answer
        with pytest.raises(NetworkDown, match=r"no full answer within \d"):
            served.client(timeout=0.2).get(CID)
    served.node.faults["block/get"] = served.node.silence
    with pytest.raises(NetworkDown, match=r"no full answer within \d"):
        served.client(timeout=600, stall=0.2).get(CID)


def test_get__endless_headers_are_cut(served: Served) -> None:
    def headers(handler: BaseHTTPRequestHandler) -> None:
        while not served.node.stopping.wait(0.001):
            handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    served.node.faults["block/get"] = headers
    with pytest.raises(NetworkDown, match=r"no full answer within \d"):
        served.client(timeout=0.2).get(CID)


@pytest.mark.parametrize(
    ("method", "value", "reason"),
    [
        ("block/put", {"Key": cid_of(b"other"), "Size": len(BLOCK)}, "stored another block"),
        ("block/put", {"Key": None}, "stored another block"),
        ("block/put", [], "stored another block"),
        ("block/put", {"Key": CID, "more": "x" * 20_000}, "more than 16384 bytes"),
        ("version", {"Golang": "go"}, "not answer as an IPFS node"),
        ("version", "x", "not answer as an IPFS node"),
    ],
)
def test_put__answers_are_checked(served: Served, method: str, value: object, reason: str) -> None:
    assert served.client().put(BLOCK) == CID
    served.node.faults[method] = lambda handler: send_json(handler, value)
    with pytest.raises(StoreUntrusted, match=reason):
        served.client().put(BLOCK)


@pytest.mark.parametrize("body", [b"<html>", b"[" * 100_00, b'{"a":1,"a":2}'])
def test_put__no_json(served: Served, body: bytes) -> None:
    served.node.faults["version"] = lambda handler: send(handler, body)
    with pytest.raises(StoreUntrusted, match="not answer as an IPFS node"):
        served.client().put(BLOCK)


def test_has__refusals_are_not_an_absence(served: Served) -> None:
    client = served.client()
    assert not client.has(CID)
    served.node.faults["block/stat"] = denied
    with pytest.raises(NetworkDown, match="denies access"):
        client.has(CID)


def test_address__secrets_in_it_are_never_shown(served: Served) -> None:
    url = served.url.replace("127.0.0.1", "canary:canary@127.0.0.1") + "/canary?canary=1"
    client = IpfsNode(url)
    assert "canary" not in client.label
    served.node.faults["block/get"] = denied
    with pytest.raises(EnvironmentFault) as caught:
        client.get(CID)
    assert "canary" not in caught.value.message + str(caught.value.hint)


def test_address__refusals() -> None:
    for url in ("127.0.0.1:5001", "ftp://host", "http://", "http://a b"):
        with pytest.raises(ConfigInvalid, match="the IPFS URL"):
            IpfsNode(url)
    assert IpfsNode("http://10.0.0.1:5001").exposed
    assert not IpfsNode("https://10.0.0.1:5001").exposed
    assert not IpfsNode("http://127.0.0.1:5001").exposed


def test_get__nobody_listens(served: Served) -> None:
    with pytest.raises(NetworkDown, match="connection refused"):
        IpfsNode("http://127.0.0.1:9").get(CID)


def test_get__asks_for_content_ids_only(served: Served) -> None:
    with pytest.raises(ValueError, match="content id"):
        served.client().get(Cid("../../etc/passwd"))
    assert served.node.asked == []


def test_folder__keeps_and_checks(tmp_path: Path) -> None:
    blocks = FolderBlocks(tmp_path / "stick", suffix=".mip")
    assert not blocks.has(CID)
    with pytest.raises(BlockMissing, match="does not hold"):
        blocks.get(CID)
    assert blocks.put(BLOCK) == blocks.put(BLOCK) == CID
    assert blocks.has(CID)
    assert blocks.get(CID) == BLOCK
    path = tmp_path / "stick" / f"{CID}.mip"
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(BLOCK + b"x")
    with pytest.raises(StoreUntrusted, match="not hold what its name says"):
        blocks.get(CID)
    assert blocks.put(BLOCK) == CID  # heals
    assert blocks.get(CID) == BLOCK
    with pytest.raises(ValueError, match="content id"):
        blocks.get(Cid("../x"))
    with pytest.raises(ValueError, match="at most"):
        blocks.put(bytes(MAX_BLOCK + 1))


def test_folder__a_file_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "stick").write_text("x")
    with pytest.raises((EnvironmentFault, UsageFault), match="not a folder"):
        FolderBlocks(tmp_path / "stick").put(BLOCK)
