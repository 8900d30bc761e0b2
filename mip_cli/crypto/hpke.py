"""Sealing to a public key: HPKE base mode (RFC 9180) as ``cryptography`` has it.

X25519, HKDF-SHA256, ChaCha20-Poly1305. The library takes no associated data: what must be bound
goes into ``info``, hashed where it is long.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from mip_cli.crypto.aead import TAG_BYTES, NotAuthentic, Rng, system_rng

KEY_BYTES = 32
"""Bytes of a private key, a public key and an encapsulated key."""

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


@dataclass(frozen=True, repr=False)
class KeyPair:
    """An X25519 key pair; its ``private`` half is secret."""

    private: bytes
    """32 bytes."""
    public: bytes
    """32 bytes."""

    def __repr__(self) -> str:
        return "KeyPair(<redacted>)"


def keypair_from(seed: bytes) -> KeyPair:
    """Return the pair whose private key is ``seed``; raise ``ValueError`` unless of 32 bytes."""
    public = X25519PrivateKey.from_private_bytes(seed).public_key()
    return KeyPair(seed, public.public_bytes_raw())


def random_keypair(rng: Rng = system_rng) -> KeyPair:
    """Draw a key pair."""
    return keypair_from(rng(KEY_BYTES))


def require_public(public: bytes) -> None:
    """Raise ``ValueError`` for what nothing can be sealed to: the points of small order."""
    X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(public))


def seal(public: bytes, plaintext: bytes, info: bytes) -> tuple[bytes, bytes]:
    """Encrypt to a public key; return the encapsulated key and the ciphertext, tag included.

    Raises ``ValueError`` for what is no public key, the points of small order among it.
    """
    sealed = _SUITE.encrypt(plaintext, X25519PublicKey.from_public_bytes(public), info)
    return sealed[:KEY_BYTES], sealed[KEY_BYTES:]


def unseal(private: bytes, encapsulated: bytes, ciphertext: bytes, info: bytes) -> bytes:
    """Return the plaintext; raise ``NotAuthentic`` when anything differs from the sealing."""
    if len(encapsulated) != KEY_BYTES or len(ciphertext) < TAG_BYTES:
        raise NotAuthentic
    try:
        return _SUITE.decrypt(
            encapsulated + ciphertext, X25519PrivateKey.from_private_bytes(private), info
        )
    except (InvalidTag, ValueError) as error:
        raise NotAuthentic from error
