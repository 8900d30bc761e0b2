"""The formats of sharing: read by the specification alone, and each refused for one defect."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import libipld
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from eth_account import Account
from eth_utils import keccak

from mip_cli.crypto import grant_access, grant_bundle, grant_consent, grant_kem
from mip_cli.crypto.aead import NotAuthentic
from mip_cli.crypto.archive_blocks import BlockInvalid
from mip_cli.crypto.grant_kem import Kem
from mip_cli.crypto.grant_view import ViewPlace, open_view
from mip_cli.errors import MipError
from mip_cli.flows.grants.grant_terms import read_card
from tests.unit.test_keyfile_vectors import hpke_open

VECTOR = json.loads((Path(__file__).parents[1] / "vectors" / "grants.json").read_text())
DEFECTS = VECTOR["defects"]


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def members(name: str, *, without: tuple[str, ...]) -> dict[str, Any]:
    document = json.loads(VECTOR[name])
    body = {key: value for key, value in document.items() if key != "checksum"}
    assert document["checksum"] == "0x" + hashlib.sha256(canonical(body)).hexdigest()
    return {key: value for key, value in body.items() if key not in ("format", *without)}


def test_card__by_the_specification_alone() -> None:
    card = members("card", without=())
    raw = [bytes.fromhex(card[name][2:]) for name in ("public_key", "signing_key", "signature")]
    assert keccak(b"x25519\0" + raw[0] + raw[1]).hex() == VECTOR["key_hash"]
    del card["signature"]
    word = (31337).to_bytes(32, "big")
    domain = keccak(
        keccak(b"EIP712Domain(string name,string version,uint256 chainId)")
        + keccak(b"MIP grantee card")
        + keccak(b"1")
        + word
    )
    address = bytes(12) + bytes.fromhex(card["address"][2:])
    struct = keccak(
        keccak(b"GranteeCard(address grantee,bytes32 card)")
        + address
        + hashlib.sha256(canonical(card)).digest()
    )
    digest = keccak(b"\x19\x01" + domain + struct)
    assert Account._recover_hash(digest, signature=raw[2]) == card["address"]


def test_bundle_and_view__by_the_specification_alone() -> None:
    consent = VECTOR["consent"].encode()
    grant = hashlib.sha256(consent).digest()
    assert grant.hex() == VECTOR["grant"]
    label = b"mip archive grantee/1\0" + grant
    epoch_key = bytes.fromhex(VECTOR["epoch_key"])
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=label).derive(epoch_key)
    bundle = members("bundle", without=("signature",))
    assert bundle["receipt"] == json.loads(consent)
    signature = bytes.fromhex(json.loads(VECTOR["bundle"])["signature"][2:])
    signer = bytes.fromhex(bundle["receipt"]["evidence"]["bundle_key"][2:])
    signed = b"mip grant bundle/1\0" + canonical(bundle)
    Ed25519PublicKey.from_public_bytes(signer).verify(signature, signed)
    names = ("receipt", "number", "epoch", "view", "store", "made", "kem")
    bound = canonical({name: bundle[name] for name in names})
    info = b"mip grant key/1\0" + hashlib.sha256(bound).digest()
    parts = [bytes.fromhex(bundle[name][2:]) for name in ("encapsulated", "wrapped")]
    assert hpke_open(bytes.fromhex(VECTOR["kem_key"]), *parts, info) == key

    block = bytes.fromhex(VECTOR["view"])
    node = libipld.decode_dag_cbor(block)
    data, links = node["d"], node["l"]
    assert data.startswith(b"mip.view/1\0")
    associated = b"mip grant view/1\0" + grant + (4).to_bytes(4, "big") + (1).to_bytes(4, "big")
    associated += b"finance\0" + hashlib.sha256(b"".join(links)).digest()
    plain = ChaCha20Poly1305(key).decrypt(data[11:23], data[23:], associated)
    size = int.from_bytes(plain[:4], "big")
    value = libipld.decode_dag_cbor(plain[4 : 4 + size])
    assert (value["level"], value["count"], value["aggregates"]) == (2, 1, None)


def test_access_receipt__by_the_specification_alone() -> None:
    receipt = members("access_receipt", without=("signature",))
    signature = bytes.fromhex(json.loads(VECTOR["access_receipt"])["signature"][2:])
    key = bytes.fromhex(receipt["signing_key"][2:])
    signed = b"mip access receipt/1\0" + canonical(receipt)
    Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    assert hashlib.sha256(VECTOR["access_receipt"].encode()).hexdigest() == VECTOR["access"]


def of_card(given: Any) -> object:
    return read_card(given.encode())


def of_consent(given: Any) -> object:
    return grant_consent.FORM.decode(given.encode())


def of_bundle(given: Any) -> object:
    bundle = grant_bundle.FORM.decode(given.encode())
    if not grant_bundle.is_signed(bundle):
        raise ValueError("not signed")
    keys = grant_kem.keys_from(Kem.X25519, bytes.fromhex(VECTOR["kem_key"]))
    try:
        return grant_bundle.open_key(bundle, keys)
    except NotAuthentic:
        raise ValueError("the key does not open") from None


def of_access(given: Any) -> object:
    receipt = grant_access.FORM.decode(given.encode())
    if not grant_access.is_signed(receipt):
        raise ValueError("not signed")
    return receipt


def of_view(given: Any) -> object:
    place = ViewPlace(
        bytes.fromhex(given["grant"]), given["category"], given["epoch"], given["number"]
    )
    return open_view(place, bytes.fromhex(given["key"]), bytes.fromhex(given["block"]))


READERS: dict[str, Callable[[Any], object]] = {
    "card": of_card,
    "consent": of_consent,
    "bundle": of_bundle,
    "access": of_access,
    "view": of_view,
}


@pytest.mark.parametrize(
    "defect", DEFECTS, ids=[f"{one['format']}: {one['name']}" for one in DEFECTS]
)
def test_defect__is_refused(defect: dict[str, Any]) -> None:
    with pytest.raises((ValueError, BlockInvalid, MipError)) as refused:
        READERS[defect["format"]](defect["input"])
    assert defect["verdict"] in str(refused.value)


def test_defects__are_many_and_their_formats_are_read_when_sound() -> None:
    assert len(DEFECTS) >= 50
    assert {one["format"] for one in DEFECTS} == set(READERS)
    assert of_card(VECTOR["card"])
    assert of_consent(VECTOR["consent"])
    assert of_bundle(VECTOR["bundle"]) == bytes.fromhex(VECTOR["view_key"])
    assert of_access(VECTOR["access_receipt"])
    given = {"grant": VECTOR["grant"], "category": "finance", "epoch": 4, "number": 1}
    assert of_view({**given, "key": VECTOR["view_key"], "block": VECTOR["view"]})
