"""Every call and payload of the contracts is what eth_abi makes of the specified signature."""

from __future__ import annotations

from typing import Any

import eth_abi
import pytest

from mip_cli.chain.enrolment import MAX_SIGNATURE, Enrollment
from mip_cli.chain.epochs import PseudonymEpochs, advance_payload
from mip_cli.chain.grants import PermissionGrants, Terms
from mip_cli.chain.keys import Signer
from mip_cli.chain.presentations import (
    LEAF,
    PRESENTATION,
    LeafOpening,
    encode_leaf,
    encode_presentation,
    encode_with_siblings,
)
from mip_cli.chain.recovery import (
    Recovery,
    change_payload,
    keep_payload,
    passport_id,
    request_payload,
)
from mip_cli.chain.registry import Registry, revoke_payload, update_payload
from mip_cli.chain.rpc import RpcClient
from mip_cli.crypto.binding import keccak256
from mip_cli.crypto.field import R
from mip_cli.models import Presentation
from mip_cli.units import TREE_DEPTH, Address, Commitment, Nullifier

ANCHOR = Signer(bytes(31) + b"\x05").address
CONTRACT = Address("0x5FbDB2315678afecb367f032d93F642f64180aa3")
OTHER = Address("0x00000000000000000000000000000000DeaDBeef")
SHOWN = Presentation(11, 2, Nullifier(13), ANCHOR, 17, 19, tuple(range(20, 28)))
TUPLE = (11, 2, 13, ANCHOR, 17, 19, tuple(range(20, 28)))
OPENING = LeafOpening(Commitment(3), ANCHOR, Commitment(5), Commitment(6))
ROW = (3, ANCHOR, 5, 6)
PROOF = tuple(range(30, 38))
ENTRY = Enrollment(Commitment(3), Commitment(4), Commitment(6), ANCHOR, 99, bytes(range(65)))
ENTRY_ROW = (3, 4, 6, ANCHOR, 99, bytes(range(65)))
ENTRY_TYPES = ["uint256", "uint256", "uint256", "address", "uint256", "bytes"]

RPC = RpcClient("http://127.0.0.1:1")
REGISTRY = Registry(RPC, CONTRACT)
RECOVERY = Recovery(RPC, CONTRACT)
EPOCHS = PseudonymEpochs(RPC, CONTRACT)
GRANTS = PermissionGrants(RPC, CONTRACT)
U, B = "uint256", "bytes32"
TERMS = Terms(OTHER, "a purpose", "finance", 2, 99, 5, bytes(range(32)))
TERMS_ROW = (OTHER, keccak256(b"a purpose"), keccak256(b"finance"), 2, 99, 5, bytes(range(32)))
TERMS_TYPE = "(address,bytes32,bytes32,uint256,uint256,uint256,bytes32)"

CALLS: list[tuple[Any, str, list[str], list[object]]] = [
    (REGISTRY.enroll(3, 4, 6), "enroll", [U, U, U], [3, 4, 6]),
    (REGISTRY.enroll_signed(ENTRY), "enroll_signed", ENTRY_TYPES, list(ENTRY_ROW)),
    (
        REGISTRY.enroll_batch([ENTRY] * 3),
        "enroll_batch",
        [f"({','.join(ENTRY_TYPES)})[]"],
        [[ENTRY_ROW] * 3],
    ),
    (
        REGISTRY.update(OPENING, 9, [7, 8], SHOWN),
        "update",
        [LEAF, U, "uint256[]", PRESENTATION],
        [ROW, 9, [7, 8], TUPLE],
    ),
    (
        REGISTRY.revoke(OPENING, [], SHOWN),
        "revoke",
        [LEAF, "uint256[]", PRESENTATION],
        [ROW, [], TUPLE],
    ),
    (
        RECOVERY.propose(OTHER, 3, ANCHOR, 9, SHOWN),
        "propose",
        ["address", U, "address", U, PRESENTATION],
        [OTHER, 3, ANCHOR, 9, TUPLE],
    ),
    (RECOVERY.approve(1, 2, 3, PROOF), "approve", [U, U, U, "uint256[8]"], [1, 2, 3, PROOF]),
    (
        RECOVERY.veto(OTHER, OPENING, 1, [7], SHOWN),
        "veto",
        ["address", LEAF, U, "uint256[]", PRESENTATION],
        [OTHER, ROW, 1, [7], TUPLE],
    ),
    (
        RECOVERY.execute(OTHER, OPENING, 1, [7, 8]),
        "execute",
        ["address", LEAF, U, "uint256[]"],
        [OTHER, ROW, 1, [7, 8]],
    ),
    (
        RECOVERY.propose_change(OTHER, OPENING, 1, 2, [7], SHOWN),
        "propose_change",
        ["address", LEAF, U, U, "uint256[]", PRESENTATION],
        [OTHER, ROW, 1, 2, [7], TUPLE],
    ),
    (
        RECOVERY.cancel_change(OTHER, OPENING, [7], SHOWN),
        "cancel_change",
        ["address", LEAF, "uint256[]", PRESENTATION],
        [OTHER, ROW, [7], TUPLE],
    ),
    (
        RECOVERY.approve_cancel(OTHER, 3, ANCHOR, 2, 4, PROOF),
        "approve_cancel",
        ["address", U, "address", U, U, "uint256[8]"],
        [OTHER, 3, ANCHOR, 2, 4, PROOF],
    ),
    (
        RECOVERY.finish_change(OTHER, OPENING, []),
        "finish_change",
        ["address", LEAF, "uint256[]"],
        [OTHER, ROW, []],
    ),
    (
        EPOCHS.advance(OTHER, "a purpose", SHOWN),
        "advance",
        ["address", "bytes32", PRESENTATION],
        [OTHER, keccak256(b"a purpose"), TUPLE],
    ),
    (GRANTS.grant(TERMS, SHOWN), "grant", [TERMS_TYPE, PRESENTATION], [TERMS_ROW, TUPLE]),
    (
        GRANTS.revoke(OTHER, "a purpose", "finance", SHOWN),
        "revoke",
        ["address", B, B, PRESENTATION],
        [OTHER, keccak256(b"a purpose"), keccak256(b"finance"), TUPLE],
    ),
    (GRANTS.renounce(13, "finance"), "renounce", [U, B], [13, keccak256(b"finance")]),
    (
        GRANTS.use(13, "finance", 2, bytes(32)),
        "use",
        [U, B, U, B],
        [13, keccak256(b"finance"), 2, bytes(32)],
    ),
]


@pytest.mark.parametrize(("call", "name", "types", "values"), CALLS, ids=[c[1] for c in CALLS])
def test_call__equals_eth_abi(call, name, types, values) -> None:
    selector = keccak256(f"{name}({','.join(types)})".encode())[:4]
    assert call.data == selector + eth_abi.encode(types, values)
    assert (call.to, call.value) == (CONTRACT, 0)


def test_tuples__equal_eth_abi() -> None:
    assert encode_presentation(SHOWN) == eth_abi.encode([PRESENTATION], [TUPLE])
    assert encode_leaf(OPENING) == eth_abi.encode([LEAF], [ROW])


@pytest.mark.parametrize(
    ("payload", "types", "values"),
    [
        (update_payload(3, ANCHOR, 9), [U, "address", U], [3, ANCHOR, 9]),
        (revoke_payload(3, ANCHOR), [U, "address"], [3, ANCHOR]),
        (request_payload(77), [U], [77]),
        (change_payload(OTHER, 7, 8), ["address", U, U], [OTHER, 7, 8]),
        (keep_payload(OTHER), ["address", U, U], [OTHER, 0, 0]),
        (passport_id(OTHER, 3, ANCHOR), ["address", U, "address"], [OTHER, 3, ANCHOR]),
        (
            advance_payload(OTHER, "p"),
            ["bytes32", "address", "bytes32"],
            [keccak256(b"advance(address,bytes32)"), OTHER, keccak256(b"p")],
        ),
    ],
)
def test_payload__equals_eth_abi(payload, types, values) -> None:
    assert payload == keccak256(eth_abi.encode(types, values))


def test_siblings__too_many_or_no_element__refused() -> None:
    encode_with_siblings(b"", [R - 1] * TREE_DEPTH)
    for siblings in ([1] * (TREE_DEPTH + 1), [R], [-1]):
        with pytest.raises(ValueError, match="field elements"):
            encode_with_siblings(b"", siblings)


def test_proof__of_another_length__refused() -> None:
    with pytest.raises(ValueError, match="8 words"):
        RECOVERY.approve(1, 2, 3, PROOF[:7])


def test_enrolment__signatures_out_of_bounds__refused() -> None:
    def entry(size):
        return Enrollment(Commitment(3), Commitment(4), Commitment(6), ANCHOR, 99, bytes(size))

    REGISTRY.enroll_signed(entry(MAX_SIGNATURE))
    with pytest.raises(ValueError, match="at most 2048 bytes"):
        REGISTRY.enroll_signed(entry(MAX_SIGNATURE + 1))
    with pytest.raises(ValueError, match="signatures of 65 bytes"):
        REGISTRY.enroll_batch([entry(66)])
    for count in (0, 65):
        with pytest.raises(ValueError, match="a batch has 1 to 64"):
            REGISTRY.enroll_batch([ENTRY] * count)
