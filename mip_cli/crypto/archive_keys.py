"""The key tree of an archive: who it belongs to, what opens its root, how its key moves on."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from mip_cli.crypto import aead, commitments
from mip_cli.crypto.aead import NotAuthentic, Rng, Sealed, system_rng
from mip_cli.crypto.binding import keccak248
from mip_cli.crypto.kdf import subkey

OWNER_SCOPE = keccak248(b"mip.archive/1")
"""Scope of the pseudonym that owns an archive; no contract has it."""
MAX_WRAPS = 1024
"""Generations that an older key can follow."""
WRAP_BYTES = aead.NONCE_BYTES + aead.KEY_BYTES + aead.TAG_BYTES

_NEXT = b"mip archive next/1"


@dataclass(frozen=True, repr=False)
class ArchiveKey:
    """What opens an archive's root; a new one is drawn at each erasure."""

    key: bytes
    """32 bytes."""
    generation: int = 0
    """How many came before it."""

    def __post_init__(self) -> None:
        if len(self.key) != aead.KEY_BYTES or not 0 <= self.generation < 1 << 32:
            raise ValueError("an archive key has 32 bytes and a generation of 32 bits")

    def __repr__(self) -> str:
        return f"ArchiveKey(generation={self.generation}, <redacted>)"

    @property
    def root_key(self) -> bytes:
        """What seals the root."""
        return subkey(self.key, b"mip archive root/1")


def new_key(rng: Rng = system_rng) -> ArchiveKey:
    """Draw the first key of an archive."""
    return ArchiveKey(aead.random_key(rng))


def following(key: ArchiveKey, rng: Rng = system_rng) -> tuple[ArchiveKey, bytes]:
    """Draw the next key; return it and its wrap, which the present key opens and no later one."""
    drawn = ArchiveKey(aead.random_key(rng), key.generation + 1)
    sealed = aead.seal(subkey(key.key, _NEXT), drawn.key, _next_data(drawn.generation), rng=rng)
    return drawn, sealed.nonce + sealed.ciphertext


def follow(key: ArchiveKey, wrap: bytes) -> ArchiveKey:
    """Open the wrap of the next key; raise ``NotAuthentic`` when it is not the next of this one."""
    sealed = Sealed(wrap[: aead.NONCE_BYTES], wrap[aead.NONCE_BYTES :])
    generation = key.generation + 1
    opened = aead.unseal(subkey(key.key, _NEXT), sealed, _next_data(generation))
    if len(opened) != aead.KEY_BYTES:
        raise NotAuthentic
    return ArchiveKey(opened, generation)


def owner_of(secret: int, anchor: str) -> bytes:
    """Return the pseudonym of a passport that its archive is bound to; never published."""
    return commitments.nullifier(secret, anchor, OWNER_SCOPE).to_bytes(32, "big")


def category_tag(owner: bytes, category: str) -> bytes:
    """Return what the blocks of a category are bound to."""
    return subkey(owner, b"mip archive category/1\0" + category.encode())


def log_tag(owner: bytes) -> bytes:
    """Return what the blocks of the log are bound to."""
    return subkey(owner, b"mip archive log/1")


def grants_tag(owner: bytes) -> bytes:
    """Return what the nodes about grants are bound to."""
    return subkey(owner, b"mip archive grants/1")


def grantee_key(epoch_key: bytes, grant: bytes) -> bytes:
    """Return the one key that a grant on a category carries in an epoch."""
    return subkey(epoch_key, b"mip archive grantee/1\0" + grant)


def anchor_salt(anchor_key: bytes, sequence: int) -> bytes:
    """Return the salt that opens one anchored commitment."""
    data = b"mip archive anchor salt/1\0" + sequence.to_bytes(8, "big")
    return hmac.digest(anchor_key, data, "sha256")


def _next_data(generation: int) -> bytes:
    return _NEXT + b"\0" + generation.to_bytes(4, "big")
