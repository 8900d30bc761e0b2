"""From the claims of others to the claims of a schema of ours: ``mip.mapping/1``, section 23."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mip_cli.crypto.claims import SLOTS, ClaimKind, ClaimValue, Schema, encode_value, parse_schema
from mip_cli.crypto.policy_text import EXAMPLE_SCHEMA
from mip_cli.errors import CredentialInvalid, UsageFault
from mip_cli.flows.adapters import Foreign

FORMAT = "mip.mapping/1"
MAX_BYTES = 64 * 1024
MAX_TYPES = 32
MAX_STEPS = 8

PERSON = {
    "format": FORMAT,
    "schema": EXAMPLE_SCHEMA,
    "vct": [],
    "claims": {
        "given_name": ["given_name"],
        "family_name": ["family_name"],
        "birth_date": ["birthdate"],
        "nationality": ["nationalities", 0],
        "residence": ["address", "country"],
    },
}
"""EU personal identification data (PID) as an SD-JWT VC, into the schema of the examples."""


@dataclass(frozen=True)
class Way:
    """Where a claim of ours stands in theirs."""

    claim: str
    steps: tuple[str | int, ...]
    """Names of members and places in lists."""


@dataclass(frozen=True)
class Claimed:
    """Foreign claims in a schema of ours."""

    schema: Schema
    values: Mapping[str, ClaimValue]


class ForeignMapping:
    """A mapping that was read and makes sense."""

    def __init__(self, raw: object) -> None:
        """Read a mapping's JSON; raise ``ValueError`` when it makes no sense."""
        members = {"format", "schema", "claims", "vct"}
        if not isinstance(raw, dict) or set(raw) != members or raw["format"] != FORMAT:
            raise ValueError(f"a mapping is {FORMAT} with claims, schema and vct")
        self.schema = parse_schema(raw["schema"])
        rows, types = raw["claims"], raw["vct"]
        if not isinstance(rows, dict) or not 1 <= len(rows) <= SLOTS:
            raise ValueError("claims says for each claim of the schema where it stands")
        if not isinstance(types, list) or len(types) > MAX_TYPES:
            raise ValueError("vct is a list of the types that are taken, empty for all")
        if not all(isinstance(kind, str) for kind in types):
            raise ValueError("vct is a list of texts")
        self.types = frozenset(types)
        self.ways = tuple(Way(name, _steps(steps)) for name, steps in rows.items())
        known = {claim.name for claim in self.schema.claims}
        if not {way.claim for way in self.ways} <= known:
            raise ValueError("the schema has no claim of that name")

    def apply(self, foreign: Foreign) -> Claimed:
        """Return what a foreign credential says in our words.

        What it does not say is left out. Raises ``UsageFault`` for another type or when nothing is
        left, ``CredentialInvalid`` for a value that is not of its claim's kind.
        """
        if self.types and foreign.kind not in self.types:
            raise UsageFault(
                "the credential is of another type than the mapping is for",
                hint="choose another mapping: --mapping FILE",
            )
        kinds = {claim.name: claim.kind for claim in self.schema.claims}
        values: dict[str, ClaimValue] = {}
        for way in self.ways:
            value = _at(foreign.claims, way.steps)
            if value is not None:
                values[way.claim] = _fitting(way.claim, kinds[way.claim], value)
        if not values:
            raise UsageFault(
                "the credential says nothing that the mapping knows",
                hint="write a mapping for it, and add --mapping FILE",
            )
        return Claimed(self.schema, values)


def _steps(raw: object) -> tuple[str | int, ...]:
    if not isinstance(raw, list) or not 1 <= len(raw) <= MAX_STEPS:
        raise ValueError(f"a way has 1 to {MAX_STEPS} steps")
    if not all(isinstance(step, str) or (type(step) is int and step >= 0) for step in raw):
        raise ValueError("a step is a name, or a place in a list")
    return tuple(raw)


def _at(value: Any, steps: tuple[str | int, ...]) -> Any:
    for step in steps:
        named = isinstance(value, dict) and isinstance(step, str) and step in value
        placed = isinstance(value, list) and isinstance(step, int) and step < len(value)
        if not named and not placed:
            return None
        value = value[step]
    return value


def _fitting(name: str, kind: ClaimKind, value: Any) -> ClaimValue:
    if isinstance(value, bool | int | str):
        try:
            encode_value(kind, value)
        except ValueError:
            pass
        else:
            return value
    raise CredentialInvalid(f"what the credential says as {name} is not a {kind.value}")
