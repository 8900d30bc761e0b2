"""Kubo's dialect, held to Kubo's own client: no Kubo node comes from a package registry.

The client of the Kubo project does an archive's acts on the node that stands in for Kubo in the
tests: it must understand the answers, and our requests must be its requests.
"""

from __future__ import annotations

import base64
import json
import subprocess

import pytest

from mip_cli.crypto import cid as cids
from mip_cli.crypto.archive_blocks import Block
from mip_cli.store.archive.ipfs import IpfsStore
from tests.kubo_stand_in import Node, Query, serving

LEAF = b"a leaf \r\n--with a boundary in it\r\n\r\n"
ROOT = bytes([0x82, 0x01, 0x02])  # [1, 2] in DAG-CBOR
BLOCKS = [
    Block(cids.link_of(LEAF, cids.RAW), LEAF),
    Block(cids.link_of(ROOT, cids.DAG_CBOR), ROOT),
]
RENAMED = {"format": "cid-codec"}
"""The client still says what Kubo's RPC reference calls deprecated; Kubo takes both names."""
OURS_ALONE = {"cid-base", "timeout"}
"""Options that any method of the interface takes; the client leaves them at the node's choice."""

THEIRS_ALONE = {"stream", "stream-channels", "version"}
"""How answers are streamed, and what Kubo ignores beside the name of a codec."""


def official(command: list[str], node: Node) -> dict[str, object]:
    """Do the acts by the official client and return what it made of the answers."""
    url = node.url.removeprefix("ipfs:")
    texts = [base64.b64encode(block.data).decode() for block in BLOCKS]
    done = subprocess.run(
        [*command, url, *texts], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def ours(node: Node) -> None:
    store = IpfsStore(node.url.removeprefix("ipfs:"))
    root = BLOCKS[-1].cid
    store.put(BLOCKS)
    assert store.get([block.cid for block in BLOCKS]) == [block.data for block in BLOCKS]
    store.publish(root, None)
    store.publish(BLOCKS[0].cid, root)
    store.delete([block.cid for block in BLOCKS])


def acts(node: Node) -> dict[str, list[tuple[Query, bytes]]]:
    """Return the requests by act, one for each block that an act named."""
    found: dict[str, list[tuple[Query, bytes]]] = {}
    for act, wanted, block in node.calls:
        options = {
            RENAMED.get(name, name): value
            for name, value in wanted.items()
            if name not in OURS_ALONE
        }
        for arg in options.get("arg", [""]):
            found.setdefault(act, []).append(({**options, "arg": [arg]}, block))
    return found


@pytest.fixture(scope="module")
def seen(official_client: list[str]) -> tuple[Node, dict[str, object]]:
    with serving(Node()) as node:
        return node, official(official_client, node)


def test_stand_in__is_understood_by_the_official_client(
    seen: tuple[Node, dict[str, object]],
) -> None:
    _, made = seen
    names = [cids.text(block.cid) for block in BLOCKS]
    assert made["cids"] == names
    assert made["read"] == [base64.b64encode(block.data).decode() for block in BLOCKS]
    assert made["pinned"] == made["unpinned"] == names[-1]
    assert made["removed"] == [[name, None] for name in names]
    assert "could not find" in str(made["absent"])


def test_requests__are_those_of_the_official_client(
    seen: tuple[Node, dict[str, object]],
) -> None:
    theirs = acts(seen[0])
    with serving(Node()) as node:
        ours(node)
    mine = acts(node)
    for act in ("block/put", "block/get", "block/rm"):
        assert len(mine[act]) == len(BLOCKS)
        for ask, wanted in zip(mine[act], theirs[act], strict=False):  # it asks once more, in vain
            assert meant(ask) == meant(wanted), act
    for act in ("pin/add", "pin/rm"):
        assert meant(mine[act][0]) == meant(theirs[act][0]), act


def meant(ask: tuple[Query, bytes]) -> tuple[Query, bytes]:
    """Return the block and all options but those by which the client asks for its own comfort."""
    return {name: value for name, value in ask[0].items() if name not in THEIRS_ALONE}, ask[1]
