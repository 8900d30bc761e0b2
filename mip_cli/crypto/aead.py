"""Authenticated encryption with ChaCha20-Poly1305 (RFC 8439) and random nonces.

96-bit random nonces are safe for 2^32 messages per key; a key here seals one file, now and again.
Chosen over AES-GCM because it is constant-time without special instructions.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16

Rng = Callable[[int], bytes]
"""Source of random bytes; takes their number."""
system_rng: Rng = secrets.token_bytes


class NotAuthentic(Exception):
    """The key is wrong, or ciphertext or associated data were changed: no one can tell which."""


@dataclass(frozen=True)
class Sealed:
    """A ciphertext and the nonce it needs; both public."""

    nonce: bytes
    """12 bytes, never used twice with one key."""
    ciphertext: bytes
    """As long as the plaintext, and the 16-byte tag."""


def random_key(rng: Rng = system_rng) -> bytes:
    """Draw a 256-bit key."""
    return rng(KEY_BYTES)


def seal(key: bytes, plaintext: bytes, associated: bytes, *, rng: Rng = system_rng) -> Sealed:
    """Encrypt and authenticate; ``associated`` is bound but not stored."""
    nonce = rng(NONCE_BYTES)
    return Sealed(nonce, ChaCha20Poly1305(key).encrypt(nonce, plaintext, associated))


def unseal(key: bytes, sealed: Sealed, associated: bytes) -> bytes:
    """Return the plaintext; raise ``NotAuthentic`` when anything differs from the sealing."""
    if len(sealed.nonce) != NONCE_BYTES or len(sealed.ciphertext) < TAG_BYTES:
        raise NotAuthentic
    try:
        return ChaCha20Poly1305(key).decrypt(sealed.nonce, sealed.ciphertext, associated)
    except InvalidTag as error:
        raise NotAuthentic from error


def mac(key: bytes, data: bytes) -> bytes:
    """Return HMAC-SHA256; with a key derived for it, it also commits to that key."""
    return hmac.digest(key, data, hashlib.sha256)


def mac_matches(key: bytes, data: bytes, expected: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(mac(key, data), expected)
