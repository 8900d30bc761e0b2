"""JSON from strangers is refused with one kind of error and no quotation."""

from __future__ import annotations

import pytest

from mip_cli.crypto import jsontext


def test_parse__sound_document():
    assert jsontext.parse(b'{"a": [1, {"b": "[[[[ \\" ]"}]}') == {"a": [1, {"b": '[[[[ " ]'}]}


@pytest.mark.thorough
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff",
        b'{"a": NaN}',
        b"-Infinity",
        b'{"canary": 1, "canary": 2}',
        b"[" * 17 + b"]" * 17,
        b"[" * 300_000,
        b'{"a":' * 300_000,
        b'"' + b"\\" * 300_001,
        b"1" * 100_000,
        b'"canary',
    ],
    ids=lambda data: f"{data[:12]!r}-{len(data)}",
)
def test_parse__refuses(data):
    with pytest.raises(ValueError, match="JSON") as caught:
        jsontext.parse(data)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("inner", [b"[]", b"{}", b'"[{"', b"[1],[2]"])
def test_parse__many_brackets_beside_each_other__are_not_deep(inner):
    assert jsontext.parse(b"[" + b",".join([inner] * 50) + b"]")


def test_parse__brackets_of_both_kinds__are_counted_together():
    sound = b'{"a":[' * 8 + b"]}" * 8
    assert jsontext.parse(sound)
    with pytest.raises(ValueError, match="too deeply"):
        jsontext.parse(b"[" + sound + b"]")


def test_parse__depth_at_the_limit():
    assert jsontext.parse(b"[" * 16 + b"]" * 16)


def test_canonical__one_spelling():
    assert jsontext.canonical({"b": [1, "ü"], "a": None}) == b'{"a":null,"b":[1,"\\u00fc"]}'
    with pytest.raises(ValueError, match="compliant"):
        jsontext.canonical(float("nan"))
