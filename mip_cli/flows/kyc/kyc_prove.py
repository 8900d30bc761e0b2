"""Proving what a policy asks of credentials, for one act: to an app or to a web service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mip_cli.chain.app import parse_invocation
from mip_cli.chain.keys import Signer
from mip_cli.chain.predicates import PolicyApp, policy_call
from mip_cli.chain.tx import DEFAULT_FEE_CAP, Sender
from mip_cli.chain.values import Receipt
from mip_cli.config import Settings
from mip_cli.crypto.binding import keccak256
from mip_cli.crypto.policy_document import AppPolicyText
from mip_cli.errors import OTHER_NODE, AppUntrusted, UsageFault, WrongChain
from mip_cli.flows import connection
from mip_cli.flows.kyc import kyc_circuit, kyc_show
from mip_cli.flows.kyc.credential_file import Revocations
from mip_cli.flows.kyc.kyc_show import Wish
from mip_cli.flows.kyc.policy_file import PolicyFile
from mip_cli.flows.kyc.revocation_lists import Fetch
from mip_cli.flows.passport.prove import Ask, Clock, Consent, Keys, bound_payload
from mip_cli.flows.passport.prove import prepare as prepare_passport
from mip_cli.progress import Progress
from mip_cli.units import Address
from mip_cli.zk.prover import Prover


@dataclass(frozen=True)
class AppConsent:
    """What the holder was shown; ``prove`` proves this and nothing else."""

    consent: Consent
    """App or web service, act and registry; the payload is that of the act alone."""
    policy: AppPolicyText
    """What is asked of credentials."""
    gate: Address
    """The gate that will check."""
    open_issuers: tuple[int, ...] = ()
    """Accepted numbers that stand for the holder's own word (section 21)."""


@dataclass(frozen=True)
class AppProved:
    """Verified proofs and how long their parts took."""

    file: PolicyFile
    prover: str
    """Back end that made them."""
    credentials: tuple[str, ...]
    """Names of the credentials that were shown in part."""
    seconds: dict[str, float]
    remembered: bool
    """Whether the key file knows the app."""


def prepare_app(
    settings: Settings, ask: Ask, policy: AppPolicyText, progress: Progress
) -> AppConsent:
    """Read what the app asks for; raise ``AppUntrusted`` when its policy is not the one given."""
    consent = prepare_passport(settings, ask, progress)
    with connection.connect(settings) as link:
        app = PolicyApp(link.rpc, ask.app)
        asked, asks_gate = app.policy(), app.gate()
        gate = link.deployment.address(kyc_circuit.way_of(policy.parts).gate)
        own_word = kyc_show.open_issuers(link, policy.parts)
    if asked != policy.policy.commitment:
        raise AppUntrusted(
            "the app asks for another policy than this file holds",
            hint="get the policy from the app's makers; `mip kyc policy FILE` shows its number",
        )
    if asks_gate != gate:
        raise AppUntrusted(
            f"the app asks another gate than that of this deployment: {asks_gate}",
            hint="its makers say which deployment it belongs to",
        )
    return AppConsent(consent, policy, gate, own_word)


def prove(
    settings: Settings,
    given: AppConsent,
    keys: Keys,
    progress: Progress,
    *,
    credentials: Sequence[str] = (),
    revocations: Sequence[Revocations] = (),
    fetch: Fetch | None = None,
    prover: Prover | None = None,
    clock: Clock | None = None,
) -> AppProved:
    """Make and verify the proofs that the holder consented to: one for each credential shown.

    Which credentials is found among the holder's; ``fetch`` asks an issuer for its list. Raises
    ``PolicyUnmet``, ``CredentialInvalid``, and what ``flows.passport.prove.prove`` raises.
    """
    consent, policy = given.consent, given.policy.policy
    payload = _agreed_payload(consent)
    # what is proved is bound to the whole policy, and strict ones to the newest roots
    bound = replace(
        consent,
        ask=replace(consent.ask, newest_root=consent.ask.newest_root or policy.strict),
        request=replace(consent.request, payload=policy.bind(payload)),
    )
    wish = Wish(
        given.policy.parts,
        policy.required,
        policy.level,
        tuple(credentials),
        tuple(revocations),
        fetch,
    )
    shown = kyc_show.show(settings, bound, keys, wish, progress, prover=prover, clock=clock)
    file = PolicyFile(
        bound=shown.bound,
        policy=given.policy,
        payload=payload,
        gate=given.gate,
        issuers=shown.issuers,
        issuers_root=shown.issuers_root,
        day=shown.day,
        parts=shown.parts,
        more=shown.more,
    )
    return AppProved(file, shown.prover, shown.credentials, shown.seconds, shown.remembered)


def send(
    settings: Settings,
    file: PolicyFile,
    payer: Signer,
    progress: Progress,
    *,
    fee_cap: int = DEFAULT_FEE_CAP,
) -> Receipt:
    """Bring proofs to their app in a transaction of any account."""
    bound = file.bound
    if bound.call is None:
        raise UsageFault("the proof names no function of the app", hint="add --call 'name(types)'")
    invocation = parse_invocation(bound.call.signature, bound.call.arguments)
    if invocation.payload != file.payload:
        raise UsageFault("the proof is bound to other arguments than the call it names")
    progress.step("sending the proof to the app")
    with connection.connect(settings) as link:
        if (bound.chain_id, bound.registry) != (link.chain_id, link.registry.address):
            raise WrongChain(
                f"the proof is for chain {bound.chain_id}",
                hint=OTHER_NODE,
            )
        call = policy_call(bound.app, invocation, file.presentation)
        journal = connection.journal(settings)
        sender = Sender(link.rpc, payer, journal, link.chain_id, fee_cap=fee_cap)
        return sender.send(
            # not the message: two proofs of one second share it, and the app must see both
            f"app:{bound.app}:{bound.nullifier:#x}:0x{keccak256(call.data).hex()}",
            call,
            progress,
        )


def _agreed_payload(consent: Consent) -> bytes:
    ask, request = consent.ask, consent.request
    payload = bound_payload(ask)
    if (payload, ask.app) != (request.payload, request.app):
        raise UsageFault("the consent was given for another act")
    return payload
