"""``mip dev``: starts a node, keeps its state, and ends nobody else's process."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from mip_cli.chain.devnet import STATE_INTERVAL, Devnet, Node, developer_signer
from mip_cli.chain.keys import load_signer
from mip_cli.chain.logs import next_time, time_of
from mip_cli.chain.rpc import RpcClient
from mip_cli.chain.values import Call
from mip_cli.cli.deploy import deploy
from mip_cli.cli.dev import dev
from mip_cli.config import find_checkout, load_settings
from mip_cli.errors import ConfigInvalid, EnvironmentFault, NetworkDown, UsageFault
from mip_cli.flows import dev as flow
from mip_cli.progress import Silent


@pytest.fixture
def settings(tmp_path):
    found = replace(
        load_settings({"HOME": str(tmp_path)}),
        data_dir=tmp_path / "data",
        build_dir=find_checkout() / "build",
    )
    yield found
    flow.down(found)


@pytest.fixture
def devnet(tmp_path):
    found = Devnet(tmp_path / "devnet", find_checkout())
    yield found
    found.stop()


def test_up_status_down__keep_the_chain(settings, free_port) -> None:
    assert flow.status(settings).running is None
    first = flow.up(settings, Silent(), port=free_port)
    assert first.created == len(first.deployment.contracts)
    assert flow.status(settings).healthy
    signer = load_signer(first.key_file, lambda: "")
    assert signer.address == first.account
    assert first.key_file.stat().st_mode & 0o777 == 0o600
    again = flow.up(settings, Silent(), port=free_port)
    assert (again.created, again.running) == (0, first.running)
    assert flow.down(settings) == first.running
    assert flow.down(settings) is None
    assert flow.status(settings).running is None
    second = flow.up(settings, Silent(), port=free_port)
    assert second.created == 0
    assert second.deployment == first.deployment


def test_up__fresh__forgets_the_chain(settings, free_port) -> None:
    first = flow.up(settings, Silent(), port=free_port)
    flow.down(settings)
    time.sleep(1.1)  # the genesis block tells chains apart by its time, in seconds
    second = flow.up(settings, Silent(), port=free_port, fresh=True)
    assert second.created == len(second.deployment.contracts)
    assert second.deployment.registry == first.deployment.registry
    assert second.deployment.block_hash != first.deployment.block_hash
    assert flow.status(settings).healthy


def test_up__on_hardhat(settings, free_port) -> None:
    chain = flow.up(settings, Silent(), node=Node.HARDHAT, port=free_port)
    assert chain.created == len(chain.deployment.contracts)
    found = flow.status(settings)
    assert found.healthy
    assert not chain.running.keeps_state
    group = os.getpgid(chain.running.pid)
    flow.down(settings)
    with pytest.raises(ProcessLookupError):
        os.killpg(group, 0)


def test_start__after_a_kill__has_what_was_kept_meanwhile(devnet, free_port) -> None:
    running = devnet.start(Node.ANVIL, port=free_port)
    with closing(RpcClient(running.url)) as rpc:
        sender = developer_signer(0).address
        sent = rpc.call("eth_sendTransaction", {"from": sender, "to": sender, "value": "0x1"})
        head = block_of(rpc, sent)
        wait_until_kept(devnet.folder / "state.json", head)
        os.kill(running.pid, signal.SIGKILL)
        os.waitpid(running.pid, 0)
        assert devnet.running() is None
        devnet.start(Node.ANVIL, port=free_port)
        assert rpc.call("eth_getBlockByNumber", "latest", False)["hash"] == head


def block_of(rpc: RpcClient, transaction: str) -> str:
    """Return the block that a transaction is in, once the node has mined it."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        receipt = rpc.call("eth_getTransactionReceipt", transaction)
        if receipt is not None:
            return str(receipt["blockHash"])
        time.sleep(0.02)
    pytest.fail("the node never mined the transaction")


def wait_until_kept(state: Path, head: str) -> None:
    """Wait until the node has written a whole state with a block, as it shall of itself."""
    deadline = time.monotonic() + 5 * STATE_INTERVAL  # a busy machine takes longer than one
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError):
            if head in json.dumps(json.loads(state.read_text())):
                return
        time.sleep(0.1)
    pytest.fail("the node never kept the block")


def test_start__with_a_state_cut_by_a_kill__takes_the_copy(devnet, free_port) -> None:
    devnet.start(Node.ANVIL, port=free_port)
    rpc = RpcClient(f"http://127.0.0.1:{free_port}")
    rpc.call("anvil_mine", "0x5")
    devnet.stop()
    devnet.start(Node.ANVIL, port=free_port)
    devnet.stop()
    state = devnet.folder / "state.json"
    state.write_bytes(state.read_bytes()[:100])
    devnet.start(Node.ANVIL, port=free_port)
    assert rpc.block_number() == 5
    rpc.close()


@pytest.mark.parametrize("node", list(Node))
def test_advance__puts_the_chain_forward(devnet, free_port, node) -> None:
    rpc = RpcClient(devnet.start(node, port=free_port).url)
    before = time_of(rpc, "latest")
    running, now = devnet.advance(48 * 3600)
    assert running == devnet.running()
    assert 0 <= now - before - 48 * 3600 < 60
    assert time_of(rpc, "latest") == now <= next_time(rpc)
    rpc.close()


def test_advance__after_a_stop__the_clock_is_still_ahead(devnet, free_port) -> None:
    rpc = RpcClient(devnet.start(Node.ANVIL, port=free_port).url)
    _, now = devnet.advance(48 * 3600)
    devnet.stop()
    devnet.start(Node.ANVIL, port=free_port)
    rpc.call("evm_mine")
    assert time_of(rpc, "latest") >= now
    for _ in range(2):  # starting what runs already changes nothing
        devnet.start(Node.ANVIL, port=free_port)
    assert time_of(rpc, "latest") - now < 60
    rpc.close()


@pytest.mark.parametrize("seconds", [0, -1, 367 * 86_400])
def test_advance__by_nothing_or_too_much__refused(devnet, free_port, seconds) -> None:
    rpc = RpcClient(devnet.start(Node.ANVIL, port=free_port).url)
    with pytest.raises(ConfigInvalid, match="time goes forward by"):
        devnet.advance(seconds)
    assert rpc.block_number() == 0
    rpc.close()


def test_advance__a_node_of_somebody_else__is_left_alone(devnet, tmp_path, free_port) -> None:
    other = Devnet(tmp_path / "other", find_checkout())
    rpc = RpcClient(other.start(Node.ANVIL, port=free_port).url)
    try:
        with pytest.raises(EnvironmentFault, match="no local chain runs here"):
            devnet.advance(3600)
        assert rpc.block_number() == 0
    finally:
        rpc.close()
        other.stop()


def test_start__on_a_port_in_use__says_so(devnet) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageFault, match="cannot be used") as caught:
            devnet.start(Node.ANVIL, port=taken.getsockname()[1])
    assert "--port" in caught.value.hint


def test_start__another_while_one_runs__says_so(devnet, free_port) -> None:
    devnet.start(Node.ANVIL, port=free_port)
    with pytest.raises(UsageFault, match="already runs"):
        devnet.start(Node.HARDHAT, port=free_port)
    with pytest.raises(UsageFault, match="already runs"):
        devnet.start(Node.ANVIL, port=free_port, fresh=True)


def test_start__a_node_that_dies__shows_its_last_words(devnet, free_port, tmp_path) -> None:
    devnet.folder.mkdir()
    (devnet.folder / "state.json").write_text('{"not": "a state"}')
    with pytest.raises(EnvironmentFault, match="does not start"):
        devnet.start(Node.ANVIL, port=free_port)
    assert devnet.running() is None


def test_stop__a_process_that_took_the_id__is_left_alone(devnet) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        devnet.folder.mkdir()
        note = {"node": "anvil", "pid": stranger.pid, "started": "1", "port": 1}
        (devnet.folder / "node.json").write_text(json.dumps({**note, "keeps_state": True}))
        assert devnet.stop() is None
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait(10)


def test_start__a_block_time__mines_by_the_clock(devnet, free_port) -> None:
    running = devnet.start(Node.ANVIL, port=free_port, block_time=1)
    with closing(RpcClient(running.url)) as rpc:
        before = rpc.block_number()
        deadline = time.monotonic() + 300
        while rpc.block_number() <= before:
            assert time.monotonic() < deadline, "the node never mined by itself"
            time.sleep(0.05)


def test_commands__speak_json(tmp_path, free_port, monkeypatch) -> None:
    for variable in ("MIP_RPC_URL", "MIP_DATA_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    runner = CliRunner()

    def run(command, *arguments, code=0):
        result = runner.invoke(command, [*arguments, "--json"])
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)

    up = run(dev, "up", "--port", str(free_port))
    try:
        assert up["schema"] == "mip.dev.up/1"
        assert up["chain_id"] == 31337
        assert {"PassportRegistry", "PassportVerifier", "Poseidon2"} <= up["contracts"].keys()
        assert run(dev, "status")["healthy"]
        plan = run(deploy, "--rpc-url", up["rpc_url"], "--dry-run")
        assert all(step["present"] for step in plan["steps"])
        ahead = run(dev, "advance", "--hours", "0.5")
        assert (ahead["schema"], ahead["seconds"]) == ("mip.dev.advance/1", 1800)
        assert runner.invoke(dev, ["advance", "--hours", "0"]).exit_code == 2
        done = run(deploy, "--rpc-url", up["rpc_url"], "--key-file", up["key_file"])
        assert (done["deployed"], done["contracts"]) == (0, up["contracts"])
    finally:
        assert run(dev, "down")["stopped"]
    assert not run(dev, "status", code=1)["running"]


def test_deploy__without_a_key__asks_what_stands_there(tmp_path, monkeypatch, free_port) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    nobody = f"http://127.0.0.1:{free_port}"
    result = CliRunner().invoke(deploy, ["--rpc-url", nobody])
    assert isinstance(result.exception, NetworkDown)


def test_deploy__without_a_key__on_an_empty_chain__is_a_usage_fault(
    tmp_path, monkeypatch, start_chain
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "own"))
    chain = start_chain(deployed=False)
    result = CliRunner().invoke(deploy, ["--rpc-url", chain.running.url])
    assert isinstance(result.exception, UsageFault)
    assert "no account pays for it" in result.exception.message
    assert not list((tmp_path / "own").rglob("*.json"))


def test_call__is_a_value() -> None:
    assert Call(None, b"\x00") == Call(None, b"\x00")
