"""``mip archive log``, ``anchor`` and ``verify``: what others can check of an archive."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from mip_cli.cli import _archive, _io, _payer, _proofs, _render
from mip_cli.cli._options import (
    example,
    force_option,
    rpc_option,
    setting_option,
    yes_option,
)
from mip_cli.config import Settings
from mip_cli.errors import UsageFault
from mip_cli.flows.archive import archive_anchor, archive_proof
from mip_cli.flows.archive import archive_records as flow
from mip_cli.flows.archive.archive_anchor import Standing, Verified
from mip_cli.flows.passport import prove as prove_flow
from mip_cli.flows.passport import verify as verify_flow
from mip_cli.models import Kind
from mip_cli.store.archive.log import LogEntry

LOG_SCHEMA = "mip.archive.log/1"
PROOF_SCHEMA = "mip.archive.log.proof/1"
VERIFY_SCHEMA = "mip.archive.verify/1"
CHECK_SCHEMA = "mip.archive.check/1"
ANCHOR_SCHEMA = "mip.archive.anchor/1"
MAX_PROOF = 64 * 1024
_BOTH = frozenset({Kind.FACE, Kind.PASSWORD})

offline_option = click.option("--offline", is_flag=True, help="Ask no chain.")


@click.command(
    "log",
    epilog=example(
        "mip archive log --image me.jpg",
        "mip archive log --proof 17 --show -o proof.json --image me.jpg",
    ),
)
@click.option("--proof", "number", type=click.IntRange(0), metavar="N", help="Prove act N.")
@click.option(
    "--since", type=click.IntRange(1), metavar="SIZE", help="Prove too what it goes on from."
)
@click.option("--show", is_flag=True, help="Let the proof show what the act was about.")
@click.option("-o", "--output", metavar="FILE", help="Write the proof here (- for stdout).")
@offline_option
@force_option
@rpc_option
@_archive.opens_archive
def log(
    settings: Settings,
    number: int | None,
    since: int | None,
    show: bool,
    output: str | None,
    offline: bool,
    force: bool,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    as_json: bool,
) -> None:
    """List what was done to the archive, or prove one act to somebody.

    A proof names your pseudonym at the anchor; it shows the act itself only with --show.
    """
    if number is None and (since is not None or show or output is not None):
        raise UsageFault("prove which act?", hint="add --proof N")
    if number is not None and output is None:
        raise UsageFault("the proof has nowhere to go", hint="add -o FILE")
    if output == "-" and as_json:
        raise UsageFault("two things would be written to stdout", hint="use -o FILE")
    factors = _archive.factors_of(settings, passport_name, password_file, image)
    proof = None
    found: list[LogEntry] = []
    with (
        _render.TerminalProgress(quiet=as_json) as progress,
        flow.opened(settings, passport_name, factors, progress) as session,
    ):
        if number is None:
            found = archive_proof.entries(session)
        else:
            proof = archive_proof.make(
                settings, session, number, progress, since=since, show=show, offline=offline
            )
        root = session.archive.log.root
    if proof is None:
        _emit_log(found, root, as_json)
        return
    _io.write_output(str(output), archive_proof.encode(proof), force=force)
    anchored = proof.anchor is not None
    document = {
        "output": output,
        "act": number,
        "size": proof.size,
        "log_root": proof.root,
        "anchored": anchored,
    }

    def text() -> None:
        click.echo(f"{output}: act {number} of a log of {proof.size}")
        _io.note("whoever gets it checks it by `mip archive verify --proof FILE`")
        if not anchored:
            _io.warn(
                "no anchor covers it: others must take your word that this is your log; "
                "anchor it first (`mip archive anchor`)"
            )

    if output != "-":
        _io.emit(document, schema=PROOF_SCHEMA, as_json=as_json, text=text)


@click.command(
    "anchor", epilog=example("mip archive anchor --image me.jpg --key-file payer.key --yes")
)
@click.option(
    "--older",
    is_flag=True,
    help="Go on from this copy although the chain knows of a later one, which is lost.",
)
@setting_option("--prover", "prover", metavar="NAME", help="auto, rapidsnark, groth16py, snarkjs.")
@_payer.payer_options
@rpc_option
@yes_option
@_archive.opens_archive
def anchor(
    settings: Settings,
    older: bool,
    key_file: Path | None,
    yes: bool,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    as_json: bool,
) -> None:
    """Put a commitment to the archive's log on chain, under a pseudonym of your passport.

    From then on an older copy, or one whose log went another way, is found out, by `mip archive
    verify` and before it takes the place of the newest (`--older`). The chain learns that a
    pseudonym anchored, and when; whoever pays is visible.
    """
    if image is None:
        raise UsageFault("anchoring shows face and password", hint="add --image FILE")
    factors = _archive.factors_of(settings, passport_name, password_file, image)
    payer = _payer.load(settings, key_file)
    with (
        _render.TerminalProgress(quiet=as_json) as progress,
        flow.opened(settings, passport_name, factors, progress) as session,
    ):
        plan = archive_anchor.plan(settings, session, progress, payer.address, older=older)
    with _render.TerminalProgress(quiet=as_json) as progress:
        consent = prove_flow.prepare(settings, plan.ask, progress)
    click.echo(_proofs.consent_text(consent, _BOTH), err=True)
    _io.confirm("Make this proof and send it?", yes)
    keys = prove_flow.Keys(passport_name, factors.password, image, _BOTH, factors.people)
    with _render.TerminalProgress(quiet=as_json) as progress:
        proved = prove_flow.prove(settings, consent, keys, progress)
        receipt = verify_flow.send(settings, proved.file, payer, progress)
    document = {
        "sequence": plan.sequence,
        "size": plan.size,
        "nullifier": proved.file.nullifier,
        "receipt": _proofs.receipt(receipt),
    }
    _io.emit(
        document,
        schema=ANCHOR_SCHEMA,
        as_json=as_json,
        text=lambda: click.echo(
            f"anchor {plan.sequence}: {plan.size} acts, in block {receipt.block}, "
            f"{receipt.gas_used} gas"
        ),
    )


@click.command(
    "verify",
    epilog=example(
        "mip archive verify --image me.jpg", "mip archive verify --proof proof.json --offline"
    ),
)
@click.option("--proof", "proof_file", metavar="FILE", help="Check another's proof; needs no key.")
@offline_option
@rpc_option
@_archive.opens_archive
def verify(
    settings: Settings,
    proof_file: str | None,
    offline: bool,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    as_json: bool,
) -> None:
    """Read every block, replay the log, and compare with the anchor on chain.

    Exit code 1: the archive is older than its anchor, or its log went another way.
    """
    if proof_file is not None:
        _check(settings, proof_file, offline, as_json)
        return
    factors = _archive.factors_of(settings, passport_name, password_file, image)
    with (
        _render.TerminalProgress(quiet=as_json) as progress,
        flow.opened(settings, passport_name, factors, progress) as session,
    ):
        found = archive_anchor.verify(settings, session, progress, offline=offline)
    document = {
        "records": found.audit.records,
        "size": found.audit.size,
        "acts": found.audit.acts,
        "log_root": found.audit.log_root,
        "standing": found.standing.value,
        "sequence": found.sequence,
        "since": found.since,
        "unsent": found.unsent,
    }
    _io.emit(document, schema=VERIFY_SCHEMA, as_json=as_json, text=lambda: _show(found))


def _check(settings: Settings, proof_file: str, offline: bool, as_json: bool) -> None:
    data = _io.read_input(proof_file, MAX_PROOF, what="proof")
    with _render.TerminalProgress(quiet=as_json) as progress:
        found = archive_proof.check(settings, data, progress, offline=offline)
    document = {
        "act": found.act.value,
        "at": datetime.fromtimestamp(found.at, UTC),
        "number": found.number,
        "about": None if found.about is None else _plain(found.about),
        "size": found.size,
        "since": found.since,
        "anchored": found.anchored,
    }

    def text() -> None:
        _render.kv(
            [
                ("act", f"{found.act.value}, number {found.number} of {found.size}"),
                ("at, says the holder", f"{datetime.fromtimestamp(found.at, UTC):%Y-%m-%d %H:%M}"),
                ("about", None if found.about is None else _about(found.about)),
                ("goes on from", found.since),
                ("anchored", "yes" if found.anchored else "not asked, or by nobody"),
            ]
        )

    _io.emit(document, schema=CHECK_SCHEMA, as_json=as_json, text=text)


def _show(found: Verified) -> None:
    match found.standing:
        case Standing.ANCHORED:
            standing = f"goes on from anchor {found.sequence}, with {found.since} acts since"
        case Standing.NEVER:
            standing = "never anchored: an older copy would not be noticed (`mip archive anchor`)"
        case Standing.UNCHECKED:
            standing = "no chain was asked"
    _render.kv(
        [
            ("records", found.audit.records),
            ("bytes", found.audit.size),
            ("acts in the log", found.audit.acts),
            ("anchor", standing),
        ]
    )
    if found.unsent:
        _io.warn(f"{found.unsent} anchors are logged that this chain does not know")


def _emit_log(found: list[LogEntry], root: bytes, as_json: bool) -> None:
    document = {
        "size": len(found),
        "log_root": root,
        "acts": [
            {
                "number": one.number,
                "act": one.act.value,
                "at": datetime.fromtimestamp(one.at, UTC),
                "about": None if one.about is None else _plain(one.about),
            }
            for one in found
        ],
    }

    def text() -> None:
        rows = [
            (
                one.number,
                f"{datetime.fromtimestamp(one.at, UTC):%Y-%m-%d %H:%M}",
                one.act.value,
                "erased" if one.about is None else _about(one.about),
            )
            for one in found
        ]
        _render.table(("number", "at", "act", "about"), rows)

    _io.emit(document, schema=LOG_SCHEMA, as_json=as_json, text=text)


def _plain(about: Mapping[str, Any]) -> dict[str, object]:
    return dict(about)


def _about(about: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {value}" for name, value in sorted(about.items()) if not isinstance(value, bytes)
    )
