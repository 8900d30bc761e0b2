"""CAR files (version 1): an archive as one file, as every IPFS tool reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

from mip_cli.crypto.archive_blocks import MAX_BLOCK, Block
from mip_cli.crypto.cid import CID_BYTES, Link, checked, names, text
from mip_cli.errors import FileInvalid
from mip_cli.progress import Progress
from mip_cli.store.archive import walk
from mip_cli.store.archive.blocks import BlockStore

MAX_HEADER = 256
"""Bytes of a header with one root."""
_BATCH = 64  # blocks

# {"roots": [link], "version": 1} in DAG-CBOR
_BEFORE_ROOT = bytes.fromhex("a265726f6f747381d82a582500")
_AFTER_ROOT = bytes.fromhex("6776657273696f6e01")


def export(
    store: BlockStore, root: Link, write: Callable[[bytes], object], progress: Progress
) -> int:
    """Write everything below a root; return the number of blocks."""
    header = _BEFORE_ROOT + root + _AFTER_ROOT
    write(_varint(len(header)) + header)
    count = 0
    for cid, block in walk.nodes(store, root):
        if block is not None:
            write(_varint(len(cid) + len(block)) + cid + block)
        count += 1
        if count % _BATCH == 0:
            progress.advance(count, 0)
    return count


def read_root(source: BinaryIO) -> Link:
    """Read the header of a CAR file; raise ``FileInvalid`` unless it names one root of ours."""
    size = _read_varint(source)
    if size is None or size > MAX_HEADER:
        raise _broken("it has no header")
    header = _exactly(source, size)
    middle = len(_BEFORE_ROOT)
    if not header.startswith(_BEFORE_ROOT) or header[middle + CID_BYTES :] != _AFTER_ROOT:
        raise _broken("it is not version 1 with one root")
    return _name(header[middle : middle + CID_BYTES])


def blocks(source: BinaryIO) -> Iterator[Block]:
    """Yield the blocks after the header, each checked against its name."""
    while (size := _read_varint(source)) is not None:
        if not CID_BYTES < size <= CID_BYTES + MAX_BLOCK:
            raise _broken("a block is too long or too short")
        section = _exactly(source, size)
        cid, data = _name(section[:CID_BYTES]), section[CID_BYTES:]
        if not names(cid, data):
            raise _broken(f"block {text(cid)} is damaged")
        yield Block(cid, data)


def find_root(source: BinaryIO) -> bytes | None:
    """Return the block of the root, which files of ours begin with; None where it is missing."""
    root = read_root(source)
    return next((block.data for block in blocks(source) if block.cid == root), None)


def restore(source: BinaryIO, store: BlockStore, progress: Progress) -> Link:
    """Put the blocks of a CAR file in a store; return its root, which may still lack blocks."""
    root = read_root(source)
    some: list[Block] = []
    for count, block in enumerate(blocks(source), 1):
        some.append(block)
        if len(some) == _BATCH:
            store.put(some)
            some = []
            progress.advance(count, 0)
    store.put(some)
    return root


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(source: BinaryIO) -> int | None:
    value = shift = 0
    while True:
        byte = source.read(1)
        if not byte:
            if shift:
                raise _broken("it ends in the middle")
            return None
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            if shift and not byte[0]:
                raise _broken("a length is not in its shortest form")
            return value
        shift += 7
        if shift > 28:
            raise _broken("a length is out of range")


def _exactly(source: BinaryIO, size: int) -> bytes:
    data = source.read(size)
    if len(data) != size:
        raise _broken("it ends in the middle")
    return data


def _name(data: bytes) -> Link:
    try:
        return checked(data)
    except ValueError:
        raise _broken("it names a block in a way that archives do not") from None


def _broken(why: str) -> FileInvalid:
    return FileInvalid(f"this is not a CAR file of an archive: {why}")
