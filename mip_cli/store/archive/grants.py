"""What an archive keeps of the holder's grants: a list, and a node for each (section 17)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from mip_cli.crypto import grant_card, grant_consent
from mip_cli.crypto.aead import KEY_BYTES, Rng
from mip_cli.crypto.archive_blocks import Block, BlockInvalid, Place, open_node, seal_node
from mip_cli.crypto.cid import Link
from mip_cli.crypto.grant_card import Card
from mip_cli.crypto.grant_consent import ConsentReceipt
from mip_cli.crypto.grant_view import ViewPlace
from mip_cli.errors import FileInvalid, UsageFault
from mip_cli.store.archive.blocks import BlockStore, damaged, fetch
from mip_cli.store.archive.paged import PagedList, Top

NAME = re.compile(r"[a-z0-9_-]{1,32}")
MAX_ACCESSES = 64
"""Access receipts kept of a grant, the newest."""
MAX_ACCESS = 8 * 1024
"""Bytes of one."""

_MEMBERS = {
    "accesses",
    "bundle_seed",
    "card",
    "category",
    "ended",
    "epoch",
    "name",
    "number",
    "receipt",
    "state",
    "store",
}


class GrantState(StrEnum):
    """How far a grant has come."""

    PREPARED = "prepared"
    """Durable here, perhaps sent."""
    GRANTED = "granted"
    """On chain."""
    ENDED = "ended"


class Ending(StrEnum):
    """How a grant ended."""

    REVOKED = "revoked"
    """By the holder, or renounced by the grantee."""
    REPLACED = "replaced"
    """Another grant to the same grantee took its place."""
    VOID = "void"
    """The epoch of its pseudonym advanced."""
    EXPIRED = "expired"
    DROPPED = "dropped"
    """It never reached the chain."""


@dataclass(frozen=True, repr=False)
class GrantRecord:
    """One grant as its holder keeps it."""

    name: str
    """The holder's name for it."""
    receipt: ConsentReceipt
    """What he consented to."""
    card: Card
    """To whom."""
    bundle_seed: bytes
    """Private half of the bundle key."""
    state: GrantState = GrantState.PREPARED
    ended: Ending | None = None
    epoch: int = 0
    """Of the category when the view was made."""
    number: int = 0
    """Of the newest bundle; 0 before there is one."""
    view: Link | None = None
    """What its key opens; None at level 0 and once ended."""
    store: str | None = None
    """Where bundles say that the blocks can be had."""
    accesses: tuple[bytes, ...] = ()
    """Access receipts that the grantee handed back."""

    def __repr__(self) -> str:
        return f"GrantRecord({self.name!r}, {self.state}, <redacted>)"

    @property
    def id(self) -> bytes:
        """The receipt's hash."""
        return self.receipt.id

    @property
    def category(self) -> str:
        """What of."""
        return self.receipt.category

    @property
    def live(self) -> bool:
        """Whether it has, or may come to have, force."""
        return self.state is not GrantState.ENDED

    @property
    def place(self) -> ViewPlace:
        """What its view is bound to."""
        return ViewPlace(self.id, self.category, self.epoch, self.number)


class GrantBook:
    """The grants of one archive, read at once and changed in memory until ``flush``."""

    def __init__(self, store: BlockStore, tag: bytes, top: Top) -> None:
        self._store = store
        self._tag = tag
        self._list = PagedList(store, tag, top, linked=True)
        self._records: dict[bytes, GrantRecord] = {}
        self._places: dict[bytes, tuple[int, Link | None]] = {}
        self._dirty: set[bytes] = set()
        self._load()

    def __iter__(self) -> Iterator[GrantRecord]:
        return iter(list(self._records.values()))

    def __len__(self) -> int:
        return len(self._records)

    def live(self, category: str | None = None) -> list[GrantRecord]:
        """Return the grants that have force, or may have; of one category if one is named."""
        return [r for r in self if r.live and category in (None, r.category)]

    def named(self, name: str) -> GrantRecord | None:
        """Return the grant of a name; the live one, else the one that ended last."""
        found = [r for r in self if r.name == name]
        live = [r for r in found if r.live]
        return (live or found)[-1] if found else None

    def require(self, name: str) -> GrantRecord:
        """Return the grant of a name; raise ``UsageFault`` when there is none."""
        found = self.named(name)
        if found is None:
            names = ", ".join(sorted({r.name for r in self}))
            raise UsageFault(
                f"there is no grant called {name}",
                hint=f"there are: {names}" if names else "make one: mip grant issue CARD",
            )
        return found

    def get(self, grant: bytes) -> GrantRecord | None:
        """Return a grant by its receipt's hash."""
        return self._records.get(grant)

    def put(self, record: GrantRecord) -> None:
        """Add a grant, or put it in the place of what it was."""
        self._records[record.id] = record
        self._dirty.add(record.id)

    def flush(self, rng: Rng) -> tuple[Top, list[Block], list[Link]]:
        """Seal what changed; return the new top, the new blocks and those they supersede."""
        fresh: list[Block] = []
        gone: list[Link] = []
        for grant in sorted(self._dirty):
            record, key = self._records[grant], rng(KEY_BYTES)
            links = [] if record.view is None else [record.view]
            block = seal_node(Place("grant", self._tag), key, _encode(record), links)
            fresh.append(block)
            entry = [grant, key]
            index, before = self._places.get(grant, (None, None))
            if index is None:
                index = self._list.append(entry, block.cid)
            else:
                self._list.replace(index, entry, block.cid)
            if before is not None:
                gone.append(before)
            self._places[grant] = (index, block.cid)
        self._dirty.clear()
        top, blocks, superseded = self._list.flush(rng)
        return top, fresh + blocks, gone + superseded

    def _load(self) -> None:
        entries = [(index, value, link) for index, (value, link) in enumerate(self._list)]
        blocks = fetch(self._store, [link for _, _, link in entries if link is not None])
        for (index, value, link), block in zip(entries, blocks, strict=True):
            if link is None:
                raise ValueError("a list with links has one for each entry")
            try:
                grant, key = value
                content, links = open_node(Place("grant", self._tag), key, block)
                record = _decode(content, links)
                if record.id != grant or grant in self._records:
                    raise ValueError
            except (BlockInvalid, FileInvalid, ValueError, TypeError, KeyError):
                raise damaged(self._store, link, "it is not what is kept of a grant") from None
            self._records[grant] = record
            self._places[grant] = (index, link)


def ended(record: GrantRecord, how: Ending) -> GrantRecord:
    """Return a grant that ended: without its view."""
    return replace(record, state=GrantState.ENDED, ended=how, view=None)


def _encode(record: GrantRecord) -> dict[str, object]:
    return {
        "accesses": list(record.accesses),
        "bundle_seed": record.bundle_seed,
        "card": grant_card.FORM.encode(record.card),
        "category": record.category,
        "ended": None if record.ended is None else record.ended.value,
        "epoch": record.epoch,
        "name": record.name,
        "number": record.number,
        "receipt": grant_consent.FORM.encode(record.receipt),
        "state": record.state.value,
        "store": record.store,
    }


def _decode(value: Any, links: list[Link]) -> GrantRecord:
    if not isinstance(value, dict) or set(value) != _MEMBERS or len(links) > 1:
        raise ValueError
    ending = None if value["ended"] is None else Ending(value["ended"])
    accesses = tuple(value["accesses"])
    record = GrantRecord(
        name=value["name"],
        receipt=grant_consent.FORM.decode(value["receipt"]),
        card=grant_card.FORM.decode(value["card"]),
        bundle_seed=value["bundle_seed"],
        state=GrantState(value["state"]),
        ended=ending,
        epoch=value["epoch"],
        number=value["number"],
        view=links[0] if links else None,
        store=value["store"],
        accesses=accesses,
    )
    numbers = (record.epoch, record.number)
    sound = (
        record.category == value["category"]
        and NAME.fullmatch(record.name) is not None
        and type(record.bundle_seed) is bytes
        and len(record.bundle_seed) == KEY_BYTES
        and all(type(n) is int and 0 <= n < 1 << 32 for n in numbers)
        and (record.store is None or isinstance(record.store, str))
        and (record.state is GrantState.ENDED) == (ending is not None)
        and len(accesses) <= MAX_ACCESSES
        and all(type(a) is bytes and len(a) <= MAX_ACCESS for a in accesses)
    )
    if not sound:
        raise ValueError
    return record
