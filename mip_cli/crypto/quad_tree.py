"""Sparse trees of C4 with four children a node and a fixed number of levels; protocol section 20.

An empty place is 0, and so is a node without members below: a tree costs what its members cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mip_cli.crypto.field import is_canonical
from mip_cli.crypto.poseidon2 import compress

CHILDREN = 4

Family = tuple[int, int, int, int]
"""The four children of a node."""


@dataclass(frozen=True)
class QuadPath:
    """What stands beside a place, from the leaf upward."""

    position: int
    """Number of the place."""
    children: tuple[Family, ...]
    """Per level the operands of the hash."""
    nodes: tuple[int, ...]
    """Per level what goes up: the hash, or 0 where all four are empty."""
    root: int


class QuadTree:
    """A tree of some members; adding one costs a hash a level, or less for many at once."""

    def __init__(self, levels: int, leaves: Mapping[int, int] | None = None) -> None:
        self.levels = levels
        self._nodes: list[dict[int, int]] = [{} for _ in range(levels + 1)]
        self.update(leaves or {})

    @property
    def root(self) -> int:
        """The top node, 0 without members."""
        return self._nodes[-1].get(0, 0)

    def update(self, leaves: Mapping[int, int]) -> None:
        """Put leaves, 0 for none, into places; raise ``ValueError`` for what does not fit."""
        for position, leaf in leaves.items():
            if not (0 <= position < CHILDREN**self.levels and is_canonical(leaf)):
                raise ValueError("a place or a leaf does not fit into the tree")
        dirty = set()
        for position, leaf in leaves.items():
            self._put(0, position, leaf)
            dirty.add(position // CHILDREN)
        for level in range(self.levels):
            for index in dirty:
                self._put(level + 1, index, _parent(self._family(level, index)))
            dirty = {index // CHILDREN for index in dirty}

    def leaf(self, position: int) -> int:
        """Return what stands at a place."""
        return self._nodes[0].get(position, 0)

    def path(self, position: int) -> QuadPath:
        """Return the way from a place, taken or empty, to the root."""
        if not 0 <= position < CHILDREN**self.levels:
            raise ValueError("the tree has no such place")
        children, nodes, index = [], [], position
        for level in range(self.levels):
            index //= CHILDREN
            children.append(self._family(level, index))
            nodes.append(self._nodes[level + 1].get(index, 0))
        return QuadPath(position, tuple(children), tuple(nodes), self.root)

    def _family(self, level: int, index: int) -> Family:
        row, first = self._nodes[level], CHILDREN * index
        return (
            row.get(first, 0),
            row.get(first + 1, 0),
            row.get(first + 2, 0),
            row.get(first + 3, 0),
        )

    def _put(self, level: int, index: int, value: int) -> None:
        if value:
            self._nodes[level][index] = value
        else:
            self._nodes[level].pop(index, None)


def _parent(family: Family) -> int:
    return compress(*family) if any(family) else 0
