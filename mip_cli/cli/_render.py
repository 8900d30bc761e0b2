"""Text for people: progress on stderr, tables and key-value lists on stdout."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

import click

from mip_cli import config
from mip_cli.cli._text import sanitize

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID


class TerminalProgress:
    """A ``Progress`` that shows the current step on stderr, and nothing where no one watches.

    A context manager; ask for passwords before entering it. It leaves no trace when it ends.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._wanted = not quiet and sys.stderr.isatty()
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> TerminalProgress:
        if self._wanted:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
            from rich.progress import TimeElapsedColumn as Elapsed

            console = Console(stderr=True, no_color=not config.color_wanted())
            text = TextColumn("{task.description}", markup=False)
            self._bar = Progress(
                SpinnerColumn(), text, BarColumn(24), Elapsed(), console=console, transient=True
            )
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            with contextlib.suppress(Exception):
                self._bar.stop()
            self._bar = self._task = None

    def step(self, text: str) -> None:
        """Show the step that starts now in place of the last one."""
        with contextlib.suppress(Exception):  # an observer must not stop the work it observes
            if self._bar is not None:
                if self._task is not None:
                    self._bar.remove_task(self._task)
                self._task = self._bar.add_task(sanitize(text), total=None)

    def advance(self, done: int, total: int) -> None:
        """Move the bar of the current step."""
        with contextlib.suppress(Exception):
            if self._bar is not None and self._task is not None:
                self._bar.update(self._task, completed=done, total=total)


def count(number: int, noun: str) -> str:
    """Say how many there are of something."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def kv(pairs: Sequence[tuple[str, object]]) -> None:
    """Print aligned ``key  value`` lines; None shows as a dash."""
    width = max((_width(key) for key, _ in pairs), default=0)
    for key, value in pairs:
        click.echo(f"{_pad(key, width)}  {_cell(value)}")


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print columns aligned by display width, the header in capitals; cells are sanitised."""
    lines = [[header.upper() for header in headers], *([_cell(c) for c in row] for row in rows)]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (_pad(cell, width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _cell(value: object) -> str:
    return "-" if value is None else sanitize(str(value))


def _pad(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # wide East Asian characters take two columns

    return cell_len(text)
