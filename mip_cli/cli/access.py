"""``mip access``: the grantee's side of a grant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mip_cli.cli import _grants, _io, _payer, _proofs, _purse, _render
from mip_cli.cli._options import (
    dry_run_option,
    example,
    force_option,
    json_option,
    password_file_option,
    rpc_option,
    with_settings,
)
from mip_cli.config import Settings
from mip_cli.crypto import grant_access
from mip_cli.crypto.grant_card import Card, GranteeKind
from mip_cli.crypto.grant_kem import Kem
from mip_cli.errors import UsageFault
from mip_cli.flows.grants import access as flow
from mip_cli.flows.grants import grantee_key
from mip_cli.flows.grants.access import Accessed, Source
from mip_cli.flows.passport import prove as prove_flow
from mip_cli.store import grantees

INIT_SCHEMA = "mip.access.init/1"
CARD_SCHEMA = "mip.access.card/1"
PUBLISH_SCHEMA = "mip.access.publish/1"
FETCH_SCHEMA = "mip.access.fetch/1"
OPEN_SCHEMA = "mip.access.open/1"


def _opens_grantee(command: Any) -> Any:
    wrapped = with_settings(command)
    for option in (json_option, password_file_option, rpc_option, _name_option):
        wrapped = option(wrapped)
    return wrapped


_name_option = click.option(
    "--grantee",
    "name",
    default="default",
    show_default=True,
    metavar="NAME",
    help="Which of your grantees.",
)
_source_options = (
    click.option(
        "--store",
        metavar="STORE",
        help="Where the blocks are: sqlite:PATH, folder:PATH, ipfs:http://HOST:PORT, s3://...",
    ),
    click.option(
        "--car",
        "car_file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="The blocks as one file, from the holder or `mip access fetch`.",
    ),
)


_older_option = click.option(
    "--older",
    is_flag=True,
    help="Take a bundle that is older than one you opened, as after the holder lost newer ones.",
)


def _sourced(command: Any) -> Any:
    for option in reversed(_source_options):
        command = option(command)
    return command


@click.group(epilog=example("mip access open bundle.json --car view.car --out records"))
def access() -> None:
    """Be somebody whom holders let read: keys, a card, opening what was granted.

    \b
    Opening asks the chain first, notes the use there, and leaves a signed receipt for the holder.
    """


@access.command(
    "init",
    epilog=example(
        "mip access init --title 'Acme Bank' --purpose 'judge a loan' --key-file acme.key "
        "-o card.json",
        "mip access init --title Lender --contract Lender -o card.json",
    ),
)
@click.option("--title", required=True, help="What you call yourself; shown to holders.")
@click.option("--purpose", help="What you want data for; a contract states its own.")
@click.option("--contract", metavar="APP", help="The grantee is this contract, not your account.")
@click.option("--hybrid", is_flag=True, help="ML-KEM-768 beside X25519, against recorded traffic.")
@click.option("-o", "--output", metavar="FILE", help="Write the card here.")
@_payer.payer_options
@force_option
@_opens_grantee
def init(
    settings: Settings,
    title: str,
    purpose: str | None,
    contract: str | None,
    hybrid: bool,
    output: str | None,
    key_file: Path | None,
    force: bool,
    name: str,
    password_file: str | None,
    as_json: bool,
) -> None:
    """Draw a grantee's keys and make its card, which holders need.

    The card of an account is signed by that account. Of a contract, the operator has to make the
    contract state the key hash that is printed here as grantee_key(): `mip access publish`.
    """
    if output is None or (output == "-" and as_json):
        raise UsageFault("the card has nowhere to go", hint="add -o FILE")
    if output != "-" and Path(output).exists() and not force:
        raise UsageFault(f"{output} exists", hint="choose another name, or use --force")
    if contract is not None and (purpose is not None or key_file is not None):
        raise UsageFault("a contract states its purpose itself and signs nothing")
    grantees.path_of(settings.data_dir, name)
    address = None if contract is None else prove_flow.find_app(settings, contract)
    account = _payer.load(settings, key_file) if address is None else None
    password = _io.read_password(password_file, prompt=f"new password of {name}", confirm=True)
    with _render.TerminalProgress(quiet=as_json) as progress:
        opened = flow.init(
            settings,
            name,
            title,
            password,
            progress,
            kem=Kem.HYBRID if hybrid else Kem.X25519,
            account=account,
            purpose=purpose,
            contract=address,
        )
    _io.write_output(output, flow.card(opened), force=force)
    _show_card(opened.content.card, name, output, INIT_SCHEMA, as_json)


@access.command("card", epilog=example("mip access card -o card.json"))
@click.option("-o", "--output", metavar="FILE", help="Write it here (- for stdout).")
@force_option
@_opens_grantee
def card(
    settings: Settings,
    output: str | None,
    force: bool,
    name: str,
    password_file: str | None,
    as_json: bool,
) -> None:
    """Write the card again."""
    if output is None or (output == "-" and as_json):
        raise UsageFault("the card has nowhere to go", hint="add -o FILE")
    opened = _unlock(settings, name, password_file, as_json)
    _io.write_output(output, flow.card(opened), force=force)
    if output != "-":
        _show_card(opened.content.card, name, output, CARD_SCHEMA, as_json)


@access.command(
    "publish", epilog=example("mip access publish --grantee lender --key-file operator.key")
)
@_payer.payer_options
@dry_run_option
@_opens_grantee
@_purse.may_rehearse
def publish(
    settings: Settings,
    key_file: Path | None,
    dry_run: bool,
    name: str,
    password_file: str | None,
    as_json: bool,
) -> None:
    """Have your contract state the key of its card, so that holders take the card.

    For the operator of a contract with `set_key(bytes32)`, as the examples Lender and Clinic have
    it; his account pays. What is stated already is not sent again.
    """
    card = _unlock(settings, name, password_file, as_json).content.card
    purse = _purse.load(settings, key_file, dry_run=dry_run)
    with _render.TerminalProgress(quiet=as_json) as progress:
        sent = grantee_key.publish(settings, card, purse, progress)
    document = {
        "grantee": name,
        "address": card.address,
        "key_hash": card.key_hash,
        "receipt": _proofs.receipt(sent),
    }

    def text() -> None:
        click.echo(f"{card.address} states 0x{card.key_hash.hex()}")
        click.echo("it did already" if sent is None else f"{sent.gas_used} gas")

    _io.emit(document, schema=PUBLISH_SCHEMA, as_json=as_json, text=text)


@access.command(
    "fetch", epilog=example("mip access fetch bundle.json --store folder:/srv/blocks -o view.car")
)
@click.argument("bundle", metavar="BUNDLE")
@_sourced
@_older_option
@click.option("-o", "--output", metavar="FILE", help="Write the blocks here, as a CAR file.")
@force_option
@_opens_grantee
def fetch(
    settings: Settings,
    bundle: str,
    store: str | None,
    car_file: Path | None,
    older: bool,
    output: str | None,
    force: bool,
    name: str,
    password_file: str | None,
    as_json: bool,
) -> None:
    """Bring the blocks of a bundle here, still encrypted; the grant is checked, nothing is used.

    A bundle that is older than one you opened is refused without --older.
    """
    if output is None or output == "-":
        raise UsageFault("the blocks have nowhere to go", hint="add -o FILE")
    data = _io.read_input(bundle, flow.MAX_BUNDLE, what="bundle")
    opened = _unlock(settings, name, password_file, as_json)
    with _render.TerminalProgress(quiet=as_json) as progress:
        checked = flow.check(settings, opened, data, progress, older=older)
        count = flow.fetch(
            settings,
            opened,
            data,
            Source(store, car_file),
            Path(output),
            progress,
            overwrite=force,
        )
    document = {
        **_grants.receipt_document(checked.bundle.receipt),
        "uses_left": checked.state.uses_left,
        "blocks": count,
        "output": output,
    }
    _io.emit(
        document,
        schema=FETCH_SCHEMA,
        as_json=as_json,
        text=lambda: click.echo(f"{output}: {count} blocks, {checked.state.uses_left} uses left"),
    )


@access.command("open", epilog=example("mip access open bundle.json --car view.car --out records"))
@click.argument("bundle", metavar="BUNDLE")
@_sourced
@_older_option
@click.option("--out", "output", metavar="DIR", help="A new folder for what it shows.")
@click.option("--receipt", "receipt_file", metavar="FILE", help="Write the access receipt here.")
@_payer.payer_options
@dry_run_option
@force_option
@_opens_grantee
@_purse.may_rehearse
def open_command(
    settings: Settings,
    bundle: str,
    store: str | None,
    car_file: Path | None,
    older: bool,
    output: str | None,
    receipt_file: str | None,
    key_file: Path | None,
    dry_run: bool,
    force: bool,
    name: str,
    password_file: str | None,
    as_json: bool,
) -> None:
    """Use a grant once and write what it shows.

    The chain is asked first, then the use is noted there, then things are opened. Give the receipt
    to the holder. A bundle that is older than one you opened is refused without --older.
    """
    if output is None:
        raise UsageFault("what it shows has nowhere to go", hint="add --out DIR")
    if receipt_file is not None and Path(receipt_file).exists() and not force:
        raise UsageFault(f"{receipt_file} exists", hint="choose another name, or use --force")
    data = _io.read_input(bundle, flow.MAX_BUNDLE, what="bundle")
    opened = _unlock(settings, name, password_file, as_json)
    contract = opened.content.card.kind is GranteeKind.CONTRACT
    purse = None if contract else _purse.load(settings, key_file, dry_run=dry_run)
    with _render.TerminalProgress(quiet=as_json) as progress:
        done = flow.open_bundle(
            settings,
            opened,
            data,
            Source(store, car_file),
            Path(output),
            purse,
            progress,
            older=older,
        )
    if receipt_file is not None:
        document = grant_access.FORM.encode(done.receipt)
        _io.write_output(receipt_file, document, force=force)
    _show_opened(done, output, as_json)


def _show_opened(done: Accessed, output: str, as_json: bool) -> None:
    document = {
        **_grants.receipt_document(done.bundle.receipt),
        "output": output,
        "records": len(done.records),
        "aggregates": done.aggregates,
        "proof": None if done.proof is None else _proofs.document(done.proof.file),
        "access": done.receipt.access,
        "access_receipt": done.receipt_path,
        "uses_left": done.uses_left,
        "transaction": _proofs.receipt(done.transaction),
    }

    def text() -> None:
        what = _render.count(len(done.records), "record")
        if done.aggregates is not None:
            what = "numbers over groups of records"
        if done.proof is not None:
            what = "a proof, which holds"
        click.echo(f"{output}: {what}; {done.uses_left} uses left")
        _io.note(f"give the access receipt to the holder: {done.receipt_path}")

    _io.emit(document, schema=OPEN_SCHEMA, as_json=as_json, text=text)


def _show_card(found: Card, name: str, output: str, schema: str, as_json: bool) -> None:
    document = {
        "grantee": name,
        "title": found.name,
        "kind": found.kind,
        "address": found.address,
        "chain_id": found.chain_id,
        "purpose": found.purpose,
        "kem": found.kem,
        "key_hash": found.key_hash,
        "output": output,
    }

    def text() -> None:
        click.echo(f"{output}: card of {_io.sanitize(found.name)}, {found.address}")
        if found.kind is GranteeKind.CONTRACT:
            _io.note(
                f"the contract has to state 0x{found.key_hash.hex()} as grantee_key(): "
                "mip access publish"
            )

    _io.emit(document, schema=schema, as_json=as_json, text=text)


def _unlock(
    settings: Settings, name: str, password_file: str | None, as_json: bool
) -> grantees.Opened:
    grantees.require(settings.data_dir, name)
    password = _io.read_password(password_file, prompt=f"password of {name}", confirm=False)
    with _render.TerminalProgress(quiet=as_json) as progress:
        return flow.unlock(settings, name, password, progress)
