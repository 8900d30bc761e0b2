"""What an app asks, as people write and read it: ``mip.policy/2``; protocol section 20."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mip_cli.crypto import policy_text
from mip_cli.crypto.policy_app import PARTS, AppPolicy
from mip_cli.crypto.policy_text import EXAMPLE_POLICY, PolicyText, parse_policy, required

FORMAT = "mip.policy/2"
_MEMBERS = {"format", "level", "strict", "require", "parts"}
_PART_MEMBERS = {"schema", "issuers", "require", "predicates"}


@dataclass(frozen=True)
class AppPolicyText:
    """An app's policy and the words it was made from."""

    policy: AppPolicy
    """What the app's contract checks."""
    parts: tuple[PolicyText, ...]
    """What each part asks of one credential."""
    document: dict[str, Any]
    """As ``mip.policy/2``."""

    @property
    def demand(self) -> str:
        """How many of the parts must be shown, in words; empty when there is one alone."""
        count, needed = len(self.parts), self.policy.required
        if count == 1:
            return ""
        if needed == count:
            return f"all {count} of these"
        return f"any {'one' if needed == 1 else needed} of these {count}"


def parse_app_policy(raw: object, *, level: int = 1) -> AppPolicyText:
    """Read an app's policy; raise ``ValueError`` when it makes no sense.

    A ``mip.policy/1`` document alone is one part, of ``level``, not strict.
    """
    if isinstance(raw, dict) and raw.get("format") == policy_text.FORMAT:
        part = {name: value for name, value in raw.items() if name != "format"}
        whole = {"format": FORMAT, "level": level, "strict": False, "require": "all"}
        raw = whole | {"parts": [part]}
    if not isinstance(raw, dict) or set(raw) != _MEMBERS or raw["format"] != FORMAT:
        raise ValueError(f"a policy is {FORMAT} with level, strict, require and parts")
    if type(raw["level"]) is not int or type(raw["strict"]) is not bool:
        raise ValueError("level is a number, strict true or false")
    rows = raw["parts"]
    if not isinstance(rows, list) or not 1 <= len(rows) <= PARTS:
        raise ValueError(f"a policy has 1 to {PARTS} parts")
    if not all(isinstance(row, dict) and set(row) - {"document"} == _PART_MEMBERS for row in rows):
        raise ValueError("a part has issuers, predicates, require and schema")
    parts = tuple(parse_policy({"format": policy_text.FORMAT, **row}) for row in rows)
    policy = AppPolicy(
        raw["level"],
        raw["strict"],
        required(raw["require"], len(parts)),
        tuple(part.policy.commitment for part in parts),
    )
    return AppPolicyText(policy, parts, raw)


INCOME_SCHEMA = {
    "claims": [
        {"kind": "number", "name": "monthly_income"},
        {"kind": "code", "name": "currency"},
    ],
    "format": "mip.schema/1",
    "name": "Income",
    "version": 1,
}
GUARANTEE_SCHEMA = {
    "claims": [{"kind": "number", "name": "guaranteed"}, {"kind": "code", "name": "currency"}],
    "format": "mip.schema/1",
    "name": "Guarantee",
    "version": 1,
}

EXAMPLE_APP_POLICY = {
    "format": FORMAT,
    "level": 2,
    "strict": False,
    "require": 2,
    "parts": [
        {name: value for name, value in EXAMPLE_POLICY.items() if name != "format"},
        {
            "schema": INCOME_SCHEMA,
            "issuers": [2, 3],
            "require": "all",
            "predicates": [
                {"claim": "monthly_income", "op": ">=", "value": 2000},
                {"claim": "currency", "op": "==", "value": "EUR"},
                {"claim": "valid_from", "op": "days <=", "value": 90},
            ],
        },
        {
            "schema": GUARANTEE_SCHEMA,
            "issuers": [2, 3],
            "require": "all",
            "predicates": [{"claim": "guaranteed", "op": ">=", "value": 12000}],
        },
    ],
}
"""What the example with several credentials asks on local chains: two of three."""
