"""Grants as Python values: digests as wallets make them, hostile answers, every kind of event."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from mip_cli.chain.faults import NodeUntrusted
from mip_cli.chain.grants import (
    ISSUED,
    RENOUNCED,
    REVOKED,
    USED,
    GrantIssued,
    GrantRenounced,
    GrantRevoked,
    GrantState,
    GrantUsed,
    PermissionGrants,
    Terms,
    category_id,
    decode,
    domain_separator,
    grant_payload,
)
from mip_cli.chain.rpc import RpcClient
from mip_cli.chain.values import Log, Receipt
from mip_cli.crypto.binding import keccak256, word
from mip_cli.units import Address
from tests.unit.chain.conftest import Node, result

CONTRACT = Address("0x5FbDB2315678afecb367f032d93F642f64180aa3")
GRANTEE = Address("0x00000000000000000000000000000000DeaDBeef")
OTHER = Address("0x70997970C51812dc3A010C7d01b50e0d17dc79C8")
RECEIPT = bytes(range(32))
TERMS = Terms(GRANTEE, "lend on my finance records", "finance", 2, 1_900_000_000, 5, RECEIPT)
STATE = GrantState(GRANTEE, 2, 1000, 3, 4, 7, RECEIPT)
FIELDS = (
    *(("grantee", "address"), ("purpose", "bytes32"), ("category", "bytes32")),
    *(("level", "uint256"), ("expires", "uint256"), ("uses", "uint256"), ("receipt", "bytes32")),
    *(("epoch", "uint256"), ("sequence", "uint256")),
)


def document(terms: Terms, epoch: int, sequence: int, chain_id: int = 31337) -> dict[str, object]:
    domain = (("name", "string"), ("version", "string"), ("chainId", "uint256"))
    values = (
        *(terms.grantee, keccak256(terms.purpose.encode()), category_id(terms.category)),
        *(terms.level, terms.expires, terms.uses, terms.receipt, epoch, sequence),
    )
    return {
        "types": {
            "EIP712Domain": [
                *({"name": n, "type": t} for n, t in domain),
                {"name": "verifyingContract", "type": "address"},
            ],
            "Grant": [{"name": n, "type": t} for n, t in FIELDS],
        },
        "primaryType": "Grant",
        "domain": {
            "name": "MIP PermissionGrants",
            "version": "1",
            "chainId": chain_id,
            "verifyingContract": CONTRACT,
        },
        "message": dict(zip((n for n, _ in FIELDS), values, strict=True)),
    }


@given(
    level=st.integers(0, 3),
    expires=st.integers(0, 2**34),
    uses=st.integers(1, 2**32 - 1),
    epoch=st.integers(0, 2**28),
    sequence=st.integers(1, 2**64),
    chain_id=st.integers(1, 2**64),
)
def test_payload__is_the_digest_a_wallet_makes(
    level: int, expires: int, uses: int, epoch: int, sequence: int, chain_id: int
) -> None:
    terms = replace(TERMS, level=level, expires=expires, uses=uses)
    signable = encode_typed_data(full_message=document(terms, epoch, sequence, chain_id))
    expected = keccak256(b"\x19" + signable.version + signable.header + signable.body)
    assert grant_payload(chain_id, CONTRACT, terms, epoch, sequence) == expected
    assert domain_separator(chain_id, CONTRACT) == signable.header


def test_payload__every_value_counts() -> None:
    payload = grant_payload(31337, CONTRACT, TERMS, 0, 1)
    others = {
        grant_payload(31337, CONTRACT, replace(TERMS, grantee=OTHER), 0, 1),
        grant_payload(31337, CONTRACT, replace(TERMS, purpose="p"), 0, 1),
        grant_payload(31337, CONTRACT, replace(TERMS, category="health"), 0, 1),
        grant_payload(31337, CONTRACT, replace(TERMS, receipt=bytes(32)), 0, 1),
        grant_payload(31337, CONTRACT, TERMS, 1, 1),
        grant_payload(31337, CONTRACT, TERMS, 0, 2),
        grant_payload(31338, CONTRACT, TERMS, 0, 1),
        grant_payload(31337, OTHER, TERMS, 0, 1),
    }
    assert len(others | {payload}) == 9


def test_terms__receipt_of_another_length__refused() -> None:
    assert len(TERMS.packed) == 7 * 32
    for size in (31, 33):
        with pytest.raises(ValueError, match="32 bytes"):
            _ = replace(TERMS, receipt=bytes(size)).packed
    grants = PermissionGrants(RpcClient("http://127.0.0.1:1"), CONTRACT)
    grants.use(1, "finance", 2, bytes(32))
    with pytest.raises(ValueError, match="32 bytes"):
        grants.use(1, "finance", 2, bytes(31))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"now": 999}, None),
        ({"level": 0}, None),
        ({"now": 1000}, "grants: grant has expired"),
        ({"level": 3}, "grants: level is not granted"),
        ({"epoch": 5}, "grants: grant was voided by its holder"),
        ({"epoch": 3}, "grants: grant was voided by its holder"),
        ({"grantee": OTHER}, "grants: sender is not the grantee"),
    ],
)
def test_state__says_what_the_contract_would(change: dict[str, object], reason: str | None) -> None:
    asked = {"grantee": GRANTEE, "level": 2, "epoch": 4, "now": 500} | change
    assert STATE.fault(**asked) == reason  # type: ignore[arg-type]
    assert STATE.fault(GRANTEE.lower(), 2, 4, 500) is None
    used_up = replace(STATE, uses_left=0)
    assert used_up.fault(GRANTEE, 2, 4, 500) == "grants: grant is used up"
    nothing = GrantState(Address("0x" + "00" * 20), 0, 0, 0, 0, 7, bytes(32))
    assert not nothing.exists
    assert nothing.fault("0x" + "00" * 20, 0, 0, 0) == "grants: nothing is granted"


def answer(*values: int) -> str:
    return "0x" + b"".join(word(v) for v in values).hex()


def test_grant_of__an_answer_that_cannot_be__refused(node: Node) -> None:
    grants = PermissionGrants(node.client(), CONTRACT)
    good = [int(GRANTEE, 16), 2, 1000, 3, 4, 7, int.from_bytes(RECEIPT, "big")]
    node.behave = result(answer(*good))
    assert grants.grant_of(5, "finance") == STATE
    for place, bad in ((0, 1 << 160), (1, 4), (3, 2**32)):
        node.behave = result(answer(*good[:place], bad, *good[place + 1 :]))
        with pytest.raises(NodeUntrusted, match="cannot be"):
            grants.grant_of(5, "finance")
    node.behave = result(answer(*good[:6]))
    with pytest.raises(NodeUntrusted, match="too little data"):
        grants.grant_of(5, "finance")


FINANCE = category_id("finance")
ISSUED_LOG = Log(
    CONTRACT,
    (ISSUED, word(5), word(int(GRANTEE, 16)), FINANCE),
    b"".join(word(v) for v in (2, 1000, 3, 4, 7)) + RECEIPT,
)
EVENTS = [
    (ISSUED_LOG, GrantIssued(5, FINANCE, GRANTEE, 2, 1000, 3, 4, 7, RECEIPT)),
    (Log(CONTRACT, (REVOKED, word(5), FINANCE), word(8)), GrantRevoked(5, FINANCE, 8)),
    (Log(CONTRACT, (RENOUNCED, word(5), FINANCE), b""), GrantRenounced(5, FINANCE)),
    (
        Log(CONTRACT, (USED, word(5), FINANCE), word(2) + word(1) + RECEIPT),
        GrantUsed(5, FINANCE, 2, 1, RECEIPT),
    ),
]


@pytest.mark.parametrize(("log", "event"), EVENTS, ids=[type(e).__name__ for _, e in EVENTS])
def test_decode__each_event(log: Log, event: object) -> None:
    assert decode(log) == event
    for broken in (
        replace(log, data=log.data + bytes(32)),
        replace(log, data=log.data[:-1] if log.data else b"\0"),
        replace(log, topics=log.topics[:-1]),
        replace(log, topics=(*log.topics, FINANCE)),
    ):
        with pytest.raises(NodeUntrusted, match="broken event"):
            decode(broken)


def test_decode__unknown__refused() -> None:
    for topics in ((keccak256(b"Other()"), word(5), FINANCE), ()):
        with pytest.raises(NodeUntrusted, match="not known"):
            decode(Log(CONTRACT, topics, b""))
    wide = (ISSUED, word(5), word(1 << 160), FINANCE)
    with pytest.raises(NodeUntrusted, match="broken event"):
        decode(replace(ISSUED_LOG, topics=wide))


def test_events_in__are_those_of_the_contract() -> None:
    logs = (EVENTS[0][0], replace(EVENTS[1][0], address=OTHER), EVENTS[3][0])
    receipt = Receipt(bytes(32), 1, bytes(32), 1, 1, True, logs)
    grants = PermissionGrants(RpcClient("http://127.0.0.1:1"), CONTRACT)
    assert grants.events_in(receipt) == [EVENTS[0][1], EVENTS[3][1]]


def test_history__asks_for_the_pseudonyms(node: Node) -> None:
    log = EVENTS[1][0]
    raw = {
        "address": CONTRACT,
        "topics": ["0x" + topic.hex() for topic in log.topics],
        "data": "0x" + log.data.hex(),
        "blockNumber": "0x9",
        "logIndex": "0x0",
    }
    grants = PermissionGrants(node.client(), CONTRACT)
    node.behave = result([raw])
    assert grants.history([4, 5], 1, 10) == [(9, EVENTS[1][1])]
    with pytest.raises(NodeUntrusted, match="not asked for"):
        grants.history([4], 1, 10)
    before = node.requests
    assert grants.history([], 1, 10) == []
    assert node.requests == before
