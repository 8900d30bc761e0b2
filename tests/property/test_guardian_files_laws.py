"""Laws of the guardians' documents: what is written is read, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mip_cli.chain.abi import checksum
from mip_cli.crypto import hpke
from mip_cli.crypto.field import P, R
from mip_cli.crypto.forms import Form
from mip_cli.crypto.plaintext import is_readable
from mip_cli.errors import FileInvalid
from mip_cli.flows.guardian.guardian_documents import (
    Answer,
    AnsweredShare,
    Approval,
    Ask,
    Cancellation,
    Card,
    Invitation,
    Part,
    Passport,
    Recovery,
    SealedShare,
)
from mip_cli.flows.guardian.guardian_files import ANSWER, ASK, CARD, INVITATION, PART

elements = st.integers(0, R - 1)
numbers = st.integers(0, (1 << 32) - 1)


def data(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


addresses = data(20).map(checksum)
passports = st.builds(Passport, st.integers(0, 1 << 52), addresses, addresses, elements, addresses)
labels = st.text(min_size=1, max_size=16).filter(is_readable)
invitations = st.builds(Invitation, labels, data(16))
publics = data(32).map(lambda seed: hpke.keypair_from(seed).public)
cards = st.builds(Card, data(16), st.integers(1, R - 1), publics)
thresholds = st.integers(1, 16).flatmap(lambda q: st.tuples(st.integers(1, q), st.just(q)))


@st.composite
def parts(draw: st.DrawFn) -> Part:
    threshold, quorum = draw(thresholds)
    digests = tuple(draw(st.lists(data(32), min_size=1, max_size=16)))
    return Part(
        invitation=draw(data(16)),
        passport=draw(passports),
        threshold=threshold,
        quorum=quorum,
        guardian_commitment=draw(elements),
        set_salt=draw(elements),
        siblings=tuple(draw(st.lists(elements, min_size=4, max_size=4))),
        position=draw(st.integers(0, 15)),
        number=draw(st.integers(0, len(digests) - 1)),
        digests=digests,
        people=draw(data(32)),
        locator=draw(st.from_regex(r"[a-zA-Z0-9:]{1,300}", fullmatch=True)),
        sealed=SealedShare(draw(data(32)), draw(data(48))),
    )


acts = st.one_of(
    st.builds(Recovery, elements, numbers, numbers), st.builds(Cancellation, numbers, numbers)
)
asks = st.builds(Ask, passports, acts, st.none() | data(32), publics, st.integers(0, 1 << 52))
shares = st.builds(AnsweredShare, st.integers(0, 15), st.builds(SealedShare, data(32), data(49)))
approvals = st.builds(
    Approval,
    thresholds.map(lambda pair: pair[0] + 256 * pair[1]),
    elements,
    st.tuples(*[st.integers(0, P - 1)] * 8),
)
answers = st.builds(Answer, data(32), shares, st.none() | approvals)
documents = st.one_of(
    st.tuples(st.just(INVITATION), invitations),
    st.tuples(st.just(CARD), cards),
    st.tuples(st.just(PART), parts()),
    st.tuples(st.just(ASK), asks),
    st.tuples(st.just(ANSWER), answers),
)


@given(documents)
def test_decode__inverts_encode(pair: tuple[Form, object]) -> None:
    form, value = pair
    assert form.decode(form.encode(value)) == value


@given(documents, st.data())
def test_decode__any_other_bytes__are_refused(pair: tuple[Form, object], source) -> None:
    form, value = pair
    whole = form.encode(value)
    at = source.draw(st.integers(0, len(whole) - 1))
    other = source.draw(st.binary(max_size=3))
    changed = whole[:at] + other + whole[at + source.draw(st.integers(0, 3)) :]
    if changed != whole:
        with pytest.raises(FileInvalid, match=form.what):
            form.decode(changed)


@given(documents, st.binary(max_size=300))
def test_decode__junk__fails_as_a_file(pair: tuple[Form, object], junk: bytes) -> None:
    with pytest.raises(FileInvalid, match=pair[0].what):
        pair[0].decode(junk)
