"""The key file of ``tests/vectors/keyfile.json``, by our code and by the specification alone."""

from __future__ import annotations

import hashlib
import hmac
import json
from itertools import combinations
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from mip_cli.crypto import hpke
from mip_cli.crypto.commitments import guardian_commitment, password_commitment, twin_commitment
from mip_cli.crypto.field import R
from mip_cli.crypto.people import PeopleSecret
from mip_cli.models import Kind
from mip_cli.store import container, keyfile, secrets_codec
from mip_cli.store.device import DeviceSecret, Place
from mip_cli.store.slots import FaceLock

VECTOR = json.loads((Path(__file__).parent.parent / "vectors" / "keyfile.json").read_text())


def raw(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def hkdf(key: bytes, label: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=label).derive(key)


@pytest.mark.thorough
def test_vector__is_made_again_byte_for_byte(tmp_path):
    """All but the people slot, whose ephemeral key the library draws."""
    names = ("root_key", "blind", "password_nonce", "face_nonce", "payload_nonce")
    draws = iter([raw(VECTOR[name]) for name in names])
    secrets = secrets_codec.decode(VECTOR["plaintext"].encode())
    lock, keys = keyfile.password_lock(VECTOR["password"].encode(), secrets.password_kdf)
    device = DeviceSecret(raw(VECTOR["device_secret"]), Place.FILE)
    face = FaceLock(device.name, device.value, secrets.face_spec_id, secrets.template)
    made = keyfile.create(tmp_path / "f", secrets, [lock, face], rng=lambda count: next(draws))
    document = json.loads((tmp_path / "f").read_text())
    known = json.loads(VECTOR["file"])
    assert document["slots"] == known["slots"][:2]
    assert document["payload"] == known["payload"]
    assert [("0x" + share.hex()) for share in made.sealed.shares] == VECTOR["shares"]
    assert str(keys.stretched) == VECTOR["stretched"]
    assert str(password_commitment(keys.stretched)) == VECTOR["password_commitment"]
    assert secrets.twin_commitment == twin_commitment(keys.stretched)
    people = PeopleSecret(raw(VECTOR["people_secret"]))
    assert str(people.people_key) == VECTOR["people_key"]
    assert str(guardian_commitment(people.people_key)) == VECTOR["guardian_commitment"]


@pytest.mark.thorough
@pytest.mark.parametrize("pair", list(combinations(Kind, 2)))
def test_vector__opens_with_each_pair(tmp_path, pair):
    path = tmp_path / "f"
    path.write_text(VECTOR["file"])
    envelope, shares = keyfile.read(path), {}
    if Kind.PASSWORD in pair:
        password = VECTOR["password"].encode()
        shares[Kind.PASSWORD], _ = keyfile.open_password(path, envelope, password)
    if Kind.FACE in pair:
        device = raw(VECTOR["device_secret"])
        shares[Kind.FACE] = keyfile.open_face(path, envelope, device).share
    if Kind.PEOPLE in pair:
        people = PeopleSecret(raw(VECTOR["people_secret"]))
        shares[Kind.PEOPLE] = keyfile.open_people(path, envelope, people)
    opened = keyfile.open_with(path, envelope, shares)
    assert secrets_codec.encode(opened.secrets) == VECTOR["plaintext"].encode()
    assert container.serialize(opened.sealed.envelope).decode() == VECTOR["file"]


# The rest is sections 6, 7 and 11 of the protocol followed with nothing of ours but the vector.


def times(a: int, b: int) -> int:
    product = 0
    for bit in range(8):
        product ^= (a << bit) * (b >> bit & 1)
    for bit in range(14, 7, -1):
        product ^= (0x11B << bit - 8) * (product >> bit & 1)
    return product


def inverse(a: int) -> int:
    return next(b for b in range(256) if times(a, b) == 1)


def value_at(points: dict[int, bytes], x: int) -> bytes:
    result = bytearray(32)
    for i, share in points.items():
        weight = 1
        for j in points:
            if j != i:
                weight = times(weight, times(x ^ j, inverse(i ^ j)))
        for k in range(32):
            result[k] ^= times(share[k], weight)
    return bytes(result)


def hpke_open(private: bytes, encapsulated: bytes, ciphertext: bytes, info: bytes) -> bytes:
    """RFC 9180, sections 4 and 5, base mode."""
    kem, suite = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x03"

    def extract(name: bytes, salt: bytes, label: bytes, data: bytes) -> bytes:
        return hmac.digest(salt or bytes(32), b"HPKE-v1" + name + label + data, "sha256")

    def expand(name: bytes, key: bytes, label: bytes, data: bytes, length: int) -> bytes:
        labelled = length.to_bytes(2, "big") + b"HPKE-v1" + name + label + data
        return HKDFExpand(SHA256(), length, labelled).derive(key)

    own = X25519PrivateKey.from_private_bytes(private)
    shared = own.exchange(X25519PublicKey.from_public_bytes(encapsulated))
    both = encapsulated + own.public_key().public_bytes_raw()
    secret = expand(kem, extract(kem, b"", b"eae_prk", shared), b"shared_secret", both, 32)
    context = b"\0" + extract(suite, b"", b"psk_id_hash", b"")
    context += extract(suite, b"", b"info_hash", info)
    key = extract(suite, secret, b"secret", b"")
    opener = ChaCha20Poly1305(expand(suite, key, b"key", context, 32))
    return opener.decrypt(expand(suite, key, b"base_nonce", context, 12), ciphertext, b"")


def shares_by_the_specification(slots: list[dict[str, object]]) -> dict[int, bytes]:
    password, face, people = slots
    costs = password["kdf"]
    master = Argon2id(
        salt=raw(costs["salt"]),
        length=64,
        iterations=costs["iterations"],
        lanes=costs["lanes"],
        memory_cost=costs["memory_kib"],
    ).derive(VECTOR["password"].encode())
    stretched = int.from_bytes(hkdf(master, b"mip password commitment/1"), "big") % R
    assert stretched == int(VECTOR["stretched"])
    public = {name: password[name] for name in ("kind", "kdf")}
    first = ChaCha20Poly1305(hkdf(master, b"mip seal/1")).decrypt(
        raw(password["nonce"]),
        raw(password["wrapped"]),
        b"mip keyfile slot/2\0" + canonical(public),
    )
    device = raw(VECTOR["device_secret"])
    public = {name: face[name] for name in ("kind", "device")}
    assert raw(face["device"]) == hkdf(device, b"mip device name/1")[:16]
    content = ChaCha20Poly1305(hkdf(device, b"mip keyfile face/1")).decrypt(
        raw(face["nonce"]), raw(face["wrapped"]), b"mip keyfile slot/2\0" + canonical(public)
    )
    assert len(content) % 1024 == 0
    held = json.loads(content)
    assert held["template"] == json.loads(VECTOR["plaintext"])["template"]
    private = hkdf(raw(VECTOR["people_secret"]), b"mip people seal/1")
    third = hpke_open(
        private, raw(people["encapsulated"]), raw(people["wrapped"]), b"mip keyfile people/1"
    )
    return {0: first, 1: raw(held["share"]), 2: third}


@pytest.mark.thorough
def test_vector__opens_by_the_specification_alone():
    document = json.loads(VECTOR["file"])
    shares = shares_by_the_specification(document["slots"])
    assert [shares[i] for i in range(3)] == [raw(share) for share in VECTOR["shares"]]
    for pair in combinations(shares, 2):
        points = {number: shares[number] for number in pair}
        root, proof = value_at(points, 255), value_at(points, 254)
        assert root == raw(VECTOR["root_key"])
        assert proof[:4] == hmac.digest(proof[4:], root, "sha256")[:4]
        assert proof[4:] == raw(VECTOR["blind"])
    label = b"mip keyfile payload/1"
    payload = ChaCha20Poly1305(hkdf(root, label)).decrypt(
        raw(document["payload"]["nonce"]), raw(document["payload"]["ciphertext"]), label
    )
    assert payload.rstrip(b" ").decode() == VECTOR["plaintext"]
    assert len(payload) % 4096 == 0
    body = {key: document[key] for key in ("format", "slots", "payload")}
    mac = hmac.digest(hkdf(root, b"mip keyfile header/2"), canonical(body), "sha256")
    assert mac == raw(document["mac"])
    checksum = hashlib.sha256(canonical(body | {"mac": document["mac"]})).digest()
    assert checksum == raw(document["checksum"])


def test_vector__the_library_opens_what_the_rfc_sealed():
    people = json.loads(VECTOR["file"])["slots"][2]
    pair = PeopleSecret(raw(VECTOR["people_secret"])).keypair
    share = hpke.unseal(
        pair.private, raw(people["encapsulated"]), raw(people["wrapped"]), b"mip keyfile people/1"
    )
    assert share == raw(VECTOR["shares"][2])
    assert hpke.keypair_from(raw(VECTOR["ephemeral"])).public == raw(people["encapsulated"])
