"""Blocks on a real IPFS node."""

from __future__ import annotations

import json
import urllib.request

import pytest

from mip_cli.crypto.cid import cid_of
from mip_cli.store.blocks import MAX_BLOCK, BlockMissing
from mip_cli.store.ipfs import IpfsNode


@pytest.mark.parametrize("block", [b"", b"hello world", bytes(range(256)) * (MAX_BLOCK // 256)])
def test_block__there_and_back(ipfs_url: str, block: bytes) -> None:
    node = IpfsNode(ipfs_url)
    cid = node.put(block)
    assert cid == cid_of(block)
    assert node.has(cid)
    assert node.get(cid) == block
    assert node.put(block) == cid


def test_block__is_pinned(ipfs_url: str) -> None:
    cid = IpfsNode(ipfs_url).put(b"keep this")
    query = f"{ipfs_url}/api/v0/pin/ls?arg={cid}"
    with urllib.request.urlopen(urllib.request.Request(query, method="POST")) as answer:  # noqa: S310
        (found,) = json.load(answer)["Keys"].values()
    assert found == {"Type": "recursive"}


def test_block__absent(ipfs_url: str) -> None:
    node = IpfsNode(ipfs_url, timeout=3)
    cid = cid_of(b"nobody has this")
    assert not node.has(cid)
    with pytest.raises(BlockMissing, match="does not find"):
        node.get(cid)
