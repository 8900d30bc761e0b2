"""The document and the table of a run."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.common import ROOT, Figures
from benchmarks.figures import DOCUMENTED, GROUPS, Figure
from mip_cli import __version__

SCHEMA = "mip.bench/1"


def document(figures: Figures, load: tuple[float, float]) -> dict[str, object]:
    """Return what is written: a flat object of figures, and where they come from."""
    numbers = {key: round(value, 4) for key, value in with_documented(figures).items()}
    documented = [key for key in numbers if key not in figures]
    return {
        "schema": SCHEMA,
        "documented": documented,
        "machine": machine(load),
        **{key: int(value) if value == int(value) else value for key, value in numbers.items()},
    }


def with_documented(figures: Figures) -> Figures:
    """Add published figures of peers that this run did not measure but is compared with."""
    wanted = {
        figure.peer
        for group in GROUPS.values()
        for figure in group
        if figure.key in figures and figure.peer
    }
    missing = {key: DOCUMENTED[key] for key in wanted - figures.keys() if key in DOCUMENTED}
    return figures | dict(sorted(missing.items()))


def machine(load: tuple[float, float]) -> dict[str, object]:
    """Return facts about the machine; ``load`` is its load average before and after."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "version": __version__,
        "commit": _commit(),
        "load_before": round(load[0], 2),
        "load_after": round(load[1], 2),
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def table(figures: Figures) -> Table:
    """Return the figures beside bars and peers."""
    numbers = with_documented(figures)
    compared = {
        figure.peer for group in GROUPS.values() for figure in group if figure.key in numbers
    }
    result = Table(box=None, pad_edge=False)
    for name in ("figure", "measured", "bar", "peer", "ratio"):
        result.add_column(name, justify="left" if name == "figure" else "right", no_wrap=True)
    result.add_column("")
    for name, group in GROUPS.items():
        rows = [
            f for f in group if f.key in numbers and not (name == "peers" and f.key in compared)
        ]
        if not rows:
            continue
        result.add_row(f"[bold]{name}[/]")
        for figure in rows:
            result.add_row(*_row(figure, numbers, figures))
    return result


def _row(figure: Figure, numbers: Figures, measured: Figures) -> tuple[str, ...]:
    value = numbers[figure.key]
    peer = numbers.get(figure.peer) if figure.peer else None
    notes = []
    if over := figure.bar is not None and value > figure.bar:
        notes.append("[red]over the bar[/]")
    if figure.key not in measured:
        notes.append("source: documented")
    if figure.peer and peer is not None:
        source = "" if figure.peer in measured else ", documented"
        notes.append(f"peer: {figure.peer.removeprefix('peer.')}{source}")
    text = _text(value, figure.unit)
    return (
        "  " + figure.key,
        f"[red]{text}[/]" if over else text,
        "" if figure.bar is None else _text(figure.bar, figure.unit),
        "" if peer is None else _text(peer, figure.unit),
        "" if not peer else f"{value / peer:.2f}",
        "; ".join(notes),
    )


def _text(value: float, unit: str) -> str:
    if unit == "gas" or (not unit and value == int(value)):
        number = f"{value:,.0f}"
    elif unit in ("s", ""):
        number = f"{value:.3f}"
    else:
        number = f"{value:.1f}"
    return f"{number} {unit}".rstrip()


def show(figures: Figures) -> None:
    """Print the table; a pipe gets it at full width."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    console.print(table(figures))


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    found = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(found, platform.processor())


def _commit() -> str:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(ROOT), *arguments]  # noqa: S607
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
        return done.stdout.strip()

    try:
        dirty = "+changes" if git("status", "--porcelain", "--untracked-files=no") else ""
        return git("rev-parse", "HEAD") + dirty
    except (OSError, subprocess.SubprocessError):
        return ""
