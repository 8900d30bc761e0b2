"""How long work tells an observer where it stands, without knowing of a terminal."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives the steps of a job; implementations must not raise."""

    def step(self, text: str) -> None:
        """Announce the step that starts now, in the present tense, lower case."""

    def advance(self, done: int, total: int) -> None:
        """Report how much of the current step is done, in units of the step's own."""


class Silent:
    """The observer that ignores everything."""

    def step(self, text: str) -> None:
        """Ignore a step."""

    def advance(self, done: int, total: int) -> None:
        """Ignore an advance."""
