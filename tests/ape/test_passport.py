"""The path an app developer walks: enrol, present, be refused the second time."""

import ape
from eth_utils import keccak

from mip_cli.crypto.commitments import leaf
from mip_cli.crypto.field import R

IDENTITY, KEYS, NULLIFIER = 11, 22, 33


def present(registry, claim, trapdoor, chain, beneficiary, level=2):
    root, deadline = registry.root(), chain.pending_timestamp + 1800
    scope = registry.scope_of(claim, keccak(text=claim.passport_purpose()))
    message = registry.message_of(claim, beneficiary, keccak(keccak(text="claim()")), 7, deadline)
    proof = trapdoor.prove([(root + level) % R, NULLIFIER, scope, message])
    return (root, level, NULLIFIER, beneficiary.address, 7, deadline, proof)


def test_enroll(registry, holder):
    receipt = registry.enroll(IDENTITY, KEYS, sender=holder)
    (log,) = receipt.decode_logs(registry.PassportRegistered)
    assert log.leaf == leaf(IDENTITY, holder.address, KEYS, 0) == registry.root()
    assert (log.index, log.anchor) == (0, holder.address)


def test_enroll__twice__reverts(registry, holder):
    registry.enroll(IDENTITY, KEYS, sender=holder)
    with ape.reverts("registry: passport is already enrolled"):
        registry.enroll(IDENTITY, KEYS, sender=holder)


def test_claim__once(registry, claim, trapdoor, chain, holder, relayer):
    registry.enroll(IDENTITY, KEYS, sender=holder)
    presented = present(registry, claim, trapdoor, chain, holder)
    claim.claim(presented, sender=relayer, gas=1_000_000)
    assert claim.beneficiary_of(NULLIFIER) == holder
    with ape.reverts("claim: passport has claimed"):
        claim.claim(presented, sender=relayer, gas=1_000_000)


def test_claim__other_beneficiary__reverts(registry, claim, trapdoor, chain, holder, relayer):
    registry.enroll(IDENTITY, KEYS, sender=holder)
    presented = list(present(registry, claim, trapdoor, chain, holder))
    presented[3] = relayer.address
    with ape.reverts("registry: proof is not valid"):
        claim.claim(tuple(presented), sender=relayer, gas=1_000_000)


def test_claim__level_one__reverts(registry, claim, trapdoor, chain, holder, relayer):
    registry.enroll(IDENTITY, KEYS, sender=holder)
    presented = present(registry, claim, trapdoor, chain, holder, level=1)
    with ape.reverts("registry: level is too low"):
        claim.claim(presented, sender=relayer, gas=1_000_000)
