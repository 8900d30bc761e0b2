"""Making a set of guardians: the people secret, its shares, the tree, and everybody's part.

The people secret lives in one function and is forgotten when that returns.
"""

from __future__ import annotations

import secrets as system
from collections.abc import Sequence
from dataclasses import dataclass

from mip_cli.crypto import shamir
from mip_cli.crypto.commitments import guardian_commitment
from mip_cli.crypto.field import random_element, random_salt
from mip_cli.crypto.guardian_set import PLACES, GuardianSet
from mip_cli.crypto.people import PeopleSecret
from mip_cli.errors import UsageFault
from mip_cli.flows.guardian.guardian_documents import Part, Passport, SealedShare
from mip_cli.flows.guardian.guardian_files import PART, seal_part, share_digest
from mip_cli.store.guardian_codec import Member, SetRecord
from mip_cli.units import Commitment

DEFAULT_THRESHOLD = 2
"""Guardians needed at least unless the holder says otherwise."""


@dataclass(frozen=True)
class Candidate:
    """One who shall be a guardian."""

    label: str
    """The holder's name for him."""
    invitation: bytes
    """As on his card."""
    leaf: int
    """As on his card."""
    public_key: bytes
    """As on his card."""


def default_thresholds(count: int) -> tuple[int, int]:
    """Return threshold and quorum for a number of guardians: a majority, and one more if it can."""
    threshold = max(DEFAULT_THRESHOLD, count // 2 + 1)
    return threshold, min(count, threshold + 1)


def choose_thresholds(
    count: int,
    threshold: int | None,
    quorum: int | None,
    present: tuple[int, int] | None = None,
) -> tuple[int, int]:
    """Return the thresholds of a set; raise ``UsageFault`` when they cannot be met.

    Where the holder says nothing those of the ``present`` set stay, if they fit.
    """
    if not 1 <= count <= PLACES:
        raise UsageFault(f"a set has 1 to {PLACES} guardians")
    usual, _ = default_thresholds(count)
    if present is not None and present[0] <= count:
        usual = present[0]
    wanted = usual if threshold is None else threshold
    if wanted > count:
        raise UsageFault(
            f"{wanted} guardians are needed and there are {count}",
            hint="add guardians with --card FILE, or say --threshold 1 if one alone shall do",
        )
    more = min(count, wanted + 1)
    if present is not None and wanted <= present[1] <= count:
        more = present[1]
    higher = more if quorum is None else quorum
    if not 1 <= wanted <= higher <= count:
        raise UsageFault(f"thresholds must be 1 <= threshold <= quorum <= {count}")
    return wanted, higher


def make(
    candidates: Sequence[Candidate],
    threshold: int,
    quorum: int,
    passport: Passport,
    locator: str,
) -> tuple[SetRecord, dict[str, bytes]]:
    """Return a new set as the holder keeps it, and each guardian's part by his label.

    Neither place nor number tells a guardian who or how many the others are.
    """
    people = PeopleSecret.random()
    shares = shamir.split(people.value, threshold, PLACES)
    random = system.SystemRandom()
    places = random.sample(range(PLACES), len(candidates))
    numbers = random.sample(range(PLACES), len(candidates))
    members = tuple(
        Member(c.label, c.invitation, c.leaf, c.public_key, place, number)
        for c, place, number in zip(candidates, places, numbers, strict=True)
    )
    record = SetRecord(
        threshold=threshold,
        quorum=quorum,
        salt=random_salt(),
        guardian_commitment=people.commitment,
        people_public=people.keypair.public,
        digests=tuple(share_digest(number, share) for number, share in enumerate(shares)),
        members=members,
        fillers=tuple(random_element() for _ in range(PLACES - len(members))),
    )
    tree = tree_of(record)
    parts = {}
    for member in members:
        bare = Part(
            invitation=member.invitation,
            passport=passport,
            threshold=threshold,
            quorum=quorum,
            guardian_commitment=Commitment(record.guardian_commitment),
            set_salt=record.salt,
            siblings=tree.path(member.position),
            position=member.position,
            number=member.number,
            digests=record.digests,
            people=people.keypair.public,
            locator=locator,
            sealed=SealedShare(bytes(32), bytes(48)),
        )
        sealed = seal_part(bare, member.public_key, shares[member.number])
        parts[member.label] = PART.encode(sealed)
    return record, parts


def nobody() -> SetRecord:
    """Return the record of a passport without guardians; nobody can open its commitment."""
    forgotten = guardian_commitment(random_element())
    return SetRecord(0, 0, 0, forgotten, None, (), ())


def tree_of(record: SetRecord) -> GuardianSet:
    """Rebuild the tree of a set that has guardians."""
    return GuardianSet(record.leaves, record.threshold, record.quorum, record.salt)


def commitment_of(record: SetRecord) -> Commitment:
    """Return what the chain holds of a set; 0 without guardians."""
    return tree_of(record).commitment if record.members else Commitment(0)
