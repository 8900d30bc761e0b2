"""Transactions that survive crashes, re-orgs and lying nodes.

A transaction is signed once, journalled, then broadcast; afterwards only the very same bytes are
sent again. Another one for the same purpose is signed only when the first is proved dead: its nonce
was used by another transaction and it has no receipt.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

from mip_cli.chain.abi import checksum
from mip_cli.chain.faults import (
    FeeTooHigh,
    FundsMissing,
    NodeRefused,
    NodeUntrusted,
    TransactionDead,
    TransactionPending,
)
from mip_cli.chain.journal import Journal
from mip_cli.chain.keys import Signer
from mip_cli.chain.reverts import is_revert, translate
from mip_cli.chain.rpc import RpcClient, call_object, hexbytes, quantity
from mip_cli.chain.values import Call, Quote, Receipt, parse_log
from mip_cli.config import LOCAL_CHAIN_IDS
from mip_cli.errors import ChainRefusal
from mip_cli.models import Intent, JournalEntry, TransactionState
from mip_cli.progress import Progress, Silent

ETHER = 10**18
"""Wei."""
DEFAULT_FEE_CAP = ETHER // 20
"""Wei that one transaction may cost at most."""
GAS_MARGIN = 20
"""Per cent added to the node's estimate."""
TIMEOUT = 180.0
"""Seconds to wait for a transaction to become final."""
FINAL_AFTER = 3
"""Blocks that make a transaction final on a public chain, its own included."""
DEFAULT_TIP = 10**9
"""Wei per gas for the block builder when the node names none."""
MAX_TIP = 5 * 10**9
"""Wei per gas; nodes name more after a single dear transaction. Twice the base fee, if higher."""
OPEN = (TransactionState.SIGNED, TransactionState.SENT)
"""States of a transaction whose end is not known."""
_KNOWN = ("already known", "known transaction", "already imported", "already exists")
_SPENT = ("nonce too low", "nonce is too low", "nonce too small")


def final_after(chain_id: int) -> int:
    """Return how many blocks make a transaction final on a chain."""
    return 1 if chain_id in LOCAL_CHAIN_IDS else FINAL_AFTER


class Sender:
    """Sends transactions of one account on one chain."""

    def __init__(
        self,
        rpc: RpcClient,
        signer: Signer,
        journal: Journal,
        chain_id: int,
        *,
        fee_cap: int = DEFAULT_FEE_CAP,
        confirmations: int | None = None,
        timeout: float = TIMEOUT,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.rpc = rpc
        self.address = signer.address
        self.chain_id = chain_id
        self._signer = signer
        self._journal = journal
        self._fee_cap = fee_cap
        self._confirmations = final_after(chain_id) if confirmations is None else confirmations
        self._timeout = timeout
        self._clock = clock
        self._sleep = sleep

    def quote(self, call: Call) -> Quote:
        """Estimate gas and fees; raise ``ChainRefusal`` when the call would revert."""
        request = call_object(call.to, call.data, self.address, call.value)
        try:
            estimate = quantity(self.rpc.call("eth_estimateGas", request))
        except NodeRefused as error:
            raise self._explain(error) from None
        block = self._block("latest")
        gas = min(estimate * (100 + GAS_MARGIN) // 100, quantity(block.get("gasLimit")))
        if block.get("baseFeePerGas") is None:
            return Quote(gas, quantity(self.rpc.call("eth_gasPrice")), None)
        try:
            tip = quantity(self.rpc.call("eth_maxPriorityFeePerGas"))
        except NodeRefused:
            tip = DEFAULT_TIP
        base = quantity(block["baseFeePerGas"])
        tip = min(tip, max(MAX_TIP, 2 * base))
        return Quote(gas, 2 * base + tip, tip)

    def send(self, label: str, call: Call, progress: Progress | None = None) -> Receipt:
        """Do a thing once and return its receipt, also when an earlier run began it.

        The label names the thing. Raises ``ChainRefusal`` when the contract refuses,
        ``FeeTooHigh`` and ``FundsMissing`` before anything is signed, ``TransactionPending``
        when it is not final in time: the next call with this label goes on waiting.
        """
        observer = progress or Silent()
        self.rpc.require_chain(self.chain_id)
        for _ in range(4):  # a nonce may be lost to another wallet a few times
            intent = self._claim(label, call, observer)
            try:
                return self._drive(intent)
            except TransactionDead as dead:
                last = dead
        raise last

    def resume(self, progress: Progress | None = None) -> list[Receipt]:
        """Finish every pending transaction of this account; those proved dead are left out."""
        self.rpc.require_chain(self.chain_id)
        receipts = []
        for entry in self._journal.pending(self.chain_id, self.address):
            (progress or Silent()).step(f"resuming {entry.intent.label}")
            try:
                receipts.append(self._drive(entry.intent))
            except (TransactionDead, ChainRefusal):
                continue
        return receipts

    def settle(self, label: str, progress: Progress | None = None) -> None:
        """Finish the open transaction of a label, if an earlier run left one."""
        entry = self._journal.find(label)
        if entry is not None and self._is_ours(entry) and entry.state in OPEN:
            (progress or Silent()).step("resuming a transaction of an earlier run")
            with contextlib.suppress(TransactionDead, ChainRefusal):
                self._drive(entry.intent)

    def receipt(self, tx_hash: bytes) -> Receipt | None:
        """Return the receipt in the chain as it is now; None when there is none.

        Raises ``NodeUntrusted`` when the node's receipt belongs to another transaction.
        """
        raw = self.rpc.call("eth_getTransactionReceipt", "0x" + tx_hash.hex())
        if raw is None:
            return None
        if not isinstance(raw, dict) or hexbytes(raw.get("transactionHash"), 32) != tx_hash:
            raise NodeUntrusted("the node sent the receipt of another transaction")
        number = quantity(raw.get("blockNumber"))
        found = self._block(hex(number), missing_ok=True)
        block_hash = hexbytes(raw.get("blockHash"), 32)
        if not found or hexbytes(found.get("hash"), 32) != block_hash:
            return None  # a re-org is under way
        if "0x" + tx_hash.hex() not in found.get("transactions", ()):
            raise NodeUntrusted("the node sent a receipt for a block without the transaction")
        gas_used = quantity(raw.get("gasUsed"))
        return Receipt(
            tx_hash=tx_hash,
            block=number,
            block_hash=block_hash,
            gas_used=gas_used,
            fee=gas_used * quantity(raw.get("effectiveGasPrice", "0x0")),
            succeeded=quantity(raw.get("status")) == 1,
            logs=tuple(parse_log(item) for item in raw.get("logs", ())),
        )

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Poll until a condition holds; raise ``TransactionPending`` when it takes too long."""
        end = self._clock() + self._timeout
        while not condition():
            if self._clock() > end:
                raise TransactionPending(
                    f"{what} is not there yet", hint="run the same command again later"
                )
            self._sleep(0.2)

    def _claim(self, label: str, call: Call, observer: Progress) -> Intent:
        """Return the transaction of this label, signed now unless one is on its way or done."""
        with self._journal.sending(self.chain_id, self.address):
            entry = self._journal.find(label)
            if entry is None or not self._is_ours(entry) or entry.state is TransactionState.FAILED:
                return self._sign(label, call)
        if entry.state is not TransactionState.CONFIRMED:
            observer.step("resuming a transaction of an earlier run")
        return entry.intent

    def _is_ours(self, entry: JournalEntry) -> bool:
        intent = entry.intent
        return intent.chain_id == self.chain_id and intent.sender == self.address

    def _sign(self, label: str, call: Call) -> Intent:
        quote = self.quote(call)
        if quote.cost > self._fee_cap:
            raise FeeTooHigh(
                f"the transaction may cost {_ether(quote.cost)} ether, "
                f"more than the cap of {_ether(self._fee_cap)}",
                hint="wait for lower fees or raise --fee-cap",
            )
        balance = quantity(self.rpc.call("eth_getBalance", self.address, "latest"))
        if balance < quote.cost + call.value:
            raise FundsMissing(
                f"{self.address} has {_ether(balance)} ether, "
                f"the transaction may need {_ether(quote.cost + call.value)}",
                hint="fund the account, then run the same command again",
            )
        nonce = self._next_nonce()
        fields: dict[str, Any] = {
            "chainId": self.chain_id,
            "nonce": nonce,
            "gas": quote.gas,
            "value": call.value,
            "data": call.data,
        }
        if call.to is not None:
            fields["to"] = checksum(call.to)
        if quote.tip is None:
            fields["gasPrice"] = quote.max_fee
        else:
            fields |= {
                "type": 2,
                "maxFeePerGas": quote.max_fee,
                "maxPriorityFeePerGas": quote.tip,
            }
        raw, tx_hash = self._signer.sign_transaction(fields)
        intent = Intent(label, self.chain_id, self.address, nonce, raw, tx_hash, self._genesis())
        self._journal.begin(intent)
        return intent

    def _next_nonce(self) -> int:
        """Return the first nonce that neither the chain nor the journal has given away."""
        nonce = self._nonce("pending")
        mined = self._nonce("latest")
        for entry in self._journal.pending(self.chain_id, self.address):
            if self._restarted(entry.intent) or entry.intent.nonce < mined:
                continue  # the latter are final or dead; their own label finds out which
            if self._unknown(entry.intent):
                self._broadcast(entry.intent)
            nonce = max(nonce, entry.intent.nonce + 1)
        return nonce

    def _restarted(self, intent: Intent) -> bool:
        """Drop an intent of a local chain that was started afresh since; tell whether it was."""
        if not intent.genesis or intent.genesis == self._genesis():
            return False
        self._journal.mark_failed(intent.tx_hash, "the local chain was started afresh")
        return True

    def _genesis(self) -> bytes:
        if self.chain_id not in LOCAL_CHAIN_IDS:
            return b""
        return hexbytes(self._block("0x0").get("hash"), 32)

    def _drive(self, intent: Intent) -> Receipt:
        """Bring a signed transaction to its end, broadcasting its bytes as often as needed."""
        end = self._clock() + self._timeout
        pause = 0.02
        while True:
            taken = self._nonce_taken(intent)
            receipt = self.receipt(intent.tx_hash)
            if receipt is not None:
                if self.rpc.block_number() - receipt.block + 1 >= self._confirmations:
                    return self._conclude(intent, receipt)
            elif taken:
                if self._restarted(intent):
                    raise TransactionDead("the local chain was started afresh")
                self._journal.mark_failed(intent.tx_hash, "another transaction took its nonce")
                raise TransactionDead(
                    f"another transaction of {self.address} took nonce {intent.nonce}",
                    hint="do not use the account elsewhere meanwhile; run the command again",
                )
            elif self._unknown(intent):
                if self._restarted(intent):
                    raise TransactionDead("the local chain was started afresh")
                self._broadcast(intent)
            if self._clock() > end:
                raise TransactionPending(
                    f"transaction 0x{intent.tx_hash.hex()} is sent but not final yet",
                    hint="run the same command again: it goes on waiting, nothing is sent twice",
                )
            self._sleep(pause)
            pause = min(2 * pause, 2.0)

    def _conclude(self, intent: Intent, receipt: Receipt) -> Receipt:
        if receipt.succeeded:
            self._journal.mark_confirmed(intent.tx_hash, receipt.block)
            return receipt
        error = self._replay(intent, receipt.block)
        self._journal.mark_failed(intent.tx_hash, error.reason or error.message)
        raise error

    def _replay(self, intent: Intent, block: int) -> ChainRefusal:
        """Run a reverted transaction again, on the state before its block, to hear the reason."""
        raw = self.rpc.call("eth_getTransactionByHash", "0x" + intent.tx_hash.hex())
        if isinstance(raw, dict):
            keys = ("from", "to", "value", "gas")
            request = {key: raw[key] for key in keys if raw.get(key) is not None}
            request["data"] = raw.get("input", "0x")
            for tag in (hex(block - 1), hex(block)):
                try:
                    self.rpc.call("eth_call", request, tag)
                except NodeRefused as error:
                    found = translate(error)
                    if isinstance(found, ChainRefusal):
                        return found
        return ChainRefusal(
            f"transaction 0x{intent.tx_hash.hex()} reverted in block {block}",
            hint="something changed between the estimate and the block; try again",
        )

    def _broadcast(self, intent: Intent) -> None:
        try:
            answer = self.rpc.call("eth_sendRawTransaction", "0x" + intent.raw.hex())
        except NodeRefused as error:
            message = error.message.lower()
            if any(word in message for word in _SPENT):
                return  # the next look at the chain tells by whom
            if not any(word in message for word in _KNOWN):
                found = self._explain(error)
                if isinstance(found, ChainRefusal):
                    return  # Hardhat reports the revert of a transaction that it mined
                raise found from None
        else:
            if hexbytes(answer, 32) != intent.tx_hash:
                raise NodeUntrusted(
                    "the node reports another transaction than the one that was signed",
                    hint="use another node; run the command again to follow the transaction",
                )
        self._journal.mark_sent(intent.tx_hash)

    def _explain(self, error: NodeRefused) -> Exception:
        if not is_revert(error) and "insufficient funds" in error.message.lower():
            return FundsMissing(
                f"{self.address} cannot pay for the transaction",
                hint="fund the account, then run the same command again",
            )
        return translate(error)

    def _nonce_taken(self, intent: Intent) -> bool:
        """Tell whether a final block holds a transaction with this nonce."""
        if self._nonce("latest") <= intent.nonce:
            return False
        if self._confirmations <= 1:
            return True
        depth = max(0, self.rpc.block_number() - self._confirmations + 1)
        return self._nonce(hex(depth)) > intent.nonce

    def _nonce(self, tag: str) -> int:
        return quantity(self.rpc.call("eth_getTransactionCount", self.address, tag))

    def _unknown(self, intent: Intent) -> bool:
        return self.rpc.call("eth_getTransactionByHash", "0x" + intent.tx_hash.hex()) is None

    def _block(self, tag: str, *, missing_ok: bool = False) -> dict[str, Any]:
        block = self.rpc.call("eth_getBlockByNumber", tag, False)
        if block is None and missing_ok:
            return {}
        if not isinstance(block, dict):
            raise NodeUntrusted("the node sent something that is not a block")
        return block


def _ether(wei: int) -> str:
    return f"{wei / ETHER:.6f}".rstrip("0").rstrip(".")
