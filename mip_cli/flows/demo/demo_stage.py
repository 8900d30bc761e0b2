"""What every chapter of the demonstration plays on: scenes, a narrator, a chain of its own."""

from __future__ import annotations

import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mip_cli.config import Settings
from mip_cli.errors import MipError
from mip_cli.flows import dev
from mip_cli.progress import Progress


@dataclass(frozen=True)
class Scene:
    """One thing that was tried and what came of it."""

    title: str
    """What is tried, a sentence."""
    outcome: str
    """What happened."""
    as_expected: bool
    """Whether it happened as the protocol promises."""
    seconds: float
    """Wall time."""
    facts: dict[str, object] = field(default_factory=dict)
    """Figures worth seeing."""


class Narrator(Protocol):
    """Is told each scene as it ends."""

    def scene(self, scene: Scene) -> None:
        """Show a scene."""


@dataclass
class Stage:
    """Plays scenes and keeps them."""

    settings: Settings
    """Of the person the chapter is about."""
    narrator: Narrator
    progress: Progress
    scenes: list[Scene] = field(default_factory=list)
    """What was played so far."""

    def play(self, title: str, act: Callable[[], tuple[str, dict[str, object]]]) -> None:
        """Play something that must work; what it raises ends the chapter."""
        started = time.perf_counter()
        outcome, facts = act()
        self._end(Scene(title, outcome, True, time.perf_counter() - started, facts))

    def refuse(self, title: str, kind: str, act: Callable[[], object]) -> None:
        """Play something that must fail for one reason; another outcome breaks a promise."""
        started = time.perf_counter()
        try:
            act()
        except MipError as error:
            right = type(error).__name__ == kind
            outcome = f"refused: {error.message}"
        else:
            right, outcome = False, "accepted, which it must not be"
        self._end(Scene(title, outcome, right, time.perf_counter() - started))

    def _end(self, scene: Scene) -> None:
        self.scenes.append(scene)
        self.narrator.scene(scene)


def machine(settings: Settings, folder: Path, name: str) -> Settings:
    """Return settings of another machine that knows where the contracts stand, and no more."""
    place = settings.with_flags(data_dir=folder / name)
    if not (place.data_dir / "deployments").exists():
        shutil.copytree(settings.data_dir / "deployments", place.data_dir / "deployments")
    return place


def giving(data: bytes) -> Callable[[int], bytes]:
    """Return what ``archive.put_file`` reads from, as from a pipe."""
    return lambda _: data


@contextmanager
def own_chain(
    settings: Settings, progress: Progress
) -> Iterator[tuple[Settings, Path, dev.DevChain]]:
    """Start a chain in a temporary folder; yield settings for it, the folder and the chain.

    Chain and folder are gone on leaving.
    """
    with tempfile.TemporaryDirectory(prefix="mip-demo-") as name:
        folder, port = Path(name), _free_port()
        place = settings.with_flags(
            data_dir=folder / "data",
            cache_dir=settings.cache_dir,
            rpc_url=f"http://127.0.0.1:{port}",
        )
        try:
            yield place, folder, dev.up(place, progress, port=port, fresh=True)
        finally:
            dev.down(place)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
