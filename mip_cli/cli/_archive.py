"""What every command on the holder's own archive takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mip_cli.cli import _keys
from mip_cli.cli._options import (
    json_option,
    passport_option,
    password_file_option,
    with_settings,
)
from mip_cli.config import Settings
from mip_cli.flows.passport import passport_file
from mip_cli.flows.passport.passport_file import Factors


def opens_archive(command: Any) -> Any:
    """Add passport, keys and ``--json``, and pass the settings first."""
    wrapped = with_settings(command)
    for option in (json_option, password_file_option, _keys.image_option, passport_option):
        wrapped = option(wrapped)
    return wrapped


def factors_of(
    settings: Settings, passport_name: str, password_file: str | None, image: Path | None
) -> Factors:
    """Read the keys that open the passport, once it is known to exist."""
    passport_file.require(settings, passport_name)
    return _keys.read_factors(passport_name, password_file, image)


category_option = click.option(
    "--category",
    metavar="NAME",
    help="identity, face, social, preference, avatar, finance, health, education, other, or yours.",
)
