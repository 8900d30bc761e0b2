"""Laws of the key file: open . seal = id, and nothing but the sealed bytes opens."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mip_cli.crypto import aead, jsontext
from mip_cli.crypto.field import R
from mip_cli.crypto.kdf import KdfLimits, KdfParams
from mip_cli.crypto.password import normalize
from mip_cli.crypto.people import PeopleSecret
from mip_cli.errors import FileInvalid, ThresholdNotMet, UsageFault, WrongSecret
from mip_cli.models import Kind
from mip_cli.store import keyfile, secrets_codec
from mip_cli.store.keyfile import Unlocked
from mip_cli.store.secrets_codec import PassportSecrets, PassportStatus, Pseudonym
from mip_cli.store.slots import NUMBERS, FaceLock, Lock, PeopleLock
from mip_cli.units import Address, Epoch
from tests.property.effort import examples, sample

CHEAP = KdfLimits(8, 64, 2, 2, 8, 128)
"""An internal seam: the commands never pass limits, so files like these are refused there."""

PEOPLE = PeopleSecret(b"p" * 32)

elements = st.integers(0, R - 1)
addresses = st.binary(min_size=20, max_size=20).map(lambda data: Address("0x" + data.hex()))
counts = st.integers(0, (1 << 64) - 1)
kdfs = st.builds(
    KdfParams, st.binary(min_size=32, max_size=32), st.integers(16, 32), st.just(1), st.just(1)
)
passport_secrets = st.builds(
    PassportSecrets,
    name=st.from_regex(r"[a-z0-9_-]{1,32}", fullmatch=True),
    status=st.just(PassportStatus.PREPARED),
    created=counts,
    secret=st.integers(1, R - 1),
    anchor=addresses,
    anchor_key=st.binary(min_size=32, max_size=32),
    epoch=st.integers(0, (1 << 32) - 1).map(Epoch),
    face_spec=st.text(st.characters(codec="utf-8"), max_size=64),
    face_spec_id=st.integers(0, (1 << 120) - 1),
    template=st.lists(st.integers(-128, 127), min_size=1, max_size=512).map(tuple),
    face_salt=elements,
    keys_salt=elements,
    password_commitment=elements,
    twin_commitment=elements,
    guardian_commitment=elements,
    password_kdf=kdfs,
    chain_id=st.none() | counts,
    registry=st.none() | addresses,
    index=st.none() | counts,
    pseudonyms=st.lists(
        st.builds(Pseudonym, addresses, st.text(st.characters(codec="utf-8"), max_size=24)),
        max_size=5,
    ).map(tuple),
)
people_secrets = st.binary(min_size=32, max_size=32).map(PeopleSecret)
passwords = st.binary(min_size=1, max_size=64)


@pytest.mark.thorough
@given(passport_secrets)
@examples(60)
def test_decode__undoes_encode(secrets):
    assert secrets_codec.decode(secrets_codec.encode(secrets)) == secrets


def locks_of(secrets: PassportSecrets, password: bytes, people: PeopleSecret) -> list[Lock]:
    lock, _ = keyfile.password_lock(password, secrets.password_kdf, limits=CHEAP)
    face = FaceLock(bytes(16), bytes(32), secrets.face_spec_id, secrets.template)
    return [lock, face, PeopleLock(people.keypair.public)]


def open_by(path: Path, kinds: set[Kind], password: bytes, people: PeopleSecret) -> Unlocked:
    envelope = keyfile.read(path, limits=CHEAP)
    shares = {}
    if Kind.PASSWORD in kinds:
        shares[Kind.PASSWORD], _ = keyfile.open_password(path, envelope, password, limits=CHEAP)
    if Kind.PEOPLE in kinds:
        shares[Kind.PEOPLE] = keyfile.open_people(path, envelope, people)
    if Kind.FACE in kinds:
        shares[Kind.FACE] = keyfile.open_face(path, envelope, bytes(32)).share
    return keyfile.open_with(path, envelope, shares)


@pytest.mark.thorough
@given(passport_secrets, passwords, passwords, people_secrets, st.sets(st.sampled_from(Kind)))
@examples(40)
def test_open__undoes_create_and_update(secrets, password, other, people, kinds):
    """Any two kinds or more open, fewer never do, another password never does."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "f"
        created = keyfile.create(path, secrets, locks_of(secrets, password, people))
        if len(kinds) < 2:
            with pytest.raises(ThresholdNotMet):
                open_by(path, kinds, password, people)
            return
        assert open_by(path, kinds, password, people) == created
        changed = replace(secrets, epoch=Epoch((secrets.epoch + 1) % (1 << 32)))
        updated = keyfile.update(created, changed)
        assert open_by(path, kinds, password, people) == updated
        if other != password and Kind.PASSWORD in kinds:
            with pytest.raises(WrongSecret):
                open_by(path, kinds, other, people)


@pytest.mark.thorough
@given(
    passport_secrets,
    people_secrets,
    st.lists(st.tuples(st.booleans(), st.sampled_from(list(Kind))), max_size=6),
)
@examples(40)
def test_update__any_order_of_adding_and_dropping(secrets, people, steps):
    """However slots come and go, any two that are there open, and the payload is never resealed."""
    locks = dict(zip(NUMBERS, locks_of(secrets, b"password", people), strict=True))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "f"
        opened = keyfile.create(path, secrets, locks.values())
        payload = opened.sealed.envelope.payload
        for add, kind in steps:
            there = set(opened.sealed.envelope.kinds)
            if add:
                opened = keyfile.update(opened, add=[locks[kind]])
            elif len(there - {kind}) < 2:
                with pytest.raises(ValueError, match="two or three slots"):
                    keyfile.update(opened, drop=[kind])
            else:
                opened = keyfile.update(opened, drop=[kind])
            there = set(opened.sealed.envelope.kinds)
            for pair in combinations(there, 2):
                again = open_by(path, set(pair), b"password", people)
                assert again.secrets == secrets
                assert again.sealed.envelope.payload == payload


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    path = tmp_path_factory.mktemp("laws") / "f"
    secrets = PassportSecrets(
        name="default",
        status=PassportStatus.PREPARED,
        created=0,
        secret=1,
        anchor=Address("0x" + "00" * 20),
        anchor_key=bytes(32),
        epoch=Epoch(0),
        face_spec="f",
        face_spec_id=0,
        template=(0,),
        face_salt=0,
        keys_salt=0,
        password_commitment=0,
        twin_commitment=0,
        guardian_commitment=0,
        password_kdf=KdfParams(bytes(32), 16, 1, 1),
    )
    keyfile.create(path, secrets, locks_of(secrets, b"password", PEOPLE))
    return path, path.read_bytes()


def refuses(path: Path, data: bytes) -> None:
    path.with_name("g").write_bytes(data)
    with pytest.raises(FileInvalid):
        open_by(path.with_name("g"), set(Kind), b"password", PEOPLE)


def test_open__each_byte_changed(sealed):
    path, good = sealed
    # the long ciphertexts are hex strings: sample them, take every byte of the rest
    long = [good.index(b'"wrapped"', good.index(b'"face"')), good.index(b'"ciphertext"')]
    ends = [good.index(b'"people"'), good.index(b'"mac"')]
    positions = [*range(long[0]), *range(long[0], ends[0], 17), *range(ends[0], long[1])]
    positions += [*range(long[1], ends[1], 17), *range(ends[1], len(good))]
    for number, position in enumerate(sample(positions)):
        bit = 1 << (number % 8)
        refuses(path, good[:position] + bytes([good[position] ^ bit]) + good[position + 1 :])


def test_open__cut_at_each_kind_of_place(sealed):
    path, good = sealed
    lengths = [*range(0, 900, 7), len(good) // 2, *range(len(good) - 200, len(good))]
    for length in sample(lengths):
        refuses(path, good[:length])


@given(st.data())
@examples(60)
def test_open__bytes_swapped_in_and_out(sealed, data):
    path, good = sealed
    start = data.draw(st.integers(0, len(good)))
    stop = data.draw(st.integers(start, min(start + 64, len(good))))
    patch = data.draw(st.binary(max_size=64))
    changed = good[:start] + patch + good[stop:]
    if changed != good:
        refuses(path, changed)


@given(st.binary(max_size=300))
@examples(100)
def test_open__noise(sealed, noise):
    refuses(sealed[0], noise)


@given(
    st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner), max_leaves=9)
)
@examples(60)
def test_open__json_of_another_shape(sealed, value):
    refuses(sealed[0], jsontext.canonical(value))
    refuses(sealed[0], jsontext.canonical({"format": "mip.keyfile/2", "slots": value}))


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.binary(max_size=50))
@examples(50)
def test_unseal__undoes_seal(key, plaintext, associated):
    sealed_box = aead.seal(key, plaintext, associated)
    assert aead.unseal(key, sealed_box, associated) == plaintext
    position = len(plaintext) % len(sealed_box.ciphertext)
    wrong = bytearray(sealed_box.ciphertext)
    wrong[position] ^= 1
    with pytest.raises(aead.NotAuthentic):
        aead.unseal(key, replace(sealed_box, ciphertext=bytes(wrong)), associated)


@given(st.text(max_size=40))
@examples(100)
def test_normalize__is_idempotent_and_total(text):
    try:
        once = normalize(text)
    except UsageFault:
        return  # the only refusal there is
    assert normalize(once.decode()) == once


@given(st.binary(max_size=200))
@examples(100)
def test_parse__raises_only_value_errors(data):
    kind = None
    try:
        jsontext.parse(data)
    except ValueError as error:
        kind = type(error)
    assert kind in (None, ValueError)  # a UnicodeDecodeError would quote the data
