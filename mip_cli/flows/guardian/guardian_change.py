"""A change of the guardians that was proposed: what the chain made of it, in the key file.

Anyone may finish a change, so the leaf may hold the new guardians before the holder's tool knows.
Whoever opens the passport in between settles this first.
"""

from __future__ import annotations

from dataclasses import replace

from mip_cli.chain.recovery import RecoveryState
from mip_cli.config import Settings
from mip_cli.errors import KeyLocked
from mip_cli.flows.connection import Connection
from mip_cli.flows.guardian.guardian_sets import commitment_of
from mip_cli.flows.passport.passport_file import Opened
from mip_cli.flows.passport.passport_keys import keys_of
from mip_cli.models import Kind
from mip_cli.store import keyfile
from mip_cli.store.guardian_codec import GuardianState, SetRecord
from mip_cli.store.secrets_codec import PassportSecrets, PassportStatus
from mip_cli.store.slots import PeopleLock


def settle(settings: Settings, link: Connection, opened: Opened) -> Opened:
    """Bring the key file to the guardians in force, when they are others than it has.

    They are those that it waits for; where it knows nothing of them, at least their commitment is
    right again, so that the leaf is found. Raises ``KeyLocked`` while a re-org may undo it.
    """
    content = opened.unlocked.secrets
    if content.status is not PassportStatus.ENROLLED:
        return opened
    state = state_of(link, content)
    if state.guardian_commitment in (0, content.guardian_commitment):
        return opened
    final = state_of(link, content, final=True)
    if final.guardian_commitment != state.guardian_commitment:
        raise KeyLocked(
            f"the new guardians of {content.name} came into force a moment ago",
            hint="wait a minute, then run the command again",
        )
    record = in_force(content.guardians or GuardianState(), state)
    if record is not None:
        return adopt(opened, record)
    # unknown here: what is known of others stays, should the node have lied
    after = replace(content, guardian_commitment=state.guardian_commitment)
    return replace(opened, unlocked=keyfile.update(opened.unlocked, after))


def adopt(opened: Opened, record: SetRecord) -> Opened:
    """Make a set the one in force, in the key file: commitment, record and people slot."""
    content = opened.unlocked.secrets
    before = content.guardians or GuardianState()
    taken = {member.invitation for member in record.members}
    left = tuple(i for i in before.invitations if i.invitation not in taken)
    gone = before.superseded(before.active if before.active != record else None)
    earlier = tuple(one for one in gone if one != record)
    after = replace(
        content,
        guardian_commitment=record.guardian_commitment,
        guardians=GuardianState(record if record.members else None, None, left, earlier),
    )
    if record.people_public is None:
        unlocked = keyfile.update(opened.unlocked, after, drop=[Kind.PEOPLE])
    else:
        unlocked = keyfile.update(opened.unlocked, after, add=[PeopleLock(record.people_public)])
    return replace(opened, unlocked=unlocked)


def in_force(guardians: GuardianState, state: RecoveryState) -> SetRecord | None:
    """Return the set that is in force on chain, if it is one of those known."""
    known = (guardians.pending, guardians.active, *guardians.earlier)
    found = (record for record in known if record is not None)
    return next((record for record in found if is_in_force(state, record)), None)


def is_in_force(state: RecoveryState, record: SetRecord) -> bool:
    """Tell whether a set is the one in force on chain."""
    found = (state.set_commitment, state.guardian_commitment)
    return found == (commitment_of(record), record.guardian_commitment)


def is_waiting(state: RecoveryState, record: SetRecord) -> bool:
    """Tell whether a set waits for its time on chain."""
    found = (state.pending_set_commitment, state.pending_guardian_commitment)
    wanted = (commitment_of(record), record.guardian_commitment)
    return state.pending_ready_at != 0 and found == wanted


def state_of(link: Connection, content: PassportSecrets, *, final: bool = False) -> RecoveryState:
    """Return what the contract knows of a passport, now or in the newest block that is final."""
    block = link.final().tag if final else "latest"
    identity = keys_of(content).identity
    return link.recovery.state(link.registry.address, identity, content.anchor, block)


def label_of(link: Connection, content: PassportSecrets, record: SetRecord, changes: int) -> str:
    """Name the proposal of a set, the same in every attempt."""
    where = f"{link.registry.address}:{keys_of(content).identity:#x}"
    return f"guardians:{where}:{commitment_of(record):#x}:{changes}"


def is_over(link: Connection, content: PassportSecrets, record: SetRecord) -> bool:
    """Tell whether a set that was proposed is settled for good, and not by being in force.

    Its record alone can adopt it, so nothing less than the final state forgets it.
    """
    block, identity = link.final(), keys_of(content).identity
    state = link.recovery.state(link.registry.address, identity, content.anchor, block.tag)
    waiting = is_waiting(state, record) and state.change_is_alive(block.time)
    return not waiting and not is_in_force(state, record)
