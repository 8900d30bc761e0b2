"""Served ``mip`` processes, and a proxy that notes what travels to and from them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.head_start import warm

MIP = Path(sys.executable).parent / "mip"
START_LIMIT = 90
"""Seconds after which a server that does not listen has failed."""


@dataclass
class Served:
    """A running server and where its log goes."""

    url: str
    port: int
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def lines(self) -> list[str]:
        return self.log.read_text().splitlines()


@contextmanager
def serving(
    arguments: list[str], environment: Mapping[str, str], folder: Path, port: int, url: str = ""
) -> Iterator[Served]:
    """Run ``mip ... serve`` until the block ends; it must then leave in good order."""
    log = folder / f"server-{port}.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [str(MIP), *arguments, "--port", str(port)],
            env=dict(environment),
            cwd=folder,
            stdout=sink,
            stderr=sink,
        )
    try:
        end = time.monotonic() + START_LIMIT
        while not _listens(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        yield Served(url or f"http://127.0.0.1:{port}", port, log, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(300)
    assert process.returncode == 143, log.read_text()
    assert "Traceback" not in log.read_text()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Return the few variables that a command gets; its home is warm."""
    warm(folder / ".cache" / "mip")
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "MIP_KEYRING": "off", **more}


@dataclass
class Transcript:
    """Every byte of requests and answers, headers included."""

    exchanges: list[bytes] = field(default_factory=list)

    def whole(self) -> bytes:
        return b"\n".join(self.exchanges)


Change = Callable[[str, bytes], bytes]
"""From path and answer to the answer that the client gets."""


@contextmanager
def recording(
    target: int, port: int, change: Change | None = None, *, block: str = ""
) -> Iterator[Transcript]:
    """Forward to a server on this machine, noting what passes; a blocked path is not forwarded."""
    transcript = Transcript()

    class Handler(BaseHTTPRequestHandler):
        def _forward(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(size)
            if block and self.path.startswith(block):
                transcript.exchanges.append(body)
                self.send_error(503)
                return
            upstream = HTTPConnection("127.0.0.1", target, timeout=120)
            headers = {k: v for k, v in self.headers.items() if k.lower() != "connection"}
            upstream.request(self.command, self.path, body or None, headers)
            answer = upstream.getresponse()
            data = answer.read()
            upstream.close()
            if change is not None:
                data = change(self.path, data)
            head = f"{self.command} {self.path}\n{self.headers}".encode()
            back = f"{answer.status}\n{answer.headers}".encode()
            transcript.exchanges.append(b"\n".join((head, body, back, data)))
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("content-length", "date", "server", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _forward  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield transcript
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
