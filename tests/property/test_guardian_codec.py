"""The sealed record of guardians: what is written is read, what is unsound is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mip_cli.crypto.field import R
from mip_cli.store import guardian_codec
from mip_cli.store.guardian_codec import GuardianState, Member, OpenInvitation, SetRecord
from tests.property.effort import examples

labels = st.text(st.characters(codec="utf-8"), min_size=1, max_size=16)
elements = st.integers(0, R - 1)


@st.composite
def records(draw):
    """A set of one to sixteen guardians."""
    count = draw(st.integers(1, 16))
    quorum = draw(st.integers(1, count))
    places = draw(st.permutations(range(16)))[:count]
    members = tuple(
        Member(draw(labels), bytes([i]) * 16, 1 + i, bytes([i]) * 32, places[i], i)
        for i in range(count)
    )
    return SetRecord(
        threshold=draw(st.integers(1, quorum)),
        quorum=quorum,
        salt=draw(elements),
        guardian_commitment=draw(elements),
        people_public=draw(st.binary(min_size=32, max_size=32)),
        digests=tuple(bytes([i]) * 32 for i in range(count)),
        members=members,
        fillers=tuple(100 + i for i in range(16 - count)),
    )


none = SetRecord(0, 0, 5, 6, None, (), ())
states = st.builds(
    GuardianState,
    active=st.none() | st.just(none) | records(),
    pending=st.none() | st.just(none) | records(),
    invitations=st.lists(
        st.builds(OpenInvitation, labels, st.binary(min_size=16, max_size=16)), max_size=3
    ).map(tuple),
)


@given(states)
@examples(60)
def test_from_document__undoes_to_document(state):
    document = json.loads(json.dumps(guardian_codec.to_document(state)))
    assert guardian_codec.from_document(document) == state


@pytest.mark.thorough
@given(records())
@examples(40)
def test_leaves__puts_each_guardian_in_his_place(record):
    leaves = record.leaves
    assert len(leaves) == 16
    assert all(leaves[member.position] == member.leaf for member in record.members)
    assert set(leaves) == {m.leaf for m in record.members} | set(record.fillers)
    assert none.leaves == ()


@given(records(), st.data())
@examples(60)
def test_record__unsound__reverts(record, data):
    member = record.members[0]
    fault = data.draw(
        st.sampled_from(
            [
                {"threshold": 0},
                {"threshold": record.quorum + 1},
                {"quorum": 17},
                {"salt": R},
                {"people_public": None},
                {"people_public": bytes(31)},
                {"digests": record.digests[:-1]},
                {"fillers": (*record.fillers, 7)},
                {"members": ()},
                {"members": (*record.members, member)},
                {"members": (replace(member, label=""), *record.members[1:])},
                {"members": (replace(member, leaf=0), *record.members[1:])},
                {"members": (replace(member, position=16), *record.members[1:])},
                {"members": (replace(member, number=16), *record.members[1:])},
                {"members": (replace(member, public_key=b""), *record.members[1:])},
            ]
        )
    )
    with pytest.raises(ValueError, match="out of range"):
        replace(record, **fault)


def test_from_document__another_member__reverts():
    document = guardian_codec.to_document(GuardianState())
    assert guardian_codec.from_document(document) == GuardianState()
    with pytest.raises(ValueError, match="other fields"):
        guardian_codec.from_document({**document, "more": 1})


@given(st.lists(records(), min_size=1, max_size=6))
@examples(40)
def test_superseded__keeps_the_newest_once(sets):
    state = GuardianState()
    for record in sets:
        state = replace(state, earlier=state.superseded(record))
    newest = list(dict.fromkeys(reversed(sets)))[: guardian_codec.MAX_EARLIER]
    assert list(state.earlier) == newest
    assert state.superseded(None) == state.earlier
    assert guardian_codec.from_document(guardian_codec.to_document(state)) == state
