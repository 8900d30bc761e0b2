"""The holder's keys on a command line: photo, password, and what guardians gave.

Two of the three open a key file. The people secret comes from the caller: how a command gets it
(``--answers``) is the guardians' part.
"""

from __future__ import annotations

from pathlib import Path

import click

from mip_cli.cli import _io
from mip_cli.crypto.people import PeopleSecret
from mip_cli.flows.passport.passport_file import Factors

image_option = click.option(
    "--image",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A fresh photo of you: with the password it opens the passport on this device.",
)
"""Adds ``image: Path | None``."""


def read_factors(
    name: str,
    password_file: str | None,
    image: Path | None,
    people: PeopleSecret | None = None,
    *,
    needs_password: bool = False,
) -> Factors:
    """Return the keys that are given, asking for the password where it is needed.

    It is not where photo and people open the passport without it. Raises ``UsageFault`` when there
    is neither a password file nor a terminal.
    """
    without = image is not None and people is not None and password_file is None
    if without and not needs_password:
        return Factors(image=image, people=people)
    password = _io.read_password(
        password_file, prompt=f"password of passport {name}", confirm=False
    )
    return Factors(password, image, people)
