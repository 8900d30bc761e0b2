"""Categories of the archive: their schemas, the paths in them, and how many there are."""

from __future__ import annotations

import json

import pytest

from mip_cli.errors import UsageFault
from mip_cli.store.archive.categories import RecordInvalid
from tests.unit.archive_support import Kept, reader


@pytest.mark.thorough
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


@pytest.mark.thorough
def test_categories__at_most_64(kept: Kept) -> None:
    with kept.open() as archive:
        for number in range(64):
            archive.add_category(f"c{number}", b"{}")
        with pytest.raises(UsageFault, match="at most 64"):
            archive.add_category("one-more", b"{}")
        archive.commit()
    assert kept.audit().acts == 65
