"""The proof file of protocol section 9: its vectors, its bounds and each of its refusals."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mip_cli.chain.app import parse_invocation
from mip_cli.crypto.binding import keccak256
from mip_cli.crypto.field import R
from mip_cli.errors import FileInvalid, ProofInvalid, UsageFault
from mip_cli.flows.passport import proof_file
from mip_cli.flows.passport.proof_file import AppCall
from mip_cli.units import Address

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "proof_file.json").read_text())
CASES = {case["name"]: case for case in VECTORS["cases"]}
VOTE = CASES[VECTORS["verifies"]]["file"]


def document() -> dict[str, Any]:
    return json.loads(VOTE)


def decode(changed: object) -> proof_file.ProofFile:
    return proof_file.decode(json.dumps(changed).encode())


@pytest.mark.parametrize("name", CASES)
def test_vector__is_read_and_made_again_byte_for_byte(name: str) -> None:
    case = CASES[name]
    file = proof_file.decode(case["file"].encode())
    assert proof_file.encode(file).decode() == case["file"]
    assert str(file.scope) == case["scope"]
    assert str(file.message) == case["message"]
    assert [str(s) for s in file.signals] == case["signals"]
    assert [str(word) for word in file.presentation.proof] == case["evm_words"]


@pytest.mark.parametrize("name", CASES)
def test_vector__public_values_by_the_specification_alone(name: str) -> None:
    """Section 2 of the protocol, followed with nothing of ours but the hash function."""
    case = CASES[name]
    mip = json.loads(case["file"])["mip"]

    def hashed(*words: int | bytes) -> int:
        data = b"".join(w if isinstance(w, bytes) else w.to_bytes(32, "big") for w in words)
        return int.from_bytes(keccak256(data), "big") >> 8

    app = int(mip["app"], 16)
    scope_type = keccak256(b"Scope(uint256 chainId,address contract,bytes32 purpose)")
    scope = hashed(scope_type, mip["chain_id"], app, keccak256(mip["purpose"].encode()))
    action_type = keccak256(
        b"Action(uint256 chainId,address contract,address beneficiary,bytes32 payload,"
        b"uint256 nonce,uint256 deadline)"
    )
    payload = bytes.fromhex(mip["payload"][2:])
    beneficiary = int(mip["beneficiary"], 16)
    message = hashed(
        *(action_type, mip["chain_id"], app, beneficiary, payload), *(mip["nonce"], mip["deadline"])
    )
    root_level = (int(mip["root"]) + mip["level"]) % R
    expected = [root_level, int(mip["nullifier"]), scope, message]
    assert case["signals"] == [str(value) for value in expected]


def test_vector__payload_binds_the_function() -> None:
    """``keccak256(abi(keccak256(SIGNATURE), arguments...))``, by the specification alone."""
    mip = json.loads(VOTE)["mip"]
    words = keccak256(b"vote(uint256)") + (1).to_bytes(32, "big")
    assert mip["call"] == {"signature": "vote(uint256)", "arguments": ["1"]}
    assert mip["payload"] == "0x" + keccak256(words).hex()
    for case in CASES.values():
        file = proof_file.decode(case["file"].encode())
        if file.call is not None:
            call = parse_invocation(file.call.signature, file.call.arguments)
            assert call.payload == file.payload


@pytest.mark.parametrize("member", ["pi_a", "pi_b", "pi_c", "protocol", "curve", "mip"])
def test_decode__a_top_member_missing__is_refused(member: str) -> None:
    changed = document()
    del changed[member]
    with pytest.raises(FileInvalid, match="not a proof with its bindings"):
        decode(changed)


@pytest.mark.parametrize("member", sorted(document()["mip"]))
def test_decode__a_member_missing_or_of_another_type__is_refused(member: str) -> None:
    missing = document()
    del missing["mip"][member]
    with pytest.raises(FileInvalid, match="member mip is not mip.proof/1"):
        decode(missing)
    for value in ([], {}, 1.5, True, None if member != "call" else 0):
        changed = document()
        changed["mip"][member] = value
        with pytest.raises(FileInvalid):
            decode(changed)


REFUSALS: dict[str, tuple[str, object, str]] = {
    "another format": ("format", "mip.proof/2", "not mip.proof/1"),
    "no purpose": ("purpose", "", "purpose must have 1 to 96 bytes"),
    "a long purpose": ("purpose", "é" * 49, "purpose must have 1 to 96 bytes"),
    "key hash in capitals": ("verifying_key", "A" * 64, "verifying_key is malformed"),
    "short key hash": ("verifying_key", "a" * 63, "verifying_key is malformed"),
    "chain below zero": ("chain_id", -1, "chain_id must be an integer"),
    "chain too large": ("chain_id", 1 << 53, "chain_id must be an integer"),
    "registry without 0x": ("registry", "00" * 21, "registry is malformed"),
    "address too long": ("app", "0x" + "00" * 21, "app is malformed"),
    "address with a line end": ("app", "0x" + "00" * 20 + "\n", "app is malformed"),
    "address without checksum": ("app", "0x" + "ab" * 20, "app lacks its EIP-55 checksum"),
    "beneficiary": ("beneficiary", "0x" + "ab" * 20, "beneficiary lacks its EIP-55 checksum"),
    "payload in capitals": ("payload", "0x" + "AB" * 32, "payload is malformed"),
    "short payload": ("payload", "0x" + "ab" * 31, "payload is malformed"),
    "level": ("level", 4, "level must be 1, 2 or 3"),
    "root zero": ("root", "0", "root must be a field element"),
    "root too large": ("root", str(R), "root must be a field element"),
    "root hexadecimal": ("root", "0x10", "root must be a decimal number"),
    "root as a number": ("root", 5, "root must be text"),
    "leading zero": ("nullifier", "07", "nullifier must be a decimal number"),
    "sign": ("nullifier", "+7", "nullifier must be a decimal number"),
    "other digits": ("nullifier", "٣", "nullifier must be a decimal number"),
    "endless digits": ("nullifier", "9" * 9000, "nullifier must be a decimal number"),
    "nonce below zero": ("nonce", -1, "nonce must be an integer"),
    "deadline as text": ("deadline", "1", "deadline must be an integer"),
    "call": ("call", {"signature": "f()"}, "call must hold signature and arguments"),
    "arguments": ("call", {"signature": "f()", "arguments": [1]}, "must be a list of texts"),
    "half a pair": ("call", {"signature": "f()", "arguments": ["\ud800"]}, "surrogates"),
    "signature": ("call", {"signature": "f(); g()", "arguments": []}, "signature is malformed"),
    "long signature": ("call", {"signature": "f" * 65 + "()", "arguments": []}, "malformed"),
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_decode__one_member_wrong__is_refused_with_its_name(kind: str) -> None:
    member, value, words = REFUSALS[kind]
    changed = document()
    changed["mip"][member] = value
    with pytest.raises(FileInvalid) as caught:
        decode(changed)
    assert words in caught.value.message
    decode(document())


@pytest.mark.parametrize("place", ["top", "mip", "call"])
def test_decode__an_unknown_member__is_refused(place: str) -> None:
    changed = document()
    target = {"top": changed, "mip": changed["mip"], "call": changed["mip"]["call"]}[place]
    target["note"] = "hello"
    with pytest.raises(FileInvalid):
        decode(changed)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(protocol="plonk"),
        lambda d: d.update(curve="bls12381"),
        lambda d: d["pi_a"].__setitem__(0, 7),
        lambda d: d["pi_a"].__setitem__(2, "2"),
        lambda d: d["pi_a"].append("1"),
        lambda d: d["pi_b"].pop(),
        lambda d: d["pi_b"].__setitem__(2, ["0", "1"]),
        lambda d: d.update(pi_c=None),
    ],
)
def test_decode__points_spelt_otherwise__are_refused(change) -> None:
    changed = copy.deepcopy(document())
    change(changed)
    with pytest.raises((ProofInvalid, FileInvalid)) as caught:
        decode(changed)
    assert caught.value.exit_code in (1, 3)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe",
        b"\xef\xbb\xbf" + VOTE.encode(),
        b"[" * 60_000,
        VOTE.encode()[:-30],
        VOTE.replace('"nonce"', '"nonce": 0, "nonce"').encode(),
        VOTE.replace('"pi_c"', '"pi_c": [], "pi_c"').encode(),
        VOTE.replace("31337", "NaN").encode(),
        VOTE.replace("31337", "1e3").encode(),
        VOTE.replace("31337", "9" * 5000).encode(),
    ],
    ids=range(12),
)
def test_decode__what_is_no_json_document_of_ours__is_refused(data: bytes) -> None:
    with pytest.raises(FileInvalid, match="the proof file cannot be read"):
        proof_file.decode(data)


def test_decode__larger_than_the_limit__is_refused_unread() -> None:
    fill = proof_file.MAX_BYTES - len(VOTE.encode())
    proof_file.decode(VOTE.encode() + b" " * fill)
    with pytest.raises(FileInvalid, match="larger than 65536 bytes"):
        proof_file.decode(VOTE.encode() + b" " * (fill + 1))


def test_checked_address__wants_digits_and_checksum() -> None:
    right = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
    assert proof_file.checked_address(right, "--app") == right
    assert proof_file.checked_address(right.lower(), "--app") == right
    with pytest.raises(UsageFault, match="checksum"):
        proof_file.checked_address(right.replace("D", "d").replace("dc", "Dc", 1), "--app")
    for text in ("", "0x", right[:-1], right + "0", right[2:], "PassportVote"):
        with pytest.raises(UsageFault, match="--app takes an address"):
            proof_file.checked_address(text, "--app")


def test_require_storable__keeps_to_what_a_file_holds() -> None:
    file = proof_file.decode(VOTE.encode())
    largest = AppCall("f" * 64 + "(string)", ("x" * proof_file.MAX_ARGUMENTS,))
    proof_file.require_storable(largest)
    assert proof_file.decode(proof_file.encode(replace(file, call=largest))).call == largest
    for call in (
        AppCall("f" * 65 + "()", ()),
        AppCall("f(" + "uint8," * 50 + ")", ()),
        AppCall("f(string)", ("x" * (proof_file.MAX_ARGUMENTS + 1),)),
        AppCall("no signature", ()),
    ):
        with pytest.raises(UsageFault, match="too long, or is no function signature"):
            proof_file.require_storable(call)


def test_signals__follow_the_fields_and_never_the_file() -> None:
    file = proof_file.decode(VOTE.encode())
    other = Address("0x70997970C51812dc3A010C7d01b50e0d17dc79C8")
    changes: list[tuple[dict[str, Any], set[int]]] = [
        ({"root": file.root + 1}, {0}),
        ({"level": 1}, {0}),
        ({"nullifier": 5}, {1}),
        ({"purpose": "another"}, {2}),
        ({"app": other}, {2, 3}),
        ({"chain_id": 1}, {2, 3}),
        ({"beneficiary": other}, {3}),
        ({"payload": bytes(32)}, {3}),
        ({"nonce": 1}, {3}),
        ({"deadline": file.deadline + 1}, {3}),
        ({"call": None}, set()),
        ({"registry": other}, set()),
    ]
    for change, expected in changes:
        found = replace(file, **change).signals
        differing = {i for i in range(4) if found[i] != file.signals[i]}
        assert differing == expected, change
