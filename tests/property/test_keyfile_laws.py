"""Laws of the key file: open . seal = id, and nothing but the sealed bytes opens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mip_cli.crypto import aead, jsontext
from mip_cli.crypto.field import R
from mip_cli.crypto.kdf import KdfLimits, KdfParams
from mip_cli.crypto.password import normalize
from mip_cli.errors import FileInvalid, UsageFault, WrongSecret
from mip_cli.store import keyfile, secrets_codec
from mip_cli.store.secrets_codec import PassportSecrets, PassportStatus
from mip_cli.units import Address, Epoch

CHEAP = KdfLimits(8, 64, 2, 2, 8, 128)
"""An internal seam: the commands never pass limits, so files like these are refused there."""

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
    guardian_commitment=elements,
    password_kdf=kdfs,
    chain_id=st.none() | counts,
    registry=st.none() | addresses,
    index=st.none() | counts,
)
passwords = st.binary(min_size=1, max_size=64)


@given(passport_secrets)
@settings(max_examples=60, deadline=None)
def test_decode__undoes_encode(secrets):
    data = secrets_codec.encode(secrets)
    assert secrets_codec.decode(data) == secrets
    assert len(data) % secrets_codec.PAD_BYTES == 0


@given(passport_secrets, passwords, passwords)
@settings(max_examples=25, deadline=None)
def test_open__undoes_create_and_update(secrets, password, other):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "f"
        created = keyfile.create(path, secrets, password, limits=CHEAP)
        assert keyfile.open_with_password(path, password, limits=CHEAP) == created
        changed = replace(secrets, epoch=Epoch((secrets.epoch + 1) % (1 << 32)))
        updated = keyfile.update(created, changed)
        assert keyfile.open_with_password(path, password, limits=CHEAP) == updated
        if other != password:
            with pytest.raises(WrongSecret):
                keyfile.open_with_password(path, other, limits=CHEAP)


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
        guardian_commitment=0,
        password_kdf=KdfParams(bytes(32), 16, 1, 1),
    )
    keyfile.create(path, secrets, b"password", limits=CHEAP)
    return path, path.read_bytes()


def refuses(path: Path, data: bytes) -> None:
    path.with_name("g").write_bytes(data)
    with pytest.raises(FileInvalid):
        keyfile.open_with_password(path.with_name("g"), b"password", limits=CHEAP)


def test_open__each_byte_changed(sealed):
    path, good = sealed
    # the long ciphertext is one hex string: sample it, take every byte of the rest
    body = good.index(b'"ciphertext"')
    end = good.index(b'"mac"')
    positions = [*range(body), *range(body, end, 17), *range(end, len(good))]
    for number, position in enumerate(positions):
        bit = 1 << (number % 8)
        refuses(path, good[:position] + bytes([good[position] ^ bit]) + good[position + 1 :])


def test_open__cut_at_each_kind_of_place(sealed):
    path, good = sealed
    for length in {*range(0, 700, 7), len(good) // 2, *range(len(good) - 200, len(good))}:
        refuses(path, good[:length])


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_open__bytes_swapped_in_and_out(sealed, data):
    path, good = sealed
    start = data.draw(st.integers(0, len(good)))
    stop = data.draw(st.integers(start, min(start + 64, len(good))))
    patch = data.draw(st.binary(max_size=64))
    changed = good[:start] + patch + good[stop:]
    if changed != good:
        refuses(path, changed)


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_open__noise(sealed, noise):
    refuses(sealed[0], noise)


@given(
    st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner), max_leaves=9)
)
@settings(max_examples=60, deadline=None)
def test_open__json_of_another_shape(sealed, value):
    refuses(sealed[0], jsontext.canonical(value))
    refuses(sealed[0], jsontext.canonical({"format": "mip.keyfile/1", "slots": value}))


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.binary(max_size=50))
@settings(max_examples=50, deadline=None)
def test_unseal__undoes_seal(key, plaintext, associated):
    sealed_box = aead.seal(key, plaintext, associated)
    assert aead.unseal(key, sealed_box, associated) == plaintext
    position = len(plaintext) % len(sealed_box.ciphertext)
    wrong = bytearray(sealed_box.ciphertext)
    wrong[position] ^= 1
    with pytest.raises(aead.NotAuthentic):
        aead.unseal(key, replace(sealed_box, ciphertext=bytes(wrong)), associated)


@given(st.text(max_size=40))
@settings(max_examples=100, deadline=None)
def test_normalize__is_idempotent_and_total(text):
    try:
        once = normalize(text)
    except UsageFault:
        return  # the only refusal there is
    assert normalize(once.decode()) == once


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_parse__raises_only_value_errors(data):
    kind = None
    try:
        jsontext.parse(data)
    except ValueError as error:
        kind = type(error)
    assert kind in (None, ValueError)  # a UnicodeDecodeError would quote the data
