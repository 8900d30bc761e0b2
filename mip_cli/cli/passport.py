"""``mip passport``: what the holder's key files say."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from mip_cli.cli import _io, _render
from mip_cli.cli._options import (
    example,
    json_option,
    passport_option,
    password_file_option,
    with_settings,
)
from mip_cli.config import Settings
from mip_cli.flows import passport_file
from mip_cli.flows.passport_file import PassportView

LIST_SCHEMA = "mip.passport.list/1"
SHOW_SCHEMA = "mip.passport.show/1"


@click.group(epilog=example("mip passport show"))
def passport() -> None:
    """Show what your passports hold."""


@passport.command("list", epilog=example("mip passport list --json"))
@json_option
@with_settings
def list_passports(settings: Settings, as_json: bool) -> None:
    """List the names of your passports; needs no password."""
    names = passport_file.list_names(settings)

    def text() -> None:
        for name in names:
            click.echo(name)
        if not names:
            _io.note("there is no passport yet; make one with `mip enroll`")

    _io.emit({"passports": names}, schema=LIST_SCHEMA, as_json=as_json, text=text)


@passport.command("show", epilog=example("mip passport show --passport default --json"))
@passport_option
@password_file_option
@json_option
@with_settings
def show(settings: Settings, passport_name: str, password_file: str | None, as_json: bool) -> None:
    """Open a passport and show what is public about it, never its secrets.

    The anchor names your leaf in the registry: whoever sees it here knows which leaf is yours.
    """
    passport_file.require(settings, passport_name)
    password = _io.read_password(
        password_file, prompt=f"password of passport {passport_name}", confirm=False
    )
    with _render.TerminalProgress(quiet=as_json) as progress:
        unlocked = passport_file.unlock(settings, passport_name, password, progress)
    shown = passport_file.view(unlocked.secrets)
    document = _document(shown)
    _io.emit(document, schema=SHOW_SCHEMA, as_json=as_json, text=lambda: _text(shown))


def _document(shown: PassportView) -> dict[str, object]:
    return {
        "name": shown.name,
        "status": shown.status.value,
        "created": datetime.fromtimestamp(shown.created, UTC),
        "anchor": shown.anchor,
        "chain_id": shown.chain_id,
        "registry": shown.registry,
        "index": shown.index,
        "epoch": shown.epoch,
        "face_spec": shown.face_spec,
        "kinds": [kind.value for kind in shown.kinds],
    }


def _text(shown: PassportView) -> None:
    _render.kv(
        [
            ("name", shown.name),
            ("status", shown.status.value),
            ("created", f"{datetime.fromtimestamp(shown.created, UTC):%Y-%m-%d %H:%M} UTC"),
            ("anchor", shown.anchor),
            ("chain id", shown.chain_id),
            ("registry", shown.registry),
            ("index", shown.index),
            ("epoch", shown.epoch),
            ("face spec", shown.face_spec),
            ("kinds", ", ".join(kind.value for kind in shown.kinds)),
        ]
    )
