"""``mip kyc issuer``: a role of its own that signs and revokes credentials."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from mip_cli.cli import _io, _payer, _purse, _render
from mip_cli.cli._options import (
    dry_run_option,
    example,
    force_option,
    json_option,
    password_file_option,
    rpc_option,
    with_settings,
    yes_option,
)
from mip_cli.config import Settings
from mip_cli.crypto import jsontext
from mip_cli.crypto.claims import MAX_SCHEMA_BYTES, ClaimValue, Schema, parse_schema
from mip_cli.errors import FileInvalid, UsageFault
from mip_cli.flows.kyc import credential_file
from mip_cli.flows.kyc import kyc_issuer as flow
from mip_cli.flows.kyc.kyc_issuer import IssuerView
from mip_cli.store import issuers as store
from mip_cli.store.issuers import Opened

INIT_SCHEMA = "mip.kyc.issuer/1"
ISSUE_SCHEMA = "mip.kyc.issuer.issue/1"
REVOKE_SCHEMA = "mip.kyc.issuer.revoke/1"
_MAX_CLAIMS = 32 * 1024

name_option = click.option(
    "--issuer", "name", default="default", show_default=True, metavar="NAME", help="Which issuer."
)


@click.group(epilog=example("mip kyc issuer init --title 'City of Example'"))
def issuer() -> None:
    """Sign credentials for others, and revoke them; a role apart from your passports."""


@issuer.command("init", epilog=example("mip kyc issuer init --title 'City of Example'"))
@click.option("--title", required=True, metavar="TEXT", help="What the issuer calls itself.")
@click.option("--no-register", is_flag=True, help="Make the key only; register later.")
@name_option
@password_file_option
@_payer.payer_options
@rpc_option
@dry_run_option
@json_option
@with_settings
@_purse.may_rehearse
def init(
    settings: Settings,
    title: str,
    no_register: bool,
    name: str,
    password_file: str | None,
    key_file: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make an issuer: a key under a password of its own, and a place in the registry.

    May be run again with the same title after it was cut off. The account that pays speaks for the
    issuer from then on: it publishes revocations and changes keys.
    """
    purse = None if no_register else _purse.load(settings, key_file, dry_run=dry_run)
    begun = name in store.list_names(settings.data_dir)
    password = _io.read_password(
        password_file, prompt=f"password of issuer {name}", confirm=not begun
    )
    with _render.TerminalProgress(quiet=as_json) as progress:
        if not begun:
            flow.init(settings, name, title, password)
        opened = flow.unlock(settings, name, password, progress)
        if opened.content.title != title:
            raise UsageFault(f"there is an issuer {name} of another title")
        if purse is not None:
            opened = flow.register(settings, opened, purse, progress)
    emit_issuer(flow.view(opened), as_json)


@issuer.command("show", epilog=example("mip kyc issuer show"))
@name_option
@password_file_option
@json_option
@with_settings
def show(settings: Settings, name: str, password_file: str | None, as_json: bool) -> None:
    """Show an issuer's number and key."""
    emit_issuer(flow.view(open_issuer(settings, name, password_file, as_json)), as_json)


def require_origin(url: str | None) -> None:
    """Raise ``UsageFault`` unless an address is an origin that a server can have."""
    from mip_cli.http.client import Web

    if url is not None and Web(url, "your server").origin != url:
        raise UsageFault("--url takes an origin, such as https://city.example")


@issuer.command(
    "issue",
    epilog=example(
        "mip kyc issuer issue --schema person.json --claims ada.json --request request.json "
        "-o credential.json"
    ),
)
@click.option("--schema", "schema_file", required=True, metavar="FILE", help="Names and kinds.")
@click.option("--claims", "claims_file", required=True, metavar="FILE", help="JSON: name to value.")
@click.option("--request", "request_file", required=True, metavar="FILE", help="The holder's.")
@click.option(
    "--days",
    type=click.IntRange(1, flow.MAX_DAYS),
    default=flow.DEFAULT_DAYS,
    show_default=True,
    help="How long it is good.",
)
@click.option(
    "--url",
    metavar="ORIGIN",
    help="Where your server is reached: holders fetch your revocation list there.",
)
@click.option("-o", "--output", required=True, metavar="FILE", help="Write the credential here.")
@name_option
@password_file_option
@yes_option
@force_option
@json_option
@with_settings
def issue(
    settings: Settings,
    schema_file: str,
    claims_file: str,
    request_file: str,
    days: int,
    url: str | None,
    output: str,
    name: str,
    password_file: str | None,
    yes: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Sign what you know of a person, for the passport behind a request.

    Make sure that whoever gave you the request is the person in the claims: a request tells
    nothing of whose passport it is.
    """
    require_origin(url)
    schema = read_schema(schema_file)
    claims = read_claims(claims_file)
    raw = _io.read_input(request_file, 64 * 1024, what="credential request")
    request = credential_file.REQUEST.decode(raw)
    store.require(settings.data_dir, name)
    if output != "-" and Path(output).exists() and not force:
        raise UsageFault(f"{output} exists", hint="choose another name, or use --force")
    shown = ", ".join(f"{key}: {_io.sanitize(str(value))}" for key, value in claims.items())
    click.echo(f"{_io.sanitize(schema.name)} {schema.version}: {shown}", err=True)
    _io.confirm("Is whoever gave you the request that person, and shall this be signed?", yes)
    opened = open_issuer(settings, name, password_file, as_json)
    _, (issued,) = flow.issue(
        opened,
        schema,
        [(request, claims)],
        days,
        today=lambda: datetime.now(UTC).date(),
        server=url or "",
    )
    _io.write_output(output, issued.document, force=force)
    number = issued.credential.terms.nonce

    def text() -> None:
        click.echo(f"credential {number} written to {output}")
        _io.note(f"note its number: `mip kyc issuer revoke --number {number} -o FILE` ends it")

    if output != "-":
        fields = {"number": number, "output": output}
        _io.emit(fields, schema=ISSUE_SCHEMA, as_json=as_json, text=text)


@issuer.command(
    "revoke", epilog=example("mip kyc issuer revoke --number 3 -o revocations.json --yes")
)
@click.option("--number", "numbers", multiple=True, type=int, help="A credential's number.")
@click.option("-o", "--output", required=True, metavar="FILE", help="Write the list here.")
@name_option
@password_file_option
@_payer.payer_options
@rpc_option
@yes_option
@dry_run_option
@force_option
@json_option
@with_settings
@_purse.may_rehearse
def revoke(
    settings: Settings,
    numbers: tuple[int, ...],
    output: str,
    name: str,
    password_file: str | None,
    key_file: Path | None,
    yes: bool,
    dry_run: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Revoke credentials for ever, and write the list that your holders prove with.

    Without --number it publishes what was revoked before, and writes the list again. Put the list
    where holders find it, or serve it with `mip kyc issuer serve`: its root is on chain, so anybody
    may pass it on.
    """
    store.require(settings.data_dir, name)
    if output != "-" and Path(output).exists() and not force:
        raise UsageFault(f"{output} exists", hint="choose another name, or use --force")
    if numbers and not dry_run:
        _io.confirm(f"Revoke {', '.join(map(str, numbers))} for ever?", yes)
    purse = _purse.load(settings, key_file, dry_run=dry_run)
    opened = open_issuer(settings, name, password_file, as_json)
    with _render.TerminalProgress(quiet=as_json) as progress:
        _, published = flow.revoke(settings, opened, numbers, purse, progress)
    document = credential_file.REVOCATIONS.encode(published.revocations)
    _io.write_output(output, document, force=force)

    def text() -> None:
        click.echo(f"{len(published.revocations.nonces)} revoked, list written to {output}")

    if output != "-":
        fields = {
            "revoked": len(published.revocations.nonces),
            "version": published.revocations.version,
            "root": str(published.root),
            "gas_used": published.gas_used,
            "output": output,
        }
        _io.emit(fields, schema=REVOKE_SCHEMA, as_json=as_json, text=text)


@issuer.command("suspend", epilog=example("mip kyc issuer suspend --yes"))
@name_option
@password_file_option
@_payer.payer_options
@rpc_option
@yes_option
@dry_run_option
@json_option
@with_settings
@_purse.may_rehearse
def suspend(
    settings: Settings,
    name: str,
    password_file: str | None,
    key_file: Path | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Stop every credential of this issuer at once, such as when its key was stolen.

    `mip kyc issuer resume` puts it back.
    """
    if not dry_run:
        _io.confirm("Stop all its credentials?", yes)
    set_suspended(settings, name, password_file, key_file, True, dry_run, as_json)


def set_suspended(
    settings: Settings,
    name: str,
    password_file: str | None,
    key_file: Path | None,
    suspended: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Suspend an issuer or put it back, and say how it stands."""
    store.require(settings.data_dir, name)
    purse = _purse.load(settings, key_file, dry_run=dry_run)
    opened = open_issuer(settings, name, password_file, as_json)
    with _render.TerminalProgress(quiet=as_json) as progress:
        record = flow.set_suspended(settings, opened, suspended, purse, progress)
    status = record.status.name.lower()
    _io.emit(
        {"number": record.number, "status": status},
        schema="mip.kyc.issuer.status/1",
        as_json=as_json,
        text=lambda: click.echo(f"issuer {record.number} is {status}"),
    )


def open_issuer(settings: Settings, name: str, password_file: str | None, as_json: bool) -> Opened:
    """Open an issuer's file with its password."""
    store.require(settings.data_dir, name)
    password = _io.read_password(password_file, prompt=f"password of issuer {name}", confirm=False)
    with _render.TerminalProgress(quiet=as_json) as progress:
        return flow.unlock(settings, name, password, progress)


def read_schema(file: str) -> Schema:
    """Read a schema file; raise ``FileInvalid`` when it is none."""
    try:
        return parse_schema(jsontext.parse(_io.read_input(file, MAX_SCHEMA_BYTES, what="schema")))
    except (ValueError, TypeError, KeyError) as error:
        raise FileInvalid(f"the schema cannot be read: {error}") from None


def read_claims(file: str) -> dict[str, ClaimValue]:
    """Read a file of claims; raise ``FileInvalid`` when it is none."""
    try:
        raw = jsontext.parse(_io.read_input(file, _MAX_CLAIMS, what="file of claims"))
    except ValueError as error:
        raise FileInvalid(f"the claims cannot be read: {error}") from None
    if not isinstance(raw, dict) or not all(isinstance(v, (int, str)) for v in raw.values()):
        raise FileInvalid("the claims are a JSON object of numbers, texts and flags")
    return raw


def emit_issuer(found: IssuerView, as_json: bool) -> None:
    """Show an issuer."""
    home = found.home

    def text() -> None:
        place = f"{home.number} on chain {home.chain_id}" if home else "not registered"
        _render.kv(
            [
                ("issuer", found.name),
                ("title", _io.sanitize(found.title)),
                ("number", place),
                ("key", credential_file.key_text(found.key)),
                ("issued", found.issued),
                ("revoked", found.revoked),
            ]
        )

    document = {
        "name": found.name,
        "title": found.title,
        "number": home.number if home else None,
        "chain_id": home.chain_id if home else None,
        "registry": home.registry if home else None,
        "key": credential_file.key_text(found.key),
        "issued": found.issued,
        "revoked": found.revoked,
    }
    _io.emit(json.loads(json.dumps(document)), schema=INIT_SCHEMA, as_json=as_json, text=text)
