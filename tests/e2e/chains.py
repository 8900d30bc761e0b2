"""A real local chain, and what stands between it and a device."""

from __future__ import annotations

import http.client
import json
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mip_cli.chain.devnet import developer_signer
from mip_cli.chain.registry import Registry
from mip_cli.chain.rpc import RpcClient
from mip_cli.chain.tx import Sender
from mip_cli.flows.deploy import load_deployment
from mip_cli.store.journal import FileJournal
from tests.e2e.devices import Device, make_device
from tests.e2e.process import STEP_LIMIT, Process, Seen
from tests.head_start import copy_parts, session_folder
from tests.ports import unused_port


@dataclass(frozen=True)
class Chain:
    """A running local chain with the suite."""

    device: Device
    """Who runs it."""

    @property
    def url(self) -> str:
        return self.device.rpc_url

    def client(self) -> RpcClient:
        return RpcClient(self.url)

    def ask(self, method: str, *parameters: object) -> Any:
        client = self.client()
        try:
            return client.call(method, *parameters)
        finally:
            client.close()

    @contextmanager
    def registry(self) -> Iterator[Registry]:
        client = self.client()
        try:
            yield Registry(client, load_deployment(self.device.settings, 31337).registry)
        finally:
            client.close()

    def size(self) -> int:
        with self.registry() as registry:
            return registry.size()

    def nonce(self) -> int:
        """How many transactions the paying test account has on the chain."""
        return int(self.ask("eth_getTransactionCount", developer_signer(1).address, "latest"), 16)

    def address(self, name: str) -> str:
        return load_deployment(self.device.settings, 31337).address(name)

    def enroll_strangers(self, count: int = 1) -> None:
        """Let the deployer enrol commitments of nobody, so that the tree changes."""
        with self.registry() as registry:
            journal = FileJournal(self.device.root / "strangers")
            sender = Sender(registry.rpc, developer_signer(0), journal, 31337)
            for _ in range(count):
                number = 1 + secrets.randbits(200)
                sender.send(f"stranger {number}", registry.enroll(number, number, number))


class Proxy:
    """A node between ``mip`` and the chain that stalls, lies or breaks off where it is told to.

    ``before(method, params)`` and ``after(method, params, result)`` are called for each request;
    the latter returns what is passed on.
    """

    def __init__(self, upstream: str) -> None:
        self.before: Callable[[str, list[Any]], None] = lambda method, params: None
        self.after: Callable[[str, list[Any], Any], Any] = lambda method, params, result: result
        self.methods: list[str] = []
        self.reached = threading.Event()
        self.release = threading.Event()
        host = upstream.removeprefix("http://")
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # headers and body in two small segments would else wait 40 ms for an acknowledgement
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                asked = json.loads(body)
                calls = asked if isinstance(asked, list) else [asked]
                for call in calls:
                    proxy.methods.append(call["method"])
                    proxy.before(call["method"], call["params"])
                answer = json.loads(ask_upstream(host, json.dumps(asked).encode()))
                answers = {
                    a.get("id"): a for a in (answer if isinstance(answer, list) else [answer])
                }
                for call in calls:
                    found = answers[call["id"]]
                    result = found.get("result", KeyError)
                    changed = proxy.after(call["method"], call["params"], result)
                    if changed is not result:
                        found.pop("error", None)
                        found["result"] = changed
                data = json.dumps(answer).encode()
                try:
                    self.send_response(200)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)
                except OSError:
                    self.close_connection = True  # the asker was killed meanwhile

            def handle(self) -> None:
                with suppress(OSError):
                    super().handle()

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def stall(self, method: str, *, forwarded: bool = False, nth: int = 1) -> None:
        """Stop at the nth request of a method until ``release`` is set."""
        left = [nth]

        def wait(found: str) -> None:
            if found != method:
                return
            left[0] -= 1
            if left[0] == 0:
                self.reached.set()
                self.release.wait(STEP_LIMIT)

        if forwarded:

            def after(found: str, params: list[Any], result: Any) -> Any:
                wait(found)
                return result

            self.after = after
        else:
            self.before = lambda found, params: wait(found)

    def wait_reached(self, process: Process) -> None:
        """Wait until the stalled request came; fail when the command ends without it."""
        end = time.monotonic() + STEP_LIMIT
        while not self.reached.wait(0.02):
            if not process.running or time.monotonic() > end:
                pytest.fail(f"never asked: {process.result()}, {self.methods}")

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def ask_upstream(host: str, body: bytes) -> bytes:
    connection = http.client.HTTPConnection(host, timeout=STEP_LIMIT)
    try:
        connection.request("POST", "/", body, {"Content-Type": "application/json"})
        return connection.getresponse().read()
    finally:
        connection.close()


@contextmanager
def running_chain(root: Path, seen: Seen, *options: str) -> Iterator[Chain]:
    """A chain started by ``mip dev up`` and ended by ``mip dev down``.

    Without options it is one that was stopped with the suite on it; ``--fresh`` begins anew.
    """
    port = unused_port()
    device = make_device(root, seen, f"http://127.0.0.1:{port}")
    stopped = not options
    if stopped:
        copy_parts(_stopped(), device.data, ("devnet/state.json", "devnet/journal", "deployments"))
    try:
        up = device.mip("dev", "up", "--port", str(port), "--json", *options).succeeded()
        assert up.json["rpc_url"] == device.rpc_url
        assert (up.json["deployed"] == 0) is stopped
        yield Chain(device)
    finally:
        device.mip("dev", "down")


@cache
def _stopped() -> Path:
    with running_chain(session_folder() / "stopped", Seen(), "--fresh") as chain:
        return chain.device.data


def new_device(root: Path, chain: Chain, *, used: bool = True) -> Device:
    """A device that knows the chain's deployment record.

    It shares nothing else but the machine code that a device has when it was used before.
    """
    device = make_device(root, chain.device.seen, chain.url, chain.device.data, used=used)
    shutil.copytree(chain.device.data / "deployments", device.data / "deployments")
    return device
