"""The installed ``mip`` on real local chains, seen from outside: prints, files, transactions."""

from __future__ import annotations

import base64
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mip_cli.chain.devnet import TEST_KEYS, developer_signer
from mip_cli.chain.registry import Registry
from mip_cli.chain.rpc import RpcClient
from mip_cli.chain.tx import Sender
from mip_cli.config import Settings, find_checkout, load_settings
from mip_cli.flows.demo import demo_photos
from mip_cli.flows.deploy import load_deployment
from mip_cli.flows.passport import passport_file
from mip_cli.flows.passport.passport_file import Factors, Opened
from mip_cli.progress import Silent
from mip_cli.store import device as device_store
from mip_cli.store.journal import FileJournal
from mip_cli.store.keyfile import Unlocked

MIP = Path(sys.executable).parent / "mip"
CHECKOUT = find_checkout()
FACES = Path(__file__).parents[3] / "shared" / "faces"
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where a prover's files may lie
VOTE = ("--app", "PassportVote", "--call", "vote(uint256)", "--arg", "1")
CLAIM = ("--app", "PassportClaim", "--call", "claim()")
STEP_LIMIT = 120
"""Seconds after which a command or an awaited event counts as hanging."""


@dataclass(frozen=True)
class Result:
    """What a command left behind when it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one document on stdout, ``schema`` first."""
        document = json.loads(self.out)
        assert next(iter(document)) == "schema"
        return document

    @property
    def lines(self) -> list[str]:
        return self.err.splitlines()

    def succeeded(self) -> Result:
        assert self.code == 0, self
        assert "mip: error" not in self.err
        return self

    def refused(self, code: int, words: str = "") -> Result:
        """Assert one error line, at most one hint, the exit code, no traceback."""
        assert self.code == code, self
        errors = [line for line in self.lines if line.startswith("mip: error: ")]
        hints = [line for line in self.lines if line.startswith("mip: hint: ")]
        assert len(errors) == 1, self
        assert len(hints) <= 1, self
        assert self.lines[self.lines.index(errors[0]) + 1 :] == hints
        text = errors[0].removeprefix("mip: error: ")
        assert text[:1] == text[:1].lower()
        assert not text.endswith(".")
        assert words in text, self
        assert "Traceback" not in self.err
        return self


@dataclass
class Seen:
    """Everything any command showed to others: arguments, environments, output."""

    blobs: set[bytes] = field(default_factory=set)
    canaries: dict[bytes, str] = field(default_factory=dict)
    _looked_at: set[bytes] = field(default_factory=set)
    _looked_for: set[bytes] = field(default_factory=set)
    _read: dict[tuple[Path, int, int], set[bytes]] = field(default_factory=dict)

    def learn(self, opened: Opened, password: str, device_secret: bytes) -> None:
        """Note the forms in which the secrets of an opened passport could leak."""
        s, sealed = opened.unlocked.secrets, opened.unlocked.sealed
        shares = dict(zip(("password", "face", "people"), sealed.shares, strict=True))
        numbers = {
            "secret": s.secret,
            "anchor key": int.from_bytes(s.anchor_key, "big"),
            "face salt": s.face_salt,
            "keys salt": s.keys_salt,
            "password commitment": s.password_commitment,
            "twin commitment": s.twin_commitment,
            "stretched password": opened.stretched,
            "root key": int.from_bytes(sealed.root_key, "big"),
            **{f"share of {kind}": int.from_bytes(share, "big") for kind, share in shares.items()},
            "device secret": int.from_bytes(device_secret, "big"),
        }
        for name, number in numbers.items():
            raw = number.to_bytes(32, "big")
            forms = (
                raw,
                raw[::-1],
                str(number).encode(),
                b"%064x" % number,
                f"{number:x}".encode(),
            )
            for form in (*forms, raw.hex().upper().encode(), base64.b64encode(raw)):
                self.canaries[form] = name
        head = s.template[:24]
        self.canaries[bytes(v & 255 for v in head)] = "template"
        self.canaries[bytes(v + 128 for v in head)] = "template"
        for separator in (",", ", ", " ", "\n"):
            self.canaries[separator.join(map(str, head)).encode()] = "template"
        self.canaries[password.encode()] = "password"

    def leaks(self, data: bytes) -> set[str]:
        return {name for form, name in self.canaries.items() if form in data}

    def leaks_of(self, path: Path) -> set[str]:
        """Return what stands in a file; in one that did not change only what is newly known."""
        found = path.stat()
        looked_for = self._read.setdefault((path, found.st_mtime_ns, found.st_size), set())
        new = {form: name for form, name in self.canaries.items() if form not in looked_for}
        if not new:
            return set()
        data = path.read_bytes()
        leaks = {form: name for form, name in new.items() if form in data}
        looked_for |= new.keys() - leaks.keys()
        return set(leaks.values())

    def leaked(self) -> set[str]:
        """Return what was shown, looking at each pair of blob and canary once."""
        fresh = self.blobs - self._looked_at
        new = {form: name for form, name in self.canaries.items() if form not in self._looked_for}
        found = {name for blob in self._looked_at for form, name in new.items() if form in blob}
        for blob in fresh:
            found |= self.leaks(blob)
        self._looked_at |= fresh
        self._looked_for |= new.keys()
        return found


class Process:
    """A running ``mip`` in a process group of its own, watched from outside."""

    def __init__(
        self,
        seen: Seen,
        command: Sequence[str | Path],
        env: dict[str, str],
        stdin: str | None,
        **options: Any,
    ) -> None:
        self._seen = seen
        self._popen = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=options.pop("stderr", subprocess.PIPE),
            env=env,
            start_new_session=True,
            text=True,
            **options,
        )
        self.pid = self._popen.pid
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()
        self._output: list[str] = ["", ""]
        self._reader = threading.Thread(target=self._talk, args=(stdin,))
        self._reader.start()

    def _talk(self, stdin: str | None) -> None:
        out, err = self._popen.communicate(stdin or "", timeout=STEP_LIMIT)
        self._output = [out, err or ""]

    def _watch(self) -> None:
        while not self._done.wait(0.05):
            for pid in [self.pid, *descendants(self.pid)]:
                for name in ("cmdline", "environ"):
                    try:
                        self._seen.blobs.add(Path(f"/proc/{pid}/{name}").read_bytes())
                    except OSError:
                        continue

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    def signal(self, number: int) -> None:
        """Send a signal to the whole group, as a terminal does."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def result(self) -> Result:
        """Wait for the end."""
        self._reader.join(STEP_LIMIT)
        if self._popen.poll() is None:
            self.signal(signal.SIGKILL)
            self._reader.join()
            self._done.set()
            pytest.fail("the command hangs")
        self._done.set()
        self._watcher.join()
        for text in self._output:
            self._seen.blobs.add(text.encode())
        return Result(self._popen.returncode, *self._output)

    def kill(self) -> Result:
        """End it as a power cut would."""
        self.signal(signal.SIGKILL)
        return self.result()


def descendants(pid: int) -> list[int]:
    """Return the processes that a process started, also in other sessions."""
    found: list[int] = []
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        for task in tasks:
            for child in (task / "children").read_text().split():
                found += [int(child), *descendants(int(child))]
    except OSError:
        pass
    return found


@dataclass(frozen=True)
class Device:
    """One person's machine: folders of its own, a node to speak to."""

    root: Path
    rpc_url: str
    seen: Seen
    chain_data: Path
    """Data folder of the device that runs the chain."""

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def cache(self) -> Path:
        return self.root / "cache" / "mip"

    @property
    def tmp(self) -> Path:
        return self.root / "tmp"

    @property
    def out(self) -> Path:
        return self.root / "out"

    @property
    def settings(self) -> Settings:
        """The settings that the commands run under."""
        assert CHECKOUT is not None, "these tests run in a checkout"
        base = load_settings({"HOME": str(self.root), "MIP_KEYRING": "off"})
        return replace(base, data_dir=self.data, cache_dir=self.cache, rpc_url=self.rpc_url)

    def at(self, rpc_url: str) -> Device:
        """The same device with another node."""
        return replace(self, rpc_url=rpc_url)

    def start(
        self,
        *arguments: str | Path,
        stdin: str | None = None,
        env: dict[str, str] | None = None,
        **options: Any,
    ) -> Process:
        """Start a command without a terminal."""
        environ = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.root),
            "XDG_CACHE_HOME": str(self.root / "cache"),
            "TMPDIR": str(self.tmp),
            "MIP_DATA_DIR": str(self.data),
            "MIP_RPC_URL": self.rpc_url,
            "MIP_KEYRING": "off",  # tests leave the keyring of whoever runs them alone
            "PYTHONWARNINGS": "ignore",
            **(env or {}),
        }
        return Process(
            self.seen,
            [MIP, *arguments],
            environ,
            stdin,
            cwd=options.pop("cwd", self.out),
            **options,
        )

    def mip(self, *arguments: str | Path, stdin: str | None = None, **options: Any) -> Result:
        """Run a command to its end."""
        return self.start(*arguments, stdin=stdin, **options).result()

    def files(self) -> dict[Path, bytes]:
        """Everything on this device but the chain's own files and what can be rebuilt."""
        return {
            path: path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file()
            and not path.is_symlink()
            and path.stat().st_size
            and "devnet" not in path.parts
            and "cache" not in path.parts
            and path.name != "attempts.json"  # counts photos, also of refused commands
        }

    def leftovers(self) -> list[Path]:
        """Temporary files that nobody will look at again."""
        found = [path for path in self.root.rglob("*") if path.name.endswith((".mip-tmp", ".part"))]
        return [p for p in found if "devnet" not in p.parts] + list(self.tmp.iterdir())


@dataclass(frozen=True)
class Holder:
    """A person with a passport on a device."""

    device: Device
    name: str
    password: str
    image: Path
    again: Path

    @property
    def key_file(self) -> Path:
        return self.device.data / "passports" / f"{self.name}.mip"

    def at(self, rpc_url: str) -> Holder:
        return replace(self, device=self.device.at(rpc_url))

    def enroll_command(self, image: Path | None = None) -> list[str | Path]:
        return [
            *("enroll", "--image", image or self.image, "--passport", self.name),
            *("--password-file", "-", "--json"),
        ]

    def enroll(self, image: Path | None = None, password: str | None = None) -> Result:
        return self.device.mip(*self.enroll_command(image), stdin=password or self.password)

    def prove_command(
        self, *what: str | Path, image: Path | None = None, app: Sequence[str] = VOTE
    ) -> list[str | Path]:
        return [
            *("prove", "--image", image or self.again, "--passport", self.name, *app, *what),
            *("--password-file", "-", "--yes", "--json"),
        ]

    def prove(
        self,
        *what: str | Path,
        image: Path | None = None,
        app: Sequence[str] = VOTE,
        password: str | None = None,
        **options: Any,
    ) -> Result:
        command = self.prove_command(*what, image=image, app=app)
        return self.device.mip(*command, stdin=password or self.password, **options)

    def show_command(self) -> list[str | Path]:
        return [
            *("passport", "show", "--image", self.again, "--passport", self.name),
            *("--password-file", "-"),
        ]

    def rotate_command(self, *what: str | Path) -> list[str | Path]:
        return [
            *("passport", "rotate", "--image", self.again, "--passport", self.name, *what),
            *("--password-file", "-", "--json"),
        ]

    def open(self) -> Unlocked:
        """Open the key file in this process and note what must not leak from it."""
        settings = self.device.settings
        factors = Factors(self.password.encode(), self.again)
        opened = passport_file.open_passport(settings, self.key_file, factors, Silent())
        secret = device_store.ensure(settings.data_dir, None).value
        self.device.seen.learn(opened, self.password, secret)
        return opened.unlocked


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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_device(root: Path, seen: Seen, rpc_url: str, chain_data: Path | None = None) -> Device:
    device = Device(root, rpc_url, seen, chain_data or root / "data")
    for folder in (device.tmp, device.out, device.data):
        folder.mkdir(mode=0o700, parents=True)
    return device


@contextmanager
def running_chain(root: Path, seen: Seen, *options: str) -> Iterator[Chain]:
    """A chain started by ``mip dev up`` and ended by ``mip dev down``."""
    port = free_port()
    device = make_device(root, seen, f"http://127.0.0.1:{port}")
    try:
        up = device.mip("dev", "up", "--port", str(port), "--json", *options).succeeded()
        assert up.json["rpc_url"] == device.rpc_url
        yield Chain(device)
    finally:
        device.mip("dev", "down")


@pytest.fixture(scope="session")
def seen() -> Seen:
    return Seen()


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory, seen: Seen) -> Iterator[Chain]:
    """One anvil with the suite for the whole session; its clock is never moved."""
    with running_chain(tmp_path_factory.mktemp("chain") / "device", seen) as found:
        yield found


@pytest.fixture
def own_chain(tmp_path: Path, seen: Seen) -> Iterator[Chain]:
    """An anvil for one test, which may move its clock or break it."""
    with running_chain(tmp_path / "own-chain", seen) as found:
        yield found


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> demo_photos.Photos:
    return demo_photos.find(None, tmp_path_factory.mktemp("photos"))


def new_device(root: Path, chain: Chain) -> Device:
    """A fresh device that knows the chain's deployment record and shares nothing else."""
    device = make_device(root, chain.device.seen, chain.url, chain.device.data)
    shutil.copytree(chain.device.data / "deployments", device.data / "deployments")
    return device


@pytest.fixture
def device(tmp_path: Path, chain: Chain) -> Device:
    return new_device(tmp_path / "device", chain)


def new_holder(device: Device, photos: demo_photos.Photos, name: str = "default") -> Holder:
    password = f"pass {secrets.token_hex(12)}"
    return Holder(device, name, password, photos.first, photos.again)


@pytest.fixture
def newcomer(device: Device, photos: demo_photos.Photos) -> Holder:
    """A person with a fresh device who has not enrolled."""
    return new_holder(device, photos)


@pytest.fixture(scope="session")
def holder(
    tmp_path_factory: pytest.TempPathFactory, chain: Chain, photos: demo_photos.Photos
) -> Holder:
    """An enrolled person; tests leave the key file as it is."""
    found = new_holder(new_device(tmp_path_factory.mktemp("holder") / "device", chain), photos)
    found.enroll().succeeded()
    found.open()
    return found


@pytest.fixture(scope="session")
def proof(holder: Holder) -> Path:
    """A proof of the holder's that is never sent; its root does not last as long as a session."""
    path = holder.device.out / "kept.json"
    holder.prove("-o", path, "--public-out", path.with_name("kept-public.json")).succeeded()
    return path


@pytest.fixture
def fresh_proof(holder: Holder, tmp_path: Path) -> Path:
    """A proof under a root that the registry accepts now."""
    path = tmp_path / "fresh.json"
    holder.prove("-o", path).succeeded()
    return path


@pytest.fixture
def proxy(chain: Chain) -> Iterator[Proxy]:
    made = Proxy(chain.url)
    yield made
    made.close()


@pytest.fixture
def deployer_key(tmp_path: Path) -> Path:
    path = tmp_path / "deployer.key"
    path.touch(0o600)
    path.write_text(TEST_KEYS[0])
    return path


@pytest.fixture(autouse=True)
def _nothing_leaks(
    request: pytest.FixtureRequest, tmp_path: Path, seen: Seen, proof: Path
) -> Iterator[None]:
    """After each test: no known secret in any file, argument, environment or output so far.

    Asks for ``proof`` so that what all tests share is there before anything of a single test.
    """
    before = shared_memory()
    yield
    for device in devices(request, tmp_path):
        for path in device.root.rglob("*"):
            if path.is_file() and not path.is_symlink():
                found = seen.leaks_of(path)
                if path == device.data / "device" / "secret":
                    found -= {"device secret"}  # the one place where it lies, for its owner alone
                assert not found, f"{found} in clear in {path}"
    assert not seen.leaked(), "a secret was shown to other processes or printed"
    wait_for(lambda: not shared_memory() - before, "the shared memory is empty again")


def devices(request: pytest.FixtureRequest, tmp_path: Path) -> list[Device]:
    found = []
    for name in ("holder", "newcomer", "device", "chain", "own_chain"):
        value = request.node.funcargs.get(name) if hasattr(request.node, "funcargs") else None
        if isinstance(value, Holder | Chain):
            found.append(value.device)
        elif isinstance(value, Device):
            found.append(value)
    return found


def shared_memory() -> set[str]:
    return {entry.name for entry in SHARED_MEMORY.iterdir() if entry.name.startswith("mip-")}


def wait_for(condition: Callable[[], object], what: str, limit: float = 30.0) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"never came: {what}")
        time.sleep(0.02)
