# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title GuardianRecovery
@license AGPL-3.0-only
@notice Gives a passport new own keys by what its hidden guardians decide, after a delay in which the
        holder may say no, and keeps and changes the set of guardians. Identity, anchor and guardian
        commitment stay, and so does every pseudonym.
@dev No owner, no upgrade, no funds. Specified in docs/protocol.md, section 10. The registry is an
     address that callers give: all state hangs on it, so that a hostile one harms its own passports
     only, and no lock is open while it is called.
@custom:stop It cannot be stopped. A holder vetoes a recovery, holder and guardians cancel a change.
"""

from .interfaces import IGuardianRecovery
from .interfaces import IPassportRegistry
from .modules import approvals
from .modules import guardian_changes
from .modules import recovery_state
from .modules import recovery_terms

implements: IGuardianRecovery

initializes: approvals
initializes: recovery_state
initializes: guardian_changes[approvals := approvals, recovery_state := recovery_state]

exports: (
    approvals.VERIFIER,
    approvals.has_approved,
    guardian_changes.approve_cancel,
    guardian_changes.cancel_change,
    guardian_changes.finish_change,
    guardian_changes.propose_change,
    recovery_terms.CHANGE_DELAY,
    recovery_terms.DELAY,
    recovery_terms.MAX_DELAY,
    recovery_terms.MAX_VETOES,
    recovery_terms.OPEN_FOR,
    recovery_terms.PROPOSAL,
)

R: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617

RECOVER_PURPOSE: constant(String[96]) = "mip: recover this passport"
VETO_PURPOSE: constant(String[96]) = "mip: veto a recovery"


@deploy
def __init__(approval_verifier: address):
    """
    @param approval_verifier The Groth16Verifier of the circuit `guardian_approval`.
    """
    approvals.__init__(approval_verifier)


@external
def propose(
    registry: address,
    identity_commitment: uint256,
    anchor: address,
    new_keys_root: uint256,
    presentation: IPassportRegistry.Presentation,
) -> uint256:
    """
    @notice Asks a passport's guardians for new own keys.
    @dev The proof opens the leaf that would come: only who knows the passport's secret can make it,
         and nobody is locked out by keys that he cannot open. It needs nothing of the present keys.
    @param registry The registry of the passport.
    @param identity_commitment Commitment to the holder's secret.
    @param anchor The address that enrolled, also the presentation's beneficiary.
    @param new_keys_root The keys root to put into the leaf.
    @param presentation A leaf proof of level 2 about the new leaf.
    @return The request.
    """
    assert (
        new_keys_root != 0 and new_keys_root < R
    ), "recovery: keys root is zero or not canonical"
    passport: bytes32 = recovery_state._passport(registry, identity_commitment, anchor)
    guardians: recovery_state.Guardians = recovery_state._guardians[passport]
    assert guardians.set_commitment != 0, "recovery: passport has no guardians"
    counters: recovery_state.Counters = recovery_state._load_counters(passport)
    request: uint256 = recovery_state._request(
        registry,
        identity_commitment,
        anchor,
        counters.guardian_epoch,
        counters.nonce,
        new_keys_root,
    )
    assert recovery_state._progress[request] == 0, "recovery: request was proposed before"
    nullifier: uint256 = staticcall IPassportRegistry(registry).check_opening(
        IPassportRegistry.Leaf(
            identity_commitment=identity_commitment,
            anchor=anchor,
            keys_root=new_keys_root,
            guardian_commitment=guardians.guardian_commitment,
        ),
        keccak256(RECOVER_PURPOSE),
        keccak256(abi_encode(request)),
        presentation,
    )
    expires_at: uint256 = block.timestamp + recovery_terms.PROPOSAL
    recovery_state._subjects[request] = recovery_state.Subject(
        registry=registry,
        identity_commitment=identity_commitment,
        anchor=anchor,
        new_keys_root=new_keys_root,
    )
    recovery_state._store_progress(
        request,
        recovery_state.Progress(
            status=recovery_state.PROPOSED,
            approvals=0,
            thresholds=0,
            expires_at=expires_at,
            ready_at=0,
            guardian_epoch=counters.guardian_epoch,
            nonce=counters.nonce,
        ),
    )
    log IGuardianRecovery.RecoveryProposed(
        passport=passport, request=request, new_keys_root=new_keys_root, expires_at=expires_at
    )
    return request


@external
def approve(request: uint256, thresholds: uint256, nullifier: uint256, proof: uint256[8]):
    """
    @notice Adds a guardian's approval; anyone may send it. With enough of them the request is ARMED.
            Further ones count, in case that the passport is revoked meanwhile.
    @param request The request.
    @param thresholds threshold + 256 quorum of the set.
    @param nullifier The guardian's pseudonym for this request.
    @param proof Of `guardian_approval`.
    """
    progress: recovery_state.Progress = recovery_state._load_progress(request)
    assert (
        progress.status == recovery_state.PROPOSED or progress.status == recovery_state.ARMED
    ), "recovery: request is not open"
    subject: recovery_state.Subject = recovery_state._subjects[request]
    passport: bytes32 = recovery_state._passport(
        subject.registry, subject.identity_commitment, subject.anchor
    )
    counters: recovery_state.Counters = recovery_state._load_counters(passport)
    self._require_alive(progress, counters)
    approvals._count(
        recovery_state._guardians[passport].set_commitment, request, thresholds, nullifier, proof
    )
    progress.approvals += 1
    progress.thresholds = thresholds
    log IGuardianRecovery.RecoveryApproved(
        passport=passport, request=request, nullifier=nullifier, approvals=progress.approvals
    )
    if progress.status == recovery_state.PROPOSED:
        required: uint256 = recovery_terms._required(
            thresholds,
            recovery_state._is_active(subject.registry, subject.identity_commitment, subject.anchor),
        )
        if progress.approvals >= required:
            progress.status = recovery_state.ARMED
            progress.ready_at = block.timestamp + recovery_terms._delay(counters.vetoes)
            progress.expires_at = progress.ready_at + recovery_terms.OPEN_FOR
            # later than any armed before: delays only grow until all requests are void
            counters.armed = counters.armed + 1 if recovery_state._holds_up(counters) else 1
            counters.armed_until = progress.expires_at
            recovery_state._store_counters(passport, counters)
            log IGuardianRecovery.RecoveryArmed(
                passport=passport,
                request=request,
                ready_at=progress.ready_at,
                expires_at=progress.expires_at,
            )
    recovery_state._store_progress(request, progress)


@external
def veto(
    registry: address,
    leaf: IPassportRegistry.Leaf,
    request: uint256,
    siblings: DynArray[uint256, 20],
    presentation: IPassportRegistry.Presentation,
):
    """
    @notice Ends an ARMED request by the word of who holds the present leaf, at any time before it is
            executed. The second veto freezes the passport and makes every request void.
    @dev A veto takes back the waiting change, too: one who vetoes to get rid of the guardians has to
         propose it again and to wait.
    @param registry The registry of the passport.
    @param leaf The opening of the present leaf.
    @param request The request.
    @param siblings Nodes beside the path inside the complete subtree that holds the leaf.
    @param presentation A leaf proof of level 2.
    """
    passport: bytes32 = recovery_state._passport(
        registry, leaf.identity_commitment, leaf.anchor
    )
    progress: recovery_state.Progress = recovery_state._load_progress(request)
    counters: recovery_state.Counters = recovery_state._load_counters(passport)
    self._require_armed(registry, leaf, request, progress, counters)
    nullifier: uint256 = staticcall IPassportRegistry(registry).check_holder(
        leaf, keccak256(VETO_PURPOSE), keccak256(abi_encode(request)), siblings, presentation
    )
    progress.status = recovery_state.VETOED
    recovery_state._store_progress(request, progress)
    counters.vetoes += 1
    counters.armed -= 1
    log IGuardianRecovery.RecoveryVetoed(
        passport=passport, request=request, vetoes=counters.vetoes
    )
    counters = recovery_state._take_back_change(passport, counters)
    freezes: bool = counters.vetoes >= recovery_terms.MAX_VETOES
    if freezes:
        counters.nonce += 1
        counters = recovery_state._with_requests_void(counters)
    recovery_state._store_counters(passport, counters)
    if freezes:
        extcall IPassportRegistry(registry).freeze(leaf, siblings)


@external
def execute(
    registry: address,
    leaf: IPassportRegistry.Leaf,
    request: uint256,
    siblings: DynArray[uint256, 20],
):
    """
    @notice Puts the new keys into the passport's leaf once the delay is over; anyone may send it.
    @dev The guardian commitment comes from here, not from the caller: of a passport that was taken
         out of the tree the registry cannot tell the old one.
    @param registry The registry of the passport.
    @param leaf The opening of the present leaf; of a passport taken out only who it is counts.
    @param request The request.
    @param siblings Nodes beside the path inside the complete subtree that holds the leaf.
    """
    passport: bytes32 = recovery_state._passport(
        registry, leaf.identity_commitment, leaf.anchor
    )
    progress: recovery_state.Progress = recovery_state._load_progress(request)
    counters: recovery_state.Counters = recovery_state._load_counters(passport)
    self._require_armed(registry, leaf, request, progress, counters)
    assert recovery_terms._is_open(
        progress.ready_at, progress.expires_at, block.timestamp
    ), "recovery: delay is not over"
    assert progress.approvals >= recovery_terms._required(
        progress.thresholds, recovery_state._is_active(registry, leaf.identity_commitment, leaf.anchor)
    ), "recovery: too few approvals for a passport taken out"
    progress.status = recovery_state.EXECUTED
    recovery_state._store_progress(request, progress)
    log IGuardianRecovery.RecoveryExecuted(passport=passport, request=request)
    counters.nonce += 1
    counters.vetoes = 0
    counters = recovery_state._with_requests_void(counters)
    counters = recovery_state._take_back_change(passport, counters)
    recovery_state._store_counters(passport, counters)
    extcall IPassportRegistry(registry).replace(
        leaf,
        recovery_state._subjects[request].new_keys_root,
        recovery_state._guardians[passport].guardian_commitment,
        siblings,
    )


@view
@external
def passport_state(
    registry: address, identity_commitment: uint256, anchor: address
) -> IGuardianRecovery.PassportState:
    """
    @notice Returns what is known of a passport, all zero when nothing is.
    @param registry The registry of the passport.
    @param identity_commitment Commitment to the holder's secret.
    @param anchor The address that enrolled.
    @return Guardians in force, counters, the change that waits.
    """
    return recovery_state._passport_state(
        recovery_state._passport(registry, identity_commitment, anchor)
    )


@view
@external
def request_state(request: uint256) -> IGuardianRecovery.RequestState:
    """
    @notice Returns what is known of a request, all zero when it was never proposed.
    @param request The request.
    @return What it asks, for whom, and where it stands.
    """
    return recovery_state._request_state(request)


@view
@external
def request_of(
    registry: address,
    identity_commitment: uint256,
    anchor: address,
    guardian_epoch: uint256,
    nonce: uint256,
    new_keys_root: uint256,
) -> uint256:
    """
    @notice Computes what guardians approve to give a passport new keys.
    @param registry The registry of the passport.
    @param identity_commitment Commitment to the holder's secret.
    @param anchor The address that enrolled.
    @param guardian_epoch Number of the set.
    @param nonce Recoveries carried out and freezes.
    @param new_keys_root The keys root to put into the leaf.
    @return The request.
    """
    return recovery_state._request(
        registry, identity_commitment, anchor, guardian_epoch, nonce, new_keys_root
    )


@view
@external
def cancellation_of(
    registry: address,
    identity_commitment: uint256,
    anchor: address,
    guardian_epoch: uint256,
    changes: uint256,
) -> uint256:
    """
    @notice Computes what guardians approve to stop a change of their set.
    @param registry The registry of the passport.
    @param identity_commitment Commitment to the holder's secret.
    @param anchor The address that enrolled.
    @param guardian_epoch Number of the set.
    @param changes Changes of the set so far, the one that waits included.
    @return The cancellation.
    """
    return recovery_state._cancellation(
        registry, identity_commitment, anchor, guardian_epoch, changes
    )


@view
@internal
def _require_armed(
    registry: address,
    leaf: IPassportRegistry.Leaf,
    request: uint256,
    progress: recovery_state.Progress,
    counters: recovery_state.Counters,
):
    """
    @dev The request is the hash of all that it is about: computing it anew tells its passport.
    """
    assert progress.status == recovery_state.ARMED, "recovery: request is not armed"
    assert request == recovery_state._request(
        registry,
        leaf.identity_commitment,
        leaf.anchor,
        progress.guardian_epoch,
        progress.nonce,
        recovery_state._subjects[request].new_keys_root,
    ), "recovery: request is of another passport"
    self._require_alive(progress, counters)


@view
@internal
def _require_alive(progress: recovery_state.Progress, counters: recovery_state.Counters):
    assert (
        progress.guardian_epoch == counters.guardian_epoch and progress.nonce == counters.nonce
    ), "recovery: request is void"
    assert block.timestamp < progress.expires_at, "recovery: request has expired"
