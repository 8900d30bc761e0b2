"""Signals and Ctrl-C at each step, and provers ended at work: nothing is left behind."""

from __future__ import annotations

import os
import pty
import signal
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.e2e.aftermath import finish_enrolment
from tests.e2e.chains import Chain, Proxy
from tests.e2e.devices import Device, Holder
from tests.e2e.process import (
    STEP_LIMIT,
    Process,
    descendants,
)
from tests.waiting import SHARED_MEMORY, shared_memory, wait_for, wait_until_removed

SECRET_FOLDER = f"{SHARED_MEMORY}/mip-"
"""How the folder of a prover's files begins."""


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
    before = shared_memory()
    made = holder.prove("-o", "snarkjs.json", "--prover", "snarkjs").succeeded().json
    assert made["prover"] == "snarkjs"
    wait_until_removed(before)


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
