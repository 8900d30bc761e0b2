"""``mip grant``: let somebody read a category of the archive, see it used, end it."""

from __future__ import annotations

import re
from pathlib import Path

import click

from mip_cli.cli import _archive, _grants, _io, _proofs, _purse, _render, grant_see
from mip_cli.cli._options import (
    dry_run_option,
    example,
    force_option,
    rpc_option,
    setting_option,
    yes_option,
)
from mip_cli.cli._payer import payer_options
from mip_cli.cli.grant_relayed import relay, relayed
from mip_cli.config import Settings
from mip_cli.crypto import grant_bundle, grant_card, grant_consent
from mip_cli.crypto.grant_consent import NOT_RECALLED
from mip_cli.errors import FileInvalid, UsageFault
from mip_cli.flows.grants import grant as flow
from mip_cli.flows.grants import grant_page
from mip_cli.flows.grants.grant import Issued

ISSUE_SCHEMA = "mip.grant.issue/1"
REVOKE_SCHEMA = "mip.grant.revoke/1"
REFRESH_SCHEMA = "mip.grant.refresh/1"
MAX_PROOF = grant_bundle.MAX_PROOF

_prover_option = setting_option(
    "--prover", "prover", metavar="NAME", help="auto, rapidsnark, groth16py, snarkjs."
)
_proof_option = click.option(
    "--proof", "proof_file", metavar="FILE", help="At level 0: the proof for the grantee."
)
_car_option = click.option(
    "--car",
    "car_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the blocks of the view here too, for a grantee who cannot reach the store.",
)
_relay_option = click.option(
    "--relay",
    "relay_file",
    metavar="FILE",
    help="Send nothing: write what somebody else sends with `mip grant relay`.",
)
_output_option = click.option(
    "-o", "--output", metavar="FILE", help="Write the grantee's bundle here."
)


@click.group(epilog=example("mip grant issue card.json --category finance --level 2 -o b.json"))
def grant() -> None:
    """Let somebody read one category of your archive, see each use, end it.

    \b
    Not recalled, whatever you do later: what a grantee has read or copied. A use is seen when the
    grantee's tool notes it; one with a tool of his own can read what he has the key and blocks of.
    """


@grant.command(
    "issue",
    epilog=example(
        "mip grant issue card.json --category finance --level 2 --expires 30d --uses 3 "
        "--image me.jpg -o bundle.json"
    ),
)
@click.argument("card", metavar="CARD")
@_archive.category_option
@click.option(
    "--level",
    type=click.IntRange(0, 3),
    required=True,
    help="3 whole records, 2 without what names you, 1 numbers over groups, 0 a proof alone.",
)
@click.option("--expires", default="30d", show_default=True, metavar="SPAN", help="30d, 12h, 90m.")
@click.option("--uses", type=click.IntRange(1), default=1, show_default=True)
@click.option("--name", metavar="NAME", help="Your name for it; made from the card if absent.")
@click.option(
    "--store-hint", "store", metavar="STORE", help="Where the bundle says the blocks can be had."
)
@_proof_option
@_output_option
@click.option("--receipt", "receipt_file", metavar="FILE", help="Write the consent receipt here.")
@click.option("--page", "page_file", metavar="FILE", help="Write it as a page to read (HTML).")
@_car_option
@_relay_option
@_prover_option
@payer_options
@rpc_option
@dry_run_option
@yes_option
@force_option
@_archive.opens_archive
@_purse.may_rehearse
def issue(
    settings: Settings,
    card: str,
    category: str | None,
    level: int,
    expires: str,
    uses: int,
    name: str | None,
    store: str | None,
    proof_file: str | None,
    output: str | None,
    receipt_file: str | None,
    page_file: str | None,
    car_file: Path | None,
    relay_file: str | None,
    key_file: Path | None,
    dry_run: bool,
    yes: bool,
    force: bool,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    as_json: bool,
) -> None:
    """Grant the grantee of CARD something of one category, and write his bundle.

    You see what you consent to before anything is opened. Interrupted, the same command goes on.

    \b
    Level 1 counts records in the groups of eight that they were put in, five or more of a group
    together or none. Who knows all of a group but one, as he put them there, learns that one.
    """
    if category is None:
        raise UsageFault("what of?", hint="add --category NAME")
    places = [output, receipt_file, page_file, relay_file]
    places.append(None if car_file is None else str(car_file))
    _require_places(places, force=force, as_json=as_json)
    if (output is None) == (relay_file is None):
        raise UsageFault(
            "the bundle goes to -o FILE; with --relay FILE it comes later, by mip grant refresh"
        )
    found = flow.read_card(_io.read_input(card, grant_card.FORM.limit, what="card"))
    wish = flow.Wish(
        card=found,
        category=category,
        level=level,
        lifetime=_grants.seconds(expires),
        uses=uses,
        name=name or _name(found.name, category),
        store=store,
        proof=_proof(proof_file),
    )
    with _render.TerminalProgress(quiet=as_json) as progress:
        consent = flow.prepare(settings, wish, progress)
    # also with --json: nobody agrees to what he has not seen
    click.echo(_grants.consent_text(consent), err=True)
    _io.confirm("Grant this?", yes or dry_run)
    factors = _archive.factors_of(settings, passport_name, password_file, image)
    purse = _purse.load(settings, key_file, dry_run=dry_run or relay_file is not None)
    with (
        _render.TerminalProgress(quiet=as_json) as progress,
        relayed(relay_file, dry_run, consent.chain_id, force, as_json),
    ):
        done = flow.issue(
            settings,
            consent,
            passport_name,
            factors,
            purse,
            progress,
            car_file=car_file,
            relay=relay_file is not None and not dry_run,
        )
    if output is None:  # an earlier run's grant was on chain already
        raise UsageFault(f"{wish.name} is on chain", hint=f"mip grant refresh {wish.name} -o FILE")
    receipt = done.record.receipt
    _io.write_output(output, done.bundle, force=force)
    if receipt_file is not None:
        _io.write_output(receipt_file, grant_consent.FORM.encode(receipt), force=force)
    if page_file is not None:
        _io.write_output(page_file, grant_page.page(receipt), force=force)
    _show_issued(done, output, ISSUE_SCHEMA, as_json)


@grant.command(
    "revoke",
    epilog=example(
        "mip grant revoke acme-finance --image me.jpg",
        "mip grant revoke acme-finance --eager --bundles out --image me.jpg",
    ),
)
@click.argument("name", metavar="NAME")
@click.option("--eager", is_flag=True, help="Encrypt every record of the category anew.")
@click.option(
    "--bundles",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="Write the new bundles of the category's other grants here.",
)
@_relay_option
@_prover_option
@payer_options
@rpc_option
@dry_run_option
@yes_option
@_archive.opens_archive
@_purse.may_rehearse
def revoke(
    settings: Settings,
    name: str,
    eager: bool,
    bundles: Path | None,
    relay_file: str | None,
    key_file: Path | None,
    dry_run: bool,
    yes: bool,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    as_json: bool,
) -> None:
    """End a grant: on chain, and for the keys of what comes next.

    \b
    Not recalled: what the grantee read or copied. Without --eager, records that were there keep
    their keys, which a grantee of level 3 had. Other grants of the category need new bundles.
    With --relay run it again once it is on chain: the keys change then.
    """
    _io.confirm(f"End the grant {name}?", yes or dry_run)
    factors = _archive.factors_of(settings, passport_name, password_file, image)
    purse = _purse.load(settings, key_file, dry_run=dry_run or relay_file is not None)
    chain_id = flow.chain_of(settings) if relay_file is not None else 0
    with (
        _render.TerminalProgress(quiet=as_json) as progress,
        relayed(relay_file, dry_run, chain_id, False, as_json),
    ):
        done = flow.revoke(settings, passport_name, factors, name, purse, progress, eager=eager)
    if bundles is not None:
        for other, bundle in done.bundles.items():
            _io.write_output(str(bundles / f"{other}.json"), bundle, force=True)
    document = {
        "name": name,
        "ended": done.record.ended,
        "resealed": done.resealed,
        "bundles": sorted(done.bundles),
        "receipt": _proofs.receipt(done.transaction),
        "not_recalled": NOT_RECALLED,
    }

    def text() -> None:
        click.echo(f"{name}: {done.record.ended}")
        if done.resealed:
            click.echo(f"{_render.count(done.resealed, 'record')} encrypted anew")
        for other in sorted(done.bundles):
            if bundles is None:
                _io.note(f"{other} needs a new bundle: mip grant refresh {other} -o FILE")
        # the rest of it says what was just done
        _io.note(f"not recalled: {NOT_RECALLED.split('; ')[0] if done.resealed else NOT_RECALLED}")

    _io.emit(document, schema=REVOKE_SCHEMA, as_json=as_json, text=text)


@grant.command(
    "refresh", epilog=example("mip grant refresh acme-finance --image me.jpg -o bundle.json")
)
@click.argument("name", metavar="NAME")
@_proof_option
@_output_option
@_car_option
@rpc_option
@force_option
@_archive.opens_archive
def refresh(
    settings: Settings,
    name: str,
    proof_file: str | None,
    output: str | None,
    car_file: Path | None,
    force: bool,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    as_json: bool,
) -> None:
    """Make a new bundle, which shows the category as it is now."""
    _require_places(
        [output, None if car_file is None else str(car_file)], force=force, as_json=as_json
    )
    if output is None:
        raise UsageFault("the bundle has nowhere to go", hint="add -o FILE")
    factors = _archive.factors_of(settings, passport_name, password_file, image)
    with _render.TerminalProgress(quiet=as_json) as progress:
        done = flow.refresh(
            settings,
            passport_name,
            factors,
            name,
            progress,
            proof=_proof(proof_file),
            car_file=car_file,
        )
    _io.write_output(output, done.bundle, force=force)
    _show_issued(done, output, REFRESH_SCHEMA, as_json)


def _show_issued(done: Issued, output: str, schema: str, as_json: bool) -> None:
    record = done.record
    document = {
        "name": record.name,
        **_grants.receipt_document(record.receipt),
        "number": record.number,
        "resumed": done.resumed,
        "output": output,
        "transaction": _proofs.receipt(done.transaction),
    }

    def text() -> None:
        click.echo(f"{record.name}: level {record.receipt.level} of {record.category}")
        if done.transaction is not None:
            click.echo(f"on chain in block {done.transaction.block}")
        _io.note(f"give {output} to the grantee; only his key opens it")

    _io.emit(document, schema=schema, as_json=as_json, text=text)


def _proof(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        return _io.read_input(path, MAX_PROOF, what="proof").decode()
    except UnicodeDecodeError:
        raise FileInvalid("the proof file is not UTF-8 text") from None


def _name(title: str, category: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    return f"{slug[: 31 - len(category)].strip('-') or 'grant'}-{category}"[:32]


def _require_places(places: list[str | None], *, force: bool, as_json: bool) -> None:
    """Refuse where the results cannot go before anything is asked or sent."""
    names = [place for place in places if place is not None]
    if "-" in names and (as_json or len(names) > 1):
        raise UsageFault("two things would be written to stdout", hint="use -o FILE")
    paths = [Path(name).absolute() for name in names if name != "-"]
    if len(set(paths)) != len(paths):
        raise UsageFault("two results would be written to one file")
    for path in paths:
        if path.is_dir():
            raise UsageFault(f"{path} is a folder", hint="give the name of a file")
        if not path.parent.is_dir():
            raise UsageFault(f"there is no folder {path.parent}")
        if path.exists() and not force:
            raise UsageFault(f"{path} exists", hint="choose another name, or use --force")


for _command in (grant_see.list_grants, grant_see.check, grant_see.receipts, relay):
    grant.add_command(_command)
