"""What an app asks of credentials, as its contract keeps it; protocol section 20."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from mip_cli.crypto.binding import keccak248, keccak256, word
from mip_cli.crypto.field import R

PARTS = 4
"""Policies of one credential that an app's policy combines."""
MAX_LEVEL = 3
POLICY_TYPE = "Policy(uint256 level,bool strict,uint256 required,uint256[4] parts)"
POLICY_ACT_TYPE = "PolicyAct(bytes32 payload,uint256 policy)"


@dataclass(frozen=True)
class AppPolicy:
    """Some of several policies of one credential each, a level, and how fresh the roots must be."""

    level: int
    """Kinds of key that a proof must use, at least."""
    strict: bool
    """Whether the current roots of both registries alone will do."""
    required: int
    """How many of the parts must be shown."""
    parts: tuple[int, ...]
    """Commitments of policies of one credential each."""

    def __post_init__(self) -> None:
        if not 1 <= self.level <= MAX_LEVEL:
            raise ValueError(f"a level is 1 to {MAX_LEVEL}")
        if len(self.parts) > PARTS or not 1 <= self.required <= len(self.parts):
            raise ValueError(f"a policy has 1 to {PARTS} parts and requires one of them or more")
        if not all(0 < part < R for part in self.parts):
            raise ValueError("a part is a field element other than 0")
        if len(set(self.parts)) != len(self.parts):
            raise ValueError("two parts of the policy are the same, which would count twice")

    @cached_property
    def commitment(self) -> int:
        """What an app's contract keeps of the policy: another policy has another."""
        filled = (*self.parts, *[0] * (PARTS - len(self.parts)))
        head = (self.level, int(self.strict), self.required)
        return keccak248(
            keccak256(POLICY_TYPE.encode()) + b"".join(word(value) for value in (*head, *filled))
        )

    def bind(self, payload: bytes) -> bytes:
        """Return the payload that a proof for this policy has; ``payload`` has 32 bytes."""
        if len(payload) != 32:
            raise ValueError("a payload has 32 bytes")
        return keccak256(keccak256(POLICY_ACT_TYPE.encode()) + payload + word(self.commitment))
