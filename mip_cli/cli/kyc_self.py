"""``mip kyc attest``: what a person says of himself."""

from __future__ import annotations

from pathlib import Path

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
from mip_cli.cli.kyc_issuer import read_claims, read_schema
from mip_cli.config import Settings
from mip_cli.flows.kyc import kyc_issuer
from mip_cli.flows.kyc import self_attest as flow
from mip_cli.flows.passport import passport_file

ATTEST_SCHEMA = "mip.kyc.attest/1"

days_option = click.option(
    "--days",
    type=click.IntRange(1, kyc_issuer.MAX_DAYS),
    default=kyc_issuer.DEFAULT_DAYS,
    show_default=True,
    help="How long it is good.",
)
"""Adds ``days: int``."""


@click.command(
    "attest", epilog=example("mip kyc attest --schema person.json --claims me.json --image now.jpg")
)
@click.option("--schema", "schema_file", required=True, metavar="FILE", help="Names and kinds.")
@click.option("--claims", "claims_file", required=True, metavar="FILE", help="JSON: name to value.")
@days_option
@passport_option
@_keys.image_option
@password_file_option
@rpc_option
@json_option
@with_settings
def attest(
    settings: Settings,
    schema_file: str,
    claims_file: str,
    days: int,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    as_json: bool,
) -> None:
    """Say something of yourself, in a credential of your own.

    Nobody checks it, and it is marked so: an app accepts it only where its policy lists the number
    of self-attested credentials, and then takes your word for it.
    """
    schema, claims = read_schema(schema_file), read_claims(claims_file)
    passport_file.require(settings, passport_name)
    factors = _keys.read_factors(passport_name, password_file, image)
    with _render.TerminalProgress(quiet=as_json) as progress:
        opened = passport_file.unlock(settings, passport_name, factors, progress)
        kept = flow.self_attested(settings, opened, schema, claims, progress, days=days)
    document = kyc_view.document(kept)

    def text() -> None:
        kyc_view.show(kept)
        kyc_view.warn(kept)

    _io.emit(document, schema=ATTEST_SCHEMA, as_json=as_json, text=text)
