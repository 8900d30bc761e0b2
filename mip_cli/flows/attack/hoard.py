"""What anybody can keep: every block that a store ever held, every transaction and its events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mip_cli.chain.abi import checksum
from mip_cli.chain.logs import time_of
from mip_cli.chain.rpc import RpcClient, hexbytes, quantity
from mip_cli.chain.values import Log, parse_log
from mip_cli.crypto import cid
from mip_cli.crypto.archive_blocks import MAX_BLOCK
from mip_cli.crypto.cid import Link
from mip_cli.store import files
from mip_cli.units import Address

SELECTOR = 4
WORD = 32


@dataclass(frozen=True)
class Transaction:
    """A transaction as every node shows it."""

    sender: Address
    to: Address | None
    data: bytes
    block: int
    time: int
    """Unix time of its block."""
    logs: tuple[Log, ...]

    @property
    def arguments(self) -> list[bytes]:
        """The words of its calldata."""
        return _words(self.data[SELECTOR:])

    @property
    def words(self) -> list[bytes]:
        """Every word it makes public: arguments, topics and data of events, its accounts."""
        found = [*self.arguments, bytes(12) + bytes.fromhex(self.sender[2:])]
        for log in self.logs:
            found += [*log.topics, *_words(log.data)]
        return found


@dataclass
class Hoard:
    """Grows while the story is played; nothing in it is secret."""

    folder: Path
    """The store's folder."""
    blocks: dict[Link, bytes] = field(default_factory=dict)
    """Every block that ever lay there."""
    moments: dict[str, frozenset[Link]] = field(default_factory=dict)
    """What lay there at the moments that have a name."""
    transactions: list[Transaction] = field(default_factory=list)
    """In the chain's order."""

    def watch(self, moment: str) -> None:
        """Copy what lies in the store now."""
        present = {}
        for file in self.folder.rglob("b*"):
            if file.is_file() and not file.suffix:
                data = files.read_bounded(file, MAX_BLOCK, what="block", follow_symlinks=False)
                present[cid.parse(file.name)] = data
        self.blocks |= present
        self.moments[moment] = frozenset(present)

    def at(self, moment: str) -> dict[Link, bytes]:
        """Return the blocks of a moment."""
        return {link: self.blocks[link] for link in self.moments[moment]}

    def read_chain(self, rpc: RpcClient, first: int) -> None:
        """Read every transaction from a block on."""
        known = {(t.block, t.data) for t in self.transactions}
        for number in range(first, rpc.block_number() + 1):
            for found in transactions(rpc, number):
                if (found.block, found.data) not in known:
                    self.transactions.append(found)

    def about(self, value: int) -> list[Transaction]:
        """Return the transactions in which a value stands."""
        wanted = value.to_bytes(WORD, "big")
        return [found for found in self.transactions if wanted in found.words]


def transactions(rpc: RpcClient, number: int) -> Iterator[Transaction]:
    """Yield the transactions of a block with their events."""
    block = rpc.call("eth_getBlockByNumber", hex(number), True)
    time = time_of(rpc, hex(number))
    for raw in block["transactions"]:
        receipt = rpc.call("eth_getTransactionReceipt", raw["hash"])
        yield _transaction(raw, receipt, quantity(raw["blockNumber"]), time)


def put_in_place(folder: Path, blocks: Mapping[Link, bytes]) -> None:
    """Make a folder hold these blocks and no others, as whoever runs the store can."""
    files.ensure_private_dir(folder)
    for file in list(folder.rglob("b*")):
        if file.is_file():
            file.unlink()
    for link, data in blocks.items():
        name = cid.text(link)
        target = folder / name[-2:] / name
        target.parent.mkdir(mode=files.PRIVATE_DIR, exist_ok=True)
        target.write_bytes(data)


def _transaction(raw: Any, receipt: Any, block: int, time: int) -> Transaction:
    return Transaction(
        sender=checksum(hexbytes(raw["from"], 20)),
        to=None if raw.get("to") is None else checksum(hexbytes(raw["to"], 20)),
        data=hexbytes(raw["input"]),
        block=block,
        time=time,
        logs=tuple(parse_log(log) for log in receipt["logs"]),
    )


def _words(data: bytes) -> list[bytes]:
    return [data[at : at + WORD] for at in range(0, len(data) - WORD + 1, WORD)]


def flip(data: bytes) -> bytes:
    """Return data with its last bit changed."""
    return data[:-1] + bytes([data[-1] ^ 1])


def join(words: Sequence[bytes], head: bytes) -> bytes:
    """Write calldata anew."""
    return head + b"".join(words)
