"""``mip kyc prove`` and ``mip kyc verify``."""

from __future__ import annotations

from pathlib import Path

import click

from mip_cli.cli import _io, _keys, _payer, _proofs, _render
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
from mip_cli.crypto import jsontext
from mip_cli.crypto.claims import date_text
from mip_cli.crypto.dates import date_of_day
from mip_cli.crypto.policy_text import MAX_POLICY_BYTES, PolicyText, parse_policy
from mip_cli.errors import FileInvalid, UsageFault
from mip_cli.flows import credential_file, kyc_prove, kyc_verify, passport_file, predicate_file
from mip_cli.flows import prove as passport_flow
from mip_cli.flows.kyc_prove import PolicyConsent
from mip_cli.flows.predicate_file import PredicateFile
from mip_cli.flows.proof_file import AppCall, checked_address
from mip_cli.models import Kind

PROVE_SCHEMA = "mip.kyc.prove/1"
VERIFY_SCHEMA = "mip.kyc.verify/1"


def read_policy(file: str) -> PolicyText:
    """Read a policy file; raise ``FileInvalid`` when it makes no sense."""
    try:
        return parse_policy(jsontext.parse(_io.read_input(file, MAX_POLICY_BYTES, what="policy")))
    except (ValueError, TypeError, KeyError) as error:
        raise FileInvalid(f"the policy cannot be read: {error}") from None


@click.command(
    "prove",
    epilog=example(
        "mip kyc prove --policy adult.json --app AgeGate --call 'enter()' --image now.jpg --send"
    ),
)
@click.option("--policy", "policy_file", required=True, metavar="FILE", help="What the app asks.")
@click.option("--app", required=True, metavar="APP", help="Contract that asks: address or name.")
@click.option(
    "--credential", metavar="ID", help="Which credential; the only fitting one if absent."
)
@click.option("--revocations", metavar="FILE", help="The issuer's present revocation list.")
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
    policy_file: str,
    app: str,
    credential: str | None,
    revocations: str | None,
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
    """Prove to an app what its policy asks of your credential, and nothing else.

    The app learns that the policy is met by one of the issuers it accepts, and your pseudonym
    there: not the issuer, the credential or any claim. Nobody but the chain is asked.
    """
    if output is None and not send:
        raise UsageFault("the proof has nowhere to go", hint="add -o FILE or --send")
    if output == "-" and as_json:
        raise UsageFault("two things would be written to stdout", hint="use -o FILE")
    if output not in (None, "-") and Path(str(output)).exists() and not force:
        raise UsageFault(f"{output} exists", hint="choose another name, or use --force")
    policy = read_policy(policy_file)
    listed = None
    if revocations is not None:
        raw = _io.read_input(revocations, credential_file.MAX_LIST, what="revocation list")
        listed = credential_file.REVOCATIONS.decode(raw)
    wanted = _kinds(kinds)
    passport_file.require(settings, passport_name)
    payer = _payer.load(settings, key_file) if send or beneficiary is None else None
    named = checked_address(beneficiary, "--beneficiary") if beneficiary else None
    named = named or (payer.address if payer else None)
    if named is None:
        raise UsageFault("the proof names nobody", hint="add --beneficiary ADDRESS")
    ask = passport_flow.Ask(
        app=passport_flow.find_app(settings, app),
        call=AppCall(signature, arguments),
        beneficiary=named,
        nonce=nonce,
        validity=validity,
    )
    with _render.TerminalProgress(quiet=as_json) as progress:
        consent = kyc_prove.prepare(settings, ask, policy, progress)
    # also with --json: nobody agrees to what he has not seen
    click.echo(consent_text(consent, wanted), err=True)
    _io.confirm("Make this proof?", yes)
    factors = _keys.read_factors(
        passport_name, password_file, image, needs_password=Kind.PASSWORD in wanted
    )
    keys = passport_flow.Keys(passport_name, factors.password, image, wanted)
    sent = None
    with _render.TerminalProgress(quiet=as_json) as progress:
        proved = kyc_prove.prove(
            settings, consent, keys, progress, credential=credential, revocations=listed
        )
        if output is not None:
            _io.write_output(output, predicate_file.encode(proved.file), force=force)
        if send and payer is not None:
            sent = kyc_prove.send(settings, proved.file, payer, progress)

    def text() -> None:
        _show(proved.file)
        if not proved.remembered:
            _io.warn("the passport knows too many apps to note this one")
        if sent is not None:
            click.echo(f"accepted in block {sent.block}, {sent.gas_used} gas")
        elif output not in (None, "-"):
            _io.note(f"check it with `mip kyc verify {output}`; hand it in before it ends")

    document = {
        **_document(proved.file),
        "credential": proved.credential,
        "output": output,
        "prover": proved.prover,
        "seconds": {part: round(value, 3) for part, value in proved.seconds.items()},
        "receipt": _proofs.receipt(sent),
    }
    if output != "-":
        _io.emit(document, schema=PROVE_SCHEMA, as_json=as_json, text=text)


@click.command("verify", epilog=example("mip kyc verify proof.json", "mip kyc verify -"))
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--offline", is_flag=True, help="Ask no node: both roots are then claims.")
@click.option("--policy", "policy_file", metavar="FILE", help="Refuse any other policy than this.")
@rpc_option
@json_option
@with_settings
def verify(
    settings: Settings, file: str, offline: bool, policy_file: str | None, as_json: bool
) -> None:
    """Check a proof about a credential, and say what it shows.

    Offline the mathematics is checked: that somebody has a credential as the policy asks, under a
    root of issuers and in a tree of passports. Whether these are real, only the chain tells.
    """
    found = predicate_file.decode(_io.read_input(file, predicate_file.MAX_BYTES, what="proof file"))
    if policy_file is not None:
        wanted = read_policy(policy_file)
        if wanted.policy.commitment != found.policy.policy.commitment:
            raise UsageFault("the proof was made for another policy than the one given")
    with _render.TerminalProgress(quiet=as_json) as progress:
        check = kyc_verify.verify_offline if offline else kyc_verify.verify_on_chain
        verified = check(settings, found, progress)

    def text() -> None:
        _show(found)
        for line in own_word(verified.open_issuers):
            click.echo(line)
        click.echo("the proof holds" + ("" if verified.on_chain else " (no chain was asked)"))
        if verified.development:
            _io.warn("development keys: anyone can forge such a proof; local chains only")

    document = {
        **_document(found, on_chain=verified.on_chain),
        "valid": True,
        "on_chain": verified.on_chain,
        "development": verified.development,
        "self_attested_issuers": verified.open_issuers,
        "seconds_left": verified.seconds_left,
    }
    _io.emit(document, schema=VERIFY_SCHEMA, as_json=as_json, text=text)


def consent_text(given: PolicyConsent, kinds: frozenset[Kind]) -> str:
    """Say in plain words what a proof would show, to whom and for how long."""
    policy = given.policy
    lines = [
        _proofs.consent_text(given.consent, kinds),
        f"  it also learns that a credential {_io.sanitize(policy.schema.name)} "
        f"{policy.schema.version} of yours, by one of {len(policy.policy.issuers)} issuers, "
        "is in force today and says:",
        *_words(policy),
        *own_word(given.open_issuers),
        f"  and nothing else of it; checked by the gate {given.gate}",
    ]
    return "\n".join(lines)


def own_word(numbers: tuple[int, ...] | None) -> list[str]:
    """Say that an accepted issuer is the holder himself."""
    if not numbers:
        return []
    listed = ", ".join(map(str, numbers))
    return [f"    (number {listed} of its issuers: who shows this says so himself, unchecked)"]


def _words(policy: PolicyText) -> list[str]:
    return [
        f"    {policy.demand}" + (":" if policy.predicates else ""),
        *(f"      {_io.sanitize(words)}" for words in policy.predicates),
    ]


def _kinds(text: str) -> frozenset[Kind]:
    try:
        return frozenset(Kind(part.strip()) for part in text.split(","))
    except ValueError:
        raise UsageFault("--kinds takes face, password or face,password") from None


def _document(file: PredicateFile, *, on_chain: bool = True) -> dict[str, object]:
    policy = file.policy
    roots = {"issuers_root": str(file.issuers_root)}
    if not on_chain:
        roots = {"claimed_issuers_root": str(file.issuers_root)}
    return {
        **_proofs.document(file.bound, on_chain=on_chain),
        **roots,
        "gate": file.gate,
        "date": date_text(date_of_day(file.day)),
        "policy": str(policy.policy.commitment),
        "schema": f"{policy.schema.name}/{policy.schema.version}",
        "required": policy.policy.required,
        "predicates": list(policy.predicates),
        "issuers": list(policy.policy.issuers),
    }


def _show(file: PredicateFile) -> None:
    _proofs.show(file.bound)
    click.echo(
        f"on {date_text(date_of_day(file.day))} a credential {file.policy.schema.name} says:"
    )
    for line in _words(file.policy):
        click.echo(line)
