"""What the guardians' commands share: files in and out, times, tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from mip_cli.chain.faults import NodeUntrusted
from mip_cli.chain.values import Receipt
from mip_cli.cli import _io, _keys
from mip_cli.config import Settings
from mip_cli.crypto.forms import MAX_BYTES
from mip_cli.flows.guardian import guardian_asks
from mip_cli.flows.guardian.guardian_asks import Gathered
from mip_cli.flows.passport import passport_file
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.store.guardian_codec import SetRecord

VOICE = "compare these words by voice with the person you think it is from"

output_option = click.option(
    "-o", "--output", metavar="FILE", required=True, help="Write it here (- for stdout)."
)
"""Adds ``output: str``."""
answers_option = click.option(
    "--answers",
    multiple=True,
    metavar="FILE",
    help="A guardian's answer; give the option once for each.",
)
"""Adds ``answers: tuple[str, ...]``."""
name_option = click.option(
    "--name",
    metavar="NAME",
    help="Which guardianship on this device; needed where there are several.",
)
"""Adds ``name: str | None``."""


def read(path: str, what: str) -> bytes:
    """Read a document that was sent by somebody."""
    return _io.read_input(path, MAX_BYTES, what=what)


def read_all(paths: Sequence[str], what: str) -> tuple[bytes, ...]:
    """Read several."""
    return tuple(read(path, what) for path in paths)


def write(path: str, document: bytes, *, force: bool) -> None:
    """Write a document to be sent; others need not see it."""
    _io.write_output(path, document, force=force, private=True)


def moment(seconds: int | None) -> str | None:
    """Return a Unix time for a person."""
    found = when(seconds)
    return None if found is None else f"{found:%Y-%m-%d %H:%M} UTC"


def when(seconds: int | None) -> datetime | None:
    """Return a Unix time for ``--json``; raise ``NodeUntrusted`` for one that cannot be meant."""
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise NodeUntrusted(
            "the node tells a time that no calendar knows", hint="ask another node with --rpc-url"
        ) from error


def transaction(receipt: Receipt | None) -> dict[str, object] | None:
    """Return a receipt for ``--json``."""
    if receipt is None:
        return None
    return {"tx_hash": receipt.tx_hash, "block": receipt.block, "gas_used": receipt.gas_used}


def gather(settings: Settings, answers: Sequence[str], password: bytes) -> Gathered:
    """Restore the people from answers, saying which guardian's part was wrong."""
    found = guardian_asks.gather(settings, read_all(answers, "answer"), password)
    for number in found.wrong:
        _io.warn(f"the part with number {number} is wrong; its guardian should be asked why")
    return found


def factors_of(
    settings: Settings, name: str, password_file: str | None, image: Path | None
) -> Factors:
    """Return what opens a passport, once it is known to exist."""
    passport_file.require(settings, name)
    return _keys.read_factors(name, password_file, image)


def set_document(record: SetRecord) -> dict[str, object]:
    """Return a set for ``--json``, by the holder's own labels."""
    return {
        "guardians": [member.label for member in record.members],
        "threshold": record.threshold,
        "quorum": record.quorum,
    }
