"""A checked way to the chain: right chain id, expected contracts, the tree of passports."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mip_cli.chain.deployments import Deployment
from mip_cli.chain.epochs import PseudonymEpochs
from mip_cli.chain.history import present_leaf
from mip_cli.chain.index import TreeIndex, replay, sync
from mip_cli.chain.inspection import require_deployment
from mip_cli.chain.logs import next_time, time_of
from mip_cli.chain.recovery import Recovery
from mip_cli.chain.registry import LeafOpening, Registry
from mip_cli.chain.rpc import RpcClient
from mip_cli.chain.tx import final_after
from mip_cli.chain.watch import Watch, watch
from mip_cli.config import LOCAL_CHAIN_IDS, Settings
from mip_cli.errors import EnvironmentFault
from mip_cli.flows.deploy import key_words, known
from mip_cli.progress import Progress
from mip_cli.store import files
from mip_cli.store.journal import FileJournal
from mip_cli.units import Address, Commitment

MAX_TREE_BYTES = 96 * 1024 * 1024
"""A full tree of 2^20 leaves takes 64 MiB."""


@dataclass(frozen=True)
class Final:
    """A block that is final."""

    tag: str
    """What a node calls it by."""
    time: int
    """Its Unix time."""


@dataclass(frozen=True)
class Connection:
    """A node that serves the chain and the contracts of a known deployment."""

    rpc: RpcClient
    """The node."""
    deployment: Deployment
    """What stands where."""
    registry: Registry
    """The passport registry there."""
    recovery: Recovery
    """The guardian recovery that the registry names."""
    epochs: PseudonymEpochs
    """The pseudonym epochs of the registry: a part of its grants."""

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        return self.deployment.chain_id

    def clock(self) -> float:
        """Return the Unix time to reckon deadlines from.

        A local chain may have been put forward (``mip dev advance``), so there it is the chain's
        own time. No other node is trusted with it.
        """
        own = time.time()
        return max(own, next_time(self.rpc)) if self.chain_id in LOCAL_CHAIN_IDS else own

    def final(self) -> Final:
        """Return the newest block that no re-org undoes; what may be destroyed is judged by it."""
        tag = "latest" if final_after(self.chain_id) <= 1 else hex(self.final_block())
        return Final(tag, time_of(self.rpc, tag))

    def final_block(self) -> int:
        """Return the number of the newest block that no re-org undoes."""
        return max(0, self.rpc.block_number() - final_after(self.chain_id) + 1)


@contextmanager
def connect(settings: Settings) -> Iterator[Connection]:
    """Open the node of the settings and check that it serves the recorded contracts.

    Raises ``NetworkDown``, ``WrongChain`` for other code or another verifying key than recorded,
    ``EnvironmentFault`` when nothing is known to be deployed on its chain. A device without
    any record looks for the suite of this build at its addresses, and notes it.
    """
    with closing(RpcClient(settings.rpc_url)) as rpc:
        deployment = known(settings, rpc)
        require_deployment(rpc, deployment, key_words(settings))
        yield Connection(
            rpc,
            deployment,
            Registry(rpc, deployment.registry),
            Recovery(rpc, deployment.recovery),
            PseudonymEpochs(rpc, deployment.grants),
        )


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


def leaf_on_chain(
    link: Connection, identity_commitment: Commitment, anchor: Address, progress: Progress
) -> LeafOpening | None:
    """Return the opening of a passport's leaf as the chain has it now; None when not enrolled."""
    start = link.deployment.block
    return present_leaf(link.registry, identity_commitment, anchor, start, progress)


def under_way(
    link: Connection, identity_commitment: Commitment, anchor: Address, progress: Progress
) -> Watch:
    """Return what threatens a passport, or helps it: requests and changes with their times."""
    registry, start = link.registry.address, link.deployment.block
    return watch(link.recovery, registry, identity_commitment, anchor, start, progress)


def _tree_path(settings: Settings, link: Connection) -> Path:
    name = f"{link.chain_id}-{link.registry.address.lower()}.tree"
    return settings.cache_dir / "trees" / name


def _read_cache(path: Path) -> bytes | None:
    try:
        return files.read_bounded(path, MAX_TREE_BYTES, what="tree cache")
    except (EnvironmentFault, OSError):
        return None  # a cache that cannot be read is built anew
