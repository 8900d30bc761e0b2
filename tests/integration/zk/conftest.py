"""A tiny circuit with its keys, and powers of tau for it from known scalars."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from mip_cli.config import Settings, find_checkout, load_settings
from mip_cli.crypto.field import P, R
from mip_cli.zk import binfile, build
from mip_cli.zk.artifacts import CircuitArtifacts, load_circuit
from mip_cli.zk.bn128 import G1, G2, Curve
from mip_cli.zk.manifest import load_manifest
from mip_cli.zk.prover import Groth16py, Prover, Snarkjs
from mip_cli.zk.setup import Toxic, lagrange, root_of_unity, toxic_from_seed

TINY = """
pragma circom 2.2.0;
include "comparators.circom";
template Tiny(N) {
    signal input a;
    signal input b[N];
    signal output c;
    c <== a * b[0];
    signal small <== LessThan(8)([b[1], 10]);
    small === 1;
    b[2] * b[2] === c;
}
"""
ENTRY = {
    "file": "tiny.circom",
    "template": "Tiny",
    "params": [3],
    "public": ["a"],
    "signals": ["c", "a"],
    "max_constraints": 20,
    "optimization": "O2",
    "release": False,
}
SEED = "test seed"


@dataclass(frozen=True)
class Workshop:
    """A checkout in a temporary folder."""

    settings: Settings

    @property
    def paths(self) -> build.Paths:
        return build.paths_of(self.settings)

    def write(self, source: str = TINY, **changes: object) -> None:
        circuits = self.paths.circuits
        (circuits / "tiny.circom").write_text(source)
        document = {
            "circuits": {"tiny": ENTRY | changes},
            "development": {"seed": SEED, "verification_keys": {}},
            "ceremony": {"verification_keys": {}},
        }
        (circuits / "circuits.json").write_text(json.dumps(document, indent=2))

    def build(self, **options: object) -> None:
        manifest = load_manifest(self.paths.manifest)
        jobs = build.plan(self.paths, manifest, force="phase2" in options)
        build.build_all(self.paths, jobs, dict(manifest.development_keys), **options)


def _workshop(root: Path) -> Workshop:
    checkout = find_checkout()
    assert checkout is not None
    (root / "circuits").mkdir()
    (root / "circuits" / "node_modules").symlink_to(checkout / "circuits" / "node_modules")
    cache = load_settings().cache_dir
    workshop = Workshop(
        Settings(data_dir=root / "data", cache_dir=cache, build_dir=root / "build", checkout=root)
    )
    workshop.write()
    return workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """An own workshop, not yet built."""
    return _workshop(tmp_path)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """A built workshop, shared: do not change it."""
    workshop = _workshop(tmp_path_factory.mktemp("workshop"))
    workshop.build()
    return workshop


@pytest.fixture(scope="session")
def tiny(built: Workshop) -> CircuitArtifacts:
    """The loaded artefacts of the tiny circuit."""
    return load_circuit(built.settings, "tiny")


@pytest.fixture(scope="session")
def inputs() -> dict[str, object]:
    """Inputs that satisfy the tiny circuit."""
    return {"a": 9, "b": [4, 5, 6]}


@pytest.fixture(scope="session")
def snarkjs(built: Workshop) -> Snarkjs:
    return Snarkjs(built.paths.node_modules)


@pytest.fixture(params=["groth16py", "snarkjs"])
def prover(request: pytest.FixtureRequest, snarkjs: Snarkjs) -> Prover:
    """Each back end that the locked environment holds."""
    found: Prover = Groth16py() if request.param == "groth16py" else snarkjs
    assert found.available()
    return found


@pytest.fixture(scope="session")
def write_ptau(tiny: CircuitArtifacts) -> Callable[[Path, int], Path]:
    """Write prepared powers of tau with the scalars of ``SEED``."""

    def write(path: Path, power: int) -> Path:
        path.write_bytes(_ptau(tiny.curve, toxic_from_seed(SEED), power))
        return path

    return write


def _ptau(curve: Curve, toxic: Toxic, power: int) -> bytes:
    size = 1 << power
    powers = [pow(toxic.tau, i, R) for i in range(2 * size)]
    bases = [x for level in range(power + 1) for x in lagrange(level, toxic.tau)]
    root, last = root_of_unity(power + 1), powers[-1] * pow(2 * size, -1, R)
    top = [
        (x - last * pow(root, i, R)) % R for i, x in enumerate(lagrange(power + 1, toxic.tau))
    ]  # the file has no highest power, so its largest basis lacks that term

    def g1(scalars: list[int], factor: int = 1) -> bytes:
        return curve.multiples(G1, [x * factor % R for x in scalars])

    header = struct.pack("<I", 32) + P.to_bytes(32, "little") + struct.pack("<II", power, power)
    sections = [
        (1, header),
        (2, g1(powers[:-1])),
        (3, curve.multiples(G2, powers[:size])),
        (4, g1(powers[:size], toxic.alpha)),
        (5, g1(powers[:size], toxic.beta)),
        (6, curve.multiples(G2, [toxic.beta])),
        (7, struct.pack("<I", 0)),
        (12, g1(bases + top)),
        (13, curve.multiples(G2, bases)),
        (14, g1(bases, toxic.alpha)),
        (15, g1(bases, toxic.beta)),
    ]
    return binfile.build(b"ptau", 1, sections)
