"""``mip kyc present`` and ``mip kyc verifier``: proofs for web services."""

from __future__ import annotations

from pathlib import Path

import click

from mip_cli.cli import _io, _keys, _policy, _proofs, _proving, _render
from mip_cli.cli._options import (
    example,
    json_option,
    passport_option,
    password_file_option,
    rpc_option,
    setting_option,
    with_settings,
    yes_option,
)
from mip_cli.cli.kyc_http_issuer import announce, port_option
from mip_cli.cli.kyc_prove import (
    ask_option,
    credential_option,
    fetch_lists,
    read_lists,
    revocations_option,
)
from mip_cli.config import Settings
from mip_cli.crypto.policy_document import AppPolicyText
from mip_cli.errors import UsageFault
from mip_cli.flows.kyc import kyc_prove
from mip_cli.flows.kyc.kyc_prove import AppConsent
from mip_cli.flows.passport import passport_file
from mip_cli.models import Kind

PRESENT_SCHEMA = "mip.kyc.present/1"
SERVE_SCHEMA = "mip.kyc.verifier.serve/1"
MIN_KEY = 16
"""Characters of a service's key."""
DEFAULT_LEVEL = 2
"""Of a policy that states none."""


@click.command(
    "present", epilog=example("mip kyc present 'openid4vp://?client_id=...' --image now.jpg")
)
@click.argument("request", metavar="URL")
@credential_option
@revocations_option
@ask_option
@_keys.image_option
@click.option("--kinds", default="face,password", show_default=True, help="Kinds of key to show.")
@setting_option("--prover", "prover", metavar="NAME", help="auto, rapidsnark, groth16py, snarkjs.")
@passport_option
@password_file_option
@rpc_option
@yes_option
@json_option
@with_settings
def present(
    settings: Settings,
    request: str,
    credentials: tuple[str, ...],
    revocations: tuple[str, ...],
    quiet: bool,
    image: Path | None,
    kinds: str,
    passport_name: str,
    password_file: str | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Answer a web service that asks for a proof, and show it nothing else.

    You are told first what is asked, and which address gets the answer: that address is all that
    is known of who asks. Look at it, and only go on if you began this there yourself.
    """
    from mip_cli.flows.kyc import web_proofs
    from mip_cli.http import present as flow

    listed = read_lists(revocations)
    wanted = _proving.kinds_of(kinds)
    passport_file.require(settings, passport_name)
    with _render.TerminalProgress(quiet=as_json) as progress:
        asked = flow.look(request)
        consent = web_proofs.agree(settings, asked.ask, progress)
    origin = asked.ask.request.origin
    click.echo(_words(origin, consent, wanted, quiet=quiet), err=True)
    _io.confirm("Make this proof and send it there?", yes)
    keys, _ = _proving.read_keys(settings, passport_name, password_file, image, wanted)
    with _render.TerminalProgress(quiet=as_json) as progress:
        proved = kyc_prove.prove(
            settings,
            consent,
            keys,
            progress,
            credentials=credentials,
            revocations=listed,
            fetch=fetch_lists(quiet=quiet),
        )
        progress.step("sending the proof")
        follow = flow.bring(asked, proved.file)
    bound = proved.file.bound

    def text() -> None:
        click.echo(f"accepted by {origin}, which knows you as {bound.nullifier:#066x}")
        if follow is not None:
            click.echo(f"go on at {_io.sanitize(follow)}")
        if not proved.remembered:
            _io.warn("the passport knows too many apps to note this one")

    document = {
        "origin": origin,
        "app": bound.app,
        "purpose": bound.purpose,
        "pseudonym": f"0x{bound.nullifier:064x}",
        "level": bound.level,
        "credentials": list(proved.credentials),
        "shown": list(proved.file.parts),
        "redirect_uri": follow,
        "seconds": proved.seconds,
    }
    _io.emit(document, schema=PRESENT_SCHEMA, as_json=as_json, text=text)


def _words(origin: str, given: AppConsent, kinds: frozenset[Kind], *, quiet: bool) -> str:
    consent = given.consent
    request = consent.request
    shown = " and ".join(sorted(kind.value for kind in kinds))
    levels = _proofs.LEVELS.get(request.level, "other keys")
    return "\n".join(
        [
            f"{origin} asks:",
            "  (nobody vouches for who that is; the answer goes to this address and is good "
            "nowhere else)",
            f"  purpose   {_io.sanitize(request.purpose)}",
            "  it learns a pseudonym of yours that only this address and purpose see, "
            f"and that you showed your {shown} (it asks for {levels})",
            *_policy.credential_lines(given, quiet=quiet),
            f"  checked   on chain {request.chain_id} by the gate {given.gate}",
            f"  it ends   {consent.ask.validity} s after it is made, and serves no other request",
        ]
    )


def _asked(file: str, level: int | None) -> AppPolicyText:
    """Read what a service asks; ``--level`` is for a policy that states none."""
    found = _policy.read(file, level=DEFAULT_LEVEL if level is None else level)
    if level not in (None, found.policy.level):
        raise UsageFault("the policy states its level itself", hint="leave out --level")
    return found


@click.group(
    epilog=example(
        "mip kyc verifier serve --policy adult.json --purpose 'Enter' --key-file service.key"
    )
)
def verifier() -> None:
    """Ask for proofs as a web service."""


@verifier.command(
    "serve",
    epilog=example(
        "mip kyc verifier serve --policy adult.json --purpose 'Enter shop.example' "
        "--url https://shop.example --key-file service.key"
    ),
)
@click.option("--policy", "policy_file", required=True, metavar="FILE", help="What you ask.")
@click.option("--purpose", required=True, metavar="TEXT", help="Why, in words for the holder.")
@click.option(
    "--level",
    type=click.IntRange(1, 3),
    show_default=f"{DEFAULT_LEVEL}, unless the policy states it",
    help="Fewest kinds of key: 1 one, 2 face and password, 3 with people.",
)
@click.option(
    "--key-file",
    required=True,
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="First line: the key with which your service begins a request.",
)
@click.option("--url", metavar="ORIGIN", help="Where holders reach it; this machine if absent.")
@port_option
@rpc_option
@json_option
@with_settings
def serve(
    settings: Settings,
    policy_file: str,
    purpose: str,
    level: int | None,
    key_file: str,
    url: str | None,
    port: int,
    as_json: bool,
) -> None:
    """Ask holders for proofs over OpenID4VP, and tell your service what came of it.

    Your service sends POST /requests with its key, passes the authorization_request on to the
    holder, and reads the result_uri, which it keeps to itself. A proof says that some passport's
    holder has such a credential now: bind the result to the browser that began, for whoever is
    shown the request elsewhere can answer it. It listens on 127.0.0.1 alone: put what ends TLS in
    front of it.
    """
    from mip_cli.flows.kyc import web_proofs
    from mip_cli.flows.kyc.web_requests import Requests
    from mip_cli.http.server import origin_for
    from mip_cli.http.server import serve as run
    from mip_cli.http.verifier import MAX_BODY, require_fits, verifier_app

    origin = origin_for(url, port)
    policy = _asked(policy_file, level)
    require_fits(policy)
    key = _io.read_password(key_file, prompt="key of the service", confirm=False)
    if len(key) < MIN_KEY or not key.isascii():
        raise UsageFault(f"the service's key has {MIN_KEY} ASCII characters or more")
    with _render.TerminalProgress(quiet=as_json) as progress:
        terms = web_proofs.terms_of(settings, policy, purpose)
        progress.step("serving")

    requests = Requests(terms, f"{origin}/response", web_proofs.checker(settings))

    def ready(taken: int) -> None:
        announce({"url": origin, "port": taken, "purpose": purpose}, SERVE_SCHEMA, as_json)

    run(verifier_app(requests, origin, key, _io.log), port, ready, max_body=MAX_BODY)
