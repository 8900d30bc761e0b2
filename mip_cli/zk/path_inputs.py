"""Inputs of the circuit template ``MerkleRoot``: operands and nodes of a path, level by level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mip_cli.crypto.poseidon2 import compress


@dataclass(frozen=True, repr=False)
class PathInputs:
    """One value per level of the circuit; the last node is the root."""

    left: list[int]
    right: list[int]
    node: list[int]

    def __repr__(self) -> str:
        return "PathInputs(<redacted>)"

    def signals(self) -> dict[str, list[int]]:
        """Return the input signals by name, as our circuits call them."""
        return {"pathLeft": self.left, "pathRight": self.right, "pathNode": self.node}


def path_inputs(
    leaf: int, siblings: Sequence[int], node_is_right: Sequence[bool], depth: int
) -> PathInputs:
    """Go up from a leaf; levels above the last sibling pass the node on.

    Raises ``ValueError`` for a path longer than ``depth`` or without its sides.
    """
    if len(siblings) > depth or len(siblings) != len(node_is_right):
        raise ValueError(f"a path has at most {depth} siblings, each with its side")
    current = leaf
    left: list[int] = []
    right: list[int] = []
    node: list[int] = []
    for sibling, is_right in zip(siblings, node_is_right, strict=True):
        pair = (sibling, current) if is_right else (current, sibling)
        current = compress(*pair)
        left.append(pair[0])
        right.append(pair[1])
        node.append(current)
    idle = depth - len(node)
    return PathInputs(left + [current] * idle, right + [0] * idle, node + [current] * idle)
