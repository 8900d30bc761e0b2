"""Merkle tree of an append-only log, inclusion and consistency proofs: RFC 9162, SHA-256.

Libraries exist, but each keeps the leaves in a store of its own; here they lie encrypted in the
archive, and appending may not read them: the *peaks*, roots of the complete subtrees from the left,
are all it needs. The tests hold this against one of those libraries.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

EMPTY = hashlib.sha256(b"").digest()
"""Root of the empty tree."""
MAX_PATH = 64
"""Hashes in a proof about fewer than 2^63 leaves."""


def leaf_hash(leaf: bytes) -> bytes:
    """Hash a leaf."""
    return hashlib.sha256(b"\0" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into their parent."""
    return hashlib.sha256(b"\1" + left + right).digest()


def append(peaks: Sequence[bytes], size: int, leaf: bytes) -> tuple[bytes, ...]:
    """Return the peaks after a leaf hash was appended to ``size`` leaves."""
    grown = list(peaks)
    node = leaf
    while size & 1:
        node = node_hash(grown.pop(), node)
        size >>= 1
    return (*grown, node)


def root_of(peaks: Sequence[bytes]) -> bytes:
    """Return the root of the whole tree."""
    if not peaks:
        return EMPTY
    node = peaks[-1]
    for peak in reversed(peaks[:-1]):
        node = node_hash(peak, node)
    return node


def peaks_of(leaves: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return the peaks over leaf hashes."""
    peaks: tuple[bytes, ...] = ()
    for size, leaf in enumerate(leaves):
        peaks = append(peaks, size, leaf)
    return peaks


def inclusion_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the proof that leaf ``index`` is in the tree over these leaf hashes."""
    if not 0 <= index < len(leaves):
        raise ValueError("there is no such leaf")
    path: list[bytes] = []
    low, high = 0, len(leaves)
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_root(leaves, middle, high))
            high = middle
        else:
            path.append(_root(leaves, low, middle))
            low = middle
    return path[::-1]


def consistency_path(leaves: Sequence[bytes], earlier: int) -> list[bytes]:
    """Return the proof that the first ``earlier`` leaves are unchanged in the whole tree."""
    if not 0 < earlier <= len(leaves):
        raise ValueError("there is no such earlier tree")
    path: list[bytes] = []
    low, high, whole = 0, len(leaves), True
    while earlier != high - low:
        middle = _split(high - low)
        if earlier <= middle:
            path.append(_root(leaves, low + middle, high))
            high = low + middle
        else:
            path.append(_root(leaves, low, low + middle))
            low, earlier, whole = low + middle, earlier - middle, False
    if not whole:
        path.append(_root(leaves, low, high))
    return path[::-1]


def verify_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> bool:
    """Tell whether a leaf hash stands at ``index`` of a tree of ``size`` leaves with this root."""
    if not 0 <= index < size or len(path) > MAX_PATH:
        return False
    place, last, node = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if place & 1 or place == last:
            node = node_hash(sibling, node)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and node == root


def verify_consistency(
    earlier: int, earlier_root: bytes, size: int, root: bytes, path: Sequence[bytes]
) -> bool:
    """Tell whether the tree of ``size`` leaves goes on from the one of ``earlier`` leaves."""
    if not 0 < earlier <= size or len(path) > MAX_PATH:
        return False
    if earlier == size:
        return not path and earlier_root == root
    nodes = list(path)
    if earlier & (earlier - 1) == 0:  # a complete tree is a node of the later one
        nodes.insert(0, earlier_root)
    if not nodes:
        return False
    place, last = earlier - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = node_hash(node, old), node_hash(node, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, node)
        place, last = place >> 1, last >> 1
    return last == 0 and old == earlier_root and new == root


def _split(count: int) -> int:
    """Return the largest power of two below ``count``."""
    return 1 << (count - 1).bit_length() - 1


def _root(leaves: Sequence[bytes], low: int, high: int) -> bytes:
    if high - low == 1:
        return leaves[low]
    middle = low + _split(high - low)
    return node_hash(_root(leaves, low, middle), _root(leaves, middle, high))
