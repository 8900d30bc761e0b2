"""How long things take, in words."""

from __future__ import annotations


def duration(seconds: int) -> str:
    """Say how long something takes, rounded up, for a person."""
    if seconds < 120:
        return f"{max(0, seconds)} s"
    if seconds < 7200:
        return f"{-(-seconds // 60)} minutes"
    hours = -(-seconds // 3600)
    if hours < 72:
        return f"{hours} hours"
    return f"{hours // 24} days {hours % 24} hours" if hours % 24 else f"{hours // 24} days"
