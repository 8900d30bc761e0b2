"""Documents that pass between people: JSON in exactly one spelling, with a keyless checksum.

Protocol section 12: members in their order, two spaces of indent, lower-case ``0x`` hex, one line
feed at the end. A reader refuses every other byte sequence, so that a document has one hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mip_cli.crypto import jsontext
from mip_cli.crypto.field import R
from mip_cli.errors import FileInvalid

MAX_BYTES = 64 * 1024
"""A larger document is refused unread."""
MAX_INTEGER = (1 << 53) - 1
"""Highest integer; beyond it some readers of JSON lose digits."""

T = TypeVar("T")


class Members:
    """The members of one JSON object, read by their kinds; ``ValueError`` never quotes a value."""

    def __init__(self, document: object, *names: str) -> None:
        if not isinstance(document, dict) or set(document) != set(names):
            raise ValueError("other members")
        self._values: dict[str, Any] = document

    def absent(self, name: str) -> bool:
        """Tell whether a member is null."""
        return self._values[name] is None

    def text(self, name: str, limit: int) -> str:
        """Read text of 1 to ``limit`` bytes in UTF-8."""
        value = self._values[name]
        if not isinstance(value, str) or not 1 <= len(value.encode()) <= limit:
            raise ValueError(f"{name} must be text of 1 to {limit} bytes")
        return value

    def integer(self, name: str, limit: int = MAX_INTEGER) -> int:
        """Read an integer of 0 to ``limit``."""
        value = self._values[name]
        if type(value) is not int or not 0 <= value <= limit:
            raise ValueError(f"{name} must be an integer of 0 to {limit}")
        return value

    def data(self, name: str, size: int) -> bytes:
        """Read bytes of one size."""
        return _data(self._values[name], name, size)

    def element(self, name: str) -> int:
        """Read a field element."""
        return _element(self._values[name], name)

    def data_list(self, name: str, size: int, limit: int) -> tuple[bytes, ...]:
        """Read at most ``limit`` byte strings of one size."""
        return tuple(_data(item, name, size) for item in self._list(name, limit))

    def element_list(self, name: str, limit: int) -> tuple[int, ...]:
        """Read at most ``limit`` field elements."""
        return tuple(_element(item, name) for item in self._list(name, limit))

    def text_list(self, name: str, size: int, limit: int) -> tuple[str, ...]:
        """Read at most ``limit`` texts of at most ``size`` bytes each."""
        found = self._list(name, limit)
        if not all(isinstance(item, str) and len(item.encode()) <= size for item in found):
            raise ValueError(f"{name} must be a list of texts")
        return tuple(found)

    def members(self, name: str, *names: str) -> Members:
        """Read an object inside this one."""
        return Members(self._values[name], *names)

    def raw(self, name: str) -> Any:
        """Return a member as it is, for a reader of its own."""
        return self._values[name]

    def _list(self, name: str, limit: int) -> list[Any]:
        value = self._values[name]
        if not isinstance(value, list) or len(value) > limit:
            raise ValueError(f"{name} must be a list of at most {limit}")
        return value


@dataclass(frozen=True)
class Form(Generic[T]):
    """One kind of document: its name, its members and how they become a value and back."""

    format: str
    """Name and version, such as ``mip.guardian.card/1``."""
    what: str
    """What people call it, for messages."""
    names: tuple[str, ...]
    """The members between ``format`` and ``checksum``, in their order."""
    write: Callable[[T], Mapping[str, object]]
    """From a value to its members."""
    read: Callable[[Members], T]
    """From members to a value; ``ValueError`` when they make none."""
    limit: int = MAX_BYTES
    """Bytes it has at most."""

    def encode(self, value: T) -> bytes:
        """Write a document; raise ``ValueError`` for a value that no reader would take."""
        data = self._spell(self.write(value))
        if len(data) > self.limit or self.read(self._members(jsontext.parse(data))) != value:
            raise ValueError(f"not a value that a {self.what} can hold")
        return data

    def decode(self, data: bytes) -> T:
        """Read a document; raise ``FileInvalid`` unless it is one of this form, byte for byte."""
        if len(data) > self.limit:
            raise FileInvalid(f"the {self.what} is larger than {self.limit} bytes")
        try:
            document = jsontext.parse(data)
            self._require_format(document)
            value = self.read(self._members(document))
            sound = self._spell(self.write(value)) == data
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            reason = str(error) if type(error) is ValueError else "it is malformed"
            raise FileInvalid(f"the {self.what} cannot be read: {reason}") from None
        if not sound:
            raise FileInvalid(
                f"the {self.what} was changed or damaged on its way", hint="have it sent again"
            )
        return value

    def _members(self, document: object) -> Members:
        return Members(document, "format", *self.names, "checksum")

    def _spell(self, members: Mapping[str, object]) -> bytes:
        document = {"format": self.format, **{name: members[name] for name in self.names}}
        digest = hashlib.sha256(jsontext.canonical(document)).digest()
        document["checksum"] = hexed(digest)
        return json.dumps(document, indent=2).encode() + b"\n"

    def _require_format(self, document: object) -> None:
        found = document.get("format") if isinstance(document, dict) else None
        if found == self.format:
            return
        if not isinstance(found, str) or not found.startswith("mip."):
            raise ValueError(f"it is not a {self.what} of mip")
        family, _, version = self.format.rpartition("/")
        if found.startswith(f"{family}/"):
            raise ValueError(f"it has another version than {version}; update mip")
        raise ValueError("it is another file of mip")


def hexed(data: bytes) -> str:
    """Write bytes."""
    return "0x" + data.hex()


def element(value: int) -> str:
    """Write a field element as 32 bytes."""
    return f"0x{value:064x}"


def _data(value: object, name: str, size: int) -> bytes:
    if not isinstance(value, str) or len(value) != 2 + 2 * size or not value.startswith("0x"):
        raise ValueError(f"{name} must be 0x and {2 * size} hex digits")
    return bytes.fromhex(value[2:])


def _element(value: object, name: str) -> int:
    number = int.from_bytes(_data(value, name, 32), "big")
    if number >= R:
        raise ValueError(f"{name} must be a field element")
    return number
