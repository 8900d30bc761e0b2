"""Calldata, keys, addresses and records, without a chain."""

from __future__ import annotations

import json

import eth_abi
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from mip_cli.chain import abi
from mip_cli.chain.app import parse_invocation
from mip_cli.chain.deploy import Part, check_code
from mip_cli.chain.deployments import Contract, Deployment, parse_deployment
from mip_cli.chain.enrolment import enroll_digest, sign_enrollment
from mip_cli.chain.faults import NodeUntrusted
from mip_cli.chain.keys import Signer, load_signer
from mip_cli.chain.presentations import PRESENTATION
from mip_cli.crypto.binding import keccak256
from mip_cli.errors import EnvironmentFault, FileInvalid, SecretFault, UsageFault, WrongSecret
from mip_cli.models import Presentation
from mip_cli.units import Address, Commitment, Nullifier

KEY = bytes(31) + b"\x05"
ANCHOR = Signer(KEY).address
REGISTRY = Address("0x5FbDB2315678afecb367f032d93F642f64180aa3")
SHOWN = Presentation(11, 2, Nullifier(13), ANCHOR, 17, 19, tuple(range(20, 28)))
TUPLE = (11, 2, 13, ANCHOR, 17, 19, tuple(range(20, 28)))


def expected(signature: str, types: list[str], values: list[object]) -> bytes:
    return keccak256(signature.encode())[:4] + eth_abi.encode(types, values)


@pytest.mark.parametrize(
    ("signature", "arguments", "values"),
    [
        ("claim()", [], []),
        ("vote(uint256)", ["1"], [1]),
        ("f(address,bool,bytes32)", [ANCHOR, "true", "0x" + "ab" * 32], None),
        ("g(string,uint8[])", ["hello", "[1,2]"], ["hello", [1, 2]]),
        ("h(bytes,int256)", ["0x0102", "-3"], [b"\x01\x02", -3]),
        ("k(uint256[2],address[])", ["[1,2]", f'["{ANCHOR}"]'], [[1, 2], [ANCHOR]]),
    ],
)
def test_invocation__equals_eth_abi(signature, arguments, values) -> None:
    if values is None:
        values = [ANCHOR, True, b"\xab" * 32]
    found = parse_invocation(signature, arguments)
    types = list(found.types)
    function = keccak256(signature.encode())
    plain = eth_abi.encode(["bytes32", *types], [function, *values])
    assert found.payload == keccak256(plain)
    name = f"{found.name}({','.join([*types, PRESENTATION])})"
    assert found.calldata(SHOWN) == expected(name, [*types, PRESENTATION], [*values, TUPLE])


@pytest.mark.parametrize(
    ("signature", "arguments"),
    [
        ("vote", []),
        ("vote(uint256", ["1"]),
        ("vote(uint)", ["1"]),
        ("vote(uint7)", ["1"]),
        ("vote(bytes33)", ["0x"]),
        ("vote((uint256))", ["1"]),
        ("vote(uint256 choice)", ["1"]),
        ("1vote(uint256)", ["1"]),
        ("vote(uint256)", []),
        ("vote(uint256)", ["x"]),
        ("vote(uint256)", ["-1"]),
        ("vote(uint256)", [str(1 << 256)]),
        ("vote(uint8)", ["256"]),
        ("vote(bool)", ["maybe"]),
        ("vote(address)", ["0x12"]),
        ("vote(address)", [ANCHOR.swapcase().replace("0X", "0x")]),
        ("vote(uint256[])", ["1"]),
        ("vote(uint256[2])", ["[1]"]),
        ("vote(bytes32)", ["0x00"]),
    ],
)
def test_invocation__anything_unfit__refused(signature, arguments) -> None:
    with pytest.raises(UsageFault):
        parse_invocation(signature, arguments)


def test_enrolment_digest__equals_eth_account() -> None:
    typed = {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "Enroll": [
                {"name": "identityCommitment", "type": "uint256"},
                {"name": "keysRoot", "type": "uint256"},
                {"name": "guardianCommitment", "type": "uint256"},
                {"name": "anchor", "type": "address"},
                {"name": "deadline", "type": "uint256"},
            ],
        },
        "primaryType": "Enroll",
        "domain": {
            "name": "MIP PassportRegistry",
            "version": "1",
            "chainId": 31337,
            "verifyingContract": REGISTRY,
        },
        "message": {
            "identityCommitment": 3,
            "keysRoot": 4,
            "guardianCommitment": 6,
            "anchor": ANCHOR,
            "deadline": 5,
        },
    }
    message = encode_typed_data(full_message=typed)
    digest = keccak256(b"\x19" + message.version + message.header + message.body)
    assert enroll_digest(31337, REGISTRY, 3, 4, 6, ANCHOR, 5) == digest
    commitments = (Commitment(3), Commitment(4), Commitment(6))
    signed = sign_enrollment(Signer(KEY), 31337, REGISTRY, *commitments, 5)
    assert Account.recover_message(message, signature=signed.signature) == ANCHOR


def test_signer__never_shows_its_key(tmp_path) -> None:
    assert "redacted" in repr(Signer(KEY))
    assert KEY.hex() not in repr(Signer(KEY))
    with pytest.raises(WrongSecret) as caught:
        Signer(bytes(32))
    assert caught.value.__cause__ is None


def test_load_signer__hex_and_keystore(tmp_path) -> None:
    plain = tmp_path / "plain.key"
    plain.write_text(f"0x{KEY.hex()}\n")
    plain.chmod(0o600)
    assert load_signer(plain, lambda: "").address == ANCHOR
    keystore = tmp_path / "keystore.json"
    sealed = Account.encrypt(KEY, "correct horse", kdf="pbkdf2", iterations=10)
    keystore.write_text(json.dumps(sealed))
    assert load_signer(keystore, lambda: "correct horse").address == ANCHOR
    with pytest.raises(WrongSecret, match="password does not open"):
        load_signer(keystore, lambda: "wrong")


def sealed_as(kdf, **changes):
    """Return a keystore that opens with "x" unless the changes of its derivation forbid it."""
    iterations = {"pbkdf2": 10, "scrypt": 2}[kdf]
    sealed = Account.encrypt(KEY, "x", kdf=kdf, iterations=iterations)
    sealed["crypto"]["kdfparams"] |= changes
    return sealed


@pytest.mark.parametrize(
    ("kdf", "changes", "reason"),
    [
        ("pbkdf2", {"c": 2_000_000_000}, "more than 2000000 rounds"),
        ("pbkdf2", {"c": 2_000_001}, "more than 2000000 rounds"),
        ("pbkdf2", {"c": True}, "c that is not a positive integer"),
        ("pbkdf2", {"c": 0}, "c that is not a positive integer"),
        ("pbkdf2", {"c": "10"}, "c that is not a positive integer"),
        ("pbkdf2", {"c": 10.0}, "c that is not a positive integer"),
        ("pbkdf2", {"dklen": 2**31}, "another length than 32"),
        ("pbkdf2", {"prf": "hmac-sha3_512"}, "prf other than hmac-sha256"),
        ("pbkdf2", {"salt": 7}, "members of an unknown form"),
        ("scrypt", {"n": 2**20, "r": 16}, "more than 320 MiB"),
        ("scrypt", {"n": 2**18, "r": 8, "p": 2}, "more than 320 MiB"),
        ("scrypt", {"n": 2, "r": 1, "p": 2**30}, "more than 320 MiB"),
        ("scrypt", {"n": 3}, "not a power of two"),
        ("scrypt", {"n": 1}, "not a power of two"),
        ("scrypt", {"n": True}, "n that is not a positive integer"),
        ("scrypt", {"r": -8}, "r that is not a positive integer"),
        ("scrypt", {"p": "1"}, "p that is not a positive integer"),
        ("scrypt", {"dklen": 64}, "another length than 32"),
    ],
)
def test_load_signer__derivation_beyond_the_bounds__refused(
    tmp_path, monkeypatch, kdf, changes, reason
) -> None:
    def derive(*_: object) -> bytes:
        raise AssertionError("the key was derived")

    monkeypatch.setattr(Account, "decrypt", derive)
    path = tmp_path / "keystore.json"
    path.write_text(json.dumps(sealed_as(kdf, **changes)))
    with pytest.raises(FileInvalid, match=reason):
        load_signer(path, lambda: pytest.fail("the password was asked for"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda k: k.update(version=4), "another version"),
        (lambda k: k.update(version=True), "another version"),
        (lambda k: k["crypto"].update(kdf="argon2"), "another function than scrypt"),
        (lambda k: k["crypto"].update(kdf=["scrypt"]), "members of an unknown form"),
        (lambda k: k["crypto"].update(KDF="pbkdf2"), "repeats a member"),
        (lambda k: k["crypto"]["kdfparams"].update(N=2**30), "repeats a member"),
        (lambda k: k["crypto"].pop("mac"), "lacks mac"),
        (lambda k: k["crypto"].update(cipher="aes-128-cbc"), "cipher other than"),
    ],
)
def test_load_signer__keystore_of_another_form__refused(tmp_path, change, reason) -> None:
    keystore = sealed_as("scrypt")
    change(keystore)
    path = tmp_path / "keystore.json"
    path.write_text(json.dumps(keystore))
    with pytest.raises(FileInvalid, match=reason):
        load_signer(path, lambda: "x")


@pytest.mark.thorough
def test_load_signer__names_in_capitals_and_scrypt_as_usual(tmp_path) -> None:
    keystore = sealed_as("scrypt")
    keystore["Crypto"] = {name.upper(): part for name, part in keystore.pop("crypto").items()}
    path = tmp_path / "keystore.json"
    path.write_text(json.dumps(keystore))
    assert load_signer(path, lambda: "x").address == ANCHOR
    path.write_text(json.dumps(Account.encrypt(KEY, "x", kdf="scrypt", iterations=2**18)))
    assert load_signer(path, lambda: "x").address == ANCHOR


def test_load_signer__a_plain_key_others_can_read__refused(tmp_path) -> None:
    path = tmp_path / "plain.key"
    path.write_text(KEY.hex())
    path.chmod(0o644)
    with pytest.raises(SecretFault) as caught:
        load_signer(path, lambda: "")
    assert "chmod 600" in caught.value.hint
    assert KEY.hex() not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b"ab" * 31, b"x" * 70_000])
def test_load_signer__anything_else__refused(tmp_path, content) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(FileInvalid):
        load_signer(path, lambda: "")


def test_load_signer__no_file__says_so(tmp_path) -> None:
    with pytest.raises(EnvironmentFault):
        load_signer(tmp_path / "none", lambda: "")


def record() -> Deployment:
    contract = Contract("PassportRegistry", REGISTRY, b"\x01" * 32, b"\x02" * 32, "vyper 0.4.3")
    return Deployment(31337, (contract,), 3, b"\x03" * 32, {"passport": "ab"}, True, "c" * 40, True)


def test_record__round_trip() -> None:
    assert parse_deployment(record().to_json()) == record()
    assert record().registry == REGISTRY
    with pytest.raises(FileInvalid, match="no PassportVerifier"):
        _ = record().verifier


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"schema": "x"}', record().to_json()[:-20], b"[" * 10**5]
)
def test_record__broken__refused(data) -> None:
    with pytest.raises(FileInvalid):
        parse_deployment(data)


def test_check_code__runtime_with_immutables__and_foreign_code() -> None:
    part = Part("X", b"creation code", b"runtime" * 40, "c")
    check_code(part, b"runtime" * 40)
    check_code(part, b"runtime" * 40 + bytes(range(64)))
    for code in (b"runtime" * 39 + b"runtimE", b"runtime" * 40 + b"x", b"runtime" * 39):
        with pytest.raises(NodeUntrusted, match="foreign code"):
            check_code(part, code)
    with pytest.raises(EnvironmentFault):
        check_code(part, b"")


def test_text__broken__refused() -> None:
    for data in (b"", bytes(32), abi.pack_words([32, 1 << 200]), abi.pack_words([32, 1]) + b"\xff"):
        if data == bytes(32):
            continue
        with pytest.raises(NodeUntrusted):
            abi.text(data)
