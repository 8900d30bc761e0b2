"""Every key that follows from some, tried on every block, without regard to what authenticates.

An honest reader stops where a tag does not fit. The attacker does not: he takes the bare key stream
and looks whether sense comes out, so that a route fails for want of a key and for no other reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from mip_cli.crypto import archive_keys
from mip_cli.crypto.aead import KEY_BYTES, NONCE_BYTES, TAG_BYTES, NotAuthentic
from mip_cli.crypto.archive_blocks import BlockInvalid, read_links
from mip_cli.crypto.archive_keys import ArchiveKey
from mip_cli.crypto.cid import RAW, Link, codec_of
from mip_cli.crypto.kdf import subkey
from mip_cli.errors import CheckFailed

CATEGORIES = (
    "identity",
    "face",
    "social",
    "preference",
    "avatar",
    "finance",
    "health",
    "education",
    "other",
)
_LABELS = (
    b"mip archive root/1",
    b"mip archive next/1",
    b"mip archive log/1",
    b"mip archive grants/1",
    *(b"mip archive category/1\0" + name.encode() for name in CATEGORIES),
)
_COUNTED = range(4)  # chunk numbers tried as nonces
_WORK = 256 * 1024  # bytes of a block that are tried
_MAX_KEYS = 4096
_VIEW, _ROOT = b"mip.view/1\0", b"mip.archive/1\0"
_ROOT_HEAD = 6  # generation and number of wraps
# byte strings of 32, 64 or up to 256 * 32 bytes in CBOR: keys stand in such
_CBOR_BYTES = re.compile(rb"\x58([\x20-\xff])|\x59(..)", re.DOTALL)


@dataclass
class Keyring:
    """Keys in the attacker's hand, and what they opened."""

    receipts: tuple[bytes, ...] = ()
    """Hashes of all consent receipts that he has seen: what grantee keys derive from."""
    keys: set[bytes] = field(default_factory=set)
    opened: dict[Link, set[bytes]] = field(default_factory=dict)
    """Plaintexts by block."""

    def add(self, keys: Iterable[bytes]) -> None:
        """Take keys in, with all that derives from them by the labels of the protocol."""
        for key in keys:
            if len(key) != KEY_BYTES or key in self.keys:
                continue
            if len(self.keys) >= _MAX_KEYS:
                raise CheckFailed("there are more keys to try than this test takes")
            self.keys.add(key)
            self.keys.update(subkey(key, label) for label in _LABELS)
            self.keys.update(archive_keys.grantee_key(key, one) for one in self.receipts)

    def try_on(self, blocks: Mapping[Link, bytes]) -> None:
        """Try every key on every block, and every key found in what opens, until nothing is new."""
        todo = set(self.keys)
        while todo:
            fresh: set[bytes] = set()
            for link, data in blocks.items():
                for nonce, body in _sealed_parts(link, data):
                    for key in todo:
                        plain = stream(key, nonce, body[:_WORK])
                        if _has_sense(plain):
                            self.opened.setdefault(link, set()).add(plain)
                            fresh |= set(_keys_in(plain))
                fresh.update(new for key in todo for new in _following(key, link, data))
            before = set(self.keys)
            self.add(fresh)
            todo = self.keys - before

    def sees(self, marks: Iterable[bytes], blocks: Iterable[Link]) -> list[bytes]:
        """Return those of some strings that stand in what was opened of some blocks."""
        texts = [plain for link in blocks for plain in self.opened.get(link, ())]
        return [mark for mark in marks if any(mark in text for text in texts)]


def _sealed_parts(link: Link, data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield nonce and ciphertext as each kind of block may hold them."""
    if codec_of(link) == RAW:
        for number in _COUNTED:
            yield bytes(NONCE_BYTES - 4) + number.to_bytes(4, "big"), data[:-TAG_BYTES]
        return
    try:
        body, _ = read_links(data)
    except BlockInvalid:
        return
    yield bytes(NONCE_BYTES), body[:-TAG_BYTES]
    at = _sealed_from(body)
    if at is not None:
        yield body[at : at + NONCE_BYTES], body[at + NONCE_BYTES : -TAG_BYTES]


def _sealed_from(body: bytes) -> int | None:
    """Return where nonce and ciphertext begin in a view or a root."""
    if body.startswith(_VIEW):
        return len(_VIEW)
    if not body.startswith(_ROOT):
        return None
    return len(_ROOT) + _ROOT_HEAD + len(_wraps(body)) * archive_keys.WRAP_BYTES


def _wraps(body: bytes) -> list[bytes]:
    """Return the wraps of a root: each leads from one archive key to the next."""
    if not body.startswith(_ROOT):
        return []
    start, size = len(_ROOT) + _ROOT_HEAD, archive_keys.WRAP_BYTES
    count = int.from_bytes(body[start - 2 : start], "big")
    return [body[at : at + size] for at in range(start, start + count * size, size)]


def _following(key: bytes, link: Link, data: bytes) -> Iterator[bytes]:
    """Yield the archive keys that a root's wraps give to the holder of an earlier one."""
    if codec_of(link) == RAW:
        return
    try:
        body, _ = read_links(data)
    except BlockInvalid:
        return
    wraps = _wraps(body)
    newest = int.from_bytes(body[len(_ROOT) : len(_ROOT) + 4], "big") if wraps else 0
    for before, wrap in enumerate(wraps, newest - len(wraps)):
        with suppress(NotAuthentic, ValueError):
            yield archive_keys.follow(ArchiveKey(key, before), wrap).key


def stream(key: bytes, nonce: bytes, body: bytes) -> bytes:
    """Decrypt as the AEAD does, leaving its tag and the block of the stream for it aside."""
    start = (1).to_bytes(4, "little") + nonce
    return Cipher(ChaCha20(key, start), mode=None).decryptor().update(body)


def _has_sense(plain: bytes) -> bool:
    """Tell whether bytes are a plaintext of the protocol: a framed node, or filled with zeros."""
    if len(plain) < 64:
        return False
    size = int.from_bytes(plain[:4], "big")
    framed = 0 < size <= len(plain) - 4 and not any(plain[4 + size :])
    filled = plain.endswith(bytes(16)) or _is_text(plain)
    return framed or filled


def _is_text(plain: bytes) -> bool:
    return all(32 <= byte < 127 or byte in b"\t\r\n" for byte in plain[:256])


def _keys_in(plain: bytes) -> Iterator[bytes]:
    for found in _CBOR_BYTES.finditer(plain):
        short, long = found.groups()
        size = short[0] if short else int.from_bytes(long, "big")
        body = plain[found.end() : found.end() + size]
        if len(body) == size and size % KEY_BYTES == 0:
            for at in range(0, size, KEY_BYTES):
                yield body[at : at + KEY_BYTES]
