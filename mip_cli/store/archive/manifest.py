"""What is told of a record: the entry of a manifest, and what its path may be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from mip_cli.crypto.aead import KEY_BYTES
from mip_cli.crypto.archive_blocks import CHUNK, MAX_CHUNKS, BlockInvalid, chunk_count
from mip_cli.crypto.plaintext import is_readable
from mip_cli.errors import UsageFault
from mip_cli.store.archive import paths

MAX_PATH = 256
"""Bytes of a path."""
JSON_TYPE = "application/json"
"""Media type of records that obey a schema."""
CREDENTIAL_TYPE = "application/vnd.mip.credential"
"""Media type of held credentials: sealed once more, and in no view (section 20)."""
CATEGORY = re.compile(r"[a-z0-9-]{1,32}")
"""Names of categories."""

_PLAIN = re.compile(r"[!-~]*[A-Za-z0-9][!-~]*")  # readable at a glance: 10,000 a second count
_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,62}/[a-z0-9][a-z0-9.+-]{0,62}")


@dataclass(frozen=True, repr=False)
class Record:
    """One record or file in a category."""

    path: str
    """The holder's name for it, unique in its category."""
    version: int
    """1, and one more each time it was replaced."""
    at: int
    """Unix time in seconds when it was put."""
    type: str
    """Media type."""
    size: int
    """Bytes of content."""
    chunks: int
    """Chunks it lies in, fillers included."""
    key: bytes
    """What seals them."""

    def __repr__(self) -> str:
        return f"Record({self.path!r}, version={self.version}, <redacted>)"

    def encode(self) -> list[object]:
        """Return the entry as the manifest holds it."""
        return [
            self.path,
            self.version,
            self.at,
            self.type,
            self.size,
            self.chunks,
            self.key,
        ]


def decode_record(value: Any) -> Record:
    """Read an entry of a manifest; raise ``BlockInvalid`` when it is none."""
    try:
        record = Record(*value)
        numbers = (record.version, record.at, record.size, record.chunks)
        sound = (
            all(type(n) is int and 0 <= n < 1 << 63 for n in numbers)
            and record.version > 0
            and type(record.key) is bytes
            and len(record.key) == KEY_BYTES
            and is_path(record.path)
            and is_type(record.type)
            and record.size <= CHUNK * MAX_CHUNKS
            and record.chunks == chunk_count(record.size)
        )
    except TypeError:
        sound = False
    if not sound:
        raise BlockInvalid("an entry of a manifest has another shape")
    return record


def is_path(text: object) -> bool:
    """Tell whether a text can name a record."""
    if not isinstance(text, str) or not 0 < len(text.encode("utf-8", "replace")) <= MAX_PATH:
        return False
    if any(part in ("", ".", "..") for part in text.split("/")):
        return False
    return _PLAIN.fullmatch(text) is not None or is_readable(text)


def is_type(text: object) -> bool:
    """Tell whether a text is a media type without parameters, in lower case."""
    return isinstance(text, str) and _TYPE.fullmatch(text) is not None


def require_path(text: str) -> None:
    """Raise ``UsageFault`` unless a text can name a record that is put."""
    if not is_path(text) or not paths.has_fitting_parts(text):
        raise UsageFault(
            "this is no path for a record",
            hint=f"at most {MAX_PATH} bytes of readable text in parts like loans/2026/first.json, "
            f"each of at most {paths.MAX_PART}",
        )


def require_category(name: str) -> None:
    """Raise ``UsageFault`` unless a text can name a category."""
    if not CATEGORY.fullmatch(name):
        raise UsageFault("a category's name has 1 to 32 of a-z 0-9 -")
