# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title guardian_changes
@license AGPL-3.0-only
@notice How the set of guardians changes: the holder proposes, everybody has two days to object, anyone
        finishes. The first set waits too, else a thief for a minute could give the passport
        guardians of his own.
@custom:stop A module, never deployed.
"""

from ..interfaces import IGuardianRecovery
from ..interfaces import IPassportRegistry
from . import approvals
from . import recovery_state
from . import recovery_terms

uses: approvals
uses: recovery_state

R: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617

CHANGE_PURPOSE: constant(String[96]) = "mip: change the guardians"
KEEP_PURPOSE: constant(String[96]) = "mip: keep the guardians"


@external
@nonreentrant
def propose_change(
    registry: address,
    leaf: IPassportRegistry.Leaf,
    new_guardian_commitment: uint256,
    new_set_commitment: uint256,
    siblings: DynArray[uint256, 20],
    presentation: IPassportRegistry.Presentation,
):
    """
    @notice Starts a change of the guardians, also the first; it takes the place of one that waits.
    @param registry The registry of the passport.
    @param leaf The opening of the present leaf.
    @param new_guardian_commitment Commitment to the new people secret.
    @param new_set_commitment Commitment to the new set, 0 for none.
    @param siblings Nodes beside the path inside the complete subtree that holds the leaf.
    @param presentation A leaf proof of level 2, its nonce the number of changes.
    """
    assert (
        new_guardian_commitment != 0 and new_guardian_commitment < R
    ), "recovery: guardian commitment is zero or not canonical"
    assert new_set_commitment < R, "recovery: set commitment is not canonical"
    passport: bytes32 = recovery_state._passport(
        registry, leaf.identity_commitment, leaf.anchor
    )
    counters: recovery_state.Counters = recovery_state._load_counters(passport)
    self._require_change_by_holder(
        registry,
        leaf,
        keccak256(CHANGE_PURPOSE),
        keccak256(abi_encode(registry, new_guardian_commitment, new_set_commitment)),
        counters.changes,
        siblings,
        presentation,
    )
    counters = recovery_state._with_change_cleared(counters)
    counters.change_ready_at = block.timestamp + recovery_terms.CHANGE_DELAY
    recovery_state._store_counters(passport, counters)
    recovery_state._pending[passport] = recovery_state.Guardians(
        guardian_commitment=new_guardian_commitment, set_commitment=new_set_commitment
    )
    log IGuardianRecovery.GuardianChangeProposed(
        passport=passport,
        guardian_commitment=new_guardian_commitment,
        set_commitment=new_set_commitment,
        ready_at=counters.change_ready_at,
    )


@external
@nonreentrant
def cancel_change(
    registry: address,
    leaf: IPassportRegistry.Leaf,
    siblings: DynArray[uint256, 20],
    presentation: IPassportRegistry.Presentation,
):
    """
    @notice Takes back the change that waits, by the holder.
    @param registry The registry of the passport.
    @param leaf The opening of the present leaf.
    @param siblings Nodes beside the path inside the complete subtree that holds the leaf.
    @param presentation A leaf proof of level 2, its nonce the number of changes.
    """
    passport: bytes32 = recovery_state._passport(
        registry, leaf.identity_commitment, leaf.anchor
    )
    counters: recovery_state.Counters = recovery_state._load_counters(passport)
    assert counters.change_ready_at != 0, "recovery: no change waits"
    nobody: uint256 = 0
    self._require_change_by_holder(
        registry,
        leaf,
        keccak256(KEEP_PURPOSE),
        keccak256(abi_encode(registry, nobody, nobody)),
        counters.changes,
        siblings,
        presentation,
    )
    recovery_state._store_counters(passport, recovery_state._take_back_change(passport, counters))


@external
@nonreentrant
def approve_cancel(
    registry: address,
    identity_commitment: uint256,
    anchor: address,
    thresholds: uint256,
    nullifier: uint256,
    proof: uint256[8],
):
    """
    @notice Adds a guardian's word against the change that waits; anyone may send it. With as many as
            the threshold it is taken back.
    @param registry The registry of the passport.
    @param identity_commitment Commitment to the holder's secret.
    @param anchor The address that enrolled.
    @param thresholds threshold + 256 quorum of the set.
    @param nullifier The guardian's pseudonym for this cancellation.
    @param proof Of `guardian_approval`, by a guardian of the set in force.
    """
    passport: bytes32 = recovery_state._passport(registry, identity_commitment, anchor)
    counters: recovery_state.Counters = recovery_state._load_counters(passport)
    assert counters.change_ready_at != 0, "recovery: no change waits"
    cancellation: uint256 = recovery_state._cancellation(
        registry, identity_commitment, anchor, counters.guardian_epoch, counters.changes
    )
    approvals._count(
        recovery_state._guardians[passport].set_commitment,
        cancellation,
        thresholds,
        nullifier,
        proof,
    )
    counters.objections += 1
    log IGuardianRecovery.GuardianChangeApprovedAgainst(
        passport=passport, nullifier=nullifier, approvals=counters.objections
    )
    if counters.objections >= recovery_terms._required(thresholds, True):
        counters = recovery_state._take_back_change(passport, counters)
    recovery_state._store_counters(passport, counters)


@external
@nonreentrant
def finish_change(
    registry: address, leaf: IPassportRegistry.Leaf, siblings: DynArray[uint256, 20]
):
    """
    @notice Puts the new guardians in force once the change has waited; anyone may send it.
    @dev Only for a passport in the tree: there the registry sees to it that the keys root is the
         present one. Of one that was taken out it could not, and the caller would choose the keys.
    @param registry The registry of the passport.
    @param leaf The opening of the present leaf.
    @param siblings Nodes beside the path inside the complete subtree that holds the leaf.
    """
    passport: bytes32 = recovery_state._passport(
        registry, leaf.identity_commitment, leaf.anchor
    )
    counters: recovery_state.Counters = recovery_state._load_counters(passport)
    ready_at: uint256 = counters.change_ready_at
    assert ready_at != 0, "recovery: no change waits"
    assert block.timestamp >= ready_at, "recovery: change has not waited long enough"
    assert recovery_terms._is_open(
        ready_at, ready_at + recovery_terms.OPEN_FOR, block.timestamp
    ), "recovery: change has expired"
    assert not recovery_state._holds_up(counters), "recovery: an armed request holds up the change"
    assert recovery_state._is_active(
        registry, leaf.identity_commitment, leaf.anchor
    ), "recovery: passport is not active"
    guardians: recovery_state.Guardians = recovery_state._pending[passport]
    counters = recovery_state._with_change_cleared(counters)
    counters.guardian_epoch += 1
    counters.vetoes = 0
    recovery_state._store_counters(passport, recovery_state._with_requests_void(counters))
    recovery_state._guardians[passport] = guardians
    log IGuardianRecovery.GuardiansChanged(
        passport=passport,
        guardian_epoch=counters.guardian_epoch,
        guardian_commitment=guardians.guardian_commitment,
        set_commitment=guardians.set_commitment,
    )
    extcall IPassportRegistry(registry).replace(
        leaf, leaf.keys_root, guardians.guardian_commitment, siblings
    )


@view
@internal
def _require_change_by_holder(
    registry: address,
    leaf: IPassportRegistry.Leaf,
    purpose: bytes32,
    payload: bytes32,
    changes: uint256,
    siblings: DynArray[uint256, 20],
    presentation: IPassportRegistry.Presentation,
):
    """
    @dev The number of changes makes the proof serve once. The payload names the registry, since the
         same leaf may stand in two that share this contract.
    """
    assert presentation.nonce == changes, "recovery: nonce is not the number of changes"
    nullifier: uint256 = staticcall IPassportRegistry(registry).check_holder(
        leaf, purpose, payload, siblings, presentation
    )
