"""Transactions on a real node that loses, re-orders, rewrites and forgets."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.request import Request, urlopen

import pytest

from mip_cli.chain.devnet import Node, developer_signer
from mip_cli.chain.faults import (
    FeeTooHigh,
    FundsMissing,
    NodeUntrusted,
    TransactionDead,
    TransactionPending,
)
from mip_cli.chain.index import sync
from mip_cli.chain.keys import Signer
from mip_cli.chain.reverts import RegistryRefusal
from mip_cli.chain.rpc import RpcClient
from mip_cli.chain.tx import ETHER, Sender
from mip_cli.chain.values import Call
from mip_cli.errors import NetworkDown, WrongChain
from mip_cli.models import TransactionState

SOMEBODY = "0x00000000000000000000000000000000DeaDBeef"
PAYMENT = Call(SOMEBODY, b"", 1)


class Crash(BaseException):
    """Stands for a kill between two steps."""


class CrashingJournal:
    """The real journal of a process that dies at one of its calls."""

    def __init__(self, inner, step: str) -> None:
        self._inner, self._step = inner, step

    def __getattr__(self, name: str):
        found = getattr(self._inner, name)

        def call(*arguments):
            result = found(*arguments)
            if name == self._step:
                raise Crash
            return result

        return call


@pytest.fixture
def node(bare_chain, tmp_path):
    bare = bare_chain
    snapshot = bare.rpc.call("evm_snapshot")
    yield replace(bare, settings=replace(bare.settings, data_dir=tmp_path))
    bare.rpc.call("anvil_setAutomine", True)
    bare.rpc.call("evm_revert", snapshot)


@contextmanager
def lying_proxy(url: str, lie: Callable[[str, object], object]) -> Iterator[str]:
    """Pass requests on to a node and answers back, each changed by ``lie(method, result)``."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = Request(url, body, {"Content-Type": "application/json"})  # noqa: S310
            with urlopen(request) as answer:  # noqa: S310
                result = json.load(answer)
            asked = json.loads(body)
            if isinstance(asked, dict) and "result" in result:
                result["result"] = lie(asked["method"], result["result"])
            data = json.dumps(result).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_send__once_per_label(node) -> None:
    first = node.sender().send("pay", PAYMENT)
    again = node.sender().send("pay", PAYMENT)
    assert again == first
    assert node.nonce(1) == 1
    assert node.journal().find("pay").state is TransactionState.CONFIRMED


@pytest.mark.parametrize("step", ["find", "begin", "mark_sent", "mark_confirmed"])
def test_send__after_a_crash_at_each_step__sends_nothing_twice(node, step) -> None:
    sender = Sender(node.rpc, developer_signer(1), CrashingJournal(node.journal(), step), 31337)
    with pytest.raises(Crash):
        sender.send("pay", PAYMENT)
    signed = node.journal().find("pay")
    receipt = node.sender().send("pay", PAYMENT)
    assert node.nonce(1) == 1
    if step != "find":
        assert receipt.tx_hash == signed.intent.tx_hash
    assert node.sender().resume() == []


def test_send__a_dropped_transaction__sends_the_same_bytes_again(node) -> None:
    node.rpc.call("anvil_setAutomine", False)
    dropped = []

    def sleep(_: float) -> None:
        entry = node.journal().find("pay")
        if not dropped:
            dropped.append(
                node.rpc.call("anvil_dropTransaction", "0x" + entry.intent.tx_hash.hex())
            )
        elif node.rpc.call("txpool_status")["pending"] != "0x0":
            node.rpc.call("anvil_mine", "0x1")

    receipt = node.sender(sleep=sleep).send("pay", PAYMENT)
    assert dropped[0]
    assert receipt.tx_hash == node.journal().find("pay").intent.tx_hash
    assert node.nonce(1) == 1


def test_send__a_reorg_before_it_is_final__waits_for_the_new_block(node) -> None:
    steps = iter(["reorg", *["mine"] * 40])
    blocks = []

    def sleep(_: float) -> None:
        if next(steps) == "reorg":
            found = node.sender().receipt(node.journal().find("pay").intent.tx_hash)
            blocks.append(found.block_hash)
            node.rpc.call("anvil_reorg", 1, [])
            gone = node.sender().receipt(node.journal().find("pay").intent.tx_hash)
            assert gone is None
        else:
            node.rpc.call("anvil_mine", "0x1")

    node.rpc.call("anvil_mine", "0x3")
    receipt = node.sender(confirmations=3, sleep=sleep).send("pay", PAYMENT)
    assert receipt.block_hash != blocks[0]
    assert node.nonce(1) == 1
    assert node.rpc.block_number() >= receipt.block + 2


def test_send__a_reorg_after_it_was_confirmed__sends_the_same_bytes_again(node) -> None:
    node.rpc.call("anvil_mine", "0x3")
    first = node.sender().send("pay", PAYMENT)
    node.rpc.call("anvil_reorg", 1, [])
    assert node.nonce(1) == 0
    again = node.sender().send("pay", PAYMENT)
    assert again.tx_hash == first.tx_hash
    assert node.nonce(1) == 1


def test_send__not_mined_in_time__is_pending_and_goes_on_later(node) -> None:
    node.rpc.call("anvil_setAutomine", False)
    with pytest.raises(TransactionPending) as caught:
        node.sender(timeout=0.3).send("pay", PAYMENT)
    assert caught.value.exit_code == 3
    node.rpc.call("anvil_mine", "0x1")
    (receipt,) = node.sender().resume()
    assert receipt.succeeded
    assert node.nonce(1) == 1


def test_send__the_nonce_was_taken_by_another_wallet__signs_anew(node) -> None:
    crashing = CrashingJournal(node.journal(), "begin")
    with pytest.raises(Crash):
        Sender(node.rpc, developer_signer(1), crashing, 31337).send("pay", PAYMENT)
    node.sender(journal="wallet").send("other", Call(SOMEBODY, b"", 5))
    receipt = node.sender().send("pay", PAYMENT)
    assert receipt.succeeded
    assert node.nonce(1) == 2
    assert int(node.rpc.call("eth_getBalance", SOMEBODY, "latest"), 16) == 6


def test_resume__leaves_out_what_is_dead(node) -> None:
    crashing = CrashingJournal(node.journal(), "begin")
    with pytest.raises(Crash):
        Sender(node.rpc, developer_signer(1), crashing, 31337).send("pay", PAYMENT)
    node.sender(journal="wallet").send("other", Call(SOMEBODY, b"", 5))
    assert node.sender().resume() == []
    assert node.journal().find("pay").state is TransactionState.FAILED


def test_send__earlier_open_transactions__keep_their_nonces(node) -> None:
    crashing = CrashingJournal(node.journal(), "begin")
    with pytest.raises(Crash):
        Sender(node.rpc, developer_signer(1), crashing, 31337).send("first", PAYMENT)
    node.sender().send("second", Call(SOMEBODY, b"", 2))
    assert node.journal().find("second").intent.nonce == 1
    assert node.nonce(1) == 2
    node.sender().send("first", PAYMENT)
    assert node.nonce(1) == 2


def test_send__above_the_fee_cap__signs_nothing(node) -> None:
    with pytest.raises(FeeTooHigh, match="more than the cap"):
        node.sender(fee_cap=1000).send("pay", PAYMENT)
    assert node.journal().find("pay") is None


def test_send__without_funds__signs_nothing(node) -> None:
    poor = Signer(bytes(31) + b"\x07")
    sender = Sender(node.rpc, poor, node.journal(), 31337)
    with pytest.raises(FundsMissing):
        sender.send("pay", Call(SOMEBODY, b"", ETHER))
    assert node.journal().find("pay") is None


def test_send__to_another_chain__signs_nothing(node) -> None:
    sender = Sender(node.rpc, developer_signer(1), node.journal(), 1)
    with pytest.raises(WrongChain):
        sender.send("pay", PAYMENT)
    assert node.journal().find("pay") is None


def test_send__a_revert_in_the_block__tells_the_reason(start_chain) -> None:
    chain = start_chain()
    enrol = chain.registry.enroll(1, 2, 3)
    chain.rpc.call("anvil_setAutomine", False)
    with pytest.raises(TransactionPending):
        chain.sender(timeout=0.1).send("first", enrol)
    chain.rpc.call("anvil_setNextBlockBaseFeePerGas", "0x1")

    def sleep(_: float) -> None:
        chain.rpc.call("anvil_mine", "0x1")

    from mip_cli.chain.tx import Sender as Real

    class Blind(Real):  # estimates as a node that has not heard of the first one
        def quote(self, call):
            return super().quote(Call(SOMEBODY, b"", 0)).__class__(300_000, 10**10, 10**9)

    sender = Blind(chain.rpc, developer_signer(1), chain.journal(), 31337, sleep=sleep)
    with pytest.raises(RegistryRefusal) as caught:
        sender.send("second", enrol)
    assert caught.value.reason == "registry: passport is already enrolled"
    assert chain.journal().find("second").state is TransactionState.FAILED


def test_send__a_local_chain_started_afresh__signs_anew(start_chain) -> None:
    chain = start_chain(deployed=False)
    for number in range(3):
        chain.sender().send(f"pay {number}", PAYMENT)
    crashing = CrashingJournal(chain.journal(), "begin")
    with pytest.raises(Crash):
        Sender(chain.rpc, developer_signer(1), crashing, 31337).send("open", PAYMENT)
    chain.devnet.stop()
    time.sleep(1.1)  # the genesis block tells chains apart by its time, in seconds
    chain.devnet.start(Node.ANVIL, port=chain.running.port, fresh=True)
    assert chain.nonce(1) == 0
    chain.sender().send("open", PAYMENT)
    chain.sender().send("pay 2", PAYMENT)
    assert chain.nonce(1) == 2


@pytest.mark.parametrize(
    ("method", "value", "message"),
    [
        ("eth_sendRawTransaction", "0x" + "11" * 32, "another transaction than"),
        ("eth_getTransactionReceipt", {"transactionHash": "0x" + "22" * 32}, "another transaction"),
        ("eth_chainId", "0x1", "serves chain 1"),
        ("eth_estimateGas", "0xzz", "not a number"),
    ],
)
def test_send__a_lying_node__is_no_success(node, method, value, message) -> None:
    def lie(asked: str, result: object) -> object:
        return value if asked == method else result

    with lying_proxy(node.running.url, lie) as url:
        rpc = RpcClient(url)
        sender = Sender(rpc, developer_signer(1), node.journal(), 31337)
        with pytest.raises((NodeUntrusted, WrongChain), match=message):
            sender.send("pay", PAYMENT)
        rpc.close()
    honest = node.sender().send("pay", PAYMENT)
    assert honest.succeeded
    assert node.nonce(1) == 1


def test_send__a_forged_receipt__is_refused(node) -> None:
    node.rpc.call("anvil_setAutomine", False)
    head = node.rpc.call("eth_getBlockByNumber", "latest", False)

    def lie(asked: str, result: object) -> object:
        if asked == "eth_getTransactionReceipt" and result is None:
            entry = node.journal().find("pay")
            return {
                "transactionHash": "0x" + entry.intent.tx_hash.hex(),
                "blockNumber": head["number"],
                "blockHash": head["hash"],
                "gasUsed": "0x5208",
                "status": "0x1",
                "logs": [],
            }
        return result

    with lying_proxy(node.running.url, lie) as url:
        rpc = RpcClient(url)
        sender = Sender(rpc, developer_signer(1), node.journal(), 31337)
        with pytest.raises(NodeUntrusted, match="without the transaction"):
            sender.send("pay", PAYMENT)
        rpc.close()
    assert node.journal().find("pay").state is TransactionState.SIGNED


def test_index__a_node_that_hides_passports__is_found_out(start_chain) -> None:
    chain = start_chain()
    for number in (1, 2, 3):
        chain.sender().send(f"enrol {number}", chain.registry.enroll(number, 7, 3))

    def hide(asked: str, result: object) -> object:
        return result[:-1] if asked == "eth_getLogs" else result

    def swap(asked: str, result: object) -> object:
        if asked == "eth_getLogs":
            result[1]["data"] = result[0]["data"][:66] + result[1]["data"][66:]
        return result

    for lie in (hide, swap):
        with lying_proxy(chain.running.url, lie) as url:
            rpc = RpcClient(url)
            with pytest.raises(NodeUntrusted, match="leave out|do not lead"):
                sync(rpc, chain.registry.address, 31337, chain.deployment.block)
            rpc.close()


def test_send__a_dead_node__says_so(node, free_port) -> None:
    rpc = RpcClient(f"http://127.0.0.1:{free_port}", sleep=lambda _: None)
    with pytest.raises(NetworkDown, match="connection refused"):
        Sender(rpc, developer_signer(1), node.journal(), 31337).send("pay", PAYMENT)


def test_dead__is_an_environment_fault() -> None:
    assert TransactionDead("x").exit_code == 3
