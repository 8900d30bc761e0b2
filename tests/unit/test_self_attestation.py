"""Self-attested credentials are told by their key, and say so everywhere."""

from __future__ import annotations

import datetime
import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from mip_cli.chain.abi import checksum
from mip_cli.cli import _policy, kyc_view
from mip_cli.crypto import babyjubjub as curve
from mip_cli.crypto import eddsa, self_attestation
from mip_cli.crypto.babyjubjub import COFACTOR, ORDER, Point
from mip_cli.crypto.claims import parse_schema
from mip_cli.crypto.credential import SignedStatement
from mip_cli.crypto.field import R
from mip_cli.crypto.policy_text import EXAMPLE_SCHEMA
from mip_cli.crypto.self_attestation import Evidence, Note
from mip_cli.errors import FileInvalid, UsageFault
from mip_cli.flows.kyc import credential_file, self_attest
from mip_cli.flows.kyc.kyc_held import HeldView
from mip_cli.store.issuers import Home

HOME = Home(31337, checksum("0x" + "11" * 20), 1)
SCHEMA = parse_schema(EXAMPLE_SCHEMA)
CLAIMS: dict[str, Any] = {"given_name": "Ada", "birth_date": "1990-12-10"}
NOTE = Note(Evidence.SD_JWT, "issuer https://id.example")
TORSION: Point = (0, R - 1)
"""The point of order 2."""


def made(note: Note = NOTE, **options: Any) -> credential_file.Credential:
    first = datetime.date(2026, 2, 28)
    return self_attest.sign(HOME, 12345, SCHEMA, CLAIMS, note, first=first, **options)


def edited(document: bytes, **members: Any) -> bytes:
    return json.dumps(json.loads(document) | members).encode()


def test_key__follows_from_the_public_text() -> None:
    text = b"mip.self-attestation/1"
    scalar = 1 + int(hashlib.sha512(text).hexdigest(), 16) % (ORDER - 1)
    assert self_attestation.signing_key().scalar == scalar
    assert self_attestation.public_key() == curve.multiply_base(scalar)
    assert eddsa.is_valid_key(self_attestation.public_key())


def test_open_key__also_with_a_part_of_small_order() -> None:
    """Such a key is another issuer's number to look at, and the same open key to the circuit."""
    own = self_attestation.public_key()
    twisted = curve.add(own, TORSION)
    assert twisted != own
    assert self_attestation.is_open(own)
    assert self_attestation.is_open(twisted)
    # and indeed everybody signs under it
    key, digest = self_attestation.signing_key(), 99
    assert eddsa.verify(twisted, digest, eddsa.sign(key, twisted, digest))
    for other in (eddsa.new_key().public, curve.BASE8, curve.IDENTITY, TORSION, (1, 1), (0, R)):
        assert not self_attestation.is_open(other)
    assert curve.multiply(TORSION, COFACTOR) == curve.IDENTITY


def test_credential__is_marked_and_read_again() -> None:
    found = made()
    document = credential_file.encode(found)
    raw = json.loads(document)
    assert raw["type"] == ["VerifiableCredential", "MipCredential", "MipSelfAttested"]
    assert raw["evidence"] == {
        "type": "MipEvidence2026",
        "how": "sd-jwt es256",
        "detail": "issuer https://id.example",
    }
    again = credential_file.decode(document)
    assert again == found
    assert again.is_self_attested
    assert again.signed.is_valid()
    assert (again.terms.issued_on, again.terms.expires_on) == (20260228, 20270227)


@pytest.mark.thorough
def test_mark__cannot_be_left_out_or_faked() -> None:
    """The key decides; members of the file that say otherwise are refused."""
    document = credential_file.encode(made())
    plain = json.loads(document)
    del plain["evidence"]
    key = eddsa.new_key()
    signed = made().signed
    signature = eddsa.sign(key, key.public, signed.statement.digest)
    issued = replace(
        made(), signed=SignedStatement(signed.statement, key.public, signature), note=None
    )
    others = credential_file.encode(issued)
    assert not credential_file.decode(others).is_self_attested
    for wrong in (
        json.dumps(plain).encode(),
        edited(document, type=["VerifiableCredential", "MipCredential"]),
        edited(document, evidence=None),
        edited(document, evidence={"type": "MipEvidence2026", "how": "notary", "detail": ""}),
        edited(document, evidence=plain | {"how": "self"}),
        edited(others, evidence=json.loads(document)["evidence"]),
        edited(others, type=json.loads(document)["type"]),
    ):
        with pytest.raises(FileInvalid, match="credential cannot be read"):
            credential_file.decode(wrong)
    with pytest.raises(ValueError, match="if and only if"):
        replace(issued, note=NOTE)


@pytest.mark.parametrize("detail", ["x" * 257, "two\nlines", "\u202eevil", "zero\u200bwidth"])
def test_detail__that_cannot_be_shown__refused(detail: str) -> None:
    assert Note(Evidence.SELF, "").detail == ""
    with pytest.raises(ValueError, match="readable"):
        Note(Evidence.SELF, detail)


def test_sign__refuses() -> None:
    for days in (0, 3654):
        with pytest.raises(UsageFault, match="1 to 3653 days"):
            made(days=days)
    with pytest.raises(UsageFault, match="no claim"):
        self_attest.sign(HOME, 1, SCHEMA, {"shoe_size": 43}, NOTE, first=datetime.date(2026, 1, 1))


def test_nonces__are_drawn() -> None:
    assert len({made().terms.nonce for _ in range(20)}) >= 19


def test_words__say_so(capsys: pytest.CaptureFixture[str]) -> None:
    for evidence in Evidence:
        assert "says so himself" in evidence.words
    view = HeldView("0123456789abcdef", 1, made())
    kyc_view.show(view)
    shown = capsys.readouterr().out
    assert "yourself, under number 1" in shown
    assert "says so himself; his machine checked" in shown
    assert kyc_view.summary(view)[1] == "yourself"
    listed = kyc_view.document(view)["credential"]
    assert isinstance(listed, dict)
    assert listed["self_attested"] is True
    assert listed["evidence"] == {"how": "sd-jwt es256", "detail": "issuer https://id.example"}
    assert _policy.own_word(()) == _policy.own_word(None) == []
    assert "says so himself" in _policy.own_word((1,))[0]
