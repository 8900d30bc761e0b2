"""``mip passport``: what the holder's key files say."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from mip_cli.cli import _io, _keys, _render
from mip_cli.cli._options import (
    example,
    json_option,
    passport_option,
    password_file_option,
    with_settings,
)
from mip_cli.cli.passport_backup import export, import_backup, sheet
from mip_cli.cli.passport_keys import revoke, rotate
from mip_cli.cli.void import void
from mip_cli.config import Settings
from mip_cli.flows.passport import passport_file
from mip_cli.flows.passport.passport_file import PassportView
from mip_cli.store.device import Place

LIST_SCHEMA = "mip.passport.list/1"
SHOW_SCHEMA = "mip.passport.show/2"
PLACES = {
    Place.KEYRING: "in the system's keyring",
    Place.FILE: "in a file that only you can read; this machine has no open keyring",
}


@click.group(epilog=example("mip passport show"))
def passport() -> None:
    """Show your passports, back them up, replace their keys, revoke them."""


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


@passport.command("show", epilog=example("mip passport show --image now.jpg --json"))
@passport_option
@_keys.image_option
@password_file_option
@json_option
@with_settings
def show(
    settings: Settings,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    as_json: bool,
) -> None:
    """Open a passport and show what is public about it, never its secrets.

    The anchor names your leaf in the registry: whoever sees it here knows which leaf is yours.
    """
    passport_file.require(settings, passport_name)
    factors = _keys.read_factors(passport_name, password_file, image)
    with _render.TerminalProgress(quiet=as_json) as progress:
        opened = passport_file.unlock(settings, passport_name, factors, progress)
    shown = passport_file.view(settings, opened.unlocked)
    document = _document(shown)
    _io.emit(document, schema=SHOW_SCHEMA, as_json=as_json, text=lambda: _text(shown))


passport.add_command(rotate)
passport.add_command(revoke)
passport.add_command(void)
passport.add_command(export)
passport.add_command(import_backup)
passport.add_command(sheet)


def _document(shown: PassportView) -> dict[str, object]:
    people = None
    if shown.threshold is not None:
        people = {
            "guardians": shown.guardians,
            "threshold": shown.threshold,
            "quorum": shown.quorum,
        }
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
        "opened_by": [kind.value for kind in shown.opened_by],
        "people": people,
        "device_secret": shown.device_secret and shown.device_secret.value,
        "apps": shown.apps,
        "replacing": shown.replacing,
    }


def _text(shown: PassportView) -> None:
    people = "none: set guardians, so that a lost key is not a lost passport"
    if shown.threshold is not None:
        people = (
            f"{shown.threshold} of {shown.guardians} guardians, {shown.quorum} once it is frozen"
        )
    place = shown.device_secret and PLACES[shown.device_secret]
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
            ("opened by two of", ", ".join(kind.value for kind in shown.opened_by)),
            ("people", people),
            ("device secret", place),
            ("apps shown to", shown.apps),
        ]
    )
    if shown.replacing:
        _io.warn("a replacement of the keys was begun: finish it with `mip passport rotate`")
