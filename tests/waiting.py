"""Waiting for what other processes do, and for what they leave in the shared memory to go."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where a prover's files may lie


def shared_memory() -> set[str]:
    return {entry.name for entry in SHARED_MEMORY.iterdir() if entry.name.startswith("mip-")}


def wait_until_removed(before: set[str]) -> None:
    """Wait until what came into the shared memory since then has gone; fail when it stays.

    Another suite's proofs, made meanwhile, come and go.
    """
    left = shared_memory() - before
    wait_for(lambda: not left & shared_memory(), f"{left} removed from the shared memory")


def wait_for(condition: Callable[[], object], what: str, limit: float = 300.0) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"never came: {what}")
        time.sleep(0.02)
