"""What a guardian's part is worth, by the state of the passport and without a chain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mip_cli.chain.recovery import RecoveryState
from mip_cli.crypto import hpke
from mip_cli.crypto.guardian_set import guardian_leaf
from mip_cli.flows.guardian import guardian_sets
from mip_cli.flows.guardian.guardian_documents import Part, Passport
from mip_cli.flows.guardian.guardian_files import PART
from mip_cli.flows.guardian.guardian_sets import Candidate
from mip_cli.flows.guardian.guardianship import PartState, is_foreign, part_in_force, worth
from mip_cli.store.guardianships import Guardianship
from mip_cli.units import Address, Commitment

ADDRESS = Address("0x5FbDB2315678afecb367f032d93F642f64180aa3")
PASSPORT = Passport(31337, ADDRESS, ADDRESS, Commitment(5), ADDRESS)
PAIR = hpke.keypair_from(bytes(range(1, 33)))
NOTHING = RecoveryState(Commitment(0), Commitment(0), *[0] * 6, Commitment(0), Commitment(0), 0)


def kept() -> tuple[Guardianship, Part, RecoveryState]:
    """A guardian with his part, and the state in which its set is in force."""
    card = Candidate("ben", bytes(16), guardian_leaf(7, 8), PAIR.public)
    record, parts = guardian_sets.make([card], 1, 1, PASSPORT, "mip:1:x")
    guardian = Guardianship("Ada", bytes(16), 0, 7, 8, PAIR.private)
    state = replace(
        NOTHING,
        guardian_commitment=Commitment(record.guardian_commitment),
        set_commitment=guardian_sets.commitment_of(record),
    )
    return guardian, PART.decode(parts["ben"]), state


def waiting(state: RecoveryState, guardian_commitment: int) -> RecoveryState:
    return replace(
        state,
        pending_set_commitment=state.set_commitment,
        pending_guardian_commitment=Commitment(guardian_commitment),
        pending_ready_at=1,
    )


def test_worth__needs_set_and_people_secret() -> None:
    guardian, part, state = kept()
    assert worth(guardian, part, state) is PartState.IN_FORCE
    assert worth(guardian, part, NOTHING) is PartState.REPLACED
    stolen = replace(state, guardian_commitment=Commitment(state.guardian_commitment - 1))
    assert worth(guardian, part, stolen) is PartState.FOREIGN


@pytest.mark.thorough
@pytest.mark.parametrize(("other", "found"), [(0, PartState.WAITING), (1, PartState.FOREIGN)])
def test_worth__of_a_set_that_waits__needs_both(other: int, found: PartState) -> None:
    guardian, part, state = kept()
    pending = waiting(state, state.guardian_commitment - other)
    gone = replace(pending, set_commitment=Commitment(1), guardian_commitment=Commitment(1))
    assert worth(guardian, part, gone) is found
    assert worth(guardian, part, replace(gone, pending_ready_at=0)) is PartState.REPLACED


def test_is_foreign__is_told_beside_a_set_in_force() -> None:
    """The thief proposes the set that stands there, with people of his own."""
    guardian, part, state = kept()
    assert not is_foreign(guardian, part, state)
    attacked = waiting(state, state.guardian_commitment - 1)
    assert worth(guardian, part, attacked) is PartState.IN_FORCE
    assert is_foreign(guardian, part, attacked)
    assert not is_foreign(guardian, part, replace(attacked, pending_ready_at=0))


def test_part_in_force__approves_whoever_has_the_people_secret() -> None:
    guardian, part, state = kept()
    guardian = replace(guardian, parts=(PART.encode(part),))
    stolen = replace(state, guardian_commitment=Commitment(state.guardian_commitment - 1))
    assert part_in_force(guardian, state) == part_in_force(guardian, stolen) == part
    assert part_in_force(guardian, NOTHING) is None
