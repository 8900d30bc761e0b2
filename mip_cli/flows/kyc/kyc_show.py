"""Making the proofs that a policy asks for: one for each credential shown, of one passport."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mip_cli.config import Settings
from mip_cli.crypto.dates import date_of_day, day_of
from mip_cli.crypto.policy_text import PolicyText
from mip_cli.crypto.quad_tree import QuadTree
from mip_cli.errors import ArtifactMismatch, MipError, NetworkDown
from mip_cli.flows import connection
from mip_cli.flows.connection import Connection
from mip_cli.flows.kyc import keeping, kyc_choose, kyc_circuit, kyc_issuer, self_attest
from mip_cli.flows.kyc.credential_file import Revocations
from mip_cli.flows.kyc.kyc_choose import Fit, Place
from mip_cli.flows.kyc.revocation_lists import Fetch, Lists
from mip_cli.flows.passport import membership, passport_file, replacement
from mip_cli.flows.passport.leaf_proof import witness_of
from mip_cli.flows.passport.proof_file import ProofFile
from mip_cli.flows.passport.prove import (
    Clock,
    Consent,
    Keys,
    act_of,
    bound_file,
    remember,
    require_kinds,
    require_same_place,
)
from mip_cli.progress import Progress
from mip_cli.store.credentials import FaceOpening
from mip_cli.store.issuers import Home
from mip_cli.store.revocation_cache import RevocationCache
from mip_cli.units import Address
from mip_cli.zk.artifacts import CircuitArtifacts, load_circuit, require_fit
from mip_cli.zk.passport_inputs import PassportWitness
from mip_cli.zk.predicate_inputs import PredicateWitness, public_signals
from mip_cli.zk.proof import Proof
from mip_cli.zk.prover import Prover, choose_prover


@dataclass(frozen=True)
class Wish:
    """What shall be shown."""

    parts: tuple[PolicyText, ...]
    """What may be shown, each of one credential."""
    required: int
    """How many of them."""
    level: int
    """Kinds of key, at least."""
    credentials: tuple[str, ...] = ()
    """Which credentials to look at; empty for all."""
    revocations: tuple[Revocations, ...] = ()
    """Lists of the issuers that revoked something."""
    fetch: Fetch | None = None
    """How to ask an issuer's server for its list; None when none shall be asked."""


@dataclass(frozen=True)
class Shown:
    """Verified proofs of some parts, and what they share."""

    bound: ProofFile
    """The first proof with its bindings."""
    parts: tuple[int, ...]
    """Numbers of the parts shown, ascending."""
    more: tuple[Proof, ...]
    """Proofs of the others."""
    issuers: Address
    """The IssuerRegistry."""
    issuers_root: int
    day: int
    """Days since 1970."""
    credentials: tuple[str, ...]
    """Names of the credentials that were shown in part."""
    prover: str
    """Back end that made them."""
    seconds: dict[str, float]
    remembered: bool
    """Whether the key file knows the app."""


def open_issuers(link: Connection, parts: Sequence[PolicyText]) -> tuple[int, ...]:
    """Return the issuers of some parts under whose number a holder says what he likes."""
    found = {n for part in parts for n in self_attest.open_numbers(link, part.policy)}
    return tuple(sorted(found))


def show(
    settings: Settings,
    consent: Consent,
    keys: Keys,
    wish: Wish,
    progress: Progress,
    *,
    prover: Prover | None = None,
    clock: Clock | None = None,
) -> Shown:
    """Make and verify what the holder consented to; the payload is that of the consent's request.

    Nobody is asked but the chain, the archive's store, and an issuer's server for its whole list
    where the wish allows it and no list at hand is in force; the app learns of no attempt. Raises
    the archive's fault where what can be read does not do, and what
    ``kyc_choose.choose`` and ``flows.passport.prove.prove`` raise.
    """
    ask, request = consent.ask, consent.request
    require_kinds(keys, max(request.level, wish.level))
    seconds: dict[str, float] = {}
    started = time.perf_counter()
    opened = passport_file.unlock(settings, keys.name, keys.factors, progress)
    artifacts = load_circuit(settings, kyc_circuit.way_of(wish.parts).circuit)
    require_fit(artifacts, request.chain_id)
    seconds["open and probe"] = time.perf_counter() - started
    started = time.perf_counter()
    prover = prover or choose_prover(settings)
    with connection.connect(settings) as link:
        now = clock or link.clock
        action = act_of(ask, request, now)
        require_same_place(opened.unlocked, consent, link)
        opened = replacement.settle(settings, link, opened, keys.factors, progress)
        content = opened.unlocked.secrets
        bare = witness_of(content, opened, keys.kinds, scope=request.scope, message=action.message)
        way = membership.path(settings, link, bare.leaf, progress, newest=ask.newest_root)
        registry = kyc_issuer.registry_of(link)
        everyone = registry.everyone(link.deployment.block, progress)
        day = day_of(now())
        cache = RevocationCache(settings.data_dir, content.name, content.secret)
        lists = Lists(wish.revocations, cache, _told(wish.fetch, progress))
        place = Place(link.chain_id, registry.address, everyone, date_of_day(day), lists)
        kept = keeping.look(settings, opened.unlocked, progress)
        try:
            fits = kyc_choose.choose(kept, wish.parts, wish.required, place, wish.credentials)
        except MipError:
            kept.require_whole()  # "no" is not said of what could not be read
            raise
        issuers = everyone.tree
        if not ask.newest_root:
            issuers = everyone.tree_for(fit.credential.issuer.number for fit in fits)
        seconds["chain"] = time.perf_counter() - started
        started = time.perf_counter()
        bare = replace(bare, path=way)
        proofs = _prove_all(artifacts, bare, wish.parts, fits, place, issuers, prover, progress)
        if not link.registry.is_known_root(way.root):
            # others enrolled meanwhile and the root was of the running minute
            if ask.newest_root:
                way = membership.path(settings, link, bare.leaf, progress, newest=True)
            else:
                way = membership.lasting_path(settings, link, bare.leaf, progress)
            bare = replace(bare, path=way)
            proofs = _prove_all(artifacts, bare, wish.parts, fits, place, issuers, prover, progress)
        if not registry.is_known_root(issuers.root):
            raise NetworkDown(
                "issuers changed while the proof was made, so that nobody would take it",
                hint="run the same command again",
            )
    seconds["prove"] = time.perf_counter() - started
    # before the proof leaves: what is granted under a pseudonym must be found again
    remembered = remember(opened.unlocked, request)
    bound = bound_file(proofs[0], artifacts, consent, bare, action)
    return Shown(
        bound,
        tuple(fit.part for fit in fits),
        tuple(proofs[1:]),
        registry.address,
        issuers.root,
        day,
        tuple(fit.held.id for fit in fits),
        prover.name,
        seconds,
        remembered,
    )


def _told(fetch: Fetch | None, progress: Progress) -> Fetch | None:
    if fetch is None:
        return None

    def asked(issuer: Home, server: str) -> Revocations:
        progress.step(f"fetching the revocation list of issuer {issuer.number} from {server}")
        return fetch(issuer, server)

    return asked


def _prove_all(
    artifacts: CircuitArtifacts,
    passport: PassportWitness,
    parts: Sequence[PolicyText],
    fits: Sequence[Fit],
    place: Place,
    issuers: QuadTree,
    prover: Prover,
    progress: Progress,
) -> list[Proof]:
    proofs = []
    for fit in fits:
        progress.step(f"proving with the credential {fit.held.id}")
        witness = PredicateWitness(
            passport=passport,
            blinding=fit.held.blinding,
            credential=fit.credential.signed,
            policy=parts[fit.part].policy,
            today=place.today,
            issuers=issuers.path(fit.credential.issuer.number),
            revocations=fit.revocations.path(fit.credential.terms.nonce),
        )
        proofs.append(_prove(artifacts, witness, fit.held.face, prover))
    return proofs


def _prove(
    artifacts: CircuitArtifacts,
    witness: PredicateWitness,
    face: FaceOpening | None,
    prover: Prover,
) -> Proof:
    inputs = kyc_circuit.inputs_of(witness, face, artifacts.circuit)
    proof, signals = artifacts.prove(inputs, prover)
    if list(signals) != public_signals(witness):
        raise ArtifactMismatch(
            "the circuit computed other public values than protocol.md says",
            hint="rebuild it with scripts/build_circuits.py",
        )
    return proof
