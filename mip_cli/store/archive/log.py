"""The log of an archive: leaves that stay, and details that erasing takes out.

A leaf commits to its detail under a salt. Without both, a leaf tells what kind of act happened when
and nothing else; whoever holds a proof about it can go on checking it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mip_cli.crypto import dagcbor, merkle_log
from mip_cli.crypto.aead import Rng
from mip_cli.crypto.archive_blocks import Block, BlockInvalid
from mip_cli.crypto.cid import Link
from mip_cli.store.archive.blocks import BlockStore
from mip_cli.store.archive.paged import PagedList, Top

SALT_BYTES = 32
MAX_LEAF = 256
"""Bytes of a leaf; ours have about 75."""
MAX_DETAIL = 1024
"""Bytes of a detail."""

_DETAIL = b"mip archive detail/1\0"


class Act(StrEnum):
    """What a leaf is about."""

    CREATE = "create"
    CATEGORY = "category"
    PUT = "put"
    ERASE = "erase"
    ANCHOR = "anchor"
    GRANT = "grant"
    REVOKE = "revoke"
    RESEAL = "reseal"


_MEMBERS = {
    Act.CREATE: set(),
    Act.CATEGORY: {"category"},
    Act.PUT: {"category", "content", "path", "size", "version"},
    Act.ERASE: {"category", "count"},
    Act.ANCHOR: {"chain_id", "contract", "sequence"},
    Act.GRANT: {"category", "level", "receipt"},
    Act.REVOKE: {"category", "receipt"},
    Act.RESEAL: {"category", "content", "path", "size", "version"},
}


@dataclass(frozen=True)
class LogEntry:
    """One act."""

    number: int
    """Position in the log, from 0."""
    act: Act
    """What was done."""
    at: int
    """Unix time in seconds."""
    leaf: bytes
    """What the tree holds."""
    salt: bytes | None
    """Opens the commitment to the detail; None once erased."""
    detail: bytes | None
    """DAG-CBOR of what it was about; None once erased."""
    about: Mapping[str, Any] | None
    """The detail, read."""


def detail_hash(salt: bytes, detail: bytes) -> bytes:
    """Commit to a detail."""
    return hashlib.sha256(_DETAIL + salt + detail).digest()


def read_leaf(leaf: bytes) -> tuple[Act, int, int, bytes]:
    """Return act, time, number and detail hash of a leaf; raise ``ValueError`` for no leaf."""
    if len(leaf) > MAX_LEAF:
        raise ValueError("a leaf is too long")
    value = dagcbor.decode(leaf)
    if not isinstance(value, dict) or set(value) != {"act", "at", "d", "n"}:
        raise ValueError("a leaf has other members")
    at, digest, number = value["at"], value["d"], value["n"]
    if not (_count(at) and _count(number) and type(digest) is bytes and len(digest) == 32):
        raise ValueError("a member of a leaf has another form")
    return Act(value["act"]), at, number, digest


def opens(digest: bytes, salt: bytes, detail: bytes) -> bool:
    """Tell whether salt and detail are what a leaf committed to."""
    return len(salt) == SALT_BYTES and hmac.compare_digest(detail_hash(salt, detail), digest)


class ArchiveLog:
    """The log of one archive, appended in memory until ``flush``."""

    def __init__(self, store: BlockStore, tag: bytes, top: Top, peaks: tuple[bytes, ...]) -> None:
        self._list = PagedList(store, tag, top, linked=False)
        self.peaks = peaks

    def __len__(self) -> int:
        return len(self._list)

    @property
    def root(self) -> bytes:
        """Root of the tree over all leaves."""
        return merkle_log.root_of(self.peaks)

    def append(self, act: Act, about: Mapping[str, object], now: int, rng: Rng) -> int:
        """Add an act and return its number."""
        number, salt = len(self._list), rng(SALT_BYTES)
        detail = dagcbor.encode(dict(about))
        leaf = dagcbor.encode(
            {"act": act.value, "at": now, "d": detail_hash(salt, detail), "n": number}
        )
        self.peaks = merkle_log.append(self.peaks, number, merkle_log.leaf_hash(leaf))
        self._list.append([leaf, salt, detail])
        return number

    def redact(self, number: int) -> None:
        """Take out what an act was about; its leaf stays."""
        (leaf, _, _), _ = self._list[number]
        self._list.replace(number, [leaf, None, None])

    def flush(self, rng: Rng) -> tuple[Top, list[Block], list[Link]]:
        """Seal what changed; see ``PagedList.flush``."""
        return self._list.flush(rng)

    def __getitem__(self, number: int) -> LogEntry:
        return _entry(number, self._list[number][0])

    def __iter__(self) -> Iterator[LogEntry]:
        for number, (value, _) in enumerate(self._list):
            yield _entry(number, value)

    def leaf_hashes(self) -> list[bytes]:
        """Return the hashes of all leaves; raise ``BlockInvalid`` unless they lead to the root."""
        hashes = [merkle_log.leaf_hash(entry.leaf) for entry in self]
        if merkle_log.peaks_of(hashes) != self.peaks:
            raise BlockInvalid("the leaves of the log do not lead to its root")
        return hashes


def _entry(number: int, value: Any) -> LogEntry:
    try:
        leaf, salt, detail = value
        if type(leaf) is not bytes or (salt is None) != (detail is None):
            raise ValueError
        act, at, claimed, digest = read_leaf(leaf)
        if claimed != number:
            raise ValueError
        about = None if detail is None else _about(act, digest, salt, detail)
    except (ValueError, TypeError):
        raise BlockInvalid("an entry of the log has another shape") from None
    return LogEntry(number, act, at, leaf, salt, detail, about)


def _about(act: Act, digest: bytes, salt: object, detail: object) -> dict[str, Any]:
    if type(salt) is not bytes or type(detail) is not bytes or len(detail) > MAX_DETAIL:
        raise ValueError
    if not opens(digest, salt, detail):
        raise ValueError
    about = dagcbor.decode(detail)
    if not isinstance(about, dict) or set(about) != _MEMBERS[act]:
        raise ValueError
    return about


def _count(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 63
