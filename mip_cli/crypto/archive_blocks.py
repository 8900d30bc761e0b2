"""Blocks of the archive: chunks of content, sealed nodes, the root (protocol section 14).

Every key but the root's seals one writing of one thing, so that nonces can be counted. All
functions raise ``BlockInvalid`` for what was not sealed by these keys, for this place.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from mip_cli.crypto import dagcbor, padding
from mip_cli.crypto.aead import NONCE_BYTES, TAG_BYTES, NotAuthentic, Rng, Sealed, seal, unseal
from mip_cli.crypto.archive_keys import MAX_WRAPS, WRAP_BYTES, ArchiveKey, follow
from mip_cli.crypto.cid import DAG_CBOR, RAW, Link, codec_of, link_of

CHUNK = 256 * 1024
"""Bytes of content in a chunk."""
MAX_BLOCK = 512 * 1024
"""Bytes of the longest block."""
FAN_OUT = 4096
"""Links in a node of chunks."""
MAX_CHUNKS = 1 << 22
"""Chunks of one file."""

_ROOT_MAGIC = b"mip.archive/1\0"
_ROOT = b"mip archive root/1\0"
_NODE = b"mip archive node/1\0"
_CHUNK = b"mip archive chunk/1\0"
_ZERO_NONCE = bytes(NONCE_BYTES)


class BlockInvalid(Exception):
    """A block is not what its place asks for; the text says how and quotes nothing."""


class RootOlder(BlockInvalid):
    """A root says that it is of a generation before the archive key's."""


@dataclass(frozen=True)
class Block:
    """Bytes with their name."""

    cid: Link
    """What they are called."""
    data: bytes
    """Public: ciphertext, or a node with its links in clear."""


class Content:
    """Where a record's chunks belong: its category, path, version and number of chunks."""

    def __init__(self, tag: bytes, path: str, version: int, total: int, key: bytes) -> None:
        if not 1 <= total <= MAX_CHUNKS:
            raise ValueError(f"content has 1 to {MAX_CHUNKS} chunks")
        self.total = total
        self._cipher = ChaCha20Poly1305(key)
        self._before = _CHUNK + tag + struct.pack(">Q", version)
        self._after = struct.pack(">I", total) + path.encode()

    def seal(self, index: int, content: bytes) -> Block:
        """Seal chunk ``index``; a lone chunk is filled to its bucket, others to the full size."""
        size = CHUNK if self.total > 1 else padding.bucket(len(content))
        plain = padding.fill(content, size) if len(content) != size else content
        data = self._cipher.encrypt(_counted(index), plain, self._associated(index))
        return Block(link_of(data, RAW), data)

    def open(self, index: int, data: bytes, size: int) -> bytes:
        """Open chunk ``index`` and return its ``size`` bytes of content."""
        if self.total == 1:
            if len(data) != padding.bucket(size) + TAG_BYTES:
                raise BlockInvalid("a chunk has another size than its record says")
        elif len(data) != CHUNK + TAG_BYTES:
            raise BlockInvalid("a chunk is not full")
        try:
            plain = self._cipher.decrypt(_counted(index), data, self._associated(index))
            return padding.unfill(plain, size)
        except (InvalidTag, ValueError):
            raise BlockInvalid("a chunk does not belong where it lies, or was changed") from None

    def _associated(self, index: int) -> bytes:
        return self._before + struct.pack(">I", index) + self._after


def chunk_count(size: int) -> int:
    """Return how many chunks content of ``size`` bytes takes, fillers included."""
    return padding.padme(max(1, -(-size // CHUNK)))


@dataclass(frozen=True)
class Place:
    """Where a sealed node belongs."""

    kind: str
    """``list``, ``schema`` or ``grant``."""
    tag: bytes
    """Whose it is: ``category_tag``, ``log_tag``, ``grants_tag`` or a view's own."""
    level: int = 0
    """Height above the pages."""
    index: int = 0
    """Position on its level."""


def seal_node(place: Place, key: bytes, value: object, links: Sequence[Link]) -> Block:
    """Seal a value under a key that was drawn for this one writing."""
    data = ChaCha20Poly1305(key).encrypt(_ZERO_NONCE, padded(value), _node_data(place, links))
    return node_of(data, links)


def open_node(place: Place, key: bytes, block: bytes) -> tuple[Any, list[Link]]:
    """Open a sealed node; return its value and its links."""
    data, links = read_links(block)
    try:
        plain = ChaCha20Poly1305(key).decrypt(_ZERO_NONCE, data, _node_data(place, links))
    except InvalidTag:
        raise BlockInvalid("a node does not belong where it lies, or was changed") from None
    return unpadded(plain), links


def link_node(links: Sequence[Link]) -> Block:
    """Write a node that only lists chunks."""
    return node_of(b"", links)


def open_link_node(block: bytes) -> list[Link]:
    """Read a node that only lists chunks."""
    data, links = read_links(block)
    if data or not 0 < len(links) <= FAN_OUT:
        raise BlockInvalid("a list of chunks has another shape")
    return links


def read_links(block: bytes) -> tuple[bytes, list[Link]]:
    """Read what is public of any node."""
    if len(block) > MAX_BLOCK:
        raise BlockInvalid("a node is too long")
    try:
        return dagcbor.open_envelope(block)
    except ValueError as error:
        raise BlockInvalid(str(error)) from None


def children(block: Block) -> list[Link]:
    """Return the blocks that a block names: none for a chunk, its links for a node."""
    return read_links(block.data)[1] if codec_of(block.cid) == DAG_CBOR else []


def seal_root(
    key: ArchiveKey,
    owner: bytes,
    wraps: Sequence[bytes],
    value: object,
    links: Sequence[Link],
    rng: Rng,
) -> Block:
    """Seal the root; ``wraps`` lead to this key from those before it."""
    kept = list(wraps)[-MAX_WRAPS:]
    head = _ROOT_MAGIC + struct.pack(">IH", key.generation, len(kept)) + b"".join(kept)
    sealed = seal(key.root_key, padded(value), _root_data(owner, head, links), rng=rng)
    return node_of(head + sealed.nonce + sealed.ciphertext, links)


@dataclass(frozen=True, repr=False)
class OpenedRoot:
    """A root and the key that opened it, which may be newer than the one that was given."""

    key: ArchiveKey
    """The archive's present key."""
    wraps: tuple[bytes, ...]
    """The way to it."""
    value: Any
    """What the root holds."""
    links: tuple[Link, ...]
    """What it links to."""


def open_root(key: ArchiveKey, owner: bytes, block: bytes) -> OpenedRoot:
    """Open a root with its key or one that the wraps lead on from."""
    data, links = read_links(block)
    fixed = len(_ROOT_MAGIC) + 6
    if not data.startswith(_ROOT_MAGIC) or len(data) < fixed:
        raise BlockInvalid("this is not the root of an archive")
    generation, count = struct.unpack(">IH", data[len(_ROOT_MAGIC) : fixed])
    end = fixed + count * WRAP_BYTES
    if count > min(MAX_WRAPS, generation) or len(data) < end + NONCE_BYTES + TAG_BYTES:
        raise BlockInvalid("the root has another shape")
    wraps = tuple(data[at : at + WRAP_BYTES] for at in range(fixed, end, WRAP_BYTES))
    steps = generation - key.generation
    if steps < 0:
        raise RootOlder("the root is older than the archive key")
    if steps > count:
        raise BlockInvalid("the archive key is too old to follow to this root")
    try:
        for wrap in wraps[count - steps :]:
            key = follow(key, wrap)
        sealed = Sealed(data[end : end + NONCE_BYTES], data[end + NONCE_BYTES :])
        plain = unseal(key.root_key, sealed, _root_data(owner, data[:end], links))
    except NotAuthentic:
        raise BlockInvalid("the archive key does not open this root") from None
    return OpenedRoot(key, wraps, unpadded(plain), tuple(links))


def node_of(data: bytes, links: Sequence[Link]) -> Block:
    """Write a node of any kind."""
    block = dagcbor.envelope(data, links)
    if len(block) > MAX_BLOCK:
        raise ValueError("a node is too long")
    return Block(link_of(block, DAG_CBOR), block)


def padded(value: object) -> bytes:
    """Write what a node seals, filled to its bucket."""
    body = dagcbor.encode(value)
    framed = struct.pack(">I", len(body)) + body
    return padding.fill(framed, padding.bucket(len(framed)))


def unpadded(plain: bytes) -> Any:
    """Read what a node sealed; raise ``BlockInvalid`` when it is none."""
    try:
        size = int.from_bytes(plain[:4], "big")
        if len(plain) != padding.bucket(size + 4):
            raise ValueError
        return dagcbor.decode(padding.unfill(plain, size + 4)[4:])
    except ValueError:
        raise BlockInvalid("a node holds something else than it must") from None


def _node_data(place: Place, links: Sequence[Link]) -> bytes:
    where = struct.pack(">BI", place.level, place.index)
    return _NODE + place.kind.encode() + b"\0" + place.tag + where + digest_of(links)


def _root_data(owner: bytes, head: bytes, links: Sequence[Link]) -> bytes:
    return _ROOT + owner + head + digest_of(links)


def digest_of(links: Sequence[Link]) -> bytes:
    """Return what binds links to what is sealed beside them."""
    return hashlib.sha256(b"".join(links)).digest()


def _counted(index: int) -> bytes:
    return bytes(NONCE_BYTES - 4) + struct.pack(">I", index)
