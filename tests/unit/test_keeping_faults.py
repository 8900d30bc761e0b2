"""What kills and faults leave of the two places where credentials are kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mip_cli.crypto.archive_keys import ArchiveKey
from mip_cli.errors import EnvironmentFault, FileInvalid, KeyLocked, MipError
from mip_cli.flows.kyc import keeping
from mip_cli.flows.kyc.keeping import ArchiveAway, Place
from mip_cli.store import files, keyfile
from mip_cli.store.archive import audit, head
from mip_cli.store.archive.archive import Archive
from tests.unit.archive_support import Killer, run_killed
from tests.unit.keeping_support import PROGRESS, Holder, held, holder

__all__ = ["holder"]


def arm(killer: Killer, patch: pytest.MonkeyPatch) -> None:
    """Let every write of this process count: to the sealed store, the archive and its head."""
    start = Archive.attach

    def attach(archive: Archive, found: head.Head) -> None:
        start(archive, found)
        killer.arm(archive)

    patch.setattr(Archive, "attach", attach)
    for name in ("atomic_write", "remove_file"):
        whole = getattr(files, name)

        def stepped(*a: Any, whole: Any = whole, **k: Any) -> None:
            killer.step()
            whole(*a, **k)
            killer.step()

        patch.setattr(files, name, stepped)


def test_keep__killed_at_every_write__is_in_one_place_or_both(
    holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder.begin()
    old = holder.keep(1)
    wallet = keeping.wallet_of(holder.settings, holder.unlocked)
    wallet.put(held(2, b""))
    seen: set[tuple[bool, bool]] = set()

    def act(killer: Killer) -> None:
        arm(killer, monkeypatch)
        holder.keep(2)

    for _ in run_killed(act):
        kept = holder.look()
        kept.require_whole()
        assert kept.ids() == sorted([old, held(2).id])
        found = kept.get(held(2).id)
        assert found.blinding == held(2).blinding  # never lost, at worst not answered yet
        here, there = holder.files == [held(2).id], held(2).id in holder.archived()
        assert here or there
        seen.add((here and bool(found.document), there))
        # the next run ends it
        assert holder.keep(2) == held(2).id
        assert (holder.files, holder.archived()[held(2).id]) == ([], held(2))
        holder.archive(lambda a: audit.audit(a, PROGRESS))
        holder.remove(held(2).id)
        wallet.put(held(2, b""))
    assert {(True, False), (True, True), (False, True)} <= seen


def test_remove__killed_at_every_write__is_gone_or_whole(
    holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder.begin()
    name = holder.keep(1)
    other = holder.keep(2)

    def act(killer: Killer) -> None:
        arm(killer, monkeypatch)
        holder.remove(name)

    deaths = 0
    for _ in run_killed(act):
        deaths += 1
        holder.unlocked = keyfile.reread(holder.unlocked)
        kept = holder.look()
        kept.require_whole()
        assert kept.ids() in ([other], sorted([name, other]))
        holder.unlocked = keyfile.reread(holder.unlocked)
        holder.keep(1)
    assert deaths > 6


def break_store(holder: Holder) -> type[MipError]:
    (holder.home / "blocks.sqlite").unlink()
    return EnvironmentFault


def break_head(holder: Holder) -> type[MipError]:
    path = head.head_path(holder.home)
    path.write_bytes(path.read_bytes()[:-9])
    return FileInvalid


def break_key(holder: Holder) -> type[MipError]:
    content = replace(holder.unlocked.secrets, archive=ArchiveKey(b"x" * 32, 0))
    holder.unlocked = replace(holder.unlocked, secrets=content)
    return FileInvalid


def lose_key(holder: Holder) -> type[MipError]:
    content = replace(holder.unlocked.secrets, archive=None)
    holder.unlocked = replace(holder.unlocked, secrets=content)
    return FileInvalid


def lose_archive(holder: Holder) -> type[MipError]:
    shutil.rmtree(holder.home)
    return ArchiveAway


@pytest.mark.parametrize("harm", [break_store, break_head, break_key, lose_key, lose_archive])
def test_archive__that_does_not_open__hides_what_it_holds_and_nothing_else(
    holder: Holder, harm: Callable[[Holder], type[MipError]]
) -> None:
    here = held(1)
    holder.begin()
    there = holder.keep(2)
    keeping.wallet_of(holder.settings, holder.unlocked).put(here)
    key = holder.unlocked.secrets.archive
    kind = harm(holder)
    kept = holder.look()
    assert kept.ids() == [here.id]
    assert (kept.get(here.id), kept.place(here.id)) == (here, Place.DEVICE)
    with pytest.raises(kind) as told:
        kept.require_whole()
    assert told.value.hint
    with pytest.raises(kind):
        kept.get(there)  # not "there is none"
    # what comes now is kept and waits
    moved = keeping.keep(holder.settings, holder.unlocked, held(3), PROGRESS)
    assert isinstance(moved.fault, kind)
    assert moved.credentials == ()
    assert set(holder.files) == {here.id, held(3).id}
    with pytest.raises(kind):
        holder.remove(here.id)
    assert set(holder.files) == {here.id, held(3).id}
    if harm is lose_key:  # and no key is made up for an archive that has one
        assert keyfile.reread(holder.unlocked).secrets.archive == key


def test_archive__in_use__keeps_nobody_waiting_for_ever(
    holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder.begin()
    monkeypatch.setattr(files, "LOCK_PATIENCE", 0.0)
    with files.lock(head.head_path(holder.home), what="it"):
        moved = keeping.keep(holder.settings, holder.unlocked, held(1), PROGRESS)
    assert isinstance(moved.fault, KeyLocked)
    assert holder.look().place(held(1).id) is Place.DEVICE
    assert holder.move().credentials == (held(1).id,)


@pytest.mark.thorough
def test_rolled_back_archive__takes_nothing_from_the_sealed_store(holder: Holder) -> None:
    holder.begin()
    first = holder.keep(1)
    older = holder.home.with_name("older")
    shutil.copytree(holder.home, older)
    second = holder.keep(2)
    keeping.wallet_of(holder.settings, holder.unlocked).put(held(3))
    shutil.rmtree(holder.home)
    older.rename(holder.home)
    assert holder.look().ids() == sorted([first, held(3).id])
    assert second not in holder.look().ids()  # gone with the archive of then; the anchor tells
    assert holder.move().credentials == (held(3).id,)
    assert holder.look().ids() == sorted([first, held(3).id])
