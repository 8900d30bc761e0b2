"""A local chain with the suite on it, for developers and demonstrations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mip_cli.chain.deployments import Deployment
from mip_cli.chain.devnet import (
    CHAIN_ID,
    DEVELOPER,
    TEST_KEYS,
    Devnet,
    Node,
    Running,
    developer_signer,
)
from mip_cli.chain.inspection import Check, CheckState, verify_deployment
from mip_cli.chain.rpc import RpcClient
from mip_cli.config import Settings
from mip_cli.errors import MipError
from mip_cli.flows import deploy as deployment_flow
from mip_cli.progress import Progress
from mip_cli.store import files
from mip_cli.store.journal import FileJournal
from mip_cli.units import Address


@dataclass(frozen=True)
class DevChain:
    """A running local chain with the suite on it."""

    running: Running
    """The node."""
    deployment: Deployment
    """What stands where."""
    created: int
    """How many contracts this run deployed."""
    account: Address
    """A funded test account."""
    key: str
    """Its well-known key; worthless anywhere else."""
    key_file: Path
    """The same key as a file, for ``--key-file``."""


@dataclass(frozen=True)
class DevStatus:
    """What is known of the local chain."""

    running: Running | None
    """The node, None when none was started here or it is gone."""
    checks: tuple[Check, ...]
    """Whether what stands on it is what should; empty without a node."""

    @property
    def healthy(self) -> bool:
        """Whether it runs and nothing is wrong."""
        return self.running is not None and all(
            check.state is not CheckState.FAIL for check in self.checks
        )


@dataclass(frozen=True)
class Advanced:
    """A local chain whose clock was put forward."""

    running: Running
    """The node."""
    now: int
    """Unix time of its newest block."""


def up(
    settings: Settings,
    progress: Progress,
    *,
    node: Node = Node.ANVIL,
    port: int = 8545,
    fresh: bool = False,
    block_time: int | None = None,
) -> DevChain:
    """Start a local chain unless it runs, put the suite on it, and leave it running.

    Raises ``UsageFault`` when the port is taken, ``ToolMissing`` without a node program,
    ``ArtifactMismatch`` before anything is started when contracts or keys are not built.
    """
    deployment_flow.load_suite(settings, examples=True)
    devnet = _devnet(settings)
    files.ensure_private_dir(settings.data_dir)
    progress.step(f"starting {node.value}")
    running = devnet.start(node, port=port, fresh=fresh, block_time=block_time)
    rpc = RpcClient(running.url)
    try:
        journal = FileJournal(devnet.folder / "journal")
        done = deployment_flow.deploy(settings, rpc, developer_signer(0), journal, progress)
    finally:
        rpc.close()
    key_file = devnet.folder / "test.key"
    files.atomic_write(key_file, (TEST_KEYS[DEVELOPER] + "\n").encode())
    return DevChain(
        running=running,
        deployment=done.deployment,
        created=done.created,
        account=developer_signer(DEVELOPER).address,
        key=TEST_KEYS[DEVELOPER],
        key_file=key_file,
    )


def status(settings: Settings) -> DevStatus:
    """Look at the local chain without changing anything."""
    running = _devnet(settings).running()
    if running is None:
        return DevStatus(None, ())
    rpc = RpcClient(running.url, timeout=5, attempts=1)
    try:
        deployment = deployment_flow.load_deployment(settings, CHAIN_ID)
        checks = verify_deployment(rpc, deployment, deployment_flow.key_words(settings))
    except MipError as error:
        checks = [Check("deployment", CheckState.FAIL, error.message, error.hint)]
    finally:
        rpc.close()
    return DevStatus(running, tuple(checks))


def advance(settings: Settings, seconds: int) -> Advanced:
    """Put the clock of the local chain forward: what must wait two days need not here.

    Acts on the node that ``up`` started, and only on that. Raises ``EnvironmentFault`` when none
    runs.
    """
    running, now = _devnet(settings).advance(seconds)
    return Advanced(running, now)


def down(settings: Settings) -> Running | None:
    """Stop the node that ``up`` started, and only that; None when none runs."""
    return _devnet(settings).stop()


def _devnet(settings: Settings) -> Devnet:
    return Devnet(settings.data_dir / "devnet", settings.checkout)
