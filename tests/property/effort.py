"""How many cases a law is tried on."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import settings

FULL = settings.get_profile("default").max_examples


def examples(count: int) -> settings:
    """Try ``count`` examples, or as many as the chosen profile has when those are fewer."""
    return settings(max_examples=min(count, settings().max_examples))


def sample(cases: Sequence[int]) -> Sequence[int]:
    """Return all cases, or evenly fewer under a profile with fewer examples."""
    return cases[:: -(-FULL // settings().max_examples)]
