"""Laws of sharing: what was sealed opens, for whom and in what it was sealed, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mip_cli.crypto import cid, grant_access, grant_bundle, grant_consent, grant_kem, grant_signing
from mip_cli.crypto.aead import NotAuthentic
from mip_cli.crypto.archive_blocks import BlockInvalid
from mip_cli.crypto.archive_keys import grantee_key
from mip_cli.crypto.grant_bundle import Bundle
from mip_cli.crypto.grant_kem import Kem
from mip_cli.crypto.grant_view import ViewContent, ViewPlace, open_view, seal_view
from mip_cli.store.archive import redaction
from tests.unit.grant_support import card, kem_keys, receipt

BYTES32 = st.binary(min_size=32, max_size=32)
NUMBERS = st.integers(0, (1 << 32) - 1)
CATEGORIES = st.sampled_from(["finance", "health", "a-1", "x" * 32])
LINKS = st.binary(max_size=8).map(lambda data: cid.link_of(data, cid.DAG_CBOR))
PLACES = st.builds(ViewPlace, BYTES32, CATEGORIES, NUMBERS, NUMBERS)
CONTENTS = st.one_of(
    st.builds(
        ViewContent,
        st.sampled_from([2, 3]),
        st.integers(0, 99),
        BYTES32,
        st.integers(1, 99),
        BYTES32,
        LINKS,
    ),
    st.builds(lambda tag, data: ViewContent(1, 0, tag, aggregates=data), BYTES32, st.binary()),
)


@given(PLACES, BYTES32, CONTENTS)
def test_view__opens_as_it_was_sealed(place: ViewPlace, key: bytes, content: ViewContent) -> None:
    assert open_view(place, key, seal_view(place, key, content).data) == content


@given(PLACES, PLACES, BYTES32, BYTES32, CONTENTS)
def test_view__opens_at_its_place_by_its_key_alone(
    place: ViewPlace, other: ViewPlace, key: bytes, wrong: bytes, content: ViewContent
) -> None:
    block = seal_view(place, key, content).data
    for where, by in ((other, key), (place, wrong)):
        if (where, by) != (place, key):
            with pytest.raises(BlockInvalid):
                open_view(where, by, block)


@given(PLACES, BYTES32, CONTENTS, st.data())
def test_view__with_one_bit_changed__opens_no_more(
    place: ViewPlace, key: bytes, content: ViewContent, data: st.DataObject
) -> None:
    block = bytearray(seal_view(place, key, content).data)
    at = data.draw(st.integers(0, len(block) * 8 - 1))
    block[at // 8] ^= 1 << at % 8
    with pytest.raises(BlockInvalid):
        open_view(place, key, bytes(block))


@given(BYTES32, BYTES32, BYTES32, BYTES32)
def test_grantee_key__another_epoch_or_grant_is_another_key(
    epoch: bytes, later: bytes, grant: bytes, other: bytes
) -> None:
    keys = {grantee_key(e, g) for e in {epoch, later} for g in {grant, other}}
    assert len(keys) == len({epoch, later}) * len({grant, other})


def bundle(kem: Kem, key: bytes, **changed: object) -> Bundle:
    to = card(kem)
    members = {
        "receipt": receipt(to),
        "number": 1,
        "epoch": 1,
        "view": cid.link_of(b"view", cid.DAG_CBOR),
        "store": None,
        "made": 1_800_000_000,
        "kem": kem,
        "encapsulated": None,
        "wrapped": None,
        "proof": None,
    }
    bare = Bundle(**{**members, **changed})  # type: ignore[arg-type]
    signer = grant_signing.keys_from(bytes([1]) * 32)
    return grant_bundle.seal(bare, key, to.public_key, signer)


@pytest.mark.thorough
@pytest.mark.parametrize("kem", list(Kem))
@given(key=BYTES32, number=NUMBERS, epoch=NUMBERS, store=st.none() | st.just("ipfs:http://x:1"))
@settings(max_examples=20)
def test_bundle__opens_for_its_grantee_and_survives_the_file(
    kem: Kem, key: bytes, number: int, epoch: int, store: str | None
) -> None:
    made = bundle(kem, key, number=number, epoch=epoch, store=store)
    read = grant_bundle.FORM.decode(grant_bundle.FORM.encode(made))
    assert read == made
    assert grant_bundle.is_signed(read)
    assert grant_bundle.open_key(read, kem_keys(kem)) == key
    with pytest.raises(NotAuthentic):
        grant_bundle.open_key(read, kem_keys(kem, seed=2))


@pytest.mark.parametrize("kem", list(Kem))
@pytest.mark.parametrize(
    "changed",
    [
        {"number": 2},
        {"epoch": 2},
        {"view": cid.link_of(b"other", cid.DAG_CBOR)},
        {"made": 1_800_000_001},
        {"receipt": receipt(card(Kem.X25519), category="health")},
        {"receipt": receipt(card(Kem.X25519), level=3)},
        {"receipt": receipt(card(seed=2))},
    ],
    ids=["number", "epoch", "view", "time", "category", "level", "grantee"],
)
def test_bundle__key_taken_elsewhere__does_not_open(kem: Kem, changed: dict[str, object]) -> None:
    made = bundle(kem, b"k" * 32)
    assert grant_bundle.open_key(made, kem_keys(kem)) == b"k" * 32
    moved = replace(made, **changed)  # type: ignore[arg-type]
    assert not grant_bundle.is_signed(moved)
    with pytest.raises(NotAuthentic):
        grant_bundle.open_key(moved, kem_keys(kem))


@given(st.integers(0, 3), CATEGORIES, st.integers(1, (1 << 32) - 1), BYTES32)
def test_consent__has_one_spelling_and_an_id_of_its_own(
    level: int, category: str, uses: int, salt: bytes
) -> None:
    made = receipt(level=level, category=category, uses=uses, salt=salt)
    assert grant_consent.FORM.decode(grant_consent.FORM.encode(made)) == made
    assert grant_consent.from_members(grant_consent.members_of(made)) == made
    assert made.id != replace(made, uses=uses % ((1 << 32) - 1) + 1).id


@given(st.binary(min_size=32, max_size=32), BYTES32)
def test_access__signed_by_its_key_alone(salt: bytes, seed: bytes) -> None:
    signer = grant_signing.keys_from(seed)
    given_receipt = receipt()
    bare = grant_access.AccessReceipt(
        receipt=given_receipt.id,
        chain_id=1,
        contract=given_receipt.contract,
        pseudonym=given_receipt.pseudonym,
        category="finance",
        level=2,
        number=1,
        view=cid.link_of(b"view", cid.DAG_CBOR),
        at=1,
        salt=salt,
        signing_key=signer.public,
        used=None,
    )
    made = grant_access.sign(bare, signer)
    assert grant_access.FORM.decode(grant_access.FORM.encode(made)) == made
    assert grant_access.is_signed(made)
    assert not grant_access.is_signed(replace(made, at=2))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcw"), inner, max_size=4)
    ),
    max_leaves=12,
)
SCHEMAS = st.recursive(
    st.sampled_from([{}, {"type": "string"}, {"type": "string", "x-mip-identity": True}, True]),
    lambda inner: st.one_of(
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3).map(
            lambda named: {"properties": named}
        ),
        inner.map(lambda one: {"items": one}),
        inner.map(lambda one: {"type": "object", "allOf": [one]}),
    ),
    max_leaves=8,
)


@given(JSON, SCHEMAS)
def test_redact__keeps_only_what_was_there_and_named(value: object, schema: object) -> None:
    left = redaction.redact(value, schema)
    assert left is None or _within(left, value, schema)


def _within(left: object, value: object, schema: object) -> bool:
    if not isinstance(schema, dict) or schema.get("x-mip-identity") or "allOf" in schema:
        return False
    if isinstance(left, dict) and isinstance(value, dict):
        named = schema.get("properties", {})
        return all(n in named and _within(item, value[n], named[n]) for n, item in left.items())
    if isinstance(left, list) and isinstance(value, list):
        return all(any(_within(a, b, schema["items"]) for b in value) for a in left)
    return left == value and "type" in schema


def test_kem__keys_of_small_order_are_refused() -> None:
    good = kem_keys(Kem.HYBRID).public
    grant_kem.require_public(Kem.HYBRID, good)
    with pytest.raises(ValueError, match="shared secret|Error computing"):
        grant_kem.require_public(Kem.HYBRID, good[:-32] + bytes(32))
    with pytest.raises(ValueError, match="1216 bytes"):
        grant_kem.require_public(Kem.HYBRID, good[:-1])
