"""Faults of recovery, epochs and the vault: file, what stands there, the fault, tests.

Behind each promise of docs/protocol.md, section 10, stand some that break it.
"""

from __future__ import annotations

RECOVERY = "GuardianRecovery.vy"
CHANGES = "modules/guardian_changes.vy"
STATE = "modules/recovery_state.vy"
TERMS = "modules/recovery_terms.vy"
APPROVALS = "modules/approvals.vy"
EPOCHS = "modules/epochs.vy"
VAULT = "examples/PassportVault.vy"

FAULTS: dict[str, tuple[str, str, str, str]] = {
    # never executed early or late
    "executed early": (TERMS, "return ready_at <= timestamp and ", "return ", "recovery"),
    "executed late": (
        RECOVERY,
        'assert block.timestamp < progress.expires_at, "recovery: request has expired"',
        "pass",
        "recovery",
    ),
    "expires a second late": (
        RECOVERY,
        "assert block.timestamp < progress.expires_at",
        "assert block.timestamp <= progress.expires_at",
        "recovery",
    ),
    "delay does not double": (TERMS, "DELAY << min(vetoes, 3)", "DELAY", "recovery"),
    "delay without a ceiling": (
        TERMS,
        "return min(DELAY << min(vetoes, 3), MAX_DELAY)",
        "return DELAY << min(vetoes, 3)",
        "recovery_terms",
    ),
    "delay starts anew with each approval": (
        RECOVERY,
        "    if progress.status == recovery_state.PROPOSED:\n        required",
        "    if progress.status != recovery_state.VETOED:\n        required",
        "recovery",
    ),
    "executed twice": (
        RECOVERY,
        "progress.status = recovery_state.EXECUTED",
        "progress.status = recovery_state.ARMED",
        "recovery",
    ),
    # the veto
    "no veto once the delay is over": (
        RECOVERY,
        "    nullifier: uint256 = staticcall IPassportRegistry(registry).check_holder(\n",
        '    assert block.timestamp < progress.ready_at, "recovery: request is not armed"\n'
        "    nullifier: uint256 = staticcall IPassportRegistry(registry).check_holder(\n",
        "recovery_stateful",
    ),
    "veto is not final": (
        RECOVERY,
        "progress.status = recovery_state.VETOED",
        "progress.status = recovery_state.PROPOSED",
        "recovery",
    ),
    "veto below the threshold": (
        RECOVERY,
        'assert progress.status == recovery_state.ARMED, "recovery: request is not armed"',
        'assert progress.status != 0, "recovery: request is not armed"',
        "recovery_attacks",
    ),
    "veto by anybody": (
        RECOVERY,
        "keccak256(VETO_PURPOSE), keccak256(abi_encode(request))",
        "keccak256(VETO_PURPOSE), empty(bytes32)",
        "recovery",
    ),
    "veto of another's request": (
        RECOVERY,
        "assert request == recovery_state._request(",
        "assert 0 != recovery_state._request(",
        "recovery",
    ),
    "veto leaves the thief's change": (
        RECOVERY,
        "    counters = recovery_state._take_back_change(passport, counters)\n    freezes",
        "    freezes",
        "recovery_attacks",
    ),
    "vetoes without end": (
        TERMS,
        "MAX_VETOES: public(constant(uint256)) = 2",
        "MAX_VETOES: public(constant(uint256)) = 200",
        "recovery_stateful",
    ),
    "freeze leaves requests alive": (
        RECOVERY,
        "        counters.nonce += 1\n        counters = ",
        "        counters = ",
        "recovery",
    ),
    "recovery keeps the vetoes": (
        RECOVERY,
        "    counters.vetoes = 0\n",
        "",
        "recovery",
    ),
    # approvals == distinct guardians of this epoch and nonce
    "guardian counts twice": (
        APPROVALS,
        "        self.has_approved[request][nullifier] = True\n".lstrip(" "),
        "pass\n",
        "recovery",
    ),
    "approval for any request": (
        APPROVALS,
        "[set_commitment, nullifier, request, thresholds,",
        "[set_commitment, nullifier, 0, thresholds,",
        "recovery",
    ),
    "thresholds not proved": (
        APPROVALS,
        "[set_commitment, nullifier, request, thresholds,",
        "[set_commitment, nullifier, request, 770,",
        "recovery",
    ),
    "approvals not proved": (
        APPROVALS,
        "    assert staticcall IGroth16Verifier(VERIFIER).verify(",
        "    assert True or staticcall IGroth16Verifier(VERIFIER).verify(",
        "recovery",
    ),
    "threshold of zero": (TERMS, "return threshold != 0 and ", "return ", "recovery"),
    "quorum below the threshold": (
        TERMS,
        "threshold <= quorum and quorum",
        "quorum",
        "recovery",
    ),
    "request without the nonce": (
        STATE,
        "                    guardian_epoch,\n                    nonce,\n",
        "                    guardian_epoch,\n                    guardian_epoch,\n",
        "recovery",
    ),
    "request without the chain": (
        STATE,
        "                    RECOVERY_TYPEHASH,\n                    chain.id,\n",
        "                    RECOVERY_TYPEHASH,\n                    empty(uint256),\n",
        "recovery",
    ),
    "request without the contract": (
        STATE,
        "RECOVERY_TYPEHASH,\n                    chain.id,\n                    self,\n",
        "RECOVERY_TYPEHASH,\n                    chain.id,\n                    registry,\n",
        "recovery_attacks",
    ),
    "cancellation without the changes": (
        STATE,
        "                    guardian_epoch,\n                    changes,\n",
        "                    guardian_epoch,\n                    guardian_epoch,\n",
        "guardian_changes",
    ),
    "void requests live": (
        RECOVERY,
        "progress.guardian_epoch == counters.guardian_epoch and progress.nonce == counters.nonce",
        "progress.nonce == counters.nonce",
        "recovery_attacks",
    ),
    "requests of an old nonce live": (
        RECOVERY,
        "progress.guardian_epoch == counters.guardian_epoch and progress.nonce == counters.nonce",
        "progress.guardian_epoch == counters.guardian_epoch",
        "recovery",
    ),
    "expired requests are proposed again": (
        RECOVERY,
        'assert recovery_state._progress[request] == 0, "recovery: request was proposed before"',
        "pass",
        "recovery",
    ),
    # recovering one never changes another
    "passports share their state": (
        STATE,
        "return keccak256(abi_encode(registry, identity_commitment, anchor))",
        "return keccak256(abi_encode(registry))",
        "recovery_stateful",
    ),
    "registries share their state": (
        STATE,
        "return keccak256(abi_encode(registry, identity_commitment, anchor))",
        "return keccak256(abi_encode(identity_commitment, anchor))",
        "recovery_hostile",
    ),
    "guardians come from the caller": (
        RECOVERY,
        "        recovery_state._guardians[passport].guardian_commitment,\n        siblings,",
        "        leaf.guardian_commitment,\n        siblings,",
        "recovery",
    ),
    # liveness and the quorum
    "threshold brings a frozen one back": (
        TERMS,
        "return thresholds & 255 if is_active else thresholds >> 8",
        "return thresholds & 255",
        "recovery",
    ),
    "an active one needs the quorum": (
        TERMS,
        "return thresholds & 255 if is_active else thresholds >> 8",
        "return thresholds >> 8",
        "recovery",
    ),
    "quorum is not judged again": (
        RECOVERY,
        "    assert progress.approvals >= recovery_terms._required(",
        "    assert True or progress.approvals >= recovery_terms._required(",
        "recovery",
    ),
    "no approvals once it is armed": (
        RECOVERY,
        "progress.status == recovery_state.PROPOSED or progress.status == recovery_state.ARMED\n",
        "progress.status == recovery_state.PROPOSED\n",
        "recovery_stateful",
    ),
    "one guardian arms": (
        RECOVERY,
        "progress.approvals >= required",
        "progress.approvals >= 1",
        "recovery_attacks",
    ),
    "anybody proposes": (
        RECOVERY,
        "        keccak256(RECOVER_PURPOSE),\n",
        "        keccak256(VETO_PURPOSE),\n",
        "recovery",
    ),
    # changes of the set
    "change does not wait": (
        CHANGES,
        'assert block.timestamp >= ready_at, "recovery: change has not waited long enough"',
        "pass",
        "guardian_changes",
    ),
    "change waits for ever": (
        CHANGES,
        "ready_at, ready_at + recovery_terms.OPEN_FOR, block.timestamp",
        "ready_at, max_value(uint256), block.timestamp",
        "guardian_changes",
    ),
    "armed request holds nothing up": (
        CHANGES,
        "assert not recovery_state._holds_up(counters)",
        "assert True",
        "recovery_stateful",
    ),
    "dead requests hold up": (
        STATE,
        "counters.armed != 0 and block.timestamp < counters.armed_until",
        "counters.armed != 0",
        "guardian_changes",
    ),
    "change of one taken out": (
        CHANGES,
        "    assert recovery_state._is_active(\n"
        "        registry, leaf.identity_commitment, leaf.anchor\n"
        '    ), "recovery: passport is not active"\n',
        "",
        "guardian_changes",
    ),
    "change keeps requests": (
        CHANGES,
        "    counters.guardian_epoch += 1\n",
        "",
        "guardian_changes",
    ),
    "change names no registry": (
        CHANGES,
        "abi_encode(registry, new_guardian_commitment, new_set_commitment)",
        "abi_encode(self, new_guardian_commitment, new_set_commitment)",
        "guardian_changes",
    ),
    "change by an old proof": (
        CHANGES,
        'assert presentation.nonce == changes, "recovery: nonce is not the number of changes"',
        "pass",
        "recovery_attacks",
    ),
    "one objection is enough": (
        CHANGES,
        "counters.objections >= recovery_terms._required(thresholds, True)",
        "counters.objections >= 1",
        "guardian_changes",
    ),
    "objections pass on": (STATE, "    cleared.objections = 0\n", "", "guardian_changes"),
    "recovery leaves the thief's change": (
        RECOVERY,
        "    counters = recovery_state._take_back_change(passport, counters)\n"
        "    recovery_state._store_counters(passport, counters)\n    extcall",
        "    recovery_state._store_counters(passport, counters)\n    extcall",
        "guardian_changes",
    ),
    # events replayed == storage
    "event tells another end": (
        RECOVERY,
        "                expires_at=progress.expires_at,\n",
        "                expires_at=progress.ready_at,\n",
        "recovery_stateful",
    ),
    "change taken back in silence": (
        STATE,
        "    log IGuardianRecovery.GuardianChangeCancelled("
        "passport=passport, changes=cleared.changes)\n",
        "",
        "recovery_stateful",
    ),
    # the lock
    "no lock": (
        "GuardianRecovery.vy",
        "# pragma nonreentrancy on",
        "# pragma nonreentrancy off",
        "recovery_hostile",
    ),
    # epochs and the vault
    "epoch by an old proof": (
        EPOCHS,
        'assert presentation.nonce == epoch, "epochs: nonce is not the present epoch"',
        "pass",
        "epochs",
    ),
    "voiding can be held up": (
        EPOCHS,
        "LEVEL, False, presentation",
        "LEVEL, True, presentation",
        "epochs",
    ),
    "voiding names no app": (
        EPOCHS,
        "abi_encode(ADVANCE, app, purpose)",
        "abi_encode(ADVANCE, self, purpose)",
        "epochs",
    ),
    "voided grants live": (
        VAULT,
        "staticcall EPOCHS.epoch_of(nullifier) == grant.epoch",
        "staticcall EPOCHS.epoch_of(nullifier) >= grant.epoch",
        "vault",
    ),
    "vault pays twice": (VAULT, "    self.nonce_of[nullifier] += 1\n", "", "vault"),
    "vault takes old roots": (
        VAULT,
        "payload, level, True, presentation",
        "payload, level, False, presentation",
        "vault",
    ),
    "vault without a lock": (
        VAULT,
        "# pragma nonreentrancy on",
        "# pragma nonreentrancy off",
        "vault",
    ),
    "vault without people": (VAULT, "PEOPLE, presentation", "OWN_KEYS, presentation", "vault"),
    "spender has an allowance of his own": (
        VAULT,
        "    self._use_allowance(nullifier, amount)\n    log Spent",
        "    log Spent",
        "vault",
    ),
}

QUICK = {
    "executed early": "execute__neither_early_nor_late",
    "guardian counts twice": "approve__each_guardian_once",
    "approval for any request": "approve__reverts",
    "request without the nonce": "requests__named_as_off_chain",
    "veto leaves the thief's change": "veto_then_finish_his_change",
    "threshold brings a frozen one back": "nobody_holds_a_leaf_and_the_quorum_decides",
    "change does not wait": "first_set_waits_too",
    "change of one taken out": "of_a_passport_taken_out__reverts",
    "registries share their state": "harms_its_own_passports_only",
    "freeze leaves requests alive": "veto__the_second_freezes",
    "voided grants live": "refused_after_the_holder_voided",
}
"""The most telling faults and the one test, a part of its name, that shall notice each."""
