"""Schemas that judge in bounded time: references inside the schema, none that leads back to itself.

A library would follow a reference round in a circle until the interpreter's stack ends, and a
tower of references that each name the next one twice until the sun does.
"""

from __future__ import annotations

from typing import Any

MAX_TRAIL = 32
"""References that follow one another."""
MAX_EXPANSION = 100_000
"""Subschemas after every reference is written out."""

_FORBIDDEN = frozenset({"$dynamicRef", "$recursiveRef", "$id", "$anchor", "$dynamicAnchor"})


def require_bounded(schema: Any) -> None:
    """Raise ``ValueError`` for a schema that judges without end, or refers elsewhere."""
    _expand(schema, schema, (), {})


def _expand(root: Any, node: Any, trail: tuple[str, ...], known: dict[str, int]) -> int:
    """Return how many subschemas a node is once its references are written out."""
    count = 1
    if isinstance(node, list):
        count += sum(_expand(root, item, trail, known) for item in node)
    elif isinstance(node, dict):
        if _FORBIDDEN & set(node):
            raise ValueError("it names itself in a way that is not followed")
        reference = node.get("$ref")
        if isinstance(reference, str):
            count += _follow(root, reference, trail, known)
        count += sum(_expand(root, item, trail, known) for item in node.values())
    if count > MAX_EXPANSION:
        raise ValueError("its references grow beyond bounds")
    return count


def _follow(root: Any, reference: str, trail: tuple[str, ...], known: dict[str, int]) -> int:
    if reference in trail or len(trail) >= MAX_TRAIL:
        raise ValueError("it refers to itself without end")
    if reference not in known:
        known[reference] = _expand(root, _target(root, reference), (*trail, reference), known)
    return known[reference]


def _target(root: Any, reference: str) -> Any:
    if reference != "#" and not reference.startswith("#/"):
        raise ValueError("it refers to something outside itself")
    node = root
    for part in reference[1:].split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict) and name in node:
            node = node[name]
        elif isinstance(node, list) and name.isdecimal() and int(name) < len(node):
            node = node[int(name)]
        else:
            raise ValueError("it refers to something that is not there")
    return node
