"""Kills, interrupts and full disks at each step: nothing half-written, the next run goes on."""

from __future__ import annotations

import os
import pty
import random
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from mip_cli.chain.devnet import Devnet, Node, developer_signer
from mip_cli.store.journal import FileJournal
from mip_cli.store.secrets_codec import PassportStatus
from tests.e2e.chains import Chain, Proxy, free_port
from tests.e2e.devices import Device, Holder, make_device
from tests.e2e.process import CHECKOUT, SHARED_MEMORY, STEP_LIMIT, Process, descendants, wait_for

KILL_POINTS = [
    ("eth_chainId", False),
    ("eth_estimateGas", False),
    ("eth_getTransactionCount", False),
    ("eth_sendRawTransaction", False),
    ("eth_sendRawTransaction", True),
    ("eth_getTransactionReceipt", True),
]
"""Where a killed command stood: before a request reached the node, or before its answer came."""


SECRET_FOLDER = f"{SHARED_MEMORY}/mip-"
"""How the folder of a prover's files begins."""


def journalled(device: Device) -> dict[str, str]:
    """Every transaction on this device's disk: file name to content."""
    return {p.name: p.read_text() for p in device.data.glob("journal/*/[0-9]*.json")}


def sent_by(proxy: Proxy) -> int:
    return proxy.methods.count("eth_sendRawTransaction")


def finish_enrolment(holder: Holder, chain: Chain, size: int, nonce: int) -> None:
    """Run the same command again: exactly one passport and one transaction come of it."""
    before = journalled(holder.device)
    done = holder.enroll()
    if done.code == 2:  # the kill came after everything was done
        done.refused(2, "enrolled already")
    else:
        done.succeeded()
    assert chain.size() == size + 1
    assert chain.nonce() == nonce + 1
    after = journalled(holder.device)
    assert len(after) == 1
    assert before.keys() <= after.keys(), "another transaction was signed"
    unlocked = holder.open()
    assert unlocked.secrets.status is PassportStatus.ENROLLED
    assert unlocked.secrets.index == size
    assert not holder.device.leftovers()


@pytest.mark.parametrize(("method", "forwarded"), KILL_POINTS)
def test_enroll__killed_at_a_step__the_next_run_completes_it(
    newcomer: Holder, chain: Chain, proxy: Proxy, method: str, forwarded: bool
) -> None:
    size, nonce = chain.size(), chain.nonce()
    proxy.stall(method, forwarded=forwarded)
    command = newcomer.at(proxy.url).enroll_command()
    process = newcomer.device.at(proxy.url).start(*command, stdin=newcomer.password)
    proxy.wait_reached(process)
    prepared = newcomer.key_file.read_bytes() if newcomer.key_file.exists() else None
    assert process.kill().code == -signal.SIGKILL
    secrets = newcomer.open().secrets if prepared else None
    proxy.close()
    finish_enrolment(newcomer, chain, size, nonce)
    if secrets is not None:
        kept = newcomer.open().secrets
        assert (kept.secret, kept.anchor_key, kept.keys_salt, kept.template) == (
            *(secrets.secret, secrets.anchor_key),
            *(secrets.keys_salt, secrets.template),
        )


@pytest.mark.parametrize("seed", range(4))
def test_enroll__killed_at_any_moment__the_next_run_completes_it(
    newcomer: Holder, chain: Chain, seed: int
) -> None:
    size, nonce = chain.size(), chain.nonce()
    process = newcomer.device.start(*newcomer.enroll_command(), stdin=newcomer.password)
    time.sleep(random.Random(seed).uniform(0.2, 2.0))  # a moment, not an event
    process.kill()
    finish_enrolment(newcomer, chain, size, nonce)


def test_enroll__begun_by_another_person_or_password__is_not_finished(
    newcomer: Holder, chain: Chain, proxy: Proxy, photos
) -> None:
    proxy.stall("eth_estimateGas")
    command = newcomer.enroll_command()
    process = newcomer.device.at(proxy.url).start(*command, stdin=newcomer.password)
    proxy.wait_reached(process)
    process.kill()
    before, size = newcomer.device.files(), chain.size()
    newcomer.enroll(password="another password").refused(5, "does not open")
    newcomer.enroll(image=photos.other).refused(1, "begun with another face")
    assert newcomer.device.files() == before
    assert chain.size() == size
    assert newcomer.enroll().succeeded().json["resumed"]
    newcomer.open()


def test_prove__of_a_begun_enrolment__says_what_to_finish(
    newcomer: Holder, chain: Chain, proxy: Proxy
) -> None:
    proxy.stall("eth_estimateGas")
    process = newcomer.device.at(proxy.url).start(
        *newcomer.enroll_command(), stdin=newcomer.password
    )
    proxy.wait_reached(process)
    process.kill()
    newcomer.open()
    newcomer.prove("-o", "x.json").refused(2, "not enrolled yet")


@pytest.fixture
def voter(newcomer: Holder) -> Holder:
    """A fresh passport that may still vote."""
    newcomer.enroll().succeeded()
    newcomer.open()
    return newcomer


@pytest.mark.parametrize(
    ("method", "forwarded"),
    [
        ("eth_sendRawTransaction", False),
        ("eth_sendRawTransaction", True),
        ("eth_getTransactionReceipt", True),
    ],
)
def test_send__killed_at_a_step__the_next_run_brings_it_to_its_end(
    voter: Holder, chain: Chain, proxy: Proxy, method: str, forwarded: bool
) -> None:
    nonce = chain.nonce()
    proxy.stall(method, forwarded=forwarded)
    process = voter.device.at(proxy.url).start(*voter.prove_command("--send"), stdin=voter.password)
    proxy.wait_reached(process)
    signed = journalled(voter.device)
    assert process.kill().code == -signal.SIGKILL
    proxy.close()
    done = voter.prove("--send").succeeded().json
    assert chain.nonce() == nonce + 1
    assert journalled(voter.device).keys() == signed.keys()
    newest = max(name for name in signed)
    assert done["receipt"]["tx_hash"][2:] in newest


def test_prove__killed_while_it_proves__leaves_no_file(holder: Holder, chain: Chain) -> None:
    before = holder.device.files()
    process = holder.device.start(*holder.prove_command("-o", "killed.json"), stdin=holder.password)
    wait_for(lambda: child_running(process, "_groth16py_child"), "the prover runs")
    process.kill()
    assert holder.device.files() == before
    holder.prove("-o", "killed.json").succeeded()


def child_running(process: Process, word: str) -> list[int]:
    found = []
    for pid in descendants(process.pid):
        try:
            if word.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
        except OSError:
            continue
    assert found or process.running, process.result()
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["term", "int"])
def test_prove__ended_while_a_prover_holds_files__leaves_none_in_memory(
    holder: Holder, number: int
) -> None:
    before = holder.device.files()
    process = holder.device.start(
        *holder.prove_command("-o", "ended.json", "--prover", "snarkjs"), stdin=holder.password
    )
    wait_for(lambda: child_running(process, SECRET_FOLDER), "the prover runs")
    provers = child_running(process, SECRET_FOLDER)
    folders = {
        Path(part).parent
        for pid in provers
        for part in Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        if part.startswith(SECRET_FOLDER)
    }
    process.signal(number)
    process.result().refused({signal.SIGTERM: 143, signal.SIGINT: 130}[number])
    assert folders
    assert not [folder for folder in folders if folder.exists()]
    assert holder.device.files() == before
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in provers), "it is gone")


def test_prove__by_snarkjs__leaves_nothing_in_memory(holder: Holder) -> None:
    before = set(SHARED_MEMORY.iterdir())
    made = holder.prove("-o", "snarkjs.json", "--prover", "snarkjs").succeeded().json
    assert made["prover"] == "snarkjs"
    wait_for(lambda: not {p for p in set(SHARED_MEMORY.iterdir()) - before if "mip-" in p.name}, "")


class Terminal:
    """A terminal whose screen is the command's standard error."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        self.text = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            self.text += data.decode(errors="replace")

    def close(self) -> None:
        os.close(self.slave)
        self._reader.join(STEP_LIMIT)
        os.close(self.master)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    yield made
    made.close()


def interrupt_at(
    step: str, device: Device, command: Sequence[str | Path], password: str, terminal: Terminal
) -> None:
    """Press Ctrl-C when the screen shows a step."""
    plain = [part for part in command if part != "--json"]
    process = device.start(*plain, stdin=password, stderr=terminal.slave, env={"TERM": "xterm"})

    def shown() -> bool:
        assert process.running or step in terminal.text, (process.result(), terminal.text)
        return step in terminal.text

    wait_for(shown, step)
    process.signal(signal.SIGINT)
    done = process.result()
    assert done.code == 130, (done, terminal.text)
    wait_for(lambda: "mip: error: interrupted" in terminal.text, "the message")
    assert "Traceback" not in terminal.text


@pytest.mark.parametrize("step", ["finding the face", "sealing the key file"])
def test_enroll__interrupted__leaves_nothing(
    newcomer: Holder, chain: Chain, terminal: Terminal, step: str
) -> None:
    size, nonce = chain.size(), chain.nonce()
    interrupt_at(step, newcomer.device, newcomer.enroll_command(), newcomer.password, terminal)
    assert not newcomer.device.leftovers()
    finish_enrolment(newcomer, chain, size, nonce)


@pytest.mark.parametrize("method", ["eth_chainId", "eth_sendRawTransaction"])
def test_enroll__interrupted_while_the_node_is_slow__goes_on_later(
    newcomer: Holder, chain: Chain, proxy: Proxy, method: str
) -> None:
    size, nonce = chain.size(), chain.nonce()
    proxy.stall(method)
    process = newcomer.device.at(proxy.url).start(
        *newcomer.enroll_command(), stdin=newcomer.password
    )
    proxy.wait_reached(process)
    process.signal(signal.SIGINT)
    process.result().refused(130, "interrupted")
    proxy.close()
    finish_enrolment(newcomer, chain, size, nonce)


@pytest.mark.parametrize("step", ["opening the passport", "proving"])
def test_prove__interrupted__leaves_no_file(holder: Holder, terminal: Terminal, step: str) -> None:
    before = holder.device.files()
    command = holder.prove_command("-o", "interrupted.json")
    interrupt_at(step, holder.device, command, holder.password, terminal)
    assert holder.device.files() == before
    assert not holder.device.leftovers()


def limit_files(process: Process) -> None:
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[Path], Callable[[], None]]]:
    """Fill a folder's disk to the last byte; the returned function makes room again."""
    mounted: list[Path] = []

    def fill(folder: Path) -> Callable[[], None]:
        command = [
            "/usr/bin/mount",
            "-t",
            "tmpfs",
            "-o",
            "size=256k,mode=700",
            "tmpfs",
            str(folder),
        ]
        if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("only root can mount a small disk; the file size limit is tested as well")
        mounted.append(folder)
        filler = folder / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while file.write(b"x" * 4096):
                    pass
            except OSError:
                pass
        return filler.unlink

    yield fill
    for folder in mounted:
        subprocess.run(["/usr/bin/umount", str(folder)], check=True)


@pytest.mark.parametrize("place", ["passports", "journal"])
def test_enroll__disk_full__says_so_and_goes_on_with_room(
    newcomer: Holder, chain: Chain, small_disk, place: str
) -> None:
    size, nonce = chain.size(), chain.nonce()
    folder = newcomer.device.data / place
    folder.mkdir(mode=0o700)
    make_room = small_disk(folder)
    newcomer.enroll().refused(3)
    assert [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size] == [
        folder / "filler"
    ]
    assert (chain.size(), chain.nonce()) == (size, nonce)
    make_room()
    finish_enrolment(newcomer, chain, size, nonce)


def test_prove__disk_full__says_so_and_goes_on_with_room(holder: Holder, small_disk) -> None:
    folder = holder.device.out / "full"
    folder.mkdir()
    make_room = small_disk(folder)
    holder.prove("-o", folder / "p.json").refused(3, "no space left")
    assert [path.name for path in folder.iterdir()] == ["filler"]
    make_room()
    holder.prove("-o", folder / "p.json").succeeded()


def test_file_size_limit__nothing_is_half_written(newcomer: Holder, chain: Chain) -> None:
    size = chain.size()
    process = newcomer.device.start(*newcomer.enroll_command(), stdin=newcomer.password)
    limit_files(process)
    process.result().refused(3)
    assert not list(newcomer.device.data.rglob("*.mip"))
    assert chain.size() == size
    newcomer.enroll().succeeded()
    newcomer.open()


@pytest.fixture
def bare_node(tmp_path: Path) -> Iterator[str]:
    """An anvil without the suite."""
    devnet = Devnet(tmp_path / "bare", CHECKOUT)
    running = devnet.start(Node.ANVIL, port=free_port())
    yield running.url
    devnet.stop()


@pytest.mark.parametrize("nth", [1, 3])
def test_deploy__killed__the_next_run_completes_it(
    tmp_path: Path, seen, bare_node: str, deployer_key: Path, nth: int
) -> None:
    device = make_device(tmp_path / "deployer", seen, bare_node)
    proxy = Proxy(bare_node)
    try:
        proxy.stall("eth_sendRawTransaction", forwarded=True, nth=nth)
        command = ("deploy", "--key-file", deployer_key, "--json")
        process = device.at(proxy.url).start(*command)
        proxy.wait_reached(process)
        process.kill()
    finally:
        proxy.close()
    sender = developer_signer(0).address
    assert device.mip(*command).succeeded().json["deployed"] > 0
    again = device.mip(*command).succeeded().json
    assert again["deployed"] == 0
    journal = FileJournal(device.data / "journal")
    assert not journal.pending(31337, sender)
    names = list(journalled(device))
    assert len({name.partition("-")[0] for name in names}) == len(names), "a nonce was used twice"


def test_dev_up__killed_while_it_deploys__the_next_run_completes_it(tmp_path: Path, seen) -> None:
    port = free_port()
    device = make_device(tmp_path / "developer", seen, f"http://127.0.0.1:{port}")
    command = ("dev", "up", "--port", str(port), "--json")
    try:
        process = device.start(*command)
        journal = device.data / "devnet" / "journal"
        wait_for(lambda: list(journal.glob("*/[0-9]*.json")), "the first transaction")
        process.kill()
        device.mip(*command).succeeded()
        assert device.mip("dev", "status", "--json").succeeded().json["healthy"]
        names = [path.name for path in journal.glob("*/[0-9]*.json")]
        assert len({name.partition("-")[0] for name in names}) == len(names)
        assert device.mip(*command).succeeded().json["deployed"] == 0
    finally:
        device.mip("dev", "down").succeeded()
