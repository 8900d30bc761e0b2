"""The log's Merkle tree against RFC 9162's published values and a library of others."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree, verify_consistency, verify_inclusion

from mip_cli.crypto import merkle_log as log

# the reference leaves and roots of Certificate Transparency's own tests
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def hashes(leaves: list[bytes]) -> list[bytes]:
    return [log.leaf_hash(leaf) for leaf in leaves]


def test_root__is_the_published_one() -> None:
    peaks: tuple[bytes, ...] = ()
    assert log.root_of(peaks) == hashlib.sha256(b"").digest()
    for size, (leaf, root) in enumerate(zip(hashes(LEAVES), ROOTS, strict=True)):
        peaks = log.append(peaks, size, leaf)
        assert log.root_of(peaks).hex() == root


def test_paths__are_those_of_the_reference() -> None:
    leaves = hashes(LEAVES)
    assert [node.hex()[:8] for node in log.inclusion_path(leaves, 0)] == [
        "96a296d2",
        "5f083f0a",
        "6b47aaf2",
    ]
    assert [node.hex()[:8] for node in log.consistency_path(leaves[:8], 6)] == [
        "0ebc5d34",
        "ca854ea1",
        "d37ee418",
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 33, 64, 65])
def test_library_of_others__takes_our_proofs_and_we_take_its(size: int) -> None:
    data = [bytes([i, size]) for i in range(size)]
    tree = InmemoryTree(algorithm="sha256")
    for entry in data:
        tree.append_entry(entry)
    leaves = hashes(data)
    root = log.root_of(log.peaks_of(leaves))
    assert tree.get_root(size) == root
    for index in range(size):
        theirs = tree.prove_inclusion(index + 1, size)
        verify_inclusion(leaves[index], root, theirs)
        ours = log.inclusion_path(leaves, index)
        assert log.verify_inclusion(leaves[index], index, size, ours, root)
    for earlier in range(1, size):
        verify_consistency(tree.get_root(earlier), root, tree.prove_consistency(earlier, size))
        before = tree.get_root(earlier)
        path = log.consistency_path(leaves, earlier)
        assert log.verify_consistency(earlier, before, size, root, path)


@given(st.lists(st.binary(max_size=8), min_size=2, max_size=80), st.data())
def test_inclusion__any_change__fails(leaves: list[bytes], data: st.DataObject) -> None:
    found = hashes(leaves)
    index = data.draw(st.integers(0, len(found) - 1))
    root = log.root_of(log.peaks_of(found))
    path = log.inclusion_path(found, index)
    size = len(found)
    assert log.verify_inclusion(found[index], index, size, path, root)
    changed = list(path)
    at = data.draw(st.integers(0, len(path) - 1))
    changed[at] = bytes(32)
    assert not log.verify_inclusion(found[index], index, size, changed, root)
    assert not log.verify_inclusion(bytes(32), index, size, path, root)
    assert not log.verify_inclusion(found[index], index, size, path[:-1], root)
    assert not log.verify_inclusion(found[index], index, size, [*path, bytes(32)], root)
    assert not log.verify_inclusion(found[index], size, size, path, root)
    assert not log.verify_inclusion(found[index], -1, size, path, root)
    assert not log.verify_inclusion(found[index], index, size, path, bytes(32))
    assert not log.verify_inclusion(found[index], index, size, [bytes(32)] * 65, root)


@given(st.lists(st.binary(max_size=8), min_size=2, max_size=80), st.data())
def test_consistency__any_change__fails(leaves: list[bytes], data: st.DataObject) -> None:
    found = hashes(leaves)
    size = len(found)
    earlier = data.draw(st.integers(1, size - 1))
    before = log.root_of(log.peaks_of(found[:earlier]))
    root = log.root_of(log.peaks_of(found))
    path = log.consistency_path(found, earlier)
    assert log.verify_consistency(earlier, before, size, root, path)
    assert not log.verify_consistency(earlier, bytes(32), size, root, path)
    assert not log.verify_consistency(earlier, before, size, bytes(32), path)
    assert not log.verify_consistency(earlier, before, size, root, path[:-1])
    assert not log.verify_consistency(earlier, before, size, root, [*path, bytes(32)])
    assert not log.verify_consistency(0, before, size, root, path)
    assert not log.verify_consistency(size + 1, before, size, root, path)
    rewritten = hashes([b"another", *leaves[1:]])
    elsewhere = log.root_of(log.peaks_of(rewritten))
    forged = log.consistency_path(rewritten, earlier)
    assert not log.verify_consistency(earlier, before, size, elsewhere, forged)


def test_consistency__same_size__needs_the_same_root_and_no_path() -> None:
    root = log.root_of(log.peaks_of(hashes(LEAVES)))
    assert log.verify_consistency(8, root, 8, root, [])
    assert not log.verify_consistency(8, bytes(32), 8, root, [])
    assert not log.verify_consistency(8, root, 8, root, [root])


def test_paths__of_what_is_not_there__are_refused() -> None:
    leaves = hashes(LEAVES)
    for index in (-1, 8):
        with pytest.raises(ValueError, match="no such leaf"):
            log.inclusion_path(leaves, index)
    for earlier in (0, 9):
        with pytest.raises(ValueError, match="no such earlier tree"):
            log.consistency_path(leaves, earlier)
