"""The archive of one passport: opened under a lock, changed in memory, committed whole.

A commit writes new blocks, makes them durable, writes the head, and only then deletes what it
supersedes. Whoever is killed in between leaves the old or the new archive, and perhaps blocks
without a parent, which the next erasure collects.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mip_cli.crypto import archive_keys
from mip_cli.crypto.aead import KEY_BYTES, Rng, system_rng
from mip_cli.crypto.archive_blocks import Place, chunk_count, seal_node, seal_root
from mip_cli.crypto.archive_keys import ArchiveKey
from mip_cli.crypto.cid import Link
from mip_cli.errors import UsageFault
from mip_cli.progress import Progress, Silent
from mip_cli.store.archive import content, head, views, walk
from mip_cli.store.archive.blocks import BlockDamaged, BlockMissing, BlockStore
from mip_cli.store.archive.categories import (
    BUILT_IN,
    JSON_TYPE,
    Rule,
    built_in_rule,
    credential_rule,
    parse_record,
)
from mip_cli.store.archive.category import OpenCategory
from mip_cli.store.archive.grants import GrantRecord
from mip_cli.store.archive.head import Head
from mip_cli.store.archive.log import Act
from mip_cli.store.archive.manifest import (
    CREDENTIAL_TYPE,
    Record,
    require_category,
    require_path,
)
from mip_cli.store.archive.reading import ArchiveReader
from mip_cli.store.archive.root import MAX_CATEGORIES, CategoryState, RootState

Clock = Callable[[], float]


class Archive(ArchiveReader):
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
        super().__init__(home, store, owner, key)
        self._rng = rng
        self._clock = clock
        self._rules: dict[str, Rule] = {}
        self._gone: list[Link] = []
        self._doomed: list[Link] = []
        self._stale: dict[bytes, bool] = {}
        self._changed = False

    def start(self) -> None:
        """Begin an archive that does not exist yet; ``commit`` makes it exist."""
        self.anchor_key = self._rng(KEY_BYTES)
        self._note(Act.CREATE, {})

    def adopt(self, root: Link) -> Head:
        """Make a root that was loaded, and is durable in the store, the archive's head."""
        self._head = Head(self.store.uri, root, self._commit, len(self.log), self.log.root)
        head.write_head(self.home, self._head)
        return self._head

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
        place = self._category_for(category)
        place.require_room(path)
        before = place.records.get(path)
        if before is not None and before[1].type == CREDENTIAL_TYPE != media_type:
            raise UsageFault(
                f"{path} is a credential, which nothing else can take the place of",
                hint="choose another --path; `mip kyc remove` deletes a credential",
            )
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
        place.keep(record, link)
        place.state = replace(place.state, live=len(place.records))
        self._note(Act.PUT, _about(category, record, link))
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

    def put_credential(self, category: str, path: str, data: bytes) -> Record:
        """Add a sealed credential; no view will hold it. Raises ``RecordInvalid``; see ``put``."""
        credential_rule().judge(parse_record(data))
        return self.put(category, path, CREDENTIAL_TYPE, len(data), _reader(data))

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
        place = self.category(category)
        wanted = set(place.records if paths is None else paths)
        for path in sorted(wanted):
            found = self.find(category, path)
            self._gone += self._blocks_of(found.record, found.link)
            place.drop(path)
        for entry in self.log:
            about = entry.about
            if entry.act not in (Act.PUT, Act.RESEAL) or about is None:
                continue
            if about["category"] == category and about["path"] in wanted:
                self.log.redact(entry.number)
        place.state = replace(place.state, live=len(place.records))
        self.advance_epoch(category)
        for grant in self.grants.live(category):
            self.renew_view(grant, rebuild=True)
        self._note(Act.ERASE, {"category": category, "count": len(wanted)})
        self.key, wrap = archive_keys.following(self.key, self._rng)
        self._wraps = (*self._wraps, wrap)
        return len(wanted)

    def note_anchor(self, chain_id: int, contract: str, sequence: int) -> int:
        """Log that the log up to here is being anchored; return the log's size with this act."""
        about = {"chain_id": chain_id, "contract": contract, "sequence": sequence}
        return self._note(Act.ANCHOR, about) + 1

    # -- granting ------------------------------------------------------------------------------

    def keep_grant(self, record: GrantRecord) -> None:
        """Keep a grant as it is now; the view that it had and has no more goes."""
        before = self.grants.get(record.id)
        if before is not None and before.view is not None and before.view != record.view:
            self._doomed.append(before.view)
        if not record.live:
            self._stale.pop(record.id, None)
        self.grants.put(record)
        self._changed = True

    def renew_view(self, record: GrantRecord, *, rebuild: bool) -> None:
        """Have the next commit seal a view anew; with ``rebuild`` from the records of then."""
        if record.receipt.level:
            self._stale[record.id] = rebuild or self._stale.get(record.id, False)
            self._changed = True

    def advance_epoch(self, category: str) -> None:
        """Give a category a new epoch and a new key to derive the keys of grants from."""
        place = self.category(category)
        state = place.state
        # what the views are sealed under until the commit seals them anew
        place.former.setdefault(state.epoch, state.epoch_key)
        place.state = replace(state, epoch=state.epoch + 1, epoch_key=self._rng(KEY_BYTES))
        for grant in self.grants.live(category):
            self.renew_view(grant, rebuild=False)
        self._changed = True

    def reseal(self, category: str, progress: Progress | None = None) -> int:
        """Encrypt every record of a category anew, so that no old key opens it; see ``put``."""
        place, observer = self.category(category), progress or Silent()
        total = len(place.records)
        entries = [(record, link) for _, record, link in place.records.values()]
        fresh = content.resealed(self.store, place.tag, entries, self._rng)
        for done, (record, link) in enumerate(fresh):
            _, before, old = place.records[record.path]
            self._gone += self._blocks_of(before, old)
            place.reseal(record, link)
            self._note(Act.RESEAL, _about(category, record, link))
            observer.advance(done + 1, total)
        return total

    def note_grant(self, record: GrantRecord) -> None:
        """Log that something was granted."""
        r = record.receipt
        self._note(Act.GRANT, {"category": r.category, "level": r.level, "receipt": record.id})

    def note_revoke(self, record: GrantRecord) -> None:
        """Log that a grant ended."""
        self._note(Act.REVOKE, {"category": record.category, "receipt": record.id})

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
        self._renew_views()
        grants_top, blocks, gone = self.grants.flush(self._rng)
        self.store.put(blocks)
        self._gone += gone
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
            grants=grants_top,
        )
        value, links = state.encode()
        root = seal_root(self.key, self.owner, self._wraps, value, links, self._rng)
        self.store.put([root])
        self.store.publish(root.cid, previous)
        self._commit += 1
        committed = self.adopt(root.cid)
        self._changed = False
        gone = views.unneeded(self, self._gone, self._doomed)
        self._gone, self._doomed = [], []
        self.store.delete([*gone, *([] if previous is None else [previous])])
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

    def _renew_views(self) -> None:
        for grant, rebuild in self._stale.items():
            record = self.grants.get(grant)
            if record is None or not record.live:
                continue
            if record.view is not None:
                self._doomed.append(record.view)
            renewed = views.renew(self, record, self._now(), self._rng, rebuild=rebuild)
            self.grants.put(renewed)
        self._stale = {}
        for place in self._open.values():
            place.former.clear()

    def _note(self, act: Act, about: Mapping[str, object]) -> int:
        self._changed = True
        return self.log.append(act, about, self._now(), self._rng)

    def _category_for(self, name: str) -> OpenCategory:
        """Return a category to put something in; a built-in one begins when something comes."""
        if name in BUILT_IN and name not in self._open and name not in self._states:
            return self._new_category(name)
        return self.category(name)

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

    def _blocks_of(self, record: Record, link: Link) -> list[Link]:
        try:
            return content.blocks_of(self.store, record, link)
        except (BlockMissing, BlockDamaged):
            return [link]  # what it listed cannot be told any more


def _about(category: str, record: Record, link: Link) -> dict[str, object]:
    return {
        "category": category,
        "content": bytes(link),
        "path": record.path,
        "size": record.size,
        "version": record.version,
    }


def _reader(data: bytes) -> content.Read:
    at = 0

    def read(size: int) -> bytes:
        nonlocal at
        piece = data[at : at + size]
        at += len(piece)
        return piece

    return read
