"""``mip kyc prove`` and ``mip kyc verify``, and what ``mip prove --policy`` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from mip_cli.cli import _io, _keys, _payer, _policy, _proofs, _proving, _render
from mip_cli.cli._options import (
    example,
    force_option,
    json_option,
    passport_option,
    password_file_option,
    rpc_option,
    setting_option,
    with_settings,
    yes_option,
)
from mip_cli.config import Settings
from mip_cli.crypto.claims import date_text
from mip_cli.crypto.dates import date_of_day
from mip_cli.errors import UsageFault
from mip_cli.flows.guardian import guardian_asks
from mip_cli.flows.kyc import credential_file, kyc_prove, kyc_verify, policy_file
from mip_cli.flows.kyc.credential_file import Revocations
from mip_cli.flows.kyc.policy_file import MAX_BYTES, PolicyFile
from mip_cli.flows.kyc.revocation_lists import Fetch
from mip_cli.flows.passport import passport_file
from mip_cli.flows.passport import prove as passport_flow
from mip_cli.flows.passport.proof_file import AppCall
from mip_cli.models import Kind
from mip_cli.store.revocation_cache import MAX_LIST

PROVE_SCHEMA = "mip.kyc.prove/1"
VERIFY_SCHEMA = "mip.kyc.verify/1"

credential_option = click.option(
    "--credential",
    "credentials",
    multiple=True,
    metavar="ID",
    help="Look at this credential alone; found among yours if absent. May be repeated.",
)
revocations_option = click.option(
    "--revocations",
    "revocations",
    multiple=True,
    metavar="FILE",
    help="An issuer's present revocation list; fetched from its server if absent. May be repeated.",
)
ask_option = click.option(
    "--ask-no-issuer",
    "quiet",
    is_flag=True,
    help="Fetch no revocation list: no issuer's server sees your address and the time.",
)


@dataclass(frozen=True)
class PolicyRun:
    """What a command that proves for a policy was given."""

    policy: str
    """File of the policy."""
    app: str
    call: AppCall
    kinds: frozenset[Kind]
    passport: str
    output: str | None
    send: bool
    beneficiary: str | None
    credentials: tuple[str, ...] = ()
    revocations: tuple[str, ...] = ()
    image: Path | None = None
    answers: tuple[str, ...] = ()
    nonce: int = 0
    validity: int = passport_flow.DEFAULT_VALIDITY
    newest_root: bool = False
    quiet: bool = False
    password_file: str | None = None
    key_file: Path | None = None
    yes: bool = False
    force: bool = False
    as_json: bool = False


def run(settings: Settings, given: PolicyRun) -> None:
    """Show what is asked, and make the proofs once the holder agreed."""
    output, as_json = given.output, given.as_json
    _proving.require_places(output, send=given.send, force=given.force, as_json=as_json)
    policy = _policy.read(given.policy)
    listed = read_lists(given.revocations)
    passport_file.require(settings, given.passport)
    needs_payer = given.send or given.beneficiary is None
    payer = _payer.load(settings, given.key_file) if needs_payer else None
    ask = passport_flow.Ask(
        app=passport_flow.find_app(settings, given.app),
        call=given.call,
        beneficiary=_proving.beneficiary_of(given.beneficiary, payer),
        nonce=given.nonce,
        validity=given.validity,
        newest_root=given.newest_root,
    )
    with _render.TerminalProgress(quiet=as_json) as progress:
        consent = kyc_prove.prepare_app(settings, ask, policy, progress)
    # also with --json: nobody agrees to what he has not seen
    click.echo(_policy.consent_text(consent, given.kinds, quiet=given.quiet), err=True)
    _io.confirm("Make this proof?", given.yes)
    keys, gathered = _proving.read_keys(
        settings, given.passport, given.password_file, given.image, given.kinds, given.answers
    )
    sent = None
    with _render.TerminalProgress(quiet=as_json) as progress:
        proved = kyc_prove.prove(
            settings,
            consent,
            keys,
            progress,
            credentials=given.credentials,
            revocations=listed,
            fetch=fetch_lists(quiet=given.quiet),
        )
        if output is not None:
            _io.write_output(output, policy_file.encode(proved.file), force=given.force)
        if gathered is not None:
            guardian_asks.forget(settings, gathered)
        if given.send and payer is not None:
            sent = kyc_prove.send(settings, proved.file, payer, progress)

    def text() -> None:
        _show(proved.file, given.validity)
        click.echo(f"shown in part: {', '.join(proved.credentials)}")
        if not proved.remembered:
            _io.warn("the passport knows too many apps to note this one")
        if sent is not None:
            click.echo(f"accepted in block {sent.block}, {sent.gas_used} gas")
        elif output not in (None, "-"):
            _io.note(f"check it with `mip kyc verify {output}`; with --send it goes to the app")

    document = {
        **_document(proved.file),
        "credentials": list(proved.credentials),
        "output": output,
        "prover": proved.prover,
        "seconds": {part: round(value, 3) for part, value in proved.seconds.items()},
        "receipt": _proofs.receipt(sent),
    }
    if output != "-":
        _io.emit(document, schema=PROVE_SCHEMA, as_json=as_json, text=text)


@click.command(
    "prove",
    epilog=example(
        "mip kyc prove --policy adult.json --app AgeGate --call 'enter()' --image now.jpg --send"
    ),
)
@click.option("--policy", "policy", required=True, metavar="FILE", help="What the app asks.")
@click.option("--app", required=True, metavar="APP", help="Contract that asks: address or name.")
@credential_option
@revocations_option
@ask_option
@_keys.image_option
@click.option("--call", "signature", required=True, metavar="'NAME(TYPES)'", help="Its function.")
@click.option("--arg", "arguments", multiple=True, metavar="VALUE", help="An argument of --call.")
@click.option("--beneficiary", metavar="ADDRESS", help="Account the act is meant for.")
@click.option("--nonce", type=click.IntRange(0, (1 << 53) - 1), default=0, help="As the app says.")
@click.option(
    "--valid-for",
    "validity",
    type=int,
    default=passport_flow.DEFAULT_VALIDITY,
    show_default=True,
    metavar="SECONDS",
    help="How long the proof can be used.",
)
@click.option("--kinds", default="face,password", show_default=True, help="Kinds of key to show.")
@click.option("-o", "--output", metavar="FILE", help="Write the proof here (- for stdout).")
@click.option("--send", is_flag=True, help="Bring the proof to the app at once.")
@setting_option("--prover", "prover", metavar="NAME", help="auto, rapidsnark, groth16py, snarkjs.")
@passport_option
@password_file_option
@_payer.payer_options
@rpc_option
@yes_option
@force_option
@json_option
@with_settings
def prove(
    settings: Settings,
    policy: str,
    app: str,
    credentials: tuple[str, ...],
    revocations: tuple[str, ...],
    quiet: bool,
    image: Path | None,
    signature: str,
    arguments: tuple[str, ...],
    beneficiary: str | None,
    nonce: int,
    validity: int,
    kinds: str,
    output: str | None,
    send: bool,
    passport_name: str,
    password_file: str | None,
    key_file: Path | None,
    yes: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Prove to an app what its policy asks of your credentials, and nothing else.

    The same as `mip prove --policy`. Which of your credentials show it is found by itself; if none
    do, it says which predicate fails, to you alone.

    Limits: the app learns which parts of the policy were shown, your pseudonym there and the kinds
    of key; not the issuer among those it accepts, the credential or any claim. Who pays for the
    transaction is visible. Besides the chain nobody is asked, but for the revocation list of an
    issuer that has revoked something since: its server sees your address and the time.
    """
    run(
        settings,
        PolicyRun(
            policy=policy,
            app=app,
            call=AppCall(signature, arguments),
            kinds=_proving.kinds_of(kinds),
            passport=passport_name,
            output=output,
            send=send,
            beneficiary=beneficiary,
            credentials=credentials,
            revocations=revocations,
            quiet=quiet,
            image=image,
            nonce=nonce,
            validity=validity,
            password_file=password_file,
            key_file=key_file,
            yes=yes,
            force=force,
            as_json=as_json,
        ),
    )


@click.command(
    "verify", epilog=example("mip kyc verify proof.json", "mip kyc verify proof.json --send")
)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--offline", is_flag=True, help="Ask no node: both roots are then claims.")
@click.option("--policy", "wanted", metavar="FILE", help="Refuse any other policy than this.")
@click.option("--send", is_flag=True, help="Bring the proof to its app, paid by --key-file.")
@_payer.payer_options
@rpc_option
@json_option
@with_settings
def verify(
    settings: Settings,
    file: str,
    offline: bool,
    wanted: str | None,
    send: bool,
    key_file: Path | None,
    as_json: bool,
) -> None:
    """Check a proof about credentials, and say what it shows.

    Offline the mathematics is checked: that somebody has credentials as the policy asks, all of one
    passport, under a root of issuers and in a tree of passports. Whether these are real, only the
    chain tells. A proof made before its credential was revoked holds for two minutes more.
    """
    if send and offline:
        raise UsageFault("--send asks the chain, and --offline forbids it")
    found = policy_file.decode(_io.read_input(file, MAX_BYTES, what="proof file"))
    payer = _payer.load(settings, key_file) if send else None
    sent = None
    if wanted is not None:
        commitment = _policy.read(wanted).policy.commitment
        if commitment != found.policy.policy.commitment:
            raise UsageFault("the proof was made for another policy than the one given")
    with _render.TerminalProgress(quiet=as_json) as progress:
        check = kyc_verify.verify_offline if offline else kyc_verify.verify_on_chain
        verified = check(settings, found, progress)
        if payer is not None:
            sent = kyc_prove.send(settings, found, payer, progress)

    def text() -> None:
        _show(found, verified.seconds_left, on_chain=verified.on_chain)
        for line in _policy.own_word(verified.open_issuers):
            click.echo(line)
        click.echo("the proof holds" + ("" if verified.on_chain else " (no chain was asked)"))
        if sent is not None:
            click.echo(f"accepted in block {sent.block}, {sent.gas_used} gas")
        if verified.development:
            _io.warn("development keys: anyone can forge such a proof; local chains only")

    document = {
        **_document(found, on_chain=verified.on_chain),
        "valid": True,
        "on_chain": verified.on_chain,
        "development": verified.development,
        "self_attested_issuers": verified.open_issuers,
        "seconds_left": verified.seconds_left,
        "receipt": _proofs.receipt(sent),
    }
    _io.emit(document, schema=VERIFY_SCHEMA, as_json=as_json, text=text)


def read_lists(names: Sequence[str]) -> tuple[Revocations, ...]:
    """Read revocation lists that a holder gives by file."""
    return tuple(
        credential_file.REVOCATIONS.decode(_io.read_input(name, MAX_LIST, what="revocation list"))
        for name in names
    )


def fetch_lists(*, quiet: bool) -> Fetch | None:
    """Return how issuers' servers are asked for their lists; None when none shall be."""
    if quiet:
        return None
    from mip_cli.http import revocations  # what few proofs need

    return revocations.fetch


def _document(file: PolicyFile, *, on_chain: bool = True) -> dict[str, object]:
    roots = {"issuers_root": str(file.issuers_root)}
    if not on_chain:
        roots = {"claimed_issuers_root": str(file.issuers_root)}
    return {
        **_proofs.document(file.bound, on_chain=on_chain),
        **roots,
        "payload": file.payload,
        "gate": file.gate,
        "date": date_text(date_of_day(file.day)),
        "policy": _policy.document(file.policy),
        "shown": list(file.parts),
    }


def _show(file: PolicyFile, left: int, *, on_chain: bool = True) -> None:
    _proofs.show(file.bound, left, on_chain=on_chain)
    click.echo(f"on {date_text(date_of_day(file.day))} the holder shows:")
    for line in _policy.words(file.policy, file.parts):
        click.echo(line)
