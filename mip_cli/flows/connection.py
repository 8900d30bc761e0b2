"""A checked way to the chain: right chain id, expected contracts, the tree of passports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mip_cli.chain.deployments import Deployment
from mip_cli.chain.index import TreeIndex, replay, sync
from mip_cli.chain.inspection import require_deployment
from mip_cli.chain.registry import Registry
from mip_cli.chain.rpc import RpcClient
from mip_cli.config import Settings
from mip_cli.errors import EnvironmentFault
from mip_cli.flows.deploy import CIRCUIT, load_deployment
from mip_cli.progress import Progress
from mip_cli.store import files
from mip_cli.store.journal import FileJournal
from mip_cli.zk.artifacts import load_key

MAX_TREE_BYTES = 96 * 1024 * 1024
"""A full tree of 2^20 leaves takes 64 MiB."""


@dataclass(frozen=True)
class Connection:
    """A node that serves the chain and the contracts of a known deployment."""

    rpc: RpcClient
    """The node."""
    deployment: Deployment
    """What stands where."""
    registry: Registry
    """The passport registry there."""

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        return self.deployment.chain_id


@contextmanager
def connect(settings: Settings) -> Iterator[Connection]:
    """Open the node of the settings and check that it serves the recorded contracts.

    Raises ``NetworkDown``, ``WrongChain`` for other code or another verifying key than recorded,
    ``EnvironmentFault`` when nothing is known to be deployed on its chain.
    """
    with closing(RpcClient(settings.rpc_url)) as rpc:
        deployment = load_deployment(settings, rpc.chain_id())
        key = load_key(settings, CIRCUIT)
        require_deployment(rpc, deployment, key.key.evm_words())
        yield Connection(rpc, deployment, Registry(rpc, deployment.registry))


def journal(settings: Settings) -> FileJournal:
    """Return the transaction journal of this device."""
    return FileJournal(settings.data_dir / "journal")


def tree(settings: Settings, link: Connection, progress: Progress) -> TreeIndex:
    """Return the passport tree as of the newest block, from a cache where it can be."""
    path = _tree_path(settings, link)
    index, fresh = sync(
        link.rpc,
        link.registry.address,
        link.chain_id,
        link.deployment.block,
        _read_cache(path),
        progress,
    )
    if fresh is not None:
        files.ensure_private_dir(path.parent)
        files.atomic_write(path, fresh)
    return index


def earlier_tree(
    settings: Settings, link: Connection, now: TreeIndex, root: int
) -> TreeIndex | None:
    """Return the passport tree as it was when a root was current, None when it never was."""
    return replay(link.rpc, now, root, _read_cache(_tree_path(settings, link)))


def _tree_path(settings: Settings, link: Connection) -> Path:
    name = f"{link.chain_id}-{link.registry.address.lower()}.tree"
    return settings.cache_dir / "trees" / name


def _read_cache(path: Path) -> bytes | None:
    try:
        return files.read_bounded(path, MAX_TREE_BYTES, what="tree cache")
    except (EnvironmentFault, OSError):
        return None  # a cache that cannot be read is built anew
