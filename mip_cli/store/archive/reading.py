"""Reading an open archive: its categories, records and their contents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mip_cli.crypto import archive_keys
from mip_cli.crypto.archive_blocks import BlockInvalid, Place, open_node, open_root
from mip_cli.crypto.archive_keys import ArchiveKey
from mip_cli.crypto.cid import Link
from mip_cli.errors import FileInvalid, UsageFault
from mip_cli.progress import Progress
from mip_cli.store.archive import content
from mip_cli.store.archive.blocks import BlockStore, damaged, fetch_one
from mip_cli.store.archive.categories import BUILT_IN, parse_record
from mip_cli.store.archive.category import OpenCategory
from mip_cli.store.archive.grants import GrantBook
from mip_cli.store.archive.head import Head
from mip_cli.store.archive.log import ArchiveLog
from mip_cli.store.archive.manifest import Record, require_category
from mip_cli.store.archive.paged import Top
from mip_cli.store.archive.root import CategoryState, decode_root


@dataclass(frozen=True)
class Found:
    """A record and where its content begins."""

    category: str
    """Its category."""
    record: Record
    """What the manifest tells of it."""
    link: Link
    """The block that its entry links to."""


class ArchiveReader:
    """One open archive, read only. Not shared between threads."""

    def __init__(self, home: Path, store: BlockStore, owner: bytes, key: ArchiveKey) -> None:
        self.home = home
        self.store = store
        self.owner = owner
        self.key = key
        self.anchor_key = b""
        self.log = ArchiveLog(store, archive_keys.log_tag(owner), Top(), ())
        self._wraps: tuple[bytes, ...] = ()
        self._head: Head | None = None
        self._states: dict[str, CategoryState] = {}
        self._open: dict[str, OpenCategory] = {}
        self._commit = 0
        self._grants_top = Top()
        self._grants: GrantBook | None = None

    # -- opening -------------------------------------------------------------------------------

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
        self._grants_top = state.grants
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

    @property
    def grants(self) -> GrantBook:
        """What the holder granted, read once."""
        if self._grants is None:
            tag = archive_keys.grants_tag(self.owner)
            self._grants = GrantBook(self.store, tag, self._grants_top)
        return self._grants

    def known_categories(self) -> list[str]:
        """Return the categories that something can be put in."""
        return sorted({*BUILT_IN, *self._states})

    # -- reading -------------------------------------------------------------------------------

    def state_of(self, category: str) -> CategoryState:
        """Return what the root keeps of a category; raise ``UsageFault`` where there is nothing."""
        return self.category(category).state

    def grant_key(self, category: str, grant: bytes) -> bytes:
        """Return the key that a grant on a category carries in the present epoch."""
        return archive_keys.grantee_key(self.state_of(category).epoch_key, grant)

    def records(self, category: str) -> Iterator[Found]:
        """Yield the records of a category in no particular order."""
        for _, record, link in self.category(category).records.values():
            yield Found(category, record, link)

    def find(self, category: str, path: str) -> Found:
        """Return one record; raise ``UsageFault`` when there is none."""
        found = self.category(category).records.get(path)
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

    # -- inside --------------------------------------------------------------------------------

    def category(self, name: str) -> OpenCategory:
        """Return an opened category; raise ``UsageFault`` where there is nothing in it."""
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
            raise UsageFault(f"there is nothing in {name}")
        tag = archive_keys.category_tag(self.owner, name)
        return self._open.setdefault(name, OpenCategory(self.store, tag, state))
