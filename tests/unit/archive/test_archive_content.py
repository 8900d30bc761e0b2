"""The archive over its stores: what is put comes back, however much, and is moved whole."""

from __future__ import annotations

import ctypes
import re
import sys
from pathlib import Path

import pytest

from mip_cli.crypto.archive_blocks import CHUNK
from mip_cli.errors import EnvironmentFault, FileInvalid, MipError, UsageFault
from mip_cli.progress import Silent
from mip_cli.store.archive import car, content, paged
from mip_cli.store.archive.archive import Archive
from mip_cli.store.archive.audit import ArchiveContradicts
from mip_cli.store.archive.blocks import BlockDamaged, BlockMissing
from mip_cli.store.archive.categories import RecordInvalid
from tests.unit.archive_support import Kept, clock, filled, pattern, reader

SIZES = (0, 1, 1023, 1024, 1025, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 9 * CHUNK + 5)


@pytest.mark.thorough
@pytest.mark.parametrize("size", SIZES)
def test_content__comes_back(kept: Kept, size: int) -> None:
    kept.put("other", "dir/file.bin", pattern(size))
    assert kept.get("other", "dir/file.bin") == pattern(size)
    assert kept.audit().size == size


@pytest.mark.thorough
def test_sizes__show_as_buckets_alone(kept: Kept) -> None:
    """A store cannot tell 9 chunks from 10, nor 20 bytes from 1,000."""

    def sizes() -> list[int]:
        with kept.blocks() as store:
            return sorted(len(data) for data in store.get(kept.names()))

    kept.put("other", "a", pattern(20))
    small = sizes()
    kept.put("other", "a", pattern(1000))
    assert sizes() == small
    kept.put("other", "a", pattern(9 * CHUNK - 7))
    large = sizes()
    kept.put("other", "a", pattern(9 * CHUNK + 7))
    assert sizes() == large


def test_replaced__versions_count_and_old_blocks_go(kept: Kept) -> None:
    kept.put("health", "x", pattern(5 * CHUNK))
    before = kept.names()
    kept.put("health", "x", pattern(10))
    with kept.open() as archive:
        record = archive.find("health", "x").record
        assert (record.version, record.size) == (2, 10)
        assert archive.sweep() == 0  # the commit itself collected what it superseded
    assert not set(before) & set(kept.names())
    assert kept.get("health", "x") == pattern(10)


@pytest.mark.thorough
def test_many_records__pages_and_nodes_grow(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every length around the edges of pages and of a tree of small fan-out."""
    monkeypatch.setattr(paged, "PAGE", 2)
    monkeypatch.setattr(paged, "FAN", 3)
    for count in range(1, 26):
        kept.put("other", f"r{count}", pattern(count))
        with kept.open() as archive:
            assert len(archive.log) == count + 1
            assert {one.record.path for one in archive.records("other")} == {
                f"r{n}" for n in range(1, count + 1)
            }
            assert archive.sweep() == 0
    assert kept.audit().records == 25
    kept.put("other", "r7", pattern(70))
    assert kept.get("other", "r7") == pattern(70)
    assert kept.audit().records == 25
    kept.erase("other", "r3", "r4")
    kept.put("other", "new", b"n")  # takes a place that was freed
    assert kept.audit().records == 24


def test_uncommitted__is_dropped(kept: Kept) -> None:
    kept.put("other", "a", b"1")
    head = kept.head
    with kept.open() as archive:
        archive.put("other", "b", "a/b", 1, reader(b"2"))
    assert kept.head == head
    assert kept.paths() == {"other": ["a"]}


@pytest.mark.thorough
def test_car__to_another_kind_of_store(kept: Kept, tmp_path: Path) -> None:
    filled(kept)
    path = tmp_path / "archive.car"
    with kept.open() as archive, path.open("wb") as out:
        count = car.export(archive.store, archive.head.root, out.write, Silent())
        root = archive.head.root
    assert count == len(kept.names())
    other = Kept(tmp_path / "archives" / "other", f"folder:{tmp_path / 'other blocks'}")
    other.home.mkdir(parents=True)
    with other.blocks() as store, path.open("rb") as source:
        assert car.restore(source, store, Silent()) == root
        moved = Archive(other.home, store, other.owner, other.key)
        moved.load(root)
        store.publish(root, None)
        moved.adopt(root)
    assert other.get("health", "large") == pattern(3 * CHUNK)
    assert other.audit() == kept.audit()


def test_file__that_changes_while_it_is_read__is_refused(kept: Kept) -> None:
    with kept.open() as archive:
        for size in (9, 11):
            with pytest.raises(FileInvalid, match="shorter|grew"):
                archive.put("other", "x", "a/b", size, reader(b"ten bytes."))
        archive.put("other", "x", "a/b", 10, reader(b"ten bytes."))


def test_file__too_large__is_refused(kept: Kept) -> None:
    with kept.open() as archive, pytest.raises(UsageFault, match="at most"):
        archive.put("other", "x", "a/b", (1 << 40) + 1, reader(b""))
    assert content.require_size(1 << 40) == 1 << 22


def peak_kib() -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1])


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak as Linux counts it")
def test_large_file__memory_is_bounded(kept: Kept) -> None:
    """96 MiB through an archive raise the peak by less than a quarter of that."""
    size = 96 << 20
    piece = pattern(1 << 20)
    left = size

    def read(count: int) -> bytes:
        nonlocal left
        count = min(count, left, len(piece))
        left -= count
        return piece[:count]

    kept.put("other", "small", b"1")
    # neither what earlier tests freed nor their peak may hide what this one needs
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = peak_kib()
    with kept.open() as archive:
        archive.put("other", "large", "a/b", size, read)
        archive.commit()
        total = sum(len(part) for part in archive.read(archive.find("other", "large")))
    assert total == size
    assert peak_kib() - before < 24 << 10


def test_faults__have_exit_codes_and_hints() -> None:
    for kind in (BlockMissing, BlockDamaged, RecordInvalid, ArchiveContradicts):
        assert issubclass(kind, EnvironmentFault)
        assert issubclass(kind, MipError)
    assert clock() > 0
