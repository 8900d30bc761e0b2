"""``mip demo``: the whole story on real photos, with what is refused."""

from __future__ import annotations

from pathlib import Path

import click

from mip_cli.cli import _io, _render
from mip_cli.cli._failure import print_line
from mip_cli.cli._options import example, json_option, with_settings
from mip_cli.config import Settings
from mip_cli.errors import CheckFailed
from mip_cli.flows.demo import demo_archive, demo_kyc, demo_recovery
from mip_cli.flows.demo import demo_passport as passport_chapter
from mip_cli.flows.demo.demo_stage import Narrator, Scene
from mip_cli.progress import Progress

SCHEMA = "mip.demo/1"


def _kyc(
    settings: Settings, photos: Path | None, narrator: Narrator, progress: Progress
) -> list[Scene]:
    from mip_cli.http.desk import over_http  # a web framework takes its time to load

    return demo_kyc.play(settings, photos, narrator, progress, over_http)


CHAPTERS = {
    "passport": passport_chapter.passport,
    "recovery": demo_recovery.recovery,
    "archive": demo_archive.chapter,
    "kyc": _kyc,
}


class _Teller:
    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._count = 0

    def scene(self, scene: Scene) -> None:
        """Print one scene as it ends."""
        if self._quiet:
            return
        self._count += 1
        mark = "ok" if scene.as_expected else "BROKEN"
        click.echo(f"{self._count:2}. {scene.title}  [{scene.seconds:.1f} s]")
        click.echo(f"    {mark}: {_io.sanitize(scene.outcome)}")
        if scene.facts:
            facts = ", ".join(f"{name} {value}" for name, value in scene.facts.items())
            click.echo(f"    {facts}")


@click.command(epilog=example("mip demo", "mip demo passport --photos ~/portraits"))
@click.argument("chapter", type=click.Choice(list(CHAPTERS)), required=False)
@click.option(
    "--photos",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder with one folder of photos for each person; else portraits from packages.",
)
@json_option
@with_settings
def demo(settings: Settings, chapter: str | None, photos: Path | None, as_json: bool) -> None:
    """Play one CHAPTER, or all: real photos, proofs and contracts on a local chain of its own.

    Nothing is kept: key files and chain are in a temporary folder that is removed at the end.
    """
    scenes: dict[str, list[Scene]] = {}
    for name, play in CHAPTERS.items():
        if chapter in (None, name):
            if not as_json:
                click.echo(f"{name}:")
            with _render.TerminalProgress(quiet=as_json) as progress:
                scenes[name] = play(settings, photos, _Teller(quiet=as_json), progress)
    document = {
        "chapters": {
            name: [
                {
                    "title": scene.title,
                    "outcome": scene.outcome,
                    "as_expected": scene.as_expected,
                    "seconds": round(scene.seconds, 3),
                    "facts": scene.facts,
                }
                for scene in played
            ]
            for name, played in scenes.items()
        }
    }
    _io.emit(document, schema=SCHEMA, as_json=as_json, text=lambda: None)
    broken = [s.title for played in scenes.values() for s in played if not s.as_expected]
    if broken:
        print_line("error", f"{len(broken)} promises were broken: {'; '.join(broken)}")
        click.get_current_context().exit(CheckFailed.exit_code)
