"""The consent receipt: what a holder agreed to, with the fields of ISO/IEC TS 27560 (section 16).

All that is not one of the values of ``ConsentReceipt`` is fixed text: a reader writes the receipt
anew from its values and takes no other bytes, so that a receipt cannot say anything else beside.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mip_cli.crypto import jsontext
from mip_cli.crypto.forms import Form, Members, element, hexed
from mip_cli.crypto.grant_card import (
    MAX_NAME,
    MAX_PURPOSE,
    GranteeKind,
    address,
    readable,
)
from mip_cli.crypto.grant_signing import KEY_BYTES as SIGNING_BYTES
from mip_cli.units import Address, Nullifier

RECORD_BYTES = 16
SALT_BYTES = 32
MAX_LEVEL = 3
MAX_USES = (1 << 32) - 1

LEVELS = (
    "a proof and no data",
    "counts, sums and coarse bounds over groups of at least five records, no record (who knows all "
    "of a group but one learns that one)",
    "records without the members that name you or others",
    "whole records and files",
)
"""What each level gives, in plain words."""
WITHDRAWAL = (
    "mip grant revoke, at any time and without giving a reason; it ends the grant on chain and "
    "changes the keys of what comes next"
)
NOT_RECALLED = (
    "what the grantee read or copied before; records that were there stay readable to one who "
    "kept keys and blocks, unless they are encrypted anew (mip grant revoke --eager)"
)
"""What a revocation cannot do, said wherever one is made."""
_NOTICE = "the name and the purpose of the grantee are his own words; nobody vouches for them"


@dataclass(frozen=True)
class ConsentReceipt:
    """One consent; public to holder and grantee, named on chain by its hash."""

    record_id: bytes
    """16 random bytes."""
    salt: bytes
    """32 random bytes, so that nobody guesses the receipt from its hash."""
    pseudonym: Nullifier
    """Who consents: the holder as this grantee knows him."""
    grantee: Address
    """To whom."""
    grantee_name: str
    """As his card says."""
    grantee_kind: GranteeKind
    key_hash: bytes
    """His key."""
    purpose: str
    """What for."""
    category: str
    """What of."""
    level: int
    """How much, 0 to 3."""
    created: int
    """Unix time of the consent."""
    expires: int
    """Unix time of its end."""
    uses: int
    """How often it can be used."""
    chain_id: int
    """EIP-155."""
    contract: Address
    """The PermissionGrants."""
    bundle_key: bytes
    """Ed25519, signs the bundles of this grant."""

    @property
    def id(self) -> bytes:
        """What the chain names it by, and what the grant's keys derive from: 32 bytes."""
        return hashlib.sha256(FORM.encode(self)).digest()


def members_of(receipt: ConsentReceipt) -> dict[str, Any]:
    """Return the whole document as an object, format and checksum included."""
    found = jsontext.parse(FORM.encode(receipt))
    if not isinstance(found, dict):
        raise TypeError("a receipt is an object")
    return found


def from_members(document: object) -> ConsentReceipt:
    """Read a receipt from its object; raise ``FileInvalid``, ``ValueError``."""
    if not isinstance(document, dict):
        raise ValueError("the receipt is no object")
    return FORM.decode(json.dumps(document, indent=2).encode() + b"\n")


def moment(at: int) -> str:
    """Write a Unix time as UTC in RFC 3339."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _write(r: ConsentReceipt) -> dict[str, object]:
    return {
        "schema_version": "ISO/IEC TS 27560:2023",
        "record_id": hexed(r.record_id),
        "salt": hexed(r.salt),
        "language": "en",
        "pii_principal_id": element(r.pseudonym),
        "pii_processing": {
            "privacy_notice": _NOTICE,
            "purpose": r.purpose,
            "purpose_type": "as the grantee states it",
            "lawful_basis": "consent",
            "pii_information": {
                "pii_type": r.category,
                "level": r.level,
                "level_meaning": LEVELS[r.level],
                "identity_members_left_out": r.level < MAX_LEVEL,
            },
            "pii_controllers": [r.grantee],
            "collection_method": "from the holder's encrypted archive, by a key sealed to the "
            "grantee",
            "processing_method": "reading what the level gives",
            "storage_locations": "encrypted blocks where the holder keeps them",
            "retention_period": "until it expires or is withdrawn, on the grantee's word",
            "recipient_third_parties": [],
            "withdrawal_method": WITHDRAWAL,
            "not_recalled": NOT_RECALLED,
            "privacy_rights": "to see each use on chain, to withdraw, to ask the grantee to erase",
        },
        "party_identification": [
            {
                "party_id": r.grantee,
                "party_name": r.grantee_name,
                "party_type": r.grantee_kind.value,
                "party_role": "pii controller",
                "party_key_hash": hexed(r.key_hash),
            }
        ],
        "event": {
            "event_type": "explicit consent",
            "event_state": "consent given",
            "event_time": moment(r.created),
            "valid_until": moment(r.expires),
            "uses": r.uses,
            "entity_id": element(r.pseudonym),
        },
        "evidence": {
            "chain_id": r.chain_id,
            "contract": r.contract,
            "bundle_key": hexed(r.bundle_key),
        },
    }


def _read(m: Members) -> ConsentReceipt:
    processing = m.raw("pii_processing")
    said = _pick(processing, "purpose")
    what = _pick(processing["pii_information"], "pii_type", "level")
    party = _pick(
        m.raw("party_identification")[0], "party_id", "party_name", "party_type", "party_key_hash"
    )
    event = _pick(m.raw("event"), "event_time", "valid_until", "uses")
    evidence = m.members("evidence", "chain_id", "contract", "bundle_key")
    receipt = ConsentReceipt(
        record_id=m.data("record_id", RECORD_BYTES),
        salt=m.data("salt", SALT_BYTES),
        pseudonym=Nullifier(m.element("pii_principal_id")),
        grantee=address(party, "party_id"),
        grantee_name=readable(party, "party_name", MAX_NAME),
        grantee_kind=GranteeKind(party.text("party_type", 16)),
        key_hash=party.data("party_key_hash", 32),
        purpose=readable(said, "purpose", MAX_PURPOSE),
        category=what.text("pii_type", 32),
        level=what.integer("level", MAX_LEVEL),
        created=_time(event.text("event_time", 20)),
        expires=_time(event.text("valid_until", 20)),
        uses=event.integer("uses", MAX_USES),
        chain_id=evidence.integer("chain_id"),
        contract=address(evidence, "contract"),
        bundle_key=evidence.data("bundle_key", SIGNING_BYTES),
    )
    if not receipt.pseudonym or not receipt.uses or receipt.expires <= receipt.created:
        raise ValueError("it grants nothing")
    if not is_category(receipt.category):
        raise ValueError("its category is none")
    return receipt


def is_category(text: str) -> bool:
    """Tell whether a text can name a category."""
    return 1 <= len(text) <= 32 and set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def _pick(document: Mapping[str, object], *names: str) -> Members:
    # the rest is fixed text, which the comparison with the one spelling checks
    return Members({name: document[name] for name in names}, *names)


def _time(text: str) -> int:
    return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp())


FORM: Form[ConsentReceipt] = Form(
    "mip.consent/1",
    "consent receipt",
    (
        "schema_version",
        "record_id",
        "salt",
        "language",
        "pii_principal_id",
        "pii_processing",
        "party_identification",
        "event",
        "evidence",
    ),
    _write,
    _read,
    limit=16 * 1024,
)
