"""The words behind each reason string of ``contracts/``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """What a reason string means to a person."""

    words: str
    """One clause, lower case, no full stop."""
    hint: str | None = None
    """What to do about it."""


REASONS: dict[str, Reason] = {}
