"""The vectors of sharing: card, consent, view, bundle and access receipt, with one defect each."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from keyfile_vector import hpke_seal

from mip_cli.chain.keys import Signer
from mip_cli.crypto import cid as cids
from mip_cli.crypto import (
    grant_access,
    grant_bundle,
    grant_card,
    grant_consent,
    grant_kem,
    grant_signing,
    jsontext,
)
from mip_cli.crypto.archive_blocks import node_of, read_links
from mip_cli.crypto.archive_keys import grantee_key
from mip_cli.crypto.forms import hexed
from mip_cli.crypto.grant_access import AccessReceipt
from mip_cli.crypto.grant_bundle import SIGNED, Bundle
from mip_cli.crypto.grant_card import Card, GranteeKind
from mip_cli.crypto.grant_consent import ConsentReceipt
from mip_cli.crypto.grant_kem import Kem
from mip_cli.crypto.grant_view import ViewContent, ViewPlace, seal_view
from mip_cli.units import Address, Nullifier

NOW = 1_800_000_000
CONTRACT = Address("0x5FbDB2315678afecb367f032d93F642f64180aa3")
ACCOUNT = bytes.fromhex("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d")
"""Key of a well-known test account."""
EPOCH_KEY = b"\x05" * 32


def document() -> dict[str, object]:
    """Return the vector file."""
    made = _Made()
    return {
        "schema": "mip.vectors.grants/1",
        "about": "docs/protocol.md section 16; ephemeral is HPKE's key pair's private half",
        "kem_key": made.keys.private.hex(),
        "signing_key": made.signer.private.hex(),
        "bundle_seed": made.bundle_signer.private.hex(),
        "ephemeral": made.ephemeral.hex(),
        "epoch_key": EPOCH_KEY.hex(),
        "card": grant_card.FORM.encode(made.card).decode(),
        "key_hash": made.card.key_hash.hex(),
        "consent": grant_consent.FORM.encode(made.receipt).decode(),
        "grant": made.receipt.id.hex(),
        "view_key": made.key.hex(),
        "view": made.view.data.hex(),
        "bundle": grant_bundle.FORM.encode(made.bundle).decode(),
        "access_receipt": grant_access.FORM.encode(made.access).decode(),
        "access": made.access.id.hex(),
        "defects": made.defects(),
    }


class _Made:
    def __init__(self) -> None:
        self.keys = grant_kem.keys_from(Kem.X25519, b"\x01" * 32)
        self.signer = grant_signing.keys_from(b"\x02" * 32)
        self.bundle_signer = grant_signing.keys_from(b"\x03" * 32)
        self.ephemeral = b"\x04" * 32
        account = Signer(ACCOUNT)
        bare = Card(
            name="Acme Bank",
            kind=GranteeKind.ACCOUNT,
            chain_id=31337,
            address=account.address,
            purpose="judge a loan",
            kem=Kem.X25519,
            public_key=self.keys.public,
            signing_key=self.signer.public,
            created=NOW,
            signature=None,
        )
        self.card = replace(bare, signature=account.sign_digest(bare.digest))
        self.receipt = ConsentReceipt(
            record_id=b"\x06" * 16,
            salt=b"\x07" * 32,
            pseudonym=Nullifier(0x2A),
            grantee=self.card.address,
            grantee_name=self.card.name,
            grantee_kind=self.card.kind,
            key_hash=self.card.key_hash,
            purpose=self.card.purpose,
            category="finance",
            level=2,
            created=NOW,
            expires=NOW + 86_400,
            uses=3,
            chain_id=31337,
            contract=CONTRACT,
            bundle_key=self.bundle_signer.public,
        )
        self.key = grantee_key(EPOCH_KEY, self.receipt.id)
        self.place = ViewPlace(self.receipt.id, "finance", 4, 1)
        self.list = cids.link_of(b"list", cids.DAG_CBOR)
        self.content = ViewContent(2, 1, b"\x08" * 32, 1, b"\x09" * 32, self.list)
        self.view = self._view(self.place, self.key, self.content)
        self.bundle = self.sealed(
            Bundle(
                receipt=self.receipt,
                number=1,
                epoch=4,
                view=self.view.cid,
                store=None,
                made=NOW,
                kem=Kem.X25519,
                encapsulated=None,
                wrapped=None,
                proof=None,
            )
        )
        self.access = grant_access.sign(
            AccessReceipt(
                receipt=self.receipt.id,
                chain_id=31337,
                contract=CONTRACT,
                pseudonym=Nullifier(0x2A),
                category="finance",
                level=2,
                number=1,
                view=self.view.cid,
                at=NOW + 60,
                salt=b"\x0a" * 32,
                signing_key=self.signer.public,
                used=None,
            ),
            self.signer,
        )

    def sealed(self, bundle: Bundle) -> Bundle:
        """Seal and sign a bundle as the RFC says, with the ephemeral key of the vector."""
        encapsulated, wrapped = hpke_seal(
            self.ephemeral, self.keys.public, self.key, grant_bundle.info_of(bundle)
        )
        return self.signed(replace(bundle, encapsulated=encapsulated, wrapped=wrapped))

    def signed(self, bundle: Bundle) -> Bundle:
        members = grant_bundle.unsigned_of(bundle)
        return replace(bundle, signature=grant_signing.sign(self.bundle_signer, SIGNED, members))

    def defects(self) -> list[dict[str, object]]:
        found: list[dict[str, object]] = []
        for make in (self._cards, self._consents, self._bundles, self._accesses, self._views):
            kind = {"_accesses": "access"}.get(make.__name__, make.__name__.strip("_")[:-1])
            for name, given, verdict in make():
                found.append({"format": kind, "name": name, "input": given, "verdict": verdict})
        return found

    def _cards(self) -> list[tuple[str, Any, str]]:
        text = grant_card.FORM.encode(self.card).decode()
        small = b"\0" * 32
        other = replace(self.card, name="Acme Bank 2")
        return [
            ("a digit changed", text.replace("31337", "31338"), "changed or damaged"),
            ("a blank more", text + " ", "changed or damaged"),
            ("another version", _set(text, "format", "mip.grantee/2"), "another version"),
            ("a member more", _set(text, "note", "x"), "other members"),
            ("hidden text in the name", _set(text, "name", "Acme\u202eBank"), "cannot be shown"),
            ("a purpose too long", _set(text, "purpose", "x" * 97), "1 to 96 bytes"),
            ("address without checksum", _lower(text, "address"), "lacks its checksum"),
            ("the zero address", _set(text, "address", "0x" + "0" * 40), "is no address"),
            ("another kem", _set(text, "kem", "rsa"), "is not a valid"),
            ("a key too short", _set(text, "public_key", "0x" + "11" * 31), "64 hex digits"),
            ("a key of small order", _set(text, "public_key", hexed(small)), "cannot be read"),
            ("an account that did not sign", _set(text, "signature", None), "signs its card"),
            ("a contract that signed", _set(text, "kind", "contract"), "signs its card"),
            (
                "signed for another name",
                grant_card.FORM.encode(other).decode(),
                "not signed by the account",
            ),
        ]

    def _consents(self) -> list[tuple[str, Any, str]]:
        text = grant_consent.FORM.encode(self.receipt).decode()

        def at(*path: str | int, value: object) -> str:
            return _change(text, lambda d: _put(d, path, value))

        information = ("pii_processing", "pii_information")
        return [
            ("a digit changed", text.replace('"uses": 3', '"uses": 4'), "changed or damaged"),
            ("level 4", at(*information, "level", value=4), "0 to 3"),
            ("a level and another's words", at(*information, "level", value=3), "changed"),
            ("a fixed text changed", at("pii_processing", "lawful_basis", value="none"), "changed"),
            ("withdrawal left out", at("pii_processing", "withdrawal_method", value=""), "changed"),
            ("no use", at("event", "uses", value=0), "grants nothing"),
            ("over before it began", at("event", "valid_until", value="2027-01-15T08:00:00Z"), ""),
            (
                "a time in another spelling",
                at("event", "event_time", value="2027-01-15T8:00:00Z"),
                "changed",
            ),
            ("no category", at(*information, "pii_type", value="Finance"), "category"),
            ("hidden text", at("pii_processing", "purpose", value="a\u200bloan"), "cannot be"),
            ("a pseudonym too large", at("pii_principal_id", value=hexed(b"\xff" * 32)), "field"),
            ("nobody", at("pii_principal_id", value=hexed(b"\0" * 32)), "grants nothing"),
            ("a second controller", at("pii_processing", "pii_controllers", value=[]), "changed"),
            ("a member more", at("evidence", "note", value="x"), "other members"),
        ]

    def _bundles(self) -> list[tuple[str, Any, str]]:
        def told(bundle: Bundle) -> str:
            return grant_bundle.FORM.encode(bundle).decode()

        text, good = told(self.bundle), self.bundle
        other = replace(self.receipt, salt=b"\x0b" * 32)
        elsewhere = self.sealed(replace(good, number=2, encapsulated=None, wrapped=None))
        return [
            ("a digit changed", text.replace('"number": 1', '"number": 2'), "changed or damaged"),
            ("a later number", told(replace(good, number=2)), "not signed"),
            ("another epoch", told(replace(good, epoch=5)), "not signed"),
            ("another view", told(replace(good, view=self.list)), "not signed"),
            ("another store", told(replace(good, store="folder:/x")), "not signed"),
            ("another receipt", told(replace(good, receipt=other)), "not signed"),
            ("a bit of the signature", told(replace(good, signature=_flip(good.signature))), "not"),
            ("signed anew, another number", told(self.signed(replace(good, number=2))), "key"),
            ("signed anew, another epoch", told(self.signed(replace(good, epoch=5))), "key"),
            ("signed anew, another view", told(self.signed(replace(good, view=self.list))), "key"),
            (
                "signed anew, another receipt",
                told(self.signed(replace(good, receipt=other))),
                "key",
            ),
            (
                "the key of another bundle",
                told(self.signed(replace(good, wrapped=elsewhere.wrapped))),
                "key",
            ),
            ("no view at level 2", _set(text, "view", None), "does not fit the level"),
            ("no key at level 2", _set(text, "wrapped", None), "does not fit the level"),
            ("a proof at level 2", _set(text, "proof", "x"), "level 0 alone"),
            ("a view that is no CID", _set(text, "view", "bafy"), "content id"),
            ("another kem", _set(text, "kem", Kem.HYBRID.value), "hex digits"),
        ]

    def _accesses(self) -> list[tuple[str, Any, str]]:
        def told(**changed: Any) -> str:
            return grant_access.FORM.encode(replace(self.access, **changed)).decode()

        text = told()
        return [
            ("a digit changed", text.replace('"number": 1', '"number": 2'), "changed or damaged"),
            ("another number", told(number=2), "not signed"),
            ("another view", told(view=self.list), "not signed"),
            ("another time", told(at=NOW + 61), "not signed"),
            ("another use", told(used=b"\x01" * 32), "not signed"),
            ("another key", told(signing_key=self.bundle_signer.public), "not signed"),
            ("a view at level 0", _set(text, "level", 0), "does not fit the level"),
            ("level 4", _set(text, "level", 4), "0 to 3"),
        ]

    def _views(self) -> list[tuple[str, Any, str]]:
        p, c = self.place, self.content
        data, links = read_links(self.view.data)
        replanted = node_of(data, [cids.link_of(b"other", cids.DAG_CBOR)]).data
        places = {
            "another grant": replace(p, grant=b"\x01" * 32),
            "another category": replace(p, category="health"),
            "another epoch": replace(p, epoch=5),
            "another number": replace(p, number=2),
        }
        found = [
            (name, self._given(place, self.key, self.view.data), "does not open")
            for name, place in places.items()
        ]
        blocks: dict[str, bytes] = {
            "another link": replanted,
            "a bit changed": _flip(self.view.data[:-60]) + self.view.data[-60:],
            "no view": node_of(b"mip.archive/1\0" + data[11:], links).data,
        }
        verdicts = {"no view": "not a view"}
        found += [
            (name, self._given(p, self.key, block), verdicts.get(name, "does not open"))
            for name, block in blocks.items()
        ]
        wrong = grantee_key(b"\x0c" * 32, p.grant)
        found.append(("the key of another epoch", self._given(p, wrong, self.view.data), "open"))
        shapes = {
            "level 0": replace(c, level=0),
            "level 1 with a list": replace(c, level=1),
            "a list without a key": replace(c, key=None),
            "numbers at level 2": replace(c, aggregates=b"{}"),
            "a key too short": replace(c, key=b"\x09" * 31),
        }
        for name, content in shapes.items():
            block = self._view(p, self.key, content)
            found.append((name, self._given(p, self.key, block.data), "another shape"))
        return found

    def _view(self, place: ViewPlace, key: bytes, content: ViewContent) -> Any:
        return seal_view(place, key, content, rng=lambda size: b"\x0d" * size)

    def _given(self, place: ViewPlace, key: bytes, block: bytes) -> dict[str, object]:
        return {
            "grant": place.grant.hex(),
            "category": place.category,
            "epoch": place.epoch,
            "number": place.number,
            "key": key.hex(),
            "block": block.hex(),
        }


def _set(text: str, name: str, value: object) -> str:
    return _change(text, lambda document: document.__setitem__(name, value))


def _lower(text: str, name: str) -> str:
    return _change(text, lambda document: document.__setitem__(name, document[name].lower()))


def _change(text: str, change: Callable[[dict[str, Any]], None]) -> str:
    """Change a document and give it the checksum that fits."""
    document = copy.deepcopy(json.loads(text))
    del document["checksum"]
    change(document)
    digest = hashlib.sha256(jsontext.canonical(document)).digest()
    return json.dumps({**document, "checksum": hexed(digest)}, indent=2) + "\n"


def _put(document: Any, path: tuple[str | int, ...], value: object) -> None:
    for step in path[:-1]:
        document = document[step]
    document[path[-1]] = value


def _flip(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])
