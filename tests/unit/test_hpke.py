"""HPKE: an RFC 9180 vector, and every change refused."""

from __future__ import annotations

import pytest

from mip_cli.crypto import hpke
from mip_cli.crypto.aead import NotAuthentic
from mip_cli.crypto.commitments import guardian_commitment
from mip_cli.crypto.field import R
from mip_cli.crypto.people import PeopleSecret

INFO = b"mip test/1"


def test_keypair_from__rfc_9180_a_2_1():
    """The recipient of the RFC's X25519, HKDF-SHA256, ChaCha20Poly1305 base mode vector."""
    pair = hpke.keypair_from(
        bytes.fromhex("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb")
    )
    assert pair.public.hex() == "4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a"


def test_unseal__gives_back_what_was_sealed():
    pair = hpke.random_keypair()
    encapsulated, ciphertext = hpke.seal(pair.public, b"share", INFO)
    assert len(encapsulated) == 32
    assert len(ciphertext) == len(b"share") + 16
    assert hpke.unseal(pair.private, encapsulated, ciphertext, INFO) == b"share"


def test_unseal__anything_changed__reverts():
    pair, other = hpke.random_keypair(), hpke.random_keypair()
    enc, ciphertext = hpke.seal(pair.public, b"share", INFO)
    flipped = bytes([ciphertext[0] ^ 1]) + ciphertext[1:]
    for private, key, data, info in (
        (other.private, enc, ciphertext, INFO),
        (pair.private, other.public, ciphertext, INFO),
        (pair.private, bytes(32), ciphertext, INFO),
        (pair.private, enc[:-1], ciphertext, INFO),
        (pair.private, enc, flipped, INFO),
        (pair.private, enc, ciphertext[:-1], INFO),
        (pair.private, enc, b"", INFO),
        (pair.private, enc, ciphertext, INFO + b"!"),
    ):
        with pytest.raises(NotAuthentic):
            hpke.unseal(private, key, data, info)
    assert hpke.unseal(pair.private, enc, ciphertext, INFO) == b"share"


def test_seal__to_no_public_key__reverts():
    with pytest.raises(ValueError, match="computing shared key"):
        hpke.seal(bytes(32), b"share", INFO)
    with pytest.raises(ValueError, match="32 bytes"):
        hpke.seal(bytes(31), b"share", INFO)


def test_people_secret__gives_independent_halves_and_shows_nothing():
    people = PeopleSecret(bytes(range(32)))
    assert people == PeopleSecret(bytes(range(32)))
    assert 0 < people.people_key < R
    assert people.commitment == guardian_commitment(people.people_key)
    assert people.keypair.private != people.people_key.to_bytes(32, "big")
    shown = repr(people) + repr(people.keypair)
    assert "000102" not in shown
    assert people.keypair.private.hex() not in shown
    assert PeopleSecret.random() != PeopleSecret.random()
    with pytest.raises(ValueError, match="32 bytes"):
        PeopleSecret(bytes(31))
