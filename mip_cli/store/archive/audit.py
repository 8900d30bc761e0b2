"""Reading everything an archive holds, and holding its log against its manifests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mip_cli.crypto import archive_keys, merkle_log
from mip_cli.crypto.archive_blocks import BlockInvalid
from mip_cli.errors import FileInvalid
from mip_cli.progress import Progress
from mip_cli.store.archive.archive import Archive
from mip_cli.store.archive.log import Act
from mip_cli.store.archive.reading import Found
from mip_cli.store.archive.view_reader import ViewReader


@dataclass(frozen=True)
class AnchorNote:
    """An act of anchoring in the log."""

    chain_id: int
    """EIP-155 chain id."""
    contract: str
    """ArchiveAnchor."""
    sequence: int
    """Its number among the pseudonym's anchors."""
    size: int
    """Acts in the log up to it."""
    root: bytes
    """Root of the tree over them."""


@dataclass(frozen=True)
class Audit:
    """What was read and found sound."""

    records: int
    """Records and files."""
    size: int
    """Bytes of their content."""
    acts: int
    """Acts in the log."""
    log_root: bytes
    """Root of the log's tree."""
    anchors: tuple[AnchorNote, ...]
    """Acts of anchoring, oldest first."""


class ArchiveContradicts(FileInvalid):
    """Log and manifests of an archive tell different stories."""


def audit(archive: Archive, progress: Progress) -> Audit:
    """Read every block of an archive and compare.

    Raises ``BlockMissing``, ``BlockDamaged``, ``ArchiveContradicts`` for the first thing that is
    not as it must be.
    """
    progress.step("reading the log")
    try:
        hashes = archive.log.leaf_hashes()
        told, added = _replay(archive)
        anchors = anchor_notes(archive, hashes)
    except BlockInvalid as error:
        raise ArchiveContradicts(str(error)) from None
    progress.step("reading every record")
    count = size = 0
    total = sum(archive.categories.values())
    for category in archive.categories:
        archive.schema(category)
        added.discard(category)
        for found, length in _contents(archive, category):
            record = found.record
            about = told.pop((category, record.path), None)
            if about != (record.version, record.size, bytes(found.link)):
                raise ArchiveContradicts(
                    f"the log does not tell of version {record.version} of {record.path} in "
                    f"{category}"
                )
            count, size = count + 1, size + length
            progress.advance(count, total)
    _require_views(archive)
    if told or added:
        raise ArchiveContradicts("the log tells of something that the manifests lack")
    return Audit(count, size, len(archive.log), archive.log.root, anchors)


def _require_views(archive: Archive) -> None:
    """Open what each grant's key opens, and read what it alone leads to."""
    for record in archive.grants:
        if record.view is None:
            continue
        if record.epoch != archive.state_of(record.category).epoch:
            raise ArchiveContradicts(f"the view of {record.name} is of an epoch that ended")
        key = archive.grant_key(record.category, record.id)
        level = record.receipt.level
        view = ViewReader(archive.store, record.place, record.view, key, level)
        for shown in view.records():
            if level == 2:
                for _ in view.read(shown):
                    pass


def anchor_notes(archive: Archive, hashes: list[bytes]) -> tuple[AnchorNote, ...]:
    """Return the acts of anchoring with the tree that each closes."""
    notes = []
    peaks: tuple[bytes, ...] = ()
    for entry, leaf in zip(archive.log, hashes, strict=True):
        peaks = merkle_log.append(peaks, entry.number, leaf)
        if entry.act is Act.ANCHOR and entry.about is not None:
            notes.append(_note(entry.about, entry.number + 1, merkle_log.root_of(peaks)))
    return tuple(notes)


def commitment_salt(archive: Archive, sequence: int) -> bytes:
    """Return the salt that opens one anchored commitment of an archive."""
    return archive_keys.anchor_salt(archive.anchor_key, sequence)


def _contents(archive: Archive, category: str) -> Iterator[tuple[Found, int]]:
    small: list[Found] = []
    for found in list(archive.records(category)):
        if found.record.chunks == 1:
            small.append(found)
        else:
            yield found, sum(len(piece) for piece in archive.read(found))
    for found, body in archive.read_small(category, small):
        yield found, len(body)


def _replay(
    archive: Archive,
) -> tuple[dict[tuple[str, str], tuple[int, int, bytes]], set[str]]:
    """Return what the log says is there now, and the categories that it says were added."""
    told: dict[tuple[str, str], tuple[int, int, bytes]] = {}
    added: set[str] = set()
    for entry in archive.log:
        about: Mapping[str, Any] | None = entry.about
        if about is None:
            if entry.act not in (Act.PUT, Act.RESEAL):
                raise BlockInvalid("an act other than putting was taken out of the log")
        elif entry.act in (Act.PUT, Act.RESEAL):
            where = (about["category"], about["path"])
            told[where] = (about["version"], about["size"], about["content"])
        elif entry.act is Act.CATEGORY:
            added.add(about["category"])
    return told, added


def _note(about: Mapping[str, Any], size: int, root: bytes) -> AnchorNote:
    chain_id, contract, sequence = about["chain_id"], about["contract"], about["sequence"]
    if type(chain_id) is not int or type(contract) is not str or type(sequence) is not int:
        raise BlockInvalid("an entry of the log has another shape")
    return AnchorNote(chain_id, contract, sequence, size, root)
