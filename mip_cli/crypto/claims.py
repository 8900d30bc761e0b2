"""Claims as numbers, and the schemas that name them; protocol section 20."""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from mip_cli.crypto import jsontext
from mip_cli.crypto.binding import keccak248, keccak256
from mip_cli.crypto.field import is_canonical
from mip_cli.crypto.plaintext import is_readable

VALUE_BITS = 120
MAX_VALUE = (1 << VALUE_BITS) - 1
SLOTS = 12
"""Claims of one credential."""
VALID_FROM, VALID_UNTIL = "valid_from", "valid_until"
DATE_SLOTS = {VALID_FROM: 12, VALID_UNTIL: 13}
"""The dates of the credential itself, which predicates can name like claims."""
FIRST_DATE, LAST_DATE = 19000101, 99991231
SCHEMA_FORMAT = "mip.schema/1"
MAX_SCHEMA_BYTES = 8192
MAX_TEXT = 1024
"""UTF-8 bytes of a text claim."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_FACE = re.compile(r"0x[0-9a-f]{64}")
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_MAX_NUMBER = (1 << 64) - 1
_MAX_CODE = 15


class ClaimKind(StrEnum):
    """What a claim is, part of its number."""

    NUMBER = "number"
    DATE = "date"
    TEXT = "text"
    FLAG = "flag"
    CODE = "code"
    FACE = "face"

    @property
    def number(self) -> int:
        """The kind in the claim's number, from 1."""
        return list(ClaimKind).index(self) + 1


ClaimValue = int | str | bool
"""As it stands in JSON: dates as ``YYYY-MM-DD``."""


def date_number(date: datetime.date) -> int:
    """Write a day as the integer year, month, day."""
    return date.year * 10_000 + date.month * 100 + date.day


def parse_date(text: str) -> int:
    """Read ``YYYY-MM-DD``; raise ``ValueError`` for a day that does not exist or before 1900."""
    found = _DATE.fullmatch(text)
    if found is None:
        raise ValueError("a date is written YYYY-MM-DD")
    number = date_number(datetime.date(*map(int, found.groups())))
    if number < FIRST_DATE:
        raise ValueError("dates start at 1900-01-01")
    return number


def date_text(number: int) -> str:
    """Write a date's number as ``YYYY-MM-DD``; raise ``ValueError`` for a day that is none."""
    text = f"{number // 10_000:04}-{number // 100 % 100:02}-{number % 100:02}"
    if not FIRST_DATE <= number <= LAST_DATE or parse_date(text) != number:
        raise ValueError("not a date")
    return text


def encode_value(kind: ClaimKind, value: ClaimValue) -> int:
    """Return a value below 2^120; raise ``ValueError``, quoting nothing, for another kind.

    A face is no value: it is hashed into a whole element, and no predicate is about it.
    """
    match kind, value:
        case ClaimKind.FLAG, bool():
            return int(value)
        case ClaimKind.NUMBER, int() if not isinstance(value, bool) and 0 <= value <= _MAX_NUMBER:
            return value
        case ClaimKind.DATE, str():
            return parse_date(value)
        case ClaimKind.CODE, str() if 0 < len(value) <= _MAX_CODE:
            if value.isascii() and value.isprintable() and " " not in value:
                return int.from_bytes(value.encode(), "big")
        case ClaimKind.TEXT, str():
            return _text(value)
    raise ValueError(f"the value is not a {kind.value}")


def encode_claim(kind: ClaimKind, value: ClaimValue) -> int:
    """Return the number that is signed: the value and its kind, or the hash of a face."""
    if kind is ClaimKind.FACE:
        return _face(value)
    return encode_value(kind, value) + (kind.number << VALUE_BITS)


def face_text(element: int) -> str:
    """Write a document hash as it stands in JSON."""
    return f"0x{element:064x}"


def _face(value: ClaimValue) -> int:
    if isinstance(value, str) and _FACE.fullmatch(value):
        found = int(value, 16)
        # below lie the claims of other kinds: no hash falls there but by 2^-129
        if is_canonical(found) and found >= 1 << (VALUE_BITS + 4):
            return found
    raise ValueError("the value is not a face")


def _text(value: str) -> int:
    try:
        data = unicodedata.normalize("NFC", value).encode()
    except UnicodeEncodeError:
        raise ValueError("the value is not a text") from None  # half a surrogate pair
    if not 0 < len(data) <= MAX_TEXT:
        raise ValueError(f"a text has 1 to {MAX_TEXT} bytes")
    return int.from_bytes(keccak256(data), "big") >> (256 - VALUE_BITS)


@dataclass(frozen=True)
class ClaimType:
    """One line of a schema."""

    name: str
    kind: ClaimKind


@dataclass(frozen=True)
class Schema:
    """The names and kinds of the claims of a credential, in their order."""

    name: str
    """For people."""
    version: int
    claims: tuple[ClaimType, ...]

    def __post_init__(self) -> None:
        names = [claim.name for claim in self.claims]
        if not is_readable(self.name) or len(self.name) > 96 or not 1 <= self.version < 1 << 31:
            raise ValueError("a schema has a name that can be read and a version from 1")
        if not 1 <= len(names) <= SLOTS or len(set(names)) != len(names):
            raise ValueError(f"a schema has 1 to {SLOTS} claims of different names")
        if any(not _NAME.fullmatch(name) or name in DATE_SLOTS for name in names):
            raise ValueError("a claim's name is lower case, such as birth_date")

    @cached_property
    def document(self) -> bytes:
        """The one spelling that is hashed and published."""
        return jsontext.canonical(self.to_json())

    @cached_property
    def id(self) -> int:
        """What credentials and policies name."""
        return keccak248(self.document)

    def to_json(self) -> dict[str, object]:
        """Return the document as JSON members."""
        claims = [{"kind": claim.kind.value, "name": claim.name} for claim in self.claims]
        return {
            "claims": claims,
            "format": SCHEMA_FORMAT,
            "name": self.name,
            "version": self.version,
        }

    def slot(self, name: str) -> tuple[int, ClaimKind]:
        """Return the place and kind of a claim; raise ``ValueError`` for an unknown one."""
        if name in DATE_SLOTS:
            return DATE_SLOTS[name], ClaimKind.DATE
        for place, claim in enumerate(self.claims):
            if claim.name == name:
                return place, claim.kind
        raise ValueError(f"the schema {self.name} has no claim of that name")

    def encode(self, values: Mapping[str, ClaimValue]) -> tuple[int, ...]:
        """Return all claims in their places, 0 for those left out."""
        known = {claim.name for claim in self.claims}
        if not set(values) <= known:
            raise ValueError(f"the schema {self.name} has no claim of that name")
        found = [0] * SLOTS
        for place, claim in enumerate(self.claims):
            if claim.name in values:
                try:
                    found[place] = encode_claim(claim.kind, values[claim.name])
                except ValueError as error:
                    raise ValueError(f"{claim.name}: {error}") from None
        return tuple(found)


def parse_schema(raw: object) -> Schema:
    """Read a schema's JSON; raise ``ValueError`` when it is not one."""
    if not isinstance(raw, dict) or set(raw) != {"claims", "format", "name", "version"}:
        raise ValueError("a schema has claims, format, name and version")
    claims = raw["claims"]
    if raw["format"] != SCHEMA_FORMAT or not isinstance(claims, list) or len(claims) > SLOTS:
        raise ValueError(f"a schema is {SCHEMA_FORMAT} with a list of claims")
    if not isinstance(raw["name"], str) or type(raw["version"]) is not int:
        raise ValueError("a schema has a name and a version")
    found = []
    for claim in claims:
        if not isinstance(claim, dict) or set(claim) != {"kind", "name"}:
            raise ValueError("a claim has kind and name")
        if not isinstance(claim["name"], str) or claim["kind"] not in list(ClaimKind):
            raise ValueError("a claim has a known kind and a name")
        found.append(ClaimType(claim["name"], ClaimKind(claim["kind"])))
    return Schema(raw["name"], raw["version"], tuple(found))
