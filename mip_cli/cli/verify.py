"""``mip verify``: check a proof file, offline or against a chain."""

from __future__ import annotations

from pathlib import Path

import click

from mip_cli.cli import _io, _payer, _proofs, _render
from mip_cli.cli._options import example, json_option, rpc_option, with_settings
from mip_cli.config import Settings
from mip_cli.flows.passport import proof_file
from mip_cli.flows.passport import verify as flow

SCHEMA = "mip.verify/1"


@click.command(epilog=example("mip verify proof.json", "mip verify proof.json --on-chain"))
@click.argument("proof", metavar="PROOF")
@click.option(
    "--on-chain", is_flag=True, help="Also ask the registry what it would answer the app now."
)
@click.option("--send", is_flag=True, help="Bring the proof to its app, paid by --key-file.")
@_payer.payer_options
@rpc_option
@json_option
@with_settings
def verify(
    settings: Settings,
    proof: str,
    on_chain: bool,
    send: bool,
    key_file: Path | None,
    as_json: bool,
) -> None:
    """Check the proof file PROOF (- for stdin): exit 0 if it holds, 1 if not.

    Offline, this shows that the proof is sound for the values it names and has not ended. Whether
    its root is the registry's, and with it whether its level is true, only the chain can tell, and
    the app whether the pseudonym was used before. Of an account, which states nothing, purpose,
    payload and level are the file's own: --json says so by `account`.
    """
    data = _io.read_input(proof, proof_file.MAX_BYTES, what="proof file")
    file = proof_file.decode(data)
    payer = _payer.load(settings, key_file) if send else None
    sent = None
    with _render.TerminalProgress(quiet=as_json) as progress:
        if on_chain or send:
            found = flow.verify_on_chain(settings, file, progress, accounts=True)
        else:
            found = flow.verify_offline(settings, file, progress)
        if payer is not None:
            sent = flow.send(settings, file, payer, progress)

    def text() -> None:
        click.echo("the proof holds")
        _proofs.show(file, found.seconds_left, on_chain=found.on_chain)
        if sent is not None:
            click.echo(f"accepted in block {sent.block}, {sent.gas_used} gas")
        if found.development:
            _io.note("made with development keys: anyone can forge such proofs; local chains only")
        if found.account:
            _io.note(
                f"{file.app} is an account, not a contract: the chain does not say for what it "
                "asks; `mip access open` holds the proof against the grant and its card"
            )
        if not found.on_chain:
            _io.note(
                "root and level were not checked; add --on-chain to ask the registry; whether it "
                "was used before, only the app knows"
            )

    document = {
        "valid": True,
        "on_chain": found.on_chain,
        "account": found.account,
        "development_keys": found.development,
        "seconds_left": found.seconds_left,
        **_proofs.document(file, on_chain=found.on_chain),
        "receipt": _proofs.receipt(sent),
    }
    _io.emit(document, schema=SCHEMA, as_json=as_json, text=text)
