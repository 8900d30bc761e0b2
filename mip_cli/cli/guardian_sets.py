"""``mip guardian set`` and ``remove``: which people can bring a passport back."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click

from mip_cli.cli import _guardians, _io, _keys, _payer, _purse, _render
from mip_cli.cli._guardians import factors_of, moment, set_document, transaction, when
from mip_cli.cli._options import (
    dry_run_option,
    example,
    json_option,
    passport_option,
    password_file_option,
    rpc_option,
    with_settings,
    yes_option,
)
from mip_cli.config import Settings
from mip_cli.errors import UsageFault
from mip_cli.flows.guardian import guardians
from mip_cli.flows.guardian.guardians import Draft, Wish
from mip_cli.flows.passport.passport_file import Factors


@click.command("set", epilog=example("mip guardian set --card ben.json --card eve.json -o ."))
@click.option("--card", "cards", multiple=True, metavar="FILE", help="Card of a new guardian.")
@click.option("--without", multiple=True, metavar="LABEL", help="One who shall be no more.")
@click.option("--threshold", type=click.IntRange(1, 16), help="How many bring you back.")
@click.option(
    "--quorum", type=click.IntRange(1, 16), help="How many do once the passport was frozen."
)
@click.option("-o", "--output", metavar="DIR", default=".", help="Folder for the parts.")
@click.option("--anew", is_flag=True, help="Make new parts: those of the set under way were lost.")
@passport_option
@_keys.image_option
@password_file_option
@_payer.payer_options
@rpc_option
@dry_run_option
@yes_option
@json_option
@with_settings
@_purse.may_rehearse
def set_guardians(
    settings: Settings,
    cards: tuple[str, ...],
    without: tuple[str, ...],
    threshold: int | None,
    quorum: int | None,
    output: str,
    anew: bool,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    key_file: Path | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Make a set of guardians, or change it; takes face and password.

    The guardians you have stay unless you leave them out. Everybody gets a new part, written to
    DIR, and the set waits 48 hours on chain; until then the present guardians and you can stop it.
    After a kill run the same command again.
    """
    read = _guardians.read_all(cards, "card")
    wish = Wish(read, without, False, threshold, quorum, anew)
    _propose(
        settings,
        wish,
        output,
        passport_name,
        factors_of(settings, passport_name, password_file, image),
        key_file,
        dry_run=dry_run,
        yes=yes,
        as_json=as_json,
    )


@click.command(
    epilog=example("mip guardian remove --guardian Eve -o .", "mip guardian remove --all")
)
@click.option("--guardian", "labels", multiple=True, metavar="LABEL", help="Who shall be no more.")
@click.option("--all", "everybody", is_flag=True, help="Have no guardians any more.")
@click.option("--threshold", type=click.IntRange(1, 16), help="How many bring you back.")
@click.option("--quorum", type=click.IntRange(1, 16), help="How many do once it was frozen.")
@click.option("-o", "--output", metavar="DIR", default=".", help="Folder for the parts.")
@passport_option
@_keys.image_option
@password_file_option
@_payer.payer_options
@rpc_option
@dry_run_option
@yes_option
@json_option
@with_settings
@_purse.may_rehearse
def remove(
    settings: Settings,
    labels: tuple[str, ...],
    everybody: bool,
    threshold: int | None,
    quorum: int | None,
    output: str,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    key_file: Path | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Have a guardian no more: a new set of the others, which waits 48 hours like any.

    Backups made so far still open with what the old guardians hold: make a new one afterwards.
    """
    if bool(labels) == everybody:
        raise UsageFault("name guardians with --guardian, or say --all")
    wish = Wish((), labels, everybody, threshold, quorum)
    _propose(
        settings,
        wish,
        output,
        passport_name,
        factors_of(settings, passport_name, password_file, image),
        key_file,
        dry_run=dry_run,
        yes=yes,
        as_json=as_json,
    )


def _propose(
    settings: Settings,
    wish: Wish,
    output: str,
    name: str,
    factors: Factors,
    key_file: Path | None,
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    folder = Path(output)
    if not folder.is_dir():
        raise UsageFault(f"there is no folder {output}", hint="the parts are written there")
    with _render.TerminalProgress(quiet=as_json) as progress:
        made = guardians.draft(settings, name, factors, wish, progress)
    click.echo(_consent(made), err=True)
    if dry_run:
        document = {"dry_run": True, "set": set_document(made.record)}
        _io.emit(
            document,
            schema="mip.guardian.set/1",
            as_json=as_json,
            text=lambda: click.echo("nothing was written or sent"),
        )
        return
    _io.confirm("Propose this set?", yes)
    purse = _purse.load(settings, key_file, dry_run=False)
    written = write_parts(made, folder)
    with _render.TerminalProgress(quiet=as_json) as progress:
        done = guardians.propose(settings, made, factors, purse, progress)

    def text() -> None:
        for label, path in written.items():
            click.echo(f"send {path} to {_io.sanitize(label)}")
        click.echo(f"the set can be put in force from {moment(done.ready_at)} on")
        _io.note("run `mip guardian finish` then, before " + str(moment(done.until)))

    document = {
        "passport": name,
        "set": set_document(made.record),
        "parts": {label: str(path) for label, path in written.items()},
        "ready_at": when(done.ready_at),
        "until": when(done.until),
        "resumed": made.resumed,
        "receipt": transaction(done.receipt),
    }
    _io.emit(document, schema="mip.guardian.set/1", as_json=as_json, text=text)


def write_parts(made: Draft, folder: Path) -> dict[str, Path]:
    """Write everybody's part into a file of its own, and return the files by label.

    Nobody can make a part again, so none is written over anything else. Raises ``UsageFault``
    before the first is written, when one of the files is there with something else in it.
    """
    numbers = {member.label: member.number for member in made.record.members}
    # labels that differ may be spelt alike in a file name; numbers are one guardian's alone
    paths = {
        label: folder / f"{_slug(label)}-{numbers[label]}-{made.short_id}.part.json"
        for label in made.parts
    }
    if paths and len(set(paths.values())) != len(numbers):
        raise UsageFault("not every guardian would get a part", hint="begin again with --anew")
    missing = {label: path for label, path in paths.items() if not _holds(path, made.parts[label])}
    for path in missing.values():
        if os.path.lexists(path):
            raise UsageFault(f"{path} exists", hint="choose another folder with -o")
    for label, path in missing.items():
        _guardians.write(str(path), made.parts[label], force=False)
    return paths


def _holds(path: Path, part: bytes) -> bool:
    """Tell whether an earlier run wrote this very part."""
    return path.is_file() and _guardians.read(str(path), "part") == part


def _consent(made: Draft) -> str:
    record = made.record
    if not record.members:
        return f"{made.name} shall have no guardians: nobody could bring it back."
    lines = [
        f"Guardians of {made.name}:",
        *(
            f"  {_io.sanitize(label)}"
            + (f"   card: {made.words[label]}" if label in made.words else "")
            for label in made.labels
        ),
        f"  {record.threshold} of them bring the passport back, {record.quorum} once it is frozen",
        "  each gets a new part; the set waits 48 hours on chain",
    ]
    if made.words:
        lines.append(
            f"  {_guardians.VOICE}: a card that was swapped makes a stranger your guardian"
        )
    gone = [label for label in made.present if label not in made.labels]
    if gone:
        lines.append(f"  no more: {', '.join(map(_io.sanitize, gone))}")
    return "\n".join(lines)


def _slug(label: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-") or "guardian"
