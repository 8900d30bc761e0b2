"""What both servers do whatever they serve: faults without words of ours, limits, an origin."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from flask import Flask, Response

from mip_cli.errors import EnvironmentFault, UsageFault
from mip_cli.http.server import answer, listen, make_app, origin_for

MAX_BODY = 1024
TIMEOUT = 20


def app_of(lines: list[str]) -> Flask:
    app = make_app("test", "https://shop.example", lines.append, max_body=MAX_BODY)

    @app.get("/secret/<name>")
    def secret(name: str) -> Response:
        raise RuntimeError(f"secret {name}")

    @app.post("/good")
    def good() -> Response:
        return answer({"good": True})

    return app


@contextmanager
def running(app: Flask, **options: float) -> Iterator[int]:
    server: Any = listen(app, 0, max_body=MAX_BODY, **options)
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():  # nothing is closed under a loop that still looks at it
            server.asyncore.loop(timeout=0.05, map=server._map, count=1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield int(server.effective_port)
    finally:
        over.set()
        thread.join()
        server.task_dispatcher.shutdown()
        for channel in list(server.active_channels.values()):
            channel.handle_close()
        server.close()


def test_failures__are_told_without_their_words() -> None:
    lines: list[str] = []
    with running(app_of(lines)) as port:
        found = requests.get(f"http://127.0.0.1:{port}/secret/hunter2", timeout=TIMEOUT)
        assert requests.post(f"http://127.0.0.1:{port}/good", timeout=TIMEOUT).json() == {
            "good": True
        }
    assert found.status_code == 500
    assert found.json() == {"error": "server_error", "error_description": "try again later"}
    told = ["failed: RuntimeError", "GET /secret/<name> 500", "POST /good 200"]
    assert lines == told


@pytest.mark.parametrize(
    "name", ["shop.example", "SHOP.example:443", "127.0.0.1:99", "localhost", "[::1]:8750"]
)
def test_host__that_is_ours(name: str) -> None:
    with running(app_of([])) as port:
        found = requests.post(
            f"http://127.0.0.1:{port}/good", headers={"Host": name}, timeout=TIMEOUT
        )
    assert found.status_code == 200


@pytest.mark.parametrize(
    "name",
    ["evil.example", "shop.example.evil.example", "127.0.0.1.evil.example:8750", "10.0.0.1", "[",
     "evil@shop.example.evil.example"],
)  # fmt: skip
def test_host__that_is_anothers__refused(name: str) -> None:
    """A page whose name its owner made to lead to this machine (DNS rebinding)."""
    lines: list[str] = []
    with running(app_of(lines)) as port:
        found = requests.post(
            f"http://127.0.0.1:{port}/good", headers={"Host": name}, timeout=TIMEOUT
        )
    assert (found.status_code, found.json()["error"]) == (421, "invalid_request")
    assert name not in found.text
    assert lines == ["POST /good 421"]


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["POST /good HTTP/1.1", "Host: shop.example"], 200),
        (["POST /good HTTP/1.1", "Host: evil.example", "X-Forwarded-Host: shop.example"], 421),
        (["POST /good HTTP/1.1", "Host: evil.example", "Forwarded: host=shop.example"], 421),
        (["POST /good HTTP/1.1", "Host: evil.example", "X-Forwarded-For: 127.0.0.1"], 421),
        (["POST http://shop.example/good HTTP/1.1", "Host: evil.example"], 421),
        (["POST /good HTTP/1.1", "Host: evil.example", "Host: shop.example"], 421),
        (["POST /good HTTP/1.1", "Host: shop.example", "Host: evil.example"], 421),
        (["POST /good HTTP/1.1", "Host: shop.example."], 421),
        (["POST /good HTTP/1.1", "Host: [::ffff:10.0.0.1]"], 421),
        (["POST /good HTTP/1.1", "Host:"], 421),
        (["POST /good HTTP/1.0"], 421),
    ],
)
def test_host__by_another_way__refused(lines: list[str], status: int) -> None:
    with (
        running(app_of([])) as port,
        socket.create_connection(("127.0.0.1", port), TIMEOUT) as sent,
    ):
        head = "\r\n".join([*lines, "Content-Length: 0", "Connection: close", "", ""])
        sent.sendall(head.encode())
        with sent.makefile("rb") as answered:
            assert answered.read().split()[1] == str(status).encode()


def test_dripping_request__is_cut_off_and_others_are_served() -> None:
    with (
        running(app_of([]), patience=1) as port,
        socket.create_connection(("127.0.0.1", port), TIMEOUT) as drip,
    ):
        drip.sendall(b"POST /good HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        drip.settimeout(0.2)
        end = time.monotonic() + 60
        while not closed(drip):
            assert time.monotonic() < end, "it is never cut off"
            found = requests.post(f"http://127.0.0.1:{port}/good", timeout=TIMEOUT)
            assert found.status_code == 200


def closed(drip: socket.socket) -> bool:
    """Send one byte more, and tell whether the other side has had enough."""
    try:
        drip.sendall(b"x")
        return drip.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_port__that_is_taken() -> None:
    with running(app_of([])) as port, pytest.raises(EnvironmentFault, match="cannot listen"):
        listen(app_of([]), port, max_body=MAX_BODY)


def test_origin__is_one() -> None:
    assert origin_for(None, 8750) == "http://127.0.0.1:8750"
    assert origin_for("https://city.example", 0) == "https://city.example"
    for url in ("https://city.example/", "https://CITY.example", "https://city.example:443"):
        with pytest.raises(UsageFault, match="takes an origin"):
            origin_for(url, 8750)
    with pytest.raises(UsageFault, match="not protected"):
        origin_for("http://city.example", 8750)
    with pytest.raises(UsageFault, match="name the origin"):
        origin_for(None, 0)
