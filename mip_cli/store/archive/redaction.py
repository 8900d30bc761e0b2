"""What levels 1 and 2 leave of a record: what the schema names and does not mark as identity.

Whatever cannot be judged goes: members that the schema does not name, values without a type, and
all that lies under keywords that could hide a mark (references, combinations, patterns).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

IDENTITY = "x-mip-identity"
"""Keyword of a schema that marks who somebody is."""
MIN_COUNT = 5
"""Records of a cell below which level 1 tells nothing of it."""
TOO_FEW = "too few"
"""What level 1 says in the place of a number of records that it may not tell."""

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


def aggregate(records: Iterable[tuple[int, Any]], schema: Any) -> dict[str, Any]:
    """Return what level 1 shows of the records of whole cells, each with its cell's number.

    A member counts in a cell where at least ``MIN_COUNT`` records have it, and there all together:
    whatever is subtracted from whatever, no sum over fewer records comes out. Instead of least and
    most there are coarse bounds.
    """
    sizes: dict[int, int] = {}
    cells: dict[str, dict[int, list[list[float]]]] = {}
    for cell, record in records:
        sizes[cell] = sizes.get(cell, 0) + 1
        own: dict[str, list[float]] = {}
        for path, number in _numbers(_keep(record, schema), ""):
            own.setdefault(path, []).append(number)
        for path, some in own.items():
            cells.setdefault(path, {}).setdefault(cell, []).append(some)
    members = {}
    for path, found in sorted(cells.items()):
        shown = [
            number
            for some in found.values()
            if len(some) >= MIN_COUNT
            for of_one in some
            for number in of_one
        ]
        if shown:
            members[path] = _numbers_of(shown)
    counted = sum(size for size in sizes.values() if size >= MIN_COUNT)
    return {"records": counted or TOO_FEW, "members": members}


def _numbers_of(some: list[float]) -> dict[str, object]:
    total = math.fsum(some)
    least, most = _bounds(min(some), max(some))
    return {
        "count": len(some),
        "at_least": least,
        "at_most": most,
        "mean": total / len(some),
        "sum": total,
    }


def _bounds(least: float, most: float) -> tuple[float, float]:
    """Return the next multiples of a coarse step beyond both ends: what no record need have."""
    # as they were written: the float of 1.4 is a little less, and the step beyond it is 1.4
    exact = Decimal(str(least)), Decimal(str(most))
    larger = max(abs(one) for one in exact)
    if not larger:
        return 0.0, 0.0
    step = Decimal(1).scaleb(larger.adjusted() - 1)
    below = (exact[0] / step).to_integral_value(ROUND_CEILING) - 1
    above = (exact[1] / step).to_integral_value(ROUND_FLOOR) + 1
    return float(below * step), float(above * step)


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
