"""The archive of one passport: opened under a lock, changed in memory, committed whole.

A commit writes new blocks, makes them durable, writes the head, and only then deletes what it
supersedes. Whoever is killed in between leaves the old or the new archive, and perhaps blocks
without a parent, which the next erasure collects.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mip_cli.crypto import archive_keys
from mip_cli.crypto.aead import KEY_BYTES, Rng, system_rng
from mip_cli.crypto.archive_blocks import (
    BlockInvalid,
    Place,
    chunk_count,
    open_node,
    open_root,
    seal_node,
    seal_root,
)
from mip_cli.crypto.archive_keys import ArchiveKey
from mip_cli.crypto.cid import Link
from mip_cli.errors import FileInvalid, UsageFault
from mip_cli.progress import Progress
from mip_cli.store.archive import content, head, walk
from mip_cli.store.archive.blocks import (
    BlockDamaged,
    BlockMissing,
    BlockStore,
    damaged,
    fetch_one,
)
from mip_cli.store.archive.categories import (
    BUILT_IN,
    JSON_TYPE,
    Rule,
    built_in_rule,
    parse_record,
)
from mip_cli.store.archive.category import OpenCategory
from mip_cli.store.archive.head import Head
from mip_cli.store.archive.log import Act, ArchiveLog
from mip_cli.store.archive.manifest import Record, require_category, require_path
from mip_cli.store.archive.paged import Top
from mip_cli.store.archive.root import MAX_CATEGORIES, CategoryState, RootState, decode_root

Clock = Callable[[], float]


@dataclass(frozen=True)
class Found:
    """A record and where its content begins."""

    category: str
    """Its category."""
    record: Record
    """What the manifest tells of it."""
    link: Link
    """The block that its entry links to."""


@dataclass(frozen=True)
class Erased:
    """What an erasure did."""

    records: int
    """Records that are gone."""
    blocks: int
    """Blocks that were deleted from the store, leftovers of earlier crashes included."""


class Archive:
    """One open archive. Not shared between threads; ``commit`` makes changes last."""

    def __init__(
        self,
        home: Path,
        store: BlockStore,
        owner: bytes,
        key: ArchiveKey,
        *,
        rng: Rng = system_rng,
        clock: Clock = time.time,
    ) -> None:
        self.home = home
        self.store = store
        self.owner = owner
        self.key = key
        self._rng = rng
        self._clock = clock
        self._wraps: tuple[bytes, ...] = ()
        self._head: Head | None = None
        self._states: dict[str, CategoryState] = {}
        self._open: dict[str, OpenCategory] = {}
        self._rules: dict[str, Rule] = {}
        self._gone: list[Link] = []
        self._commit = 0
        self._changed = False
        self.anchor_key = b""
        self.log = ArchiveLog(store, archive_keys.log_tag(owner), Top(), ())

    # -- opening -------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin an archive that does not exist yet; ``commit`` makes it exist."""
        self.anchor_key = self._rng(KEY_BYTES)
        self._note(Act.CREATE, {})

    def load(self, root: Link) -> None:
        """Read an archive from its root; raise ``BlockMissing``, ``BlockDamaged``."""
        block = fetch_one(self.store, root)
        try:
            opened = open_root(self.key, self.owner, block)
            state = decode_root(opened.value, opened.links)
        except BlockInvalid as error:
            raise damaged(self.store, root, str(error)) from None
        self.key, self._wraps = opened.key, opened.wraps
        self.anchor_key, self._commit = state.anchor_key, state.commit
        self._states = dict(state.categories)
        tag = archive_keys.log_tag(self.owner)
        self.log = ArchiveLog(self.store, tag, state.log, state.peaks)

    def attach(self, found: Head) -> None:
        """Load the archive that a head names; raise ``FileInvalid`` where the two disagree."""
        self.load(found.root)
        if (found.commit, found.size, found.log_root) != (
            self._commit,
            len(self.log),
            self.log.root,
        ):
            raise FileInvalid("the archive's head and root contradict each other")
        self._head = found

    def adopt(self, root: Link) -> Head:
        """Make a root that was loaded, and is durable in the store, the archive's head."""
        self._head = Head(self.store.uri, root, self._commit, len(self.log), self.log.root)
        head.write_head(self.home, self._head)
        return self._head

    @property
    def head(self) -> Head:
        """The committed head."""
        if self._head is None:
            raise ValueError("nothing was committed yet")
        return self._head

    @property
    def categories(self) -> Mapping[str, int]:
        """The categories that hold something or were added, and how many records each has."""
        found = {name: state.live for name, state in self._states.items()}
        found.update({name: one.state.live for name, one in self._open.items()})
        return dict(sorted(found.items()))

    # -- reading -------------------------------------------------------------------------------

    def records(self, category: str) -> Iterator[Found]:
        """Yield the records of a category in no particular order."""
        for _, record, link in self._category(category, create=False).records.values():
            yield Found(category, record, link)

    def find(self, category: str, path: str) -> Found:
        """Return one record; raise ``UsageFault`` when there is none."""
        found = self._category(category, create=False).records.get(path)
        if found is None:
            raise UsageFault(
                f"there is no {path} in {category}",
                hint=f"see what there is: mip archive list --category {category}",
            )
        _, record, link = found
        return Found(category, record, link)

    def read(self, found: Found, progress: Progress | None = None) -> Iterator[bytes]:
        """Yield the content of a record; see ``content.read``."""
        tag = archive_keys.category_tag(self.owner, found.category)
        return content.read(self.store, tag, found.record, found.link, progress)

    def read_small(self, category: str, wanted: Sequence[Found]) -> Iterator[tuple[Found, bytes]]:
        """Yield many records of one chunk each with their contents."""
        tag = archive_keys.category_tag(self.owner, category)
        for start in range(0, len(wanted), 256):
            some = wanted[start : start + 256]
            bodies = content.read_small(self.store, tag, [(f.record, f.link) for f in some])
            yield from zip(some, bodies, strict=True)

    def read_all(self, category: str) -> Iterator[tuple[Found, bytes]]:
        """Yield every record of a category with its content; for records, not for large files."""
        small: list[Found] = []
        for found in self.records(category):
            if found.record.chunks == 1:
                small.append(found)
            else:
                yield found, b"".join(self.read(found))
        yield from self.read_small(category, small)

    def schema(self, category: str) -> dict[str, Any]:
        """Return the JSON Schema of a category; raise ``UsageFault`` when there is no such one."""
        if category in BUILT_IN:
            return BUILT_IN[category]
        state = self._states.get(category)
        if state is None or state.schema is None or state.schema_key is None:
            raise UsageFault(
                f"there is no category {category}",
                hint=f"add it: mip archive category {category} --schema FILE",
            )
        try:
            tag = archive_keys.category_tag(self.owner, category)
            value, links = open_node(
                Place("schema", tag), state.schema_key, fetch_one(self.store, state.schema)
            )
            if links or not isinstance(value, dict) or set(value) != {"schema"}:
                raise BlockInvalid("a schema has another shape")
            return dict(parse_record(value["schema"]))
        except (BlockInvalid, TypeError, ValueError):
            raise damaged(self.store, state.schema, "it is not this category's schema") from None

    # -- changing ------------------------------------------------------------------------------

    def put(
        self,
        category: str,
        path: str,
        media_type: str,
        size: int,
        read: content.Read,
        progress: Progress | None = None,
    ) -> Record:
        """Add content, or put it in the place of what the path had; lasting after ``commit``."""
        require_path(path)
        content.require_size(size)
        place = self._category(category, create=True)
        before = place.records.get(path)
        record = Record(
            path=path,
            version=1 if before is None else before[1].version + 1,
            at=self._now(),
            type=media_type,
            size=size,
            chunks=chunk_count(size),
            key=self._rng(KEY_BYTES),
        )
        link = content.write(self.store, place.tag, record, read, progress)
        if before is not None:
            self._gone += self._blocks_of(before[1], before[2])
        self._place(place, record, link, None if before is None else before[0])
        about = {
            "category": category,
            "content": bytes(link),
            "path": path,
            "size": size,
            "version": record.version,
        }
        self._note(Act.PUT, about)
        return record

    def put_record(self, category: str, path: str, data: bytes) -> Record:
        """Add a JSON record that obeys its category's schema; see ``put``.

        Raises ``RecordInvalid``.
        """
        rule = self._rules.get(category)
        if rule is None:
            built_in = category in BUILT_IN
            rule = built_in_rule(category) if built_in else Rule(category, self.schema(category))
            self._rules[category] = rule
        rule.judge(parse_record(data))
        return self.put(category, path, JSON_TYPE, len(data), _reader(data))

    def add_category(self, name: str, schema: bytes) -> None:
        """Add a category with a schema of the holder's; raise ``UsageFault`` for a known name."""
        require_category(name)
        if name in BUILT_IN or name in self._states:
            raise UsageFault(f"the category {name} exists", hint="choose another name")
        key = self._rng(KEY_BYTES)
        tag = archive_keys.category_tag(self.owner, name)
        block = seal_node(Place("schema", tag), key, {"schema": schema}, [])
        self.store.put([block])
        self._new_category(name, schema_key=key, schema=block.cid)
        self._note(Act.CATEGORY, {"category": name})

    def erase(self, category: str, paths: Sequence[str] | None) -> int:
        """Take records and every key to them out, all of a category where ``paths`` is None.

        Lasting after ``commit``; then the caller must keep ``key``, which is a new one.
        """
        place = self._category(category, create=False)
        wanted = set(place.records if paths is None else paths)
        for path in sorted(wanted):
            found = self.find(category, path)
            self._gone += self._blocks_of(found.record, found.link)
            index, _, _ = place.records.pop(path)
            place.list.replace(index, None)
            place.free.append(index)
        for entry in self.log:
            about = entry.about
            if entry.act is not Act.PUT or about is None:
                continue
            if about["category"] == category and about["path"] in wanted:
                self.log.redact(entry.number)
        place.state = replace(
            place.state,
            live=len(place.records),
            epoch=place.state.epoch + 1,
            epoch_key=self._rng(KEY_BYTES),
        )
        self._note(Act.ERASE, {"category": category, "count": len(wanted)})
        self.key, wrap = archive_keys.following(self.key, self._rng)
        self._wraps = (*self._wraps, wrap)
        return len(wanted)

    def note_anchor(self, chain_id: int, contract: str, sequence: int) -> int:
        """Log that the log up to here is being anchored; return the log's size with this act."""
        about = {"chain_id": chain_id, "contract": contract, "sequence": sequence}
        return self._note(Act.ANCHOR, about) + 1

    # -- committing ----------------------------------------------------------------------------

    def commit(self) -> Head:
        """Make all changes last, in one step; return the head."""
        if not self._changed:
            return self.head
        previous = None if self._head is None else self._head.root
        for name, place in self._open.items():
            top, blocks, gone = place.list.flush(self._rng)
            self.store.put(blocks)
            self._gone += gone
            place.state = replace(place.state, top=top)
            self._states[name] = place.state
        log_top, blocks, gone = self.log.flush(self._rng)
        self.store.put(blocks)
        self._gone += gone
        state = RootState(
            anchor_key=self.anchor_key,
            at=self._now(),
            commit=self._commit + 1,
            log=log_top,
            peaks=self.log.peaks,
            categories=self._states,
        )
        value, links = state.encode()
        root = seal_root(self.key, self.owner, self._wraps, value, links, self._rng)
        self.store.put([root])
        self.store.publish(root.cid, previous)
        self._commit += 1
        committed = self.adopt(root.cid)
        self._changed = False
        gone = [*self._gone, *([] if previous is None else [previous])]
        self._gone = []
        self.store.delete(gone)
        return committed

    def sweep(self) -> int:
        """Delete every block that the committed root does not lead to; return how many."""
        listing = self.store.listing()
        if listing is None:
            return 0
        wanted = set(walk.reachable(self.store, self.head.root))
        stray = [cid for cid in listing if cid not in wanted]
        self.store.delete(stray)
        return len(stray)

    # -- inside --------------------------------------------------------------------------------

    def _now(self) -> int:
        return int(self._clock())

    def _note(self, act: Act, about: Mapping[str, object]) -> int:
        self._changed = True
        return self.log.append(act, about, self._now(), self._rng)

    def _category(self, name: str, *, create: bool) -> OpenCategory:
        if name in self._open:
            return self._open[name]
        state = self._states.get(name)
        if state is None:
            require_category(name)
            if name not in BUILT_IN:
                raise UsageFault(
                    f"there is no category {name}",
                    hint=f"one of {', '.join(self.known_categories())}, or add it: "
                    f"mip archive category {name} --schema FILE",
                )
            if not create:
                raise UsageFault(f"there is nothing in {name}")
            return self._new_category(name)
        tag = archive_keys.category_tag(self.owner, name)
        return self._open.setdefault(name, OpenCategory(self.store, tag, state))

    def known_categories(self) -> list[str]:
        """Return the categories that something can be put in."""
        return sorted({*BUILT_IN, *self._states})

    def _new_category(
        self, name: str, *, schema_key: bytes | None = None, schema: Link | None = None
    ) -> OpenCategory:
        if len(self._states) >= MAX_CATEGORIES:
            raise UsageFault(f"an archive has at most {MAX_CATEGORIES} categories")
        state = CategoryState(
            epoch=0, epoch_key=self._rng(KEY_BYTES), schema_key=schema_key, schema=schema
        )
        self._states[name] = state
        tag = archive_keys.category_tag(self.owner, name)
        self._open[name] = OpenCategory(self.store, tag, state)
        return self._open[name]

    def _place(self, place: OpenCategory, record: Record, link: Link, index: int | None) -> None:
        if index is None and place.free:
            index = place.free.pop()
        if index is None:
            index = place.list.append(record.encode(), link)
        else:
            place.list.replace(index, record.encode(), link)
        place.records[record.path] = (index, record, link)
        place.state = replace(place.state, live=len(place.records))

    def _blocks_of(self, record: Record, link: Link) -> list[Link]:
        try:
            return content.blocks_of(self.store, record, link)
        except (BlockMissing, BlockDamaged):
            return [link]  # what it listed cannot be told any more


def _reader(data: bytes) -> content.Read:
    at = 0

    def read(size: int) -> bytes:
        nonlocal at
        piece = data[at : at + size]
        at += len(piece)
        return piece

    return read
