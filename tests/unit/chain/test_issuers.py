"""The issuers of a registry from its events: what a lying node and a busy registry may do."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from mip_cli.chain.abi import address_word, pack_words, selector
from mip_cli.chain.faults import NodeUntrusted
from mip_cli.chain.issuers import (
    CHANGED,
    PUBLISHED,
    REGISTERED,
    RESUMED,
    SUSPENDED,
    IssuerRegistry,
    IssuerStatus,
)
from mip_cli.crypto import babyjubjub as curve
from mip_cli.crypto.credential import ISSUER_LEVELS, issuer_leaf
from mip_cli.crypto.field import R
from mip_cli.crypto.quad_tree import QuadTree
from mip_cli.progress import Silent
from mip_cli.units import Address
from tests.unit.chain.conftest import Node, reply

REGISTRY = Address("0x5FbDB2315678afecb367f032d93F642f64180aa3")
NOW = 1_900_000_010
FOREVER = 2**256 - 1


def key(number: int) -> curve.Point:
    return curve.multiply_base(number + 1)


class Chain:
    """A node that shows some events, a root and the roots accepted before."""

    def __init__(self, node: Node) -> None:
        self.logs: list[dict[str, object]] = []
        self.root = 0
        self.accepted: list[tuple[int, int]] = []
        node.behave = self.answer
        self.registry = IssuerRegistry(node.client(), REGISTRY)

    def event(self, kind: bytes, number: int, *words: int, topics: int = 2) -> None:
        head = [kind, number.to_bytes(32, "big")]
        if kind in (REGISTERED, CHANGED):
            head.append(address_word(REGISTRY))
        self.logs.append(
            {
                "address": REGISTRY,
                "topics": ["0x" + word.hex() for word in head[: max(topics, len(head))]],
                "data": "0x" + pack_words(words).hex(),
                "blockNumber": hex(5 + len(self.logs)),
                "logIndex": "0x0",
            }
        )

    def register(self, number: int, name: bytes = b"City") -> None:
        padded = int.from_bytes(name.ljust(32, b"\0"), "big")
        self.event(REGISTERED, number, *key(number), 96, len(name), padded)

    def answer(self, handler: BaseHTTPRequestHandler, asked: Any) -> None:
        reply(handler, {"id": asked["id"], "result": self.one(asked)})

    def one(self, asked: Any) -> object:
        match asked["method"]:
            case "eth_blockNumber":
                return hex(100)
            case "eth_getLogs":
                return self.wanted(asked["params"][0]["topics"][0])
            case "eth_getBlockByNumber":
                return {"number": hex(100), "hash": "0x" + "07" * 32, "timestamp": hex(NOW)}
            case "eth_call":
                called = bytes.fromhex(asked["params"][0]["data"][2:10])
                if called == selector("root()"):
                    return "0x" + pack_words([self.root]).hex()
                assert called == selector("accepted_roots()")
                flat = [value for row in self.accepted for value in row]
                return "0x" + pack_words([32, len(self.accepted), *flat]).hex()
        raise AssertionError(asked["method"])

    def wanted(self, kinds: list[str]) -> list[dict[str, object]]:
        return [log for log in self.logs if log["topics"][0] in kinds]  # type: ignore[index]

    def everyone(self) -> Any:
        return self.registry.everyone(1, Silent())


def tree(leaves: dict[int, int]) -> QuadTree:
    return QuadTree(ISSUER_LEVELS, leaves)


@pytest.fixture
def chain(node: Node) -> Chain:
    return Chain(node)


def test_everyone__is_what_the_events_left(chain: Chain) -> None:
    for number in range(4):
        chain.register(number)
    chain.event(PUBLISHED, 1, 1, 77)
    chain.event(SUSPENDED, 2)
    chain.event(SUSPENDED, 3)
    chain.event(RESUMED, 3)
    chain.event(CHANGED, 0, *key(9))
    leaves = {0: issuer_leaf(key(9), 0), 1: issuer_leaf(key(1), 77), 3: issuer_leaf(key(3), 0)}
    chain.root = tree(leaves).root
    found = chain.everyone()
    assert found.tree.root == chain.root
    assert found.lasting is None
    assert [r.status for r in found.records.values()] == [
        IssuerStatus.ACTIVE,
        IssuerStatus.ACTIVE,
        IssuerStatus.SUSPENDED,
        IssuerStatus.ACTIVE,
    ]
    assert (found.records[1].version, found.records[1].revocation_root) == (1, 77)
    assert found.records[0].key == key(9)


@pytest.mark.thorough
def test_everyone__with_another_root__is_not_believed(chain: Chain) -> None:
    chain.register(0)
    chain.root = issuer_leaf(key(0), 0)
    with pytest.raises(NodeUntrusted, match="do not lead"):
        chain.everyone()


@pytest.mark.parametrize(
    "lie",
    [
        lambda c: c.event(REGISTERED, 2**255, *key(0), 96, 0),
        lambda c: c.event(REGISTERED, 65_536, *key(0), 96, 0),
        lambda c: c.event(PUBLISHED, 5, 1, 77),
        lambda c: c.register(0),
        lambda c: c.event(PUBLISHED, 0, 1, R),
        lambda c: c.event(CHANGED, 0, R, 1),
    ],
)
def test_event__that_cannot_be__is_not_believed(chain: Chain, lie: Any) -> None:
    chain.register(0)
    chain.root = tree({0: issuer_leaf(key(0), 0)}).root
    assert chain.everyone().records.keys() == {0}
    lie(chain)
    with pytest.raises(NodeUntrusted):
        chain.everyone()


@pytest.mark.thorough
def test_name__that_is_no_text__stops_nobody(chain: Chain) -> None:
    chain.register(0, b"City")
    chain.register(1, b"\xff\xfe")
    chain.event(REGISTERED, 2, *key(2), 96, 2**200, 0)
    names = chain.registry.names(1, Silent())
    assert names[0] == "City"
    assert names[1] == "\ufffd\ufffd"
    assert len(names[2]) <= 96


def busy(chain: Chain, *, life: int) -> None:
    """Let somebody register in this very minute, after an issuer of an earlier one."""
    chain.register(0)
    chain.register(1)
    before = tree({0: issuer_leaf(key(0), 0)}).root
    chain.root = tree({n: issuer_leaf(key(n), 0) for n in (0, 1)}).root
    chain.accepted = [(chain.root, FOREVER), (before, NOW + life)]


def test_root_of_this_minute__an_earlier_one_lasts(chain: Chain) -> None:
    busy(chain, life=3595)
    found = chain.everyone()
    assert found.lasting is not None
    assert found.lasting.root == chain.accepted[1][0]
    assert found.tree_for([0]) is found.lasting
    # the one who came this minute is not in it, and nobody is taken for absent
    assert found.tree_for([1]) is found.tree
    assert found.tree_for([0, 1]) is found.tree


@pytest.mark.thorough
def test_root_of_an_earlier_minute__is_taken_as_it_is(chain: Chain) -> None:
    busy(chain, life=3600 - 60)
    assert chain.everyone().lasting is None


def test_earlier_root__about_to_end__is_not_taken(chain: Chain) -> None:
    busy(chain, life=59)
    assert chain.everyone().lasting is None


def test_revocation_of_this_minute__counts(chain: Chain) -> None:
    """The earlier root lives on, but not for who revoked: his holders prove under the newest."""
    chain.register(0)
    chain.register(1)
    before = tree({n: issuer_leaf(key(n), 0) for n in (0, 1)}).root
    chain.event(PUBLISHED, 1, 1, 77)
    leaves = {0: issuer_leaf(key(0), 0), 1: issuer_leaf(key(1), 77)}
    chain.root = tree(leaves).root
    chain.accepted = [(chain.root, FOREVER), (before, NOW + 118)]
    found = chain.everyone()
    assert found.tree_for([0]) is found.lasting
    assert found.tree_for([1]) is found.tree
