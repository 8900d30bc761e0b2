"""Killed at each write to the archive: the old one stands, or the new one."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mip_cli.crypto.archive_blocks import CHUNK
from mip_cli.errors import StorageFull, UsageFault
from mip_cli.store.archive import walk
from tests.unit.archive_support import Kept, Killer, pattern, reader, run_killed


def test_put__killed_at_every_write__old_or_new_stands(kept: Kept, tmp_path: Path) -> None:
    kept.put("health", "a", pattern(2 * CHUNK))
    before = kept.paths()
    outcomes = set()

    def act(killer: Killer) -> None:
        with kept.open() as archive:
            killer.arm(archive)
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
        assert sorted(walk.reachable(store, archive.head.root)) == kept.names()


def test_erase__killed_at_every_write__old_or_new_stands(kept: Kept) -> None:
    kept.put("health", "a", b"1")
    kept.put("health", "b", b"2")
    outcomes = set()

    def act(killer: Killer) -> None:
        with kept.open() as archive:
            killer.arm(archive)
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


def test_first_commit__killed_at_every_write__next_run_begins(kept: Kept) -> None:
    def act(killer: Killer) -> None:
        with kept.open() as archive:
            killer.arm(archive)
            archive.put("health", "a", "a/b", 3 * CHUNK, reader(pattern(3 * CHUNK)))
            archive.commit()

    left = began = 0
    for _ in run_killed(act):
        if not kept.head_path.exists():
            left += bool(kept.names())
            kept.put("health", "b", b"2")
            assert kept.paths() == {"health": ["b"]}
        else:
            began += 1
        kept.audit()
        kept.erase("health", *kept.paths()["health"])
        with kept.blocks() as store:
            assert sorted(walk.reachable(store, kept.head.root)) == kept.names()
        assert not list(kept.home.glob("begun-*"))
        kept.forget()
    assert left
    assert began


def test_first_commit__that_failed__never_clears_what_another_put(
    kept: Kept, tmp_path: Path
) -> None:
    place = kept.store if kept.store != "sqlite" else f"sqlite:{tmp_path / 'shared.sqlite'}"
    first = replace(kept, store=place)
    second = Kept(tmp_path / "archives" / "second", place)

    def act(killer: Killer) -> None:
        with first.open() as archive:
            killer.arm(archive)
            archive.put("health", "a", "a/b", 3 * CHUNK, reader(pattern(3 * CHUNK)))
            archive.commit()

    for _ in run_killed(act):
        if first.names():
            break
    strays = first.names()
    with pytest.raises(UsageFault, match="holds blocks already"):
        second.put("health", "b", b"2")
    assert first.names() == strays
    with first.blocks() as store:  # emptied by hand, and another archive begins there
        store.delete(strays)
        store.publish(strays[0], None) if kept.store == "sqlite" else None
    second.put("health", "b", b"2")
    with pytest.raises(UsageFault, match="holds blocks already"):
        first.put("health", "a", b"1")
    assert second.get("health", "b") == b"2"
    second.audit()


def test_first_commit__a_copy_of_the_home_from_its_middle__clears_nothing(
    kept: Kept, tmp_path: Path
) -> None:
    place = kept.store if kept.store != "sqlite" else f"sqlite:{tmp_path / 'shared.sqlite'}"
    first, copied = replace(kept, store=place), tmp_path / "archives" / "copied"
    with first.open() as archive:
        archive.put("health", "a", "a/b", 3 * CHUNK, reader(pattern(3 * CHUNK)))
        shutil.copytree(first.home, copied)
        archive.commit()
    assert list(copied.glob("begun-*"))
    names = first.names()
    with pytest.raises(UsageFault, match="holds blocks already"):
        Kept(copied, place).put("health", "b", b"2")
    assert first.names() == names
    assert first.get("health", "a") == pattern(3 * CHUNK)


def test_first_commit__refused__leaves_no_block(kept: Kept) -> None:
    def read(size: int) -> bytes:
        if done:
            raise StorageFull("no room")
        done.append(size)
        return pattern(CHUNK)[:size]

    done: list[int] = []
    with pytest.raises(StorageFull), kept.open() as archive:
        archive.put("health", "a", "a/b", 3 * CHUNK, read)
    assert not kept.names()
    kept.put("health", "a", b"1")
    assert not list(kept.home.glob("begun-*"))
