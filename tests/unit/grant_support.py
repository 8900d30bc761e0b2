"""Grants without a chain: cards, receipts and views of an archive in a private folder."""

from __future__ import annotations

import json
from collections.abc import Sequence

from mip_cli.crypto import grant_kem, grant_signing
from mip_cli.crypto.cid import Link
from mip_cli.crypto.grant_bundle import Bundle, seal
from mip_cli.crypto.grant_card import Card, GranteeKind
from mip_cli.crypto.grant_consent import ConsentReceipt
from mip_cli.crypto.grant_kem import Kem, KemKeys
from mip_cli.store.archive.archive import Archive
from mip_cli.store.archive.grants import Ending, GrantRecord, GrantState, ended
from mip_cli.store.archive.view_reader import ViewReader
from mip_cli.units import Address, Nullifier
from tests.unit.archive_support import Kept

GRANTEE = Address("0x70997970C51812dc3A010C7d01b50e0d17dc79C8")
CONTRACT = Address("0x5FbDB2315678afecb367f032d93F642f64180aa3")
NAME = "canary-0815"


def kem_keys(kem: Kem = Kem.X25519, seed: int = 1) -> KemKeys:
    return grant_kem.keys_from(kem, bytes([seed]) * kem.private_bytes)


def card(kem: Kem = Kem.X25519, seed: int = 1, **changed: object) -> Card:
    members = {
        "name": "Acme Bank",
        "kind": GranteeKind.ACCOUNT,
        "chain_id": 31337,
        "address": GRANTEE,
        "purpose": "judge a loan",
        "kem": kem,
        "public_key": kem_keys(kem, seed).public,
        "signing_key": grant_signing.keys_from(bytes([seed]) * 32).public,
        "created": 1_800_000_000,
        "signature": bytes(65),
    }
    return Card(**{**members, **changed})  # type: ignore[arg-type]


def receipt(to: Card | None = None, number: int = 1, **changed: object) -> ConsentReceipt:
    to = to or card()
    members = {
        "record_id": bytes([number]) * 16,
        "salt": bytes([number]) * 32,
        "pseudonym": Nullifier(number),
        "grantee": to.address,
        "grantee_name": to.name,
        "grantee_kind": to.kind,
        "key_hash": to.key_hash,
        "purpose": to.purpose,
        "category": "finance",
        "level": 2,
        "created": 1_800_000_000,
        "expires": 1_800_086_400,
        "uses": 3,
        "chain_id": 31337,
        "contract": CONTRACT,
        "bundle_key": grant_signing.keys_from(bytes([number]) * 32).public,
    }
    return ConsentReceipt(**{**members, **changed})  # type: ignore[arg-type]


def record(name: str, level: int, number: int = 1, category: str = "finance") -> GrantRecord:
    to = card(seed=number)
    return GrantRecord(
        name,
        receipt(to, number, level=level, category=category),
        to,
        bytes([number]) * 32,
        GrantState.GRANTED,
    )


def grant(kept: Kept, *granted: GrantRecord) -> None:
    with kept.open() as archive:
        for one in granted:
            archive.keep_grant(one)
            archive.renew_view(one, rebuild=True)
            archive.note_grant(one)
        archive.commit()


def end(archive: Archive, name: str, *, eager: bool = False) -> None:
    """What ``flows.grants.grant.revoke`` does to the archive."""
    found = archive.grants.require(name)
    archive.keep_grant(ended(found, Ending.REVOKED))
    archive.advance_epoch(found.category)
    archive.note_revoke(found)
    if eager:
        archive.reseal(found.category)
    archive.commit()


def bundle_of(kept: Kept, name: str) -> Bundle:
    with kept.open() as archive:
        found = archive.grants.require(name)
        key = archive.grant_key(found.category, found.id)
    bare = Bundle(
        receipt=found.receipt,
        number=found.number,
        epoch=found.epoch,
        view=found.view,
        store=None,
        made=1_800_000_000,
        kem=found.card.kem,
        encapsulated=None,
        wrapped=None,
        proof=None,
    )
    signer = grant_signing.keys_from(found.bundle_seed)
    return seal(bare, key, found.card.public_key, signer)


def key_of(kept: Kept, name: str) -> bytes:
    with kept.open() as archive:
        found = archive.grants.require(name)
        return archive.grant_key(found.category, found.id)


def shown(kept: Kept, bundle: Bundle, key: bytes) -> dict[str, bytes]:
    """What a grantee reads who has the store and the key."""
    assert bundle.view is not None
    with kept.blocks() as store:
        reader = ViewReader(store, bundle.place, bundle.view, key, bundle.receipt.level)
        return {one.record.path: b"".join(reader.read(one)) for one in reader.records()}


def put_records(kept: Kept, numbers: Sequence[int], category: str = "finance") -> None:
    member = {"finance": "holder", "health": "patient"}[category]
    with kept.open() as archive:
        for n in numbers:
            data = json.dumps({member: NAME, "kind": "k", "value": n, "amount": n, "secret": n})
            archive.put_record(category, f"r/{n}.json", data.encode())
        archive.commit()


def links_of(kept: Kept) -> set[Link]:
    return set(kept.names())
