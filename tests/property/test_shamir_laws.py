"""Laws of shares: any t restore, t - 1 fit every secret, a changed one is noticed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mip_cli.crypto import shamir
from mip_cli.crypto.shamir import SharesInconsistent
from mip_cli.errors import ThresholdNotMet
from tests.property.effort import examples

secrets = st.binary(min_size=32, max_size=32)


@st.composite
def shared(draw, least=1):
    """A secret, its threshold and as many of its shares as that, in any order."""
    count = draw(st.integers(least, 16))
    threshold = draw(st.integers(least, count))
    secret = draw(secrets)
    shares = shamir.split(secret, threshold, count)
    order = draw(st.permutations(range(count)))
    return secret, threshold, {number: shares[number] for number in order[:threshold]}


@given(shared())
@examples(80)
def test_combine__any_threshold_of_shares_restores(case):
    secret, threshold, shares = case
    assert shamir.combine(threshold, shares) == secret


@given(shared(least=2), secrets)
@examples(60)
def test_combine__one_share_less_fits_every_secret(case, other):
    """Secrecy itself: whatever the secret, some last share would make it of the same others."""
    _, threshold, shares = case
    missing = next(iter(shares))
    few = {number: share for number, share in shares.items() if number != missing}
    with pytest.raises(ThresholdNotMet):
        shamir.combine(threshold, few)
    last = shamir.share_at({**few, shamir.SECRET: other}, missing)
    assert shamir.share_at({**few, missing: last}, shamir.SECRET) == other


@given(shared(least=2), st.integers(0, 31), st.integers(1, 255), st.data())
@examples(80)
def test_combine__a_changed_share_is_noticed(case, place, change, data):
    secret, threshold, shares = case
    wrong = data.draw(st.sampled_from(sorted(shares)))
    changed = bytearray(shares[wrong])
    changed[place] ^= change
    with pytest.raises(SharesInconsistent):
        shamir.combine(threshold, {**shares, wrong: bytes(changed)})
    assert shamir.combine(threshold, shares) == secret


@given(secrets, st.permutations([0, 1, 2]))
@examples(40)
def test_share_at__a_share_follows_from_the_secret_and_another(secret, order):
    shares = shamir.split(secret, 2, 3)
    known, wanted, _ = order
    points = {shamir.SECRET: secret, known: shares[known]}
    assert shamir.share_at(points, wanted) == shares[wanted]
