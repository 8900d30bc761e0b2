"""Proving: a fresh photo and the password become a proof for one act in one app.

``prepare`` reads what an app asks, so that the holder can see it and consent; ``prove`` makes the
proof. Between the two nothing secret has been touched.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mip_cli.chain.app import App, parse_invocation
from mip_cli.config import Settings
from mip_cli.crypto import commitments
from mip_cli.crypto.binding import message_of
from mip_cli.crypto.lean_tree import MerklePath
from mip_cli.crypto.plaintext import is_readable
from mip_cli.errors import (
    AppUntrusted,
    ArtifactMismatch,
    FaceMismatch,
    UsageFault,
    WrongChain,
)
from mip_cli.face.spec import FaceSpec
from mip_cli.flows import connection, face, membership, passport_file
from mip_cli.flows.connection import Connection
from mip_cli.flows.enroll import require_home
from mip_cli.flows.passport_keys import CIRCUIT, public_keys, spec_of
from mip_cli.flows.proof_file import AppCall, ProofFile, checked_address, require_storable
from mip_cli.models import Action, Kind, Request
from mip_cli.progress import Progress
from mip_cli.store.keyfile import Unlocked
from mip_cli.store.secrets_codec import PassportStatus
from mip_cli.units import MAX_DEADLINE, Address
from mip_cli.zk.artifacts import CircuitArtifacts, load_circuit, require_fit
from mip_cli.zk.passport_inputs import (
    FaceOpening,
    PassportParameters,
    PassportWitness,
    circuit_inputs,
    public_signals,
)
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
    password: bytes
    """Normalised; opens the key file, and counts as a kind when in ``kinds``."""
    image: Path | None
    """Fresh photo, needed when the face is among ``kinds``."""
    kinds: frozenset[Kind] = frozenset({Kind.FACE, Kind.PASSWORD})
    """The kinds to show."""

    def __repr__(self) -> str:
        return f"Keys(name={self.name!r}, <redacted>)"


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
    payload = _bound_payload(ask)
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


def _bound_payload(ask: Ask) -> bytes:
    if ask.beneficiary == ZERO_ADDRESS:
        raise UsageFault(
            "the proof names nobody whom the act shall serve", hint="name one with --beneficiary"
        )
    if not MIN_VALIDITY <= ask.validity <= MAX_DEADLINE:
        raise UsageFault(f"a proof is valid for {MIN_VALIDITY} to {MAX_DEADLINE} seconds")
    if (ask.call is None) == (ask.payload is None):
        raise UsageFault("a proof is bound to a call or to a payload, one of the two")
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
    clock: Clock = time.time,
) -> Proved:
    """Make and verify the proof that the holder consented to.

    Raises ``FaceMismatch``, ``FaceUnusable``, ``WrongSecret``, ``WrongChain``, ``UsageFault`` when
    fewer kinds are shown than the app accepts, ``ArtifactMismatch`` for development keys on a
    public chain.
    """
    ask, request = consent.ask, consent.request
    if (_bound_payload(ask), ask.app) != (request.payload, request.app):
        raise UsageFault("the consent was given for another act")
    if Kind.PEOPLE in keys.kinds or not keys.kinds:
        raise UsageFault("a proof shows the face, the password or both")
    if len(keys.kinds) < request.level:
        raise UsageFault(
            f"the app wants {request.level} kinds of key, you show {len(keys.kinds)}",
            hint="show both: --kinds face,password",
        )
    if Kind.FACE in keys.kinds and keys.image is None:
        raise UsageFault("showing the face needs a photo", hint="add --image FILE")
    seconds: dict[str, float] = {}
    started = time.perf_counter()
    # Argon2id and the face networks leave the interpreter lock: both cores work
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(passport_file.unlock, settings, keys.name, keys.password, progress)
        loading = pool.submit(load_circuit, settings, CIRCUIT)
        probe = _probe(settings, keys, progress)
        unlocked, artifacts = opening.result(), loading.result()
    seconds["open and probe"] = time.perf_counter() - started
    started = time.perf_counter()
    require_fit(artifacts, request.chain_id)
    opening_of_face, distance = _open_face(unlocked, probe)
    action = _act(ask, request, clock)
    prover = prover or choose_prover(settings)
    with connection.connect(settings) as link:
        _require_same_place(unlocked, consent, link)
        leaf = public_keys(unlocked).leaf
        way = membership.path(settings, link, leaf, progress, newest=ask.newest_root)
        seconds["chain"] = time.perf_counter() - started
        started = time.perf_counter()
        progress.step("proving")
        witness = _witness(unlocked, way, action, opening_of_face, keys.kinds)
        proof = _prove(artifacts, witness, prover)
        if not link.registry.is_known_root(witness.root):
            # others enrolled meanwhile and the root was of the running minute
            way = membership.lasting_path(settings, link, leaf, progress)
            witness = _witness(unlocked, way, action, opening_of_face, keys.kinds)
            proof = _prove(artifacts, witness, prover)
    seconds["prove"] = time.perf_counter() - started
    file = ProofFile(
        proof=proof,
        circuit=CIRCUIT,
        verifying_key=artifacts.key_hash,
        chain_id=request.chain_id,
        registry=consent.registry,
        app=request.app,
        purpose=request.purpose,
        payload=request.payload,
        level=witness.level,
        root=witness.root,
        nullifier=commitments.nullifier(witness.secret, witness.anchor, request.scope),
        beneficiary=action.beneficiary,
        nonce=action.nonce,
        deadline=action.deadline,
        call=ask.call,
    )
    return Proved(file, prover.name, distance, seconds)


def _prove(artifacts: CircuitArtifacts, witness: PassportWitness, prover: Prover) -> Proof:
    inputs = circuit_inputs(witness, PassportParameters.of(artifacts.circuit))
    proof, signals = artifacts.prove(inputs, prover)
    if list(signals) != public_signals(witness):
        raise ArtifactMismatch(
            "the circuit computed other public values than protocol.md says",
            hint="rebuild it with scripts/build_circuits.py",
        )
    return proof


def _probe(settings: Settings, keys: Keys, progress: Progress) -> face.FaceTemplate | None:
    if Kind.FACE not in keys.kinds or keys.image is None:
        return None
    progress.step("finding the face")
    return face.probe(keys.image, settings, progress)


def _open_face(
    unlocked: Unlocked, probe: face.FaceTemplate | None
) -> tuple[FaceOpening | None, int | None]:
    if probe is None:
        return None, None
    content = unlocked.secrets
    spec: FaceSpec = spec_of(content)
    verdict = face.match(face.FaceTemplate(spec, content.template), probe)
    if not verdict.match:
        raise FaceMismatch(
            f"the photo does not show the holder of {content.name}: {verdict.reason}",
            hint="take a new photo in better light, looking straight into the camera",
        )
    return FaceOpening(content.template, content.face_salt, probe.values), verdict.distance


def _act(ask: Ask, request: Request, clock: Clock) -> Action:
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


def _require_same_place(unlocked: Unlocked, consent: Consent, link: Connection) -> None:
    content = unlocked.secrets
    if content.status is not PassportStatus.ENROLLED:
        raise UsageFault(
            f"the passport {content.name} is not enrolled yet",
            hint="finish with `mip enroll`, the same way it was begun",
        )
    require_home(content, link)
    if (consent.request.chain_id, consent.registry) != (link.chain_id, link.registry.address):
        raise WrongChain("the node serves another chain than the one you agreed to")


def _witness(
    unlocked: Unlocked,
    way: MerklePath,
    action: Action,
    opening_of_face: FaceOpening | None,
    kinds: frozenset[Kind],
) -> PassportWitness:
    content, public = unlocked.secrets, public_keys(unlocked)
    return PassportWitness(
        secret=content.secret,
        anchor=content.anchor,
        epoch=content.epoch,
        face_commitment=public.face,
        password_commitment=public.password,
        guardian_commitment=public.guardian,
        keys_salt=content.keys_salt,
        scope=action.request.scope,
        message=action.message,
        path=way,
        face=opening_of_face,
        stretched=unlocked.stretched if Kind.PASSWORD in kinds else None,
    )
