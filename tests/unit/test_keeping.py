"""Where credentials are kept: two places, the way between them, what kills and faults leave."""

from __future__ import annotations

import hmac
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mip_cli.config import Settings, load_settings
from mip_cli.crypto.archive_keys import ArchiveKey
from mip_cli.crypto.kdf import KdfParams
from mip_cli.errors import EnvironmentFault, FileInvalid, KeyLocked, MipError, UsageFault
from mip_cli.flows.archive import archive_records
from mip_cli.flows.kyc import keeping, kyc_held
from mip_cli.flows.kyc.keeping import ArchiveAway, Place
from mip_cli.flows.passport.passport_file import Opened
from mip_cli.models import Kind
from mip_cli.progress import Silent
from mip_cli.store import files, keyfile
from mip_cli.store.archive import audit, categories, head, stores
from mip_cli.store.archive.archive import Archive
from mip_cli.store.archive.manifest import CREDENTIAL_TYPE
from mip_cli.store.credential_records import CredentialRecords
from mip_cli.store.credentials import FaceOpening, Held
from mip_cli.store.keyfile import Unlocked
from mip_cli.store.slots import PasswordLock
from tests.unit.archive_support import Killer, reader, run_killed
from tests.unit.keyfile.conftest import DEVICE, PEOPLE, all_locks, passport_secrets

CANARY = "Lovelace-Canary"
DOCUMENT = f'{{"claims": "{CANARY}"}}'.encode()
FACE = FaceOpening(9, tuple(range(-64, 64)), 123456789)
PROGRESS = Silent()


@dataclass
class Holder:
    """A passport on a device, opened."""

    settings: Settings
    unlocked: Unlocked

    @property
    def home(self) -> Path:
        return head.home_of(self.settings.data_dir, "default")

    @property
    def files(self) -> list[str]:
        """What lies in the sealed store."""
        return keeping.wallet_of(self.settings, self.unlocked).ids()

    def archive(self, act: Callable[[Archive], Any] = lambda archive: None) -> Any:
        """Do something in the archive, which begins where there is none."""
        with archive_records.attached(
            self.settings, "default", self.unlocked, PROGRESS, create=stores.DEFAULT
        ) as session:
            found = act(session.archive)
            session.archive.commit()
            self.unlocked = session.unlocked
        return found

    def begin(self) -> None:
        self.archive(lambda a: a.put("identity", "note.txt", "text/plain", 4, reader(b"note")))

    def keep(self, number: int, document: bytes = DOCUMENT) -> str:
        moved = keeping.keep(self.settings, self.unlocked, held(number, document), PROGRESS)
        assert moved.fault is None
        return held(number).id

    def look(self) -> keeping.Kept:
        return keeping.look(self.settings, self.unlocked, PROGRESS)

    def move(self) -> keeping.Moved:
        return keeping.move(self.settings, self.unlocked, PROGRESS)

    def remove(self, name: str) -> None:
        keeping.remove(self.settings, self.unlocked, name, PROGRESS)
        self.unlocked = keyfile.reread(self.unlocked)

    def archived(self) -> dict[str, Held]:
        vault = keeping.wallet_of(self.settings, self.unlocked).vault
        found, damaged = self.archive(lambda a: CredentialRecords(a, vault).read())
        assert damaged == []
        return dict(found)


def held(number: int, document: bytes = DOCUMENT, created: int = 7) -> Held:
    return Held(number + 5, number, created, document, FACE)


@pytest.fixture
def holder(tmp_path: Path) -> Holder:
    settings = replace(load_settings({"HOME": str(tmp_path)}), data_dir=tmp_path / "data")
    kdf = KdfParams(bytes(32), memory_kib=64 * 1024, iterations=3, lanes=4)
    secrets = passport_secrets(password_kdf=kdf)
    path = settings.data_dir / "passports" / "default.mip"
    locks = [PasswordLock(kdf, bytes(32)), *all_locks(passport_secrets())[1:]]
    return Holder(settings, keyfile.create(path, secrets, locks))


def test_keep__without_an_archive__in_the_sealed_store(holder: Holder) -> None:
    name = holder.keep(1)
    kept = holder.look()
    assert (kept.ids(), kept.get(name), kept.place(name)) == ([name], held(1), Place.DEVICE)
    assert holder.files == [name]
    assert not head.head_path(holder.home).exists()  # keeping begins no archive
    assert kept.fault is None


def test_keep__with_an_archive__there_alone(holder: Holder, tmp_path: Path) -> None:
    holder.begin()
    name = holder.keep(1)
    kept = holder.look()
    assert (kept.ids(), kept.get(name), kept.place(name)) == ([name], held(1), Place.ARCHIVE)
    assert holder.files == []
    assert kept.find(1) == held(1)
    assert kept.find(2) is None
    with pytest.raises(UsageFault, match="no credential 00000"):
        kept.get("0" * 16)

    # an act of the log like any other, which the audit knows of
    size = holder.archive(lambda a: len(a.log))
    holder.keep(2)
    assert holder.archive(lambda a: audit.audit(a, PROGRESS)).acts == size + 1
    # nothing in clear anywhere, though the archive's own keys open a record's content
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or CANARY.encode() not in path.read_bytes()
    found = holder.archive(lambda a: [(f, b) for f, b in a.read_all("identity")])
    sealed = [(f.record, body) for f, body in found if f.record.type == CREDENTIAL_TYPE]
    assert len(sealed) == 2
    for record, body in sealed:
        assert CANARY.encode() not in body
        # the issuer, who knows the subject, cannot tell whose record it is by its path
        assert held(1).id not in record.path
        assert held(2).id not in record.path


def test_path__is_what_the_protocol_says(holder: Holder) -> None:
    wallet = keeping.wallet_of(holder.settings, holder.unlocked)
    secret = holder.unlocked.secrets.secret.to_bytes(32, "big")
    names = HKDF(SHA256(), 32, None, b"mip credential names/1").derive(secret)
    told = hmac.new(names, held(1).id.encode(), "sha256").hexdigest()[:32]
    assert wallet.vault.path_of(held(1).id) == f"credentials/{told}.mip"


def test_any_two_kinds_of_key__open_both_places(holder: Holder) -> None:
    here = holder.keep(1)
    holder.begin()
    there = holder.keep(2)
    wallet = keeping.wallet_of(holder.settings, holder.unlocked)
    wallet.put(held(1))
    path = holder.unlocked.path
    envelope = keyfile.read(path)
    shares = {
        Kind.FACE: keyfile.open_face(path, envelope, DEVICE).share,
        Kind.PEOPLE: keyfile.open_people(path, envelope, PEOPLE),
    }
    holder.unlocked = keyfile.open_with(path, envelope, shares)  # without the password
    kept = holder.look()
    kept.require_whole()
    assert (kept.ids(), kept.get(there)) == (sorted([here, there]), held(2))


def test_list__a_damaged_file_hides_none_of_the_others(holder: Holder) -> None:
    names = sorted(holder.keep(n, b"") for n in (1, 2))  # requests, which need no credential
    opened = Opened(holder.unlocked, None, None, None)
    whole = kyc_held.list_held(holder.settings, opened, PROGRESS)
    assert ([one.id for one in whole.found], whole.fault) == (names, None)
    path = holder.settings.data_dir / "credentials" / "default" / f"{names[0]}.mip"
    path.write_bytes(path.read_bytes()[:-40])
    listed = kyc_held.list_held(holder.settings, opened, PROGRESS)
    assert [one.id for one in listed.found] == names[1:]
    assert isinstance(listed.fault, FileInvalid)


def test_put__of_what_is_no_sealed_credential__is_refused(holder: Holder) -> None:
    holder.begin()
    vault = keeping.wallet_of(holder.settings, holder.unlocked).vault
    path = vault.path_of(held(1).id)
    sealed = vault.seal(held(1), path)
    for wrong in (DOCUMENT, sealed.replace(b"credential.file/1", b"credential.file/2")):
        with pytest.raises(categories.RecordInvalid):
            holder.archive(lambda a, wrong=wrong: a.put_credential("identity", path, wrong))
    holder.archive(lambda a: a.put_credential("identity", path, sealed))
    assert list(holder.archived()) == [held(1).id]


def test_record__in_the_place_of_another__is_refused(holder: Holder) -> None:
    holder.begin()
    vault = keeping.wallet_of(holder.settings, holder.unlocked).vault
    ours, theirs = (vault.path_of(held(n).id) for n in (1, 2))
    swapped = vault.seal(held(1), ours)
    holder.archive(lambda a: a.put_credential("identity", theirs, swapped))
    holder.keep(3)
    kept = holder.look()
    assert kept.ids() == [held(3).id]  # the damaged one hides none of the others
    with pytest.raises(FileInvalid, match="altered or is another passport's"):
        kept.require_whole()


def test_place__sealed_for_another_credential__is_refused(holder: Holder) -> None:
    """Sealed to its place, and still of another name: by that it would be moved and deleted."""
    vault = keeping.wallet_of(holder.settings, holder.unlocked).vault
    for place in (held(1).id, vault.path_of(held(1).id)):
        assert vault.open(vault.seal(held(1), place), place, "it") == held(1)
        with pytest.raises(FileInvalid, match="it holds another credential"):
            vault.open(vault.seal(held(2), place), place, "it")


def test_move__takes_what_is_from_before_the_archive(holder: Holder) -> None:
    names = sorted(holder.keep(n) for n in (1, 2))
    wallet = keeping.wallet_of(holder.settings, holder.unlocked)
    asked = held(3, b"")
    wallet.put(asked)  # a request that nobody answered stays
    assert holder.move() == keeping.Moved(())
    holder.begin()
    assert {holder.look().place(name) for name in names} == {Place.DEVICE}
    assert sorted(holder.move().credentials) == names
    assert holder.files == [asked.id]
    kept = holder.look()
    assert kept.ids() == sorted([*names, asked.id])
    assert {kept.place(name) for name in names} == {Place.ARCHIVE}
    acts = holder.archive(lambda a: len(a.log))
    assert holder.move() == keeping.Moved(())  # nothing left to do, and nothing done
    assert holder.archive(lambda a: len(a.log)) == acts


def test_keep__takes_along_what_waits(holder: Holder) -> None:
    first = holder.keep(1)
    holder.begin()
    second = holder.keep(2)
    assert holder.files == []
    assert set(holder.archived()) == {first, second}


def test_both_places__count_once__the_later_one(holder: Holder) -> None:
    holder.begin()
    name = holder.keep(1)
    wallet = keeping.wallet_of(holder.settings, holder.unlocked)
    wallet.put(held(1, b""))  # an older state: the request alone
    kept = holder.look()
    assert (kept.ids(), kept.get(name), kept.place(name)) == ([name], held(1), Place.ARCHIVE)
    later = held(1, DOCUMENT + b" ")
    wallet.put(later)
    kept = holder.look()
    assert (kept.ids(), kept.get(name), kept.place(name)) == ([name], later, Place.DEVICE)
    assert holder.move().credentials == (name,)
    assert holder.archived() == {name: later}
    assert holder.files == []


def test_move__while_a_later_state_comes__leaves_that_one(
    holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = holder.keep(1)
    holder.begin()
    wallet = keeping.wallet_of(holder.settings, holder.unlocked)
    later, commit = held(1, DOCUMENT + b" "), Archive.commit

    def overtaken(archive: Archive) -> head.Head:
        wallet.put(later)  # what another process does at this moment
        return commit(archive)

    with monkeypatch.context() as patch:
        patch.setattr(Archive, "commit", overtaken)
        holder.move()
    kept = holder.look()
    assert (kept.get(name), kept.place(name)) == (later, Place.DEVICE)
    assert holder.move().credentials == (name,)
    assert holder.archived() == {name: later}


def test_move__that_waited_for_a_removal__brings_nothing_back(
    holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process has the archive's lock, and deletes for good what this one came to move."""
    first, second = (holder.keep(n) for n in (1, 2))
    holder.begin()
    attached = archive_records.attached

    def after_it(*given: Any, **named: Any) -> Any:
        monkeypatch.setattr(archive_records, "attached", attached)
        holder.remove(first)
        return attached(given[0], given[1], holder.unlocked, *given[3:], **named)

    monkeypatch.setattr(archive_records, "attached", after_it)
    assert holder.move().credentials == (second,)
    assert holder.look().ids() == [second]
    assert list(holder.archived()) == [second]


def test_put__in_the_place_of_a_credential__is_refused(holder: Holder) -> None:
    """Not even its own sealed bytes, which as a file would be no credential and in every view."""
    holder.begin()
    name = holder.keep(1)
    path = keeping.wallet_of(holder.settings, holder.unlocked).vault.path_of(name)
    body = holder.archive(lambda a: b"".join(a.read(a.find("identity", path))))
    for kind in ("application/octet-stream", "application/json"):
        with pytest.raises(UsageFault, match="is a credential, which nothing else"):
            holder.archive(
                lambda a, kind=kind: a.put("identity", path, kind, len(body), reader(body))
            )
    holder.archive(lambda a: a.put_credential("identity", path, body))
    assert holder.archived() == {name: held(1)}


def test_remove__in_both_places(holder: Holder) -> None:
    first = holder.keep(1)
    holder.remove(first)
    assert holder.look().ids() == []
    with pytest.raises(UsageFault, match="no credential"):
        holder.remove(first)
    holder.begin()
    first, second = holder.keep(1), holder.keep(2)
    keeping.wallet_of(holder.settings, holder.unlocked).put(held(1))  # as a kill left it
    generation = holder.unlocked.secrets.archive
    assert generation is not None
    holder.remove(first)
    assert holder.look().ids() == [second]
    assert holder.unlocked.secrets.archive == ArchiveKey(
        holder.unlocked.secrets.archive.key,  # type: ignore[union-attr]
        generation.generation + 1,
    )  # erased: the key of before is gone
    holder.archive(lambda a: audit.audit(a, PROGRESS))
    with pytest.raises(UsageFault, match="no credential"):
        holder.remove(first)


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
    monkeypatch.setattr(files.lock.__wrapped__, "__kwdefaults__", {"patience": 0.0})  # type: ignore[attr-defined]
    with files.lock(head.head_path(holder.home), what="it"):
        moved = keeping.keep(holder.settings, holder.unlocked, held(1), PROGRESS)
    assert isinstance(moved.fault, KeyLocked)
    assert holder.look().place(held(1).id) is Place.DEVICE
    assert holder.move().credentials == (held(1).id,)


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
