"""``mip kyc``: credentials, and proofs of what they say without showing them."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mip_cli.cli import _io, _keys, _policy, _proofs, _render, kyc_view
from mip_cli.cli._options import (
    example,
    force_option,
    json_option,
    passport_option,
    password_file_option,
    rpc_option,
    with_settings,
)
from mip_cli.cli.kyc_adapters import foreign_options, import_sd_jwt
from mip_cli.cli.kyc_document import document
from mip_cli.cli.kyc_http import fetch
from mip_cli.cli.kyc_http_issuer import list_offers, offer, serve
from mip_cli.cli.kyc_http_present import present, verifier
from mip_cli.cli.kyc_issuer import issuer
from mip_cli.cli.kyc_issuer_life import list_chain, publish_schema, register, resume, rotate
from mip_cli.cli.kyc_keep import move, remove
from mip_cli.cli.kyc_prove import prove, verify
from mip_cli.cli.kyc_self import attest
from mip_cli.config import Settings
from mip_cli.crypto.policy_document import EXAMPLE_APP_POLICY
from mip_cli.crypto.policy_text import EXAMPLE_POLICY, EXAMPLE_SCHEMA
from mip_cli.errors import UsageFault
from mip_cli.flows.kyc import kyc_held as flow
from mip_cli.flows.kyc.keeping import ArchiveAway
from mip_cli.flows.passport import passport_file
from mip_cli.flows.passport.passport_file import Opened
from mip_cli.store.credentials import MAX_CREDENTIAL

POLICY_SCHEMA = "mip.kyc.policy.show/2"
REQUEST_SCHEMA = "mip.kyc.request.made/1"
IMPORT_SCHEMA = "mip.kyc.import/1"
LIST_SCHEMA = "mip.kyc.list/1"
SHOW_SCHEMA = "mip.kyc.show/1"


@click.group(
    epilog=example(
        "mip kyc list --image now.jpg",
        "mip kyc prove --policy adult.json --app AgeGate --call 'enter()' --image now.jpg --send",
    )
)
def kyc() -> None:
    """Keep credentials, and prove what they say without showing them."""


kyc.add_command(issuer)
kyc.add_command(prove)
kyc.add_command(verify)
kyc.add_command(fetch)
kyc.add_command(present)
kyc.add_command(verifier)
for command in (offer, list_offers, serve, register, rotate, resume, publish_schema, list_chain):
    issuer.add_command(command)
kyc.add_command(attest)
kyc.add_command(document)
kyc.add_command(move)
kyc.add_command(remove)
for name in ("issue", "revoke"):  # what an issuer does every day, without its group
    kyc.add_command(issuer.commands[name])


@kyc.command("policy", epilog=example("mip kyc policy adult.json", "mip kyc policy --example"))
@click.argument("file", required=False, type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--example", "as_example", is_flag=True, help="Print a policy to begin with.")
@click.option("--example-parts", is_flag=True, help="Print one over several credentials.")
@click.option("--example-schema", is_flag=True, help="Print a schema to begin with.")
@json_option
def policy(
    file: str | None, as_example: bool, example_parts: bool, example_schema: bool, as_json: bool
) -> None:
    """Say in words what a policy asks, and the numbers that an app's contract keeps of it.

    Limits: up to 4 parts, each about one credential, with up to 4 predicates and 11 issuers; sets
    of up to 64 members. Freshness counts days so that no credential is ever older than asked; it
    may be refused up to 3 days early.
    """
    if as_example or example_parts or example_schema:
        shown = EXAMPLE_SCHEMA if example_schema else EXAMPLE_POLICY
        click.echo(json.dumps(EXAMPLE_APP_POLICY if example_parts else shown, indent=2))
        return
    if file is None:
        raise UsageFault("which policy?", hint="give a file, or --example")
    found = _policy.read(file)

    def text() -> None:
        asked = found.policy
        click.echo(f"{found.demand or 'this'}:")
        for line in _policy.words(found, range(len(found.parts))):
            click.echo(line)
        click.echo(f"with {_proofs.LEVELS[asked.level]}")
        click.echo("under " + ("the newest roots alone" if asked.strict else "any accepted roots"))
        for number, commitment in enumerate(asked.parts, 1):
            click.echo(f"part {number} {commitment:#066x}")
        click.echo(f"commitment {asked.commitment:#066x}")

    _io.emit(_policy.document(found), schema=POLICY_SCHEMA, as_json=as_json, text=text)


@kyc.command("request", epilog=example("mip kyc request --image now.jpg -o request.json"))
@click.option("-o", "--output", required=True, metavar="FILE", help="Write the request here.")
@passport_option
@_keys.image_option
@password_file_option
@force_option
@json_option
@with_settings
def request(
    settings: Settings,
    output: str,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Make a request to give to an issuer.

    It holds a fresh number that stands for your passport: the issuer learns nothing of the
    passport, and two issuers cannot tell that they serve the same one.
    """
    opened = _open(settings, passport_name, image, password_file, as_json)
    identifier, document = flow.request(settings, opened)
    _io.write_output(output, document, force=force)

    def text() -> None:
        click.echo(f"request {identifier} written to {output}; give it to the issuer")

    if output != "-":
        fields = {"id": identifier, "output": output}
        _io.emit(fields, schema=REQUEST_SCHEMA, as_json=as_json, text=text)


@kyc.command(
    "import",
    epilog=example(
        "mip kyc import credential.json --image now.jpg",
        "mip kyc import --sd-jwt pid.txt --issuer-key ministry.jwk --image now.jpg",
    ),
)
@click.argument("file", required=False, type=click.Path(dir_okay=False, allow_dash=True))
@foreign_options
@passport_option
@_keys.image_option
@password_file_option
@rpc_option
@json_option
@with_settings
def import_credential(
    settings: Settings,
    file: str | None,
    sd_jwt: str | None,
    issuer_key: str | None,
    mapping: str | None,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    as_json: bool,
) -> None:
    """Keep a credential that an issuer made for one of your requests.

    It goes into your archive (sealed once more, in no grant), where there is one, else into the
    sealed store of this device.

    With --sd-jwt it is one of another system: signature, disclosures and dates are checked on this
    machine, and what it says is kept as your own word, with a note of how it was checked. An app
    takes it only where its policy lists the number of self-attested credentials, and can rely on
    nothing but that you say so: the note and the check are for you.
    """
    if (file is None) == (sd_jwt is None):
        raise UsageFault("give a credential, or --sd-jwt FILE")
    if sd_jwt is not None:
        passport_file.require(settings, passport_name)
        import_sd_jwt(
            settings,
            sd_jwt,
            issuer_key,
            mapping,
            lambda: _open(settings, passport_name, image, password_file, as_json),
            as_json,
        )
        return
    if file is None or issuer_key is not None or mapping is not None:
        raise UsageFault("--issuer-key and --mapping belong to --sd-jwt")
    data = _io.read_input(file, MAX_CREDENTIAL, what="credential")
    opened = _open(settings, passport_name, image, password_file, as_json)
    with _render.TerminalProgress(quiet=as_json) as progress:
        kept, known = flow.keep(settings, opened, data, progress)

    def text() -> None:
        kyc_view.show(kept)
        kyc_view.warn(kept)
        if not known:
            _io.warn("this node serves another chain: the issuer's key was not checked")

    document = {**kyc_view.document(kept), "issuer_checked": known}
    _io.emit(document, schema=IMPORT_SCHEMA, as_json=as_json, text=text)


@kyc.command("list", epilog=example("mip kyc list --image now.jpg"))
@passport_option
@_keys.image_option
@password_file_option
@json_option
@with_settings
def list_credentials(
    settings: Settings,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    as_json: bool,
) -> None:
    """List your requests and credentials, in the archive and on this device.

    What lies on this device alone, `mip kyc move` takes into the archive.
    """
    opened = _open(settings, passport_name, image, password_file, as_json)
    with _render.TerminalProgress(quiet=as_json) as progress:
        listing = flow.list_held(settings, opened, progress)
    found, away = listing.found, isinstance(listing.fault, ArchiveAway)

    def text() -> None:
        rows = [(held.id, *kyc_view.summary(held)) for held in found]
        if rows:
            _render.table(("id", "schema", "issuer", "until", "kept in"), rows)
        elif listing.fault is None:
            _io.note("there is no credential yet; begin with `mip kyc request`")

    document = {
        "credentials": [kyc_view.document(held) for held in found],
        "complete": listing.fault is None,
    }
    _io.emit(document, schema=LIST_SCHEMA, as_json=as_json, text=text)
    if listing.fault is not None and away:
        _io.warn(f"{listing.fault.message}; {listing.fault.hint}")
    elif listing.fault is not None:
        raise listing.fault


@kyc.command("show", epilog=example("mip kyc show 0123456789abcdef --image now.jpg"))
@click.argument("identifier", metavar="ID")
@passport_option
@_keys.image_option
@password_file_option
@json_option
@with_settings
def show(
    settings: Settings,
    identifier: str,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    as_json: bool,
) -> None:
    """Show a credential with all its claims: for your eyes."""
    opened = _open(settings, passport_name, image, password_file, as_json)
    with _render.TerminalProgress(quiet=as_json) as progress:
        held = flow.show(settings, opened, identifier, progress)
    _io.emit(
        kyc_view.document(held),
        schema=SHOW_SCHEMA,
        as_json=as_json,
        text=lambda: kyc_view.show(held),
    )


def _open(
    settings: Settings, name: str, image: Path | None, password_file: str | None, as_json: bool
) -> Opened:
    passport_file.require(settings, name)
    factors = _keys.read_factors(name, password_file, image)
    with _render.TerminalProgress(quiet=as_json) as progress:
        return passport_file.unlock(settings, name, factors, progress)
