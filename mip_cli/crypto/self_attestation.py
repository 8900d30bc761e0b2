"""The key that everybody has: what a person says of himself; protocol section 21."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from mip_cli.crypto import babyjubjub as curve
from mip_cli.crypto.babyjubjub import COFACTOR, ORDER, Point
from mip_cli.crypto.eddsa import SigningKey
from mip_cli.crypto.plaintext import is_readable

LABEL = b"mip.self-attestation/1"
MAX_DETAIL = 256
"""UTF-8 bytes of an evidence's detail."""


class Evidence(StrEnum):
    """How the holder's own machine came to the claims; nobody else saw it."""

    SELF = "self"
    DOCUMENT_FACE = "document-face"
    SD_JWT = "sd-jwt es256"

    @property
    def words(self) -> str:
        """What a person is told."""
        match self:
            case Evidence.SELF:
                return "the holder says so himself; nothing was checked"
            case Evidence.DOCUMENT_FACE:
                return "the holder says so himself; his machine compared a photo of a document"
            case Evidence.SD_JWT:
                return "the holder says so himself; his machine checked another issuer's SD-JWT"


@dataclass(frozen=True)
class Note:
    """What stands beside self-attested claims: for their holder, no proof to anybody."""

    how: Evidence
    detail: str
    """Readable text, such as whose signature was checked; may be empty."""

    def __post_init__(self) -> None:
        if len(self.detail.encode()) > MAX_DETAIL or (self.detail and not is_readable(self.detail)):
            raise ValueError(f"the detail of an evidence is readable text of {MAX_DETAIL} bytes")


@cache
def signing_key() -> SigningKey:
    """Return the key; whoever calls this can sign with it, which is its purpose."""
    scalar = 1 + int.from_bytes(hashlib.sha512(LABEL).digest(), "big") % (ORDER - 1)
    return SigningKey(scalar, hashlib.sha256(LABEL).digest())


@cache
def public_key() -> Point:
    """Return the point that the registry has for the number of self-attested credentials."""
    return signing_key().public


def is_open(key: Point) -> bool:
    """Tell whether anybody can sign under a key because it is the self-attestation key.

    Verifiers see ``8A`` alone, so the sums with points of small order are the same key.
    """
    if not curve.is_on_curve(key):
        return False
    return key == public_key() or _eightfold(key) == _eightfold(public_key())


def _eightfold(key: Point) -> Point:
    return curve.multiply(key, COFACTOR)
