"""A grantee's card: who wants something granted, for what, and what to seal to (section 16)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mip_cli.crypto import grant_kem, jsontext
from mip_cli.crypto.binding import keccak256, word
from mip_cli.crypto.forms import Form, Members, hexed
from mip_cli.crypto.grant_kem import Kem
from mip_cli.crypto.grant_signing import KEY_BYTES as SIGNING_BYTES
from mip_cli.crypto.plaintext import is_readable
from mip_cli.units import Address

MAX_NAME = 64
"""Bytes of a grantee's name."""
MAX_PURPOSE = 96
"""Bytes of a purpose, as contracts hold it."""
SIGNATURE_BYTES = 65

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_DOMAIN = keccak256(b"EIP712Domain(string name,string version,uint256 chainId)")
_STRUCT = keccak256(b"GranteeCard(address grantee,bytes32 card)")


class GranteeKind(StrEnum):
    """What stands at a grantee's address."""

    ACCOUNT = "account"
    CONTRACT = "contract"


@dataclass(frozen=True)
class Card:
    """What a grantee gives to holders; public."""

    name: str
    """How he calls himself; nobody vouches for it."""
    kind: GranteeKind
    """Whether an account signed the card or a contract states the key."""
    chain_id: int
    """EIP-155."""
    address: Address
    """The grantee on that chain."""
    purpose: str
    """What the data is wanted for; part of the scope."""
    kem: Kem
    public_key: bytes
    """What grants are sealed to."""
    signing_key: bytes
    """Ed25519, what access receipts are signed with."""
    created: int
    """Unix time."""
    signature: bytes | None
    """The account's, 65 bytes; None of a contract."""

    @property
    def key_hash(self) -> bytes:
        """What a contract states as ``grantee_key()``."""
        return keccak256(self.kem.encode() + b"\0" + self.public_key + self.signing_key)

    @property
    def digest(self) -> bytes:
        """The EIP-712 digest that an account signs."""
        members = _write(self)
        del members["signature"]
        card = hashlib.sha256(jsontext.canonical(members)).digest()
        domain = keccak256(
            _DOMAIN + keccak256(b"MIP grantee card") + keccak256(b"1") + word(self.chain_id)
        )
        struct = keccak256(_STRUCT + word(int(self.address, 16)) + card)
        return keccak256(b"\x19\x01" + domain + struct)


def _write(card: Card) -> dict[str, object]:
    return {
        "name": card.name,
        "kind": card.kind.value,
        "chain_id": card.chain_id,
        "address": card.address,
        "purpose": card.purpose,
        "kem": card.kem.value,
        "public_key": hexed(card.public_key),
        "signing_key": hexed(card.signing_key),
        "created": card.created,
        "signature": None if card.signature is None else hexed(card.signature),
    }


def _read(m: Members) -> Card:
    kind, kem = GranteeKind(m.text("kind", 16)), Kem(m.text("kem", 32))
    if m.absent("signature") != (kind is GranteeKind.CONTRACT):
        raise ValueError("an account signs its card, a contract does not")
    public = m.data("public_key", kem.public_bytes)
    grant_kem.require_public(kem, public)
    return Card(
        name=readable(m, "name", MAX_NAME),
        kind=kind,
        chain_id=m.integer("chain_id"),
        address=address(m, "address"),
        purpose=readable(m, "purpose", MAX_PURPOSE),
        kem=kem,
        public_key=public,
        signing_key=m.data("signing_key", SIGNING_BYTES),
        created=m.integer("created"),
        signature=None if m.absent("signature") else m.data("signature", SIGNATURE_BYTES),
    )


def address(m: Members, name: str) -> Address:
    """Read an address with its EIP-55 checksum; raise ``ValueError`` for anything else."""
    text = m.text(name, 42)
    if not _ADDRESS.fullmatch(text) or not int(text, 16):
        raise ValueError(f"{name} is no address")
    mask = keccak256(text[2:].lower().encode()).hex()
    spelled = "".join(
        c.upper() if nibble >= "8" else c for c, nibble in zip(text[2:].lower(), mask, strict=False)
    )
    if text[2:] != spelled:
        raise ValueError(f"{name} lacks its checksum")
    return Address(text)


def readable(m: Members, name: str, limit: int) -> str:
    """Read text that a person sees as it is; raise ``ValueError`` for anything else."""
    text = m.text(name, limit)
    if not is_readable(text):
        raise ValueError(f"{name} cannot be shown as it is")
    return text


FORM: Form[Card] = Form(
    "mip.grantee/1",
    "grantee's card",
    (
        "name",
        "kind",
        "chain_id",
        "address",
        "purpose",
        "kem",
        "public_key",
        "signing_key",
        "created",
        "signature",
    ),
    _write,
    _read,
    limit=16 * 1024,
)


def parse(members: Mapping[str, object]) -> Card:
    """Read a card from members without format and checksum; raise ``ValueError``."""
    return _read(Members(dict(members), *FORM.names))
