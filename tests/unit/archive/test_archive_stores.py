"""Stores that lie, are not there or are in use: what is damaged or missing is told."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from mip_cli.crypto.archive_blocks import MAX_BLOCK
from mip_cli.crypto.archive_keys import ArchiveKey
from mip_cli.crypto.cid import DAG_CBOR, codec_of
from mip_cli.errors import FileInvalid, KeyLocked, UsageFault
from mip_cli.store import files
from mip_cli.store.archive.audit import ArchiveContradicts
from mip_cli.store.archive.blocks import BlockDamaged, BlockMissing
from mip_cli.store.archive.log import Act
from mip_cli.store.archive.opening import open_archive
from tests.unit.archive_support import Kept, filled, reader


@pytest.mark.thorough
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


@pytest.mark.thorough
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


@pytest.mark.thorough
def test_archive__in_use__is_locked(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(files.lock.__wrapped__.__kwdefaults__, "patience", 0)
    kept.put("health", "a", b"1")
    with kept.open() as archive:
        archive.commit()
        lock = open_archive.__wrapped__  # type: ignore[attr-defined]
        with pytest.raises(KeyLocked, match="in use"):
            next(lock(kept.home, kept.owner, kept.key))
