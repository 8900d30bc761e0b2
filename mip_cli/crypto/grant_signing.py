"""Ed25519 (RFC 8032) for bundles and access receipts, each kind of document under its own label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mip_cli.crypto import jsontext
from mip_cli.crypto.aead import Rng, system_rng

KEY_BYTES = 32
"""Bytes of a private and of a public key."""
SIGNATURE_BYTES = 64


@dataclass(frozen=True, repr=False)
class SignerKeys:
    """A key pair; its ``private`` half is secret."""

    private: bytes
    public: bytes

    def __repr__(self) -> str:
        return "SignerKeys(<redacted>)"


def keys_from(private: bytes) -> SignerKeys:
    """Return the pair of a private key; raise ``ValueError`` unless of 32 bytes."""
    public = Ed25519PrivateKey.from_private_bytes(private).public_key()
    return SignerKeys(private, public.public_bytes_raw())


def random_keys(rng: Rng = system_rng) -> SignerKeys:
    """Draw a key pair."""
    return keys_from(rng(KEY_BYTES))


def sign(keys: SignerKeys, label: bytes, members: Mapping[str, object]) -> bytes:
    """Sign the members of a document."""
    return Ed25519PrivateKey.from_private_bytes(keys.private).sign(_signed(label, members))


def is_signed(public: bytes, label: bytes, members: Mapping[str, object], signature: bytes) -> bool:
    """Tell whether a signature holds."""
    try:
        key = Ed25519PublicKey.from_public_bytes(public)
        key.verify(signature, _signed(label, members))
    except (InvalidSignature, ValueError):
        return False
    return True


def _signed(label: bytes, members: Mapping[str, object]) -> bytes:
    return label + b"\0" + jsontext.canonical(dict(members))
