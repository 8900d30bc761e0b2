"""The tree at an earlier root, and its cache file, without a chain."""

from __future__ import annotations

import pytest

from mip_cli.chain.index import TreeIndex, parse_index
from mip_cli.crypto import lean_tree
from mip_cli.crypto.lean_tree import LeanTree
from mip_cli.crypto.poseidon2 import compress
from mip_cli.units import Address

REGISTRY = Address("0x5FbDB2315678afecb367f032d93F642f64180aa3")


def index_of(count: int) -> TreeIndex:
    return TreeIndex(31337, REGISTRY, 3, 99, b"\x07" * 32, LeanTree(range(1, count + 1)))


@pytest.mark.thorough
@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13, 21])
def test_earlier__every_earlier_tree_is_found(count: int) -> None:
    index = index_of(count)
    for size in range(1, count + 1):
        expected = LeanTree(range(1, size + 1))
        found = index.earlier(expected.root)
        assert found is not None
        assert found.tree.levels == expected.levels
        assert found.path(0, 1).root == expected.root
    assert index.tree.levels == LeanTree(range(1, count + 1)).levels


def test_earlier__after_a_replacement__gives_none() -> None:
    index = index_of(9)
    before = LeanTree(range(1, 6)).root
    index.tree.update(2, 77)
    assert index.earlier(before) is None
    assert index.earlier(index.tree.root).tree.levels == index.tree.levels


def test_earlier__beyond_the_limit__gives_none() -> None:
    index = index_of(9)
    root = LeanTree(range(1, 6)).root
    assert index.earlier(root, limit=4) is not None
    assert index.earlier(root, limit=3) is None


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 8, 13])
def test_update_siblings__lead_to_the_peak_and_from_the_largest_to_the_root(size: int) -> None:
    index = index_of(size)
    largest = 1 << size.bit_length() - 1
    for position in range(size):
        found = index.update_siblings(position)
        assert 0 not in found
        assert found == index.tree.siblings(position)[: len(found)]
        height = (position ^ size).bit_length() - 1
        to_root = position < largest < size
        assert len(found) == height + to_root
        node = index.tree.leaf(position)
        for level, sibling in enumerate(found[:height]):
            right = position >> level & 1
            node = compress(sibling, node) if right else compress(node, sibling)
        assert node == index.tree.levels[height][position >> height]
        if to_root:
            assert compress(node, found[-1]) == index.tree.root
    with pytest.raises(IndexError):
        index.update_siblings(size)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 64])
def test_cache_file__round_trip(count: int) -> None:
    index = index_of(count)
    found = parse_index(index.to_bytes(), 31337, REGISTRY, 3)
    assert found is not None
    assert found.tree.levels == index.tree.levels
    assert (found.block, found.block_hash) == (99, b"\x07" * 32)


@pytest.mark.parametrize("position", [0, 20, 60, 100, -1])
def test_cache_file__one_changed_byte__gives_none(position: int) -> None:
    data = bytearray(index_of(5).to_bytes())
    data[position] ^= 1
    assert parse_index(bytes(data), 31337, REGISTRY, 3) is None


def test_cache_file__of_another_registry_or_start__gives_none() -> None:
    data = index_of(5).to_bytes()
    other = Address("0x" + "11" * 20)
    assert parse_index(data, 31337, other, 3) is None
    assert parse_index(data, 31337, REGISTRY, 4) is None
    assert parse_index(b"", 31337, REGISTRY, 3) is None


def test_cache_file__of_many_members__is_not_hashed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    width, levels = 10_000, []
    while True:
        levels.append([1] * width)
        if width == 1:
            break
        width = (width + 1) // 2
    index = TreeIndex(31337, REGISTRY, 3, 99, bytes(32), LeanTree.from_levels(levels))
    data = index.to_bytes()
    monkeypatch.setattr(lean_tree, "compress", None)  # ten thousand hashes take seconds
    assert parse_index(data, 31337, REGISTRY, 3) is not None
