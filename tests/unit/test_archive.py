"""The archive over its stores: what is put comes back, what is damaged or missing is told."""

from __future__ import annotations

import json
import resource
import shutil
import sqlite3
import sys
from pathlib import Path

import pytest

from mip_cli.crypto import archive_blocks
from mip_cli.crypto.archive_blocks import CHUNK, MAX_BLOCK
from mip_cli.crypto.archive_keys import ArchiveKey
from mip_cli.crypto.cid import DAG_CBOR, codec_of
from mip_cli.errors import EnvironmentFault, FileInvalid, KeyLocked, MipError, UsageFault
from mip_cli.progress import Silent
from mip_cli.store import files
from mip_cli.store.archive import car, content, paged
from mip_cli.store.archive.archive import Archive
from mip_cli.store.archive.audit import ArchiveContradicts
from mip_cli.store.archive.blocks import BlockDamaged, BlockMissing
from mip_cli.store.archive.categories import RecordInvalid
from mip_cli.store.archive.log import Act
from mip_cli.store.archive.opening import open_archive
from tests.unit.archive_support import Kept, clock, reader, run_killed

SIZES = (0, 1, 1023, 1024, 1025, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 9 * CHUNK + 5)


@pytest.fixture(params=["sqlite", "folder"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    store = "sqlite" if request.param == "sqlite" else f"folder:{tmp_path / 'blocks'}"
    return Kept(tmp_path / "archives" / "holder", store)


def pattern(size: int) -> bytes:
    return (b"%08d" % size * (size // 8 + 1))[:size]


@pytest.mark.parametrize("size", SIZES)
def test_content__comes_back(kept: Kept, size: int) -> None:
    kept.put("other", "dir/file.bin", pattern(size))
    assert kept.get("other", "dir/file.bin") == pattern(size)
    assert kept.audit().size == size


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


# -- categories and schemas ----------------------------------------------------------------------


def test_record__obeys_the_schema_of_its_category(kept: Kept) -> None:
    with kept.open() as archive:
        good = b'{"kind": "blood group", "value": 4.5}'
        archive.put_record("health", "good", good)
        for bad, where in (
            (b'{"value": "high"}', "type at /value"),
            (b"[1]", "type at /"),
            (b'{"date": "yesterday"}', "pattern at /date"),
        ):
            with pytest.raises(RecordInvalid, match=where) as refused:
                archive.put_record("health", "bad", bad)
            assert "high" not in str(refused.value)  # nothing of the record is quoted
            assert "yesterday" not in str(refused.value)
        for bad in (b"", b"{", b'{"a": 1, "a": 2}', b"\xff", b"NaN", b"[" * 99 + b"]" * 99):
            with pytest.raises(RecordInvalid, match="not sound JSON"):
                archive.put_record("health", "bad", bad)
        with pytest.raises(RecordInvalid, match="at most"):
            archive.put_record("other", "bad", b'"' + b"x" * 300_000 + b'"')
        archive.commit()
    assert kept.paths() == {"health": ["good"]}


def test_category__of_the_holder__keeps_its_schema(kept: Kept) -> None:
    schema = b'{"type": "object", "required": ["name"]}'
    with kept.open() as archive:
        with pytest.raises(UsageFault, match="no category pets"):
            archive.put_record("pets", "rex", b'{"name": "Rex"}')
        archive.add_category("pets", schema)
        archive.put_record("pets", "rex", b'{"name": "Rex"}')
        with pytest.raises(UsageFault, match="exists"):
            archive.add_category("pets", schema)
        with pytest.raises(UsageFault, match="exists"):
            archive.add_category("health", schema)
        archive.commit()
    with kept.open() as archive:
        assert archive.schema("pets")["required"] == ["name"]
        with pytest.raises(RecordInvalid, match="required"):
            archive.put_record("pets", "none", b"{}")
    assert kept.audit().records == 1


def test_schema__never_reaches_outside_itself(kept: Kept) -> None:
    with kept.open() as archive:
        for name, schema, why in (
            ("far", b'{"$ref": "http://127.0.0.1:9/schema.json"}', "outside itself"),
            ("loop", b'{"$ref": "#"}', "without end"),
            ("round", b'{"$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}}', "without end"),
            ("gone", b'{"$ref": "#/$defs/b"}', "not there"),
            ("self", b'{"$id": "http://127.0.0.1:9/"}', "names itself"),
            ("tower", tower(), "beyond bounds"),
        ):
            archive.add_category(name, schema)
            with pytest.raises(UsageFault, match=why):
                archive.put_record(name, "x", b"{}")
        archive.add_category("near", b'{"$ref": "#/$defs/a", "$defs": {"a": {"type": "object"}}}')
        archive.put_record("near", "x", b"{}")


def tower() -> bytes:
    """Eighteen definitions that each name the next one twice."""
    steps = {
        f"s{n}": {"allOf": [{"$ref": f"#/$defs/s{n + 1}"}, {"$ref": f"#/$defs/s{n + 1}"}]}
        for n in range(18)
    }
    return json.dumps({"$ref": "#/$defs/s0", "$defs": {**steps, "s18": {}}}).encode()


@pytest.mark.parametrize(
    "path", ["", "/a", "a/", "a//b", ".", "a/../b", "a\nb", "a\u202eb", "x" * 257, " a", "--"]
)
def test_path__that_misleads__is_refused(kept: Kept, path: str) -> None:
    with kept.open() as archive:
        archive.put("other", "Gehaltszettel März 2026.pdf", "a/b", 1, reader(b"1"))
        with pytest.raises(UsageFault, match="no path"):
            archive.put("other", path, "a/b", 1, reader(b"1"))


def test_categories__at_most_64(kept: Kept) -> None:
    with kept.open() as archive:
        for number in range(64):
            archive.add_category(f"c{number}", b"{}")
        with pytest.raises(UsageFault, match="at most 64"):
            archive.add_category("one-more", b"{}")
        archive.commit()
    assert kept.audit().acts == 65


# -- erasing -------------------------------------------------------------------------------------


def test_erase__leaves_neither_block_nor_key_nor_name(kept: Kept, tmp_path: Path) -> None:
    kept.put("health", "diagnosis.txt", pattern(2 * CHUNK))
    kept.put("health", "other.txt", b"stays")
    old_key, old_root = kept.key, kept.head.root
    with kept.blocks() as store:
        stolen = dict(zip(kept.names(), store.get(kept.names()), strict=True))
    kept.erase("health", "diagnosis.txt")
    assert kept.paths() == {"health": ["other.txt"]}
    assert kept.get("health", "other.txt") == b"stays"
    assert kept.key.generation == 1
    with pytest.raises(UsageFault, match=r"no diagnosis.txt"):
        kept.get("health", "diagnosis.txt")
    with kept.open() as archive:
        assert [entry.act for entry in archive.log] == [Act.CREATE, Act.PUT, Act.PUT, Act.ERASE]
        assert [entry.about is None for entry in archive.log] == [False, True, False, False]
        assert archive.log.leaf_hashes()
    kept.audit()
    # whoever kept every old block needs an old key; today's opens none of it
    owner, block = kept.owner, stolen[old_root]
    assert archive_blocks.open_root(old_key, owner, block).key == old_key
    with pytest.raises(archive_blocks.BlockInvalid, match="older than the archive key"):
        archive_blocks.open_root(kept.key, owner, block)
    forced = ArchiveKey(kept.key.key, 0)
    with pytest.raises(archive_blocks.BlockInvalid, match="does not open"):
        archive_blocks.open_root(forced, owner, block)


def test_erase__older_key_still_finds_the_archive(kept: Kept) -> None:
    """As of a backup of the key file, or a kill before the key file was written."""
    first = kept.key
    kept.put("health", "a", b"1")
    for number in range(3):
        kept.put("health", f"b{number}", b"2")
        kept.erase("health", f"b{number}")
    later = kept.key
    kept.key = first
    assert kept.get("health", "a") == b"1"
    assert kept.key == later


def test_erase__epoch_key_of_the_category_alone_is_new(kept: Kept) -> None:
    kept.put("health", "a", b"1")
    kept.put("finance", "a", b"1")
    with kept.open() as archive:
        before = dict(archive._states)
    kept.erase("health", "a")
    with kept.open() as archive:
        after = dict(archive._states)
    assert after["health"].epoch == 1
    assert after["health"].epoch_key != before["health"].epoch_key
    assert after["finance"] == before["finance"]


def test_erase__whole_category(kept: Kept) -> None:
    for number in range(5):
        kept.put("social", f"{number}", b"x")
    kept.erase("social")
    assert kept.paths() == {"social": []}
    assert kept.audit().records == 0
    with pytest.raises(UsageFault, match="nothing in finance"):
        kept.erase("finance", "a")


def test_disk__holds_nothing_in_clear(kept: Kept, tmp_path: Path) -> None:
    canary = b"canary-content-4711"
    with kept.open() as archive:
        archive.add_category("canary-category", b'{"title": "canary-schema"}')
        archive.put(
            "canary-category", "canary-path", "canary/type", 3000, reader((canary * 200)[:3000])
        )
        archive.commit()
    kept.erase("canary-category", "canary-path")
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert b"canary" not in file.read_bytes(), file


# -- stores that lie -----------------------------------------------------------------------------


def filled(kept: Kept) -> None:
    kept.put("health", "large", pattern(3 * CHUNK))
    with kept.open() as archive:
        for number in range(140):
            archive.put("health", f"r{number}", "a/b", 5, reader(b"12345"))
        archive.commit()


def test_any_block__corrupt_or_missing_or_huge__is_told(kept: Kept) -> None:
    """One block at a time, of every kind there is; each time a bounded, clear refusal."""
    filled(kept)
    kept.audit()
    kinds: dict[tuple[int, int], object] = {}
    for cid in kept.names():
        with kept.blocks() as store:
            (data,) = store.get([cid])
        kinds[(codec_of(cid), len(data))] = (cid, data)
    assert len(kinds) >= 5
    assert {codec for codec, _ in kinds} == {DAG_CBOR, 0x55}
    for cid, data in kinds.values():
        flipped = bytes([data[0] ^ 1]) + data[1:]
        for wrong in (flipped, data[:-1], data + b"\0", b"", bytes(MAX_BLOCK + 1)):
            kept.overwrite(cid, wrong)
            with pytest.raises((BlockDamaged, FileInvalid), match="damaged|larger") as refused:
                kept.audit()
            assert refused.value.exit_code == 3
        with kept.blocks() as store:
            store.delete([cid])
        with pytest.raises(BlockMissing, match="lacks block"):
            kept.audit()
        kept.overwrite(cid, data)
    kept.audit()


def test_blocks__of_another_record__do_not_pass(kept: Kept) -> None:
    """The store answers with a true block under another's name."""
    kept.put("health", "a", b"1")
    kept.put("health", "b", b"2")
    with kept.open() as archive:
        a, b = archive.find("health", "a").link, archive.find("health", "b").link
    with kept.blocks() as store:
        (other,) = store.get([b])
    kept.overwrite(a, other)
    with pytest.raises(BlockDamaged, match="other content"):
        kept.get("health", "a")
    assert kept.get("health", "b") == b"2"


def test_passport__of_somebody_else__does_not_open(kept: Kept) -> None:
    kept.put("health", "a", b"1")
    for changes in ({"owner": b"p" * 32}, {"key": ArchiveKey(b"l" * 32)}):
        other = Kept(kept.home, kept.store, **{"owner": kept.owner, "key": kept.key, **changes})
        with pytest.raises(BlockDamaged, match="does not open"):
            other.paths()
    assert kept.paths() == {"health": ["a"]}


def test_head__rolled_back_with_its_blocks__key_generation_tells(
    kept: Kept, tmp_path: Path
) -> None:
    kept.put("health", "a", b"1")
    shutil.copytree(kept.home, tmp_path / "copy")
    if kept.store != "sqlite":
        shutil.copytree(tmp_path / "blocks", tmp_path / "copied blocks")
    kept.erase("health", "a")
    shutil.rmtree(kept.home)
    shutil.copytree(tmp_path / "copy", kept.home)
    if kept.store != "sqlite":
        shutil.rmtree(tmp_path / "blocks")
        shutil.copytree(tmp_path / "copied blocks", tmp_path / "blocks")
    with pytest.raises(BlockDamaged, match="older than the archive key"):
        kept.paths()


def test_log__that_does_not_tell_of_a_record__is_found(kept: Kept) -> None:
    kept.put("health", "a", b"1")
    with kept.open() as archive:
        archive.put("health", "b", "a/b", 1, reader(b"2"))
        archive.log.redact(2)  # as if the act had never been told
        archive.commit()
    with pytest.raises(ArchiveContradicts, match="does not tell of version 1 of b"):
        kept.audit()


def test_log__that_tells_of_more__is_found(kept: Kept) -> None:
    kept.put("health", "a", b"1")
    with kept.open() as archive:
        about = {"category": "health", "content": b"", "path": "x", "size": 1, "version": 1}
        archive._note(Act.PUT, about)
        archive.commit()
    with pytest.raises(ArchiveContradicts, match="manifests lack"):
        kept.audit()


def test_store__that_holds_blocks_already__takes_no_new_archive(kept: Kept, tmp_path: Path) -> None:
    kept.put("health", "a", b"1")
    store = kept.store if kept.store != "sqlite" else f"sqlite:{kept.home / 'blocks.sqlite'}"
    second = Kept(tmp_path / "archives" / "second", store)
    with pytest.raises(UsageFault, match="holds blocks already"):
        second.put("health", "a", b"1")
    assert kept.get("health", "a") == b"1"


@pytest.mark.parametrize("name", ["", "folder:", "tape:x", "ipfs:", "s3:x", "s3://b/p?x=1"])
def test_store__that_does_not_exist__is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageFault, match="store|bucket"):
        Kept(tmp_path / "a", name).put("health", "a", b"1")


def test_sqlite__file_that_is_none__is_refused(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "a")
    kept.put("health", "a", b"1")
    blocks = kept.home / "blocks.sqlite"
    assert blocks.stat().st_mode & 0o777 == 0o600
    good = blocks.read_bytes()
    blocks.write_bytes(b"not a database" * 1000)
    with pytest.raises(FileInvalid, match="damaged"):
        kept.paths()
    blocks.unlink()
    with sqlite3.connect(blocks) as other:
        other.execute("CREATE TABLE x (y)")
    other.close()
    with pytest.raises(FileInvalid, match="not a store of blocks"):
        kept.paths()
    blocks.write_bytes(good)
    assert kept.paths() == {"health": ["a"]}


def test_archive__in_use__is_locked(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(files.lock.__wrapped__.__kwdefaults__, "patience", 0)
    kept.put("health", "a", b"1")
    with kept.open() as archive:
        archive.commit()
        lock = open_archive.__wrapped__  # type: ignore[attr-defined]
        with pytest.raises(KeyLocked, match="in use"):
            next(lock(kept.home, kept.owner, kept.key))


# -- killed --------------------------------------------------------------------------------------


def test_put__killed_at_every_write__old_or_new_stands(kept: Kept, tmp_path: Path) -> None:
    kept.put("health", "a", pattern(2 * CHUNK))
    before = kept.paths()
    outcomes = set()

    def act(killer: object) -> None:
        with kept.open() as archive:
            killer.arm(archive)  # type: ignore[attr-defined]
            archive.put("health", "b", "a/b", 3 * CHUNK, reader(pattern(3 * CHUNK)))
            archive.put("health", "a", "a/b", 7, reader(b"changed"))
            archive.commit()

    deaths = 0
    for deaths, _ in enumerate(run_killed(act), 1):  # noqa: B007
        found = kept.paths()
        kept.audit()
        version = b"changed" if "b" in found["health"] else pattern(2 * CHUNK)
        assert kept.get("health", "a") == version
        outcomes.add(found == before)
        if found != before:  # put back, for the next death
            with kept.open() as archive:
                archive.put("health", "a", "a/b", 2 * CHUNK, reader(pattern(2 * CHUNK)))
                archive.commit()
            kept.erase("health", "b")
    assert deaths >= 12
    assert outcomes == {True, False}
    kept.audit()
    kept.erase("health", "b")
    with kept.blocks() as store, kept.open() as archive:
        from mip_cli.store.archive import walk

        assert sorted(walk.reachable(store, archive.head.root)) == kept.names()


def test_erase__killed_at_every_write__old_or_new_stands(kept: Kept) -> None:
    kept.put("health", "a", b"1")
    kept.put("health", "b", b"2")
    outcomes = set()

    def act(killer: object) -> None:
        with kept.open() as archive:
            killer.arm(archive)  # type: ignore[attr-defined]
            archive.erase("health", ["b"])
            archive.commit()
            archive.sweep()

    for _ in run_killed(act):
        found = kept.paths()["health"]
        kept.audit()
        assert kept.get("health", "a") == b"1"
        outcomes.add(tuple(found))
        if found == ["a"]:
            kept.put("health", "b", b"2")
    assert outcomes == {("a",), ("a", "b")}


# -- whole archives elsewhere --------------------------------------------------------------------


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


# -- bounds --------------------------------------------------------------------------------------


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
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with kept.open() as archive:
        archive.put("other", "large", "a/b", size, read)
        archive.commit()
        total = sum(len(part) for part in archive.read(archive.find("other", "large")))
    assert total == size
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 24 << 10  # KiB


def test_faults__have_exit_codes_and_hints() -> None:
    for kind in (BlockMissing, BlockDamaged, RecordInvalid, ArchiveContradicts):
        assert issubclass(kind, EnvironmentFault)
        assert issubclass(kind, MipError)
    assert clock() > 0
