"""A local chain of the benchmark's own, driven without keys and read by receipts."""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mip_cli.chain.deployments import Deployment
from mip_cli.chain.logs import next_time
from mip_cli.chain.rpc import RpcClient, quantity
from mip_cli.chain.values import Call
from mip_cli.config import Settings
from mip_cli.flows import dev
from mip_cli.progress import Silent
from mip_cli.units import Address

PATIENCE = 20.0
"""Seconds a transaction may take to be mined."""
BLOCK_CALLS = 48
"""Calls mined together when many are sent."""


@dataclass(frozen=True)
class DevChain:
    """An anvil with the suite on it."""

    rpc: RpcClient
    settings: Settings
    deployment: Deployment
    folder: Path
    """Private; goes away with the chain."""
    account: Address
    """Unlocked and funded: the node signs for it."""

    def send(self, call: Call, gas: int = 12_000_000) -> int:
        """Send a call, return the gas it used; raise ``RuntimeError`` when it reverts."""
        return self._used(self.rpc.call("eth_sendTransaction", self._transaction(call, gas)))

    def send_many(self, calls: Sequence[Call], gas: int = 600_000) -> None:
        """Send calls in as few blocks as they fit."""
        for start in range(0, len(calls), BLOCK_CALLS):
            self.rpc.call("evm_setAutomine", False)
            some = calls[start : start + BLOCK_CALLS]
            wishes = [("eth_sendTransaction", [self._transaction(call, gas)]) for call in some]
            hashes = self.rpc.batch(wishes)
            self.rpc.call("evm_mine")
            self.rpc.call("evm_setAutomine", True)
            for transaction in hashes:
                self._used(transaction)

    def create(self, code: bytes) -> tuple[Address, int]:
        """Create a contract; return where it is and the gas."""
        wish = {"from": self.account, "data": "0x" + code.hex(), "gas": hex(20_000_000)}
        transaction = self.rpc.call("eth_sendTransaction", wish)
        receipt = self._receipt(transaction)
        return Address(str(receipt["contractAddress"])), quantity(receipt["gasUsed"])

    def next_minute(self) -> None:
        """Let the next block be in another bucket of the root window."""
        self.rpc.call("evm_increaseTime", 61)

    def advance(self, seconds: int) -> None:
        """Let the newest block be that much later."""
        self.rpc.call("evm_increaseTime", seconds)
        self.rpc.call("evm_mine")

    def now(self) -> int:
        """Return the time of the next block."""
        return next_time(self.rpc)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Take back what happens inside."""
        point = self.rpc.call("evm_snapshot")
        yield
        if self.rpc.call("evm_revert", point) is not True:
            raise RuntimeError("the node did not go back to its snapshot")

    def deployments(self) -> dict[str, int]:
        """Return the gas that each contract's creation took."""
        used = []
        for number in range(1, self.rpc.block_number() + 1):
            block = self.rpc.call("eth_getBlockByNumber", hex(number), False)
            used += [self._used(transaction) for transaction in block["transactions"]]
        names = [contract.name for contract in self.deployment.contracts]
        return dict(zip(names, used, strict=True))

    def _transaction(self, call: Call, gas: int) -> dict[str, str]:
        data = "0x" + call.data.hex()
        return {"from": self.account, "to": str(call.to), "data": data, "gas": hex(gas)}

    def _receipt(self, transaction: object) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while (receipt := self.rpc.call("eth_getTransactionReceipt", transaction)) is None:
            if time.monotonic() > end:
                raise RuntimeError(f"transaction {transaction} is not mined")
            time.sleep(0.002)  # anvil mines a moment after it answers
        if quantity(receipt["status"]) != 1:
            raise RuntimeError(f"transaction {transaction} failed")
        return dict(receipt)

    def _used(self, transaction: object) -> int:
        return quantity(self._receipt(transaction)["gasUsed"])


@contextmanager
def fresh_chain(settings: Settings) -> Iterator[DevChain]:
    """Start a chain in a temporary folder, and leave nothing behind."""
    with tempfile.TemporaryDirectory(prefix="mip-bench-") as name:
        folder, port = Path(name), _free_port()
        place = settings.with_flags(
            data_dir=folder / "data" / "mip", rpc_url=f"http://127.0.0.1:{port}"
        )
        try:
            chain = dev.up(place, Silent(), port=port, fresh=True)
            rpc = RpcClient(chain.running.url, timeout=60)
            account = rpc.call("eth_accounts")[0]
            yield DevChain(rpc, place, chain.deployment, folder, Address(str(account)))
            rpc.close()
        finally:
            dev.down(place)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
