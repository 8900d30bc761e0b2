"""``mip guardian``: the people who can bring a passport back, and being one of them."""

from __future__ import annotations

from pathlib import Path

import click

from mip_cli.cli import _guardians, _io, _keys, _payer, _purse, _render
from mip_cli.cli._guardians import factors_of, set_document, transaction, when
from mip_cli.cli._options import (
    dry_run_option,
    example,
    force_option,
    json_option,
    passport_option,
    password_file_option,
    rpc_option,
    with_settings,
)
from mip_cli.cli.guardian_asks import answer, ask, cancel
from mip_cli.cli.guardian_sets import remove, set_guardians
from mip_cli.cli.guardianship import accept, check, keep
from mip_cli.config import Settings
from mip_cli.flows.guardian import guardian_acts, guardians, guardianship
from mip_cli.flows.guardian.guardian_acts import Overview
from mip_cli.flows.passport import passport_file
from mip_cli.flows.spans import duration


@click.group(epilog=example("mip guardian list", "mip guardian check --name ada"))
def guardian() -> None:
    """Choose people who bring your passport back, or be one of them.

    The chain sees a commitment: neither who they are nor how many. Guardians who are enough can,
    after two days in which you may say no, put other keys into your passport together with somebody
    who has your password or your device; they never learn your password or face.
    """


@guardian.command(epilog=example("mip guardian invite --guardian Ben --me Ada -o for-ben.json"))
@click.option("--guardian", "label", required=True, metavar="LABEL", help="Your name for him.")
@click.option("--me", "own", required=True, metavar="LABEL", help="What he knows you as.")
@_guardians.output_option
@passport_option
@_keys.image_option
@password_file_option
@force_option
@json_option
@with_settings
def invite(
    settings: Settings,
    label: str,
    own: str,
    output: str,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write an invitation for somebody who shall be a guardian."""
    passport_file.require(settings, passport_name)
    factors = _keys.read_factors(passport_name, password_file, image)
    with _render.TerminalProgress(quiet=as_json) as progress:
        made = guardians.invite(settings, passport_name, factors, label, own, progress)
    _guardians.write(output, made, force=force)

    def text() -> None:
        click.echo(f"send {output} to {_io.sanitize(label)}; he answers with a card")
        _io.note("he runs: mip guardian accept FILE --name NAME -o card.json")

    document = {"passport": passport_name, "guardian": label, "output": output}
    if output != "-":
        _io.emit(document, schema="mip.guardian.invite/1", as_json=as_json, text=text)


@guardian.command(epilog=example("mip guardian finish --image now.jpg"))
@passport_option
@_keys.image_option
@password_file_option
@_payer.payer_options
@rpc_option
@dry_run_option
@json_option
@with_settings
@_purse.may_rehearse
def finish(
    settings: Settings,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    key_file: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Put the set that waited in force."""
    factors = factors_of(settings, passport_name, password_file, image)
    purse = _purse.load(settings, key_file, dry_run=dry_run)
    with _render.TerminalProgress(quiet=as_json) as progress:
        done = guardian_acts.finish(settings, passport_name, factors, purse, progress)

    def text() -> None:
        if done.guardians:
            click.echo(f"{done.threshold} of {done.guardians} guardians can bring {done.name} back")
            _io.note("make a new backup now: those made so far open with the guardians of before")
        else:
            click.echo(f"{done.name} has no guardians")

    document = {
        "passport": done.name,
        "guardians": done.guardians,
        "threshold": done.threshold,
        "receipt": transaction(done.receipt),
    }
    _io.emit(document, schema="mip.guardian.finish/1", as_json=as_json, text=text)


@guardian.command(
    "list", epilog=example("mip guardian list --image now.jpg", "mip guardian list --kept")
)
@click.option("--kept", is_flag=True, help="The passports that you guard; needs no password.")
@passport_option
@_keys.image_option
@password_file_option
@rpc_option
@json_option
@with_settings
def list_guardians(
    settings: Settings,
    kept: bool,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    as_json: bool,
) -> None:
    """List your guardians and what waits, or the passports that you guard."""
    if kept:
        names = guardianship.list_names(settings)
        _io.emit(
            {"guardianships": names},
            schema="mip.guardian.kept/1",
            as_json=as_json,
            text=lambda: click.echo("\n".join(names) or "you guard no passport"),
        )
        return
    factors = factors_of(settings, passport_name, password_file, image)
    with _render.TerminalProgress(quiet=as_json) as progress:
        found = guardian_acts.overview(settings, passport_name, factors, progress)
    document = {
        "passport": found.name,
        "active": found.active and set_document(found.active),
        "active_on_chain": found.active_on_chain,
        "pending": found.pending and set_document(found.pending),
        "waiting": found.waiting,
        "ready_at": when(found.ready_at),
        "foreign_change": found.foreign,
        "invitations": list(found.invitations),
    }
    _io.emit(
        document, schema="mip.guardian.list/1", as_json=as_json, text=lambda: _show_list(found)
    )


for command in (set_guardians, remove, accept, keep, check, ask, answer, cancel):
    guardian.add_command(command)


def _show_list(found: Overview) -> None:
    active = found.active
    if active is None:
        click.echo(f"{found.name} has no guardians")
    else:
        for member in active.members:
            click.echo(_io.sanitize(member.label))
        click.echo(f"{active.threshold} of {len(active.members)} bring {found.name} back")
    if not found.active_on_chain:
        _io.warn("the chain has other guardians in force than this key file knows")
    if found.pending is not None:
        labels = ", ".join(_io.sanitize(m.label) for m in found.pending.members) or "nobody"
        click.echo(f"proposed: {labels}")
        if found.waiting and found.ready_at is not None:
            left = found.ready_at - found.now
            ready = "can be put in force: mip guardian finish"
            click.echo(f"waits {duration(left)} more" if left > 0 else ready)
        else:
            _io.note("it does not wait on chain: it was cancelled, ran out, or was never sent")
    if found.foreign:
        _io.warn(
            "a change of the guardians waits on chain that was not made here: stop it with "
            "`mip guardian cancel`"
        )
    for label in found.invitations:
        click.echo(f"invited: {_io.sanitize(label)}")
