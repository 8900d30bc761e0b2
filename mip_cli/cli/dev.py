"""``mip dev up | status | advance | down``: a local chain with the suite on it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from mip_cli.cli._io import emit
from mip_cli.cli._options import example, json_option, with_settings
from mip_cli.cli._render import TerminalProgress, kv, table
from mip_cli.config import Settings

if TYPE_CHECKING:
    from mip_cli.chain.devnet import Running
    from mip_cli.flows.dev import DevChain, DevStatus


@click.group(
    epilog=example(
        "mip dev up --fresh", "mip dev status", "mip dev advance --hours 48", "mip dev down"
    )
)
def dev() -> None:
    """Start and stop a local chain with the suite on it.

    It listens on this machine only. Its accounts are well known: never use them elsewhere.
    """


@dev.command(epilog=example("mip dev up", "mip dev up --node hardhat --port 9545 --json"))
@click.option(
    "--node",
    type=click.Choice(["anvil", "hardhat"]),
    default="anvil",
    show_default=True,
    help="Which program serves the chain; hardhat forgets it when it stops.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8545,
    show_default="8545",
    metavar="PORT",
    help="TCP port on 127.0.0.1.",
)
@click.option("--fresh", is_flag=True, help="Forget the chain kept from earlier runs.")
@click.option(
    "--block-time",
    type=click.IntRange(1, 3600),
    metavar="SECONDS",
    help="Make a block every so often, not for each transaction.",
)
@json_option
@with_settings
def up(
    settings: Settings,
    node: str,
    port: int,
    fresh: bool,
    block_time: int | None,
    as_json: bool,
) -> None:
    """Start the local chain and deploy the suite where it is missing."""
    from mip_cli.chain.devnet import Node
    from mip_cli.flows import dev as flow

    with TerminalProgress(quiet=as_json) as progress:
        chain = flow.up(
            settings, progress, node=Node(node), port=port, fresh=fresh, block_time=block_time
        )
    document = {
        **_node(chain.running),
        "contracts": {c.name: c.address for c in chain.deployment.contracts},
        "deployed": chain.created,
        "account": chain.account,
        "test_key": chain.key,
        "key_file": chain.key_file,
    }
    emit(document, schema="mip.dev.up/1", as_json=as_json, text=lambda: _show_up(chain))


@dev.command(epilog=example("mip dev status --json"))
@json_option
@click.pass_context
@with_settings
def status(settings: Settings, ctx: click.Context, as_json: bool) -> None:
    """Tell whether the local chain runs and holds the suite; exit 1 when not."""
    from mip_cli.flows import dev as flow

    found = flow.status(settings)
    document = {
        "running": found.running is not None,
        "healthy": found.healthy,
        **(_node(found.running) if found.running else {}),
        "checks": [
            {"name": c.name, "state": c.state, "text": c.text, "remedy": c.remedy}
            for c in found.checks
        ],
    }
    emit(document, schema="mip.dev.status/1", as_json=as_json, text=lambda: _show_status(found))
    if not found.healthy:
        ctx.exit(1)


@dev.command(epilog=example("mip dev advance --hours 48", "mip dev advance --hours 0.5 --json"))
@click.option(
    "--hours",
    type=click.FloatRange(0, 24 * 366, min_open=True),
    required=True,
    metavar="HOURS",
    help="By how much; fractions are fine.",
)
@json_option
@with_settings
def advance(settings: Settings, hours: float, as_json: bool) -> None:
    """Put the clock of the local chain forward, to see what takes two days elsewhere.

    It stays ahead of this machine's clock, and never goes back. Only the chain that was started
    here is touched.
    """
    from mip_cli.flows import dev as flow

    seconds = max(1, round(hours * 3600))
    done = flow.advance(settings, seconds)
    now = datetime.fromtimestamp(done.now, UTC)
    document = {**_node(done.running), "seconds": seconds, "now": now}
    emit(
        document,
        schema="mip.dev.advance/1",
        as_json=as_json,
        text=lambda: click.echo(f"the chain's clock stands at {now:%Y-%m-%d %H:%M:%S} UTC"),
    )


@dev.command(epilog=example("mip dev down"))
@json_option
@with_settings
def down(settings: Settings, as_json: bool) -> None:
    """Stop the local chain that was started here; done already is fine."""
    from mip_cli.flows import dev as flow

    stopped = flow.down(settings)

    def show() -> None:
        if stopped is None:
            click.echo("no local chain runs")
        else:
            kept = "its state is kept" if stopped.keeps_state else "its state is gone"
            click.echo(f"stopped {stopped.node} on port {stopped.port}; {kept}")

    document = {"stopped": stopped is not None, **(_node(stopped) if stopped else {})}
    emit(document, schema="mip.dev.down/1", as_json=as_json, text=show)


def _node(running: Running) -> dict[str, object]:
    from mip_cli.chain.devnet import CHAIN_ID

    return {
        "node": running.node,
        "rpc_url": running.url,
        "chain_id": CHAIN_ID,
        "pid": running.pid,
        "keeps_state": running.keeps_state,
    }


def _show_up(chain: DevChain) -> None:
    kv(
        [
            ("node", chain.running.node),
            ("rpc url", chain.running.url),
            ("chain id", chain.deployment.chain_id),
            *((c.name, c.address) for c in chain.deployment.contracts),
            ("test account", chain.account),
            ("test key", chain.key),
            ("key file", chain.key_file),
        ]
    )


def _show_status(found: DevStatus) -> None:
    if found.running is None:
        click.echo("no local chain runs; start one with: mip dev up")
        return
    kv([("node", found.running.node), ("rpc url", found.running.url)])
    table(
        ["check", "state", "found", "remedy"],
        [(c.name, c.state, c.text, c.remedy) for c in found.checks],
    )
