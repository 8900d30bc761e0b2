"""Events are asked for in ranges that a node takes, and only those asked for are believed."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler

import pytest

from mip_cli.chain.faults import NodeRefused, NodeUntrusted
from mip_cli.chain.logs import LOG_SPAN, block_at, headers, next_time, read_logs
from mip_cli.units import Address
from tests.unit.chain.conftest import Node, reply

CONTRACT = Address("0x5FbDB2315678afecb367f032d93F642f64180aa3")
KIND, OTHER_KIND, PASSPORT = (bytes([i]) * 32 for i in (1, 2, 3))
TOPICS = [(KIND, OTHER_KIND), (PASSPORT,)]
GENESIS = 1_900_000_000


def log(block: int, position: int = 0, **changes: object) -> dict[str, object]:
    return {
        "address": CONTRACT,
        "topics": ["0x" + KIND.hex(), "0x" + PASSPORT.hex()],
        "data": "0x" + bytes([block % 256]).hex(),
        "blockNumber": hex(block),
        "logIndex": hex(position),
        **changes,
    }


class Chain:
    """A chain with a block every twelve seconds and some events."""

    def __init__(self, node: Node, *, most: int = LOG_SPAN) -> None:
        self.logs: list[dict[str, object]] = []
        self.most = most
        self.height = 100_000
        self.asked: list[tuple[int, int]] = []
        node.behave = self.answer
        self.rpc = node.client()

    def answer(self, handler: BaseHTTPRequestHandler, asked: object) -> None:
        if isinstance(asked, list):
            reply(handler, [{"id": q["id"], **self.one(q)} for q in asked])
        else:
            reply(handler, {"id": asked["id"], **self.one(asked)})

    def one(self, question: dict[str, object]) -> dict[str, object]:
        if question["method"] == "eth_getBlockByNumber":
            return {"result": self.block(question["params"][0])}
        wish = question["params"][0]
        first, last = int(wish["fromBlock"], 16), int(wish["toBlock"], 16)
        self.asked.append((first, last))
        if last - first >= self.most:
            return {"error": {"code": -32005, "message": "query returned too many results"}}
        return {"result": [e for e in self.logs if first <= int(e["blockNumber"], 16) <= last]}

    def block(self, tag: str) -> dict[str, str] | None:
        number = self.height if tag == "latest" else self.height + 1
        if tag.startswith("0x"):
            number = int(tag, 16)
            if number > self.height:
                return None
        time = hex(GENESIS + 12 * number)
        if tag == "pending":
            return {"number": None, "hash": None, "timestamp": time}
        return {"number": hex(number), "hash": "0x" + f"{number:064x}", "timestamp": time}


@pytest.fixture
def chain(node: Node) -> Chain:
    return Chain(node)


def test_read_logs__in_ranges__gives_all_in_order(chain: Chain) -> None:
    blocks = [7, 5000, 5006, 12_000, 99_999]
    chain.logs = [log(b) for b in reversed(blocks)] + [log(7, 3), log(7, 1)]
    found = read_logs(chain.rpc, CONTRACT, TOPICS, 7, 99_999)
    assert [number for number, _ in found] == [7, 7, *blocks]
    assert max(last - first for first, last in chain.asked) < LOG_SPAN
    assert chain.asked[0][0] == 7
    ends = [last + 1 for _, last in chain.asked]
    assert [first for first, _ in chain.asked[1:]] == ends[:-1]
    assert ends[-1] == 100_000


def test_read_logs__a_node_with_a_smaller_limit__is_asked_for_less(node: Node) -> None:
    chain = Chain(node, most=100)
    chain.logs = [log(b) for b in (1, 99, 100, 101, 999)]
    found = read_logs(chain.rpc, CONTRACT, TOPICS, 0, 999)
    assert [number for number, _ in found] == [1, 99, 100, 101, 999]


def test_read_logs__a_node_that_refuses_one_block__is_an_error(node: Node) -> None:
    chain = Chain(node, most=0)
    with pytest.raises(NodeRefused, match="too many results"):
        read_logs(chain.rpc, CONTRACT, TOPICS, 0, 9)
    assert len(chain.asked) < 20


@pytest.mark.thorough
@pytest.mark.parametrize(
    "change",
    [
        {"address": "0x" + "11" * 20},
        {"topics": ["0x" + "44" * 32, "0x" + PASSPORT.hex()]},
        {"topics": ["0x" + KIND.hex(), "0x" + "44" * 32]},
        {"topics": ["0x" + KIND.hex()]},
        {"topics": []},
        {"removed": True},
    ],
)
def test_read_logs__an_event_that_was_not_asked_for__refused(chain: Chain, change) -> None:
    chain.logs = [log(3)]
    assert len(read_logs(chain.rpc, CONTRACT, TOPICS, 0, 9)) == 1
    chain.logs = [log(3, **change)]
    with pytest.raises(NodeUntrusted, match="not asked for"):
        read_logs(chain.rpc, CONTRACT, TOPICS, 0, 9)


def test_read_logs__of_another_block__refused(chain: Chain, monkeypatch) -> None:
    chain.logs = [log(30)]
    monkeypatch.setattr(chain, "one", lambda question: {"result": chain.logs})
    with pytest.raises(NodeUntrusted, match="not asked for"):
        read_logs(chain.rpc, CONTRACT, TOPICS, 0, 29)


def test_block_at__finds_the_first_that_is_not_older(chain: Chain) -> None:
    def at(moment, first=0):
        return block_at(chain.rpc, first, chain.height, moment)

    assert at(GENESIS + 12 * 500) == 500
    assert at(GENESIS + 12 * 500 + 1) == 501
    assert at(0) == 0
    assert at(0, first=77) == 77
    assert at(GENESIS + 12 * 200_000) == chain.height


@pytest.mark.thorough
def test_headers__a_missing_block__refused(chain: Chain) -> None:
    assert headers(chain.rpc, [5, 3, 5]).keys() == {3, 5}
    assert headers(chain.rpc, []) == {}
    with pytest.raises(NodeUntrusted, match="does not show block 100001"):
        headers(chain.rpc, [3, 100_001])


def test_next_time__is_that_of_the_pending_block_where_there_is_one(
    chain: Chain, monkeypatch
) -> None:
    newest = GENESIS + 12 * chain.height
    assert next_time(chain.rpc) == newest + 12
    own = chain.block
    monkeypatch.setattr(chain, "block", lambda tag: None if tag == "pending" else own(tag))
    assert next_time(chain.rpc) == newest
