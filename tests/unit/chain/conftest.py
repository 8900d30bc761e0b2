"""A web server in the place of a node, whose answers each test decides."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mip_cli.chain.rpc import RpcClient

Behaviour = Callable[[BaseHTTPRequestHandler, object], None]


class Node:
    """A web server whose answer each test decides."""

    def __init__(self) -> None:
        self.behave: Behaviour = lambda handler, _: reply(handler, {})
        self.requests = 0
        self.clients: list[RpcClient] = []
        self.headers: dict[str, str] = {}
        node = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # headers and body in two small segments would else wait 40 ms for an acknowledgement
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                node.requests += 1
                node.headers = dict(self.headers)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                node.behave(self, json.loads(body))

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def client(self, **options: object) -> RpcClient:
        url = f"http://127.0.0.1:{self.server.server_port}"
        client = RpcClient(url, sleep=lambda _: None, **options)  # type: ignore[arg-type]
        self.clients.append(client)
        return client


@pytest.fixture
def node() -> Iterator[Node]:
    found = Node()
    yield found
    for client in found.clients:
        client.close()
    found.server.shutdown()
    found.thread.join()
    found.server.server_close()


def raw(handler: BaseHTTPRequestHandler, data: bytes, status: int = 200) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


def reply(handler: BaseHTTPRequestHandler, document: object) -> None:
    raw(handler, json.dumps(document).encode())


def result(value: object) -> Behaviour:
    return lambda handler, asked: reply(
        handler, {"jsonrpc": "2.0", "id": asked["id"], "result": value}
    )
