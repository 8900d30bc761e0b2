"""Make foreign text safe to print."""

from __future__ import annotations

import unicodedata

_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that can move the cursor, reorder or hide text: controls, bidi, zero width."""


def sanitize(text: str, *, limit: int = 1000) -> str:
    """Strip control, bidi and invisible characters; cut at ``limit`` characters.

    For whatever comes from a chain, an app or a file. Line breaks and tabs become spaces, so that
    foreign text can never start a line of its own.
    """
    spaced = (" " if char in "\n\r\t" else char for char in text[: 4 * limit])
    kept = "".join(char for char in spaced if unicodedata.category(char) not in _UNPRINTABLE)
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"
