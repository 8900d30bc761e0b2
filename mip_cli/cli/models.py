"""``mip models``: the weights that faces are read with."""

from __future__ import annotations

import click

from mip_cli.cli import _io, _render
from mip_cli.cli._options import example, json_option, with_settings
from mip_cli.config import Settings
from mip_cli.flows import models as flow

LIST_SCHEMA = "mip.models.list/1"
BUILD_SCHEMA = "mip.models.build/1"
PULL_SCHEMA = "mip.models.pull/1"


@click.group(epilog=example("mip models list"))
def models() -> None:
    """List, convert and fetch face models; each is pinned by its hash.

    \b
    A face is a gate, not a key, with any of them. Liveness is not checked.
    """


@models.command("list", epilog=example("mip models list --json"))
@json_option
@with_settings
def list_models(settings: Settings, as_json: bool) -> None:
    """List every face model and whether it is ready, missing or changed."""
    states = flow.list_models(settings)
    document = {
        "models": [
            {
                "name": one.name,
                "kind": one.kind,
                "state": one.state,
                "path": one.path,
                "sha256": one.sha256,
                "licence": one.licence,
            }
            for one in states
        ]
    }

    def text() -> None:
        rows = [(one.name, one.kind, one.state, one.licence) for one in states]
        _render.table(("name", "kind", "state", "licence"), rows)

    _io.emit(document, schema=LIST_SCHEMA, as_json=as_json, text=text)


@models.command("build", epilog=example("mip models build"))
@click.option("--force", is_flag=True, help="Convert also what is there already.")
@json_option
@with_settings
def build(settings: Settings, force: bool, as_json: bool) -> None:
    """Convert the embedded models from their package; takes seconds, needs no network."""
    with _render.TerminalProgress(quiet=as_json) as progress:
        written = flow.build_models(settings, progress, force=force)

    def text() -> None:
        for path in written:
            click.echo(path)
        if not written:
            _io.note("the embedded models are ready")

    _io.emit({"written": written}, schema=BUILD_SCHEMA, as_json=as_json, text=text)


@models.command("pull", epilog=example("mip models pull yunet"))
@click.argument("name", metavar="NAME")
@json_option
@with_settings
def pull(settings: Settings, name: str, as_json: bool) -> None:
    """Fetch an optional model (yunet or sface) from its official place.

    A file that does not have the pinned hash is refused and not kept.
    """
    with _render.TerminalProgress(quiet=as_json) as progress:
        path = flow.pull_model(name, settings, progress)
    _io.emit(
        {"name": name, "path": path},
        schema=PULL_SCHEMA,
        as_json=as_json,
        text=lambda: click.echo(path),
    )
