"""What goes to a chain and what comes back."""

from __future__ import annotations

from dataclasses import dataclass

from mip_cli.chain.abi import checksum
from mip_cli.chain.faults import NodeUntrusted
from mip_cli.chain.rpc import hexbytes
from mip_cli.units import Address


@dataclass(frozen=True)
class Call:
    """What to do on chain."""

    to: Address | None
    """The contract, None to create one."""
    data: bytes
    """Calldata, or init code."""
    value: int = 0
    """Wei."""


@dataclass(frozen=True)
class Quote:
    """What a transaction may cost."""

    gas: int
    """Gas limit, margin included."""
    max_fee: int
    """Wei per gas at most."""
    tip: int | None
    """Wei per gas for the block builder; None on a chain without EIP-1559."""

    @property
    def cost(self) -> int:
        """Wei at most, without the value sent."""
        return self.gas * self.max_fee


@dataclass(frozen=True)
class Log:
    """One event of a receipt."""

    address: Address
    """The contract that emitted it."""
    topics: tuple[bytes, ...]
    """Indexed words, the event's own hash first."""
    data: bytes
    """The other arguments."""


@dataclass(frozen=True)
class Receipt:
    """A transaction in a block."""

    tx_hash: bytes
    """32 bytes, computed here."""
    block: int
    """Block number."""
    block_hash: bytes
    """32 bytes."""
    gas_used: int
    """Gas."""
    fee: int
    """Wei paid."""
    succeeded: bool
    """False when it reverted."""
    logs: tuple[Log, ...]
    """Its events."""


def parse_log(item: object) -> Log:
    """Read an event; raise ``NodeUntrusted`` when it is none."""
    if not isinstance(item, dict) or not isinstance(item.get("topics"), list):
        raise NodeUntrusted("the node sent something that is not an event")
    return Log(
        address=checksum(hexbytes(item.get("address"), 20)),
        topics=tuple(hexbytes(topic, 32) for topic in item["topics"]),
        data=hexbytes(item.get("data")),
    )
