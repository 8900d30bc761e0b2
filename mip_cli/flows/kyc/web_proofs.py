"""Proofs for a web service: what a holder agrees to, and what the service checks.

Protocol section 22, without HTTP. A web origin takes the place of a contract; the chain is asked
through the gate, as an app on it would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mip_cli.chain.predicates import PredicateGate
from mip_cli.config import Settings
from mip_cli.crypto.binding import scope_of
from mip_cli.crypto.plaintext import is_readable
from mip_cli.crypto.policy_document import AppPolicyText
from mip_cli.errors import AppUntrusted, ProofInvalid, UsageFault, WrongChain
from mip_cli.flows import connection
from mip_cli.flows.kyc import kyc_circuit, kyc_issuer, kyc_show, kyc_verify, policy_file
from mip_cli.flows.kyc.kyc_prove import AppConsent
from mip_cli.flows.kyc.policy_file import PolicyFile
from mip_cli.flows.kyc.web_app import WebRequest
from mip_cli.flows.passport.proof_file import MAX_PURPOSE
from mip_cli.flows.passport.prove import Ask, Clock, Consent
from mip_cli.models import Request
from mip_cli.progress import Progress, Silent
from mip_cli.units import Address

VALIDITY = 900
"""Seconds that a proof for a web service can be used; it is sent at once."""


@dataclass(frozen=True)
class Terms:
    """What a web service asks of everybody."""

    policy: AppPolicyText
    """What credentials must say, and the level."""
    purpose: str
    """Plain text, hashed into the scope."""
    chain_id: int
    gate: Address
    """The PredicateGate of the deployment whose registries count."""


@dataclass(frozen=True)
class WebAsk:
    """One request of one service."""

    terms: Terms
    request: WebRequest


@dataclass(frozen=True)
class WebVerified:
    """An answer that holds."""

    file: PolicyFile
    own_word: tuple[int, ...]
    """Accepted issuers that stand for the holder's own word (section 21)."""
    development: bool
    """Whether the proof could be forged by anyone: keys of a public seed."""


def terms_of(settings: Settings, policy: AppPolicyText, purpose: str) -> Terms:
    """Return what a service asks on the chain of the settings; raise ``UsageFault``."""
    if not is_readable(purpose) or len(purpose.encode()) > MAX_PURPOSE:
        raise UsageFault(f"a purpose is readable text of at most {MAX_PURPOSE} bytes")
    with connection.connect(settings) as link:
        gate = link.deployment.address(kyc_circuit.way_of(policy.parts).gate)
        return Terms(policy, purpose, link.chain_id, gate)


def agree(settings: Settings, asked: WebAsk, progress: Progress) -> AppConsent:
    """Return what the holder is shown before anything is proved.

    Raises ``AppUntrusted`` for a purpose that cannot be shown as it is hashed, ``WrongChain`` when
    the service believes another chain or deployment.
    """
    terms = asked.terms
    if not is_readable(terms.purpose) or len(terms.purpose.encode()) > MAX_PURPOSE:
        raise AppUntrusted(
            "the service states a purpose that is empty or cannot be shown as it is",
            hint="do not prove anything to it",
        )
    progress.step("asking the chain what the service may ask")
    with connection.connect(settings) as link:
        gate = link.deployment.address(kyc_circuit.way_of(terms.policy.parts).gate)
        if (terms.chain_id, terms.gate) != (link.chain_id, gate):
            raise WrongChain(
                f"the service asks for chain {terms.chain_id} and the gate {terms.gate}, "
                f"this node serves chain {link.chain_id} with {gate}"
            )
        registry = link.registry.address
        own_word = kyc_show.open_issuers(link, terms.policy.parts)
    app = asked.request.app
    request = Request(
        chain_id=terms.chain_id,
        app=app,
        purpose=terms.purpose,
        payload=asked.request.payload,
        level=terms.policy.policy.level,
        scope=scope_of(terms.chain_id, app, terms.purpose),
    )
    ask = Ask(app=app, beneficiary=app, payload=asked.request.payload, validity=VALIDITY)
    consent = Consent(ask, request, registry)
    return AppConsent(consent, terms.policy, gate, own_word)


def check(
    settings: Settings,
    asked: WebAsk,
    document: bytes,
    progress: Progress,
    *,
    clock: Clock | None = None,
) -> WebVerified:
    """Check what answers a request: the proofs themselves, all they are bound to, and the chain.

    Raises ``ProofInvalid`` or ``FileInvalid`` for what does not hold, ``ChainRefusal`` with the
    gate's reason, and an ``EnvironmentFault`` when the chain cannot be asked.
    """
    file = policy_file.decode(document)
    bound, terms, request = file.bound, asked.terms, asked.request
    expected = {
        "web service": (bound.app, request.app),
        "request": (file.payload, request.payload),
        "purpose": (bound.purpose, terms.purpose),
        "beneficiary": (bound.beneficiary, request.app),
        "nonce": (bound.nonce, 0),
        "act": (bound.call, None),
        "policy": (file.policy.policy.commitment, terms.policy.policy.commitment),
        "chain": (bound.chain_id, terms.chain_id),
        "gate": (file.gate, terms.gate),
    }
    for name, (found, wanted) in expected.items():
        if found != wanted:
            raise ProofInvalid(f"the proof was made for another {name}")
    asked_level = terms.policy.policy.level
    if bound.level < asked_level:
        raise ProofInvalid(f"the proof shows level {bound.level}, {asked_level} is asked")
    with connection.connect(settings) as link:
        issuers = kyc_issuer.registry_of(link).address
        if (bound.registry, file.issuers) != (link.registry.address, issuers):
            raise ProofInvalid("the proof was made for other registries")
        offline = kyc_verify.verify_offline(settings, file, progress, clock=clock or link.clock)
        progress.step("asking the gate")
        kyc_verify.require_accepted(link, PredicateGate(link.rpc, terms.gate), file)
        own_word = kyc_show.open_issuers(link, terms.policy.parts)
    return WebVerified(file, own_word, offline.development)


def checker(settings: Settings) -> Callable[[WebAsk, bytes], WebVerified]:
    """Return ``check`` on the chain of the settings, without an observer."""
    return lambda asked, document: check(settings, asked, document, Silent())
