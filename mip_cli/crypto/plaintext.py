"""Foreign text that a person is asked to consent to."""

from __future__ import annotations

import unicodedata

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5")
"""Letters and marks that draw nothing."""


def is_readable(text: str) -> bool:
    """Tell whether what a person sees is the text that is hashed.

    Refuses controls, bidi and zero-width characters, blank fillers, other spaces than U+0020,
    surrounding or doubled spaces, text that is not in NFC, and text without a letter or digit.
    """
    if unicodedata.normalize("NFC", text) != text or text != " ".join(text.split()):
        return False
    if any(unicodedata.category(c) in _HIDDEN or c in _BLANK for c in text):
        return False
    return any(c.isalnum() for c in text)
