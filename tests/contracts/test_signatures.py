"""EIP-712 enrolment: ECDSA first, then ERC-1271, and what both refuse."""

from __future__ import annotations

from typing import Any

import boa
import pytest
from deployment import Deployment, account, commitment, now, refusal
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak
from typed_data import typed_enrollment

from mip_cli.crypto.commitments import leaf

UNSIGNED = "registry: signature is not the anchor's"
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

WALLET = """
# pragma version 0.4.3
accepted: bytes32
mode: uint256
@deploy
def __init__(accepted: bytes32, mode: uint256):
    self.accepted = accepted
    self.mode = mode
@view
@external
def isValidSignature(digest: bytes32, signature: Bytes[4096]) -> bytes32:
    if self.mode == 1:
        raise "no"
    if self.mode == 2:
        for i: uint256 in range(10**9):
            if keccak256(abi_encode(i)) == digest:
                break
    if self.mode == 3:
        return convert(0x1626ba7f, bytes32)
    if self.mode == 4:
        return 0x1626ba7e00000000000000000000000000000000000000000000000000000001
    if keccak256(signature) == self.accepted:
        return convert(0x1626ba7e, bytes32)
    return empty(bytes32)
"""

BOMB = "5f5f62030d40f3"  # returns 200,000 zero bytes
SHORT = "631626ba7e60e01b5f5260045ff3"  # returns the magic value as four bytes only
REVERTING = "631626ba7e60e01b5f5260205ffd"  # reverts with the magic value as its data
RETURNING = "631626ba7e60e01b5f5260205ff3"  # the same without the revert: it accepts
ZERO = "0x" + "00" * 20


def act(suite: Deployment, entry: dict[str, Any], **changes: Any) -> str | None:
    values = {**entry, **changes}
    with boa.env.anchor():
        return refusal(lambda: suite.registry.enroll_signed(*values.values()))


def test_enroll_signed__anyone_may_send(suite: Deployment) -> None:
    entry = suite.signed(1)
    index = suite.registry.enroll_signed(*entry.values(), sender=account(66))
    (log,) = suite.registry.get_logs()
    assert index == 0
    value = leaf(
        entry["identity_commitment"],
        entry["anchor"],
        entry["keys_root"],
        entry["guardian_commitment"],
    )
    assert (log.leaf, log.anchor) == (value, entry["anchor"])
    reason = refusal(lambda: suite.registry.enroll_signed(*entry.values()))
    assert reason == "registry: passport is already enrolled"


def test_enroll_signed__anything_changed__reverts(suite: Deployment) -> None:
    entry = suite.signed(1)
    assert act(suite, entry) is None
    assert act(suite, entry, identity_commitment=commitment(9)) == UNSIGNED
    assert act(suite, entry, keys_root=commitment(9)) == UNSIGNED
    assert act(suite, entry, guardian_commitment=commitment(9)) == UNSIGNED
    assert act(suite, entry, anchor=account(9)) == UNSIGNED
    assert act(suite, entry, anchor="0x" + "00" * 20) == UNSIGNED
    assert act(suite, entry, deadline=entry["deadline"] + 1) == UNSIGNED
    assert act(suite, entry, deadline=now() - 1) == "registry: enrolment has expired"


def test_enroll_signed__deadline_is_inclusive(suite: Deployment) -> None:
    entry = suite.signed(1)
    boa.env.evm.patch.timestamp = entry["deadline"]
    assert act(suite, entry) is None
    boa.env.evm.patch.timestamp = entry["deadline"] + 1
    assert act(suite, entry) == "registry: enrolment has expired"


def test_enroll_signed__other_forms_of_a_signature__revert(suite: Deployment) -> None:
    entry = suite.signed(1)
    good = entry["signature"]
    r, s, v = good[:32], int.from_bytes(good[32:64], "big"), good[64]
    high = r + (ORDER - s).to_bytes(32, "big") + bytes([55 - v])  # 27 <-> 28
    assert act(suite, entry) is None
    for bad in (
        high,
        good[:64] + bytes([v - 27]),
        good[:64] + bytes([55 - v]),
        good[:64] + b"\x00",
        good[:64],
        good + b"\x00",
        b"",
        bytes(64) + b"\x1b",
        r + bytes(32) + b"\x1b",
        bytes(32) + good[32:],
    ):
        assert act(suite, entry, signature=bad) == UNSIGNED
        assert batch(suite, {**entry, "signature": bad[:65]}) in (UNSIGNED, None)
    assert batch(suite, {**entry, "signature": high}) == UNSIGNED
    assert batch(suite, entry) is None


def batch(suite: Deployment, entry: dict[str, Any]) -> str | None:
    with boa.env.anchor():
        return refusal(lambda: suite.registry.enroll_batch([tuple(entry.values())]))


@pytest.mark.parametrize("place", ["chain", "contract"])
def test_enroll_signed__other_domain__reverts(suite: Deployment, place: str) -> None:
    key = Account.from_key(b"\x07" * 32)
    values = (commitment(1), commitment(2), commitment(3), key.address, now() + 60)
    right = 31337, suite.registry.address
    wrong = {"chain": (1, right[1]), "contract": (31337, account(3))}[place]
    for domain, reason in ((right, None), (wrong, UNSIGNED)):
        signed = key.sign_typed_data(full_message=typed_enrollment(*domain, *values))
        call = (*values, bytes(signed.signature))
        with boa.env.anchor():
            assert refusal(lambda c=call: suite.registry.enroll_signed(*c)) == reason


def wallet_entry(suite: Deployment, wallet: str, signature: bytes) -> dict[str, Any]:
    return {
        "identity_commitment": commitment(1),
        "keys_root": commitment(2),
        "guardian_commitment": commitment(3),
        "anchor": wallet,
        "deadline": now() + 60,
        "signature": signature,
    }


@pytest.mark.parametrize("length", [0, 64, 65, 66, 500, 2048])
def test_enroll_signed__contract_wallet(suite: Deployment, length: int) -> None:
    signature = bytes(k % 251 for k in range(length))
    wallet = boa.loads(WALLET, keccak(signature), 0).address
    entry = wallet_entry(suite, wallet, signature)
    assert act(suite, entry) is None
    assert act(suite, entry, signature=signature[:-1] + b"\xff" if length else b"\xff") == UNSIGNED


@pytest.mark.parametrize("mode", [1, 2, 3, 4])
def test_enroll_signed__contract_wallet_says_no__reverts(suite: Deployment, mode: int) -> None:
    good = boa.loads(WALLET, keccak(b"yes"), 0).address
    assert act(suite, wallet_entry(suite, good, b"yes")) is None
    wallet = boa.loads(WALLET, keccak(b"yes"), mode).address
    assert act(suite, wallet_entry(suite, wallet, b"yes")) == UNSIGNED


def test_enroll__nobody_signs_for_the_zero_address(suite: Deployment) -> None:
    """A recovery that fails gives the zero address, which must not pass for the anchor."""
    entry = suite.signed(1)
    good = entry["signature"]
    assert act(suite, entry) is None
    for bad in (bytes(32) + good[32:], good[:32] + bytes(32) + good[64:], bytes(64) + b"\x1b"):
        assert act(suite, entry, anchor=ZERO, signature=bad) == UNSIGNED
        assert batch(suite, {**entry, "anchor": ZERO, "signature": bad}) == UNSIGNED


def test_enroll_signed__wallet_that_reverts_with_the_magic_value(suite: Deployment) -> None:
    for code, reason in ((RETURNING, None), (REVERTING, UNSIGNED)):
        wallet = account(501)
        boa.env.set_code(wallet, bytes.fromhex(code))
        assert act(suite, wallet_entry(suite, wallet, b"x")) == reason


@pytest.mark.parametrize("code", [BOMB, SHORT])
def test_enroll_signed__hostile_answer__reverts_cheaply(suite: Deployment, code: str) -> None:
    wallet = account(500)
    boa.env.set_code(wallet, bytes.fromhex(code))
    entry = wallet_entry(suite, wallet, b"x")
    assert act(suite, entry) == UNSIGNED


def test_enroll_signed__gas_burner_is_bounded(suite: Deployment) -> None:
    wallet = boa.loads(WALLET, keccak(b"yes"), 2).address
    entry = wallet_entry(suite, wallet, b"yes")
    with pytest.raises(boa.BoaError) as caught:
        suite.registry.enroll_signed(*entry.values(), gas=10_000_000)
    assert caught.value.call_trace.computation.get_gas_used() < 1_200_000


def test_enroll_signed__account_with_delegated_code_signs_plainly(suite: Deployment) -> None:
    """EIP-7702: an account with code that knows nothing of ERC-1271."""
    entry = suite.signed(1)
    boa.env.set_code(entry["anchor"], bytes.fromhex("5f5ffd"))
    assert act(suite, entry) is None


def test_enroll_batch__contract_wallet_is_refused(suite: Deployment) -> None:
    wallet = boa.loads(WALLET, keccak(b"yes"), 0).address
    assert batch(suite, wallet_entry(suite, wallet, b"yes")) == UNSIGNED


def test_domain__as_erc_5267_says(suite: Deployment) -> None:
    fields, name, version, chain_id, contract, salt, extensions = suite.registry.eip712Domain()
    assert (fields, name, version) == (b"\x0f", "MIP PassportRegistry", "1")
    assert (chain_id, contract) == (31337, suite.registry.address)
    assert (salt, extensions) == (bytes(32), [])
    document = typed_enrollment(31337, suite.registry.address, 1, 2, 4, account(1), 3)
    signable = encode_typed_data(full_message=document)
    assert suite.registry.domain_separator() == signable.header
