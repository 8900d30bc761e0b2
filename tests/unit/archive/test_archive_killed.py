"""Killed at each write to the archive: the old one stands, or the new one."""

from __future__ import annotations

from pathlib import Path

from mip_cli.crypto.archive_blocks import CHUNK
from tests.unit.archive_support import Kept, pattern, reader, run_killed


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
