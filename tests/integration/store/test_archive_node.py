"""The archive on a real IPFS node: real links, pinned from the root, carried whole by a CAR."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from mip_cli.crypto import cid as cids
from mip_cli.crypto.archive_blocks import CHUNK
from mip_cli.progress import Silent
from mip_cli.store.archive import car, walk
from mip_cli.store.archive.blocks import BlockMissing
from tests.unit.archive_support import Kept


def call(url: str, method: str) -> bytes:
    request = urllib.request.Request(f"{url}/api/v0/{method}", method="POST")  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own node
        return bytes(answer.read())


def test_archive__lives_on_a_node(ipfs_url: str, tmp_path: Path) -> None:
    kept = Kept(tmp_path / "a", f"ipfs:{ipfs_url}")
    kept.put("health", "scan.bin", bytes(range(256)) * 1024 * 5)
    kept.put("health", "note", b"2")
    kept.put("finance", "salary", b"3")
    first = kept.head.root
    kept.put("health", "note", b"4")
    assert kept.get("health", "note") == b"4"
    assert kept.get("health", "scan.bin") == bytes(range(256)) * 1024 * 5
    assert kept.audit().records == 3
    root = cids.text(kept.head.root)
    pins = json.loads(call(ipfs_url, "pin/ls?type=recursive&cid-base=base32"))["Keys"]
    assert root in pins
    assert cids.text(first) not in pins
    # the node itself follows our links: what it says hangs on the root is what we wrote
    indirect = json.loads(call(ipfs_url, "pin/ls?type=indirect&cid-base=base32"))["Keys"]
    with kept.blocks() as store:
        ours = {cids.text(cid) for cid in walk.reachable(store, kept.head.root)}
    assert ours - {root} <= set(indirect)
    kept.erase("health", "scan.bin")
    assert kept.audit().records == 2
    with kept.blocks() as store:
        left = {cids.text(cid) for cid in walk.reachable(store, kept.head.root)}
    gone = sorted(ours - left)
    assert len(gone) > 5
    call(ipfs_url, "repo/gc")
    assert kept.audit().records == 2  # nothing that is needed was up for collection
    with kept.blocks() as store, pytest.raises(BlockMissing, match="lacks block"):
        store.get([cids.parse(gone[0])])


def test_car__that_we_write__a_node_reads(ipfs_url: str, tmp_path: Path) -> None:
    """A CAR from a local archive, block by block into a node, opens there."""
    here = Kept(tmp_path / "here")
    here.put("other", "file", bytes(3 * CHUNK))
    path = tmp_path / "archive.car"
    with here.open() as archive, path.open("wb") as out:
        car.export(archive.store, archive.head.root, out.write, Silent())
    there = Kept(tmp_path / "there", f"ipfs:{ipfs_url}")
    with there.blocks() as store, path.open("rb") as source:
        root = car.restore(source, store, Silent())
        store.publish(root, None)
        assert {cid for cid, _ in walk.nodes(store, root)} == set(here.names())
