"""Keys that grants are sealed to: X25519, or X25519 beside ML-KEM-768 against recorded traffic.

HPKE base mode (RFC 9180) with HKDF-SHA256 and ChaCha20-Poly1305, as ``cryptography`` has it. The
hybrid stays secret as long as one of its two parts does.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from mip_cli.crypto import hpke
from mip_cli.crypto.aead import TAG_BYTES, NotAuthentic, Rng, system_rng

_SEED = 64  # bytes of an ML-KEM private key
_LATTICE_PUBLIC = 1184
_LATTICE_CIPHERTEXT = 1088
_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


class Kem(StrEnum):
    """How keys are encapsulated."""

    X25519 = "x25519"
    HYBRID = "mlkem768-x25519"

    @property
    def private_bytes(self) -> int:
        """Bytes of a private key."""
        return hpke.KEY_BYTES + (_SEED if self is Kem.HYBRID else 0)

    @property
    def public_bytes(self) -> int:
        """Bytes of a public key."""
        return hpke.KEY_BYTES + (_LATTICE_PUBLIC if self is Kem.HYBRID else 0)

    @property
    def encapsulated_bytes(self) -> int:
        """Bytes of an encapsulated key."""
        return hpke.KEY_BYTES + (_LATTICE_CIPHERTEXT if self is Kem.HYBRID else 0)


@dataclass(frozen=True, repr=False)
class KemKeys:
    """A key pair; its ``private`` half is secret."""

    kem: Kem
    private: bytes
    """Of the hybrid the ML-KEM seed, then the X25519 key."""
    public: bytes
    """The same order."""

    def __repr__(self) -> str:
        return f"KemKeys({self.kem}, <redacted>)"


def keys_from(kem: Kem, private: bytes) -> KemKeys:
    """Return the pair of a private key; raise ``ValueError`` unless it has the right length."""
    if len(private) != kem.private_bytes:
        raise ValueError(f"a private key of {kem} has {kem.private_bytes} bytes")
    pair = hpke.keypair_from(private[-hpke.KEY_BYTES :])
    if kem is Kem.X25519:
        return KemKeys(kem, private, pair.public)
    lattice = MLKEM768PrivateKey.from_seed_bytes(private[:_SEED]).public_key()
    return KemKeys(kem, private, lattice.public_bytes_raw() + pair.public)


def random_keys(kem: Kem, rng: Rng = system_rng) -> KemKeys:
    """Draw a key pair."""
    return keys_from(kem, rng(kem.private_bytes))


def require_public(kem: Kem, public: bytes) -> None:
    """Raise ``ValueError`` for what nothing can be sealed to."""
    if len(public) != kem.public_bytes:
        raise ValueError(f"a public key of {kem} has {kem.public_bytes} bytes")
    hpke.require_public(public[-hpke.KEY_BYTES :])
    if kem is Kem.HYBRID:
        MLKEM768PublicKey.from_public_bytes(public[:_LATTICE_PUBLIC])


def seal(kem: Kem, public: bytes, plaintext: bytes, info: bytes) -> tuple[bytes, bytes]:
    """Encrypt to a public key; return the encapsulated key and the ciphertext, tag included."""
    require_public(kem, public)
    if kem is Kem.X25519:
        return hpke.seal(public, plaintext, info)
    key = MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(public[:_LATTICE_PUBLIC]),
        X25519PublicKey.from_public_bytes(public[_LATTICE_PUBLIC:]),
    )
    sealed = _SUITE.encrypt(plaintext, key, info)
    return sealed[: kem.encapsulated_bytes], sealed[kem.encapsulated_bytes :]


def unseal(keys: KemKeys, encapsulated: bytes, ciphertext: bytes, info: bytes) -> bytes:
    """Return the plaintext; raise ``NotAuthentic`` when anything differs from the sealing."""
    if keys.kem is Kem.X25519:
        return hpke.unseal(keys.private, encapsulated, ciphertext, info)
    if len(encapsulated) != keys.kem.encapsulated_bytes or len(ciphertext) < TAG_BYTES:
        raise NotAuthentic
    key = MLKEM768X25519PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(keys.private[:_SEED]),
        X25519PrivateKey.from_private_bytes(keys.private[_SEED:]),
    )
    try:
        return _SUITE.decrypt(encapsulated + ciphertext, key, info)
    except (InvalidTag, ValueError) as error:
        raise NotAuthentic from error
