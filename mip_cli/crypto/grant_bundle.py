"""The bundle: what a holder hands to a grantee, one file (section 16)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from mip_cli.crypto import cid, grant_kem, grant_signing, jsontext
from mip_cli.crypto.aead import KEY_BYTES, TAG_BYTES, NotAuthentic
from mip_cli.crypto.cid import Link
from mip_cli.crypto.forms import Form, Members, hexed
from mip_cli.crypto.grant_consent import ConsentReceipt, from_members, members_of
from mip_cli.crypto.grant_kem import Kem, KemKeys
from mip_cli.crypto.grant_signing import SIGNATURE_BYTES, SignerKeys
from mip_cli.crypto.grant_view import ViewPlace

MAX_BYTES = 256 * 1024
"""Bytes of a bundle."""
MAX_PROOF = 192 * 1024
"""Bytes of the proof file in a bundle of level 0."""
MAX_STORE = 1024
"""Bytes of the place where the blocks can be had."""

SIGNED = b"mip grant bundle/1"
"""Label of the signature."""
_SEALED = b"mip grant key/1\0"
_BEFORE_KEY = ("receipt", "number", "epoch", "view", "store", "made", "kem")
_WRAPPED_BYTES = KEY_BYTES + TAG_BYTES


@dataclass(frozen=True)
class Bundle:
    """Public but for the grantee's key; whoever has it without that key learns the receipt."""

    receipt: ConsentReceipt
    number: int
    """1 for the first, one more for each later state."""
    epoch: int
    """Of the category."""
    view: Link | None
    """None at level 0."""
    store: str | None
    """Where the blocks can be had, as the holder puts it."""
    made: int
    """Unix time."""
    kem: Kem
    encapsulated: bytes | None
    wrapped: bytes | None
    """The view's key, sealed to the grantee; None at level 0."""
    proof: str | None
    """A proof file, at level 0 alone."""
    signature: bytes = b""
    """By the receipt's bundle key."""

    @property
    def place(self) -> ViewPlace:
        """What the view must be bound to."""
        r = self.receipt
        return ViewPlace(r.id, r.category, self.epoch, self.number)


def seal(bundle: Bundle, key: bytes | None, public: bytes, signer: SignerKeys) -> Bundle:
    """Seal the view's key to the grantee and sign; ``bundle`` comes without either."""
    if key is not None:
        encapsulated, wrapped = grant_kem.seal(bundle.kem, public, key, info_of(bundle))
        bundle = replace(bundle, encapsulated=encapsulated, wrapped=wrapped)
    return replace(bundle, signature=grant_signing.sign(signer, SIGNED, unsigned_of(bundle)))


def is_signed(bundle: Bundle) -> bool:
    """Tell whether the key that the receipt names signed the bundle."""
    return grant_signing.is_signed(
        bundle.receipt.bundle_key, SIGNED, unsigned_of(bundle), bundle.signature
    )


def open_key(bundle: Bundle, keys: KemKeys) -> bytes:
    """Return the view's key; raise ``NotAuthentic`` unless it was sealed to these, in this bundle.

    The signature is checked apart.
    """
    if bundle.encapsulated is None or bundle.wrapped is None or bundle.kem is not keys.kem:
        raise NotAuthentic
    return grant_kem.unseal(keys, bundle.encapsulated, bundle.wrapped, info_of(bundle))


def info_of(bundle: Bundle) -> bytes:
    """Return what the sealed key is bound to."""
    members = _write(bundle)
    bound = {name: members[name] for name in _BEFORE_KEY}
    return _SEALED + hashlib.sha256(jsontext.canonical(bound)).digest()


def unsigned_of(bundle: Bundle) -> Mapping[str, object]:
    """Return the members that the signature is over."""
    members = _write(bundle)
    del members["signature"]
    return members


def _write(b: Bundle) -> dict[str, object]:
    return {
        "receipt": members_of(b.receipt),
        "number": b.number,
        "epoch": b.epoch,
        "view": None if b.view is None else cid.text(b.view),
        "store": b.store,
        "made": b.made,
        "kem": b.kem.value,
        "encapsulated": None if b.encapsulated is None else hexed(b.encapsulated),
        "wrapped": None if b.wrapped is None else hexed(b.wrapped),
        "proof": b.proof,
        "signature": hexed(b.signature),
    }


def _read(m: Members) -> Bundle:
    receipt = from_members(m.raw("receipt"))
    empty = receipt.level == 0
    for name in ("view", "encapsulated", "wrapped"):
        if m.absent(name) != empty:
            raise ValueError(f"{name} does not fit the level")
    if not empty and not m.absent("proof"):
        raise ValueError("a proof comes at level 0 alone")
    kem = Kem(m.text("kem", 32))
    return Bundle(
        receipt=receipt,
        number=m.integer("number", (1 << 32) - 1),
        epoch=m.integer("epoch", (1 << 32) - 1),
        view=None if empty else cid.parse(m.text("view", 64)),
        store=None if m.absent("store") else m.text("store", MAX_STORE),
        made=m.integer("made"),
        kem=kem,
        encapsulated=None if empty else m.data("encapsulated", kem.encapsulated_bytes),
        wrapped=None if empty else m.data("wrapped", _WRAPPED_BYTES),
        proof=None if m.absent("proof") else m.text("proof", MAX_PROOF),
        signature=m.data("signature", SIGNATURE_BYTES),
    )


FORM: Form[Bundle] = Form(
    "mip.grant.bundle/1",
    "bundle of a grant",
    (*_BEFORE_KEY, "encapsulated", "wrapped", "proof", "signature"),
    _write,
    _read,
    limit=MAX_BYTES,
)
