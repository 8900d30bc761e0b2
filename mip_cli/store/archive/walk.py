"""Following the public links of an archive, without any key: for CAR files and for sweeping."""

from __future__ import annotations

from collections.abc import Iterator

from mip_cli.crypto.archive_blocks import BlockInvalid, read_links
from mip_cli.crypto.cid import DAG_CBOR, Link, codec_of
from mip_cli.store.archive.blocks import BlockStore, damaged, fetch_one

MAX_DEPTH = 12
"""Nodes above each other; the deepest are root, three levels of a list, two of chunks, a chunk."""


def reachable(store: BlockStore, root: Link) -> Iterator[Link]:
    """Yield every block below a root, parents first, each once; reads nodes, not chunks."""
    for cid, _ in nodes(store, root, with_chunks=False):
        yield cid


def nodes(
    store: BlockStore, root: Link, *, with_chunks: bool = True
) -> Iterator[tuple[Link, bytes | None]]:
    """Yield every block below a root with its bytes, chunks without theirs when not asked for.

    Raises ``BlockMissing``, ``BlockDamaged`` also for blocks that lead round in a circle.
    """
    seen: set[Link] = set()
    stack = [(root, 0)]
    while stack:
        cid, depth = stack.pop()
        if cid in seen:
            continue
        seen.add(cid)
        if codec_of(cid) != DAG_CBOR:
            yield cid, fetch_one(store, cid) if with_chunks else None
            continue
        if depth > MAX_DEPTH:
            raise damaged(store, cid, "nodes lie too deep")
        block = fetch_one(store, cid)
        yield cid, block
        try:
            _, links = read_links(block)
        except BlockInvalid as error:
            raise damaged(store, cid, str(error)) from None
        stack += [(link, depth + 1) for link in reversed(links)]
