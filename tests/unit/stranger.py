"""A server of a stranger."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

Reply = tuple[int, dict[str, str], bytes]


class Host:
    """A server of a stranger, who answers as a test says."""

    def __init__(self) -> None:
        self.replies: dict[str, Callable[[], Reply]] = {}
        self.asked: list[str] = []
        self.heads: list[str] = []
        host = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                host.asked.append(self.path)
                host.heads.append(str(self.headers))
                status, headers, body = host.replies[self.path]()
                self.send_response(status)
                found = {"Content-Type": "application/json", "Content-Length": str(len(body))}
                for name, value in (found | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = _answer  # noqa: N815 - the names that http.server calls

            def log_message(self, *_: object) -> None:
                """Stay quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def say(self, path: str, body: object, status: int = 200, **headers: str) -> str:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.replies[path] = lambda: (
            status,
            {k.replace("_", "-"): v for k, v in headers.items()},
            data,
        )
        return self.url + path


@pytest.fixture
def host() -> Iterator[Host]:
    found = Host()
    yield found
    found.server.shutdown()
    found.server.server_close()
