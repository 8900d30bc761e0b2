"""``mip prove``: a fresh photo and the password become a proof for one act in one app."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mip_cli.cli import _guardians, _io, _keys, _payer, _proofs, _proving, _render, kyc_prove
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
from mip_cli.cli.kyc_prove import PolicyRun, ask_option, credential_option, revocations_option
from mip_cli.config import Settings
from mip_cli.crypto import grant_card
from mip_cli.errors import UsageFault
from mip_cli.flows.grants import grant_proof, grant_terms
from mip_cli.flows.guardian import guardian_asks
from mip_cli.flows.passport import passport_file, proof_file
from mip_cli.flows.passport import prove as flow
from mip_cli.flows.passport import verify as verify_flow
from mip_cli.flows.passport.proof_file import AppCall

SCHEMA = "mip.prove/1"


def _payload(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raise UsageFault("--payload takes 64 hex digits") from None


@click.command(
    epilog=example(
        "mip prove --image now.jpg --app PassportVote --call 'vote(uint256)' --arg 1 -o proof.json",
        "mip prove --image now.jpg --app PassportVote --call 'vote(uint256)' --arg 1 --send",
        "mip prove --image now.jpg --app AgeGate --call 'enter()' --policy adult.json --send",
        "mip prove --image now.jpg --grantee card.json -o proof.json",
    )
)
@click.option(
    "--app",
    metavar="APP",
    help="Contract that asks for the proof: its address, or its name where the suite is deployed.",
)
@click.option(
    "--grantee",
    "card",
    metavar="CARD",
    help="An account instead, by its card: the proof for a grant of level 0.",
)
@_keys.image_option
@click.option(
    "--call",
    "signature",
    metavar="'NAME(TYPES)'",
    help="The app's function, without the presentation that is added as its last argument.",
)
@click.option("--arg", "arguments", multiple=True, metavar="VALUE", help="An argument of --call.")
@click.option("--payload", metavar="HEX", help="32 bytes to bind instead of a call.")
@click.option(
    "--beneficiary",
    metavar="ADDRESS",
    help="Account the act is meant for; the one that pays when this is absent.",
)
@click.option("--nonce", type=click.IntRange(0, (1 << 53) - 1), default=0, help="As the app says.")
@click.option(
    "--valid-for",
    "validity",
    type=int,
    default=flow.DEFAULT_VALIDITY,
    show_default=True,
    metavar="SECONDS",
    help="How long the proof can be used.",
)
@click.option(
    "--kinds",
    default="face,password",
    show_default=True,
    help="Kinds of key to show: one, or two joined by a comma, as face,people. They are among "
    "those that open the passport.",
)
@_guardians.answers_option
@click.option(
    "--policy",
    metavar="FILE",
    help="What the app asks of your credentials, as its makers publish it; shown in words first.",
)
@credential_option
@revocations_option
@ask_option
@click.option(
    "--newest-root",
    is_flag=True,
    help="Prove under the very newest root, for apps that accept no other.",
)
@click.option("-o", "--output", metavar="FILE", help="Write the proof here (- for stdout).")
@click.option("--public-out", metavar="FILE", help="Write the public signals, as snarkjs does.")
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
    app: str | None,
    card: str | None,
    image: Path | None,
    signature: str | None,
    arguments: tuple[str, ...],
    payload: str | None,
    beneficiary: str | None,
    nonce: int,
    validity: int,
    kinds: str,
    answers: tuple[str, ...],
    policy: str | None,
    credentials: tuple[str, ...],
    revocations: tuple[str, ...],
    quiet: bool,
    newest_root: bool,
    output: str | None,
    public_out: str | None,
    send: bool,
    passport_name: str,
    password_file: str | None,
    key_file: Path | None,
    yes: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Prove to an app that you hold a passport, without saying which.

    The app learns a pseudonym that is the same each time you come to it and different everywhere
    else. The proof serves one act, in one app, on one chain, until its deadline.

    With --policy it also proves what the app asks of your credentials, such as an age, and no more
    of them; which ones show it is found by itself.

    Limits: whoever pays for the transaction is visible on chain. A proof shows knowledge of your
    secrets and a photo close to the enrolled one, not a living person.
    """
    if (app is None) == (card is None):
        raise UsageFault("to whom?", hint="add --app APP, or --grantee CARD")
    if policy is not None:
        if app is None:
            raise UsageFault("--policy goes with --app: an account has no policy on chain")
        if signature is None or payload is not None or public_out is not None:
            raise UsageFault("--policy goes with --call, without --payload and --public-out")
        kyc_prove.run(
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
                answers=answers,
                nonce=nonce,
                validity=validity,
                newest_root=newest_root,
                password_file=password_file,
                key_file=key_file,
                yes=yes,
                force=force,
                as_json=as_json,
            ),
        )
        return
    if credentials or revocations or quiet:
        raise UsageFault("--credential, --revocations and --ask-no-issuer go with --policy")
    _proving.require_places(output, public_out, send=send, force=force, as_json=as_json)
    call = AppCall(signature, arguments) if signature is not None else None
    if send and call is None:
        raise UsageFault("--send needs the function to call", hint="add --call 'name(types)'")
    wanted = _proving.kinds_of(kinds)
    passport_file.require(settings, passport_name)
    payer = None
    if card is not None:
        if call is not None or payload is not None or beneficiary is not None or nonce:
            raise UsageFault("what an account gets is bound to its card, and to nothing else")
        found = grant_terms.read_card(_io.read_input(card, grant_card.FORM.limit, what="card"))
        with _render.TerminalProgress(quiet=as_json) as progress:
            consent = grant_proof.prepare(
                settings, found, progress, validity=validity, newest_root=newest_root
            )
    else:
        payer = _payer.load(settings, key_file) if send or beneficiary is None else None
        ask = flow.Ask(
            app=flow.find_app(settings, str(app)),
            call=call,
            payload=_payload(payload),
            beneficiary=_proving.beneficiary_of(beneficiary, payer),
            nonce=nonce,
            validity=validity,
            newest_root=newest_root,
        )
        with _render.TerminalProgress(quiet=as_json) as progress:
            consent = flow.prepare(settings, ask, progress)
    # also with --json: nobody agrees to what he has not seen
    click.echo(_proofs.consent_text(consent, wanted), err=True)
    _io.confirm("Make this proof?", yes)
    keys, gathered = _proving.read_keys(
        settings, passport_name, password_file, image, wanted, answers
    )
    sent = None
    with _render.TerminalProgress(quiet=as_json) as progress:
        proved = flow.prove(settings, consent, keys, progress)
        if output is not None:
            _io.write_output(output, proof_file.encode(proved.file), force=force)
        if public_out is not None:
            signals = json.dumps([str(s) for s in proved.file.signals]) + "\n"
            _io.write_output(public_out, signals.encode(), force=force)
        if gathered is not None:
            guardian_asks.forget(settings, gathered)
        if send and payer is not None:
            sent = verify_flow.send(settings, proved.file, payer, progress)

    def text() -> None:
        _proofs.show(proved.file, consent.ask.validity)
        if not proved.remembered:
            _io.warn(
                "the passport knows too many apps to note this one: after a recovery, void "
                "by hand what you granted there"
            )
        if sent is not None:
            click.echo(f"accepted in block {sent.block}, {sent.gas_used} gas")
        elif output not in (None, "-"):
            _io.note(f"check it with `mip verify {output}`; hand it in before it ends")

    document = {
        **_proofs.document(proved.file),
        "output": output,
        "prover": proved.prover,
        "seconds": {part: round(value, 3) for part, value in proved.seconds.items()},
        "receipt": _proofs.receipt(sent),
    }
    if output != "-":
        _io.emit(document, schema=SCHEMA, as_json=as_json, text=text)
