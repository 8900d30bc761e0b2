"""``mip deploy``: put the suite on a chain."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mip_cli.cli._io import emit, read_password, warn
from mip_cli.cli._options import (
    dry_run_option,
    example,
    json_option,
    password_file_option,
    rpc_option,
    with_settings,
)
from mip_cli.cli._render import TerminalProgress, kv, table
from mip_cli.config import Settings
from mip_cli.errors import UsageFault

if TYPE_CHECKING:
    from mip_cli.chain.keys import Signer
    from mip_cli.chain.rpc import RpcClient
    from mip_cli.flows.deploy import Deployed, DryRun


def _wei(ctx: click.Context, param: click.Parameter, value: str) -> int:
    try:
        wei = Decimal(value) * 10**18
        if not wei.is_finite() or not 0 < wei < 10**24 or wei != int(wei):
            raise InvalidOperation
    except InvalidOperation:
        raise click.BadParameter("an amount of ether, such as 0.05", ctx=ctx, param=param) from None
    return int(wei)


fee_cap_option = click.option(
    "--fee-cap",
    default="0.05",
    show_default=True,
    metavar="ETHER",
    callback=_wei,
    help="Most that one transaction may cost.",
)
"""Adds ``fee_cap: int`` in wei."""


@click.command(
    epilog=example(
        "mip deploy --rpc-url http://127.0.0.1:8545 --key-file deployer.key --dry-run",
        "mip deploy --rpc-url https://rpc.example.org --key-file keystore.json",
    )
)
@rpc_option
@click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Key of the paying account: 64 hex digits (mode 0600), or an encrypted JSON keystore.",
)
@password_file_option
@fee_cap_option
@click.option(
    "--examples/--no-examples",
    default=None,
    help="Deploy the example apps too; by default on local chains only.",
)
@dry_run_option
@json_option
@with_settings
def deploy(
    settings: Settings,
    key_file: Path | None,
    password_file: str | None,
    fee_cap: int,
    examples: bool | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Put the suite on a chain, at the same addresses everywhere.

    What stands there already is skipped: run it again after an interruption. Where all of it
    stands, nothing is sent and no key is needed. Nobody owns the contracts; the account only pays.
    Development keys go on local chains only.
    """
    from mip_cli.chain.rpc import RpcClient

    rpc = RpcClient(settings.rpc_url)
    try:
        if rpc.exposed:
            warn(f"{rpc.label} is reached without encryption; use https")
        signer = _signer(key_file, password_file) if key_file else None
        if dry_run:
            _plan(settings, rpc, signer, examples, as_json)
        elif signer is None:
            _find(settings, rpc, examples, as_json)
        else:
            _deploy(settings, rpc, signer, examples, fee_cap, as_json)
    finally:
        rpc.close()


def _signer(key_file: Path, password_file: str | None) -> Signer:
    from mip_cli.chain.keys import load_signer

    def password() -> str:
        typed = read_password(password_file, prompt=f"password of {key_file}", confirm=False)
        return typed.decode()

    return load_signer(key_file, password)


def _plan(
    settings: Settings, rpc: RpcClient, signer: Signer | None, examples: bool | None, as_json: bool
) -> None:
    from mip_cli.flows import deploy as flow

    found = flow.dry_run(settings, rpc, signer.address if signer else None, examples=examples)
    document = {
        "chain_id": found.chain_id,
        "dry_run": True,
        "proxy_wei": str(found.proxy_wei),
        "steps": [
            {"name": s.name, "address": s.address, "present": s.present, "gas": s.gas}
            for s in found.steps
        ],
    }
    emit(document, schema="mip.deploy.plan/1", as_json=as_json, text=lambda: _show_plan(found))


def _deploy(
    settings: Settings,
    rpc: RpcClient,
    signer: Signer,
    examples: bool | None,
    fee_cap: int,
    as_json: bool,
) -> None:
    from mip_cli.flows import deploy as flow
    from mip_cli.flows.connection import journal

    with TerminalProgress(quiet=as_json) as progress:
        done = flow.deploy(
            settings,
            rpc,
            signer,
            journal(settings),
            progress,
            examples=examples,
            fee_cap=fee_cap,
        )
    _emit(done, as_json)


def _find(settings: Settings, rpc: RpcClient, examples: bool | None, as_json: bool) -> None:
    from mip_cli.flows import deploy as flow

    done = flow.find(settings, rpc, examples=examples)
    if done is None:
        raise UsageFault(
            "the suite does not stand on this chain yet, and no account pays for it",
            hint="name a key with --key-file, or use --dry-run",
        )
    _emit(done, as_json)


def _emit(done: Deployed, as_json: bool) -> None:
    d = done.deployment
    document = {
        "chain_id": d.chain_id,
        "dry_run": False,
        "deployed": done.created,
        "record": done.record,
        "block": d.block,
        "development": d.development,
        "verifying_keys": dict(d.verifying_keys),
        "contracts": {c.name: c.address for c in d.contracts},
    }
    emit(document, schema="mip.deploy/1", as_json=as_json, text=lambda: _show_done(done))


def _show_plan(found: DryRun) -> None:
    if found.proxy_wei:
        click.echo(f"first, the CREATE2 proxy for {found.proxy_wei / 10**18:g} ether at most")
    rows = [
        (s.name, s.address, "nothing to do" if s.present else "deploy", s.gas) for s in found.steps
    ]
    table(["contract", "address", "step", "gas"], rows)


def _show_done(done: Deployed) -> None:
    click.echo(f"deployed {done.created} contracts, {_rest(done)} stood there already")
    kv(
        [
            ("chain id", done.deployment.chain_id),
            *((c.name, c.address) for c in done.deployment.contracts),
            ("record", done.record),
        ]
    )


def _rest(done: Deployed) -> int:
    return len(done.deployment.contracts) - done.created
