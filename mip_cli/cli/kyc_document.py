"""``mip kyc document``: the face on an identity document."""

from __future__ import annotations

from pathlib import Path

import click

from mip_cli.cli import _io, _keys, _render, kyc_view
from mip_cli.cli._options import (
    example,
    force_option,
    json_option,
    passport_option,
    password_file_option,
    rpc_option,
    with_settings,
)
from mip_cli.cli.kyc_issuer import read_claims, read_schema
from mip_cli.cli.kyc_self import days_option
from mip_cli.config import Settings
from mip_cli.errors import UsageFault
from mip_cli.flows.kyc import document as flow
from mip_cli.flows.passport import passport_file

DOCUMENT_SCHEMA = "mip.kyc.document/1"


@click.command(
    "document",
    epilog=example(
        "mip kyc document card.jpg --image now.jpg",
        "mip kyc document card.jpg --image now.jpg --request -o request.json",
    ),
)
@click.argument("photo", type=click.Path(path_type=Path))
@click.option("--schema", "schema_file", metavar="FILE", help="With a claim of the kind face.")
@click.option("--claims", "claims_file", metavar="FILE", help="The other claims, of your own word.")
@click.option("--request", "as_request", is_flag=True, help="Ask an issuer to sign it instead.")
@click.option("-o", "--output", metavar="FILE", help="With --request: write the request here.")
@days_option
@passport_option
@_keys.image_option
@password_file_option
@rpc_option
@force_option
@json_option
@with_settings
def document(
    settings: Settings,
    photo: Path,
    schema_file: str | None,
    claims_file: str | None,
    as_request: bool,
    output: str | None,
    days: int,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Compare PHOTO of an identity document with your enrolled face, and keep the result.

    The photo stays here; its face is hashed into a credential, and a proof shows that both faces
    are one. Signed by yourself it says that some photo looks like you, not that the document is
    real: for that an issuer must have looked at it.
    """
    if as_request != (output is not None) or (as_request and (schema_file or claims_file)):
        raise UsageFault("--request and -o FILE go together, without --schema and --claims")
    schema = flow.SCHEMA if schema_file is None else read_schema(schema_file)
    claims = {} if claims_file is None else read_claims(claims_file)
    flow.face_claim(schema)
    if output not in (None, "-") and Path(str(output)).exists() and not force:
        raise UsageFault(f"{output} exists", hint="choose another name, or use --force")
    passport_file.require(settings, passport_name)
    factors = _keys.read_factors(passport_name, password_file, image)
    with _render.TerminalProgress(quiet=as_json) as progress:
        opened = passport_file.unlock(settings, passport_name, factors, progress)
        if output is not None:
            identifier, request, found = flow.request(settings, opened, photo, progress)
        else:
            kept, found = flow.attest(
                settings, opened, photo, progress, schema=schema, values=claims, days=days
            )
    if output is not None:
        _io.write_output(output, request, force=force)
    fields = {"distance": found.distance, "threshold": found.threshold, "claim": found.claim}

    def text() -> None:
        click.echo(f"the faces match: distance {found.distance} of {found.threshold}")
        if output is None:
            kyc_view.show(kept)
            kyc_view.warn(kept)
            return
        click.echo(f"request {identifier} written to {output}; give it to the issuer with the")
        click.echo(f"claim {found.claim}")
        _io.note("an issuer signs it for a photo that it took from the document itself")

    if output is None:
        _io.emit(
            fields | kyc_view.document(kept), schema=DOCUMENT_SCHEMA, as_json=as_json, text=text
        )
    elif output != "-":
        fields |= {"id": identifier, "output": output}
        _io.emit(fields, schema=DOCUMENT_SCHEMA, as_json=as_json, text=text)
