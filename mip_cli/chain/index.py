"""The passport tree, rebuilt from the registry's events and checked against its root.

A cache spares the hashing: it holds every node at a block too deep for re-orgs. What came later is
read again each time, so that a re-org costs nothing but the blocks that it replaced. A cache from
another chain, or one that a deeper re-org made wrong, is dropped and rebuilt.
"""

from __future__ import annotations

import dataclasses
import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from mip_cli.chain.faults import NodeRefused, NodeUntrusted
from mip_cli.chain.logs import Header, header, read_logs
from mip_cli.chain.registry import FROZEN, REGISTERED, REVOKED, UPDATED, Registry
from mip_cli.chain.rpc import RpcClient
from mip_cli.chain.values import Log
from mip_cli.crypto.binding import frozen_leaf, revoked_leaf
from mip_cli.crypto.lean_tree import LeanTree, MerklePath
from mip_cli.crypto.poseidon2 import compress
from mip_cli.progress import Progress, Silent
from mip_cli.units import TREE_DEPTH, Address

SAFE_DEPTH = 32
"""Blocks between the newest and the one whose tree is cached."""
ATTEMPTS = 3
"""Tries when the chain moves while it is read."""
EARLIER_LIMIT = 256
"""Enrolments that are undone at most to find an earlier root."""
SAVE_EVERY = 2000
"""Blocks without events after which the cache is moved on all the same."""
LEAF_EVENTS = (REGISTERED, UPDATED, REVOKED, FROZEN)
"""Events that put a leaf into the tree."""
_MAGIC = b"mip.tree/2\n"
_HEAD = struct.Struct(">Q20sQQ32sI")


@dataclass(frozen=True)
class TreeIndex:
    """The tree at one block."""

    chain_id: int
    """EIP-155 chain id."""
    registry: Address
    """The registry it belongs to."""
    start: int
    """Block from which events were read."""
    block: int
    """Block whose state this is."""
    block_hash: bytes
    """Its hash."""
    tree: LeanTree
    """All nodes."""

    def find(self, leaf: int) -> int | None:
        """Return the position of a leaf, None when the tree does not hold it."""
        try:
            return self.tree.levels[0].index(leaf)
        except ValueError:
            return None

    def path(self, index: int, leaf: int) -> MerklePath:
        """Return the path of a leaf at a position, every hash of it computed anew.

        Raises ``NodeUntrusted`` when another leaf is there or the nodes do not fit together.
        """
        if not 0 <= index < len(self.tree) or self.tree.leaf(index) != leaf:
            raise NodeUntrusted(
                "the registry holds another leaf for this passport",
                hint="were the keys replaced from another device?",
            )
        path = self.tree.path(index)
        node = leaf
        for sibling, right in zip(path.siblings, path.node_is_right, strict=True):
            node = compress(sibling, node) if right else compress(node, sibling)
        if node != path.root:
            raise NodeUntrusted("the cached tree is damaged", hint="delete the cache, then retry")
        return path

    def earlier(self, root: int, limit: int = EARLIER_LIMIT) -> TreeIndex | None:
        """Return the tree as it was when a root was current, None when it cannot be found.

        While many enrol, the current root may be refused a block later; the registry's newest
        closing root (``Registry.accepted_roots``) is not. Only enrolments are undone, ``limit`` of
        them at most: a replacement or revocation since then hides the earlier tree.
        """
        for size in range(len(self.tree), max(0, len(self.tree) - limit - 1), -1):
            levels = _prefix(self.tree.levels, size)
            if levels[-1] == [root]:
                return dataclasses.replace(self, tree=LeanTree.from_levels(levels))
        return None

    def update_siblings(self, index: int) -> list[int]:
        """Return what the registry takes to replace a leaf: the path inside the leaf's own peak.

        In the largest peak the path goes on to the root, which spares the contract the folding.
        Both kinds of path stay good while others enrol.
        """
        size, start = len(self.tree), 0
        if not 0 <= index < size:
            raise IndexError("no such leaf")
        path = self.tree.siblings(index)
        for height in range(TREE_DEPTH, -1, -1):
            if size >> height & 1:
                if index < start + (1 << height):
                    return path[:height] if start else path
                start += 1 << height
        raise AssertionError("unreachable")

    def to_bytes(self) -> bytes:
        """Write the cache file; it holds public data only."""
        levels = self.tree.levels
        head = _HEAD.pack(
            self.chain_id,
            bytes.fromhex(self.registry[2:]),
            self.start,
            self.block,
            self.block_hash,
            len(self.tree),
        )
        body = b"".join(node.to_bytes(32, "big") for level in levels for node in level)
        data = _MAGIC + head + body
        return data + hashlib.sha256(data).digest()


def _prefix(levels: Sequence[Sequence[int]], size: int) -> list[list[int]]:
    """Return the levels of the tree of the first leaves; hashes one node per level at most."""
    result: list[list[int]] = []
    carry: int | None = None  # the node on the right edge whose subtree is not complete
    for level in levels:
        complete = size >> len(result)
        nodes = [*level[:complete], *([] if carry is None else [carry])]
        result.append(nodes)
        if len(nodes) == 1:
            break
        if complete % 2:
            carry = nodes[-1] if carry is None else compress(nodes[-2], carry)
    return result


def parse_index(data: bytes, chain_id: int, registry: Address, start: int) -> TreeIndex | None:
    """Read a cache file; None when it is damaged or belongs elsewhere."""
    offset = len(_MAGIC) + _HEAD.size
    if len(data) < offset + 32 or not data.startswith(_MAGIC):
        return None
    if hashlib.sha256(data[:-32]).digest() != data[-32:]:
        return None
    found = _HEAD.unpack_from(data, len(_MAGIC))
    if found[0] != chain_id or found[1] != bytes.fromhex(registry[2:]) or found[2] != start:
        return None
    nodes = [int.from_bytes(data[i : i + 32], "big") for i in range(offset, len(data) - 32, 32)]
    levels, width, at = [], found[5], 0
    while True:
        levels.append(nodes[at : at + width])
        at += width
        if width <= 1:
            break
        width = (width + 1) // 2
    try:
        tree = LeanTree.from_levels(levels)
    except ValueError:
        return None
    return TreeIndex(chain_id, registry, start, found[3], found[4], tree)


def sync(
    rpc: RpcClient,
    registry: Address,
    chain_id: int,
    start: int,
    cache: bytes | None = None,
    progress: Progress | None = None,
) -> tuple[TreeIndex, bytes | None]:
    """Return the tree as of the newest block, and the cache file to write, None to leave it.

    Raises ``NodeUntrusted`` when the events do not lead to the registry's root: then the node
    hides or invents passports.
    """
    observer = progress or Silent()
    for attempt in range(ATTEMPTS):
        cached = parse_index(cache, chain_id, registry, start) if cache else None
        head = header(rpc, "latest")
        if head is None:
            break
        if cached and not _is_on_chain(rpc, cached):
            cached = None
        try:
            result = _read(rpc, registry, chain_id, start, cached, head, observer)
            root = Registry(rpc, registry).root(hex(result[0].block))
        except NodeRefused:
            if attempt == ATTEMPTS - 1:
                raise
            continue
        if root == result[0].tree.root and _is_on_chain(rpc, result[0]):
            return result
        cache = None
    raise NodeUntrusted(
        f"the events that {rpc.label} shows do not lead to the registry's root",
        hint="the node hides or invents passports, or it is still syncing: use another one",
    )


def replay(
    rpc: RpcClient, now: TreeIndex, root: int, cache: bytes | None = None
) -> TreeIndex | None:
    """Return the tree as it was when a root was current, None when it never was.

    Undoes enrolments where that is enough, else applies the registry's events one by one: first
    on the cached tree, then from the beginning (a millisecond an event).
    """
    if (found := now.earlier(root)) is not None:
        return found
    cached = parse_index(cache, now.chain_id, now.registry, now.start) if cache else None
    bases = [(LeanTree(), now.start)]
    if cached is not None and _is_on_chain(rpc, cached):
        bases.insert(0, (cached.tree, cached.block + 1))
    for tree, first in bases:
        if tree.root == root:
            return dataclasses.replace(now, tree=tree)
        for _, log in _logs(rpc, now.registry, first, now.block, Silent()):
            appended, index, leaf = _change(log)
            if appended:
                tree.append(leaf)
            else:
                tree.update(index, leaf)
            if tree.root == root:
                return dataclasses.replace(now, tree=tree)
    return None


def _read(
    rpc: RpcClient,
    registry: Address,
    chain_id: int,
    start: int,
    cached: TreeIndex | None,
    head: Header,
    progress: Progress,
) -> tuple[TreeIndex, bytes | None]:
    top = head.number
    base, saved, first = LeanTree(), None, start
    if cached is not None and cached.block <= top:
        base, first = cached.tree, cached.block + 1
    logs = list(_logs(rpc, registry, first, top, progress)) if first <= top else []
    safe = top - SAFE_DEPTH
    if safe >= first:
        old = [log for number, log in logs if number <= safe]
        logs = [(number, log) for number, log in logs if number > safe]
        base = _apply(base, old, progress)
        if old or safe - first >= SAVE_EVERY or cached is None:
            block = header(rpc, hex(safe))
            if block is not None:
                index = TreeIndex(chain_id, registry, start, block.number, block.hash, base)
                saved = index.to_bytes()
    tree = _apply(base, [log for _, log in logs], progress)
    return TreeIndex(chain_id, registry, start, top, head.hash, tree), saved


def _apply(tree: LeanTree, logs: Sequence[Log], progress: Progress) -> LeanTree:
    """Return the tree after some events; hashes as little as possible."""
    if not logs:
        return tree
    progress.step("computing the passport tree")
    changes = [_change(log) for log in logs]
    leaves = list(tree.levels[0])
    rebuild = len(changes) * max(1, tree.depth) > len(leaves)
    try:
        for appended, index, leaf in changes:
            if index != len(leaves) if appended else index >= len(leaves):
                raise NodeUntrusted("the registry's events leave out a passport")
            if appended:
                leaves.append(leaf)
            else:
                leaves[index] = leaf
            if rebuild:
                continue
            if appended:
                tree.append(leaf)
            else:
                tree.update(index, leaf)
        return LeanTree(leaves) if rebuild else tree
    except ValueError:
        raise NodeUntrusted("the registry's events hold an impossible leaf") from None


def _change(log: Log) -> tuple[bool, int, int]:
    """Return whether an event appends, the position and the new leaf."""
    values = [int.from_bytes(log.data[i : i + 32], "big") for i in range(0, len(log.data), 32)]
    match (log.topics[0] if log.topics else b"", values):
        case (kind, [index, _, _, leaf]) if kind == REGISTERED:
            return True, index, leaf
        case (kind, [index, _, _, _, leaf]) if kind == UPDATED:
            return False, index, leaf
        case (kind, [index, _]) if kind == REVOKED:
            return False, index, revoked_leaf()
        case (kind, [index, _]) if kind == FROZEN:
            return False, index, frozen_leaf()
    raise NodeUntrusted("the node sent an event that the registry does not have")


def _logs(
    rpc: RpcClient, registry: Address, first: int, last: int, progress: Progress
) -> list[tuple[int, Log]]:
    progress.step("reading passports from the chain")
    return read_logs(rpc, registry, [LEAF_EVENTS], first, last, progress)


def _is_on_chain(rpc: RpcClient, index: TreeIndex) -> bool:
    found = header(rpc, hex(index.block))
    return found is not None and (found.number, found.hash) == (index.block, index.block_hash)
