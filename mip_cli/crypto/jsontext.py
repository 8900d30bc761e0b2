"""JSON from strangers, and the one spelling of it that is hashed and authenticated."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

MAX_DEPTH = 16
"""Objects and lists inside each other; our own documents need 5."""

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))
_STEP = {ord("{"): 1, ord("["): 1, ord("}"): -1, ord("]"): -1}


def parse(data: bytes, *, max_depth: int = MAX_DEPTH) -> Any:
    """Read one UTF-8 JSON document; raise ``ValueError``, quoting nothing, when it is not sound.

    Refuses deep nesting before it parses (a library that raises the recursion limit makes deep
    JSON crash the interpreter), repeated members, NaN and infinities. Bound the size beforehand.
    """
    if data.count(b"{") + data.count(b"[") > max_depth and _depth(data) > max_depth:
        raise ValueError("the JSON is nested too deeply")
    try:
        return json.loads(
            data.decode(), object_pairs_hook=_members, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError):
        raise ValueError("the text is not sound JSON") from None  # the cause quotes the text


def _depth(data: bytes) -> int:
    depth = deepest = 0
    for byte in _STRING.sub(b"", data).translate(None, _NO_BRACKETS):
        depth += _STEP[byte]
        deepest = max(deepest, depth)
    return deepest


def canonical(value: object) -> bytes:
    """Write sorted members without spaces, ASCII only; raise ``ValueError`` for NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is repeated")
    return members


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError("not a number")
