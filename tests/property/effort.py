"""How many examples a law is tried on."""

from __future__ import annotations

from hypothesis import settings


def examples(count: int) -> settings:
    """Try ``count`` examples, or as many as the chosen profile has when those are fewer."""
    return settings(max_examples=min(count, settings().max_examples), deadline=None)
