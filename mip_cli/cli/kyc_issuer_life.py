"""``mip kyc issuer``: its place in the registry, its key and controller, its schemas."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from mip_cli.chain.issuers import WaitingChange
from mip_cli.cli import _io, _payer, _purse, _render
from mip_cli.cli._options import (
    dry_run_option,
    example,
    json_option,
    password_file_option,
    rpc_option,
    with_settings,
    yes_option,
)
from mip_cli.cli.kyc_issuer import (
    emit_issuer,
    name_option,
    open_issuer,
    read_schema,
    set_suspended,
)
from mip_cli.config import Settings
from mip_cli.crypto.forms import element
from mip_cli.errors import UsageFault
from mip_cli.flows.kyc import credential_file, kyc_issuer
from mip_cli.flows.kyc import kyc_issuer_life as flow
from mip_cli.flows.passport.proof_file import checked_address
from mip_cli.store import issuers as store

ROTATE_SCHEMA = "mip.kyc.issuer.rotate/1"
SCHEMA_SCHEMA = "mip.kyc.issuer.schema/1"
LIST_SCHEMA = "mip.kyc.issuer.list/1"


@click.command("register", epilog=example("mip kyc issuer register"))
@name_option
@password_file_option
@_payer.payer_options
@rpc_option
@dry_run_option
@json_option
@with_settings
@_purse.may_rehearse
def register(
    settings: Settings,
    name: str,
    password_file: str | None,
    key_file: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Put an issuer made with `init --no-register` into the registry.

    The account that pays speaks for the issuer from then on.
    """
    store.require(settings.data_dir, name)
    purse = _purse.load(settings, key_file, dry_run=dry_run)
    opened = open_issuer(settings, name, password_file, as_json)
    with _render.TerminalProgress(quiet=as_json) as progress:
        opened = kyc_issuer.register(settings, opened, purse, progress)
    emit_issuer(kyc_issuer.view(opened), as_json)


@click.command(
    "rotate",
    epilog=example("mip kyc issuer rotate --yes", "mip kyc issuer rotate --finish --yes"),
)
@click.option("--finish", is_flag=True, help="Carry the change out, 48 hours later or more.")
@click.option("--cancel", is_flag=True, help="Drop the change that waits, whoever announced it.")
@click.option("--controller", metavar="ADDRESS", help="Another account to speak for the issuer.")
@name_option
@password_file_option
@_payer.payer_options
@rpc_option
@yes_option
@dry_run_option
@json_option
@with_settings
@_purse.may_rehearse
def rotate(
    settings: Settings,
    finish: bool,
    cancel: bool,
    controller: str | None,
    name: str,
    password_file: str | None,
    key_file: Path | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Change an issuer's key: announce it, wait 48 hours, finish within a week.

    When a key was stolen, first stop it: `mip kyc issuer suspend`. Until the change is finished the
    old key signs on; then credentials under it end and are issued anew.

    Limits: whoever has the controller's account can announce a key of his own, in the open; you
    have 48 hours to cancel it.
    """
    if (finish and cancel) or (controller and (finish or cancel)):
        raise UsageFault("one of --finish, --cancel, or an announcement with --controller")
    store.require(settings.data_dir, name)
    wanted = checked_address(controller, "--controller") if controller else None
    question = "Announce a new key?"
    if finish:
        question = "Change the key now? Credentials under the old one end."
    elif cancel:
        question = "Drop the change?"
    if not dry_run:
        _io.confirm(question, yes)
    purse = _purse.load(settings, key_file, dry_run=dry_run)
    opened = open_issuer(settings, name, password_file, as_json)
    waiting: WaitingChange | None = None
    with _render.TerminalProgress(quiet=as_json) as progress:
        if finish:
            opened, _ = flow.finish(settings, opened, purse, progress)
            said = "the issuer signs with its new key; issue its credentials anew, then `resume`"
        elif cancel:
            opened, was = flow.cancel(settings, opened, purse, progress)
            said = "the change is dropped" if was else "no change was waiting"
        else:
            opened, waiting = flow.propose(settings, opened, wanted, purse, progress)
            ready = datetime.fromtimestamp(waiting.ready_at, UTC)
            said = f"announced; finish it from {ready:%Y-%m-%d %H:%M} UTC on, within a week"
    document = {
        "name": name,
        "key": credential_file.key_text(opened.content.key.public),
        "change": waiting and _change(waiting),
    }
    _io.emit(document, schema=ROTATE_SCHEMA, as_json=as_json, text=lambda: click.echo(said))


@click.command("resume", epilog=example("mip kyc issuer resume --yes"))
@name_option
@password_file_option
@_payer.payer_options
@rpc_option
@yes_option
@dry_run_option
@json_option
@with_settings
@_purse.may_rehearse
def resume(
    settings: Settings,
    name: str,
    password_file: str | None,
    key_file: Path | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Put a suspended issuer back: its credentials can be shown again."""
    if not dry_run:
        _io.confirm("Put the issuer back?", yes)
    set_suspended(settings, name, password_file, key_file, False, dry_run, as_json)


@click.command("publish-schema", epilog=example("mip kyc issuer publish-schema person.json"))
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@_payer.payer_options
@rpc_option
@dry_run_option
@json_option
@with_settings
@_purse.may_rehearse
def publish_schema(
    settings: Settings, file: str, key_file: Path | None, dry_run: bool, as_json: bool
) -> None:
    """Put a schema on chain, so that whoever knows its id finds it. Anybody may; for ever.

    Limits: up to 12 claims and 8 KiB.
    """
    schema = read_schema(file)
    purse = _purse.load(settings, key_file, dry_run=dry_run)
    with _render.TerminalProgress(quiet=as_json) as progress:
        gas_used = flow.publish_schema(settings, schema, purse, progress)
    said = f"schema {_io.sanitize(schema.name)} {schema.version} has the id {element(schema.id)}"
    document = {"schema_id": str(schema.id), "gas_used": gas_used}
    _io.emit(document, schema=SCHEMA_SCHEMA, as_json=as_json, text=lambda: click.echo(said))


@click.command("list", epilog=example("mip kyc issuer list"))
@rpc_option
@json_option
@with_settings
def list_chain(settings: Settings, as_json: bool) -> None:
    """List all issuers and schemas on chain, with changes of keys that wait.

    Limits: an issuer calls itself what it likes and nobody checked it; policies name numbers.
    """
    with _render.TerminalProgress(quiet=as_json) as progress:
        found = flow.on_chain(settings, progress)

    def text() -> None:
        rows = [
            (
                item.record.number,
                _io.sanitize(item.name),
                item.record.status.name.lower(),
                item.record.version,
                item.change
                and f"{datetime.fromtimestamp(item.change.ready_at, UTC):%Y-%m-%d %H:%M}",
            )
            for item in found.issuers
        ]
        _render.table(
            ("number", "calls itself", "state", "revocations", "new key from"),
            [tuple("" if cell is None else str(cell) for cell in row) for row in rows],
        )
        for schema in found.schemas:
            name = _io.sanitize(schema.name)
            click.echo(f"schema {name} {schema.version}: {element(schema.id)}")

    document = {
        "issuers": [
            {
                "number": item.record.number,
                "name": item.name,
                "status": item.record.status.name.lower(),
                "controller": item.record.controller,
                "key": credential_file.key_text(item.record.key),
                "version": item.record.version,
                "change": item.change and _change(item.change),
            }
            for item in found.issuers
        ],
        "schemas": [
            {"id": str(schema.id), "name": schema.name, "version": schema.version}
            for schema in found.schemas
        ],
    }
    _io.emit(document, schema=LIST_SCHEMA, as_json=as_json, text=text)


def _change(waiting: WaitingChange) -> dict[str, object]:
    return {
        "key": credential_file.key_text(waiting.key),
        "controller": waiting.controller,
        "ready_at": datetime.fromtimestamp(waiting.ready_at, UTC),
    }
