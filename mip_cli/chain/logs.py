"""Events of one contract, asked for in bounded ranges and held against what was asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mip_cli.chain.faults import NodeRefused, NodeUntrusted
from mip_cli.chain.rpc import RpcClient, hexbytes, quantity
from mip_cli.chain.values import Log, parse_log
from mip_cli.progress import Progress, Silent
from mip_cli.units import Address

LOG_SPAN = 5000
"""Blocks asked for at once; fewer when the node finds that too much."""


@dataclass(frozen=True)
class Header:
    """What is read of a block."""

    number: int
    """Its height."""
    hash: bytes
    """32 bytes."""
    time: int
    """Unix time."""


def header(rpc: RpcClient, tag: str) -> Header | None:
    """Return a block by its hexadecimal number or a tag; None when the node has none."""
    return _header(rpc.call("eth_getBlockByNumber", tag, False))


def time_of(rpc: RpcClient, tag: str) -> int:
    """Return the Unix time of a block by a tag; ``pending`` has no hash, but a time."""
    block = rpc.call("eth_getBlockByNumber", tag, False)
    if not isinstance(block, dict):
        raise NodeUntrusted(f"{rpc.label} does not show its {tag} block")
    return quantity(block.get("timestamp"))


def next_time(rpc: RpcClient) -> int:
    """Return the time by which the next block will judge, as near as the node tells it."""
    newest = time_of(rpc, "latest")
    try:
        return max(newest, time_of(rpc, "pending"))
    except (NodeRefused, NodeUntrusted):  # some nodes do not have it
        return newest


def headers(rpc: RpcClient, numbers: Sequence[int]) -> dict[int, Header]:
    """Return several blocks by their numbers; raise ``NodeUntrusted`` when one is missing."""
    wanted = sorted(set(numbers))
    calls = [("eth_getBlockByNumber", (hex(number), False)) for number in wanted]
    found = {}
    for number, raw in zip(wanted, rpc.batch(calls) if calls else [], strict=True):
        block = _header(raw)
        if block is None or block.number != number:
            raise NodeUntrusted(f"{rpc.label} does not show block {number}")
        found[number] = block
    return found


def block_at(rpc: RpcClient, first: int, last: int, moment: int) -> int:
    """Return the first block from ``first`` on that is not older than a Unix time, or ``last``."""
    low, high = first, last
    while low < high:
        middle = (low + high) // 2
        if headers(rpc, [middle])[middle].time < moment:
            low = middle + 1
        else:
            high = middle
    return low


def read_logs(
    rpc: RpcClient,
    contract: Address,
    topics: Sequence[Sequence[bytes]],
    first: int,
    last: int,
    progress: Progress | None = None,
) -> list[tuple[int, Log]]:
    """Return a contract's events with their blocks, in the chain's order.

    ``topics`` holds for each position the words that may stand there; none means any. Raises
    ``NodeUntrusted`` for an event that was not asked for.
    """
    observer = progress or Silent()
    result: list[tuple[int, Log]] = []
    at, span = first, LOG_SPAN
    wanted = [["0x" + word.hex() for word in position] or None for position in topics]
    while at <= last:
        end = min(last, at + span - 1)
        request = {
            "address": contract,
            "fromBlock": hex(at),
            "toBlock": hex(end),
            "topics": wanted,
        }
        try:
            raw = rpc.call("eth_getLogs", request)
        except NodeRefused:
            if span == 1:
                raise
            span = max(1, span // 4)
            continue
        result += _ordered(raw, contract, topics, at, end)
        at = end + 1
        observer.advance(at - first, last - first + 1)
    return result


def _ordered(
    raw: object, contract: Address, topics: Sequence[Sequence[bytes]], first: int, last: int
) -> list[tuple[int, Log]]:
    if not isinstance(raw, list):
        raise NodeUntrusted("the node sent something that is not a list of events")
    keyed = []
    for item in raw:
        log = parse_log(item)
        number, position = quantity(item.get("blockNumber")), quantity(item.get("logIndex"))
        asked = log.address == contract and first <= number <= last
        if not asked or not _fits(log, topics) or item.get("removed") is True:
            raise NodeUntrusted("the node sent an event that was not asked for")
        keyed.append((number, position, log))
    keyed.sort(key=lambda entry: entry[:2])
    return [(number, log) for number, _, log in keyed]


def _fits(log: Log, topics: Sequence[Sequence[bytes]]) -> bool:
    if len(log.topics) < len(topics):
        return False
    pairs = zip(log.topics, topics, strict=False)
    return all(not allowed or found in allowed for found, allowed in pairs)


def _header(block: Any) -> Header | None:
    if not isinstance(block, dict):
        return None
    number, time = quantity(block.get("number")), quantity(block.get("timestamp"))
    return Header(number, hexbytes(block.get("hash"), 32), time)
