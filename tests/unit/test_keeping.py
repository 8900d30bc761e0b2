"""Where credentials are kept: two places, and the way between them."""

from __future__ import annotations

import hmac
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mip_cli.errors import FileInvalid, UsageFault
from mip_cli.flows.archive import archive_records
from mip_cli.flows.kyc import keeping, kyc_held
from mip_cli.flows.kyc.keeping import Place
from mip_cli.flows.passport.passport_file import Opened
from mip_cli.models import Kind
from mip_cli.store import keyfile
from mip_cli.store.archive import audit, categories, head
from mip_cli.store.archive.archive import Archive
from mip_cli.store.archive.manifest import CREDENTIAL_TYPE
from tests.unit.archive_support import reader
from tests.unit.keeping_support import CANARY, DOCUMENT, PROGRESS, Holder, held, holder
from tests.unit.keyfile.conftest import DEVICE, PEOPLE

__all__ = ["holder"]


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


@pytest.mark.thorough
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


@pytest.mark.thorough
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


@pytest.mark.thorough
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


@pytest.mark.thorough
def test_remove__in_both_places(holder: Holder) -> None:
    first = holder.keep(1)
    holder.remove(first)
    assert holder.look().ids() == []
    with pytest.raises(UsageFault, match="no credential"):
        holder.remove(first)
    holder.begin()
    first, second = holder.keep(1), holder.keep(2)
    keeping.wallet_of(holder.settings, holder.unlocked).put(held(1))  # as a kill left it
    before = holder.unlocked.secrets.archive
    holder.remove(first)
    assert holder.look().ids() == [second]
    after = holder.unlocked.secrets.archive
    assert before is not None
    assert after is not None
    assert after.generation == before.generation + 1
    assert after.key != before.key  # erased: nothing that is kept opens what was
    holder.archive(lambda a: audit.audit(a, PROGRESS))
    with pytest.raises(UsageFault, match="no credential"):
        holder.remove(first)
