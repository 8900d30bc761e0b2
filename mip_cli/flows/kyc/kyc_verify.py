"""Verification of proofs about credentials: by mathematics alone, and against a chain."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from mip_cli.chain.app import App
from mip_cli.chain.faults import NodeUntrusted
from mip_cli.chain.predicates import PolicyApp, PredicateGate
from mip_cli.config import LOCAL_CHAIN_IDS, Settings
from mip_cli.crypto.dates import day_of
from mip_cli.errors import ProofInvalid, WrongChain
from mip_cli.flows import connection
from mip_cli.flows.connection import Connection
from mip_cli.flows.kyc import kyc_circuit, kyc_issuer, kyc_show
from mip_cli.flows.kyc.policy_file import PolicyFile
from mip_cli.flows.passport.verify import Clock, seconds_left
from mip_cli.progress import Progress
from mip_cli.zk.artifacts import load_curve, load_key
from mip_cli.zk.verifier import verify_quickly


@dataclass(frozen=True)
class PolicyVerified:
    """What holds for proofs about credentials; each field says how far the check went."""

    file: PolicyFile
    development: bool
    """Whether the proofs could be forged by anyone: keys of a public seed."""
    seconds_left: int
    """Until the deadline."""
    on_chain: bool
    """Whether a chain was asked; without it both roots, so issuer and passport, are claims."""
    open_issuers: tuple[int, ...] | None = None
    """Accepted numbers that stand for the holder's own word; only a chain tells."""


def verify_offline(
    settings: Settings, file: PolicyFile, progress: Progress, *, clock: Clock = time.time
) -> PolicyVerified:
    """Check proofs for a policy against the pinned verifying key; no network.

    All signals are computed anew, the policy's from its words; that all parts are of one passport
    follows from the pseudonym they share. Whether the roots are those of the registries, only a
    chain can tell. Raises ``ProofInvalid``.
    """
    development, left = _check(settings, file, progress, clock)
    return PolicyVerified(file, development, left, on_chain=False)


def verify_on_chain(
    settings: Settings, file: PolicyFile, progress: Progress, *, clock: Clock | None = None
) -> PolicyVerified:
    """Check offline, then ask the app for its policy and the gate for each of the proofs.

    Raises ``WrongChain``, ``ProofInvalid`` when the app asks for another purpose or policy,
    ``ChainRefusal`` with the gate's reason. Whether the app has seen the pseudonym before is the
    app's own state.
    """
    bound, policy = file.bound, file.policy.policy
    with connection.connect(settings) as link:
        offline = verify_offline(settings, file, progress, clock=clock or link.clock)
        progress.step("asking app and gate")
        gate = _require_place(link, file)
        asked = App(link.rpc, bound.app).request(link.chain_id, file.payload)
        if asked.purpose != bound.purpose:
            raise ProofInvalid("the app states another purpose than the proof was made for")
        app = PolicyApp(link.rpc, bound.app)
        if app.policy() != policy.commitment:
            raise ProofInvalid(
                "the app asks for another policy than the proof was made for",
                hint="prove the app's own policy; mip kyc policy shows what a file says",
            )
        if app.gate() != gate.address:
            raise ProofInvalid("the app asks another gate than the proof was made for")
        require_accepted(link, gate, file)
        own_word = kyc_show.open_issuers(link, file.policy.parts)
    return replace(offline, on_chain=True, open_issuers=own_word)


def require_accepted(link: Connection, gate: PredicateGate, file: PolicyFile) -> None:
    """Raise ``ChainRefusal`` unless the gate takes each proof now, ``ProofInvalid`` for old roots.

    What the file is bound to is for the caller to compare.
    """
    bound, policy = file.bound, file.policy.policy
    if policy.strict:
        _require_newest(link, file)
    for place, part in enumerate(file.parts):
        answer = gate.check(
            bound.app,
            bound.purpose,
            bound.payload,
            policy.level,
            policy.parts[part],
            file.single(place),
        )
        if answer != bound.nullifier:
            raise NodeUntrusted("the node answers with another pseudonym than the proof's")


def _check(
    settings: Settings,
    file: PolicyFile,
    progress: Progress,
    clock: Clock,
) -> tuple[bool, int]:
    """Return whether the keys are of development, and the seconds left."""
    progress.step("verifying the proof")
    bound, circuit = file.bound, kyc_circuit.way_of(file.policy.parts).circuit
    if bound.circuit != circuit:
        raise ProofInvalid(f"the proof is of another circuit than {circuit}")
    checked = load_key(settings, circuit)
    if checked.key_hash != bound.verifying_key:
        raise ProofInvalid(
            "the proof was made for another verifying key",
            hint="holder and verifier need the same release of mip",
        )
    if checked.development and bound.chain_id not in LOCAL_CHAIN_IDS:
        raise ProofInvalid(
            f"the proof claims chain {bound.chain_id} with development keys, which anyone can forge"
        )
    curve = load_curve(settings)
    for proof, signals in file.proofs():
        verify_quickly(curve, checked.key, proof, signals)
    now = clock()
    left = seconds_left(
        bound.deadline,
        now,
        hint="check this machine's clock; of a local chain that was put forward, ask without "
        "--offline",
    )
    if not 0 <= day_of(now) - file.day <= 1:
        raise ProofInvalid(
            "the proof was made for another day than today or yesterday",
            hint="ask for a fresh one; if it is fresh, check this machine's clock",
        )
    return checked.development, left


def _require_place(link: Connection, file: PolicyFile) -> PredicateGate:
    role = kyc_circuit.way_of(file.policy.parts).gate
    gate = PredicateGate(link.rpc, link.deployment.address(role))
    bound, issuers = file.bound, kyc_issuer.registry_of(link).address
    place = (link.chain_id, link.registry.address, gate.address, issuers)
    if (bound.chain_id, bound.registry, file.gate, file.issuers) != place:
        raise WrongChain(
            f"the proof is for chain {bound.chain_id} and gate {file.gate}, "
            f"this node serves chain {link.chain_id} with {gate.address}"
        )
    return gate


def _require_newest(link: Connection, file: PolicyFile) -> None:
    newest = (link.registry.root(), kyc_issuer.registry_of(link).root())
    if (file.bound.root, file.issuers_root) != newest:
        raise ProofInvalid(
            "the app takes the newest roots alone, and the proof is about earlier ones",
            hint="ask the holder for a new one",
        )
