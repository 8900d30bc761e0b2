"""``mip passport rotate`` and ``mip passport revoke``: acts on the holder's own keys."""

from __future__ import annotations

from pathlib import Path

import click

from mip_cli.cli import _io, _keys, _payer, _render
from mip_cli.cli._options import (
    example,
    json_option,
    passport_option,
    password_file_option,
    rpc_option,
    with_settings,
    yes_option,
)
from mip_cli.config import Settings
from mip_cli.errors import UsageFault
from mip_cli.flows.passport import passport_file
from mip_cli.flows.passport import revoke as revoke_flow
from mip_cli.flows.passport import rotate as flow
from mip_cli.flows.passport.passport_file import Factors

ROTATE_SCHEMA = "mip.passport.rotate/1"
REVOKE_SCHEMA = "mip.passport.revoke/1"


@click.command(
    epilog=example(
        "mip passport rotate --image now.jpg --new-password",
        "mip passport rotate --image now.jpg --new-image portrait.jpg",
        "mip passport rotate --image now.jpg",
    )
)
@passport_option
@_keys.image_option
@password_file_option
@click.option("--new-password", "asks", is_flag=True, help="Ask for a new password.")
@click.option(
    "--new-password-file",
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Read the new password from the first line of FILE (- for stdin).",
)
@click.option(
    "--new-image",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Enrol this photo in the place of the old one.",
)
@_payer.payer_options
@rpc_option
@json_option
@with_settings
def rotate(
    settings: Settings,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    asks: bool,
    new_password_file: str | None,
    new_image: Path | None,
    key_file: Path | None,
    as_json: bool,
) -> None:
    """Replace the keys of a passport: a new password, a new photo, or fresh salts alone.

    The old keys are dead at once, also in every copy of the key file; apps that do not ask for the
    newest root take proofs made just before for two minutes more. Pseudonyms and guardians stay.
    An interrupted replacement goes on when the same command is run again.

    Limits: ten minutes between two replacements. A thief who has device, password and a photo
    can do the same; guardians are what he cannot replace.
    """
    if image is None:
        raise UsageFault("replacing the keys takes face and password", hint="add --image FILE")
    passport_file.require(settings, passport_name)
    password = _io.read_password(
        password_file, prompt=f"password of passport {passport_name}", confirm=False
    )
    new_password = None
    if asks or new_password_file is not None:
        new_password = _io.read_password(
            new_password_file, prompt=f"new password of passport {passport_name}", confirm=True
        )
    payer = _payer.load(settings, key_file)
    request = flow.RotateRequest(passport_name, password, image, new_password, new_image)
    with _render.TerminalProgress(quiet=as_json) as progress:
        done = flow.rotate(settings, request, payer, progress)

    def text() -> None:
        click.echo(f"passport {done.name} has new keys")
        _render.kv([("key file", done.path), ("epoch", done.epoch), ("gas", done.gas_used)])
        _io.note(
            "an older backup still brings the passport back (mip recover), with the password and "
            "the guardians of then; make a new one: mip passport export"
        )

    document = {
        "name": done.name,
        "key_file": done.path,
        "registry": done.registry,
        "anchor": done.anchor,
        "epoch": done.epoch,
        "tx_hash": done.tx_hash,
        "gas_used": done.gas_used,
        "resumed": done.resumed,
    }
    _io.emit(document, schema=ROTATE_SCHEMA, as_json=as_json, text=text)


@click.command(epilog=example("mip passport revoke --image now.jpg"))
@passport_option
@_keys.image_option
@password_file_option
@_payer.payer_options
@rpc_option
@yes_option
@json_option
@with_settings
def revoke(
    settings: Settings,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    key_file: Path | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Take a passport out of the registry's tree: nothing is proved with it any more.

    The key file stays. A quorum of guardians can bring the passport back, nobody else can.
    """
    if image is None:
        raise UsageFault("revoking takes face and password", hint="add --image FILE")
    passport_file.require(settings, passport_name)
    _io.confirm(f"Revoke the passport {passport_name}? Only guardians can bring it back.", yes)
    password = _io.read_password(
        password_file, prompt=f"password of passport {passport_name}", confirm=False
    )
    payer = _payer.load(settings, key_file)
    factors = Factors(password, image)
    with _render.TerminalProgress(quiet=as_json) as progress:
        done = revoke_flow.revoke(settings, passport_name, factors, payer, progress)

    def text() -> None:
        click.echo(f"passport {done.name} is revoked")

    document = {
        "name": done.name,
        "key_file": done.path,
        "registry": done.registry,
        "tx_hash": done.tx_hash,
        "gas_used": done.gas_used,
    }
    _io.emit(document, schema=REVOKE_SCHEMA, as_json=as_json, text=text)
