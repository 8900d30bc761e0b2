"""Development keys against snarkjs, byte for byte; ceremony keys; keys that must be refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from py_ecc import optimized_bn128 as bn

from mip_cli.errors import ArtifactMismatch, EnvironmentFault, UsageFault
from mip_cli.zk import points, r1cs, setup, verifier, verifying_key
from mip_cli.zk.artifacts import CircuitArtifacts, load_circuit, read_stamp
from mip_cli.zk.bn128 import Curve
from mip_cli.zk.build import BN128_SOURCE
from mip_cli.zk.ceremony import Phase2, make_ceremony_zkey
from mip_cli.zk.proof import Proof
from mip_cli.zk.prover import Groth16py, Snarkjs
from mip_cli.zk.ptau import check_ptau
from mip_cli.zk.zkey import read_zkey

SEED = "test seed"
BEACON = "0f" * 32
WritePtau = Callable[[Path, int], Path]


@pytest.fixture
def r1cs_file(tiny: CircuitArtifacts) -> Path:
    return tiny.zkey.with_name("tiny.r1cs")


def test_setup__equals_snarkjs_setup_and_beacon(
    tiny: CircuitArtifacts,
    r1cs_file: Path,
    snarkjs: Snarkjs,
    write_ptau: WritePtau,
    tmp_path: Path,
) -> None:
    ptau = write_ptau(tmp_path / "t.ptau", 5)
    beacon = setup.beacon_value(SEED, "tiny").hex()
    snarkjs.run(["groth16", "setup", r1cs_file, ptau, "0.zkey"], tmp_path)
    name = f"--name={setup.BEACON_NAME}"
    snarkjs.run(["zkey", "beacon", "0.zkey", "1.zkey", beacon, "10", name], tmp_path)
    assert (tmp_path / "1.zkey").read_bytes() == tiny.zkey.read_bytes()


def test_setup__passes_zkey_verify(
    tiny: CircuitArtifacts,
    r1cs_file: Path,
    snarkjs: Snarkjs,
    write_ptau: WritePtau,
    tmp_path: Path,
) -> None:
    ptau = write_ptau(tmp_path / "t.ptau", 5)
    said = snarkjs.run(["zkey", "verify", r1cs_file, ptau, tiny.zkey], tmp_path)
    assert b"ZKey Ok!" in said


def test_setup__of_another_seed_fails_zkey_verify(
    r1cs_file: Path, snarkjs: Snarkjs, write_ptau: WritePtau, tmp_path: Path, built: Any
) -> None:
    ptau = write_ptau(tmp_path / "t.ptau", 5)
    other = tmp_path / "other.zkey"
    other.write_bytes(_zkey(r1cs_file, built, "another seed"))
    with pytest.raises(EnvironmentFault, match="INVALID"):
        snarkjs.run(["zkey", "verify", r1cs_file, ptau, other], tmp_path)


def _zkey(r1cs_file: Path, built: Any, seed: str, threads: int = 1) -> bytes:
    paths = built.paths
    return setup.make_zkey(
        r1cs.read(r1cs_file.read_bytes()),
        setup.toxic_from_seed(seed),
        setup.beacon_value(seed, "tiny"),
        lambda: Curve(paths.node_modules / BN128_SOURCE, paths.cache),
        threads,
    )


def test_setup__is_the_same_on_two_threads(
    tiny: CircuitArtifacts, r1cs_file: Path, built: Any
) -> None:
    assert _zkey(r1cs_file, built, SEED, threads=2) == tiny.zkey.read_bytes()


def test_key__without_phase_2__reverts(
    tiny: CircuitArtifacts,
    r1cs_file: Path,
    snarkjs: Snarkjs,
    write_ptau: WritePtau,
    inputs: dict[str, object],
    tmp_path: Path,
) -> None:
    ptau = write_ptau(tmp_path / "t.ptau", 5)
    snarkjs.run(["groth16", "setup", r1cs_file, ptau, "0.zkey"], tmp_path)
    data = (tmp_path / "0.zkey").read_bytes()
    with pytest.raises(ArtifactMismatch, match="no phase-2 contribution"):
        read_zkey(data)


def test_ceremony__from_own_ptau_proves_and_verifies(
    tiny: CircuitArtifacts,
    r1cs_file: Path,
    snarkjs: Snarkjs,
    write_ptau: WritePtau,
    inputs: dict[str, object],
    tmp_path: Path,
) -> None:
    ptau = check_ptau(write_ptau(tmp_path / "t.ptau", 5), allow_unlisted=True)
    assert not ptau.published
    data = r1cs_file.read_bytes()
    phase2 = Phase2(ptau, BEACON, contributions=2)
    zkey, info = make_ceremony_zkey(data, r1cs.read(data), phase2, snarkjs)
    assert info.contributions == 3
    path = tmp_path / "c.zkey"
    path.write_bytes(zkey)
    proof = Groth16py().prove(path, tiny.program.compute(inputs))
    verifier.verify(info.key, proof, [36, 9])


def test_ceremony__takes_fresh_entropy_each_time(
    r1cs_file: Path, snarkjs: Snarkjs, write_ptau: WritePtau, tmp_path: Path
) -> None:
    ptau = check_ptau(write_ptau(tmp_path / "t.ptau", 5), allow_unlisted=True)
    data = r1cs_file.read_bytes()
    made = [
        make_ceremony_zkey(data, r1cs.read(data), Phase2(ptau, BEACON), snarkjs)[1]
        for _ in range(2)
    ]
    assert made[0].key.delta2 != made[1].key.delta2


def test_ceremony__ptau_too_small__reverts(
    r1cs_file: Path, snarkjs: Snarkjs, write_ptau: WritePtau, tmp_path: Path
) -> None:
    ptau = check_ptau(write_ptau(tmp_path / "t.ptau", 3), allow_unlisted=True)
    data = r1cs_file.read_bytes()
    with pytest.raises(UsageFault, match="at least 2"):
        make_ceremony_zkey(data, r1cs.read(data), Phase2(ptau, BEACON), snarkjs)


def test_ceremony__unlisted_ptau__reverts(write_ptau: WritePtau, tmp_path: Path) -> None:
    path = write_ptau(tmp_path / "t.ptau", 3)
    with pytest.raises(ArtifactMismatch, match="none of the published"):
        check_ptau(path)


def test_ceremony__key_from_unlisted_ptau_is_a_development_key(
    workshop: Any, write_ptau: WritePtau, tmp_path: Path, inputs: dict[str, object]
) -> None:
    ptau = check_ptau(write_ptau(tmp_path / "t.ptau", 5), allow_unlisted=True)
    workshop.build(phase2=Phase2(ptau, BEACON))
    settings = workshop.settings
    loaded = load_circuit(settings, "tiny")
    assert loaded.development
    stamp = read_stamp(loaded.zkey.parent)
    assert stamp.origin == f"ptau:{ptau.blake2b}"
    proof, signals = loaded.prove(inputs, Groth16py())
    verifier.verify(loaded.key, proof, signals)


def test_proof__forged_for_an_unfinished_setup_is_why_it_is_refused(
    tiny: CircuitArtifacts,
    r1cs_file: Path,
    snarkjs: Snarkjs,
    write_ptau: WritePtau,
    tmp_path: Path,
) -> None:
    ptau = write_ptau(tmp_path / "t.ptau", 5)
    snarkjs.run(["groth16", "setup", r1cs_file, ptau, "0.zkey"], tmp_path)
    export = ["zkey", "export", "verificationkey", "0.zkey", "vk.json"]
    snarkjs.run(export, tmp_path)
    document = json.loads((tmp_path / "vk.json").read_text())
    weak = verifying_key._parse(document)
    signals = [123456, 9]  # false: c is a * b0 with b2 its root, and nobody knows a witness
    total = points.as_py_ecc_g1(weak.ic[0])
    for signal, base in zip(signals, weak.ic[1:], strict=True):
        total = bn.add(total, bn.multiply(points.as_py_ecc_g1(base), signal))
    x, y = bn.normalize(bn.neg(total))
    forged = Proof(weak.alpha1, weak.beta2, (int(x), int(y)))
    verifier.verify(weak, forged, signals)
    with pytest.raises(ArtifactMismatch, match="anyone can forge"):
        verifying_key.parse_verifying_key(document)
