"""Kills at each step: nothing half-written, the next run goes on."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mip_cli.chain.devnet import Devnet, Node, developer_signer
from mip_cli.store.journal import FileJournal
from tests.e2e.aftermath import finish_enrolment, journalled
from tests.e2e.chains import Chain, Proxy
from tests.e2e.devices import Holder, make_device
from tests.e2e.process import CHECKOUT
from tests.ports import unused_port
from tests.waiting import wait_for

KILL_POINTS = [
    ("eth_chainId", False),
    ("eth_estimateGas", False),
    ("eth_getTransactionCount", False),
    ("eth_sendRawTransaction", False),
    ("eth_sendRawTransaction", True),
    ("eth_getTransactionReceipt", True),
]
"""Where a killed command stood: before a request reached the node, or before its answer came."""


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


@pytest.fixture
def bare_node(tmp_path: Path) -> Iterator[str]:
    """An anvil without the suite."""
    devnet = Devnet(tmp_path / "bare", CHECKOUT)
    running = devnet.start(Node.ANVIL, port=unused_port())
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
    port = unused_port()
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
