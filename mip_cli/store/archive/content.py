"""Content of any size: written and read chunk by chunk, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from mip_cli.crypto.aead import KEY_BYTES, Rng
from mip_cli.crypto.archive_blocks import (
    CHUNK,
    FAN_OUT,
    MAX_CHUNKS,
    Block,
    BlockInvalid,
    Content,
    chunk_count,
    link_node,
    open_link_node,
)
from mip_cli.crypto.cid import Link
from mip_cli.errors import FileInvalid, UsageFault
from mip_cli.progress import Progress, Silent
from mip_cli.store.archive.blocks import BlockStore, damaged, fetch, fetch_one
from mip_cli.store.archive.manifest import Record

_AT_ONCE_SMALL = 256  # records
AT_ONCE = 16
"""Chunks in memory."""
MAX_SIZE = CHUNK * MAX_CHUNKS
"""Bytes of the longest file."""

Read = Callable[[int], bytes]
"""Returns up to so many bytes, none at the end."""


def write(
    store: BlockStore, tag: bytes, record: Record, read: Read, progress: Progress | None = None
) -> Link:
    """Seal the ``record.size`` bytes of ``read``; return the block that the entry links to.

    Raises ``FileInvalid`` when the source turns out shorter or longer than it said.
    """
    place = Content(tag, record.path, record.version, record.chunks, record.key)
    observer = progress or Silent()
    cids: list[Link] = []
    left = record.size
    for start in range(0, record.chunks, AT_ONCE):
        blocks = []
        for index in range(start, min(start + AT_ONCE, record.chunks)):
            piece = _exactly(read, min(left, CHUNK))
            left -= len(piece)
            blocks.append(place.seal(index, piece))
        store.put(blocks)
        cids += [block.cid for block in blocks]
        observer.advance(record.size - left, record.size)
    if read(1):
        raise FileInvalid("the file grew while it was read", hint="put it when nobody writes to it")
    return _list(store, cids)


def read(
    store: BlockStore, tag: bytes, record: Record, link: Link, progress: Progress | None = None
) -> Iterator[bytes]:
    """Yield the content of a record, each piece authentic; the whole is only at the end.

    Raises ``BlockMissing``, ``BlockDamaged``.
    """
    place = Content(tag, record.path, record.version, record.chunks, record.key)
    observer = progress or Silent()
    cids = chunks(store, record, link)
    left = record.size
    for start in range(0, len(cids), AT_ONCE):
        some = cids[start : start + AT_ONCE]
        for offset, data in enumerate(fetch(store, some)):
            size = min(left, CHUNK)
            try:
                piece = place.open(start + offset, data, size)
            except BlockInvalid as error:
                raise damaged(store, some[offset], str(error)) from None
            left -= size
            if piece:
                yield piece
        observer.advance(record.size - left, record.size)


def read_small(
    store: BlockStore, tag: bytes, records: Sequence[tuple[Record, Link]]
) -> list[bytes]:
    """Return the contents of many records of one chunk each, in one go."""
    found = []
    blocks = fetch(store, [link for _, link in records])
    for (record, link), data in zip(records, blocks, strict=True):
        place = Content(tag, record.path, record.version, record.chunks, record.key)
        try:
            found.append(place.open(0, data, record.size))
        except BlockInvalid as error:
            raise damaged(store, link, str(error)) from None
    return found


def resealed(
    store: BlockStore, tag: bytes, entries: Sequence[tuple[Record, Link]], rng: Rng
) -> Iterator[tuple[Record, Link]]:
    """Write the contents of records anew under fresh keys; yield them with their new blocks."""
    small = [entry for entry in entries if entry[0].chunks == 1]
    for start in range(0, len(small), _AT_ONCE_SMALL):
        some = small[start : start + _AT_ONCE_SMALL]
        renewed = [(replace(record, key=rng(KEY_BYTES)), link) for record, link in some]
        bodies = read_small(store, tag, some)
        yield from write_small(store, tag, [r for r, _ in renewed], bodies)
    for record, link in entries:
        if record.chunks > 1:
            fresh = replace(record, key=rng(KEY_BYTES))
            pieces = read(store, tag, record, link)
            yield fresh, write(store, tag, fresh, _buffered(pieces))


def write_small(
    store: BlockStore, tag: bytes, records: Sequence[Record], bodies: Sequence[bytes]
) -> list[tuple[Record, Link]]:
    """Seal the contents of many records of one chunk each in one go."""
    blocks = [
        Content(tag, record.path, record.version, 1, record.key).seal(0, body)
        for record, body in zip(records, bodies, strict=True)
    ]
    store.put(blocks)
    return [(record, block.cid) for record, block in zip(records, blocks, strict=True)]


def chunks(store: BlockStore, record: Record, link: Link) -> list[Link]:
    """Return the chunks of a record in order."""
    if record.chunks == 1:
        return [link]
    top = _links(store, link)
    if record.chunks <= FAN_OUT:
        found = top
    else:
        found = [cid for node in top for cid in _links(store, node)]
    if len(found) != record.chunks:
        raise damaged(store, link, "a file has too few or too many chunks")
    return found


def blocks_of(store: BlockStore, record: Record, link: Link) -> list[Link]:
    """Return every block that belongs to a record alone."""
    if record.chunks == 1:
        return [link]
    inner = _links(store, link) if record.chunks > FAN_OUT else []
    return [link, *inner, *chunks(store, record, link)]


def require_size(size: int) -> int:
    """Return the chunks for a size; raise ``UsageFault`` when it is too large."""
    if size > MAX_SIZE or chunk_count(size) > MAX_CHUNKS:
        raise UsageFault(f"a file in the archive has at most {MAX_SIZE} bytes")
    return chunk_count(size)


def _exactly(read: Read, size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        part = read(size)
        if not part:
            raise FileInvalid("the file is shorter than it was", hint="put it again")
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _buffered(pieces: Iterator[bytes]) -> Read:
    """Return a reader over pieces that come in sizes of their own."""
    left = b""

    def take(size: int) -> bytes:
        nonlocal left
        if not left:
            left = next(pieces, b"")
        piece, left = left[:size], left[size:]
        return piece

    return take


def _list(store: BlockStore, cids: list[Link]) -> Link:
    while len(cids) > 1:
        nodes: list[Block] = [
            link_node(cids[start : start + FAN_OUT]) for start in range(0, len(cids), FAN_OUT)
        ]
        store.put(nodes)
        cids = [node.cid for node in nodes]
    return cids[0]


def _links(store: BlockStore, cid: Link) -> list[Link]:
    try:
        return open_link_node(fetch_one(store, cid))
    except BlockInvalid as error:
        raise damaged(store, cid, str(error)) from None
