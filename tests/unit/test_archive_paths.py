"""Paths that are to lie side by side on a disk: what a holder can put, and what a grantee takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mip_cli.errors import UsageFault
from mip_cli.store.archive import paths
from mip_cli.store.archive.archive import Archive
from mip_cli.store.archive.blocks import BlockDamaged
from mip_cli.store.archive.category import OpenCategory
from mip_cli.store.archive.manifest import require_path
from tests.unit.archive_support import Kept, reader
from tests.unit.grant_support import bundle_of, grant, key_of, record, shown


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "archives" / "holder", f"folder:{tmp_path / 'blocks'}")


BESIDE = [
    ("a", "a/b", "a"),
    ("a/b", "a", "a/b"),
    ("a/b/c", "a", "a/b/c"),
    ("a", "a/b/c", "a"),
    ("x/a", "X/A", "x/a"),
    ("x/A", "x/a/b", "x/A"),
    ("Straße", "STRASSE/1", "Straße"),
]


@pytest.mark.thorough
@pytest.mark.parametrize(("first", "second", "named"), BESIDE)
def test_put__beside_what_it_cannot_lie_beside__is_refused(
    kept: Kept, first: str, second: str, named: str
) -> None:
    kept.put("finance", first, b"one")
    with pytest.raises(UsageFault, match=f"{second} cannot lie beside {named}, which is here"):
        kept.put("finance", second, b"two")
    assert kept.paths() == {"finance": [first]}
    kept.put("finance", first, b"again")  # in its own place it can
    kept.put("health", second, b"two")  # another category is another folder
    kept.erase("finance", first)
    kept.put("finance", second, b"two")
    assert kept.get("finance", second) == b"two"
    kept.audit()


@pytest.mark.thorough
def test_put__one_commit__is_held_together(kept: Kept) -> None:
    """Many records that come together: all or none."""
    kept.put("other", "first", b"1")
    with kept.open() as archive:
        archive.put("other", "a/b", "a/b", 0, reader(b""))
        with pytest.raises(UsageFault, match=r"a cannot lie beside a/b"):
            archive.put("other", "a", "a/b", 0, reader(b""))
    assert kept.paths() == {"other": ["first"]}


@pytest.mark.parametrize("good", ["x" * 200, "é" * 100, "x" * 200 + "/" + "y" * 55])
def test_part__of_200_bytes__can_be_put_and_written(good: str, tmp_path: Path) -> None:
    require_path(good)
    path = tmp_path.joinpath(*good.split("/"))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"")
    with pytest.raises(UsageFault, match="no path for a record"):
        require_path("x" + good)


NAMES = st.sampled_from(["a", "b", "A", "a/b", "a/B", "b/a", "a/b/c", "B/c", "c"])


@given(st.lists(NAMES, unique=True), st.data())
def test_beside__says_what_all_pairs_say(names: list[str], data: st.DataObject) -> None:
    def clash(one: str, other: str) -> bool:
        one, other = one.lower(), other.lower()
        return one == other or one.startswith(other + "/") or other.startswith(one + "/")

    found, lying = paths.Beside(), []
    for name in names:
        if lying and data.draw(st.booleans()):
            found.remove(gone := data.draw(st.sampled_from(lying)))
            lying.remove(gone)
        other = found.conflict(name)
        assert (other is not None) == any(clash(name, one) for one in lying)
        assert other is None or (other in lying and clash(name, other))
        if other is None:
            found.add(name)
            lying.append(name)
    assert paths.fault(lying) is None
    assert (paths.fault(names) is None) == (
        not any(clash(x, y) for i, x in enumerate(names) for y in names[:i])
    )


@given(st.lists(NAMES, unique=True), st.data())
def test_beside__of_a_manifest_of_before__says_what_all_pairs_say(
    names: list[str], data: st.DataObject
) -> None:
    """Where such lie beside each other already, none hides another."""

    def clash(one: str, other: str) -> bool:
        one, other = one.lower(), other.lower()
        return one == other or one.startswith(other + "/") or other.startswith(one + "/")

    found, lying = paths.Beside(), list(names)
    for name in names:
        found.add(name)
    for gone in data.draw(st.permutations(names)):
        found.remove(gone)
        lying.remove(gone)
        for name in ("a", "A/b", "b", "c"):
            other = found.conflict(name)
            assert (other is not None) == any(clash(name, one) for one in lying)
            assert other is None or (other in lying and clash(name, other))


def hostile(kept: Kept, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Put what no honest tool puts: a holder whose own is another."""
    with monkeypatch.context() as other:
        other.setattr(OpenCategory, "require_room", lambda *_: None)
        other.setattr(paths, "has_fitting_parts", lambda _: True)
        for name in names:
            kept.put("finance", name, b"x")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("a", "a/b"), "cannot lie beside"),
        (("a", "A"), "cannot lie beside"),
        (("x" * 201,), "more than 200 bytes"),
    ],
)
def test_view__of_a_hostile_holder__is_told_before_anything_is_written(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], said: str
) -> None:
    kept.put("finance", "fine/1", b"y")
    grant(kept, record("good", 3, 1))
    assert shown(kept, bundle_of(kept, "good"), key_of(kept, "good")) == {"fine/1": b"y"}
    hostile(kept, monkeypatch, *names)
    grant(kept, record("bad", 3, 2))
    with pytest.raises(BlockDamaged, match=said):
        shown(kept, bundle_of(kept, "bad"), key_of(kept, "bad"))
    # the holder himself still reads and mends what an older tool took
    assert kept.get("finance", names[0]) == b"x"
    kept.erase("finance", names[-1])
    with kept.open() as archive:
        assert isinstance(archive, Archive)
        assert len(list(archive.records("finance"))) == len(names)
