"""``mip passport void``: what was granted under your pseudonyms ends."""

from __future__ import annotations

from pathlib import Path

import click

from mip_cli.cli import _io, _keys, _payer, _purse, _render
from mip_cli.cli._guardians import factors_of, transaction
from mip_cli.cli._options import (
    dry_run_option,
    example,
    json_option,
    passport_option,
    password_file_option,
    rpc_option,
    with_settings,
    yes_option,
)
from mip_cli.config import Settings
from mip_cli.flows.passport import prove as prove_flow
from mip_cli.flows.passport import void as flow


@click.command(
    epilog=example(
        "mip passport void --image now.jpg", "mip passport void --image now.jpg --app PassportVault"
    )
)
@click.option("--app", metavar="APP", help="At this app alone, known to the key file or not.")
@passport_option
@_keys.image_option
@password_file_option
@_payer.payer_options
@rpc_option
@dry_run_option
@yes_option
@json_option
@with_settings
@_purse.may_rehearse
def void(
    settings: Settings,
    app: str | None,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    key_file: Path | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Void what was granted under your pseudonyms so far, after a recovery above all.

    One transaction for each app that the key file knows. Whoever pays for several is seen to: the
    same payer tells everybody that these pseudonyms belong together. Use --app with different
    accounts, at different times, where that matters. Interrupted, it goes on when run again.
    """
    factors = factors_of(settings, passport_name, password_file, image)
    if app is None:
        _io.warn("one account pays for all: this links your pseudonyms to each other")
        _io.confirm("Void what was granted at every app, paid by one account?", yes)
    purse = _purse.load(settings, key_file, dry_run=dry_run)
    address = None if app is None else prove_flow.find_app(settings, app)
    with _render.TerminalProgress(quiet=as_json) as progress:
        done = flow.void(settings, passport_name, factors, purse, progress, app=address)

    def text() -> None:
        for one in done:
            word = "voided" if one.receipt else "was voided before"
            click.echo(f"{one.app}  {_io.sanitize(one.purpose)}: {word}")
        if not done:
            click.echo("no app was shown a proof")

    document = {
        "passport": passport_name,
        "apps": [
            {
                "app": one.app,
                "purpose": one.purpose,
                "epoch": one.epoch,
                "receipt": transaction(one.receipt),
            }
            for one in done
        ],
    }
    _io.emit(document, schema="mip.passport.void/1", as_json=as_json, text=text)
