"""The registry of issuers as Python values: reads, calls, the tree by its events (section 20)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum

from mip_cli.chain.abi import address_word, checksum, pack_words, topic, words
from mip_cli.chain.contract import BoundContract
from mip_cli.chain.faults import NodeUntrusted
from mip_cli.chain.logs import next_time, read_logs
from mip_cli.chain.registry import AcceptedRoot, closed_this_minute, parse_accepted_roots
from mip_cli.chain.values import Call, Log, Receipt
from mip_cli.crypto.babyjubjub import Point
from mip_cli.crypto.binding import keccak248, word
from mip_cli.crypto.claims import MAX_SCHEMA_BYTES
from mip_cli.crypto.credential import ISSUER_LEVELS, MAX_ISSUER, issuer_leaf
from mip_cli.crypto.field import is_canonical
from mip_cli.crypto.quad_tree import QuadTree
from mip_cli.progress import Progress
from mip_cli.units import Address

REGISTERED = topic("IssuerRegistered(uint256,address,uint256,uint256,string)")
PUBLISHED = topic("RevocationsPublished(uint256,uint256,uint256)")
SUSPENDED = topic("IssuerSuspended(uint256)")
RESUMED = topic("IssuerResumed(uint256)")
CHANGED = topic("ChangeFinished(uint256,address,uint256,uint256)")
SCHEMA = topic("SchemaPublished(uint256,address,bytes)")
LEAF_EVENTS = (REGISTERED, PUBLISHED, SUSPENDED, RESUMED, CHANGED)
"""Every event after which a leaf is another one."""
MAX_NAME = 96
"""UTF-8 bytes of an issuer's name."""
MIN_LIFE = 60
"""Seconds that an earlier root must still live to be worth a proof."""
_MAX_BACK = 1024  # changes looked back for it, more than blocks of a minute hold


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
    published_at: int | None
    """Unix time of the last publication; None when read from events."""
    status: IssuerStatus

    @property
    def leaf(self) -> int:
        """Its leaf, 0 unless it is active."""
        if self.status is not IssuerStatus.ACTIVE:
            return 0
        return issuer_leaf(self.key, self.revocation_root)


@dataclass(frozen=True)
class WaitingChange:
    """A change of an issuer's key and controller that was announced."""

    key: Point
    controller: Address
    ready_at: int
    """Unix time from which anybody can carry it out, within a week."""


@dataclass(frozen=True)
class IssuerSet:
    """All issuers as of one block."""

    records: Mapping[int, IssuerRecord]
    """By number."""
    tree: QuadTree
    """The tree of the newest root."""
    lasting: QuadTree | None = None
    """That of the root before it, when the newest is of the running minute: anybody can make that
    one worthless, by registering an issuer, before a proof under it arrives."""

    def tree_for(self, numbers: Iterable[int]) -> QuadTree:
        """Return the tree to prove some issuers in: the lasting one if none of them changed."""
        lasting = self.lasting
        if lasting and all(lasting.leaf(n) == self.tree.leaf(n) != 0 for n in numbers):
            return lasting
        return self.tree


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

    def accepted_roots(self) -> list[AcceptedRoot]:
        """Return every root that the registry accepts now, the current one first."""
        return parse_accepted_roots(self._read("accepted_roots()", b""))

    def everyone(self, first_block: int, progress: Progress) -> IssuerSet:
        """Return all issuers, whom events name, held against the root of one block.

        Whoever shows a credential reads all of them: the node does not learn whose it is. Raises
        ``NodeUntrusted`` when they do not lead to that block's root.
        """
        last = self.rpc.block_number()
        logs = read_logs(self.rpc, self.address, [LEAF_EVENTS], first_block, last, progress)
        records: dict[int, IssuerRecord] = {}
        earlier: list[tuple[int, int]] = []  # issuer, and its leaf before a change
        for _, log in logs:
            number = int.from_bytes(log.topics[1], "big") if len(log.topics) > 1 else -1
            before = records.get(number)
            records[number] = _after(log, number, before)
            earlier.append((number, before.leaf if before else 0))
        tree = _tree(records)
        if tree.root != self._words("root()", b"", 1, block=hex(last))[0]:
            raise NodeUntrusted("the issuers that the node shows do not lead to the present root")
        return IssuerSet(records, tree, self._lasting(records, earlier))

    def _lasting(
        self, records: Mapping[int, IssuerRecord], earlier: list[tuple[int, int]]
    ) -> QuadTree | None:
        closing, now = self.accepted_roots()[1:], next_time(self.rpc)
        if not closing or not closed_this_minute(closing[0], now):
            return None
        wanted = {found.root for found in closing if found.until - now >= MIN_LIFE}
        tree = _tree(records)
        for number, leaf in earlier[: -_MAX_BACK - 1 : -1]:
            tree.update({number: leaf})
            if tree.root in wanted:
                return tree
        return None

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

    def cancel(self, number: int) -> Call:
        """Build the end of a change that waits."""
        return self._call("cancel(uint256)", word(number))

    def change(self, number: int) -> WaitingChange | None:
        """Return the change of an issuer that waits, None without one."""
        x, y, controller, ready_at = self._words("change(uint256)", word(number), 4)
        if controller >> 160:
            raise NodeUntrusted("the registry of issuers answers nonsense")
        return WaitingChange((x, y), checksum(controller), ready_at) if ready_at else None

    def publish_schema(self, document: bytes) -> Call:
        """Build the publication of a schema in its one spelling."""
        body = pack_words([32, len(document)]) + document + bytes(-len(document) % 32)
        return self._call("publish_schema(bytes)", body)

    def schema_published_at(self, schema_id: int) -> int:
        """Return the Unix time at which a schema was published first, 0 if it was not."""
        return self._words("schema_published_at(uint256)", word(schema_id), 1)[0]

    def names(self, first_block: int, progress: Progress) -> dict[int, str]:
        """Return what each issuer calls itself; nobody checked it, control characters included."""
        last = self.rpc.block_number()
        logs = read_logs(self.rpc, self.address, [[REGISTERED]], first_block, last, progress)
        return {int.from_bytes(log.topics[1], "big"): _name(log) for _, log in logs}

    def schemas(self, first_block: int, progress: Progress) -> dict[int, bytes]:
        """Return the documents of published schemas by their ids, those that hash to them."""
        last = self.rpc.block_number()
        logs = read_logs(self.rpc, self.address, [[SCHEMA]], first_block, last, progress)
        found = {}
        for _, log in logs:
            size = words(log.data, 2)[1]
            document = log.data[64 : 64 + size]
            if size <= MAX_SCHEMA_BYTES and len(document) == size:
                found[keccak248(document)] = document
        return found

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


def _tree(records: Mapping[int, IssuerRecord]) -> QuadTree:
    return QuadTree(ISSUER_LEVELS, {number: record.leaf for number, record in records.items()})


def _after(log: Log, number: int, before: IssuerRecord | None) -> IssuerRecord:
    """Return what an event leaves of an issuer; raise ``NodeUntrusted`` for one that cannot be."""
    kind = log.topics[0]
    if not 0 <= number <= MAX_ISSUER or (before is None) != (kind == REGISTERED):
        raise NodeUntrusted("the node shows events of issuers that cannot be")
    if before is None:
        x, y = _elements(log, 2)
        controller = checksum(log.topics[2][-20:] if len(log.topics) > 2 else 0)
        return IssuerRecord(number, controller, (x, y), 0, 0, None, IssuerStatus.ACTIVE)
    if kind == PUBLISHED:
        version, root = _elements(log, 2)
        return replace(before, version=version, revocation_root=root)
    if kind == CHANGED:
        x, y = _elements(log, 2)
        controller = checksum(log.topics[2][-20:] if len(log.topics) > 2 else 0)
        return replace(before, controller=controller, key=(x, y))
    status = IssuerStatus.SUSPENDED if kind == SUSPENDED else IssuerStatus.ACTIVE
    return replace(before, status=status)


def _name(log: Log) -> str:
    # a contract takes any bytes for a text: one issuer's nonsense stops nobody from reading others
    size = words(log.data, 4)[3]
    return log.data[128 : 128 + min(size, MAX_NAME)].decode(errors="replace")


def _elements(log: Log, count: int) -> list[int]:
    found = words(log.data, count)
    if not all(map(is_canonical, found)):
        raise NodeUntrusted("the node shows events of issuers that cannot be")
    return found
