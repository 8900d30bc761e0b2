"""The vector of the key file: every random value is given, so that the file is one string."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from mip_cli.crypto import commitments
from mip_cli.crypto.field import R
from mip_cli.crypto.kdf import KdfParams
from mip_cli.crypto.people import PeopleSecret
from mip_cli.models import Kind
from mip_cli.store import container, keyfile, secrets_codec
from mip_cli.store.device import DeviceSecret, Place
from mip_cli.store.slots import FaceLock, PeopleSlot
from mip_cli.units import Address, Epoch

PASSWORD = "correct horse battery staple"  # noqa: S105 - of a vector
_PEOPLE_INFO = b"mip keyfile people/1"
_KEM = b"KEM\x00\x20"
_HPKE = b"HPKE\x00\x20\x00\x01\x00\x03"


def document() -> object:
    """Return the vector: secrets, what is drawn, and the file that follows."""
    params = KdfParams(_bytes("password salt", 32))
    lock, keys = keyfile.password_lock(PASSWORD.encode(), params)
    device = DeviceSecret(_bytes("device secret", 32), Place.FILE)
    people = PeopleSecret(_bytes("people secret", 32))
    secrets = _secrets(params, keys.stretched, people)
    face = FaceLock(device.name, device.value, secrets.face_spec_id, secrets.template)
    drawn = {
        "root_key": _bytes("root key", 32),
        "blind": _bytes("blind", 28),
        "password_nonce": _bytes("password nonce", 12),
        "face_nonce": _bytes("face nonce", 12),
        "payload_nonce": _bytes("payload nonce", 12),
    }
    draws = iter(drawn.values())
    content = secrets_codec.encode(secrets)
    sealed = container.seal(content, [lock, face], rng=lambda count: next(draws))
    # the library draws HPKE's ephemeral key itself: the slot is made by the RFC here
    ephemeral = _bytes("ephemeral", 32)
    public = people.keypair.public
    slot = PeopleSlot(public, *hpke_seal(ephemeral, public, sealed.shares[2], _PEOPLE_INFO))
    slots = (*sealed.envelope.slots, slot)
    envelope = container.assemble(slots, sealed.root_key, sealed.envelope.payload)
    shares = {Kind.PEOPLE: sealed.shares[2], Kind.FACE: sealed.shares[1]}
    if container.unseal(envelope, shares, "the vector").content != content:
        raise ValueError("the vector does not open")
    return {
        "about": "docs/protocol.md sections 6, 7 and 11; ephemeral is HPKE's key pair's private",
        "password": PASSWORD,
        "device_secret": _hex(device.value),
        "people_secret": _hex(people.value),
        **{name: _hex(value) for name, value in drawn.items()},
        "ephemeral": _hex(ephemeral),
        "shares": [_hex(share) for share in sealed.shares],
        "stretched": str(keys.stretched),
        "password_commitment": str(secrets.password_commitment),
        "people_key": str(people.people_key),
        "guardian_commitment": str(people.commitment),
        "plaintext": content.decode(),
        "file": container.serialize(envelope).decode(),
    }


def hpke_seal(
    ephemeral: bytes, public: bytes, plaintext: bytes, info: bytes
) -> tuple[bytes, bytes]:
    """Seal with a given ephemeral key, by RFC 9180 sections 4.1 and 5.1 alone."""
    own = X25519PrivateKey.from_private_bytes(ephemeral)
    encapsulated = own.public_key().public_bytes_raw()
    shared = own.exchange(X25519PublicKey.from_public_bytes(public))
    prk = _extract(_KEM, b"", b"eae_prk", shared)
    secret = _expand(_KEM, prk, b"shared_secret", encapsulated + public, 32)
    context = b"\0" + _extract(_HPKE, b"", b"psk_id_hash", b"")
    context += _extract(_HPKE, b"", b"info_hash", info)
    prk = _extract(_HPKE, secret, b"secret", b"")
    key = _expand(_HPKE, prk, b"key", context, 32)
    nonce = _expand(_HPKE, prk, b"base_nonce", context, 12)
    return encapsulated, ChaCha20Poly1305(key).encrypt(nonce, plaintext, b"")


def _extract(suite: bytes, salt: bytes, label: bytes, data: bytes) -> bytes:
    return HKDF.extract(SHA256(), salt or None, b"HPKE-v1" + suite + label + data)


def _expand(suite: bytes, prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
    info = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return HKDFExpand(SHA256(), length, info).derive(prk)


def _secrets(
    params: KdfParams, stretched: int, people: PeopleSecret
) -> secrets_codec.PassportSecrets:
    return secrets_codec.PassportSecrets(
        name="default",
        status=secrets_codec.PassportStatus.ENROLLED,
        created=1_790_000_000,
        secret=_element("secret"),
        anchor=Address("0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"),
        anchor_key=(1).to_bytes(32, "big"),
        epoch=Epoch(3),
        face_spec="dlib-128/1",
        face_spec_id=0xD6B3B9F57829634C3375B8F8B3A0FC,
        template=tuple(_element(f"coordinate {i}") % 255 - 127 for i in range(128)),
        face_salt=_element("face salt") >> 8,
        password_commitment=commitments.password_commitment(stretched),
        twin_commitment=commitments.twin_commitment(stretched),
        keys_salt=_element("keys salt") >> 8,
        guardian_commitment=people.commitment,
        password_kdf=params,
        chain_id=31337,
        registry=Address("0x5FbDB2315678afecb367f032d93F642f64180aa3"),
        index=7,
        pseudonyms=(
            secrets_codec.Pseudonym(
                Address("0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"), "Zürich: budget 2027"
            ),
        ),
    )


def _bytes(label: str, count: int) -> bytes:
    return hashlib.sha256(f"mip keyfile vector: {label}".encode()).digest()[:count]


def _element(label: str) -> int:
    return int.from_bytes(_bytes(label, 32), "big") % R


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
