"""The manifest of the circuits, ``circuits/circuits.json``.

::

    {"circuits": {
       "passport": {
         "file": "passport.circom",        below circuits/
         "template": "Passport",
         "params": [20, 128, "14400"],     integers, large ones as decimal strings
         "public": ["scope", "message"],   public inputs of ``component main``
         "signals": ["rootLevel", "nullifier", "scope", "message"],
                                           all public signals: outputs, then public inputs
         "max_constraints": 8187,          ceiling; the build fails above it
         "optimization": "O2",             O0, O1 or O2
         "release": true}},                deployed; false: built for tests and benchmarks
     "tools": {"circom.wasm": "<sha256>", "bn128.wasm": "<sha256>"},
     "development": {
       "seed": "mip development keys 1",
       "verification_keys": {"passport": "<sha256 of the canonical verifying key>"}},
     "ceremony": {"verification_keys": {},   keys from a real set-up; all others are development
                  "contributions": {}}}      of each key, BLAKE2b-512 as snarkjs shows, beacon last
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mip_cli.crypto.field import R
from mip_cli.errors import ArtifactMismatch, FileInvalid, UsageFault

MANIFEST_FILE = "circuits.json"
_MAX_BYTES = 1 << 20
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FILE = re.compile(r"(?:[A-Za-z0-9_]+/)*[A-Za-z0-9_]+\.circom")
_HASH = re.compile(r"[0-9a-f]{64}")
_CONTRIBUTION = re.compile(r"[0-9a-f]{128}")


@dataclass(frozen=True)
class Circuit:
    """One entry of the manifest."""

    name: str
    file: str
    template: str
    params: tuple[int, ...]
    public: tuple[str, ...]
    """Public inputs."""
    signals: tuple[str, ...]
    """All public signals in the order of proofs: outputs, then public inputs."""
    max_constraints: int
    optimization: str
    release: bool


@dataclass(frozen=True)
class Manifest:
    """The whole manifest."""

    circuits: Mapping[str, Circuit]
    tools: Mapping[str, str]
    """SHA-256 of each tool by file name."""
    seed: str
    """Public seed of the development keys."""
    development_keys: Mapping[str, str]
    """Hash of each circuit's development verifying key."""
    ceremony_keys: Mapping[str, str]
    """Hash of each circuit's verifying key from a real ceremony."""
    contributions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Hash of each contribution to those keys, in order, the beacon last."""

    def circuit(self, name: str) -> Circuit:
        """Return an entry; raise ``UsageFault`` for a name that is not in the manifest."""
        try:
            return self.circuits[name]
        except KeyError as error:
            known = ", ".join(self.circuits)
            raise UsageFault(f"there is no circuit {name!r}", hint=f"circuits: {known}") from error

    def is_development(self, vk_hash: str) -> bool:
        """Tell whether a verifying key is fit for local chains only: all but pinned ceremonies."""
        return vk_hash not in self.ceremony_keys.values()


def load_manifest(path: Path) -> Manifest:
    """Read ``circuits.json``; raise ``ArtifactMismatch`` if absent, ``FileInvalid`` if wrong."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ArtifactMismatch(
            f"cannot read {path}: {error.strerror}", hint="run `make setup`"
        ) from error
    if len(raw) > _MAX_BYTES:
        raise FileInvalid(f"{path} is too large")
    try:
        return parse_manifest(json.loads(raw))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise FileInvalid(f"{path} is not a circuit manifest: {error}") from error


def parse_manifest(document: Mapping[str, object]) -> Manifest:
    """Check a decoded manifest; raise ``ValueError``, ``KeyError`` or ``TypeError``."""
    circuits = _mapping(document["circuits"])
    development = _mapping(document.get("development", {}))
    ceremony = _mapping(document.get("ceremony", {}))
    return Manifest(
        circuits={name: _circuit(name, _mapping(entry)) for name, entry in circuits.items()},
        tools=_hashes(document.get("tools", {})),
        seed=_text(development.get("seed", "mip development keys 1"), None),
        development_keys=_hashes(development.get("verification_keys", {})),
        ceremony_keys=_hashes(ceremony.get("verification_keys", {})),
        contributions={
            name: tuple(_text(x, _CONTRIBUTION) for x in _list(steps))
            for name, steps in _mapping(ceremony.get("contributions", {})).items()
        },
    )


def _circuit(name: str, entry: Mapping[str, object]) -> Circuit:
    optimization = _text(entry.get("optimization", "O2"), re.compile("O[012]"))
    public = tuple(_text(x, _NAME) for x in _list(entry["public"]))
    signals = tuple(_text(x, _NAME) for x in _list(entry["signals"]))
    if signals[len(signals) - len(public) :] != public:
        raise ValueError(f"{name}: the signals must end with the public inputs")
    ceiling = entry["max_constraints"]
    if type(ceiling) is not int or ceiling < 1:
        raise ValueError(f"{name}: max_constraints must be a positive integer")
    release = entry.get("release", True)
    if not isinstance(release, bool):
        raise ValueError(f"{name}: release must be true or false")
    return Circuit(
        name=_text(name, _NAME),
        file=_text(entry["file"], _FILE),
        template=_text(entry["template"], _NAME),
        params=tuple(_parameter(x) for x in _list(entry.get("params", []))),
        public=public,
        signals=signals,
        max_constraints=ceiling,
        optimization=optimization,
        release=release,
    )


def _parameter(value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if type(value) is not int or not 0 <= value < R:
        raise ValueError(f"parameter {value!r} is not a field element")
    return value


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise TypeError("expected an object")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError("expected a list")
    return value


def _text(value: object, pattern: re.Pattern[str] | None) -> str:
    if not isinstance(value, str) or (pattern is not None and not pattern.fullmatch(value)):
        raise ValueError(f"unexpected value {value!r}")
    return value


def _hashes(value: object) -> dict[str, str]:
    return {name: _text(found, _HASH) for name, found in _mapping(value).items()}
