"""What the groups share: settings, medians, and the memory of processes."""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mip_cli.config import Settings

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / "bench" / "node_modules"
"""Packages of the peers; ``make bench`` installs them."""

Figures = dict[str, float]
Say = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True)
class Context:
    """What a group gets to measure with."""

    settings: Settings
    """Of the checkout, with private data and cache folders."""
    photos: Path | None
    """Folder with one folder of photos for each person."""
    say: Say
    """Tells what is going on."""


def median_seconds(runs: int, work: Callable[[], object]) -> float:
    """Return the median wall time of some runs."""
    return statistics.median(seconds(work) for _ in range(runs))


def seconds(work: Callable[[], object]) -> float:
    """Return the wall time of one run."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def median_cpu_seconds(runs: int, work: Callable[[], object]) -> float:
    """Return the median of user and system time of some runs, ended children included."""
    return statistics.median(cpu_seconds(work) for _ in range(runs))


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the user and system time of one run, ended children included."""
    before = os.times()
    work()
    return sum(os.times()[:4]) - sum(before[:4])


class Memory:
    """Watches the processes below one, from /proc."""

    def __init__(self, pid: int, *, itself: bool) -> None:
        """Watch the descendants of a process, and the process ``itself`` if wanted."""
        self._pid = pid
        self._itself = itself
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.largest = 0.0
        """MiB of the process that had most at any time, by the kernel's high-water mark."""
        self.together = 0.0
        """MiB of all at the moment when they had most."""

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def most(self) -> float:
        """MiB of all together, and no less than what one of them had between two looks."""
        return max(self.largest, self.together)

    def _watch(self) -> None:
        while not self._stop.wait(0.004):
            found = list(_family(self._pid, _command(self._pid) if not self._itself else b""))
            if self._itself:
                found.append(self._pid)
            sizes = [memory_of(pid) for pid in found]
            self.largest = max([self.largest, *(peak for _, peak in sizes)])
            self.together = max(self.together, sum(now for now, _ in sizes))


def _family(pid: int, command: bytes) -> Iterator[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [c for task in tasks for c in (task / "children").read_text().split()]
    except OSError:
        return
    for child in map(int, children):
        # between vfork and exec a child still shows its parent's memory
        if (own := _command(child)) and own != (command or _command(pid)):
            yield child
            yield from _family(child, own)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def memory_of(pid: int) -> tuple[float, float]:
    """Return resident memory now and at its highest, MiB; zeros when the process is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0, 0.0
    fields = {name: rest for name, _, rest in (line.partition(":") for line in lines)}
    now, peak = (int(fields.get(name, "0 kB").split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    return now, peak


@contextmanager
def announced(say: Say, text: str) -> Iterator[None]:
    """Say what begins, and how long it took when it is over."""
    start = time.perf_counter()
    yield
    say(f"{text}: {time.perf_counter() - start:.1f} s")
