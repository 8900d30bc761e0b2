"""Local chains for tests: real nodes in private folders, ended by those who started them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest

from mip_cli.chain.deployments import Deployment
from mip_cli.chain.devnet import Devnet, Node, Running, developer_signer
from mip_cli.chain.registry import Registry
from mip_cli.chain.rpc import RpcClient
from mip_cli.chain.tx import Sender
from mip_cli.config import Settings, find_checkout, load_settings
from mip_cli.flows import deploy as deployment_flow
from mip_cli.progress import Silent
from mip_cli.store.journal import FileJournal
from tests.head_start import copy_parts, session_folder, warm
from tests.ports import unused_port


@dataclass(frozen=True)
class LocalChain:
    """A node of our own, with the suite on it when it was asked for."""

    settings: Settings
    running: Running
    devnet: Devnet
    rpc: RpcClient
    deployment: Deployment | None

    @property
    def registry(self) -> Registry:
        assert self.deployment is not None
        return Registry(self.rpc, self.deployment.registry)

    def journal(self, name: str = "journal") -> FileJournal:
        return FileJournal(self.settings.data_dir / name)

    def sender(self, account: int = 1, journal: str = "journal", **options: object) -> Sender:
        return Sender(
            self.rpc,
            developer_signer(account),
            self.journal(journal),
            31337,
            **options,  # type: ignore[arg-type]
        )

    def nonce(self, account: int) -> int:
        address = developer_signer(account).address
        return int(self.rpc.call("eth_getTransactionCount", address, "latest"), 16)


@contextmanager
def running_chain(
    folder: Path, node: Node, *, deployed: bool = True, stopped: bool = True
) -> Iterator[LocalChain]:
    """A node, with the suite if so asked: one that was stopped with it on, or a new deployment.

    One that was stopped no longer tells since when code stands there.
    """
    checkout = find_checkout()
    assert checkout is not None, "integration tests run in a checkout"
    port = unused_port()
    settings = replace(
        load_settings({"HOME": str(folder)}),
        data_dir=folder / "data",
        cache_dir=folder / "cache",
        build_dir=checkout / "build",
        rpc_url=f"http://127.0.0.1:{port}",
        keyring="off",
    )
    warm(settings.cache_dir)
    stopped = stopped and deployed and node is Node.ANVIL
    if stopped:
        copy_parts(_stopped(), folder, ("devnet/state.json", "data/deployer", "data/deployments"))
    devnet = Devnet(folder / "devnet", checkout)
    running = devnet.start(node, port=port)
    rpc = RpcClient(running.url)
    try:
        deployment = None
        if deployed:
            journal = FileJournal(settings.data_dir / "deployer")
            signer = developer_signer(0)
            done = deployment_flow.deploy(settings, rpc, signer, journal, Silent())
            assert (done.created == 0) is stopped
            deployment = done.deployment
        yield LocalChain(settings, running, devnet, rpc, deployment)
    finally:
        rpc.close()
        devnet.stop()


@cache
def _stopped() -> Path:
    folder = session_folder()
    with running_chain(folder, Node.ANVIL, deployed=True, stopped=False):
        return folder


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalChain]:
    """One anvil with the suite for the whole session; tests must not break it for others."""
    with running_chain(tmp_path_factory.mktemp("chain"), Node.ANVIL, deployed=True) as found:
        yield found


@pytest.fixture
def start_chain(tmp_path: Path) -> Iterator[Callable[..., LocalChain]]:
    """Start chains that belong to one test: ``start_chain(Node.ANVIL, deployed=False)``."""
    with ExitStack() as stack:
        count = 0

        def start(node: Node = Node.ANVIL, **options: bool) -> LocalChain:
            nonlocal count
            count += 1
            folder = tmp_path / f"chain{count}"
            return stack.enter_context(running_chain(folder, node, **options))

        yield start


@pytest.fixture(scope="session")
def bare_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalChain]:
    """One anvil without contracts for the session; each test puts its state back."""
    with running_chain(tmp_path_factory.mktemp("bare"), Node.ANVIL, deployed=False) as found:
        yield found


@pytest.fixture
def free_port() -> int:
    """Return a TCP port on which nobody listens now."""
    return unused_port()
