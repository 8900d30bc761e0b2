"""What levels 1 and 2 leave of a record: what the schema names and does not mark as identity.

Whatever cannot be judged goes: members that the schema does not name, values without a type, and
all that lies under keywords that could hide a mark (references, combinations, patterns).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

IDENTITY = "x-mip-identity"
"""Keyword of a schema that marks who somebody is."""
MIN_COUNT = 5
"""Values below which level 1 tells nothing."""

_PLAIN = {
    "$comment", "$id", "$schema", "const", "default", "deprecated", "description", "enum",
    "examples", "exclusiveMaximum", "exclusiveMinimum", "format", "items", "maxItems", "maxLength",
    "maxProperties", "maximum", "minItems", "minLength", "minProperties", "minimum", "multipleOf",
    "pattern", "properties", "readOnly", "required", "title", "type", "uniqueItems", "writeOnly",
    IDENTITY,
}  # fmt: skip
_NOTHING: Any = object()
_MOST = 1e300


def redact(value: Any, schema: Any) -> Any | None:
    """Return what level 2 shows of a record; None when nothing is left."""
    left = _keep(value, schema)
    return None if left is _NOTHING or left in ({}, []) else left


def aggregate(records: Iterable[Any], schema: Any) -> dict[str, object]:
    """Return what level 1 shows of many records: numbers over at least ``MIN_COUNT`` values."""
    count = 0
    values: dict[str, list[float]] = {}
    for record in records:
        count += 1
        for path, number in _numbers(_keep(record, schema), ""):
            values.setdefault(path, []).append(number)
    if count < MIN_COUNT:
        return {"records": f"fewer than {MIN_COUNT}", "members": {}}
    members = {
        path: {
            "count": len(some),
            "min": min(some),
            "max": max(some),
            "mean": math.fsum(some) / len(some),
            "sum": math.fsum(some),
        }
        for path, some in sorted(values.items())
        if len(some) >= MIN_COUNT
    }
    return {"records": count, "members": members}


def _keep(value: Any, schema: Any) -> Any:
    if not isinstance(schema, Mapping) or schema.get(IDENTITY) or not set(schema) <= _PLAIN:
        return _NOTHING
    if isinstance(value, dict):
        named = schema.get("properties", {})
        kept = {name: _keep(item, named[name]) for name, item in value.items() if name in named}
        return {name: item for name, item in kept.items() if item is not _NOTHING}
    if isinstance(value, list):
        if "items" not in schema:
            return _NOTHING
        items = [_keep(item, schema["items"]) for item in value]
        return [item for item in items if item is not _NOTHING]
    return value if {"type", "const", "enum"} & set(schema) else _NOTHING


def _numbers(value: Any, path: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _numbers(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for item in value:
            yield from _numbers(item, f"{path}[]")
    elif isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _MOST:
        yield path, float(value)
