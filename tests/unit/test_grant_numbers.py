"""Level 1: numbers over whole cells, and that no difference of two bundles tells one record."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mip_cli.store.archive import redaction
from mip_cli.store.archive.category import CELL
from mip_cli.store.archive.view_reader import ViewReader
from tests.unit.archive_support import Kept
from tests.unit.grant_support import bundle_of, grant, key_of, put_records, record

SCHEMA = {"properties": {"amount": {"type": "number"}, "other": {"type": "number"}}}
NOTHING = {"members": {}, "records": redaction.TOO_FEW}


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "archives" / "holder", f"folder:{tmp_path / 'blocks'}")


def told(kept: Kept) -> Any:
    """What a bundle of level 1 says that is made now."""
    with kept.open() as archive:
        found = archive.grants.named("numbers")
        if found is not None:
            archive.renew_view(found, rebuild=True)
            archive.commit()
    if found is None:
        grant(kept, record("numbers", 1))
    bundle = bundle_of(kept, "numbers")
    assert bundle.view is not None
    with kept.blocks() as store:
        reader = ViewReader(store, bundle.place, bundle.view, key_of(kept, "numbers"), 1)
    assert reader.records() == []
    return reader.aggregates


def amounts(found: Any) -> Any:
    return found["members"].get("amount")


@pytest.mark.thorough
def test_level_1__whole_cells_alone(kept: Kept) -> None:
    put_records(kept, range(CELL - 1))
    assert told(kept) == NOTHING
    put_records(kept, [CELL - 1])
    assert told(kept)["records"] == CELL
    assert amounts(told(kept)) == {
        "count": 8,
        "sum": 28.0,
        "mean": 3.5,
        "at_least": -0.1,
        "at_most": 7.1,
    }


def add(kept: Kept) -> None:
    put_records(kept, [4711])


def erase(kept: Kept) -> None:
    kept.erase("finance", "r/3.json")


def replace(kept: Kept) -> None:
    with kept.open() as archive:
        archive.put_record("finance", "r/3.json", b'{"amount": 4711}')
        archive.commit()


def swap(kept: Kept) -> None:
    erase(kept)
    add(kept)


Cells = dict[int, frozenset[tuple[str, bytes]]]


def cells(kept: Kept) -> Cells:
    """What stands in each cell that is counted."""
    with kept.open() as archive:
        found: dict[int, set[tuple[str, bytes]]] = {}
        for path, cell in archive.category("finance").counted().items():
            body = b"".join(archive.read(archive.find("finance", path)))
            found.setdefault(cell, set()).add((path, body))
    return {cell: frozenset(some) for cell, some in found.items()}


def total(found: Cells) -> float:
    return sum(json.loads(body)["amount"] for some in found.values() for _, body in some)


@pytest.mark.thorough
@pytest.mark.parametrize("change", [add, erase, replace, swap])
@pytest.mark.parametrize("count", [8, 14, 15, 16, 23])
def test_difference__around_one_record__is_of_whole_cells(
    kept: Kept, change: Callable[[Kept], None], count: int
) -> None:
    put_records(kept, range(count))
    before, stood = told(kept), cells(kept)
    change(kept)
    after, stands = told(kept), cells(kept)
    for shown, held in ((before, stood), (after, stands)):
        assert (amounts(shown) or {"sum": 0.0})["sum"] == total(held)
    went = {cell: some for cell, some in stood.items() if stands.get(cell) != some}
    came = {cell: some for cell, some in stands.items() if stood.get(cell) != some}
    assert not set(went) & set(came)  # a cell comes or goes, it never changes
    assert all(len(some) == CELL for some in (*went.values(), *came.values()))
    # what an attacker gets who subtracts is not the record, nor what it was changed by
    sums = [(amounts(one) or {"sum": 0.0})["sum"] for one in (before, after)]
    assert abs(sums[1] - sums[0]) not in {4711.0, 3.0, 4708.0}
    if not went and not came:
        assert before == after


@pytest.mark.thorough
def test_cells__of_all_bundles__are_disjoint_and_never_change(kept: Kept) -> None:
    """A long life of one category: whatever all its bundles tell is made of the same few sums."""
    put_records(kept, range(20))
    seen: Cells = {}
    shown = set()
    for number, kind in enumerate(itertools.islice(itertools.cycle("aer"), 18)):
        if kind == "a":
            put_records(kept, [5000 + number])
        elif kind == "e":
            kept.erase("finance", f"r/{number}.json")
            put_records(kept, [1000 + number])
        else:
            with kept.open() as archive:
                data = json.dumps({"amount": 9000 + number}).encode()
                archive.put_record("finance", f"r/{number + 1}.json", data)
                archive.commit()
        held = cells(kept)
        for cell, some in held.items():
            assert seen.setdefault(cell, some) == some
        found = amounts(told(kept))
        assert (found or {"sum": 0.0})["sum"] == total(held)
        shown.add(frozenset(held))
    assert len(shown) > 2  # cells did come and go
    every = list(itertools.chain.from_iterable(seen.values()))
    assert len(every) == len(set(every))


def test_cell__member_that_fewer_than_five_have__is_left_out() -> None:
    few = [(0, {"amount": n, **({"other": n} if n < 4 else {})}) for n in range(8)]
    shown = redaction.aggregate(few, SCHEMA)
    assert set(shown["members"]) == {"amount"}
    few[4] = (0, {"amount": 4, "other": 4})
    shown = redaction.aggregate(few, SCHEMA)
    assert set(shown["members"]) == {"amount", "other"}


def test_cell__with_fewer_than_five_json_records__is_not_told() -> None:
    """The rest of a full cell may be files or credentials, which no number counts."""
    few = [(0, {"amount": n}) for n in range(4)]
    assert redaction.aggregate(few, SCHEMA) == NOTHING
    whole = [(1, {"amount": n}) for n in range(8)]
    shown = redaction.aggregate([*few, *whole], SCHEMA)
    assert shown == redaction.aggregate(whole, SCHEMA)
    assert shown["records"] == 8


def test_cell__many_values_of_few_records__are_left_out() -> None:
    schema = {"properties": {"a": {"items": {"type": "number"}}}}
    of_one = [(0, {"a": [1, 2, 3, 4, 5, 6, 7]}), *[(0, {})] * 7]
    assert redaction.aggregate(of_one, schema) == {"records": 8, "members": {}}
    of_all = redaction.aggregate([(0, {"a": [1, 2]})] * 8, schema)
    assert of_all["members"]["a[]"]["count"] == 16


NUMBERS = st.floats(-1e9, 1e9, allow_nan=False) | st.integers(-5000, 5000)


@pytest.mark.thorough
@given(st.lists(NUMBERS, min_size=8, max_size=8))
@example([0.0] * 7 + [1.4])  # its float is a little less than 14 tenths
@example([-2.3] + [0.0] * 7)
def test_bounds__hold_and_are_no_value(values: list[float]) -> None:
    shown = redaction.aggregate([(0, {"amount": n}) for n in values], SCHEMA)
    found = shown["members"]["amount"]
    least, most = Fraction(found["at_least"]), Fraction(found["at_most"])
    assert least <= Fraction(float(min(values)))
    assert most >= Fraction(float(max(values)))
    if any(values):
        assert found["at_least"] != min(values)
        assert found["at_most"] != max(values)


def test_place__in_a_cell_that_was_full__is_never_filled_again(kept: Kept) -> None:
    put_records(kept, range(CELL))
    kept.erase("finance", "r/3.json")
    put_records(kept, [100])
    with kept.open() as archive:
        places = {p: index for p, (index, _, _) in archive.category("finance").records.items()}
    assert places["r/100.json"] == CELL
    # while it was never full, a place serves again
    kept.erase("finance", "r/100.json")
    put_records(kept, [101])
    with kept.open() as archive:
        places = {p: index for p, (index, _, _) in archive.category("finance").records.items()}
    assert places["r/101.json"] == CELL
    kept.audit()


def test_eager__changes_no_cell(kept: Kept) -> None:
    put_records(kept, range(CELL))
    before = told(kept)
    with kept.open() as archive:
        archive.reseal("finance")
        archive.commit()
    assert told(kept) == before
