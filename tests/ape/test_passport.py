"""The path an app developer walks: enrol, present, be refused the second time."""

import ape
from eth_utils import keccak

from mip_cli.crypto.commitments import leaf
from mip_cli.crypto.field import R

IDENTITY, KEYS, GUARDIAN, NULLIFIER = 11, 22, 44, 33


def present(registry, claim, trapdoor, chain, beneficiary, level=2):
    root, deadline = registry.root(), chain.pending_timestamp + 1800
    scope = registry.scope_of(claim, keccak(text=claim.passport_purpose()))
    message = registry.message_of(claim, beneficiary, keccak(keccak(text="claim()")), 7, deadline)
    proof = trapdoor.prove([(root + level) % R, NULLIFIER, scope, message])
    return (root, level, NULLIFIER, beneficiary.address, 7, deadline, proof)


def test_enroll(registry, holder):
    receipt = registry.enroll(IDENTITY, KEYS, GUARDIAN, sender=holder)
    (log,) = receipt.decode_logs(registry.PassportRegistered)
    assert log.leaf == leaf(IDENTITY, holder.address, KEYS, GUARDIAN) == registry.root()
    assert (log.index, log.anchor) == (0, holder.address)


def test_enroll__twice__reverts(registry, holder):
    registry.enroll(IDENTITY, KEYS, GUARDIAN, sender=holder)
    with ape.reverts("registry: passport is already enrolled"):
        registry.enroll(IDENTITY, KEYS, GUARDIAN, sender=holder)


def test_claim__once(registry, claim, trapdoor, chain, holder, relayer):
    registry.enroll(IDENTITY, KEYS, GUARDIAN, sender=holder)
    presented = present(registry, claim, trapdoor, chain, holder)
    claim.claim(presented, sender=relayer, gas=1_000_000)
    assert claim.beneficiary_of(NULLIFIER) == holder
    with ape.reverts("claim: passport has claimed"):
        claim.claim(presented, sender=relayer, gas=1_000_000)


def test_claim__other_beneficiary__reverts(registry, claim, trapdoor, chain, holder, relayer):
    registry.enroll(IDENTITY, KEYS, GUARDIAN, sender=holder)
    presented = list(present(registry, claim, trapdoor, chain, holder))
    presented[3] = relayer.address
    with ape.reverts("registry: proof is not valid"):
        claim.claim(tuple(presented), sender=relayer, gas=1_000_000)


def test_claim__level_one__reverts(registry, claim, trapdoor, chain, holder, relayer):
    registry.enroll(IDENTITY, KEYS, GUARDIAN, sender=holder)
    presented = present(registry, claim, trapdoor, chain, holder, level=1)
    with ape.reverts("registry: level is too low"):
        claim.claim(presented, sender=relayer, gas=1_000_000)


def leaf_proof(registry, recovery, trapdoor, chain, holder, purpose, words, keys, nonce):
    root, deadline = leaf(IDENTITY, holder.address, *keys), chain.pending_timestamp + 1800
    payload = keccak(b"".join(word.to_bytes(32, "big") for word in words))
    scope = registry.scope_of(recovery, keccak(text=purpose))
    message = registry.message_of(recovery, holder, payload, nonce, deadline)
    proof = trapdoor.prove([(root + 2) % R, NULLIFIER, scope, message])
    return (root, 2, NULLIFIER, holder.address, nonce, deadline, proof)


def test_recovery__guardians_give_new_keys(
    registry, recovery, trapdoor, guardian_trapdoor, chain, holder, relayer
):
    registry.enroll(IDENTITY, KEYS, GUARDIAN, sender=holder)
    where = (registry.address, IDENTITY, holder.address)
    chosen, people, new_keys, thresholds = 55, 66, 77, 2 + 256 * 3
    setting = (registry, recovery, trapdoor, chain, holder)
    words = (int(registry.address, 16), people, chosen)
    shown = leaf_proof(*setting, "mip: change the guardians", words, (KEYS, GUARDIAN), 0)
    opened = (IDENTITY, holder.address, KEYS, GUARDIAN)
    recovery.propose_change(registry, opened, people, chosen, [], shown, sender=relayer)
    with ape.reverts("recovery: change has not waited long enough"):
        recovery.finish_change(registry, opened, [], sender=relayer)
    chain.pending_timestamp += 48 * 3600
    recovery.finish_change(registry, opened, [], sender=relayer)
    opened = (*opened[:3], people)

    request = recovery.request_of(*where, 1, 0, new_keys)
    purpose = "mip: recover this passport"
    shown = leaf_proof(*setting, purpose, (request,), (new_keys, people), 7)
    recovery.propose(*where, new_keys, shown, sender=relayer)
    for nullifier in (91, 92):
        proof = guardian_trapdoor.prove([chosen, nullifier, request, thresholds])
        recovery.approve(request, thresholds, nullifier, proof, sender=relayer, gas=1_000_000)
    with ape.reverts("recovery: delay is not over"):
        recovery.execute(registry, opened, request, [], sender=relayer)
    chain.pending_timestamp += 48 * 3600
    receipt = recovery.execute(registry, opened, request, [], sender=relayer)
    (log,) = receipt.decode_logs(registry.PassportUpdated)
    assert log.leaf == leaf(IDENTITY, holder.address, new_keys, people) == registry.root()
