"""Policies as people write and read them: ``mip.policy/1``; protocol section 20."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from mip_cli.crypto.claims import (
    DATE_SLOTS,
    MAX_VALUE,
    VALID_FROM,
    VALID_UNTIL,
    ClaimKind,
    ClaimValue,
    Schema,
    encode_value,
    parse_schema,
)
from mip_cli.crypto.plaintext import is_readable
from mip_cli.crypto.policy import (
    ISSUERS,
    MAX_MEMBERS,
    PREDICATES,
    Interval,
    Policy,
    Predicate,
    gaps,
)

FORMAT = "mip.policy/1"
MAX_AGE = 200
"""Years."""
MAX_DAYS = 366
"""Of freshness."""
MAX_POLICY_BYTES = 64 * 1024
MAX_TEXT = 128
"""Characters of a text in a policy: all of it is shown to whoever shall agree."""

_ORDERED = (ClaimKind.NUMBER, ClaimKind.DATE)
_OPS = (">=", "<=", "==", "in", "not in", "age >=", "age <", "days <=")
_WORDS = {
    ">=": "is {} or more",
    "<=": "is {} or less",
    "==": "is {}",
    "age >=": "lies {} years or more back",
    "age <": "lies less than {} years back",
    "days <=": "lies at most {} days back",
}
_DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""The most that each month ever has."""
_NAMES = {VALID_FROM: "the day of issue", VALID_UNTIL: "the last day of validity"}


@dataclass(frozen=True)
class PolicyText:
    """A policy and the words it was made from."""

    schema: Schema
    policy: Policy
    predicates: tuple[str, ...]
    """One clause each, to show to a person."""
    document: dict[str, Any]
    """As it was read."""
    face: str | None = None
    """The claim whose face, of a document, must be the enrolled one (section 21)."""

    @property
    def demand(self) -> str:
        """How many of the predicates must hold, in words."""
        count, required = len(self.predicates), self.policy.required
        if required == 0:
            return "you hold such a credential, whatever it says"
        if required == count:
            return "all of" if count > 1 else "it"
        return "any of" if required == 1 else f"at least {required} of"


def parse_policy(raw: object) -> PolicyText:
    """Read a policy's JSON; raise ``ValueError`` when it makes no sense."""
    members = {"format", "schema", "issuers", "require", "predicates"}
    if not isinstance(raw, dict) or set(raw) - {"document"} != members or raw["format"] != FORMAT:
        raise ValueError(f"a policy is {FORMAT} with issuers, predicates, require and schema")
    schema = parse_schema(raw["schema"])
    rows, issuers = raw["predicates"], raw["issuers"]
    if not isinstance(rows, list) or not isinstance(issuers, list):
        raise ValueError("predicates and issuers are lists")
    if not all(type(number) is int for number in issuers):
        raise ValueError("issuers are numbers")
    if len(rows) > PREDICATES or len(issuers) > ISSUERS:
        raise ValueError(f"a policy has up to {PREDICATES} predicates and {ISSUERS} issuers")
    found = [_predicate(schema, row) for row in rows]
    if len({predicate for predicate, _ in found}) != len(found):
        raise ValueError("two predicates are the same, which would count twice")
    policy = Policy(
        schema.id,
        tuple(predicate for predicate, _ in found),
        required(raw["require"], len(found)),
        tuple(issuers),
        _document(schema, raw["document"]) if "document" in raw else None,
    )
    return PolicyText(schema, policy, tuple(words for _, words in found), raw, raw.get("document"))


def _document(schema: Schema, raw: object) -> int:
    slot, kind = schema.slot(raw) if isinstance(raw, str) else (0, None)
    if kind is not ClaimKind.FACE:
        raise ValueError("document names a claim of the kind face")
    return slot


def required(raw: object, count: int) -> int:
    """Read how many of some things must hold: of none none, else one of them at least."""
    if raw == "all":
        return count
    if raw == "any":
        return min(1, count)
    if type(raw) is int and min(1, count) <= raw <= count:
        return raw
    raise ValueError("require is all, any, or how many of them must hold")


def _predicate(schema: Schema, raw: object) -> tuple[Predicate, str]:
    if not isinstance(raw, dict) or not isinstance(raw.get("claim"), str):
        raise ValueError("a predicate names a claim")
    op, claim = raw.get("op"), raw["claim"]
    many = op in ("in", "not in")
    if op not in _OPS or set(raw) != {"claim", "op", "members" if many else "value"}:
        raise ValueError("a predicate has claim, op, and value or members")
    slot, kind = schema.slot(claim)
    if many:
        intervals, shown = _members(kind, op, raw["members"])
    else:
        intervals, shown = _compared(kind, op, raw["value"])
    words = f"{_NAMES.get(claim, claim)} {shown}"
    return Predicate(slot, kind.number, op.startswith(("age", "days")), intervals), words


def _members(kind: ClaimKind, op: str, raw: object) -> tuple[tuple[Interval, ...], str]:
    if not isinstance(raw, list) or not 1 <= len(raw) <= MAX_MEMBERS:
        raise ValueError(f"a set has 1 to {MAX_MEMBERS} members")
    values = sorted({encode_value(kind, member) for member in raw})
    listed = ", ".join(_shown(member) for member in raw)
    if op == "not in":
        return gaps(values), f"is there and none of: {listed}"
    return tuple(Interval(value, value) for value in values), f"is one of: {listed}"


def _compared(kind: ClaimKind, op: str, raw: ClaimValue) -> tuple[tuple[Interval, ...], str]:
    if op == "days <=":
        if kind is not ClaimKind.DATE or type(raw) is not int or not 0 <= raw <= MAX_DAYS:
            raise ValueError(f"a number of days is 0 to {MAX_DAYS}, since a date")
        return _days(raw), _WORDS[op].format(raw)
    if op.startswith("age"):
        if kind is not ClaimKind.DATE or type(raw) is not int or not 0 < raw <= MAX_AGE:
            raise ValueError(f"an age is 1 to {MAX_AGE} years since a date")
        years = raw * 10_000
        found = Interval(years, MAX_VALUE) if op == "age >=" else Interval(0, years - 1)
    else:
        value = encode_value(kind, raw)
        if op != "==" and kind not in _ORDERED:
            raise ValueError("only numbers and dates can be compared")
        found = {
            ">=": Interval(value, MAX_VALUE),
            "<=": Interval(0, value),
            "==": Interval(value, value),
        }[op]
    return (found,), _WORDS[op].format(_shown(raw))


def _days(most: int) -> tuple[Interval, ...]:
    """Return the differences of two dates that are never more than some days.

    A difference says how many years, months and days lie between, not how long the months were:
    each number of months counts with the most days it ever had.
    """
    found = [Interval(0, min(30, most))]
    for months in range(1, 13):
        for years in (0, 1):
            place = months - 12 * years  # what the numbers of the two months differ by
            starts = [m for m in range(12) if 0 <= m + place < 12]
            if not -11 <= place <= 11 or not starts:
                continue
            longest = max(sum(_DAYS_IN_MONTH[(m + i) % 12] for i in range(months)) for m in starts)
            if most - longest >= -30:
                base = 10_000 * years + 100 * place
                found.append(Interval(base - 30, base + min(30, most - longest)))
    return tuple(sorted(found))


def _shown(value: ClaimValue) -> str:
    """Write a value so that a text cannot pass for words of ours; refuse what cannot be read."""
    if not isinstance(value, str):
        return json.dumps(value)
    if not is_readable(value) or len(value) > MAX_TEXT:
        raise ValueError(f"a text in a policy has up to {MAX_TEXT} characters that can be read")
    plain = value.isascii() and value.replace("-", "").isalnum()
    return value if plain else json.dumps(value, ensure_ascii=False)


EXAMPLE_SCHEMA = {
    "claims": [
        {"kind": "text", "name": "given_name"},
        {"kind": "text", "name": "family_name"},
        {"kind": "date", "name": "birth_date"},
        {"kind": "code", "name": "nationality"},
        {"kind": "code", "name": "residence"},
        {"kind": "number", "name": "assurance"},
    ],
    "format": "mip.schema/1",
    "name": "Person",
    "version": 1,
}
"""A schema to begin with; local chains' example uses it."""

EXAMPLE_POLICY = {
    "format": FORMAT,
    "schema": EXAMPLE_SCHEMA,
    "issuers": [2],
    "require": "all",
    "predicates": [
        {"claim": "birth_date", "op": "age >=", "value": 18},
        {"claim": "residence", "op": "not in", "members": ["XA", "XB"]},
    ],
}
"""What the example app of local chains asks: an adult who lives in none of two places.

Issuer 2 is the first to register on a fresh chain: 0 is nobody, 1 are holders themselves.
"""

RESERVED = tuple(DATE_SLOTS)
"""Names that predicates can use besides those of the schema."""
