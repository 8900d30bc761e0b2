"""Proving what a policy asks of a credential, for one act in one app."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from mip_cli.chain.app import parse_invocation
from mip_cli.chain.deployments import GATE
from mip_cli.chain.issuers import IssuerSet, IssuerStatus
from mip_cli.chain.keys import Signer
from mip_cli.chain.predicates import PredicateApp, gated_call
from mip_cli.chain.tx import DEFAULT_FEE_CAP, Sender
from mip_cli.chain.values import Receipt
from mip_cli.config import Settings
from mip_cli.crypto import commitments
from mip_cli.crypto.credential import revocation_tree
from mip_cli.crypto.dates import date_of_day, day_of
from mip_cli.crypto.policy_text import PolicyText
from mip_cli.crypto.quad_tree import QuadTree
from mip_cli.errors import (
    AppUntrusted,
    ArtifactMismatch,
    CredentialInvalid,
    PolicyUnmet,
    UsageFault,
    WrongChain,
)
from mip_cli.flows import (
    connection,
    kyc,
    kyc_issuer,
    membership,
    passport_file,
    replacement,
    self_attest,
)
from mip_cli.flows.connection import Connection
from mip_cli.flows.credential_file import Credential, Revocations
from mip_cli.flows.leaf_proof import witness_of
from mip_cli.flows.predicate_file import PredicateFile
from mip_cli.flows.proof_file import ProofFile
from mip_cli.flows.prove import (
    Ask,
    Clock,
    Consent,
    Keys,
    act_of,
    bound_payload,
    remember,
    require_kinds,
    require_same_place,
)
from mip_cli.flows.prove import prepare as prepare_passport
from mip_cli.progress import Progress
from mip_cli.store.issuers import Home
from mip_cli.units import Address
from mip_cli.zk.artifacts import CircuitArtifacts, load_circuit, require_fit
from mip_cli.zk.predicate_inputs import (
    CIRCUIT,
    PredicateParameters,
    PredicateWitness,
    circuit_inputs,
    public_signals,
)
from mip_cli.zk.proof import Proof
from mip_cli.zk.prover import Prover, choose_prover


@dataclass(frozen=True)
class PolicyConsent:
    """What the holder was shown; ``prove`` proves this and nothing else."""

    consent: Consent
    """App, act and registry."""
    policy: PolicyText
    """What the app asks of the credential."""
    gate: Address
    """The gate that will check."""
    open_issuers: tuple[int, ...] = ()
    """Accepted numbers that stand for the holder's own word (section 21)."""


@dataclass(frozen=True)
class PolicyProved:
    """A verified proof and how long its parts took."""

    file: PredicateFile
    prover: str
    """Back end that made it."""
    credential: str
    """Name of the credential that was shown in part."""
    seconds: dict[str, float]
    remembered: bool
    """Whether the key file knows the app."""


def prepare(settings: Settings, ask: Ask, policy: PolicyText, progress: Progress) -> PolicyConsent:
    """Read what the app asks for; raise ``AppUntrusted`` when its policy is not the one given."""
    consent = prepare_passport(settings, ask, progress)
    with connection.connect(settings) as link:
        asked = PredicateApp(link.rpc, ask.app).policy()
        gate = link.deployment.address(GATE)
        own_word = self_attest.open_numbers(link, policy.policy)
    if asked != policy.policy.commitment:
        raise AppUntrusted(
            "the app asks for another policy than this file holds",
            hint="get the policy from the app's makers; `mip kyc policy FILE` shows its number",
        )
    return PolicyConsent(consent, policy, gate, own_word)


def prove(
    settings: Settings,
    given: PolicyConsent,
    keys: Keys,
    progress: Progress,
    *,
    credential: str | None = None,
    revocations: Revocations | None = None,
    prover: Prover | None = None,
    clock: Clock | None = None,
) -> PolicyProved:
    """Make and verify the proof that the holder consented to.

    Nobody is asked but the chain: neither the issuer nor the app learns that a proof is made.
    Raises ``PolicyUnmet``, ``CredentialInvalid``, and what ``flows.prove.prove`` raises.
    """
    ask, request = given.consent.ask, given.consent.request
    if (bound_payload(ask), ask.app) != (request.payload, request.app):
        raise UsageFault("the consent was given for another act")
    require_kinds(keys, request.level)
    seconds: dict[str, float] = {}
    started = time.perf_counter()
    opened = passport_file.unlock(settings, keys.name, keys.factors, progress)
    artifacts = load_circuit(settings, CIRCUIT)
    require_fit(artifacts, request.chain_id)
    seconds["open and probe"] = time.perf_counter() - started
    started = time.perf_counter()
    prover = prover or choose_prover(settings)
    with connection.connect(settings) as link:
        now = clock or link.clock
        action = act_of(ask, request, now)
        require_same_place(opened.unlocked, given.consent, link)
        opened = replacement.settle(settings, link, opened, keys.factors, progress)
        content = opened.unlocked.secrets
        wallet = kyc.wallet_of(settings, content)
        held, found = kyc.choose(wallet, given.policy.policy.schema_id, credential)
        require_accepted(found.issuer, given.policy, link)
        bare = witness_of(content, opened, keys.kinds, scope=request.scope, message=action.message)
        way = membership.path(settings, link, bare.leaf, progress, newest=ask.newest_root)
        day = day_of(now())
        everyone = kyc_issuer.registry_of(link).everyone(link.deployment.block, progress)
        witness = PredicateWitness(
            passport=replace(bare, path=way),
            blinding=held.blinding,
            credential=found.signed,
            policy=given.policy.policy,
            today=date_of_day(day),
            issuers=everyone.tree.path(found.issuer.number),
            revocations=_revocations(found, revocations, everyone).path(found.terms.nonce),
        )
        seconds["chain"] = time.perf_counter() - started
        started = time.perf_counter()
        progress.step("proving")
        proof = _prove(artifacts, witness, prover)
        if not link.registry.is_known_root(way.root):
            # others enrolled meanwhile and the root was of the running minute
            way = membership.lasting_path(settings, link, bare.leaf, progress)
            witness = replace(witness, passport=replace(bare, path=way))
            proof = _prove(artifacts, witness, prover)
        issuers = kyc_issuer.registry_of(link).address
    seconds["prove"] = time.perf_counter() - started
    remembered = remember(opened.unlocked, request)
    bound = ProofFile(
        proof=proof,
        circuit=CIRCUIT,
        verifying_key=artifacts.key_hash,
        chain_id=request.chain_id,
        registry=given.consent.registry,
        app=request.app,
        purpose=request.purpose,
        payload=request.payload,
        level=bare.level,
        root=way.root,
        nullifier=commitments.nullifier(bare.secret, bare.anchor, request.scope),
        beneficiary=action.beneficiary,
        nonce=action.nonce,
        deadline=action.deadline,
        call=ask.call,
    )
    file = PredicateFile(bound, given.policy, given.gate, issuers, witness.issuers.root, day)
    return PolicyProved(file, prover.name, held.id, seconds, remembered)


def send(
    settings: Settings,
    file: PredicateFile,
    payer: Signer,
    progress: Progress,
    *,
    fee_cap: int = DEFAULT_FEE_CAP,
) -> Receipt:
    """Bring a proof to its app in a transaction of any account."""
    bound = file.bound
    if bound.call is None:
        raise UsageFault("the proof names no function of the app", hint="add --call 'name(types)'")
    invocation = parse_invocation(bound.call.signature, bound.call.arguments)
    if invocation.payload != bound.payload:
        raise UsageFault("the proof is bound to other arguments than the call it names")
    progress.step("sending the proof to the app")
    with connection.connect(settings) as link:
        if (bound.chain_id, bound.registry) != (link.chain_id, link.registry.address):
            raise WrongChain(f"the proof is for chain {bound.chain_id}")
        call = gated_call(bound.app, invocation, file.presentation)
        journal = connection.journal(settings)
        sender = Sender(link.rpc, payer, journal, link.chain_id, fee_cap=fee_cap)
        return sender.send(
            f"app:{bound.app}:{bound.nullifier:#x}:{bound.message:#x}", call, progress
        )


def require_accepted(issuer: Home, policy: PolicyText, link: Connection) -> None:
    """Raise ``PolicyUnmet`` unless the policy accepts the issuer, who stands on this chain."""
    registry = kyc_issuer.registry_of(link)
    if (issuer.chain_id, issuer.registry) != (link.chain_id, registry.address):
        raise CredentialInvalid("the credential's issuer stands in another registry")
    if issuer.number not in policy.policy.issuers:
        raise PolicyUnmet("the policy does not accept the credential's issuer")


def _revocations(found: Credential, given: Revocations | None, everyone: IssuerSet) -> QuadTree:
    record = everyone.records.get(found.issuer.number)
    if record is None or record.key != found.signed.key:
        raise CredentialInvalid(
            "the registry has another key for the issuer by now", hint="ask it for a new credential"
        )
    if record.status is not IssuerStatus.ACTIVE:
        raise CredentialInvalid("the credential's issuer is suspended")
    if record.revocation_root == 0:
        return revocation_tree(())
    if given is None:
        raise UsageFault(
            "the issuer has revoked credentials; a proof needs its list of them",
            hint="get the list from the issuer or any mirror, then add --revocations FILE",
        )
    if given.issuer != found.issuer:
        raise UsageFault("the revocation list is another issuer's")
    tree = revocation_tree(given.nonces)
    if tree.root != record.revocation_root:
        raise UsageFault(
            f"the revocation list is not the one in force, of version {record.version}",
            hint="get the newest list",
        )
    return tree


def _prove(artifacts: CircuitArtifacts, witness: PredicateWitness, prover: Prover) -> Proof:
    inputs = circuit_inputs(witness, PredicateParameters.of(artifacts.circuit))
    proof, signals = artifacts.prove(inputs, prover)
    if list(signals) != public_signals(witness):
        raise ArtifactMismatch(
            "the circuit computed other public values than protocol.md says",
            hint="rebuild it with scripts/build_circuits.py",
        )
    return proof
