"""Puts contracts on a chain at addresses that follow from their code, once, and checks them.

What has been deployed is skipped, so that a run after a kill at any point completes the suite; the
journal keeps a transaction that was on its way from being signed twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mip_cli.chain.create2 import (
    PROXY_COST,
    create2_address,
    create2_call,
    proxy_missing,
    publish_proxy,
)
from mip_cli.chain.faults import NodeRefused, NodeUntrusted
from mip_cli.chain.rpc import RpcClient, call_object, quantity
from mip_cli.chain.tx import Sender
from mip_cli.crypto.binding import keccak256
from mip_cli.errors import ArtifactMismatch, EnvironmentFault
from mip_cli.progress import Progress, Silent
from mip_cli.units import Address

MAX_CODE = 24_576
"""Bytes of runtime code, EIP-170."""
MAX_IMMUTABLES = 96
"""Words that a constructor may append to the compiled code."""
SEARCH_LIMIT = 64
"""Steps of the search for the block of a deployment."""


@dataclass(frozen=True)
class Part:
    """A contract to be deployed."""

    name: str
    """The role it plays."""
    init_code: bytes
    """Creation code with its constructor arguments."""
    runtime: bytes
    """Code that shall stand there, but for the immutables that the constructor appends."""
    compiler: str
    """Name, version and settings of what compiled it."""

    @property
    def address(self) -> Address:
        """Where it goes."""
        return create2_address(self.init_code)


@dataclass(frozen=True)
class Planned:
    """One step that a deployment would take."""

    name: str
    """The contract, or the CREATE2 proxy."""
    address: Address
    """Where it goes."""
    present: bool
    """Whether it stands there already."""
    gas: int | None
    """The node's estimate; None when it depends on an earlier step."""


def plan(rpc: RpcClient, parts: Sequence[Part], payer: Address | None) -> list[Planned]:
    """Say what a deployment would do; sends nothing, needs no key."""
    steps = []
    proxy = not proxy_missing(rpc)
    for part in parts:
        present = bool(rpc.code(part.address))
        if present:
            check_code(part, rpc.code(part.address))
        gas = None if present or not proxy else _estimate(rpc, part, payer)
        steps.append(Planned(part.name, part.address, present, gas))
    return steps


def proxy_cost(rpc: RpcClient) -> int:
    """Return what the CREATE2 proxy will cost in wei; 0 where it stands."""
    return PROXY_COST if proxy_missing(rpc) else 0


def deploy(sender: Sender, parts: Sequence[Part], progress: Progress | None = None) -> int:
    """Deploy what is missing and check all of it; return the number of contracts created."""
    observer = progress or Silent()
    rpc = sender.rpc
    rpc.require_chain(sender.chain_id)
    created = 0
    for number, part in enumerate(parts, 1):
        observer.step(f"checking {part.name}")
        label = f"deploy:{sender.chain_id}:{part.name}:{part.address}"
        sender.settle(label, observer)
        code = rpc.code(part.address)
        if not code:
            publish_proxy(sender, observer)
            observer.step(f"deploying {part.name} ({number} of {len(parts)})")
            sender.send(label, create2_call(part.init_code), observer)
            code = rpc.code(part.address)
            created += 1
        check_code(part, code)
    return created


def check_code(part: Part, code: bytes) -> None:
    """Raise ``NodeUntrusted`` unless the code at its address can come from its creation code.

    The address alone commits to the creation code. This finds a node that shows other code.
    """
    if not code:
        raise EnvironmentFault(
            f"{part.name} is not at {part.address} after its deployment",
            hint="the chain may have re-organised; run the command again",
        )
    tail = len(code) - len(part.runtime)
    if not code.startswith(part.runtime) or tail > 32 * MAX_IMMUTABLES or tail % 32:
        raise NodeUntrusted(
            f"the node shows foreign code at {part.address}, where {part.name} belongs",
            hint="use another node",
        )


def require_size(part: Part) -> None:
    """Raise ``ArtifactMismatch`` for creation code that no chain would take (EIP-3860)."""
    if not part.init_code or len(part.init_code) > 2 * MAX_CODE:
        raise ArtifactMismatch(f"{part.name} has {len(part.init_code)} bytes of creation code")


def deployment_block(rpc: RpcClient, address: Address) -> int:
    """Find the first block with code at an address; an earlier one when the node is pruned."""
    low, high = 0, rpc.block_number()
    for _ in range(SEARCH_LIMIT):
        if low >= high:
            break
        middle = (low + high) // 2
        try:
            code = rpc.call("eth_getCode", address, hex(middle))
        except NodeRefused:
            return low
        if code in ("0x", "0x0", None):
            low = middle + 1
        else:
            high = middle
    return low


def code_hash(code: bytes) -> bytes:
    """Return what a record keeps of a contract's runtime code."""
    return keccak256(code)


def _estimate(rpc: RpcClient, part: Part, payer: Address | None) -> int | None:
    call = create2_call(part.init_code)
    try:
        return quantity(rpc.call("eth_estimateGas", call_object(call.to, call.data, payer)))
    except NodeRefused:
        return None  # its constructor looks at a contract that is not there yet
