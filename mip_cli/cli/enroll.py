"""``mip enroll``: a photo and a password become a passport."""

from __future__ import annotations

from pathlib import Path

import click

from mip_cli.cli import _io, _payer, _render
from mip_cli.cli._options import (
    example,
    json_option,
    passport_option,
    password_file_option,
    rpc_option,
    with_settings,
)
from mip_cli.config import Settings
from mip_cli.flows.passport import enroll as flow
from mip_cli.flows.passport import passport_file

SCHEMA = "mip.enroll/1"


@click.command(epilog=example("mip enroll --image me.jpg", "mip enroll --image me.jpg --json"))
@click.option(
    "--image",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="Photo with exactly one face, yours.",
)
@passport_option
@password_file_option
@_payer.payer_options
@rpc_option
@json_option
@with_settings
def enroll(
    settings: Settings,
    image: Path,
    passport_name: str,
    password_file: str | None,
    key_file: Path | None,
    as_json: bool,
) -> None:
    """Make a passport from a photo and a password, and enrol it on chain.

    The photo's template is sealed in a key file on this device and never leaves it; the chain sees
    salted commitments. An interrupted enrolment goes on when the same command is run again.

    Limits: a passport proves that its holder's secrets and face were shown, not that one person
    has only one passport; a photo of you looks to the software like you.
    """
    begun = passport_name in passport_file.list_names(settings)
    password = _io.read_password(
        password_file, prompt=f"password of passport {passport_name}", confirm=not begun
    )
    payer = _payer.load(settings, key_file)
    request = flow.EnrollRequest(passport_name, image, password)
    with _render.TerminalProgress(quiet=as_json) as progress:
        done = flow.enroll(settings, request, payer, progress)

    def text() -> None:
        click.echo(f"passport {done.name} is enrolled")
        _render.kv(
            [
                ("key file", done.path),
                ("chain", done.chain_id),
                ("registry", done.registry),
                ("place in the tree", done.index),
                ("gas", done.gas_used),
            ]
        )
        _io.note(
            "it opens with your face on this device and your password; name guardians, so that "
            "losing one is not losing it: mip guardian invite"
        )

    document = {
        "name": done.name,
        "key_file": done.path,
        "chain_id": done.chain_id,
        "registry": done.registry,
        "anchor": done.anchor,
        "index": done.index,
        "tx_hash": done.tx_hash,
        "gas_used": done.gas_used,
        "resumed": done.resumed,
    }
    _io.emit(document, schema=SCHEMA, as_json=as_json, text=text)
