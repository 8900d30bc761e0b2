"""``mip kyc move`` and ``mip kyc remove``: where credentials are kept."""

from __future__ import annotations

from pathlib import Path

import click

from mip_cli.cli import _io, _keys, _render
from mip_cli.cli._options import (
    example,
    json_option,
    passport_option,
    password_file_option,
    with_settings,
    yes_option,
)
from mip_cli.config import Settings
from mip_cli.flows.kyc import keeping
from mip_cli.flows.passport import passport_file

MOVE_SCHEMA = "mip.kyc.move/1"
REMOVE_SCHEMA = "mip.kyc.remove/1"


@click.command("move", epilog=example("mip kyc move --image now.jpg"))
@passport_option
@_keys.image_option
@password_file_option
@json_option
@with_settings
def move(
    settings: Settings,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    as_json: bool,
) -> None:
    """Move the credentials that lie on this device alone into your archive.

    Those you get while you have an archive go there by themselves, and take with them what waits.
    This is for those from before it began, or when it did not answer.
    """
    passport_file.require(settings, passport_name)
    factors = _keys.read_factors(passport_name, password_file, image)
    with _render.TerminalProgress(quiet=as_json) as progress:
        unlocked = passport_file.unlock(settings, passport_name, factors, progress).unlocked
        moved = keeping.move(settings, unlocked, progress)
    if moved.fault is not None and not moved.credentials:
        raise moved.fault
    count = len(moved.credentials)

    def text() -> None:
        click.echo(f"moved {count} credential{'' if count == 1 else 's'} into the archive")

    document = {"moved": list(moved.credentials), "complete": moved.fault is None}
    _io.emit(document, schema=MOVE_SCHEMA, as_json=as_json, text=text)
    if moved.fault is not None:
        raise moved.fault


@click.command("remove", epilog=example("mip kyc remove 0123456789abcdef --image now.jpg"))
@click.argument("identifier", metavar="ID")
@yes_option
@passport_option
@_keys.image_option
@password_file_option
@json_option
@with_settings
def remove(
    settings: Settings,
    identifier: str,
    yes: bool,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    as_json: bool,
) -> None:
    """Delete a credential or request for good, in the archive with every key to it.

    Not recalled: copies of the archive for whoever holds an older copy of the key file, and what
    the issuer knows. The credential stays valid; only its issuer can revoke it.
    """
    passport_file.require(settings, passport_name)
    _io.confirm(f"Delete the credential {_io.sanitize(identifier)} for good?", yes)
    factors = _keys.read_factors(passport_name, password_file, image)
    with _render.TerminalProgress(quiet=as_json) as progress:
        unlocked = passport_file.unlock(settings, passport_name, factors, progress).unlocked
        keeping.remove(settings, unlocked, identifier, progress)
    _io.emit(
        {"id": identifier},
        schema=REMOVE_SCHEMA,
        as_json=as_json,
        text=lambda: click.echo(f"deleted {identifier}"),
    )
