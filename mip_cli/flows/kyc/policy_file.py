"""Proofs for a policy as a file: section 9's with the policy and the other proofs."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from mip_cli.chain.abi import parse_address
from mip_cli.chain.predicates import PolicyPresentation, PredicatePresentation
from mip_cli.crypto import jsontext
from mip_cli.crypto.claims import LAST_DATE
from mip_cli.crypto.dates import date_of_day
from mip_cli.crypto.field import R
from mip_cli.crypto.policy_app import PARTS
from mip_cli.crypto.policy_document import AppPolicyText, parse_app_policy
from mip_cli.errors import FileInvalid, MipError
from mip_cli.flows.passport import proof_file
from mip_cli.flows.passport.proof_file import ProofFile
from mip_cli.units import Address
from mip_cli.zk.proof import Proof, parse_proof

MAX_BYTES = 192 * 1024
_MAX_DAY = 2_932_896
_FIELDS = {"policy", "gate", "issuers", "issuers_root", "day", "payload", "parts", "more"}


@dataclass(frozen=True)
class PolicyFile:
    """Proofs of some parts of a policy, and all that they are bound to."""

    bound: ProofFile
    """The first proof and what all share; its payload is bound to the policy."""
    policy: AppPolicyText
    """What the app asks of credentials."""
    payload: bytes
    """32 bytes, hash of the call's arguments."""
    gate: Address
    """The PredicateGate that checks."""
    issuers: Address
    """The IssuerRegistry."""
    issuers_root: int
    """Root of the issuers tree."""
    day: int
    """Days since 1970 of the day they were made for."""
    parts: tuple[int, ...]
    """Numbers of the parts shown, ascending."""
    more: tuple[Proof, ...]
    """Proofs of the parts after the first."""

    def __post_init__(self) -> None:
        ascending = all(a < b for a, b in zip(self.parts, self.parts[1:], strict=False))
        count = len(self.policy.parts)
        if not (self.parts and ascending and self.parts[0] >= 0 and self.parts[-1] < count):
            raise ValueError("the parts shown are not parts of the policy, ascending")
        if len(self.parts) != self.policy.policy.required or len(self.more) + 1 != len(self.parts):
            raise ValueError("it does not show as many parts as the policy requires")
        if self.bound.payload != self.policy.policy.bind(self.payload):
            raise ValueError("its payload is not that of the act under this policy")

    def proofs(self) -> list[tuple[Proof, tuple[int, ...]]]:
        """Return each proof with its public signals, computed anew; a file cannot claim others."""
        root_level, nullifier, scope, message = self.bound.signals
        date = date_of_day(self.day)
        found: list[tuple[Proof, tuple[int, ...]]] = []
        for part, proof in zip(self.parts, (self.bound.proof, *self.more), strict=True):
            statement = (self.policy.policy.parts[part] + date) % R
            signals = (root_level, nullifier, statement, self.issuers_root, scope, message)
            found.append((proof, signals))
        return found

    @property
    def presentation(self) -> PolicyPresentation:
        """What the app's contract takes."""
        first = PredicatePresentation(self.bound.presentation, self.issuers_root, self.day)
        return PolicyPresentation(
            first, self.parts, tuple(tuple(proof.evm_words()) for proof in self.more)
        )

    def single(self, place: int) -> PredicatePresentation:
        """Return what the gate takes for one of the proofs."""
        words = tuple(self.proofs()[place][0].evm_words())
        passport = replace(self.bound.presentation, proof=words)
        return PredicatePresentation(passport, self.issuers_root, self.day)


def encode(file: PolicyFile) -> bytes:
    """Write the file as UTF-8 JSON."""
    document = json.loads(proof_file.encode(file.bound))
    document["credential"] = {
        "policy": file.policy.document,
        "gate": file.gate,
        "issuers": file.issuers,
        "issuers_root": str(file.issuers_root),
        "day": file.day,
        "payload": "0x" + file.payload.hex(),
        "parts": list(file.parts),
        "more": [proof.to_json() for proof in file.more],
    }
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def decode(data: bytes) -> PolicyFile:
    """Read the file; raise ``FileInvalid`` unless every member is there, known and canonical.

    The proofs are not verified here; ``ProofInvalid`` says that their points are malformed.
    """
    if len(data) > MAX_BYTES:
        raise FileInvalid(f"the proof file is larger than {MAX_BYTES} bytes")
    try:
        document = jsontext.parse(data)
        if not isinstance(document, dict):
            raise ValueError("it is not a proof with its bindings")
        if "mip" in document and "credential" not in document:
            raise FileInvalid(
                "the file holds a proof about a passport alone", hint="check it with `mip verify`"
            )
        extra = document.pop("credential", None)
        if not isinstance(extra, dict) or set(extra) != _FIELDS:
            raise ValueError("it says nothing of a policy")
        return _read(document, extra)
    except MipError:
        raise
    except (ValueError, TypeError, KeyError) as error:
        raise FileInvalid(f"the proof file cannot be read: {error}") from error


def _read(document: dict[str, Any], extra: dict[str, Any]) -> PolicyFile:
    gate, issuers, payload = extra["gate"], extra["issuers"], extra["payload"]
    parts, more = extra["parts"], extra["more"]
    if not all(isinstance(text, str) for text in (gate, issuers, payload)):
        raise ValueError("gate, issuers and payload are texts")
    if not isinstance(parts, list) or not isinstance(more, list):
        raise ValueError("parts and more are lists")
    if len(parts) > PARTS or len(more) >= PARTS or not all(type(part) is int for part in parts):
        raise ValueError(f"there are at most {PARTS} parts")
    return PolicyFile(
        bound=proof_file.decode(json.dumps(document).encode()),
        policy=parse_app_policy(extra["policy"]),
        payload=_payload(payload),
        gate=parse_address(gate),
        issuers=parse_address(issuers),
        issuers_root=_root(extra["issuers_root"]),
        day=_day(extra["day"]),
        parts=tuple(parts),
        more=tuple(map(_proof, more)),
    )


def _proof(row: object) -> Proof:
    found = parse_proof(row)
    if found.to_json() != row:
        raise ValueError("one of the proofs has other members than a proof")
    return found


def _payload(text: str) -> bytes:
    found = bytes.fromhex(text.removeprefix("0x"))
    if len(found) != 32 or text != "0x" + found.hex():
        raise ValueError("payload is malformed")
    return found


def _root(value: object) -> int:
    if not isinstance(value, str) or not value.isascii() or not value[:80].isdigit():
        raise ValueError("issuers_root must be a decimal number")
    if str(int(value[:80])) != value or not 0 < int(value) < R:
        raise ValueError("issuers_root must be a field element other than 0")
    return int(value)


def _day(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _MAX_DAY or date_of_day(value) > LAST_DATE:
        raise ValueError("day is out of range")
    return value
