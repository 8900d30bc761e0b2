"""Views: what the key of a grant opens, made from the records of now (section 16)."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from mip_cli.crypto import archive_keys, jsontext
from mip_cli.crypto.aead import KEY_BYTES, Rng
from mip_cli.crypto.archive_blocks import BlockInvalid
from mip_cli.crypto.cid import Link
from mip_cli.crypto.grant_view import ViewContent, ViewPlace, open_view, seal_view
from mip_cli.store.archive import content, redaction, walk
from mip_cli.store.archive.blocks import BlockDamaged, BlockMissing, damaged, fetch_one
from mip_cli.store.archive.category import OpenCategory
from mip_cli.store.archive.grants import GrantRecord
from mip_cli.store.archive.manifest import CREDENTIAL_TYPE, JSON_TYPE, Record
from mip_cli.store.archive.paged import PagedList, Top
from mip_cli.store.archive.reading import ArchiveReader, Found

_BATCH = 256


def renew(
    archive: ArchiveReader, record: GrantRecord, now: int, rng: Rng, *, rebuild: bool
) -> GrantRecord:
    """Seal the view of a grant anew under the category's present epoch; return what to keep.

    With ``rebuild`` it shows the records of now, else what it showed. A view of level 3 always
    shows the manifest as it is, without credentials.
    """
    category = archive.category(record.category)
    state, number = category.state, record.number + 1
    if record.receipt.level == 3:
        shown = _whole(archive, category, rng)
    else:
        kept = None if rebuild else _present(archive, category, record)
        shown = kept or _build(archive, record, now, rng)
    key = archive_keys.grantee_key(state.epoch_key, record.id)
    place = ViewPlace(record.id, record.category, state.epoch, number)
    block = seal_view(place, key, shown, rng=rng)
    archive.store.put([block])
    return replace(record, epoch=state.epoch, number=number, view=block.cid)


def unneeded(archive: ArchiveReader, gone: Sequence[Link], doomed: Iterable[Link]) -> list[Link]:
    """Return which of superseded blocks nothing needs any more.

    ``doomed`` are views that went: what they alone led to goes too. Views of level 3 hold what they
    link to. Where the store lacks blocks nothing is deleted; the next erasure collects.
    """
    try:
        left = set(gone)
        doomed = list(doomed)
        if doomed:
            needed = set(walk.reachable(archive.store, archive.head.root))
            for view in doomed:
                left.update(walk.reachable(archive.store, view))
        elif left and len(archive.grants):
            needed = set()
            for grant in archive.grants.live():
                if grant.view is not None and grant.receipt.level == 3:
                    needed.update(walk.reachable(archive.store, grant.view))
        else:
            return list(gone)
    except (BlockMissing, BlockDamaged):
        return []
    return sorted(left - needed)


def _whole(archive: ArchiveReader, category: OpenCategory, rng: Rng) -> ViewContent:
    """Return the category's own list; one without the credentials where it holds such."""
    entries = [(record, link) for _, record, link in category.records.values()]
    left = [(record, link) for record, link in entries if record.type != CREDENTIAL_TYPE]
    top = category.state.top
    if len(left) < len(entries):
        shown = PagedList(archive.store, category.tag, Top(), linked=True)
        for record, link in left:
            shown.append(record.encode(), link)
        top, blocks, _ = shown.flush(rng)
        archive.store.put(blocks)
    return ViewContent(3, len(left), category.tag, top.length, top.key, top.cid)


def _present(
    archive: ArchiveReader, category: OpenCategory, record: GrantRecord
) -> ViewContent | None:
    """Return what the present view holds; None when there is none to be read."""
    if record.view is None:
        return None
    former = category.former.get(record.epoch, category.state.epoch_key)
    key = archive_keys.grantee_key(former, record.id)
    with suppress(BlockMissing, BlockDamaged, BlockInvalid):
        return open_view(record.place, key, fetch_one(archive.store, record.view))
    return None


def _build(archive: ArchiveReader, record: GrantRecord, now: int, rng: Rng) -> ViewContent:
    category, schema = record.category, archive.schema(record.category)
    tag = rng(KEY_BYTES)
    if record.receipt.level == 1:
        whole = archive.category(category).counted()
        counted = (
            (whole[found.record.path], value)
            for found, value in _json(archive, category)
            if found.record.path in whole
        )
        numbers = redaction.aggregate(counted, schema)
        return ViewContent(1, 0, tag, aggregates=jsontext.canonical(numbers))
    order = rng(KEY_BYTES)
    left = [
        (hmac.digest(order, found.record.path.encode(), "sha256"), body)
        for found, value in _json(archive, category)
        if (body := _redacted(value, schema)) is not None
    ]
    left.sort()
    entries = PagedList(archive.store, tag, Top(), linked=True)
    for start in range(0, len(left), _BATCH):
        some = left[start : start + _BATCH]
        records = [
            _numbered(start + offset + 1, body, now, rng) for offset, (_, body) in enumerate(some)
        ]
        written = content.write_small(archive.store, tag, records, [body for _, body in some])
        for one, link in written:
            entries.append(one.encode(), link)
    top, blocks, _ = entries.flush(rng)
    archive.store.put(blocks)
    return ViewContent(2, len(left), tag, top.length, top.key, top.cid)


def _json(archive: ArchiveReader, category: str) -> Iterator[tuple[Found, Any]]:
    wanted = [f for f in archive.records(category) if f.record.type == JSON_TYPE]
    for found, body in archive.read_small(category, wanted):
        try:
            yield found, jsontext.parse(body)
        except ValueError:
            raise damaged(archive.store, found.link, "it is not the JSON it was put as") from None


def _redacted(value: Any, schema: Any) -> bytes | None:
    left = redaction.redact(value, schema)
    return None if left is None else jsontext.canonical(left)


def _numbered(number: int, body: bytes, now: int, rng: Rng) -> Record:
    return Record(f"{number:06}.json", 1, now, JSON_TYPE, len(body), 1, rng(KEY_BYTES))
