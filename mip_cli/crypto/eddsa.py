"""EdDSA-Poseidon over BabyJubJub, as circomlib verifies it; protocol section 20.

The secret scalar is drawn directly instead of from a hashed seed: verifiers see no difference. The
nonce follows from key and digest, as in RFC 8032, so no random number can fail.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from mip_cli.crypto import babyjubjub as curve
from mip_cli.crypto.aead import Rng, system_rng
from mip_cli.crypto.babyjubjub import COFACTOR, ORDER, Point
from mip_cli.crypto.field import is_canonical, require_canonical
from mip_cli.crypto.poseidon import poseidon

PREFIX_BYTES = 32


@dataclass(frozen=True)
class Signature:
    """What verifies under a public key."""

    nonce: Point
    """R8."""
    response: int
    """S, below the order of the group."""


@dataclass(frozen=True, repr=False)
class SigningKey:
    """An issuer's secret."""

    scalar: int
    """Non-zero, below the order of the group."""
    prefix: bytes
    """What nonces are derived from, 32 bytes."""

    def __repr__(self) -> str:
        return "SigningKey(<redacted>)"

    @property
    def public(self) -> Point:
        """The point A."""
        return curve.multiply_base(self.scalar)


def new_key(rng: Rng = system_rng) -> SigningKey:
    """Draw a key; the scalar is uniform up to 2^-128."""
    scalar = 1 + int.from_bytes(rng(48), "big") % (ORDER - 1)
    return SigningKey(scalar, rng(PREFIX_BYTES))


def sign(key: SigningKey, public: Point, digest: int) -> Signature:
    """Sign a field element; ``public`` is the key's point, computed once for many signatures."""
    require_canonical(digest, "digest")
    found = hmac.digest(key.prefix, digest.to_bytes(32, "big"), hashlib.sha512)
    nonce_scalar = int.from_bytes(found, "big") % ORDER
    nonce = curve.multiply_base(nonce_scalar)
    challenge = poseidon(*nonce, *public, digest)
    return Signature(nonce, (nonce_scalar + COFACTOR * challenge * key.scalar) % ORDER)


def is_valid_key(public: Point) -> bool:
    """Tell whether a point can be an issuer's key: on the curve, in the group, not its identity."""
    return public != curve.IDENTITY and curve.is_in_subgroup(public)


def verify(public: Point, digest: int, signature: Signature) -> bool:
    """Tell whether a signature holds, by exactly the rules of the circuit."""
    nonce, response = signature.nonce, signature.response
    if not (curve.is_on_curve(public) and curve.is_on_curve(nonce) and is_canonical(digest)):
        return False
    eightfold = curve.multiply(public, COFACTOR)
    if not 0 <= response < ORDER or eightfold[0] == 0:
        return False
    challenge = poseidon(*nonce, *public, digest)
    right = curve.add(nonce, curve.multiply(eightfold, challenge))
    return curve.multiply_base(response) == right
