"""What the commands that prove read: kinds, for whom, the holder's keys, and where it goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mip_cli.chain.keys import Signer
from mip_cli.cli import _guardians, _keys
from mip_cli.config import Settings
from mip_cli.errors import UsageFault
from mip_cli.flows.guardian.guardian_asks import Gathered
from mip_cli.flows.passport.proof_file import checked_address
from mip_cli.flows.passport.prove import Keys
from mip_cli.models import Kind
from mip_cli.units import Address


def kinds_of(text: str) -> frozenset[Kind]:
    """Read ``--kinds``; raise ``UsageFault``."""
    try:
        return frozenset(Kind(part.strip()) for part in text.split(","))
    except ValueError:
        raise UsageFault(
            "--kinds takes face, password or people, or two of them joined by a comma"
        ) from None


def beneficiary_of(text: str | None, payer: Signer | None) -> Address:
    """Return whom a proof is for: who is named, else who pays."""
    if text is not None:
        return checked_address(text, "--beneficiary")
    if payer is None:
        raise UsageFault("the proof names nobody", hint="add --beneficiary ADDRESS")
    return payer.address


def require_places(
    output: str | None, public_out: str | None = None, *, send: bool, force: bool, as_json: bool
) -> None:
    """Refuse where the results cannot go before anything is asked or written."""
    if output is None and not send:
        raise UsageFault("the proof has nowhere to go", hint="add -o FILE or --send")
    names = [name for name in (output, public_out) if name is not None]
    if "-" in names and (as_json or len(names) != len(set(names))):
        raise UsageFault("two things would be written to stdout", hint="use -o FILE")
    places = [Path(name).absolute() for name in names if name != "-"]
    if len(places) != len(set(places)):
        raise UsageFault("-o and --public-out name the same file")
    for place in places:
        if place.is_dir():
            raise UsageFault(f"{place} is a folder", hint="give the name of a file")
        if not place.parent.is_dir():
            raise UsageFault(f"there is no folder {place.parent}")
        if place.is_file() and not force:
            raise UsageFault(f"{place} exists", hint="choose another name, or use --force")


def read_keys(
    settings: Settings,
    name: str,
    password_file: str | None,
    image: Path | None,
    wanted: frozenset[Kind],
    answers: Sequence[str] = (),
) -> tuple[Keys, Gathered | None]:
    """Ask for what the kinds to show need; return it, and what guardians gave."""
    factors = _keys.read_factors(
        name, password_file, image, needs_password=Kind.PASSWORD in wanted or bool(answers)
    )
    gathered = None
    if answers and factors.password is not None:
        gathered = _guardians.gather(settings, answers, factors.password)
        factors = replace(factors, people=gathered.people)
    return Keys(name, factors.password, image, wanted, factors.people), gathered
