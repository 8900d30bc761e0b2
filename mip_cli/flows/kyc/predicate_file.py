"""A proof about a credential as a file: the proof file of section 9 with one more member."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from mip_cli.chain.abi import parse_address
from mip_cli.chain.predicates import PredicatePresentation
from mip_cli.crypto import jsontext
from mip_cli.crypto.claims import LAST_DATE
from mip_cli.crypto.dates import date_of_day
from mip_cli.crypto.field import R
from mip_cli.crypto.policy_text import PolicyText, parse_policy
from mip_cli.errors import FileInvalid, MipError
from mip_cli.flows.passport import proof_file
from mip_cli.flows.passport.proof_file import ProofFile
from mip_cli.units import Address

MAX_BYTES = 192 * 1024
_MAX_DAY = 2_932_896
_FIELDS = {"policy", "gate", "issuers", "issuers_root", "day"}

File = TypeVar("File")


@dataclass(frozen=True)
class PredicateFile:
    """A proof, what it is bound to, and what it says of a credential."""

    bound: ProofFile
    """The proof and the values it shares with a proof of the passport alone."""
    policy: PolicyText
    """What the credential was asked."""
    gate: Address
    """The PredicateGate that checks."""
    issuers: Address
    """The IssuerRegistry."""
    issuers_root: int
    """Root of the issuers tree."""
    day: int
    """Days since 1970 of the day it was made for."""

    @property
    def signals(self) -> tuple[int, ...]:
        """The public signals, computed anew; a file cannot claim others."""
        root_level, nullifier, scope, message = self.bound.signals
        statement = (self.policy.policy.commitment + date_of_day(self.day)) % R
        return (root_level, nullifier, statement, self.issuers_root, scope, message)

    @property
    def presentation(self) -> PredicatePresentation:
        """What the app's contract takes."""
        return PredicatePresentation(self.bound.presentation, self.issuers_root, self.day)


def encode(file: PredicateFile) -> bytes:
    """Write the file as UTF-8 JSON."""
    document = json.loads(proof_file.encode(file.bound))
    document["credential"] = {
        "policy": file.policy.document,
        "gate": file.gate,
        "issuers": file.issuers,
        "issuers_root": str(file.issuers_root),
        "day": file.day,
    }
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def decode(data: bytes) -> PredicateFile:
    """Read the file; raise ``FileInvalid`` unless every member is there, known and canonical."""
    return read(data, _FIELDS, "it says nothing of a credential", _read)


def read(
    data: bytes,
    fields: set[str],
    otherwise: str,
    build: Callable[[dict[str, Any], dict[str, Any]], File],
) -> File:
    """Read a proof file with the member ``credential`` of some fields; ``otherwise`` it is none.

    Raises ``FileInvalid`` for what ``build`` cannot read.
    """
    if len(data) > MAX_BYTES:
        raise FileInvalid(f"the proof file is larger than {MAX_BYTES} bytes")
    try:
        document = jsontext.parse(data)
        if not isinstance(document, dict):
            raise ValueError("it is not a proof with its bindings")
        extra = document.pop("credential", None)
        if not isinstance(extra, dict) or set(extra) != fields:
            raise ValueError(otherwise)
        return build(document, extra)
    except MipError:
        raise
    except (ValueError, TypeError, KeyError) as error:
        raise FileInvalid(f"the proof file cannot be read: {error}") from error


def _read(document: dict[str, Any], extra: dict[str, Any]) -> PredicateFile:
    gate, issuers = extra["gate"], extra["issuers"]
    if not isinstance(gate, str) or not isinstance(issuers, str):
        raise ValueError("gate and issuers are addresses")
    return PredicateFile(
        bound=proof_file.decode(json.dumps(document).encode()),
        policy=parse_policy(extra["policy"]),
        gate=parse_address(gate),
        issuers=parse_address(issuers),
        issuers_root=read_root(extra["issuers_root"]),
        day=read_day(extra["day"]),
    )


def read_root(value: object) -> int:
    """Read the root of the issuers tree, decimal text."""
    if not isinstance(value, str) or not value.isascii() or not value[:80].isdigit():
        raise ValueError("issuers_root must be a decimal number")
    if str(int(value[:80])) != value or not 0 < int(value) < R:
        raise ValueError("issuers_root must be a field element other than 0")
    return int(value)


def read_day(value: object) -> int:
    """Read a day since 1970 that has a date."""
    if type(value) is not int or not 0 <= value <= _MAX_DAY or date_of_day(value) > LAST_DATE:
        raise ValueError("day is out of range")
    return value
