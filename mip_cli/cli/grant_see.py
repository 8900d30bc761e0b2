"""``mip grant list``, ``check`` and ``receipts``: how grants stand, and who used them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from mip_cli.cli import _archive, _grants, _io, _render
from mip_cli.cli._options import example, json_option, rpc_option, with_settings
from mip_cli.config import Settings
from mip_cli.crypto import grant_bundle, grant_consent
from mip_cli.crypto.grant_consent import ConsentReceipt
from mip_cli.errors import FileInvalid, PermissionAbsent
from mip_cli.flows.grants import grant_page
from mip_cli.flows.grants import grant_see as flow
from mip_cli.flows.grants.grant_see import Standing

LIST_SCHEMA = "mip.grant.list/1"
CHECK_SCHEMA = "mip.grant.check/1"
RECEIPTS_SCHEMA = "mip.grant.receipts/1"


@click.command("list", epilog=example("mip grant list --image me.jpg"))
@rpc_option
@_archive.opens_archive
def list_grants(
    settings: Settings,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    as_json: bool,
) -> None:
    """List what you granted, and how it stands on chain now.

    What ended there ends in your archive too, with new keys for its category. Grants of another
    chain are not asked for. The node learns which pseudonyms were asked for together.
    """
    factors = _archive.factors_of(settings, passport_name, password_file, image)
    with _render.TerminalProgress(quiet=as_json) as progress:
        found = flow.listing(settings, passport_name, factors, progress)

    def text() -> None:
        rows = [
            (
                one.record.name if one.record else "",
                _io.sanitize(one.receipt.grantee_name),
                one.receipt.category,
                one.receipt.level,
                _grants.day(one.receipt.expires),
                one.uses_left if one.asked else "?",
                _stand(one),
            )
            for one in found.grants
        ]
        head = ("name", "grantee", "category", "level", "until", "uses left", "stands")
        _render.table(head, rows)
        _io.note(f"as of block {found.block}")
        _note_renewed(found.renewed)

    document = {
        "grants": [_standing(one) for one in found.grants],
        "block": found.block,
        "renewed": list(found.renewed),
    }
    _io.emit(document, schema=LIST_SCHEMA, as_json=as_json, text=text)


@click.command("check", epilog=example("mip grant check bundle.json"))
@click.argument("file", metavar="FILE")
@rpc_option
@json_option
@with_settings
def check(settings: Settings, file: str, as_json: bool) -> None:
    """Ask the chain whether a grant is in force; FILE is a bundle or a consent receipt.

    Exit code 1 says it is not. Needs no key.
    """
    receipt = _receipt_in(_io.read_input(file, grant_bundle.MAX_BYTES, what="grant"))
    with _render.TerminalProgress(quiet=as_json) as progress:
        found = flow.check(settings, receipt, progress)
    _io.emit(
        _standing(found),
        schema=CHECK_SCHEMA,
        as_json=as_json,
        text=lambda: _render.kv(
            [*grant_page.said(receipt)[:8], ("Uses left", found.uses_left), ("Now", _stand(found))]
        ),
    )
    if found.fault is not None:
        raise PermissionAbsent(f"the grant is not in force: {_stand(found)}")


@click.command(
    "receipts", epilog=example("mip grant receipts acme-finance --add access.json --image me.jpg")
)
@click.argument("name", metavar="NAME")
@click.option("--add", "handed", multiple=True, metavar="FILE", help="One the grantee gave you.")
@rpc_option
@_archive.opens_archive
def receipts(
    settings: Settings,
    name: str,
    handed: tuple[str, ...],
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    as_json: bool,
) -> None:
    """Show each use of a grant on chain, beside the access receipts that the grantee gave.

    A grantee with a tool of his own can read without leaving any: what is missing proves nothing.
    What ended on chain ends in your archive too.
    """
    documents = [_io.read_input(one, 8 * 1024, what="access receipt") for one in handed]
    factors = _archive.factors_of(settings, passport_name, password_file, image)
    with _render.TerminalProgress(quiet=as_json) as progress:
        found = flow.receipts(settings, passport_name, factors, name, documents, progress)
    standing, uses = found.standing, found.uses
    document = {
        "name": name,
        "grant": standing.grant,
        "in_force": standing.fault is None,
        "fault": standing.fault,
        "uses_left": standing.uses_left,
        "block": found.block,
        "renewed": list(found.renewed),
        "uses": [
            {
                "block": use.block,
                "level": use.level,
                "uses_left": use.uses_left,
                "access": use.access,
                "receipt": None if use.receipt is None else use.receipt.id,
                "number": None if use.receipt is None else use.receipt.number,
            }
            for use in uses
        ],
    }

    def text() -> None:
        rows = [
            (
                use.block,
                use.level,
                use.uses_left,
                "0x" + use.access.hex()[:16],
                "none" if use.receipt is None else _grants.day(use.receipt.at),
            )
            for use in uses
        ]
        _render.table(("block", "level", "uses left", "access", "his receipt"), rows)
        _io.note(f"as of block {found.block}: {_stand(standing)}, {standing.uses_left} uses left")
        _note_renewed(found.renewed)

    _io.emit(document, schema=RECEIPTS_SCHEMA, as_json=as_json, text=text)


def _standing(one: Standing) -> dict[str, object]:
    record = one.record
    return {
        "name": None if record is None else record.name,
        **_grants.receipt_document(one.receipt),
        "in_force": one.fault is None if one.asked else None,
        "fault": one.fault,
        "uses_left": one.uses_left,
        "state": None if record is None else record.state,
    }


def _note_renewed(names: Sequence[str]) -> None:
    for name in names:
        _io.note(f"{name} needs a new bundle: mip grant refresh {name} -o FILE")


def _stand(one: Standing) -> str:
    return "in force" if one.fault is None else one.fault.removeprefix("grants: ")


def _receipt_in(data: bytes) -> ConsentReceipt:
    try:
        bundle = grant_bundle.FORM.decode(data)
    except FileInvalid as error:
        if b'"mip.grant.bundle/' in data[:64]:
            raise error
        return grant_consent.FORM.decode(data)
    if not grant_bundle.is_signed(bundle):
        raise FileInvalid("the bundle is not signed by the key that its receipt names")
    return bundle.receipt
