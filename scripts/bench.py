"""Measures the product beside its peers: ``build/bench.json`` and a table; see docs/bench.md."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import click
from benchmarks import (
    archive,
    circuits,
    coming_back,
    command,
    credentials,
    faces,
    gas,
    peers,
    proving,
    report,
)
from benchmarks.common import ROOT, Context, Figures, announced
from benchmarks.figures import GROUPS

from mip_cli.config import load_settings
from mip_cli.errors import MipError

MEASURES: dict[str, Callable[[Context], Figures]] = {
    "circuits": circuits.measure,
    "proving": proving.measure,
    "command": command.measure,
    "recovery": coming_back.measure,
    "gas": gas.measure,
    "faces": faces.measure,
    "archive": archive.measure,
    "credentials": credentials.measure,
    "peers": peers.measure,
}
PHOTOS = ROOT.parent / "shared" / "faces"


@click.command()
@click.option("--only", "groups", type=click.Choice(list(GROUPS)), multiple=True, help="Group.")
@click.option("--json", "as_json", is_flag=True, help="Print the document, not the table.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=ROOT / "build" / "bench.json",
    show_default="build/bench.json",
    help="Write the document here.",
)
@click.option(
    "--photos",
    type=click.Path(file_okay=False, path_type=Path),
    default=PHOTOS if PHOTOS.is_dir() else None,
    help="Folder with one folder of photos for each person; without it, no accuracy.",
)
def bench(groups: tuple[str, ...], as_json: bool, output: Path, photos: Path | None) -> None:
    """Measure, on this machine and now; all groups take four minutes on two quiet cores."""
    warnings.simplefilter("ignore")
    before = os.getloadavg()[0]
    figures: Figures = {}
    with tempfile.TemporaryDirectory(prefix="mip-bench-") as folder:
        settings = load_settings().with_flags(data_dir=Path(folder), cache_dir=Path(folder))
        context = Context(settings, photos.resolve() if photos else None, _say)
        for name, measure in MEASURES.items():
            if groups and name not in groups:
                continue
            if name == "peers" and not peers.installed():
                _say("peers: not installed (make bench does it), documented figures instead")
                continue
            try:
                with announced(_say, name):
                    figures |= measure(context)
            except (MipError, OSError, RuntimeError, subprocess.SubprocessError) as error:
                if name != "peers":
                    raise
                _say(f"peers: {error}; documented figures instead")
    document = report.document(figures, (before, os.getloadavg()[0]))
    text = json.dumps(document, indent=2) + "\n"
    output.parent.mkdir(parents=True, exist_ok=True)
    part = output.with_name(f".{output.name}.part")
    part.write_text(text)
    part.replace(output)
    if as_json:
        click.echo(text, nl=False)
    else:
        report.show(figures)


def _say(text: str) -> None:
    click.echo(text, err=True)


if __name__ == "__main__":
    bench()
