"""Paying for transactions, and ``--dry-run`` for commands that send them."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from pathlib import Path
from typing import ParamSpec

import click

from mip_cli.cli import _io, _payer, _render
from mip_cli.config import Settings
from mip_cli.flows.sending import Purse, Rehearsed

P = ParamSpec("P")
SCHEMA = "mip.dry-run/1"


def load(settings: Settings, key_file: Path | None, *, dry_run: bool) -> Purse:
    """Return what pays: the account in a key file, or a local chain's test account."""
    return Purse(_payer.load(settings, key_file), rehearse=dry_run)


def may_rehearse(function: Callable[P, None]) -> Callable[P, None]:
    """Let a command with ``dry_run`` end where its first transaction would be signed."""

    def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except Rehearsed as found:
            _show(found, as_json=bool(kwargs.get("as_json")))

    return update_wrapper(wrapper, function)


def _show(found: Rehearsed, *, as_json: bool) -> None:
    call, quote = found.call, found.quote

    def text() -> None:
        click.echo("a transaction would be signed and sent now; nothing was")
        _render.kv(
            [
                ("to", call.to),
                ("function", "0x" + call.data[:4].hex()),
                ("gas at most", quote.gas),
                ("wei at most", quote.cost),
            ]
        )

    document = {
        "dry_run": True,
        "label": found.label,
        "to": call.to,
        "data": call.data,
        "gas": quote.gas,
        "cost_wei": quote.cost,
    }
    _io.emit(document, schema=SCHEMA, as_json=as_json, text=text)
