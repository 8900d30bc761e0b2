"""Verification of a proof about a credential: by mathematics alone, and against a chain."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from mip_cli.chain.app import App
from mip_cli.chain.deployments import GATE
from mip_cli.chain.faults import NodeUntrusted
from mip_cli.chain.predicates import PredicateApp, PredicateGate
from mip_cli.config import LOCAL_CHAIN_IDS, Settings
from mip_cli.crypto.dates import day_of
from mip_cli.errors import ProofInvalid, WrongChain
from mip_cli.flows import connection, kyc_issuer, self_attest
from mip_cli.flows.predicate_file import PredicateFile
from mip_cli.flows.verify import CLOCK_TOLERANCE, Clock
from mip_cli.progress import Progress
from mip_cli.units import MAX_DEADLINE
from mip_cli.zk.artifacts import load_key
from mip_cli.zk.predicate_inputs import CIRCUIT
from mip_cli.zk.verifier import verify as verify_proof


@dataclass(frozen=True)
class PolicyVerified:
    """What holds for a proof; each field says how far the check went."""

    file: PredicateFile
    development: bool
    """Whether the proof could be forged by anyone: keys of a public seed."""
    seconds_left: int
    """Until the deadline."""
    on_chain: bool
    """Whether a chain was asked; without it both roots, so issuer and passport, are claims."""
    open_issuers: tuple[int, ...] | None = None
    """Accepted numbers that stand for the holder's own word; only a chain tells."""


def verify_offline(
    settings: Settings, file: PredicateFile, progress: Progress, *, clock: Clock = time.time
) -> PolicyVerified:
    """Check the proof against the pinned verifying key; no network.

    All signals are computed anew, the policy's from its words. Whether the roots are those of the
    registries, only a chain can tell. Raises ``ProofInvalid``.
    """
    progress.step("verifying the proof")
    bound = file.bound
    if bound.circuit != CIRCUIT:
        raise ProofInvalid(f"the proof is of another circuit than {CIRCUIT}")
    checked = load_key(settings, CIRCUIT)
    if checked.key_hash != bound.verifying_key:
        raise ProofInvalid("the proof was made for another verifying key")
    if checked.development and bound.chain_id not in LOCAL_CHAIN_IDS:
        raise ProofInvalid(
            f"the proof claims chain {bound.chain_id} with development keys, which anyone can forge"
        )
    verify_proof(checked.key, bound.proof, file.signals)
    now = clock()
    left = bound.deadline - int(now)
    if left < 0:
        raise ProofInvalid(
            f"the proof is sound, but its deadline passed {-left} s ago",
            hint="ask the holder for a new one",
        )
    if left > MAX_DEADLINE + CLOCK_TOLERANCE:
        raise ProofInvalid(f"the proof's deadline lies {left} s ahead")
    if not 0 <= day_of(now) - file.day <= 1:
        raise ProofInvalid("the proof was made for another day than today or yesterday")
    return PolicyVerified(file, checked.development, left, on_chain=False)


def verify_on_chain(
    settings: Settings, file: PredicateFile, progress: Progress, *, clock: Clock | None = None
) -> PolicyVerified:
    """Check offline, then ask the gate what it would answer the app now.

    Raises ``WrongChain``, ``ProofInvalid`` when the app asks for another purpose or policy,
    ``ChainRefusal`` with the gate's reason.
    """
    bound = file.bound
    with connection.connect(settings) as link:
        offline = verify_offline(settings, file, progress, clock=clock or link.clock)
        progress.step("asking the gate")
        gate = PredicateGate(link.rpc, link.deployment.address(GATE))
        place = (link.chain_id, link.registry.address, gate.address)
        issuers = kyc_issuer.registry_of(link)
        if (bound.chain_id, bound.registry, file.gate) != place or file.issuers != issuers.address:
            raise WrongChain(
                f"the proof is for chain {bound.chain_id} and gate {file.gate}, "
                f"this node serves chain {link.chain_id} with {gate.address}"
            )
        asked = App(link.rpc, bound.app).request(link.chain_id, bound.payload)
        if asked.purpose != bound.purpose:
            raise ProofInvalid("the app states another purpose than the proof was made for")
        policy = PredicateApp(link.rpc, bound.app).policy()
        if policy != file.policy.policy.commitment:
            raise ProofInvalid("the app asks for another policy than the proof was made for")
        answer = gate.check(
            bound.app, bound.purpose, bound.payload, asked.level, policy, file.presentation
        )
        if answer != bound.nullifier:
            raise NodeUntrusted("the node answers with another pseudonym than the proof's")
        own_word = self_attest.open_numbers(link, file.policy.policy)
    return replace(offline, on_chain=True, open_issuers=own_word)
