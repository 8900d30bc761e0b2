"""What an issuer signs about a passport's holder; protocol section 20."""

from __future__ import annotations

from dataclasses import dataclass

from mip_cli.crypto import eddsa
from mip_cli.crypto.babyjubjub import Point
from mip_cli.crypto.claims import SLOTS, date_text
from mip_cli.crypto.commitments import address_element
from mip_cli.crypto.eddsa import Signature
from mip_cli.crypto.field import R, is_canonical
from mip_cli.crypto.poseidon2 import compress
from mip_cli.crypto.quad_tree import QuadTree

REVOCATION_LEVELS = 12
ISSUER_LEVELS = 8
MAX_NONCE = 4**REVOCATION_LEVELS - 1
"""Highest number of a credential of one key."""
MAX_ISSUER = 4**ISSUER_LEVELS - 1
REVOKED = 1
"""Leaf of a revoked credential."""


def _tag(name: str) -> int:
    return int.from_bytes(f"mip.{name}/1".encode("ascii"), "big")


TAG_SUBJECT = _tag("subject")
TAG_CREDENTIAL = _tag("credential")
TAG_ISSUER = _tag("issuer")


def subject(secret: int, anchor: str, blinding: int) -> int:
    """Commit to a passport's secret and anchor; the blinding makes two such numbers strangers."""
    if secret == 0:
        raise ValueError("the secret must not be zero")
    return compress(secret, address_element(anchor), blinding, TAG_SUBJECT)


def issuer_leaf(key: Point, revocation_root: int) -> int:
    """Compute an issuer's leaf as the contract does."""
    return compress(*key, revocation_root, TAG_ISSUER)


def revocation_tree(nonces: tuple[int, ...], levels: int = REVOCATION_LEVELS) -> QuadTree:
    """Build the tree of revoked credentials."""
    return QuadTree(levels, dict.fromkeys(nonces, REVOKED))


@dataclass(frozen=True)
class Terms:
    """From when to when a credential is good, and its number."""

    issued_on: int
    """First day, as a date's number."""
    expires_on: int
    """Last day, as a date's number."""
    nonce: int
    """Unique for the issuer's key."""

    def __post_init__(self) -> None:
        date_text(self.issued_on)
        date_text(self.expires_on)
        if not self.issued_on <= self.expires_on or not 0 <= self.nonce <= MAX_NONCE:
            raise ValueError("the terms end before they begin, or the number is out of range")

    @property
    def packed(self) -> int:
        """All three in one element; the gaps are wider than what the circuit lets spill."""
        return self.issued_on + (self.expires_on << 40) + (self.nonce << 80)


@dataclass(frozen=True)
class Statement:
    """What is signed."""

    claims: tuple[int, ...]
    """Twelve, 0 for those left out."""
    subject: int
    schema_id: int
    terms: Terms

    def __post_init__(self) -> None:
        if len(self.claims) != SLOTS or not all(map(is_canonical, self.claims)):
            raise ValueError(f"a credential has {SLOTS} claims")
        if not (is_canonical(self.subject) and is_canonical(self.schema_id) and self.subject):
            raise ValueError("subject and schema are field elements, the subject not 0")

    @property
    def digest(self) -> int:
        """The field element that the signature is about."""
        groups = [compress(*self.claims[i : i + 4]) for i in range(0, SLOTS, 4)]
        head = compress(self.subject, self.schema_id, self.terms.packed, TAG_CREDENTIAL)
        return compress(*groups, head) % R


@dataclass(frozen=True)
class SignedStatement:
    """A statement, whose key it is under, and the signature."""

    statement: Statement
    key: Point
    signature: Signature

    def is_valid(self) -> bool:
        """Tell whether the signature holds; what the key is worth is for others to say."""
        return eddsa.verify(self.key, self.statement.digest, self.signature)
