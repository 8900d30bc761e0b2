"""Making a set of guardians: what each of them gets, and what nobody keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mip_cli.crypto import hpke, shamir
from mip_cli.crypto.guardian_set import PLACES, guardian_leaf
from mip_cli.crypto.people import PeopleSecret
from mip_cli.errors import UsageFault
from mip_cli.flows.guardian import guardian_sets
from mip_cli.flows.guardian.guardian_documents import Passport
from mip_cli.flows.guardian.guardian_files import PART, open_part, share_digest
from mip_cli.flows.guardian.guardian_sets import Candidate, choose_thresholds, commitment_of
from mip_cli.flows.spans import duration
from mip_cli.units import Address, Commitment

ADDRESS = Address("0x5FbDB2315678afecb367f032d93F642f64180aa3")
PASSPORT = Passport(31337, ADDRESS, ADDRESS, Commitment(5), ADDRESS)
KEYS = [hpke.keypair_from(bytes([i]) * 32) for i in range(1, 6)]
CANDIDATES = [
    Candidate(f"guardian {i}", bytes([i]) * 16, guardian_leaf(i + 1, i), KEYS[i].public)
    for i in range(5)
]


def test_make__gives_everybody_a_part_of_one_secret() -> None:
    record, parts = guardian_sets.make(CANDIDATES, 3, 4, PASSPORT, "mip:1:x")
    shares = {}
    for i, candidate in enumerate(CANDIDATES):
        part = PART.decode(parts[candidate.label])
        share = open_part(part, KEYS[i].private)
        shares[part.number] = share
        assert part.set_commitment(candidate.leaf) == commitment_of(record)
        assert (part.threshold, part.quorum, part.locator) == (3, 4, "mip:1:x")
        assert part.digests[part.number] == share_digest(part.number, share)
        assert part.people == record.people_public
        assert part.guardian_commitment == record.guardian_commitment
    people = PeopleSecret(shamir.combine(3, dict(list(shares.items())[:3])))
    assert people.commitment == record.guardian_commitment
    assert people.keypair.public == record.people_public
    for data in (repr(record).encode(), *parts.values()):
        assert people.value.hex().encode() not in data
        assert not [s for s in shares.values() if s.hex().encode() in data]


def test_make__tells_no_guardian_how_many_the_others_are() -> None:
    sizes = set()
    for count in (2, 5):
        record, parts = guardian_sets.make(CANDIDATES[:count], 2, 2, PASSPORT, "mip:1:x")
        assert len(record.digests) == PLACES
        assert len(record.leaves) == len(set(record.leaves)) == PLACES
        for part in map(PART.decode, parts.values()):
            sizes.add(len(PART.encode(replace(part, position=0, number=0))))
    assert len(sizes) == 1


def test_make__places_and_numbers_are_drawn() -> None:
    def order() -> tuple[int, ...]:
        record, _ = guardian_sets.make(CANDIDATES, 2, 3, PASSPORT, "mip:1:x")
        return tuple(n for m in record.members for n in (m.position, m.number))

    assert len({order() for _ in range(4)}) == 4


def test_make__twice__gives_other_secrets() -> None:
    one, _ = guardian_sets.make(CANDIDATES, 2, 3, PASSPORT, "mip:1:x")
    two, _ = guardian_sets.make(CANDIDATES, 2, 3, PASSPORT, "mip:1:x")
    assert one.guardian_commitment != two.guardian_commitment
    assert set(one.digests).isdisjoint(two.digests)
    assert set(one.fillers).isdisjoint(two.fillers)


def test_nobody__commits_to_what_nobody_knows() -> None:
    one, two = guardian_sets.nobody(), guardian_sets.nobody()
    assert one.guardian_commitment != two.guardian_commitment
    assert commitment_of(one) == 0


@pytest.mark.parametrize(
    ("count", "given", "chosen"),
    [
        (2, (None, None), (2, 2)),
        (3, (None, None), (2, 3)),
        (5, (None, None), (3, 4)),
        (16, (None, None), (9, 10)),
        (1, (1, None), (1, 1)),
        (3, (1, None), (1, 2)),
        (4, (2, 4), (2, 4)),
    ],
)
def test_choose_thresholds__by_default_two_at_least(count: int, given, chosen) -> None:
    assert choose_thresholds(count, *given) == chosen


@pytest.mark.parametrize(
    ("count", "given", "present", "chosen"),
    [
        (5, (None, None), (4, 5), (4, 5)),
        (6, (None, None), (2, 5), (2, 5)),
        (4, (None, None), (4, 5), (4, 4)),
        (3, (None, None), (4, 5), (2, 3)),
        (6, (3, None), (4, 5), (3, 5)),
        (6, (6, None), (4, 5), (6, 6)),
        (6, (None, 6), (4, 5), (4, 6)),
    ],
)
def test_choose_thresholds__keeps_those_the_holder_chose(
    count: int, given, present: tuple[int, int], chosen: tuple[int, int]
) -> None:
    assert choose_thresholds(count, *given, present) == chosen


@pytest.mark.parametrize(
    ("count", "given"), [(1, (None, None)), (3, (4, None)), (3, (2, 1)), (3, (2, 4)), (3, (0, 2))]
)
def test_choose_thresholds__what_cannot_be_met__is_refused(count: int, given) -> None:
    with pytest.raises(UsageFault):
        choose_thresholds(count, *given)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (119, "119 s"),
        (120, "2 minutes"),
        (3601, "61 minutes"),
        (7200, "2 hours"),
        (172_799, "48 hours"),
        (259_200, "3 days"),
        (262_801, "3 days 2 hours"),
    ],
)
def test_duration__rounds_up(seconds: int, text: str) -> None:
    assert duration(seconds) == text
