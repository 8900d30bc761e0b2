"""How the recovery's commands say where it stands, what is needed next, and how long it takes."""

from __future__ import annotations

from typing import assert_never

import click

from mip_cli.chain.registry import PassportStatus
from mip_cli.cli import _io
from mip_cli.cli._guardians import moment, when
from mip_cli.flows.recovery.recover_status import Standing, Step
from mip_cli.flows.spans import duration


def emit(now: Standing, *, schema: str, as_json: bool) -> None:
    """Print where a recovery stands."""
    document = {
        "name": now.name,
        "step": now.step.value,
        "phase": now.phase.value,
        "request": str(now.request),
        "status": now.status.name.lower(),
        "answers": now.answers,
        "approvals": now.approvals,
        "needed": now.needed,
        "ready_at": when(now.ready_at),
        "expires_at": when(now.expires_at),
        "delay": now.delay,
        "wait": _wait(now),
        "vetoes": now.vetoes,
        "words": now.words,
        "missing": now.missing,
        "next": next_step(now),
    }
    _io.emit(document, schema=schema, as_json=as_json, text=lambda: _show(now))


def next_step(now: Standing) -> str:
    """Say in one sentence what is needed next."""
    delay = duration(now.delay)
    match now.step:
        case Step.ANSWERS:
            return (
                "send the ask to your guardians and go on with their answers: "
                f"mip recover continue --answers FILE; then it waits {delay}"
            )
        case Step.PROPOSE:
            return f"go on with `mip recover continue`; once approved it waits {delay}"
        case Step.APPROVALS:
            some = now.needed - now.approvals if now.needed else "some"
            return (
                f"{some} more guardians have to answer: mip recover continue --answers FILE; "
                f"then it waits {delay}"
            )
        case Step.WAIT:
            return f"wait {duration(_wait(now) or 0)}, then `mip recover finish`"
        case Step.FINISH:
            return "`mip recover finish`, about ten seconds"
        case Step.RENEW:
            return "a new ask is needed: `mip recover continue` makes it"
    assert_never(now.step)


def _wait(now: Standing) -> int | None:
    if now.step is not Step.WAIT or now.ready_at is None:
        return None
    return max(0, now.ready_at - now.now)


def _show(now: Standing) -> None:
    click.echo(f"{now.name}: {now.phase.value}, {now.approvals} guardians approved")
    if now.status is not PassportStatus.ACTIVE:
        _io.warn(f"the passport is {now.status.name.lower()}: a quorum of guardians decides")
    if now.vetoes:
        _io.note(f"whoever holds the present keys said no {now.vetoes} times: the delay is longer")
    if now.missing:
        click.echo(now.missing)
    if now.words:
        click.echo("the ask of before is of no use any more; a new one was made for all guardians")
        click.echo(f"read these words to them: {now.words}")
    if now.expires_at is not None and now.phase.alive:
        click.echo(f"it is over at {moment(now.expires_at)}")
    click.echo(f"next: {next_step(now)}")
