"""Laws of the archive's blocks: what is sealed opens at its place, under its key, only there."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import libipld
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mip_cli.crypto import archive_blocks as blocks
from mip_cli.crypto import archive_keys, dagcbor, padding
from mip_cli.crypto import cid as cids
from mip_cli.crypto.aead import NotAuthentic
from mip_cli.crypto.archive_blocks import BlockInvalid, Content, Place
from mip_cli.crypto.archive_keys import ArchiveKey

KEYS = st.binary(min_size=32, max_size=32)
CIDS = st.tuples(st.sampled_from([cids.RAW, cids.DAG_CBOR]), st.binary(max_size=8)).map(
    lambda pair: cids.link_of(pair[1], pair[0])
)
LINKS = st.lists(CIDS, max_size=300)


def counter_rng(seed: int = 0) -> Callable[[int], bytes]:
    numbers = itertools.count(seed)
    return lambda size: next(numbers).to_bytes(size, "big")


@given(st.binary(max_size=3000), LINKS)
def test_envelope__is_dag_cbor_with_links(data: bytes, links: list[cids.Link]) -> None:
    block = dagcbor.envelope(data, links)
    assert dagcbor.open_envelope(block) == (data, links)
    theirs = libipld.decode_dag_cbor(block)
    assert theirs == {"d": data, "l": [bytes(link) for link in links]}
    assert block == dagcbor.encode({"d": data, "l": []})[:-1] + block[len(block) - _tail(links) :]


def _tail(links: list[cids.Link]) -> int:
    head = 1 if len(links) < 24 else 2 if len(links) < 256 else 3
    return head + 41 * len(links)


@given(st.binary(max_size=400), st.lists(CIDS, max_size=4), st.data())
def test_envelope__any_cut_or_addition__is_refused(
    data: bytes, links: list[cids.Link], draw: st.DataObject
) -> None:
    block = dagcbor.envelope(data, links)
    cut = draw.draw(st.integers(0, len(block) - 1))
    with pytest.raises(ValueError, match=r"node|link|length|CID"):
        dagcbor.open_envelope(block[:cut])
    with pytest.raises(ValueError, match="follows them"):
        dagcbor.open_envelope(block + b"\0")


@given(st.binary(max_size=2000))
def test_envelope__of_anything__is_read_or_refused(data: bytes) -> None:
    try:
        found = dagcbor.open_envelope(data)
    except ValueError:
        return
    assert dagcbor.envelope(*found) == data


@given(st.integers(0, 1 << 40))
def test_buckets__tell_little_and_cost_little(size: int) -> None:
    bucket = padding.bucket(size)
    assert bucket >= max(size, 1024)
    assert bucket & (bucket - 1) == 0
    assert bucket < 2 * max(size, 513)
    padded = padding.padme(size)
    assert size <= padded <= size * 1.12
    assert padding.padme(padded) == padded


@pytest.mark.thorough
@given(KEYS, KEYS, st.integers(1, 2**40), st.integers(0, 5000), st.text(min_size=1, max_size=20))
def test_chunk__opens_at_its_place_alone(
    key: bytes, tag: bytes, version: int, size: int, path: str
) -> None:
    content = bytes(range(256)) * 20
    content = content[:size]
    right = Content(tag, path, version, 1, key)
    block = right.seal(0, content)
    assert cids.names(block.cid, block.data)
    assert right.open(0, block.data, size) == content
    other = bytes(32) if tag != bytes(32) else b"\1" * 32
    wrong = {
        "category or passport": Content(other, path, version, 1, key),
        "path": Content(tag, path + "x", version, 1, key),
        "version (a replayed block)": Content(tag, path, version + 1, 1, key),
        "key": Content(tag, path, version, 1, bytes(a ^ 1 for a in key)),
    }
    for place in wrong.values():
        with pytest.raises(BlockInvalid, match="does not belong"):
            place.open(0, block.data, size)
    with pytest.raises(BlockInvalid, match="does not belong"):
        right.open(1, block.data, size)
    with pytest.raises(BlockInvalid, match="another size"):
        right.open(0, block.data[:-1], size)
    flipped = bytes([block.data[0] ^ 1]) + block.data[1:]
    with pytest.raises(BlockInvalid, match="does not belong"):
        right.open(0, flipped, size)


@given(st.permutations(range(4)), KEYS)
def test_chunks__reordered_or_missing__are_refused(order: list[int], key: bytes) -> None:
    place = Content(bytes(32), "file", 1, 4, key)
    pieces = [bytes([i]) * blocks.CHUNK for i in range(4)]
    sealed = [place.seal(i, piece) for i, piece in enumerate(pieces)]
    for index, taken in enumerate(order):
        if taken == index:
            assert place.open(index, sealed[taken].data, blocks.CHUNK) == pieces[index]
        else:
            with pytest.raises(BlockInvalid, match="does not belong"):
                place.open(index, sealed[taken].data, blocks.CHUNK)
    shorter = Content(bytes(32), "file", 1, 3, key)  # a truncated file: fewer chunks than sealed
    with pytest.raises(BlockInvalid, match="does not belong"):
        shorter.open(0, sealed[0].data, blocks.CHUNK)


def test_chunk__filling_that_is_not_zero__is_refused() -> None:
    place = Content(bytes(32), "file", 1, 1, bytes(32))
    block = place.seal(0, b"abc" + bytes(1020) + b"\1")
    assert place.open(0, block.data, 1024)[-1] == 1
    with pytest.raises(BlockInvalid, match="does not belong"):
        place.open(0, block.data, 3)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2**63) | st.binary(max_size=40) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@pytest.mark.thorough
@given(KEYS, VALUES, st.lists(CIDS, max_size=5))
def test_node__opens_at_its_place_alone(key: bytes, value: object, links: list[cids.Link]) -> None:
    place = Place("list", b"t" * 32, 1, 7)
    block = blocks.seal_node(place, key, value, links)
    assert blocks.open_node(place, key, block.data) == (value, links)
    for other in (
        Place("schema", b"t" * 32, 1, 7),
        Place("list", b"u" * 32, 1, 7),
        Place("list", b"t" * 32, 0, 7),
        Place("list", b"t" * 32, 1, 8),
    ):
        with pytest.raises(BlockInvalid, match="does not belong"):
            blocks.open_node(other, key, block.data)
    with pytest.raises(BlockInvalid, match="does not belong"):
        blocks.open_node(place, bytes(a ^ 1 for a in key), block.data)
    data, _ = dagcbor.open_envelope(block.data)
    extra = dagcbor.envelope(data, [*links, cids.link_of(b"planted", cids.RAW)])
    with pytest.raises(BlockInvalid, match="does not belong"):
        blocks.open_node(place, key, extra)


@given(st.integers(0, 6), st.integers(0, 6))
def test_root__older_keys_follow_and_later_ones_do_not_go_back(first: int, last: int) -> None:
    keys, wraps = [ArchiveKey(b"k" * 32)], []
    rng = counter_rng()
    for _ in range(6):
        drawn, wrap = archive_keys.following(keys[-1], rng)
        keys.append(drawn)
        wraps.append(wrap)
    owner, value = b"o" * 32, {"x": 1}
    block = blocks.seal_root(keys[last], owner, wraps[:last], value, [], rng)
    if first <= last:
        opened = blocks.open_root(keys[first], owner, block.data)
        assert (opened.key, opened.value) == (keys[last], value)
    else:
        with pytest.raises(BlockInvalid, match="older than the archive key"):
            blocks.open_root(keys[first], owner, block.data)
    for key, who in ((ArchiveKey(b"w" * 32), owner), (keys[0], b"p" * 32)):
        with pytest.raises(BlockInvalid, match="does not open"):
            blocks.open_root(key, who, block.data)


def test_root__key_from_before_the_kept_wraps__is_told() -> None:
    key, rng = ArchiveKey(bytes(32), 10), counter_rng()
    later, wrap = archive_keys.following(key, rng)
    block = blocks.seal_root(later, bytes(32), [wrap], {}, [], rng)
    assert blocks.open_root(key, bytes(32), block.data).key == later
    with pytest.raises(BlockInvalid, match="too old"):
        blocks.open_root(ArchiveKey(bytes(32), 9), bytes(32), block.data)


def test_wrap__opens_for_the_key_before_alone() -> None:
    key = ArchiveKey(b"a" * 32)
    drawn, wrap = archive_keys.following(key)
    assert archive_keys.follow(key, wrap) == drawn
    for other in (ArchiveKey(b"b" * 32), ArchiveKey(b"a" * 32, 1), drawn):
        with pytest.raises(NotAuthentic):
            archive_keys.follow(other, wrap)


def test_keys__of_categories_and_grantees__share_nothing() -> None:
    owner = archive_keys.owner_of(5, "0x" + "11" * 20)
    assert owner != archive_keys.owner_of(6, "0x" + "11" * 20)
    assert owner != archive_keys.owner_of(5, "0x" + "12" * 20)
    derived = [archive_keys.category_tag(owner, name) for name in ("health", "finance", "")]
    derived += [archive_keys.log_tag(owner), owner]
    derived += [archive_keys.grantee_key(b"e" * 32, grantee) for grantee in (b"", b"a", b"b")]
    derived += [archive_keys.anchor_salt(b"e" * 32, number) for number in (1, 2)]
    assert len(set(derived)) == len(derived)


def test_secrets__do_not_print() -> None:
    assert "kk" not in repr(ArchiveKey(b"k" * 32))


@given(st.binary(min_size=32, max_size=32), st.sampled_from([cids.RAW, cids.DAG_CBOR]))
def test_cid__has_one_spelling(digest: bytes, codec: int) -> None:
    found = cids.checked(bytes([1, codec, 0x12, 32]) + digest)
    text = cids.text(found)
    assert cids.parse(text) == found
    assert libipld.encode_cid(bytes(found)) == text
    for wrong in (text.upper(), text[:-1], text + "a", "z" + text[1:], text[:5] + "1" + text[6:]):
        with pytest.raises(ValueError, match=r"."):
            cids.parse(wrong)
