"""``mip kyc issuer offer | offers | serve``: credentials that holders fetch over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from mip_cli.cli import _io, _render
from mip_cli.cli._options import (
    example,
    force_option,
    json_option,
    password_file_option,
    with_settings,
    yes_option,
)
from mip_cli.cli.kyc_issuer import (
    name_option,
    open_issuer,
    read_claims,
    read_schema,
    require_origin,
)
from mip_cli.config import Settings
from mip_cli.flows.kyc import kyc_issuer, offers
from mip_cli.store import issuers as store

OFFER_SCHEMA = "mip.kyc.issuer.offer/1"
OFFERS_SCHEMA = "mip.kyc.issuer.offers/1"
SERVE_SCHEMA = "mip.kyc.issuer.serve/1"
PORT = 8750

port_option = click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default="8750",
    metavar="PORT",
    help="TCP port on 127.0.0.1; 0 takes any.",
)


@click.command(
    "offer",
    epilog=example(
        "mip kyc issuer offer --schema person.json --claims ada.json --url https://city.example "
        "-o offer.txt"
    ),
)
@click.option("--schema", "schema_file", required=True, metavar="FILE", help="Names and kinds.")
@click.option("--claims", "claims_file", required=True, metavar="FILE", help="JSON: name to value.")
@click.option(
    "--url",
    default=f"http://127.0.0.1:{PORT}",
    show_default=True,
    metavar="ORIGIN",
    help="Where holders reach your server.",
)
@click.option(
    "--days",
    type=click.IntRange(1, kyc_issuer.MAX_DAYS),
    default=kyc_issuer.DEFAULT_DAYS,
    show_default=True,
    help="How long the credential will be good.",
)
@click.option(
    "--hours",
    type=click.IntRange(1, offers.MAX_HOURS),
    default=offers.DEFAULT_HOURS,
    show_default=True,
    help="How long the offer waits.",
)
@click.option("-o", "--output", metavar="FILE", help="Write the offer here, not to the terminal.")
@click.option("--by-value", is_flag=True, help="Write the whole offer, not a link to it.")
@name_option
@password_file_option
@yes_option
@force_option
@json_option
@with_settings
def offer(
    settings: Settings,
    schema_file: str,
    claims_file: str,
    url: str,
    days: int,
    hours: int,
    output: str | None,
    by_value: bool,
    name: str,
    password_file: str | None,
    yes: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Prepare a credential that one person fetches from your server, once.

    Give the offer to the person on one way and the transaction code on another: whoever has both
    gets the credential. Five wrong codes end the offer.
    """
    schema, claims = read_schema(schema_file), read_claims(claims_file)
    require_origin(url)
    store.require(settings.data_dir, name)
    shown = ", ".join(f"{key}: {_io.sanitize(str(value))}" for key, value in claims.items())
    click.echo(f"{_io.sanitize(schema.name)} {schema.version}: {shown}", err=True)
    _io.confirm("Shall whoever gets this offer and its code be that person?", yes)
    opened = open_issuer(settings, name, password_file, as_json)
    made = offers.prepare(settings, opened, schema, claims, days=days, hours=hours, url=url)
    uri = made.by_value if by_value else made.by_reference
    if output is not None:
        _io.write_output(output, f"{uri}\n".encode(), force=force, private=True)

    def text() -> None:
        if output is None:
            click.echo(uri)
        click.echo(f"transaction code {made.tx_code}")
        _io.note("tell the code on another way than the offer; it is not shown again")

    document = {
        "id": made.id,
        "offer": uri if output is None else None,
        "output": output,
        "tx_code": made.tx_code,
        "expires": datetime.fromtimestamp(made.expires, UTC),
    }
    if output != "-":
        _io.emit(document, schema=OFFER_SCHEMA, as_json=as_json, text=text)


@click.command("offers", epilog=example("mip kyc issuer offers"))
@name_option
@password_file_option
@json_option
@with_settings
def list_offers(settings: Settings, name: str, password_file: str | None, as_json: bool) -> None:
    """List what waits to be fetched, and the numbers of what was fetched."""
    opened = open_issuer(settings, name, password_file, as_json)
    found = offers.list_offers(settings, opened)
    now = datetime.now(UTC).timestamp()
    states = [
        "fetched"
        if o.number is not None
        else "open"
        if o.is_open(now)
        else "begun"
        if not o.is_over(now)
        else "ended"
        for o in found
    ]

    def text() -> None:
        rows = [
            (o.id, state, f"{_io.sanitize(o.schema.name)} {o.schema.version}", o.number)
            for o, state in zip(found, states, strict=True)
        ]
        if rows:
            _render.table(
                ("id", "state", "schema", "number"),
                [(a, b, c, "" if d is None else str(d)) for a, b, c, d in rows],
            )
        else:
            _io.note("there is no offer")

    document = {
        "offers": [
            {
                "id": o.id,
                "state": state,
                "schema": f"{o.schema.name}/{o.schema.version}",
                "number": o.number,
                "expires": datetime.fromtimestamp(o.expires, UTC),
            }
            for o, state in zip(found, states, strict=True)
        ]
    }
    _io.emit(document, schema=OFFERS_SCHEMA, as_json=as_json, text=text)


@click.command("serve", epilog=example("mip kyc issuer serve --url https://city.example"))
@click.option("--url", metavar="ORIGIN", help="Where holders reach it; this machine if absent.")
@port_option
@name_option
@password_file_option
@json_option
@with_settings
def serve(
    settings: Settings,
    url: str | None,
    port: int,
    name: str,
    password_file: str | None,
    as_json: bool,
) -> None:
    """Hand out prepared credentials over OpenID4VCI, and your revocation list, until it is stopped.

    It listens on 127.0.0.1 alone: put what ends TLS in front of it, and give its origin with
    --url. Offers can be added meanwhile. The log tells routes and answers, never who or what.
    """
    from mip_cli.http.issuer import MAX_BODY, issuer_app
    from mip_cli.http.server import origin_for
    from mip_cli.http.server import serve as run

    origin = origin_for(url, port)
    opened = open_issuer(settings, name, password_file, as_json)
    desk = offers.Desk(settings, opened)

    def ready(taken: int) -> None:
        announce({"url": origin, "port": taken, "issuer": name}, SERVE_SCHEMA, as_json)

    run(issuer_app(desk, origin, _io.log), port, ready, max_body=MAX_BODY)


def announce(document: dict[str, object], schema: str, as_json: bool) -> None:
    """Tell that a server listens, at once also into a pipe."""
    text = f"serving {document['url']} on port {document['port']} of 127.0.0.1"
    _io.emit(document, schema=schema, as_json=as_json, text=lambda: click.echo(text))
    click.get_text_stream("stdout").flush()
