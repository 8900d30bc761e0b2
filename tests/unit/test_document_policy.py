"""Policies that ask for a document's face, and the sealed opening of its hash."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mip_cli.chain.abi import checksum
from mip_cli.cli import _policy
from mip_cli.crypto.claims import face_text
from mip_cli.crypto.document import document_hash
from mip_cli.crypto.policy_document import parse_app_policy
from mip_cli.crypto.policy_text import EXAMPLE_POLICY, parse_policy
from mip_cli.errors import CredentialInvalid, UsageFault
from mip_cli.flows.kyc import kyc_circuit, self_attest
from mip_cli.flows.kyc.document import SCHEMA, face_claim
from mip_cli.flows.kyc.kyc_circuit import DOCUMENTS, PREDICATES
from mip_cli.store.credentials import FaceOpening, Held, Wallet
from mip_cli.store.issuers import Home

HOME = Home(31337, checksum("0x" + "11" * 20), 1)
WIDE: dict[str, Any] = SCHEMA.to_json() | {
    "claims": [
        {"kind": "date", "name": "birth_date"},
        {"kind": "number", "name": "score"},
        {"kind": "face", "name": "document_face"},
    ]
}
ADULT = {"claim": "birth_date", "op": "age >=", "value": 18}
POLICY: dict[str, Any] = {
    "format": "mip.policy/1",
    "schema": WIDE,
    "issuers": [2],
    "require": "all",
    "predicates": [ADULT],
    "document": "document_face",
}
OPENING = FaceOpening(7, tuple(range(-64, 64)), 99)


def test_policy__with_a_document() -> None:
    found = parse_policy(POLICY)
    assert (found.policy.document, found.face, found.policy.required) == (2, "document_face", 1)
    plain = parse_policy({k: v for k, v in POLICY.items() if k != "document"})
    assert plain.face is None
    assert plain.policy.commitment != found.policy.commitment
    assert kyc_circuit.way_of((found,)) == DOCUMENTS
    assert kyc_circuit.way_of((plain, plain)) == PREDICATES
    with pytest.raises(UsageFault, match="in some of its parts"):
        kyc_circuit.way_of((found, plain))


def test_words__name_the_document() -> None:
    lines = _policy.words(parse_app_policy(POLICY), [0])
    assert any("the face on your document (document_face) is the enrolled one" in x for x in lines)
    assert not any("face" in line for line in _policy.words(parse_app_policy(EXAMPLE_POLICY), [0]))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"document": "birth_date"}, "a claim of the kind face"),
        ({"document": "nothing"}, "no claim of that name"),
        ({"document": None}, "a claim of the kind face"),
        ({"document": 2}, "a claim of the kind face"),
        ({"predicates": [ADULT | {"value": age} for age in (1, 2, 3, 4)]}, "beside 3 predicates"),
        (
            {"predicates": [{"claim": "document_face", "op": "==", "value": "0x" + "11" * 32}]},
            "not a face",
        ),
        (
            {"predicates": [{"claim": "document_face", "op": "not in", "members": ["0x00"]}]},
            "not a face",
        ),
        ({"dokument": "document_face"}, "a policy is"),
    ],
)
def test_policy__that_makes_no_sense__refused(changes: dict[str, Any], reason: str) -> None:
    parse_policy(POLICY)
    with pytest.raises(ValueError, match=reason):
        parse_policy(POLICY | changes)


def test_face_claim__exactly_one() -> None:
    assert face_claim(SCHEMA) == "document_face"
    plain = parse_policy(EXAMPLE_POLICY).schema
    with pytest.raises(UsageFault, match="0 claims of the kind face"):
        face_claim(plain)


def test_wallet__keeps_the_opening_sealed(tmp_path: Path) -> None:
    wallet = Wallet(tmp_path, "me", 99)
    held = Held(7, 12345, 1, face=OPENING)
    wallet.put(held)
    assert wallet.get(held.id) == held
    wallet.put(replace(held, face=None))
    assert wallet.get(held.id).face is None
    raw = b"".join(path.read_bytes() for path in tmp_path.rglob("*.mip"))
    assert bytes(value + 128 for value in OPENING.template).hex().encode() not in raw
    assert "redacted" in repr(OPENING)


@pytest.mark.thorough
def test_opening__must_be_that_of_the_claim() -> None:
    hashed = document_hash(OPENING.template, OPENING.salt, OPENING.spec_id)
    values = {"document_face": face_text(hashed)}
    first = datetime.date(2026, 1, 1)
    found = self_attest.sign(HOME, 12345, SCHEMA, values, self_attest.OWN_WORD, first=first)
    part = parse_policy(POLICY | {"schema": SCHEMA.to_json(), "predicates": []})
    kyc_circuit.require_face(Held(7, 12345, 1, face=OPENING), found, part)
    with pytest.raises(CredentialInvalid, match="is not here"):
        kyc_circuit.require_face(Held(7, 12345, 1), found, part)
    other = replace(OPENING, salt=100)
    with pytest.raises(CredentialInvalid, match="another photo"):
        kyc_circuit.require_face(Held(7, 12345, 1, face=other), found, part)
