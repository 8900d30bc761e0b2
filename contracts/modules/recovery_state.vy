# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title recovery_state
@license AGPL-3.0-only
@notice What the recovery contract remembers of passports and requests, each packed into few words,
        and how requests are named.
@custom:stop A module, never deployed.
"""

from ..interfaces import IGuardianRecovery
from ..interfaces import IPassportRegistry

RECOVERY_TYPEHASH: constant(bytes32) = keccak256(
    "Recovery(uint256 chainId,address contract,address registry,uint256 identityCommitment,address anchor,uint256 guardianEpoch,uint256 nonce,uint256 newKeysRoot)"
)
CANCEL_TYPEHASH: constant(bytes32) = keccak256(
    "CancelChange(uint256 chainId,address contract,address registry,uint256 identityCommitment,address anchor,uint256 guardianEpoch,uint256 changes)"
)

ACTIVE: constant(uint256) = 1  # a passport's status in the registry

# a request's status
UNKNOWN: constant(uint256) = 0
PROPOSED: constant(uint256) = 1
ARMED: constant(uint256) = 2
VETOED: constant(uint256) = 3
EXECUTED: constant(uint256) = 4

_MASK8: constant(uint256) = 2**8 - 1
_MASK16: constant(uint256) = 2**16 - 1
_MASK32: constant(uint256) = 2**32 - 1
_MASK40: constant(uint256) = 2**40 - 1  # Unix seconds


# The counters of a passport, one word in storage.
struct Counters:
    guardian_epoch: uint256  # sets so far
    nonce: uint256  # recoveries carried out and freezes
    vetoes: uint256  # since the last recovery or change of the set
    armed: uint256  # ARMED requests, those that ran out since the last of them was armed included
    armed_until: uint256  # Unix time at which the last of them ends
    changes: uint256  # changes of the set proposed, cancelled or finished
    change_ready_at: uint256  # Unix time; 0 when no change waits
    objections: uint256  # guardians against the change that waits


# Where a request stands, one word in storage.
struct Progress:
    status: uint256
    approvals: uint256
    thresholds: uint256  # threshold + 256 quorum, 0 before the first approval
    expires_at: uint256  # Unix time
    ready_at: uint256  # Unix time, 0 before it is ARMED
    guardian_epoch: uint256
    nonce: uint256


# What a request is about. Parameters and not their hash: whoever approves needs nothing else.
struct Subject:
    registry: address
    identity_commitment: uint256
    anchor: address
    new_keys_root: uint256


# Commitments of a set of guardians: what stands in the leaf, and what approvals prove.
struct Guardians:
    guardian_commitment: uint256
    set_commitment: uint256


# keccak256(abi(registry, identity commitment, anchor)) => ...
_counters: HashMap[bytes32, uint256]
_guardians: HashMap[bytes32, Guardians]
_pending: HashMap[bytes32, Guardians]  # counts while a change waits

# request => ...
_progress: HashMap[uint256, uint256]
_subjects: HashMap[uint256, Subject]


@view
@internal
def _load_counters(passport: bytes32) -> Counters:
    word: uint256 = self._counters[passport]
    return Counters(
        guardian_epoch=word & _MASK32,
        nonce=(word >> 32) & _MASK32,
        vetoes=(word >> 64) & _MASK8,
        armed=(word >> 72) & _MASK32,
        armed_until=(word >> 104) & _MASK40,
        changes=(word >> 144) & _MASK32,
        change_ready_at=(word >> 176) & _MASK40,
        objections=(word >> 216) & _MASK8,
    )


@internal
def _store_counters(passport: bytes32, counters: Counters):
    self._counters[passport] = (
        counters.guardian_epoch
        | (counters.nonce << 32)
        | (counters.vetoes << 64)
        | (counters.armed << 72)
        | (counters.armed_until << 104)
        | (counters.changes << 144)
        | (counters.change_ready_at << 176)
        | (counters.objections << 216)
    )


@view
@internal
def _load_progress(request: uint256) -> Progress:
    word: uint256 = self._progress[request]
    return Progress(
        status=word & _MASK8,
        approvals=(word >> 8) & _MASK8,
        thresholds=(word >> 16) & _MASK16,
        expires_at=(word >> 32) & _MASK40,
        ready_at=(word >> 72) & _MASK40,
        guardian_epoch=(word >> 112) & _MASK32,
        nonce=(word >> 144) & _MASK32,
    )


@internal
def _store_progress(request: uint256, progress: Progress):
    self._progress[request] = (
        progress.status
        | (progress.approvals << 8)
        | (progress.thresholds << 16)
        | (progress.expires_at << 32)
        | (progress.ready_at << 72)
        | (progress.guardian_epoch << 112)
        | (progress.nonce << 144)
    )


@pure
@internal
def _with_change_cleared(counters: Counters) -> Counters:
    cleared: Counters = counters
    cleared.changes += 1
    cleared.change_ready_at = 0
    cleared.objections = 0
    return cleared


@internal
def _take_back_change(passport: bytes32, counters: Counters) -> Counters:
    """
    @dev Does nothing when no change waits.
    """
    if counters.change_ready_at == 0:
        return counters
    cleared: Counters = self._with_change_cleared(counters)
    log IGuardianRecovery.GuardianChangeCancelled(passport=passport, changes=cleared.changes)
    return cleared


@pure
@internal
def _with_requests_void(counters: Counters) -> Counters:
    """
    @dev The caller has raised the guardian epoch or the nonce, which every request names.
    """
    void: Counters = counters
    void.armed = 0
    void.armed_until = 0
    return void


@view
@internal
def _holds_up(counters: Counters) -> bool:
    """
    @return Whether an ARMED request holds up a change of the set.
    """
    return counters.armed != 0 and block.timestamp < counters.armed_until


@view
@internal
def _is_active(registry: address, identity_commitment: uint256, anchor: address) -> bool:
    """
    @return Whether the passport is neither revoked nor frozen.
    """
    record: IPassportRegistry.Passport = staticcall IPassportRegistry(registry).passport(
        identity_commitment, anchor
    )
    return record.status == ACTIVE


@view
@internal
def _passport_state(passport: bytes32) -> IGuardianRecovery.PassportState:
    counters: Counters = self._load_counters(passport)
    pending: Guardians = empty(Guardians)
    if counters.change_ready_at != 0:
        pending = self._pending[passport]
    return IGuardianRecovery.PassportState(
        guardian_commitment=self._guardians[passport].guardian_commitment,
        set_commitment=self._guardians[passport].set_commitment,
        guardian_epoch=counters.guardian_epoch,
        nonce=counters.nonce,
        vetoes=counters.vetoes,
        changes=counters.changes,
        armed=counters.armed,
        armed_until=counters.armed_until,
        pending_guardian_commitment=pending.guardian_commitment,
        pending_set_commitment=pending.set_commitment,
        pending_ready_at=counters.change_ready_at,
    )


@view
@internal
def _request_state(request: uint256) -> IGuardianRecovery.RequestState:
    progress: Progress = self._load_progress(request)
    if progress.status == UNKNOWN:
        return empty(IGuardianRecovery.RequestState)
    subject: Subject = self._subjects[request]
    return IGuardianRecovery.RequestState(
        passport=self._passport(subject.registry, subject.identity_commitment, subject.anchor),
        new_keys_root=subject.new_keys_root,
        status=progress.status,
        approvals=progress.approvals,
        expires_at=progress.expires_at,
        ready_at=progress.ready_at,
        guardian_epoch=progress.guardian_epoch,
        nonce=progress.nonce,
    )


@pure
@internal
def _passport(registry: address, identity_commitment: uint256, anchor: address) -> bytes32:
    return keccak256(abi_encode(registry, identity_commitment, anchor))


@view
@internal
def _request(
    registry: address,
    identity_commitment: uint256,
    anchor: address,
    guardian_epoch: uint256,
    nonce: uint256,
    new_keys_root: uint256,
) -> uint256:
    return (
        convert(
            keccak256(
                abi_encode(
                    RECOVERY_TYPEHASH,
                    chain.id,
                    self,
                    registry,
                    identity_commitment,
                    anchor,
                    guardian_epoch,
                    nonce,
                    new_keys_root,
                )
            ),
            uint256,
        )
        >> 8
    )


@view
@internal
def _cancellation(
    registry: address,
    identity_commitment: uint256,
    anchor: address,
    guardian_epoch: uint256,
    changes: uint256,
) -> uint256:
    return (
        convert(
            keccak256(
                abi_encode(
                    CANCEL_TYPEHASH,
                    chain.id,
                    self,
                    registry,
                    identity_commitment,
                    anchor,
                    guardian_epoch,
                    changes,
                )
            ),
            uint256,
        )
        >> 8
    )
