"""The registry of issuers as Python values: reads, calls, the tree by its events (section 20)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from mip_cli.chain.abi import address_word, checksum, pack_words, topic, words
from mip_cli.chain.contract import BoundContract
from mip_cli.chain.faults import NodeUntrusted
from mip_cli.chain.logs import read_logs
from mip_cli.chain.values import Call, Receipt
from mip_cli.crypto.babyjubjub import Point
from mip_cli.crypto.binding import word
from mip_cli.crypto.credential import ISSUER_LEVELS, issuer_leaf
from mip_cli.crypto.quad_tree import QuadTree
from mip_cli.progress import Progress
from mip_cli.units import Address

REGISTERED = topic("IssuerRegistered(uint256,address,uint256,uint256,string)")
PUBLISHED = topic("RevocationsPublished(uint256,uint256,uint256)")
SUSPENDED = topic("IssuerSuspended(uint256)")
RESUMED = topic("IssuerResumed(uint256)")
CHANGED = topic("ChangeFinished(uint256,address,uint256,uint256)")
LEAF_EVENTS = (REGISTERED, PUBLISHED, SUSPENDED, RESUMED, CHANGED)
"""Every event after which a leaf is another one."""
MAX_NAME = 96
"""UTF-8 bytes of an issuer's name."""


class IssuerStatus(IntEnum):
    """What the registry knows of an issuer."""

    UNKNOWN = 0
    ACTIVE = 1
    SUSPENDED = 2


@dataclass(frozen=True)
class IssuerRecord:
    """One issuer on chain."""

    number: int
    """Its place in the tree, what policies name."""
    controller: Address
    """Who publishes for it."""
    key: Point
    """The key that signs its credentials."""
    revocation_root: int
    """Of what it revoked; 0 for nothing."""
    version: int
    """How often it published."""
    published_at: int
    """Unix time of the last publication."""
    status: IssuerStatus

    @property
    def leaf(self) -> int:
        """Its leaf, 0 unless it is active."""
        if self.status is not IssuerStatus.ACTIVE:
            return 0
        return issuer_leaf(self.key, self.revocation_root)


@dataclass(frozen=True)
class IssuerSet:
    """All issuers as of one block."""

    records: Mapping[int, IssuerRecord]
    """By number."""
    tree: QuadTree
    """The tree whose root proofs refer to."""


class IssuerRegistry(BoundContract):
    """Reads the registry of issuers and builds its calls."""

    def issuer(self, number: int) -> IssuerRecord:
        """Return an issuer; its status says when there is none."""
        return self._record(number, "latest")

    def hasher(self) -> Address:
        """Return the Poseidon2 contract it was built with."""
        return self._address("HASHER()")

    def root(self) -> int:
        """Return the present root, 0 while nobody is active."""
        return self._words("root()", b"", 1)[0]

    def is_known_root(self, root: int) -> bool:
        """Tell whether proofs under a root are accepted now."""
        return self._words("is_known_root(uint256)", word(root), 1)[0] == 1

    def everyone(self, first_block: int, progress: Progress) -> IssuerSet:
        """Return all issuers, whom events name, held against the root of one block.

        Whoever shows a credential reads all of them: the node does not learn whose it is. Raises
        ``NodeUntrusted`` when they do not lead to that block's root.
        """
        last = self.rpc.block_number()
        logs = read_logs(self.rpc, self.address, [LEAF_EVENTS], first_block, last, progress)
        numbers = sorted({int.from_bytes(log.topics[1], "big") for _, log in logs})
        tag = hex(last)
        records = {number: self._record(number, tag) for number in numbers}
        leaves = {number: record.leaf for number, record in records.items()}
        tree = QuadTree(ISSUER_LEVELS, leaves)
        if tree.root != self._words("root()", b"", 1, block=tag)[0]:
            raise NodeUntrusted("the issuers that the node shows do not lead to the present root")
        return IssuerSet(records, tree)

    def _record(self, number: int, tag: str) -> IssuerRecord:
        found = self._words("issuer(uint256)", word(number), 7, block=tag)
        controller, x, y, root, version, published_at, status = found
        if controller >> 160 or status > max(IssuerStatus):
            raise NodeUntrusted("the registry of issuers answers nonsense")
        return IssuerRecord(
            number,
            checksum(controller),
            (x, y),
            root,
            version,
            published_at,
            IssuerStatus(status),
        )

    def register(self, key: Point, name: str) -> Call:
        """Build the registration of an issuer; the sender becomes its controller."""
        data = name.encode()
        if not 0 < len(data) <= MAX_NAME:
            raise ValueError(f"an issuer's name has 1 to {MAX_NAME} bytes")
        body = pack_words([*key, 96, len(data)]) + data + bytes(-len(data) % 32)
        return self._call("register(uint256,uint256,string)", body)

    def publish(self, number: int, version: int, root: int) -> Call:
        """Build the publication of a revocation root; ``version`` is the present one."""
        return self._call("publish(uint256,uint256,uint256)", pack_words([number, version, root]))

    def suspend(self, number: int) -> Call:
        """Build the suspension of an issuer."""
        return self._call("suspend(uint256)", word(number))

    def resume(self, number: int) -> Call:
        """Build the end of a suspension."""
        return self._call("resume(uint256)", word(number))

    def propose(self, number: int, key: Point, controller: Address) -> Call:
        """Build the announcement of another key and controller."""
        data = pack_words([number, *key]) + address_word(controller)
        return self._call("propose(uint256,uint256,uint256,address)", data)

    def finish(self, number: int) -> Call:
        """Build the end of a change whose delay is over."""
        return self._call("finish(uint256)", word(number))

    def registered(self, receipt: Receipt) -> int:
        """Return the number that a registration gave; raise ``NodeUntrusted`` without one."""
        for log in receipt.logs:
            if log.address == self.address and log.topics[:1] == (REGISTERED,):
                words(log.data[:96], 3)
                return int.from_bytes(log.topics[1], "big")
        raise NodeUntrusted("the registration left no event")
