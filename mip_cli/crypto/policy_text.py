"""Policies as people write and read them: ``mip.policy/1``; protocol section 20."""

from __future__ import annotations

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
from mip_cli.crypto.policy import MAX_MEMBERS, Interval, Policy, Predicate, gaps

FORMAT = "mip.policy/1"
MAX_AGE = 200
"""Years."""
MAX_POLICY_BYTES = 64 * 1024

_ORDERED = (ClaimKind.NUMBER, ClaimKind.DATE)
_OPS = (">=", "<=", "==", "in", "not in", "age >=", "age <")
_WORDS = {
    ">=": "is {} or more",
    "<=": "is {} or less",
    "==": "is {}",
    "age >=": "lies {} years or more back",
    "age <": "lies less than {} years back",
}
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
    if not isinstance(raw, dict) or set(raw) != members or raw["format"] != FORMAT:
        raise ValueError(f"a policy is {FORMAT} with issuers, predicates, require and schema")
    schema = parse_schema(raw["schema"])
    rows, issuers = raw["predicates"], raw["issuers"]
    if not isinstance(rows, list) or not isinstance(issuers, list):
        raise ValueError("predicates and issuers are lists")
    if not all(type(number) is int for number in issuers):
        raise ValueError("issuers are numbers")
    found = [_predicate(schema, row) for row in rows]
    policy = Policy(
        schema.id,
        tuple(predicate for predicate, _ in found),
        _required(raw["require"], len(found)),
        tuple(issuers),
    )
    return PolicyText(schema, policy, tuple(words for _, words in found), raw)


def _required(raw: object, count: int) -> int:
    if raw == "all":
        return count
    if raw == "any":
        return min(1, count)
    if type(raw) is int and 0 <= raw <= count:
        return raw
    raise ValueError("require is all, any, or how many of the predicates must hold")


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
    return Predicate(slot, kind.number, op.startswith("age"), intervals), words


def _members(kind: ClaimKind, op: str, raw: object) -> tuple[tuple[Interval, ...], str]:
    if not isinstance(raw, list) or not 1 <= len(raw) <= MAX_MEMBERS:
        raise ValueError(f"a set has 1 to {MAX_MEMBERS} members")
    values = sorted({encode_value(kind, member) for member in raw})
    listed = ", ".join(str(member) for member in raw)
    if op == "not in":
        return gaps(values), f"is there and none of: {listed}"
    return tuple(Interval(value, value) for value in values), f"is one of: {listed}"


def _compared(kind: ClaimKind, op: str, raw: ClaimValue) -> tuple[tuple[Interval, ...], str]:
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
    return (found,), _WORDS[op].format(raw)


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
