"""What stands in for a Kubo node where none can be had: its RPC interface over a dictionary.

Its answers are held to Kubo's own client (``tests/integration/store/test_kubo_client.py``).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from mip_cli.crypto import cid as cids

Query = dict[str, list[str]]


class Node:
    """Kubo's RPC interface, with room for one misbehaviour."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.pins: set[str] = set()
        self.calls: list[tuple[str, Query, bytes]] = []
        """Each act, what it was asked with, and the block that came with it."""
        self.version = b'{"Version": "0.30.0", "Commit": "", "Golang": "go1.22"}'
        self.instead: Callable[[str, BaseHTTPRequestHandler], bool] = lambda act, request: False
        self.url = ""

    def answer(self, act: str, wanted: Query, data: bytes) -> tuple[int, bytes]:
        name = wanted.get("arg", [""])[0]
        block = _file_of(data) if act == "block/put" else b""
        self.calls.append((act, wanted, block))
        match act:
            case "version":
                return 200, self.version
            case "block/put":
                codec = wanted.get("cid-codec", wanted.get("format", [""]))[0]
                number = cids.RAW if codec == "raw" else cids.DAG_CBOR
                key = cids.text(cids.link_of(block, number))
                self.kept[key] = block
                return 200, _json({"Key": key, "Size": len(block)})
            case "block/get":
                if name in self.kept:
                    return 200, self.kept[name]
                message = f"block was not found locally (offline): ipld: could not find {name}"
                return 500, _json({"Message": message, "Code": 0, "Type": "error"})
            case "block/rm":
                lines = []
                for one in wanted["arg"]:
                    gone = self.kept.pop(one, None) is not None
                    error = "" if gone else f"ipld: could not find {one}"
                    lines.append(_json({"Hash": one, **({"Error": error} if error else {})}))
                return 200, b"\n".join(lines) + b"\n"
            case "pin/add":
                self.pins.add(name)
                return 200, _json({"Pins": [name]})
            case "pin/rm":
                if name not in self.pins:
                    return 500, _json({"Message": "not pinned", "Code": 0, "Type": "error"})
                self.pins.discard(name)
                return 200, _json({"Pins": [name]})
        return 404, b"404 page not found"


@contextmanager
def serving(node: Node) -> Iterator[Node]:
    """Serve a node on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            parts = urlsplit(self.path)
            data = self._body()
            act = parts.path.removeprefix("/api/v0/")
            if node.instead(act, self):
                return
            status, body = node.answer(act, parse_qs(parts.query), data)
            self.send_response(status)
            form = "application/json" if body[:1] == b"{" else "text/plain"
            self.send_header("Content-Type", form)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    node.url = f"ipfs:http://127.0.0.1:{server.server_address[1]}"
    try:
        yield node
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _file_of(data: bytes) -> bytes:
    """Return the one file of a multipart body."""
    boundary, rest = data.split(b"\r\n", 1)
    return rest.split(b"\r\n\r\n", 1)[1].split(b"\r\n" + boundary, 1)[0]


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
