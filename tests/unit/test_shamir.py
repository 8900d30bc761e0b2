"""Shares against SLIP-39's published vectors and its reference package, in both directions."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import pytest
from shamir_mnemonic import shamir as reference
from shamir_mnemonic.share import Share

from mip_cli.crypto import shamir
from mip_cli.crypto.shamir import SharesInconsistent
from mip_cli.errors import ThresholdNotMet

CASES = json.loads((Path(__file__).parent.parent / "vectors" / "slip39.json").read_text())["cases"]
PASSPHRASE = b"TREZOR"


def parsed(mnemonics: list[str]) -> list[Share]:
    return [Share.from_mnemonic(mnemonic) for mnemonic in mnemonics]


def restore(shares: list[Share]) -> bytes:
    """SLIP-39 by our shares: the words and the passphrase cipher are the package's."""
    first = shares[0]
    groups = {}
    for number in {share.group_index for share in shares}:
        own = [share for share in shares if share.group_index == number]
        parts = {share.index: share.value for share in own}
        groups[number] = shamir.combine(own[0].member_threshold, parts)
    sealed = shamir.combine(first.group_threshold, groups)
    return reference.EncryptedMasterSecret(
        first.identifier, first.extendable, first.iteration_exponent, sealed
    ).decrypt(PASSPHRASE)


@pytest.mark.parametrize("case", [c for c in CASES if c["master_secret"]], ids=lambda c: c["name"])
def test_combine__restores_the_published_secrets(case):
    assert restore(parsed(case["mnemonics"])).hex() == case["master_secret"]


@pytest.mark.parametrize(
    "case", [c for c in CASES if not c["master_secret"]], ids=lambda c: c["name"]
)
def test_combine__published_shares_that_do_not_belong_together__reverts(case):
    with pytest.raises(SharesInconsistent):
        restore(parsed(case["mnemonics"]))


@pytest.mark.parametrize(
    ("threshold", "count"), [(1, 1), (1, 5), (2, 3), (3, 5), (9, 16), (16, 16)]
)
def test_split__the_reference_restores_our_shares(threshold, count):
    secret = bytes(range(32))
    shares = shamir.split(secret, threshold, count)
    assert len(shares) == count
    for chosen in list(combinations(range(count), threshold))[:20]:
        raw = [reference.RawShare(number, shares[number]) for number in chosen]
        assert reference._recover_secret(threshold, raw) == secret


@pytest.mark.parametrize(("threshold", "count"), [(1, 3), (2, 3), (5, 7), (16, 16)])
def test_combine__restores_what_the_reference_shared(threshold, count):
    secret = bytes(range(100, 132))
    shares = {s.x: s.data for s in reference._split_secret(threshold, count, secret)}
    last = dict(list(shares.items())[-threshold:])
    assert shamir.combine(threshold, last) == secret
    assert shamir.combine(threshold, shares) == secret


def test_share_at__equals_the_reference_at_every_number():
    points = {0: b"\x00\x01\x02\xff" * 8, 7: b"\x80\x1b\x53\xca" * 8, 255: bytes(range(32))}
    raw = [reference.RawShare(x, y) for x, y in points.items()]
    for number in range(256):
        assert shamir.share_at(points, number) == reference._interpolate(raw, number)


@pytest.mark.thorough
def test_multiply__is_the_field_of_slip39_for_every_pair():
    for left in range(1, 256):
        for right in range(1, 256):
            log = (reference.LOG_TABLE[left] + reference.LOG_TABLE[right]) % 255
            assert shamir._multiply(left, right) == reference.EXP_TABLE[log]


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_combine__one_wrong_share_among_more_than_needed__reverts(wrong):
    shares = dict(enumerate(shamir.split(bytes(32), 2, 3)))
    assert shamir.combine(2, shares) == bytes(32)
    shares[wrong] = bytes([shares[wrong][0] ^ 1]) + shares[wrong][1:]
    with pytest.raises(SharesInconsistent):
        shamir.combine(2, shares)


def test_combine__a_missing_share_is_told_from_a_wrong_one():
    shares = dict(enumerate(shamir.split(bytes(range(32)), 3, 5)))
    few = {number: shares[number] for number in (0, 3)}
    with pytest.raises(ThresholdNotMet, match="3 shares are needed, there are 2"):
        shamir.combine(3, few)
    with pytest.raises(ThresholdNotMet):
        shamir.combine(3, {})
    with pytest.raises(SharesInconsistent):
        shamir.combine(3, {**few, 4: bytes(32)})
    with pytest.raises(SharesInconsistent):
        shamir.combine(3, {**few, 4: shares[4][:-1]})
    assert shamir.combine(3, {**few, 4: shares[4]}) == bytes(range(32))


def test_split__nonsense__reverts():
    for threshold, count in ((0, 3), (4, 3), (2, 17), (-1, 1)):
        with pytest.raises(ValueError, match="threshold"):
            shamir.split(bytes(32), threshold, count)
    with pytest.raises(ValueError, match="16 bytes"):
        shamir.split(bytes(15), 2, 3)
    with pytest.raises(ValueError, match="not shares"):
        shamir.combine(2, {0: bytes(32), 255: bytes(32)})


def test_split__draws_from_the_given_source_alone():
    def rng(count: int) -> bytes:
        return bytes(range(count))

    assert shamir.split(bytes(32), 3, 5, rng) == shamir.split(bytes(32), 3, 5, rng)
    assert shamir.split(bytes(32), 3, 5) != shamir.split(bytes(32), 3, 5)
