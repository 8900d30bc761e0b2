"""Words that two people compare by voice, to know that they look at the same document.

Protocol section 12. Whoever carries a document could make one of his own with the same words by
trying keys, so each try costs him an Argon2id run: 2^40 of them are some 30,000 years of a core.
"""

from __future__ import annotations

import hashlib

from mip_cli.crypto import kdf
from mip_cli.crypto.kdf import KdfParams

_LABEL = b"mip check words/1"
_PARAMS = KdfParams(salt=hashlib.sha256(_LABEL).digest())
_WORDS = 5
_CONSONANTS = "bdfghjklmnprstvz"


def check_words(document: bytes) -> str:
    """Return five words of two syllables for a document; takes about a second."""
    master = kdf.stretch(hashlib.sha256(document).digest(), _PARAMS).wrapping_key
    digest = kdf.subkey(master, _LABEL)[:_WORDS]
    return " ".join(_word(byte) for byte in digest)


def _word(byte: int) -> str:
    high, low = divmod(byte, 16)
    return f"{_CONSONANTS[high]}a{_CONSONANTS[low]}o"
