"""``mip attack``: a thief with a live grant and all public bytes tries every way that is known."""

from __future__ import annotations

from pathlib import Path

import click

from mip_cli.cli import _io, _render
from mip_cli.cli._failure import print_line
from mip_cli.cli._options import example, json_option, with_settings
from mip_cli.config import Settings
from mip_cli.errors import CheckFailed
from mip_cli.flows import attack as flow
from mip_cli.flows.attack import Report, Tried

SCHEMA = "mip.attack/1"


class _Teller:
    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet

    def tried(self, route: Tried) -> None:
        """Print one route as it ends."""
        if self._quiet:
            return
        click.echo(f"{_word(route):6} {route.name}: {route.question}")
        click.echo(f"       {_io.sanitize(route.detail)}")
        if route.succeeded and route.limit:
            click.echo(f"       documented: {route.limit}")


@click.command(epilog=example("mip attack", "mip attack --json"))
@click.option(
    "--photos",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder with one folder of photos for each person; else portraits from packages.",
)
@json_option
@with_settings
def attack(settings: Settings, photos: Path | None, as_json: bool) -> None:
    """Try to get more than was granted, by every route that is known.

    On a local chain of its own a holder grants finance to a bank and health to a clinic. The bank
    turns thief. It has its grant, its keys, every block that ever lay in the store, every
    transaction and the code; four more grantees help it, and one with a proof alone tries for
    itself. Each route is really tried; one that the specification says is open counts as a
    documented limit. Exits with 1 when any other succeeds.
    """
    with _render.TerminalProgress(quiet=as_json) as progress:
        report = flow.attack(settings, photos, _Teller(quiet=as_json), progress)
    conclude(report, as_json=as_json)


def conclude(report: Report, *, as_json: bool) -> None:
    """Print what came of it; leave with an exit code of its own when there was a breach."""
    _io.emit(_document(report), schema=SCHEMA, as_json=as_json, text=lambda: _summary(report))
    if report.breaches:
        names = ", ".join(one.name for one in report.breaches)
        print_line("error", f"{len(report.breaches)} routes succeeded that must not: {names}")
        click.get_current_context().exit(CheckFailed.exit_code)


def _document(report: Report) -> dict[str, object]:
    return {
        "controls": list(report.controls),
        "routes": [
            {
                "name": one.name,
                "question": one.question,
                "succeeded": one.succeeded,
                "documented_limit": one.documented_limit,
                "limit": one.limit,
                "detail": one.detail,
                "seconds": round(one.seconds, 3),
            }
            for one in report.tried
        ],
    }


def _summary(report: Report) -> None:
    open_ones = [one for one in report.tried if one.succeeded]
    closed = len(report.tried) - len(open_ones)
    limits = sum(one.documented_limit for one in open_ones)
    click.echo(f"{len(report.tried)} routes: {closed} closed, {limits} documented limits open")


def _word(route: Tried) -> str:
    if route.is_breach:
        return "BREACH"
    return "open" if route.succeeded else "closed"
