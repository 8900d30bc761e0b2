"""The containment test: an attacker with a live grant and all public bytes tries every way known.

Each route is really tried, on a chain and an archive made for it. A route that succeeds is a
breach, unless the specification says that it is open.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mip_cli.config import Settings
from mip_cli.errors import CheckFailed
from mip_cli.flows.attack import chain_routes, store_routes
from mip_cli.flows.attack.chain_routes import CHAIN_ROUTES
from mip_cli.flows.attack.identity_routes import IDENTITY_ROUTES
from mip_cli.flows.attack.link_routes import LINK_ROUTES
from mip_cli.flows.attack.model import Route, Theft, Tried
from mip_cli.flows.attack.stage import played
from mip_cli.flows.attack.store_routes import STORE_ROUTES
from mip_cli.progress import Progress

ROUTES = (*STORE_ROUTES, *IDENTITY_ROUTES, *CHAIN_ROUTES, *LINK_ROUTES)
"""Every way in that the project knows."""


@dataclass(frozen=True)
class Report:
    """What came of all routes."""

    tried: tuple[Tried, ...]
    """In the order in which they were tried."""
    controls: tuple[str, ...]
    """What the attacker could do because it was granted."""

    @property
    def breaches(self) -> list[Tried]:
        """The routes by which he got what he must not."""
        return [one for one in self.tried if one.is_breach]


class Listener(Protocol):
    """Is told each route as it ends."""

    def tried(self, route: Tried) -> None:
        """Show a route."""


def attack(
    settings: Settings, photos_dir: Path | None, listener: Listener, progress: Progress
) -> Report:
    """Play a story on a local chain of its own, then try every route against it.

    Nothing is kept. Raises ``CheckFailed`` when what was granted does not work, for then no failure
    of a route means anything, and what the flows raise when the story cannot be played.
    """
    with played(settings, photos_dir, progress) as theft:
        return try_all(theft, ROUTES, listener, progress)


def try_all(
    theft: Theft, routes: Sequence[Route], listener: Listener, progress: Progress
) -> Report:
    """Try routes with what was stolen, after what was granted was shown to work."""
    controls = []
    for control in (store_routes.control, chain_routes.control):
        outcome = control(theft)
        if not outcome.succeeded:
            raise CheckFailed(f"what was granted does not work: {outcome.detail}")
        controls.append(outcome.detail)
    tried = []
    for route in routes:
        progress.step(route.question)
        started = time.perf_counter()
        found = route.attempt(theft)
        done = Tried(
            route.name,
            route.question,
            found.succeeded,
            found.detail,
            route.limit,
            time.perf_counter() - started,
        )
        tried.append(done)
        listener.tried(done)
    return Report(tuple(tried), tuple(controls))


__all__ = ["ROUTES", "Listener", "Report", "Tried", "attack", "try_all"]
