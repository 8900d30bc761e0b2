"""What a person may be asked to consent to."""

from __future__ import annotations

import pytest

from mip_cli.crypto.plaintext import is_readable


@pytest.mark.parametrize("text", ["vote 2026", "\u6295\u7968", "\u00e9t\u00e9", "a-b (c)"])
def test_readable__plain_text(text: str) -> None:
    assert is_readable(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "...",
        "\u200b\u2060",
        "a\u202eb",
        "a\nb",
        "a\tb",
        " a",
        "a  b",
        "a\u00a0b",
        "\u3164",
        "a\u2800",
        "a\u034fb",
        "e\u0301",
        "a\x1b[31m",
        "\ud800",
        "a\ue000",
    ],
)
def test_readable__hidden_or_doubtful_text__no(text: str) -> None:
    assert not is_readable(text)
