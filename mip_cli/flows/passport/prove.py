"""Proving: a fresh photo and the password become a proof for one act in one app.

``prepare`` reads what an app asks, so that the holder can see it and consent; ``prove`` makes the
proof. Between the two nothing secret has been touched.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from mip_cli.chain.app import App, parse_invocation
from mip_cli.config import Settings
from mip_cli.crypto import commitments
from mip_cli.crypto.binding import message_of
from mip_cli.crypto.people import PeopleSecret
from mip_cli.crypto.plaintext import is_readable
from mip_cli.errors import AppUntrusted, KeyLocked, UsageFault, WrongChain
from mip_cli.flows import connection, face
from mip_cli.flows.connection import Connection
from mip_cli.flows.passport import membership, passport_file, replacement
from mip_cli.flows.passport.enroll import require_home
from mip_cli.flows.passport.leaf_proof import prove_witness, witness_of
from mip_cli.flows.passport.passport_file import Factors, Opened
from mip_cli.flows.passport.passport_keys import CIRCUIT, spec_of
from mip_cli.flows.passport.proof_file import AppCall, ProofFile, checked_address, require_storable
from mip_cli.models import Action, Kind, Request
from mip_cli.progress import Progress
from mip_cli.store import keyfile
from mip_cli.store.keyfile import Unlocked
from mip_cli.store.secrets_codec import MAX_PSEUDONYMS, PassportStatus, Pseudonym
from mip_cli.units import MAX_DEADLINE, Address
from mip_cli.zk.artifacts import CircuitArtifacts, load_circuit, require_fit
from mip_cli.zk.passport_inputs import PassportWitness
from mip_cli.zk.proof import Proof
from mip_cli.zk.prover import Prover, choose_prover

ZERO_ADDRESS = Address("0x" + "0" * 40)
DEFAULT_VALIDITY = MAX_DEADLINE // 2
"""Seconds; leaves room for clocks that differ."""
MIN_VALIDITY = 30
"""Seconds; a shorter deadline passes before a block is made."""

Clock = Callable[[], float]


@dataclass(frozen=True)
class Ask:
    """What the holder wants to show, to whom, for what."""

    app: Address
    """The app's contract."""
    beneficiary: Address
    """For whom the act is meant; registries refuse the zero address."""
    call: AppCall | None = None
    """The app's function and its arguments, without the presentation."""
    payload: bytes | None = None
    """32 bytes, instead of a call."""
    nonce: int = 0
    """As the app demands it."""
    validity: int = DEFAULT_VALIDITY
    """Seconds the proof stays usable."""
    newest_root: bool = False
    """Prove under the very newest root, for apps that accept no other."""


@dataclass(frozen=True)
class Consent:
    """What the holder was shown; ``prove`` proves this and nothing else."""

    ask: Ask
    """What the holder wants."""
    request: Request
    """What the app asks."""
    registry: Address
    """The registry that will check."""


@dataclass(frozen=True, repr=False)
class Keys:
    """What the holder opens the passport with."""

    name: str
    """Name of the passport on this device."""
    password: bytes | None
    """Normalised; opens the key file, and counts as a kind when in ``kinds``."""
    image: Path | None
    """Fresh photo; the same of the face."""
    kinds: frozenset[Kind] = frozenset({Kind.FACE, Kind.PASSWORD})
    """The kinds to show: they must be among those that open the key file."""
    people: PeopleSecret | None = None
    """What guardians restored; the same of the people."""

    def __repr__(self) -> str:
        return f"Keys(name={self.name!r}, <redacted>)"

    @property
    def factors(self) -> Factors:
        """What opens the key file."""
        return Factors(self.password, self.image, self.people)


@dataclass(frozen=True)
class Proved:
    """A verified proof and how long its parts took."""

    file: ProofFile
    """The proof with its bindings."""
    prover: str
    """Back end that made it."""
    distance: int | None
    """Squared distance of the probe, None without the face. For the holder's eyes only."""
    seconds: dict[str, float]
    """Wall time of each part."""
    remembered: bool
    """Whether the key file knows the app, so that a recovery can void what was granted there."""


def find_app(settings: Settings, text: str) -> Address:
    """Return an app's address from its address, or from its name in the deployment record.

    Raises ``UsageFault`` for what is neither.
    """
    if text.startswith("0x"):
        return checked_address(text, "the app")
    with connection.connect(settings) as link:
        found = link.deployment.find(text)
    if found is None:
        names = ", ".join(contract.name for contract in link.deployment.contracts)
        raise UsageFault(f"no app is called {text}", hint=f"give an address, or one of: {names}")
    return found.address


def prepare(settings: Settings, ask: Ask, progress: Progress) -> Consent:
    """Read what the app asks for, as text to show before anything is proved.

    Raises ``UsageFault`` for a deadline out of bounds or for nobody as beneficiary,
    ``AppUntrusted`` for a purpose that a person would see otherwise than it is hashed.
    """
    payload = bound_payload(ask)
    progress.step("asking the app what it wants")
    with connection.connect(settings) as link:
        request = App(link.rpc, ask.app).request(link.chain_id, payload)
        registry = link.registry.address
    if not is_readable(request.purpose):
        raise AppUntrusted(
            "the app states a purpose that is empty or cannot be shown as it is",
            hint="do not prove anything to it",
        )
    return Consent(ask, request, registry)


def bound_payload(ask: Ask) -> bytes:
    """Return what a proof is bound to; raise ``UsageFault`` for terms that no app takes."""
    if ask.beneficiary == ZERO_ADDRESS:
        raise UsageFault(
            "the proof names nobody whom the act shall serve", hint="name one with --beneficiary"
        )
    if not MIN_VALIDITY <= ask.validity <= MAX_DEADLINE:
        raise UsageFault(f"a proof is valid for {MIN_VALIDITY} to {MAX_DEADLINE} seconds")
    if (ask.call is None) == (ask.payload is None):
        raise UsageFault(
            "a proof is bound to a call or to a payload, one of the two",
            hint="add --call 'name(types)', or --payload of 64 hex digits",
        )
    payload = ask.payload
    if ask.call is not None:
        require_storable(ask.call)
        payload = parse_invocation(ask.call.signature, ask.call.arguments).payload
    if payload is None or len(payload) != 32:
        raise UsageFault("a payload has 32 bytes")
    return payload


def prove(
    settings: Settings,
    consent: Consent,
    keys: Keys,
    progress: Progress,
    *,
    prover: Prover | None = None,
    clock: Clock | None = None,
) -> Proved:
    """Make and verify the proof that the holder consented to.

    Raises ``FaceMismatch``, ``FaceUnusable``, ``WrongSecret``, ``WrongChain``, ``UsageFault`` when
    fewer kinds are shown than the app accepts, ``ArtifactMismatch`` for development keys on a
    public chain.
    """
    ask, request = consent.ask, consent.request
    if (bound_payload(ask), ask.app) != (request.payload, request.app):
        raise UsageFault("the consent was given for another act")
    require_kinds(keys, request.level)
    seconds: dict[str, float] = {}
    started = time.perf_counter()
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(load_circuit, settings, CIRCUIT)
        opened = passport_file.unlock(settings, keys.name, keys.factors, progress)
        artifacts = loading.result()
    seconds["open and probe"] = time.perf_counter() - started
    started = time.perf_counter()
    require_fit(artifacts, request.chain_id)
    prover = prover or choose_prover(settings)
    with connection.connect(settings) as link:
        action = act_of(ask, request, clock or link.clock)
        require_same_place(opened.unlocked, consent, link)
        opened = replacement.settle(settings, link, opened, keys.factors, progress)
        content = opened.unlocked.secrets
        scope, message = request.scope, action.message
        bare = witness_of(content, opened, keys.kinds, scope=scope, message=message)
        leaf = bare.leaf
        way = membership.path(settings, link, leaf, progress, newest=ask.newest_root)
        seconds["chain"] = time.perf_counter() - started
        started = time.perf_counter()
        progress.step("proving")
        witness = replace(bare, path=way)
        proof = prove_witness(artifacts, witness, prover)
        if not link.registry.is_known_root(witness.root):
            # others enrolled meanwhile and the root was of the running minute
            way = membership.lasting_path(settings, link, leaf, progress)
            witness = replace(bare, path=way)
            proof = prove_witness(artifacts, witness, prover)
    seconds["prove"] = time.perf_counter() - started
    # before the proof leaves: what is granted under a pseudonym must be found again
    remembered = remember(opened.unlocked, request)
    file = bound_file(proof, artifacts, consent, witness, action)
    return Proved(file, prover.name, _distance(opened, keys.kinds), seconds, remembered)


def bound_file(
    proof: Proof,
    artifacts: CircuitArtifacts,
    consent: Consent,
    witness: PassportWitness,
    act: Action,
) -> ProofFile:
    """Return a proof with all that it is bound to."""
    request = consent.request
    return ProofFile(
        proof=proof,
        circuit=artifacts.circuit.name,
        verifying_key=artifacts.key_hash,
        chain_id=request.chain_id,
        registry=consent.registry,
        app=request.app,
        purpose=request.purpose,
        payload=request.payload,
        level=witness.level,
        root=witness.root,
        nullifier=commitments.nullifier(witness.secret, witness.anchor, request.scope),
        beneficiary=act.beneficiary,
        nonce=act.nonce,
        deadline=act.deadline,
        call=consent.ask.call,
    )


def require_kinds(keys: Keys, level: int) -> None:
    """Raise ``UsageFault`` unless the kinds to show are given, make a proof and reach a level."""
    kinds = keys.kinds
    if not kinds or kinds == {Kind.PEOPLE} or len(kinds) > 2:
        raise UsageFault(
            "a proof shows one kind of key, or two",
            hint="one of face, password, face,password, face,people, password,people",
        )
    missing = sorted(kinds - set(keys.factors.kinds))
    if missing:
        raise UsageFault(f"showing the {missing[0]} needs it", hint=_WAYS[missing[0]])
    shown = level_of(kinds)
    if shown < level and level <= 2:
        raise UsageFault(
            f"the app wants {level} kinds of key, you show {shown}",
            hint="show both: --kinds face,password",
        )
    if shown < level:
        raise UsageFault(
            "the app wants your people: some of your guardians, and your face or password",
            hint="ask them (`mip guardian ask`), then add --kinds face,people --answers FILE ...",
        )


def level_of(kinds: frozenset[Kind]) -> int:
    """Return the level that kinds reach."""
    return len(kinds - {Kind.PEOPLE}) + 2 * (Kind.PEOPLE in kinds)


_WAYS = {
    Kind.FACE: "add --image FILE",
    Kind.PASSWORD: "add --password-file FILE, or type it on a terminal",
    Kind.PEOPLE: "ask your guardians (`mip guardian ask`), then add --answers FILE ...",
}


def _distance(opened: Opened, kinds: frozenset[Kind]) -> int | None:
    if opened.probe is None or Kind.FACE not in kinds:
        return None
    content = opened.unlocked.secrets
    template = face.FaceTemplate(spec_of(content), content.template)
    return face.match(template, opened.probe).distance


def remember(unlocked: Unlocked, request: Request) -> bool:
    """Note app and purpose in the key file; tell whether it knows them."""
    pseudonym = Pseudonym(request.app, request.purpose)
    for _ in range(3):
        known = unlocked.secrets.pseudonyms
        if pseudonym in known:
            return True
        if len(known) >= MAX_PSEUDONYMS:
            return False
        noted = replace(unlocked.secrets, pseudonyms=(*known, pseudonym))
        try:
            keyfile.update(unlocked, noted)
        except KeyLocked:  # another proof was noted meanwhile
            unlocked = keyfile.reread(unlocked)
        else:
            return True
    return False


def act_of(ask: Ask, request: Request, clock: Clock) -> Action:
    """Return the act that a proof is bound to, from now on."""
    deadline = int(clock()) + ask.validity
    message = message_of(
        request.chain_id,
        request.app,
        beneficiary=ask.beneficiary,
        payload=request.payload,
        nonce=ask.nonce,
        deadline=deadline,
    )
    return Action(request, ask.beneficiary, ask.nonce, deadline, message)


def require_same_place(unlocked: Unlocked, consent: Consent, link: Connection) -> None:
    """Raise unless the passport is enrolled where the holder consented to prove."""
    content = unlocked.secrets
    if content.status is not PassportStatus.ENROLLED:
        raise UsageFault(
            f"the passport {content.name} is not enrolled yet",
            hint="finish with `mip enroll`, the same way it was begun",
        )
    require_home(content, link)
    if (consent.request.chain_id, consent.registry) != (link.chain_id, link.registry.address):
        raise WrongChain("the node serves another chain than the one you agreed to")
