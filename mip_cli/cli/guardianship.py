"""``mip guardian accept``, ``keep``, ``check``: being a guardian."""

from __future__ import annotations

import click

from mip_cli.chain.registry import PassportStatus
from mip_cli.cli import _guardians, _io, _render
from mip_cli.cli._guardians import moment, when
from mip_cli.cli._options import (
    example,
    force_option,
    json_option,
    password_file_option,
    rpc_option,
    with_settings,
)
from mip_cli.config import Settings
from mip_cli.errors import CheckFailed, UsageFault
from mip_cli.flows.guardian import guardianship
from mip_cli.flows.guardian.guardianship import Guarded, PartState
from mip_cli.store.guardianships import NAME

CHECK_SCHEMA = "mip.guardian.check/1"


def chosen(settings: Settings, name: str | None) -> str:
    """Return a guardianship's name: the one given, or the only one there is."""
    names = guardianship.list_names(settings)
    if name is None and len(names) == 1:
        return names[0]
    if name is None:
        hint = f"there are: {', '.join(names)}" if names else "begin with `mip guardian accept`"
        raise UsageFault("which guardianship? add --name NAME", hint=hint)
    if name not in names:
        hint = f"there are: {', '.join(names)}" if names else "begin with `mip guardian accept`"
        raise UsageFault(f"there is no guardianship named {_io.sanitize(name)}", hint=hint)
    return name


def read_password(name: str, password_file: str | None) -> bytes:
    """Return the password of a guardianship."""
    return _io.read_password(
        password_file, prompt=f"password of guardianship {name}", confirm=False
    )


@click.command(epilog=example("mip guardian accept invitation.json --name ada -o card.json"))
@click.argument("invitation", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--name", required=True, metavar="NAME", help="What you call it on this device.")
@_guardians.output_option
@password_file_option
@force_option
@json_option
@with_settings
def accept(
    settings: Settings,
    invitation: str,
    name: str,
    output: str,
    password_file: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Accept an invitation: draw your secrets, and write a card for the holder.

    What you keep is sealed under a password of your own. Run again it writes the same card.
    """
    if not NAME.fullmatch(name):
        raise UsageFault("a name has 1 to 32 of a-z 0-9 _ -")
    document = _guardians.read(invitation, "invitation")
    begun = name in guardianship.list_names(settings)
    password = _io.read_password(
        password_file, prompt=f"password of guardianship {name}", confirm=not begun
    )
    with _render.TerminalProgress(quiet=as_json) as progress:
        progress.step("sealing your secrets")
        made = guardianship.accept(settings, document, name, password)
    _guardians.write(output, made.card, force=force)

    def text() -> None:
        click.echo(f"send {output} to {_io.sanitize(made.label)}; a part comes back")
        click.echo(f"words of the card: {made.words}")
        _io.note(_guardians.VOICE)

    shown = {"name": made.name, "label": made.label, "output": output, "words": made.words}
    if output != "-":
        _io.emit(shown, schema="mip.guardian.accept/1", as_json=as_json, text=text)


@click.command(epilog=example("mip guardian keep part.json --name ada"))
@click.argument("part", type=click.Path(dir_okay=False, allow_dash=True))
@_guardians.name_option
@password_file_option
@rpc_option
@json_option
@with_settings
def keep(
    settings: Settings,
    part: str,
    name: str | None,
    password_file: str | None,
    as_json: bool,
) -> None:
    """Keep a part that the holder sent, once it agrees with the chain."""
    document, which = _guardians.read(part, "part"), chosen(settings, name)
    password = read_password(which, password_file)
    with _render.TerminalProgress(quiet=as_json) as progress:
        found = guardianship.keep(settings, which, password, document, progress)
    _emit(found, as_json=as_json)


@click.command(epilog=example("mip guardian check --name ada"))
@_guardians.name_option
@password_file_option
@rpc_option
@json_option
@with_settings
def check(settings: Settings, name: str | None, password_file: str | None, as_json: bool) -> None:
    """See whether your part is still good, without showing it to anybody.

    Ends with 1 when you are not among the guardians in force.
    """
    which = chosen(settings, name)
    password = read_password(which, password_file)
    with _render.TerminalProgress(quiet=as_json) as progress:
        found = guardianship.check(settings, which, password, progress)
    _emit(found, as_json=as_json)
    if not found.good:
        raise CheckFailed(
            f"you cannot bring {_io.sanitize(found.label)} back now",
            hint="ask for your newest part; one that waits counts once its change is finished",
        )


def _emit(found: Guarded, *, as_json: bool) -> None:
    status = None if found.status is None else found.status.name.lower()
    document = {
        "name": found.name,
        "label": found.label,
        "good": found.good,
        "parts": [
            {
                "state": one.state.value,
                "threshold": one.part.threshold,
                "quorum": one.part.quorum,
                "locator": one.part.locator,
            }
            for one in found.parts
        ],
        "passport_status": status,
        "change_ready_at": when(found.ready_at),
        "change_known": found.known_change,
        "foreign": found.foreign,
    }
    _io.emit(document, schema=CHECK_SCHEMA, as_json=as_json, text=lambda: _show(found))


def _show(found: Guarded) -> None:
    label = _io.sanitize(found.label)
    if not found.parts:
        click.echo(f"no part of {label} was kept yet")
    for one in found.parts:
        part = one.part
        text = f"{part.threshold} guardians bring {label} back, {part.quorum} once frozen"
        click.echo(f"{one.state.value}: {text}")
    if found.parts:
        _render.kv([("locator", found.parts[-1].part.locator)])
    if found.status in (PassportStatus.FROZEN, PassportStatus.REVOKED):
        _io.warn(f"the passport of {label} is {found.status.name.lower()}: a quorum decides")
    if found.ready_at is not None and not found.known_change:
        _io.warn(
            f"the guardians of {label} are to be others from {moment(found.ready_at)} on, without "
            "you as far as is known here: ask by voice, and if it is not so, `mip guardian cancel`"
        )
    if found.foreign:
        _io.warn(
            f"somebody else's people secret stands under your set: tell {label} by voice, and "
            "while the change waits stop it with `mip guardian cancel`"
        )
    if any(one.state is PartState.BROKEN for one in found.parts):
        _io.warn("a part cannot be read: ask for it again")
