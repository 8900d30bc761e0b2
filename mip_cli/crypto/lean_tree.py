"""The passport tree: a lean incremental Merkle tree over Poseidon2 width 2.

Source of the shape: Semaphore v4's LeanIMT. A node with two children is ``C2(left, right)``;
a node with only a left child is that child.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mip_cli.crypto.field import require_canonical
from mip_cli.crypto.poseidon2 import compress
from mip_cli.units import TREE_DEPTH


@dataclass(frozen=True)
class MerklePath:
    """The way from a leaf to a root: one step per level that has a sibling."""

    leaf: int
    """The leaf, a field element."""
    root: int
    """The root it leads to."""
    siblings: tuple[int, ...]
    """Sibling nodes from the leaf upward; levels without one are left out."""
    node_is_right: tuple[bool, ...]
    """For each sibling, whether the path's own node is the right operand."""


class LeanTree:
    """An append-and-update Merkle tree kept in memory, level by level."""

    def __init__(self, leaves: Iterable[int] = ()) -> None:
        self._levels: list[list[int]] = [[]]
        self._levels[0] = [self._valid(leaf) for leaf in leaves]
        self._build()

    def __len__(self) -> int:
        return len(self._levels[0])

    @property
    def root(self) -> int:
        """The root, or 0 for an empty tree."""
        return self._levels[-1][0] if self._levels[0] else 0

    @property
    def depth(self) -> int:
        """Levels above the leaves."""
        return len(self._levels) - 1

    @property
    def levels(self) -> Sequence[Sequence[int]]:
        """All nodes, leaves first, root last."""
        return self._levels

    @classmethod
    def from_levels(cls, levels: Sequence[Sequence[int]]) -> LeanTree:
        """Take over the nodes of another tree without hashing them again.

        Checks the shape only; ``path`` users check the hashes. Raises ``ValueError`` otherwise.
        """
        tree = cls()
        expected = len(levels[0]) if levels else 0
        for level in levels:
            if len(level) != expected:
                raise ValueError("the levels are not those of a tree")
            expected = (expected + 1) // 2
        if not levels or (levels[0] and len(levels[-1]) != 1):
            raise ValueError("the levels are not those of a tree")
        tree._levels = [list(level) for level in levels]
        return tree

    def leaf(self, index: int) -> int:
        """Return the leaf at an index."""
        return self._levels[0][index]

    def append(self, leaf: int) -> int:
        """Add a leaf, return its index; raise ``ValueError`` when zero, not canonical or full."""
        index = len(self)
        if index >= 1 << TREE_DEPTH:
            raise ValueError("the tree is full")
        self._levels[0].append(self._valid(leaf))
        self._refresh(index)
        return index

    def update(self, index: int, leaf: int) -> None:
        """Replace the leaf at an index; raise ``IndexError`` when there is none."""
        self._levels[0][index] = self._valid(leaf)
        self._refresh(index)

    def siblings(self, index: int) -> list[int]:
        """Return one sibling per level of the tree, 0 where the level has none."""
        result = []
        for level in self._levels[:-1]:
            other = index ^ 1
            result.append(level[other] if other < len(level) else 0)
            index >>= 1
        return result

    def path(self, index: int) -> MerklePath:
        """Return the membership path of the leaf at an index; raise ``IndexError`` when none."""
        leaf, siblings, sides = self._levels[0][index], [], []
        for level in self._levels[:-1]:
            other = index ^ 1
            if other < len(level):
                siblings.append(level[other])
                sides.append(index & 1 == 1)
            index >>= 1
        return MerklePath(leaf, self.root, tuple(siblings), tuple(sides))

    @staticmethod
    def _valid(leaf: int) -> int:
        if leaf == 0:
            raise ValueError("a leaf must not be zero")
        return require_canonical(leaf, "leaf")

    def _build(self) -> None:
        self._levels = self._levels[:1]
        while len(self._levels[-1]) > 1:
            below = self._levels[-1]
            pairs = range(0, len(below) - 1, 2)
            level = [compress(below[i], below[i + 1]) for i in pairs]
            if len(below) % 2:
                level.append(below[-1])
            self._levels.append(level)

    def _refresh(self, index: int) -> None:
        for height in range(TREE_DEPTH):
            below = self._levels[height]
            if len(below) == 1:
                del self._levels[height + 1 :]
                return
            left = index & ~1
            node = compress(below[left], below[left + 1]) if left + 1 < len(below) else below[left]
            index >>= 1
            if len(self._levels) == height + 1:
                self._levels.append([])
            above = self._levels[height + 1]
            if index < len(above):
                above[index] = node
            else:
                above.append(node)
