"""What became of one passport's leaf, by the registry's events.

Who comes back needs the opening of the leaf that stands there now, and a thief may have put it
there: it cannot come from the key file.
"""

from __future__ import annotations

from dataclasses import dataclass

from mip_cli.chain.abi import address_word, words
from mip_cli.chain.faults import NodeUntrusted
from mip_cli.chain.index import LEAF_EVENTS
from mip_cli.chain.logs import read_logs
from mip_cli.chain.registry import (
    FROZEN,
    REGISTERED,
    UPDATED,
    LeafOpening,
    PassportStatus,
    Registry,
)
from mip_cli.crypto.binding import word
from mip_cli.progress import Progress, Silent
from mip_cli.units import Address, Commitment


@dataclass(frozen=True)
class LeafChange:
    """One event of a passport's leaf."""

    block: int
    """Number of the block it happened in."""
    status: PassportStatus
    """What the passport is since then."""
    epoch: int
    """Its epoch since then."""
    opening: LeafOpening
    """The leaf since then; of a revoked or frozen passport the one that was taken out."""


def leaf_history(
    registry: Registry,
    identity_commitment: Commitment,
    anchor: Address,
    first: int,
    progress: Progress | None = None,
) -> list[LeafChange]:
    """Return every change of a passport's leaf since a block, which is not after its enrolment.

    Raises ``NodeUntrusted`` when the events do not make sense or do not lead to the state that
    the registry holds.
    """
    observer = progress or Silent()
    observer.step("reading the passport's history from the chain")
    last = registry.rpc.block_number()
    topics = [LEAF_EVENTS, (word(identity_commitment),), (address_word(anchor),)]
    changes: list[LeafChange] = []
    for block, log in read_logs(registry.rpc, registry.address, topics, first, last, observer):
        kind = log.topics[0]
        if (kind == REGISTERED) is bool(changes):
            raise NodeUntrusted("the events of this passport do not begin with one enrolment")
        status = PassportStatus.ACTIVE
        if kind == REGISTERED:
            _, keys_root, guardian, leaf = words(log.data, 4)
            epoch = 0
        elif kind == UPDATED:
            _, epoch, keys_root, guardian, leaf = words(log.data, 5)
        else:
            status = PassportStatus.FROZEN if kind == FROZEN else PassportStatus.REVOKED
            epoch = words(log.data, 2)[1]
            changes.append(LeafChange(block, status, epoch, changes[-1].opening))
            continue
        opening = LeafOpening(
            identity_commitment, anchor, Commitment(keys_root), Commitment(guardian)
        )
        if opening.leaf != leaf:
            raise NodeUntrusted("an event of this passport holds another leaf than it opens")
        changes.append(LeafChange(block, status, epoch, opening))
    _compare(registry, identity_commitment, anchor, changes, last)
    return changes


def present_leaf(
    registry: Registry,
    identity_commitment: Commitment,
    anchor: Address,
    first: int,
    progress: Progress | None = None,
) -> LeafOpening | None:
    """Return the opening of a passport's leaf as the chain has it now; None when not enrolled.

    Of a revoked or frozen passport it is the leaf that was taken out.
    """
    changes = leaf_history(registry, identity_commitment, anchor, first, progress)
    return changes[-1].opening if changes else None


def _compare(
    registry: Registry, identity: Commitment, anchor: Address, changes: list[LeafChange], last: int
) -> None:
    record = registry.passport(identity, anchor, hex(last))
    found = (changes[-1].status, changes[-1].epoch) if changes else (PassportStatus.UNKNOWN, 0)
    if found != (record.status, record.epoch):
        raise NodeUntrusted(
            f"the events that {registry.rpc.label} shows do not lead to the passport's state",
            hint="the node hides or invents events, or it is still syncing: use another one",
        )
