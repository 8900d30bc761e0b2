"""``mip kyc import --sd-jwt``: credentials of others, checked here and kept as the holder's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from mip_cli.cli import _io, _render, kyc_view
from mip_cli.config import Settings
from mip_cli.crypto import jsontext
from mip_cli.errors import FileInvalid, UsageFault
from mip_cli.flows.passport.passport_file import Opened

IMPORT_SCHEMA = "mip.kyc.import.foreign/1"
MAX_KEYS = 64 * 1024

F = TypeVar("F", bound=Callable[..., Any])


def foreign_options(function: F) -> F:
    """Add ``sd_jwt``, ``issuer_key`` and ``mapping`` to a command."""
    for option in (
        click.option(
            "--mapping", metavar="FILE", help="Which of its claims are which of a schema (JSON)."
        ),
        click.option(
            "--issuer-key", metavar="FILE", help="The issuer's public key: a JWK or JWK set."
        ),
        click.option(
            "--sd-jwt",
            metavar="FILE",
            help="Import an SD-JWT VC (ES256) as your own word; needs --issuer-key.",
        ),
    ):
        function = option(function)
    return function


def import_sd_jwt(
    settings: Settings,
    sd_jwt: str,
    issuer_key: str | None,
    mapping: str | None,
    unlock: Callable[[], Opened],
    as_json: bool,
) -> None:
    """Check an SD-JWT VC, show how, and keep what it says."""
    from mip_cli.flows.adapters import MAX_DOCUMENT, keep
    from mip_cli.flows.adapters.mapping import MAX_BYTES, PERSON, ForeignMapping
    from mip_cli.flows.adapters.sd_jwt import SdJwt

    if issuer_key is None:
        raise UsageFault(
            "whose signature shall be checked?",
            hint="add --issuer-key FILE; issuers publish theirs under /.well-known/jwt-vc-issuer",
        )
    keys = _io.read_input(issuer_key, MAX_KEYS, what="issuer's key")
    raw: object = PERSON
    try:
        if mapping is not None:
            raw = jsontext.parse(_io.read_input(mapping, MAX_BYTES, what="mapping"))
        chosen = ForeignMapping(raw)
    except (ValueError, TypeError, KeyError) as error:
        raise FileInvalid(f"the mapping cannot be read: {error}") from None
    document = _io.read_input(sd_jwt, MAX_DOCUMENT, what="SD-JWT")
    checked = keep.check(SdJwt(), document, keys, chosen)
    opened = unlock()
    with _render.TerminalProgress(quiet=as_json) as progress:
        kept = keep.keep(settings, opened, checked, progress)

    def text() -> None:
        kyc_view.show(kept)
        kyc_view.warn(kept)
        for remark in checked.foreign.remarks:
            _io.note(_io.sanitize(remark))
        _io.warn("to an app this is your own word: nobody can tell that it was ever checked")

    found = {**kyc_view.document(kept), "remarks": list(checked.foreign.remarks)}
    _io.emit(found, schema=IMPORT_SCHEMA, as_json=as_json, text=text)
