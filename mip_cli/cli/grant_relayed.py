"""``mip grant relay``: an act of the holder's that somebody else sends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from mip_cli.cli import _io, _proofs, _purse, _render
from mip_cli.cli._options import dry_run_option, example, json_option, rpc_option, with_settings
from mip_cli.cli._payer import payer_options
from mip_cli.config import Settings
from mip_cli.flows.grants import grant_relay
from mip_cli.flows.sending import Rehearsed

RELAY_SCHEMA = "mip.grant.relayed/1"


@click.command("relay", epilog=example("mip grant relay act.json --key-file payer.key"))
@click.argument("file", metavar="FILE")
@payer_options
@rpc_option
@dry_run_option
@json_option
@with_settings
@_purse.may_rehearse
def relay(
    settings: Settings, file: str, key_file: Path | None, dry_run: bool, as_json: bool
) -> None:
    """Send an act that a holder wrote with --relay; you pay and can change nothing of it."""
    data = _io.read_input(file, 64 * 1024, what="act")
    purse = _purse.load(settings, key_file, dry_run=dry_run)
    with _render.TerminalProgress(quiet=as_json) as progress:
        done = grant_relay.send(settings, data, purse, progress)
    _io.emit(
        {"receipt": _proofs.receipt(done)},
        schema=RELAY_SCHEMA,
        as_json=as_json,
        text=lambda: click.echo(f"accepted in block {done.block}, {done.gas_used} gas"),
    )


@contextmanager
def relayed(
    path: str | None, dry_run: bool, chain_id: int, force: bool, as_json: bool
) -> Iterator[None]:
    """Write what would be sent, where that is asked for, and end the command there."""
    try:
        yield
    except Rehearsed as found:
        if path is None or dry_run:
            raise
        _io.write_output(path, grant_relay.of(found, chain_id), force=force)
        _io.emit(
            {"output": path, "to": found.call.to},
            schema=RELAY_SCHEMA,
            as_json=as_json,
            text=lambda: click.echo(f"{path}: somebody may send it within half an hour"),
        )
        raise click.exceptions.Exit(0) from None
