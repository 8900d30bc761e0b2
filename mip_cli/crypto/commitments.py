"""The objects of ``docs/protocol.md`` section 2 that need no chain."""

from __future__ import annotations

from collections.abc import Sequence

from mip_cli.crypto.field import R, require_canonical
from mip_cli.crypto.poseidon import poseidon
from mip_cli.crypto.poseidon2 import compress
from mip_cli.units import Commitment, Nullifier, Scope


def _tag(name: str) -> int:
    return int.from_bytes(f"mip.{name}/1".encode("ascii"), "big")


TAG_IDENTITY = _tag("identity")
TAG_NULLIFIER = _tag("nullifier")
TAG_FACE = _tag("face")
TAG_PASSWORD = _tag("password")
TAG_TWIN = _tag("twin")
TAG_GUARDIAN = _tag("guardian")
TAG_GUARDIAN_LEAF = _tag("guardian.leaf")
TAG_GUARDIAN_SET = _tag("guardian.set")
TAG_APPROVAL = _tag("approval")
TAG_KEYS = _tag("keys")
TAG_LEAF = _tag("leaf")

COORDINATES_PER_ELEMENT = 31
"""Template bytes packed into one field element."""
MAX_CHUNK = 14
"""Packed elements hashed at once beside tag and salt."""


def identity_commitment(secret: int) -> Commitment:
    """Commit to the secret; raise ``ValueError`` for zero."""
    if secret == 0:
        raise ValueError("the secret must not be zero")
    return Commitment(poseidon(TAG_IDENTITY, secret))


def pack_template(values: Sequence[int]) -> list[int]:
    """Pack int8 coordinates, 31 to an element; raise ``ValueError`` outside [-128, 127]."""
    if any(not -128 <= v <= 127 for v in values):
        raise ValueError("template coordinates must be 8-bit signed integers")
    data = bytes(v + 128 for v in values)
    step = COORDINATES_PER_ELEMENT
    return [int.from_bytes(data[i : i + step], "little") for i in range(0, len(data), step)]


def face_commitment(values: Sequence[int], salt: int, spec_id: int) -> Commitment:
    """Commit to a face template of one spec; ``spec_id`` has 120 bits, ``salt`` is an element."""
    if not 0 <= spec_id < 1 << 120:
        raise ValueError("a spec id has 120 bits")
    tag = TAG_FACE + (spec_id << 128)
    packed = pack_template(values)
    if len(packed) > MAX_CHUNK:
        chunks = [packed[i : i + MAX_CHUNK] for i in range(0, len(packed), MAX_CHUNK)]
        packed = [poseidon(tag, *chunk) for chunk in chunks]
    return Commitment(poseidon(tag, *packed, salt))


def password_commitment(stretched: int) -> Commitment:
    """Commit to the stretched password, a field element."""
    return Commitment(poseidon(TAG_PASSWORD, stretched))


def twin_arity(dimension: int) -> int:
    """Return how many inputs the outermost hash of a face commitment takes."""
    packed = -(-dimension // COORDINATES_PER_ELEMENT)
    digests = -(-packed // MAX_CHUNK) if packed > MAX_CHUNK else packed
    return digests + 2


def twin_commitment(stretched: int, arity: int = 7) -> Commitment:
    """Commit to the stretched password a second time, in the shape of the face's outermost hash.

    ``arity`` is ``twin_arity`` of the face spec's dimension; raises ``ValueError`` below 2.
    """
    if arity < 2:
        raise ValueError("a twin commitment has at least two inputs")
    return Commitment(poseidon(TAG_TWIN, stretched, *[0] * (arity - 2)))


def guardian_commitment(people_key: int) -> Commitment:
    """Commit to ``g``, which follows from the people secret; random while there are no people."""
    return Commitment(poseidon(TAG_GUARDIAN, people_key))


def keys_root(face: int, password: int, twin: int, salt: int) -> Commitment:
    """Hash the holder's own key commitments and a salt into the one value the chain sees."""
    return Commitment((compress(face, password, twin, salt) + TAG_KEYS) % R)


def leaf(identity: int, anchor: str, keys: int, guardian: int) -> int:
    """Compute the tree leaf as the registry does; ``anchor`` is a 20-byte hex address."""
    return (compress(identity, address_element(anchor), keys, guardian) + TAG_LEAF) % R


def nullifier(secret: int, anchor: str, scope: Scope | int) -> Nullifier:
    """Derive the holder's pseudonym in a scope."""
    require_canonical(scope, "scope")
    return Nullifier(poseidon(TAG_NULLIFIER, secret, address_element(anchor), scope))


def address_element(address: str) -> int:
    """Read a 0x-prefixed 20-byte address as an integer below 2^160."""
    if len(address) != 42 or not address.startswith("0x"):
        raise ValueError("an address is 0x and 40 hex digits")
    return int(address, 16)
