"""The key file of ``tests/vectors/keyfile.json``, by our code and by the specification alone."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mip_cli.crypto.commitments import password_commitment
from mip_cli.crypto.field import R
from mip_cli.store import keyfile, secrets_codec

VECTORS = Path(__file__).parent.parent / "vectors" / "keyfile.json"


def test_vector__file_is_made_again_byte_for_byte(tmp_path):
    vector = json.loads(VECTORS.read_text())
    draws = iter([bytes.fromhex(vector[k][2:]) for k in ("root_key", "nonce", "payload_nonce")])
    secrets = secrets_codec.decode(vector["plaintext"].encode())
    made = keyfile.create(
        tmp_path / "f", secrets, vector["password"].encode(), rng=lambda count: next(draws)
    )
    assert (tmp_path / "f").read_text() == vector["file"]
    assert str(made.stretched) == vector["stretched"]
    assert str(password_commitment(made.stretched)) == vector["password_commitment"]
    assert secrets_codec.encode(secrets).rstrip() == vector["plaintext"].encode()


def test_vector__opens_by_the_specification_alone():
    """Sections 6 and 7 of the protocol, followed with nothing of ours but the vector."""
    vector = json.loads(VECTORS.read_text())
    document = json.loads(vector["file"])
    slot = document["slots"][0]

    def raw(text: str) -> bytes:
        return bytes.fromhex(text[2:])

    def canonical(value: object) -> bytes:
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()

    def hkdf(key: bytes, label: bytes) -> bytes:
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=label).derive(key)

    costs = slot["kdf"]
    master = Argon2id(
        salt=raw(costs["salt"]),
        length=64,
        iterations=costs["iterations"],
        lanes=costs["lanes"],
        memory_cost=costs["memory_kib"],
    ).derive(vector["password"].encode())
    assert int.from_bytes(hkdf(master, b"mip password commitment/1"), "big") % R == int(
        vector["stretched"]
    )
    associated = b"mip keyfile slot/1\0" + canonical({"kind": "password", "kdf": costs})
    root = ChaCha20Poly1305(hkdf(master, b"mip seal/1")).decrypt(
        raw(slot["nonce"]), raw(slot["wrapped"]), associated
    )
    assert root == raw(vector["root_key"])
    payload = ChaCha20Poly1305(hkdf(root, b"mip keyfile payload/1")).decrypt(
        raw(document["payload"]["nonce"]),
        raw(document["payload"]["ciphertext"]),
        b"mip keyfile payload/1",
    )
    assert payload.rstrip(b" ").decode() == vector["plaintext"]
    assert len(payload) % 4096 == 0
    body = {key: document[key] for key in ("format", "slots", "payload")}
    mac = hmac.digest(hkdf(root, b"mip keyfile header/1"), canonical(body), "sha256")
    assert mac == raw(document["mac"])
    checksum = hashlib.sha256(canonical(body | {"mac": document["mac"]})).digest()
    assert checksum == raw(document["checksum"])
