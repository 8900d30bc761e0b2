"""Laws of the passport tree: incremental equals rebuilt, and every path leads to the root."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mip_cli.crypto.field import R
from mip_cli.crypto.lean_tree import LeanTree, MerklePath
from mip_cli.crypto.poseidon2 import compress
from tests.property.effort import examples

leaves = st.lists(st.integers(1, R - 1), min_size=1, max_size=24)


def follow(path: MerklePath) -> int:
    node = path.leaf
    for sibling, is_right in zip(path.siblings, path.node_is_right, strict=True):
        node = compress(sibling, node) if is_right else compress(node, sibling)
    return node


@examples(30)
@given(leaves, st.data())
def test_update__equals_rebuilding(values: list[int], data: st.DataObject) -> None:
    tree = LeanTree()
    for value in values:
        tree.append(value)
    index = data.draw(st.integers(0, len(values) - 1))
    fresh = data.draw(st.integers(1, R - 1))
    tree.update(index, fresh)
    assert tree.root == LeanTree([*values[:index], fresh, *values[index + 1 :]]).root


@examples(30)
@given(leaves)
def test_path__leads_to_the_root(values: list[int]) -> None:
    tree = LeanTree(values)
    for index in range(len(values)):
        path = tree.path(index)
        assert follow(path) == tree.root == path.root
        assert len([s for s in tree.siblings(index) if s]) == len(path.siblings)


@examples(20)
@given(leaves, st.integers(1, R - 1))
def test_path__of_another_leaf_leads_elsewhere(values: list[int], other: int) -> None:
    path = LeanTree(values).path(0)
    forged = MerklePath(other, path.root, path.siblings, path.node_is_right)
    assert (follow(forged) == path.root) == (other == values[0])


@pytest.mark.parametrize("bad", [0, R, R + 1, -1])
def test_append__reverts_for_a_leaf_that_is_no_nonzero_element(bad: int) -> None:
    with pytest.raises(ValueError, match="leaf"):
        LeanTree([1]).append(bad)
