"""Views: what each level shows, what a revocation changes, and that a kill leaves old or new."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mip_cli.crypto.grant_bundle import open_key
from mip_cli.crypto.grant_view import ViewPlace
from mip_cli.errors import UsageFault
from mip_cli.progress import Silent
from mip_cli.store.archive import car, redaction, walk
from mip_cli.store.archive.blocks import BlockDamaged
from mip_cli.store.archive.log import Act
from mip_cli.store.archive.view_reader import ViewReader
from mip_cli.store.blocks import BlockMissing
from tests.unit.archive_support import Kept, Killer, run_killed
from tests.unit.grant_support import (
    NAME,
    bundle_of,
    end,
    grant,
    kem_keys,
    key_of,
    put_records,
    record,
    shown,
)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    found = Kept(tmp_path / "archives" / "holder", f"folder:{tmp_path / 'blocks'}")
    put_records(found, range(6))
    put_records(found, range(2), "health")
    return found


def numbers(found: dict[str, bytes]) -> list[int]:
    return sorted(json.loads(body)["amount"] for body in found.values())


@pytest.mark.thorough
def test_level_3__whole_records(kept: Kept) -> None:
    kept.put("finance", "scan.png", b"picture", "image/png")
    grant(kept, record("clinic", 3))
    bundle = bundle_of(kept, "clinic")
    found = shown(kept, bundle, open_key(bundle, kem_keys()))
    assert found.pop("scan.png") == b"picture"
    assert set(found) == {f"r/{n}.json" for n in range(6)}
    assert json.loads(found["r/1.json"])["holder"] == NAME
    kept.audit()


def test_level_2__neither_identity_nor_what_the_schema_does_not_name(kept: Kept) -> None:
    kept.put("finance", "scan.png", b"picture", "image/png")
    grant(kept, record("bank", 2))
    bundle = bundle_of(kept, "bank")
    found = shown(kept, bundle, open_key(bundle, kem_keys()))
    assert sorted(found) == [f"{n:06}.json" for n in range(1, 7)]
    assert numbers(found) == list(range(6))
    assert all(set(json.loads(body)) == {"kind", "amount"} for body in found.values())
    kept.audit()


def test_level_2__two_grantees_see_nothing_in_common(kept: Kept) -> None:
    grant(kept, record("one", 2, 1), record("two", 2, 2))
    with kept.blocks() as store:
        below = []
        for name in ("one", "two"):
            view = bundle_of(kept, name).view
            assert view is not None
            below.append(set(walk.reachable(store, view)))
    assert not below[0] & below[1]
    assert key_of(kept, "one") != key_of(kept, "two")


@pytest.mark.thorough
@pytest.mark.parametrize("field", ["grant", "category", "epoch", "number"])
def test_view__serves_in_no_other_place(kept: Kept, field: str) -> None:
    grant(kept, record("bank", 2))
    bundle, key = bundle_of(kept, "bank"), key_of(kept, "bank")
    assert bundle.view is not None
    place = bundle.place
    other = {
        "grant": ViewPlace(b"x" * 32, place.category, place.epoch, place.number),
        "category": ViewPlace(place.grant, "health", place.epoch, place.number),
        "epoch": ViewPlace(place.grant, place.category, place.epoch + 1, place.number),
        "number": ViewPlace(place.grant, place.category, place.epoch, place.number + 1),
    }[field]
    with kept.blocks() as store:
        assert ViewReader(store, place, bundle.view, key, 2).count == 6
        with pytest.raises(BlockDamaged, match="does not open this view"):
            ViewReader(store, other, bundle.view, key, 2)
        with pytest.raises(BlockDamaged, match="another level"):
            ViewReader(store, place, bundle.view, key, 3)


def test_grant__of_an_empty_category__is_refused_and_leaves_nothing(kept: Kept) -> None:
    with kept.open() as archive:
        archive.keep_grant(one := record("x", 2, category="social"))
        archive.renew_view(one, rebuild=True)
        with pytest.raises(UsageFault, match="nothing in social"):
            archive.commit()
    with kept.open() as archive:
        assert len(archive.grants) == 0


def test_put__leaves_a_view_as_it_was_until_it_is_renewed(kept: Kept) -> None:
    grant(kept, record("clinic", 3))
    bundle, key = bundle_of(kept, "clinic"), key_of(kept, "clinic")
    put_records(kept, [9])
    kept.put("finance", "r/0.json", b"replaced")
    assert json.loads(shown(kept, bundle, key)["r/0.json"])["amount"] == 0
    with kept.open() as archive:
        archive.renew_view(archive.grants.require("clinic"), rebuild=True)
        archive.commit()
    later = bundle_of(kept, "clinic")
    assert later.number == bundle.number + 1
    found = shown(kept, later, key)
    assert (len(found), found["r/0.json"]) == (7, b"replaced")
    with pytest.raises(BlockMissing):
        shown(kept, bundle, key)
    swept(kept)


@pytest.mark.thorough
def test_erase__is_in_no_view_any_more(kept: Kept) -> None:
    grant(kept, record("bank", 2, 1), record("clinic", 3, 2))
    before = {name: (bundle_of(kept, name), key_of(kept, name)) for name in ("bank", "clinic")}
    kept.erase("finance", "r/5.json")
    for name, (bundle, key) in before.items():
        with pytest.raises(BlockMissing):
            shown(kept, bundle, key)
        later, fresh = bundle_of(kept, name), key_of(kept, name)
        assert fresh != key
        assert numbers(shown(kept, later, fresh)) == [0, 1, 2, 3, 4]
    kept.audit()


def swept(kept: Kept) -> None:
    """Assert that the store holds what the root leads to and nothing else."""
    with kept.open() as archive:
        reachable = sorted(walk.reachable(archive.store, archive.head.root))
    assert reachable == kept.names()


@pytest.mark.thorough
@pytest.mark.parametrize("level", [2, 3])
@pytest.mark.parametrize("eager", [False, True])
def test_revoke__changes_keys_of_all_other_views(kept: Kept, level: int, eager: bool) -> None:
    grant(kept, record("gone", level, 1), record("stays", 2, 2), record("also", 3, 3))
    old = {name: (bundle_of(kept, name), key_of(kept, name)) for name in ("gone", "stays", "also")}
    with kept.open() as archive:
        before = archive.state_of("finance")
        links = {found.link for found in archive.records("finance")}
        end(archive, "gone", eager=eager)
        after = archive.state_of("finance")
        fresh = {found.link for found in archive.records("finance")}
    assert after.epoch == before.epoch + 1
    assert after.epoch_key != before.epoch_key
    assert (links & fresh == set()) == eager
    for name in ("stays", "also"):
        later, key = bundle_of(kept, name), key_of(kept, name)
        assert numbers(shown(kept, later, key)) == list(range(6))
        assert key != old[name][1]
        with pytest.raises(BlockDamaged, match="does not open"):
            shown(kept, later, old[name][1])
    for bundle, key in old.values():
        with pytest.raises(BlockMissing):
            shown(kept, bundle, key)
    kept.audit()
    swept(kept)


def test_revoke__lazy__what_comes_next_is_closed_to_old_keys(kept: Kept) -> None:
    grant(kept, record("gone", 3))
    bundle, key = bundle_of(kept, "gone"), key_of(kept, "gone")
    with kept.blocks() as store:
        held = {cid: store.get([cid])[0] for cid in kept.names()}
    assert bundle.view is not None
    with kept.open() as archive:
        end(archive, "gone")
    put_records(kept, [77])
    # whoever kept every block of then still reads what was there then, as the text says, and
    # neither finds nor opens what came later
    for cid, data in held.items():
        if cid not in kept.names():
            kept.overwrite(cid, data)
    assert numbers(shown(kept, bundle, key)) == list(range(6))


def test_eager__every_old_block_of_the_category_is_gone(kept: Kept) -> None:
    grant(kept, record("gone", 3))
    with kept.open() as archive:
        old = {found.link for found in archive.records("finance")}
        end(archive, "gone", eager=True)
        acts = [entry.act for entry in archive.log]
    assert not old & set(kept.names())
    assert acts.count(Act.RESEAL) == 6
    assert kept.get("finance", "r/3.json")
    kept.audit()
    kept.erase("finance")  # what resealing told of goes with the rest
    with kept.open() as archive:
        about = [e.about for e in archive.log if e.act in (Act.PUT, Act.RESEAL)]
    assert [one for one in about if one is not None and one["category"] == "finance"] == []


@pytest.mark.thorough
def test_eager__large_files_too(kept: Kept) -> None:
    content = bytes(range(256)) * 4096
    kept.put("finance", "large.bin", content)
    grant(kept, record("gone", 3))
    with kept.open() as archive:
        old = archive.find("finance", "large.bin")
        end(archive, "gone", eager=True)
    assert kept.get("finance", "large.bin") == content
    assert old.link not in kept.names()
    kept.audit()
    swept(kept)


def test_car__carries_a_view_alone(kept: Kept, tmp_path: Path) -> None:
    grant(kept, record("bank", 2))
    bundle, key = bundle_of(kept, "bank"), key_of(kept, "bank")
    assert bundle.view is not None
    other = Kept(tmp_path / "archives" / "grantee", f"folder:{tmp_path / 'elsewhere'}")
    other.home.mkdir(parents=True)
    path = tmp_path / "view.car"
    with kept.blocks() as store, path.open("wb") as out:
        car.export(store, bundle.view, out.write, Silent())
    with other.blocks() as store, path.open("rb") as source:
        assert car.restore(source, store, Silent()) == bundle.view
        store.publish(bundle.view, None)
    assert numbers(shown(other, bundle, key)) == list(range(6))
    kept_all, view_only = set(kept.names()), set(other.names())
    assert view_only < kept_all


# -- killed at each write ------------------------------------------------------------------------


def test_grant__killed_at_every_write__old_or_new_stands(kept: Kept) -> None:
    outcomes = set()

    def act(killer: Killer) -> None:
        with kept.open() as archive:
            killer.arm(archive)
            archive.keep_grant(one := record("bank", 2))
            archive.renew_view(one, rebuild=True)
            archive.note_grant(one)
            archive.commit()

    for _ in run_killed(act):
        kept.audit()
        with kept.open() as archive:
            found = archive.grants.named("bank")
        outcomes.add(found is not None)
        if found is not None:
            bundle = bundle_of(kept, "bank")
            assert numbers(shown(kept, bundle, key_of(kept, "bank"))) == list(range(6))
            with kept.open() as archive:
                end(archive, "bank")
            break  # the same grant cannot be given twice: later deaths leave the new one too
    assert outcomes == {True, False}


@pytest.mark.parametrize("eager", [False, True])
def test_revoke__killed_at_every_write__old_or_new_stands(kept: Kept, eager: bool) -> None:
    grant(kept, record("gone", 3, 1), record("stays", 2, 2))
    outcomes = set()

    def act(killer: Killer) -> None:
        with kept.open() as archive:
            killer.arm(archive)
            end(archive, "gone", eager=eager)

    for _ in run_killed(act):
        kept.audit()
        with kept.open() as archive:
            found = archive.grants.require("gone")
        outcomes.add(found.live)
        stays = bundle_of(kept, "stays")
        assert numbers(shown(kept, stays, key_of(kept, "stays"))) == list(range(6))
        if not found.live:  # given again, for the next death
            with kept.open() as archive:
                archive.keep_grant(one := record("gone", 3, 1))
                archive.renew_view(one, rebuild=True)
                archive.commit()
    assert outcomes == {True, False}
    kept.audit()


# -- what is left of a record --------------------------------------------------------------------

WHO = {"type": "string", "x-mip-identity": True}
TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("value", "schema", "left"),
    [
        ({"a": "x", "b": "y"}, {"properties": {"a": TEXT, "b": WHO}}, {"a": "x"}),
        ({"a": "x", "more": "y"}, {"properties": {"a": TEXT}}, {"a": "x"}),
        ({"a": [{"w": "x", "n": 1}]}, {"properties": {"a": {"items": {"properties": {
            "w": WHO, "n": {"type": "number"}}}}}}, {"a": [{"n": 1}]}),
        ({"a": {"b": "x"}}, {"properties": {"a": {"type": "object"}}}, {"a": {}}),
        ({"a": [1]}, {"properties": {"a": {"type": "array"}}}, None),
        ({"a": "x"}, {"properties": {"a": {}}}, None),
        ({"a": "x"}, {"properties": {"a": True}}, None),
        ({"a": "x"}, {}, None),
        ("x", {}, None),
        ({"a": "x"}, {"properties": {"a": {"$ref": "#/$defs/w", "type": "string"}}}, None),
        ({"a": "x"}, {"properties": {"a": TEXT}, "allOf": [{"properties": {"a": WHO}}]}, None),
        ({"a": "x"}, {"properties": {"a": TEXT}, "patternProperties": {"a": WHO}}, None),
        ({"a": "x"}, {"x-mip-identity": True, "properties": {"a": TEXT}}, None),
    ],
)  # fmt: skip
def test_redact(value: object, schema: object, left: object) -> None:
    assert redaction.redact(value, schema) == left


SEALED = (
    b'{"format": "mip.credential.file/1", "nonce": "0x' + b"00" * 12 + b'", "ciphertext": "0x'
    b'c0ffee", "checksum": "0x' + b"00" * 32 + b'"}'
)


def with_credentials(kept: Kept, *names: str) -> None:
    with kept.open() as archive:
        for name in names:
            archive.put_credential("identity", f"credentials/{name}.mip", SEALED)
        archive.commit()


@pytest.mark.thorough
@pytest.mark.parametrize("level", [3, 2, 1])
@pytest.mark.parametrize("first", [False, True])
def test_credentials__are_in_no_view(kept: Kept, level: int, first: bool) -> None:
    """Neither those from before the grant nor those that came after it and a refresh."""
    with kept.open() as archive:
        archive.put_record("identity", "me.json", b'{"name": "Ada", "document": {"kind": "x"}}')
        archive.commit()
    if first:
        with_credentials(kept, "a", "b")
    grant(kept, record("clerk", level, category="identity"))
    with_credentials(kept, "c")
    for _ in range(2):
        bundle, key = bundle_of(kept, "clerk"), key_of(kept, "clerk")
        assert bundle.view is not None
        with kept.blocks() as store:
            reader = ViewReader(store, bundle.place, bundle.view, key, level)
            paths = [one.record.path for one in reader.records()]
            below = set(walk.reachable(store, bundle.view))
        assert paths == {3: ["me.json"], 2: ["000001.json"], 1: []}[level]
        assert reader.count == len(paths)
        with kept.open() as archive:
            of_credentials = {
                one.link for one in archive.records("identity") if one.record.path != "me.json"
            }
            own_list = archive.state_of("identity").top.cid
        assert not below & of_credentials  # nor does a CAR of the view carry them
        assert own_list not in below  # whose key would show names, sizes and times
        with kept.open() as archive:
            archive.renew_view(archive.grants.require("clerk"), rebuild=True)
            archive.commit()
    # they outlive every other change, and what the view alone led to goes with it
    with kept.open() as archive:
        end(archive, "clerk", eager=True)
    kept.audit()
    swept(kept)
    assert len(kept.paths()["identity"]) == (4 if first else 2)
    kept.erase("identity", "credentials/c.mip")
    kept.audit()
    swept(kept)


def test_credentials__before_the_first__the_view_is_the_category_s_own_list(kept: Kept) -> None:
    grant(kept, record("clinic", 3))
    bundle = bundle_of(kept, "clinic")
    assert bundle.view is not None
    with kept.blocks() as store, kept.open() as archive:
        own_list = archive.state_of("finance").top.cid
        assert own_list in set(walk.reachable(store, bundle.view))
