"""Circuit artefacts on disk: what a build leaves and how it is checked before use.

``<build_dir>/circuits/<name>/`` holds ``<name>.r1cs``, ``<name>.wasm``, ``<name>.zkey``,
``<name>.sym``, ``verification_key.json`` and ``stamp.json``; ``bn128.wasm`` and ``circuits.json``
lie beside. What decides is the hash of the verifying key, pinned in ``circuits.json``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from mip_cli.config import LOCAL_CHAIN_IDS, Settings
from mip_cli.errors import ArtifactMismatch, FileInvalid
from mip_cli.zk import verifying_key, wasm
from mip_cli.zk.bn128 import Curve
from mip_cli.zk.ceremony import GUIDE
from mip_cli.zk.manifest import MANIFEST_FILE, Circuit, Manifest, load_manifest
from mip_cli.zk.proof import Proof
from mip_cli.zk.prover import Prover, make_proof
from mip_cli.zk.verifying_key import VerifyingKey
from mip_cli.zk.witness import Inputs, WitnessProgram

STAMP_FILE = "stamp.json"
STAMP_SCHEMA = "mip.circuit-build/1"
KEY_FILE = "verification_key.json"
BN128_FILE = "bn128.wasm"
REBUILD = "run `make setup`, or scripts/build_circuits.py"
_MAX_JSON = 1 << 20


@dataclass(frozen=True)
class Stamp:
    """What a build was made from and what it left."""

    circuit: str
    sources: str
    """Hash over the circom sources, the parameters and the compiler."""
    origin: str
    """``seed:<seed>`` for development keys, ``ptau:<blake2b>`` for ceremony keys."""
    files: Mapping[str, str]
    """SHA-256 of each file."""
    verifying_key: str
    """Canonical hash of the verifying key."""
    constraints: int
    wires: int
    domain: int
    seconds: Mapping[str, float]
    """Time each step took."""

    def to_json(self) -> dict[str, object]:
        """Return the document that is written."""
        return {"schema": STAMP_SCHEMA, **asdict(self)}


@dataclass(frozen=True)
class CircuitKey:
    """The verifying key of a circuit, checked against the pins."""

    circuit: Circuit
    key: VerifyingKey
    key_hash: str
    development: bool
    """Whether the key serves local chains only (``LOCAL_CHAIN_IDS``)."""


@dataclass(frozen=True)
class CircuitArtifacts(CircuitKey):
    """Everything that proving with one circuit needs; each file has its stamped hash."""

    zkey: Path
    program: WitnessProgram
    curve: Curve
    constraints: int

    def prove(self, inputs: Inputs, prover: Prover) -> tuple[Proof, tuple[int, ...]]:
        """Compute the witness, prove and verify; returns proof and public signals.

        Raises ``ProofInvalid`` when the inputs do not satisfy the circuit.
        """
        wtns = self.program.compute(inputs)
        return make_proof(prover, self.zkey, self.key, wtns, self.curve)


def manifest_path(settings: Settings) -> Path:
    """Return where the manifest is: in the checkout, else beside the artefacts."""
    folder = settings.checkout or settings.build_dir
    return folder / "circuits" / MANIFEST_FILE


def circuit_folder(settings: Settings, name: str) -> Path:
    """Return the folder of one circuit's artefacts."""
    return settings.build_dir / "circuits" / name


def is_development(settings: Settings, vk_hash: str) -> bool:
    """Tell whether a verifying key serves local chains only: all but pinned ceremony keys."""
    return load_manifest(manifest_path(settings)).is_development(vk_hash)


def load_key(settings: Settings, name: str) -> CircuitKey:
    """Load a circuit's verifying key.

    Raises ``ArtifactMismatch`` when it is absent, forgeable or not the pinned one.
    """
    manifest = load_manifest(manifest_path(settings))
    return _load_key(manifest, manifest.circuit(name), circuit_folder(settings, name))


def _load_key(manifest: Manifest, circuit: Circuit, folder: Path) -> CircuitKey:
    key, found = _checked_key(folder / KEY_FILE, _read(folder / KEY_FILE))
    pins = {
        pinned
        for table in (manifest.development_keys, manifest.ceremony_keys)
        if (pinned := table.get(circuit.name))
    }
    if pins and found not in pins:
        raise ArtifactMismatch(
            f"the verifying key of circuit {circuit.name} is not the pinned one", hint=REBUILD
        )
    if key.public != len(circuit.signals):
        raise ArtifactMismatch(
            f"the verifying key of circuit {circuit.name} has {key.public} public signals, "
            f"the manifest {len(circuit.signals)}",
            hint=REBUILD,
        )
    return CircuitKey(circuit, key, found, manifest.is_development(found))


@lru_cache(maxsize=8)
def _checked_key(path: Path, raw: bytes) -> tuple[VerifyingKey, str]:
    # the check of its points takes 75 ms, and a command asks for the same bytes several times
    key = verifying_key.parse_verifying_key(_parse_json(path, raw))
    return key, key.hash()


def load_circuit(settings: Settings, name: str) -> CircuitArtifacts:
    """Load a circuit for proving, every file checked against the stamp and the pins.

    Raises ``ArtifactMismatch`` when something is absent or differs.
    """
    manifest = load_manifest(manifest_path(settings))
    circuit = manifest.circuit(name)
    folder = circuit_folder(settings, name)
    checked = _load_key(manifest, circuit, folder)
    stamp = read_stamp(folder)
    if stamp.verifying_key != checked.key_hash:
        raise ArtifactMismatch(f"{folder} holds parts of different builds", hint=REBUILD)
    wasm_file, zkey_file = f"{name}.wasm", f"{name}.zkey"
    program = read_stamped(folder, stamp, wasm_file)
    read_stamped(folder, stamp, zkey_file)
    return CircuitArtifacts(
        circuit=circuit,
        key=checked.key,
        key_hash=checked.key_hash,
        development=checked.development,
        zkey=folder / zkey_file,
        program=WitnessProgram(program, settings.cache_dir),
        curve=load_curve(settings),
        constraints=stamp.constraints,
    )


def require_fit(key: CircuitKey, chain_id: int) -> None:
    """Raise ``ArtifactMismatch`` for a development key on a chain that is not a local one."""
    if key.development and chain_id not in LOCAL_CHAIN_IDS:
        raise ArtifactMismatch(
            f"these are development keys (verifying key {key.key_hash[:16]}...), "
            f"which anyone can forge; chain {chain_id} is not a local one",
            hint=f"it needs the key of a ceremony: {GUIDE}",
        )


def load_curve(settings: Settings) -> Curve:
    """Load the curve arithmetic that a build left beside the circuits."""
    return Curve(settings.build_dir / "circuits" / BN128_FILE, settings.cache_dir)


def read_stamp(folder: Path) -> Stamp:
    """Read a build's stamp; raises ``ArtifactMismatch`` when it is absent or broken."""
    document = _read_json(folder / STAMP_FILE)
    try:
        if not isinstance(document, dict) or document.pop("schema") != STAMP_SCHEMA:
            raise ValueError("unknown schema")
        stamp = Stamp(**document)
        if not isinstance(stamp.files, dict) or not isinstance(stamp.constraints, int):
            raise ValueError("unexpected types")
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactMismatch(f"{folder / STAMP_FILE} is broken", hint=REBUILD) from error
    return stamp


def read_stamped(folder: Path, stamp: Stamp, name: str) -> bytes:
    """Read a file that must have its stamped hash; raises ``ArtifactMismatch``."""
    return wasm.read_pinned(folder / name, stamp.files.get(name, ""), REBUILD)


def _read_json(path: Path) -> object:
    return _parse_json(path, _read(path))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            raw = stream.read(_MAX_JSON + 1)
    except OSError as error:
        raise ArtifactMismatch(f"cannot read {path}: {error.strerror}", hint=REBUILD) from error
    if len(raw) > _MAX_JSON:
        raise FileInvalid(f"{path} is too large")
    return raw


def _parse_json(path: Path, raw: bytes) -> object:
    try:
        found: object = json.loads(raw)
    except ValueError as error:
        raise ArtifactMismatch(f"{path} is not JSON", hint=REBUILD) from error
    return found
