"""``mip recover``: coming back as yourself after a lost or stolen key."""

from __future__ import annotations

from pathlib import Path

import click

from mip_cli.chain.registry import PassportStatus
from mip_cli.cli import _guardians, _io, _payer, _purse, _recover, _render
from mip_cli.cli._guardians import transaction
from mip_cli.cli._options import (
    dry_run_option,
    example,
    force_option,
    json_option,
    passport_option,
    password_file_option,
    rpc_option,
    with_settings,
)
from mip_cli.cli.recover_veto import cancel, watch
from mip_cli.config import Settings
from mip_cli.errors import UsageFault
from mip_cli.flows.guardian import approvals
from mip_cli.flows.recovery import recover as flow
from mip_cli.flows.recovery import recover_finish, recover_status, recover_steps

new_image_option = click.option(
    "--image",
    type=click.Path(path_type=Path),
    metavar="FILE",
    required=True,
    help="A photo of you as you are now: your face from now on.",
)
"""Adds ``image: Path``."""


@click.group(epilog=example("mip recover start --locator mip:1:... --backup me.mip --image me.jpg"))
def recover() -> None:
    """Come back as yourself: the same pseudonyms under new keys.

    \b
    Device lost     start --locator L --backup FILE; your old password and your people
    Password gone   start --locator L on the device; your face there and your people
    Device stolen   as device lost; the thief can say no twice, then a quorum decides
    People gone     nothing to recover: `mip guardian set` with face and password

    Then send the ask to your guardians, `continue` with their answers, wait two days, `finish`.
    """


@recover.command(
    epilog=example("mip recover start --locator mip:1:... --backup b.mip --image me.jpg")
)
@click.option("--locator", required=True, metavar="TEXT", help="From the recovery sheet.")
@click.option(
    "--backup",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A backup; without it the key file on this device is brought back.",
)
@new_image_option
@click.option("-o", "--output", metavar="FILE", help="Write the ask here, too (- for stdout).")
@passport_option
@password_file_option
@rpc_option
@force_option
@json_option
@with_settings
def start(
    settings: Settings,
    locator: str,
    backup: Path | None,
    image: Path,
    output: str | None,
    passport_name: str,
    password_file: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Make new keys, and the ask to send to your guardians.

    The password asked for is the new one. The same command again returns the same ask.
    """
    begun = passport_name in flow.list_names(settings)
    password = _io.read_password(
        password_file, prompt=f"new password of passport {passport_name}", confirm=not begun
    )
    request = flow.StartRequest(passport_name, locator, image, password, backup)
    with _render.TerminalProgress(quiet=as_json) as progress:
        made = flow.start(settings, request, progress)
    if output is not None:
        _guardians.write(output, made.ask, force=force)

    def text() -> None:
        click.echo(f"send {output or made.ask_file} to your guardians, and call each of them")
        click.echo(f"read these words to them: {made.words}")
        if made.status is not PassportStatus.ACTIVE:
            _io.warn(f"the passport is {made.status.name.lower()}: a quorum of them has to agree")
        _io.note(
            "with their answers: mip recover continue --answers FILE ...; "
            f"one more key of before is needed then, of {', '.join(made.opens_with)}"
        )

    document = {
        "name": made.name,
        "ask": output or made.ask_file,
        "words": made.words,
        "status": made.status.name.lower(),
        "opens_with": list(made.opens_with),
        "resumed": made.resumed,
    }
    if output != "-":
        _io.emit(document, schema="mip.recover.start/1", as_json=as_json, text=text)


@recover.command(
    "continue",
    epilog=example("mip recover continue --image me.jpg --answers a.json --answers b.json"),
)
@_guardians.answers_option
@new_image_option
@click.option(
    "--old-password-file",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="The password of before, on the first line of FILE.",
)
@click.option("--ask-old-password", is_flag=True, help="Ask for the password of before.")
@click.option(
    "--old-image",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A photo that matches the face of before, on the device that it was set on.",
)
@passport_option
@password_file_option
@_payer.payer_options
@rpc_option
@dry_run_option
@json_option
@with_settings
@_purse.may_rehearse
def go_on(
    settings: Settings,
    answers: tuple[str, ...],
    image: Path,
    old_password_file: str | None,
    ask_old_password: bool,
    old_image: Path | None,
    passport_name: str,
    password_file: str | None,
    key_file: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Go on with what there is: answers, the old key, the proposal on chain.

    Answers are kept, so they may come one by one. Once the passport was opened with people and one
    key of before, only the new password and face are asked for.
    """
    require(settings, passport_name)
    given = _guardians.read_all(answers, "answer")
    password = _io.read_password(
        password_file, prompt=f"new password of passport {passport_name}", confirm=False
    )
    old = None
    if old_password_file is not None or ask_old_password:
        old = _io.read_password(old_password_file, prompt="password of before", confirm=False)
    purse = _purse.load(settings, key_file, dry_run=dry_run)
    request = recover_steps.ContinueRequest(passport_name, password, image, given, old, old_image)
    with _render.TerminalProgress(quiet=as_json) as progress:
        now = recover_steps.advance(settings, request, purse, progress)
    _recover.emit(now, schema="mip.recover.continue/1", as_json=as_json)


@recover.command(epilog=example("mip recover status --json"))
@passport_option
@rpc_option
@json_option
@with_settings
def status(settings: Settings, passport_name: str, as_json: bool) -> None:
    """Say where a recovery stands, what is needed next and how long it takes; needs no password."""
    require(settings, passport_name)
    now = recover_status.status(settings, passport_name)
    _recover.emit(now, schema="mip.recover.status/1", as_json=as_json)


@recover.command(epilog=example("mip recover finish --image me.jpg"))
@new_image_option
@passport_option
@password_file_option
@_payer.payer_options
@rpc_option
@dry_run_option
@json_option
@with_settings
@_purse.may_rehearse
def finish(
    settings: Settings,
    image: Path,
    passport_name: str,
    password_file: str | None,
    key_file: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Put the new keys in force after the delay, and the key file in its place."""
    require(settings, passport_name)
    password = _io.read_password(
        password_file, prompt=f"new password of passport {passport_name}", confirm=False
    )
    purse = _purse.load(settings, key_file, dry_run=dry_run)
    with _render.TerminalProgress(quiet=as_json) as progress:
        done = recover_finish.finish(settings, passport_name, password, image, purse, progress)

    def text() -> None:
        click.echo(f"{done.name} is yours again, under the same pseudonyms")
        for path in done.replaced:
            _io.note(f"another key file was in its place: it is kept as {path}")
        if done.apps:
            _io.note(
                f"a thief may have granted something at {done.apps} apps: wait two minutes, then "
                "void it with `mip passport void`"
            )
        if not done.people:
            _io.warn("your guardians do not open the new key file: set them anew")
        _io.note("make a new backup: older ones open with the password and the guardians of then")

    document = {
        "name": done.name,
        "key_file": done.path,
        "epoch": done.epoch,
        "people": done.people,
        "replaced": list(done.replaced),
        "apps": done.apps,
        "receipt": transaction(done.receipt),
    }
    _io.emit(document, schema="mip.recover.finish/1", as_json=as_json, text=text)


@recover.command(epilog=example("mip recover relay --ask ask.json --answers a.json"))
@click.option("--ask", "ask_file", required=True, metavar="FILE", help="What was asked.")
@_guardians.answers_option
@_payer.payer_options
@rpc_option
@dry_run_option
@json_option
@with_settings
@_purse.may_rehearse
def relay(
    settings: Settings,
    ask_file: str,
    answers: tuple[str, ...],
    key_file: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Bring guardians' approvals to the chain for somebody else; anyone can."""
    if not answers:
        raise UsageFault("there is nothing to bring", hint="add --answers FILE")
    document = _guardians.read(ask_file, "ask")
    given = _guardians.read_all(answers, "answer")
    purse = _purse.load(settings, key_file, dry_run=dry_run)
    with _render.TerminalProgress(quiet=as_json) as progress:
        done = approvals.relay(settings, document, given, purse, progress)

    def text() -> None:
        click.echo(f"{len(done.receipts)} approvals brought, {done.known} were there before")

    shown = {
        "known": done.known,
        "receipts": [transaction(receipt) for receipt in done.receipts],
    }
    _io.emit(shown, schema="mip.recover.relay/1", as_json=as_json, text=text)


@recover.command(epilog=example("mip recover forget --yes"))
@passport_option
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option
@with_settings
def forget(settings: Settings, passport_name: str, yes: bool, as_json: bool) -> None:
    """Drop a recovery in progress on this device; on chain it runs out by itself."""
    require(settings, passport_name)
    _io.confirm(f"Drop the recovery of {passport_name}, and the new keys that were made?", yes)
    flow.forget(settings, passport_name)
    _io.emit(
        {"name": passport_name},
        schema="mip.recover.forget/1",
        as_json=as_json,
        text=lambda: click.echo("dropped"),
    )


recover.add_command(cancel)
recover.add_command(watch)


def require(settings: Settings, name: str) -> None:
    """Raise ``UsageFault`` unless a recovery is in progress; before any password is asked for."""
    names = flow.list_names(settings)
    if name not in names:
        hint = f"there are: {', '.join(names)}" if names else "begin with `mip recover start`"
        raise UsageFault(f"no recovery of a passport named {name} is in progress", hint=hint)
