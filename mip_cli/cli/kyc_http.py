"""``mip kyc fetch``: the holder's side of an issuer's server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mip_cli.cli import _io, _keys, _render, kyc_view
from mip_cli.cli._options import (
    example,
    json_option,
    passport_option,
    password_file_option,
    rpc_option,
    with_settings,
)
from mip_cli.config import Settings
from mip_cli.crypto.claims import date_text
from mip_cli.errors import UsageFault
from mip_cli.flows.passport import passport_file

if TYPE_CHECKING:
    from mip_cli.http.fetch import Offered

FETCH_SCHEMA = "mip.kyc.fetch/1"


@click.command("fetch", epilog=example("mip kyc fetch - --image now.jpg < offer.txt"))
@click.argument("offer")
@click.option(
    "--code-file",
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Read the transaction code from the first line of FILE, not from the terminal.",
)
@passport_option
@_keys.image_option
@password_file_option
@rpc_option
@json_option
@with_settings
def fetch(
    settings: Settings,
    offer: str,
    code_file: str | None,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    as_json: bool,
) -> None:
    """Fetch a credential that an issuer offers you (openid-credential-offer://...).

    OFFER - is read from stdin: it is half of a secret, and what stands on a command line other
    programs see. The issuer's server learns a fresh number that stands for your passport, and
    nothing else of it. If the line breaks, run the same command again. The credential is kept in
    your archive where there is one, else on this device.
    """
    from mip_cli.http import fetch as flow

    if [offer, code_file, password_file].count("-") > 1:
        raise UsageFault("only one thing can be read from stdin", hint="put the others into files")
    text = offer
    if offer == "-":
        try:
            text = _io.read_input("-", flow.MAX_OFFER, what="offer").decode("ascii").strip()
        except UnicodeDecodeError:
            raise UsageFault("the offer is no address") from None
    passport_file.require(settings, passport_name)
    factors = _keys.read_factors(passport_name, password_file, image)

    def ask(offered: Offered) -> str:
        click.echo(_words(offered), err=True)
        if not offered.needs_pin:
            return ""
        typed = _io.read_password(code_file, prompt="transaction code", confirm=False)
        return typed.decode()

    with _render.TerminalProgress(quiet=True) as progress:
        opened = passport_file.unlock(settings, passport_name, factors, progress)
        kept, known = flow.fetch(settings, opened, text, ask, progress)
    found = kept.credential

    def show() -> None:
        if found is not None:
            name = f"{_io.sanitize(found.schema.name)} {found.schema.version}"
            click.echo(f"credential {kept.id}: {name}, until {date_text(found.terms.expires_on)}")
        kyc_view.warn(kept)
        _io.note(f"see all of it with `mip kyc show {kept.id}`")
        if not known:
            _io.warn("this node serves another chain: the issuer's key was not checked")

    document = {
        "id": kept.id,
        "issuer": found and found.issuer.number,
        "number": found and found.terms.nonce,
        "schema": found and f"{found.schema.name}/{found.schema.version}",
        "valid_until": found and date_text(found.terms.expires_on),
        "issuer_checked": known,
        "kept_in": kept.place.value,
    }
    _io.emit(document, schema=FETCH_SCHEMA, as_json=as_json, text=show)


def _words(offered: Offered) -> str:
    title = _io.sanitize(offered.title) or "without a name"
    return "\n".join(
        [
            f"The server {offered.issuer} offers you:",
            f"  credential  {_io.sanitize(offered.schema)}",
            f"  by          {title} (its own words; its key is checked with the registry)",
            "  it learns   a fresh number, and the transaction code it told you",
        ]
    )
