"""``mip recover cancel`` and ``watch``: what the holder of the present keys does."""

from __future__ import annotations

from pathlib import Path

import click

from mip_cli.cli import _io, _keys, _payer, _purse, _render
from mip_cli.cli._guardians import factors_of, moment, transaction, when
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
from mip_cli.errors import UsageFault
from mip_cli.flows.recovery import recover_veto
from mip_cli.flows.recovery.recover_veto import Threat


@click.command(epilog=example("mip recover watch --image now.jpg --json"))
@passport_option
@_keys.image_option
@password_file_option
@rpc_option
@json_option
@with_settings
def watch(
    settings: Settings,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    as_json: bool,
) -> None:
    """See whether somebody asks your guardians for other keys, or changes them."""
    factors = factors_of(settings, passport_name, password_file, image)
    with _render.TerminalProgress(quiet=as_json) as progress:
        found = recover_veto.threats(settings, passport_name, factors, progress)
    seen = found.watch
    document = {
        "passport": found.name,
        "status": found.status.name.lower(),
        "vetoes": seen.state.vetoes,
        "requests": [
            {
                "request": str(entry.request),
                "phase": entry.phase.value,
                "approvals": entry.state.approvals,
                "proposed_at": when(entry.proposed_at),
                "ready_at": when(entry.state.ready_at or None),
                "expires_at": when(entry.state.expires_at),
            }
            for entry in seen.requests
        ],
        "change_ready_at": when(seen.change.ready_at if seen.change else None),
    }
    _io.emit(document, schema="mip.recover.watch/1", as_json=as_json, text=lambda: _show(found))


@click.command(epilog=example("mip recover cancel --image now.jpg"))
@click.option("--request", metavar="NUMBER", help="Which one; the first to be carried out if not.")
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
def cancel(
    settings: Settings,
    request: str | None,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    key_file: Path | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Say no to an approved request for other keys; takes face and password.

    Each no makes the next request wait longer. The second one freezes the passport: then only a
    quorum of your guardians brings it back, and nobody else can use it.
    """
    number = _number(request)
    factors = factors_of(settings, passport_name, password_file, image)
    with _render.TerminalProgress(quiet=as_json) as progress:
        found = recover_veto.threats(settings, passport_name, factors, progress)
    if found.freezes:
        click.echo(
            "This is the second no: it freezes the passport. You cannot use it any more, until a "
            "quorum of your guardians brings it back.",
            err=True,
        )
    _io.confirm("Say no to the request that your guardians approved?", yes)
    purse = _purse.load(settings, key_file, dry_run=dry_run)
    with _render.TerminalProgress(quiet=as_json) as progress:
        done = recover_veto.veto(settings, passport_name, factors, purse, progress, request=number)

    def text() -> None:
        click.echo("the request is off")
        if done.frozen:
            _io.warn("the passport is frozen: ask a quorum of your guardians, `mip recover start`")

    document = {
        "passport": passport_name,
        "request": str(done.request),
        "vetoes": done.vetoes,
        "frozen": done.frozen,
        "receipt": transaction(done.receipt),
    }
    _io.emit(document, schema="mip.recover.cancel/1", as_json=as_json, text=text)


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 80:
        raise UsageFault("--request takes the number that `mip recover watch` shows")
    return int(text)


def _show(found: Threat) -> None:
    seen = found.watch
    if seen.quiet:
        click.echo(f"nothing is under way for {found.name}")
    for entry in seen.requests:
        ready = entry.state.ready_at
        click.echo(
            f"request {entry.request}: {entry.phase.value}, "
            f"{entry.state.approvals} guardians approved"
            + (f", to be carried out from {moment(ready)} on" if ready else "")
        )
    if seen.to_veto:
        _io.warn("if you did not ask for this, say no: mip recover cancel")
    if seen.change is not None:
        click.echo(f"other guardians from {moment(seen.change.ready_at)} on")
        _io.warn("if you did not ask for this, stop it: mip guardian cancel")
