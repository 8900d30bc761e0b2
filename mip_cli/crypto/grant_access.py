"""The access receipt: what a grantee signs before he opens, and hands back (section 16)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from mip_cli.crypto import cid, grant_signing
from mip_cli.crypto.cid import Link
from mip_cli.crypto.forms import Form, Members, element, hexed
from mip_cli.crypto.grant_card import address
from mip_cli.crypto.grant_consent import MAX_LEVEL, is_category
from mip_cli.crypto.grant_signing import KEY_BYTES, SIGNATURE_BYTES, SignerKeys
from mip_cli.units import Address, Nullifier

SALT_BYTES = 32
_SIGNED = b"mip access receipt/1"


@dataclass(frozen=True)
class AccessReceipt:
    """One access to one view."""

    receipt: bytes
    """The consent receipt's hash."""
    chain_id: int
    contract: Address
    pseudonym: Nullifier
    category: str
    level: int
    number: int
    """Of the bundle."""
    view: Link | None
    """Fixes every byte that was read; None at level 0."""
    at: int
    """Unix time."""
    salt: bytes
    """32 random bytes: two accesses never have one hash."""
    signing_key: bytes
    """The grantee's, as on his card."""
    used: bytes | None
    """The ``access`` of the event that this opening goes by where it is not this receipt's hash: a
    contract's own use, or the use of an access that was cut off."""
    signature: bytes = b""

    @property
    def id(self) -> bytes:
        """What the chain names it by: 32 bytes."""
        return hashlib.sha256(FORM.encode(self)).digest()

    @property
    def access(self) -> bytes:
        """The word that the event of its use bears."""
        return self.id if self.used is None else self.used


def sign(receipt: AccessReceipt, signer: SignerKeys) -> AccessReceipt:
    """Sign a receipt that comes without signature."""
    return replace(receipt, signature=grant_signing.sign(signer, _SIGNED, _unsigned(receipt)))


def is_signed(receipt: AccessReceipt) -> bool:
    """Tell whether the key it names signed it; whose key that is, the card says."""
    return grant_signing.is_signed(
        receipt.signing_key, _SIGNED, _unsigned(receipt), receipt.signature
    )


def _unsigned(receipt: AccessReceipt) -> Mapping[str, object]:
    members = _write(receipt)
    del members["signature"]
    return members


def _write(r: AccessReceipt) -> dict[str, object]:
    return {
        "receipt": hexed(r.receipt),
        "chain_id": r.chain_id,
        "contract": r.contract,
        "pseudonym": element(r.pseudonym),
        "category": r.category,
        "level": r.level,
        "number": r.number,
        "view": None if r.view is None else cid.text(r.view),
        "at": r.at,
        "salt": hexed(r.salt),
        "signing_key": hexed(r.signing_key),
        "used": None if r.used is None else hexed(r.used),
        "signature": hexed(r.signature),
    }


def _read(m: Members) -> AccessReceipt:
    level = m.integer("level", MAX_LEVEL)
    if m.absent("view") != (level == 0):
        raise ValueError("the view does not fit the level")
    category = m.text("category", 32)
    if not is_category(category):
        raise ValueError("its category is none")
    return AccessReceipt(
        receipt=m.data("receipt", 32),
        chain_id=m.integer("chain_id"),
        contract=address(m, "contract"),
        pseudonym=Nullifier(m.element("pseudonym")),
        category=category,
        level=level,
        number=m.integer("number", (1 << 32) - 1),
        view=None if level == 0 else cid.parse(m.text("view", 64)),
        at=m.integer("at"),
        salt=m.data("salt", SALT_BYTES),
        signing_key=m.data("signing_key", KEY_BYTES),
        used=None if m.absent("used") else m.data("used", 32),
        signature=m.data("signature", SIGNATURE_BYTES),
    )


FORM: Form[AccessReceipt] = Form(
    "mip.access.receipt/1",
    "access receipt",
    (
        "receipt",
        "chain_id",
        "contract",
        "pseudonym",
        "category",
        "level",
        "number",
        "view",
        "at",
        "salt",
        "signing_key",
        "used",
        "signature",
    ),
    _write,
    _read,
    limit=8 * 1024,
)
