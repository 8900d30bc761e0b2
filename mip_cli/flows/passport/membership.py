"""Where a passport stands in the registry's tree, and which root to prove it under.

A root that is replaced within its own minute is refused at once; the last root of a minute lives
on. So while the current root is of the running minute, anybody could make it worthless with one
enrolment, and the newest root that closed a minute is the better one.
"""

from __future__ import annotations

from mip_cli.chain.index import TreeIndex
from mip_cli.chain.registry import PassportRecord, PassportStatus, closed_this_minute
from mip_cli.chain.rpc import quantity
from mip_cli.config import Settings
from mip_cli.crypto.lean_tree import MerklePath
from mip_cli.errors import NetworkDown, UsageFault
from mip_cli.flows import connection
from mip_cli.flows.connection import Connection
from mip_cli.progress import Progress

MIN_LIFE = 60
"""Seconds that a root must still live to be worth a proof."""


def path(
    settings: Settings, link: Connection, leaf: int, progress: Progress, *, newest: bool
) -> MerklePath:
    """Return the way from a leaf to a root that lasts; to the very newest root if ``newest``.

    Raises ``UsageFault`` when the registry does not hold the leaf.
    """
    tree = connection.tree(settings, link, progress)
    require_member(tree, leaf)
    if not newest and (lasting := _lasting(settings, link, tree, leaf, always=False)) is not None:
        tree = lasting
    return tree.path(require_member(tree, leaf), leaf)


def lasting_path(settings: Settings, link: Connection, leaf: int, progress: Progress) -> MerklePath:
    """Return the way to the newest root that closed a minute; raise ``NetworkDown`` without one."""
    tree = connection.tree(settings, link, progress)
    lasting = _lasting(settings, link, tree, leaf, always=True)
    if lasting is None:
        raise NetworkDown(
            "the registry's tree changes faster than a proof is made",
            hint="run the same command again in a minute",
        )
    return lasting.path(require_member(lasting, leaf), leaf)


def require_member(tree: TreeIndex, leaf: int) -> int:
    """Return the position of a leaf; raise ``UsageFault`` when the tree does not hold it."""
    index = tree.find(leaf)
    if index is None:
        raise UsageFault(
            "the registry does not hold this passport with these keys",
            hint="they were replaced elsewhere, as by a recovery; or a re-org or a lying node lost "
            "the enrolment: run `mip enroll` again, the same way",
        )
    return index


def require_active(record: PassportRecord, name: str) -> None:
    """Raise ``UsageFault`` unless the registry holds a passport as active."""
    match record.status:
        case PassportStatus.ACTIVE:
            return
        case PassportStatus.UNKNOWN:
            raise UsageFault(
                f"the passport {name} is not enrolled yet",
                hint="finish with `mip enroll`, the same way it was begun",
            )
        case PassportStatus.REVOKED | PassportStatus.FROZEN:
            raise UsageFault(
                f"the passport {name} is {record.status.name.lower()}",
                hint="only a quorum of its guardians brings it back: `mip recover`",
            )


def _lasting(
    settings: Settings, link: Connection, tree: TreeIndex, leaf: int, *, always: bool
) -> TreeIndex | None:
    closing = link.registry.accepted_roots()[1:]  # newest first, the current one left out
    now = _next_block_time(link)
    if not closing or not (always or closed_this_minute(closing[0], now)):
        return None
    for accepted in closing:
        if accepted.until - now < MIN_LIFE:
            continue
        found = connection.earlier_tree(settings, link, tree, accepted.root)
        if found is not None and found.find(leaf) is not None:
            return found
    return None


def _next_block_time(link: Connection) -> int:
    for tag in ("pending", "latest"):
        block = link.rpc.call("eth_getBlockByNumber", tag, False)
        if isinstance(block, dict):
            return quantity(block.get("timestamp"))
    raise NetworkDown("the node shows no block", hint="try again, or use another node")
