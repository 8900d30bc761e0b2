"""Which account pays: a key file, or on a local chain the funded test account."""

from __future__ import annotations

from pathlib import Path

import click

from mip_cli.chain.keys import Signer
from mip_cli.cli import _io
from mip_cli.config import Settings
from mip_cli.flows import payer

payer_options = click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Account that pays: 64 hex digits (mode 0600) or an encrypted JSON keystore. "
    "On a local chain the funded test account pays when this is absent.",
)
"""Adds ``key_file: Path | None``."""


def load(settings: Settings, key_file: Path | None) -> Signer:
    """Return the paying account; asks for a keystore's password on the terminal."""

    def password() -> str:
        return _io.read_password(None, prompt=f"password of {key_file}", confirm=False).decode()

    return payer.load(settings, key_file, password)
