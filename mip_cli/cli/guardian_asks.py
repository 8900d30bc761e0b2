"""``mip guardian ask``, ``answer``, ``cancel``: what guardians are asked for, and give."""

from __future__ import annotations

from pathlib import Path

import click

from mip_cli.chain.registry import PassportStatus
from mip_cli.cli import _guardians, _io, _keys, _payer, _purse, _render
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
    yes_option,
)
from mip_cli.cli.guardianship import chosen, read_password
from mip_cli.config import Settings
from mip_cli.errors import UsageFault
from mip_cli.flows.guardian import approvals, guardian_acts, guardian_answers, guardian_asks
from mip_cli.flows.guardian.guardian_answers import Question
from mip_cli.flows.guardian.guardian_documents import Cancellation, Recovery
from mip_cli.flows.passport import passport_file

SHOWN = (
    "the account that pays is shown on chain as one that guards this passport; use an account that "
    "nobody knows as yours, or answer the holder's `mip guardian ask --cancel` and let him bring it"
)
"""What a guardian has to know before he pays himself."""


@click.command(epilog=example("mip guardian ask --image now.jpg -o ask.json"))
@click.option("--cancel", "against", is_flag=True, help="Against the change that waits.")
@_guardians.output_option
@passport_option
@_keys.image_option
@password_file_option
@rpc_option
@force_option
@json_option
@with_settings
def ask(
    settings: Settings,
    against: bool,
    output: str,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Ask your guardians for their parts, to show people in a proof, or to stop a change.

    Their answers go to `mip prove --answers`, or to `mip guardian cancel --ask`. Whoever lost a key
    begins with `mip recover start` instead.
    """
    passport_file.require(settings, passport_name)
    factors = _keys.read_factors(passport_name, password_file, image)
    make = guardian_asks.for_cancellation if against else guardian_asks.for_parts
    with _render.TerminalProgress(quiet=as_json) as progress:
        made = make(settings, passport_name, factors, progress)
    _guardians.write(output, made.document, force=force)

    def text() -> None:
        click.echo(f"send {output} to {made.needed} of your guardians or more, and call them")
        click.echo(f"read these words to them: {made.words}")

    document = {"output": output, "words": made.words, "needed": made.needed}
    if output != "-":
        _io.emit(document, schema="mip.guardian.ask/1", as_json=as_json, text=text)


@click.command(epilog=example("mip guardian answer ask.json --name ada -o answer.json"))
@click.argument("ask_file", metavar="ASK", type=click.Path(dir_okay=False, allow_dash=True))
@_guardians.name_option
@_guardians.output_option
@password_file_option
@rpc_option
@yes_option
@force_option
@json_option
@with_settings
def answer(
    settings: Settings,
    ask_file: str,
    name: str | None,
    output: str,
    password_file: str | None,
    yes: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Answer an ask, after you made sure by voice who it is from.

    What you give serves this one ask: nobody on the way can use it for anything else.
    """
    document, which = _guardians.read(ask_file, "ask"), chosen(settings, name)
    password = read_password(which, password_file)
    with _render.TerminalProgress(quiet=as_json) as progress:
        question = guardian_answers.consider(settings, which, password, document, progress)
    # also with --json: nobody agrees to what he has not seen
    click.echo(_consent(question), err=True)
    _io.confirm("Have you heard these words from the person himself, and do you agree?", yes)
    with _render.TerminalProgress(quiet=as_json) as progress:
        made = guardian_answers.answer(settings, question, progress)
    _guardians.write(output, made, force=force)

    def text() -> None:
        click.echo(f"send {output} to {_io.sanitize(question.label)}")

    shown = {
        "name": which,
        "label": question.label,
        "words": question.words,
        "gives_part": question.sharing is not None,
        "approves": _act(question),
        "needed": question.needed,
        "output": output,
    }
    if output != "-":
        _io.emit(shown, schema="mip.guardian.answer/1", as_json=as_json, text=text)


@click.command(
    epilog=example(
        "mip guardian cancel --image now.jpg",
        "mip guardian cancel --as ada",
        "mip guardian cancel --ask ask.json --answers ben.json --answers eve.json",
    )
)
@click.option(
    "--as",
    "guardianship",
    metavar="NAME",
    help="As guardian of this guardianship; your account pays, and the chain shows that it does.",
)
@click.option("--ask", "ask_file", metavar="FILE", help="Bring the answers to this ask.")
@_guardians.answers_option
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
def cancel(
    settings: Settings,
    guardianship: str | None,
    ask_file: str | None,
    answers: tuple[str, ...],
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    key_file: Path | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Stop a change of the guardians: as holder, as guardian, or with guardians' answers.

    The holder stops it at once; of the guardians in force as many as bring the passport back.
    With --as your own account pays: the chain then shows it beside the passport you guard. With
    --ask another can bring your answer, and shows himself instead.
    """
    if (ask_file is None) != (not answers) or (ask_file and guardianship):
        raise UsageFault("--ask and --answers belong together, and not to --as")
    if ask_file is not None:
        _relay(settings, ask_file, answers, key_file, dry_run=dry_run, as_json=as_json)
    elif guardianship is not None:
        which = chosen(settings, guardianship)
        password = read_password(which, password_file)
        _io.warn(SHOWN)
        _io.confirm("Speak against the change of guardians that waits?", yes)
        purse = _purse.load(settings, key_file, dry_run=dry_run)
        with _render.TerminalProgress(quiet=as_json) as progress:
            done = guardian_answers.oppose(settings, which, password, purse, progress)
        _emit(done.off, [transaction(done.receipt)] if done.receipt else [], as_json=as_json)
    else:
        passport_file.require(settings, passport_name)
        factors = _keys.read_factors(passport_name, password_file, image)
        _io.confirm("Take the change of guardians that waits back?", yes)
        purse = _purse.load(settings, key_file, dry_run=dry_run)
        with _render.TerminalProgress(quiet=as_json) as progress:
            receipt = guardian_acts.cancel(settings, passport_name, factors, purse, progress)
        _emit(True, [transaction(receipt)] if receipt else [], as_json=as_json)


def _relay(
    settings: Settings,
    ask_file: str,
    answers: tuple[str, ...],
    key_file: Path | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    document = _guardians.read(ask_file, "ask")
    given = _guardians.read_all(answers, "answer")
    purse = _purse.load(settings, key_file, dry_run=dry_run)
    with _render.TerminalProgress(quiet=as_json) as progress:
        done = approvals.relay(settings, document, given, purse, progress)
    _emit(done.off, [transaction(receipt) for receipt in done.receipts], as_json=as_json)


def _emit(off: bool, receipts: list[dict[str, object] | None], *, as_json: bool) -> None:
    def text() -> None:
        if off:
            click.echo("no change of guardians waits any more")
        else:
            click.echo("this is counted; more guardians have to speak against the change")

    document = {"off": off, "receipts": receipts}
    _io.emit(document, schema="mip.guardian.cancel/1", as_json=as_json, text=text)


def _act(question: Question) -> str | None:
    match question.ask.act:
        case Recovery():
            return "recovery"
        case Cancellation():
            return "cancellation"
        case None:
            return None


def _consent(question: Question) -> str:
    label, ask = _io.sanitize(question.label), question.ask
    lines = [f"Somebody who says to be {label} asks you, as guardian of the passport"]
    lines.append(f"  {ask.passport.anchor} on chain {ask.passport.chain_id}:")
    if isinstance(ask.act, Recovery):
        lines += [
            "  to put other keys into it. If this is not so, a thief becomes that person.",
            f"  {question.needed} guardians have to agree; then it waits two days or more, and",
            "  until it is done whoever holds the present keys can say no",
        ]
    if isinstance(ask.act, Cancellation):
        lines += [
            "  to stop the change of guardians that waits, so that the present ones stay.",
            f"  {question.needed} guardians have to agree",
        ]
    if question.sharing is not None:
        lines.append(
            "  for your part: whoever has enough of them and the password or device opens it"
        )
    if question.status is not PassportStatus.ACTIVE:
        lines.append(f"  the passport is {question.status.name.lower()} now: a quorum decides")
    lines.append(f"Call {label}, and have these words read to you: {question.words}")
    return "\n".join(lines)
