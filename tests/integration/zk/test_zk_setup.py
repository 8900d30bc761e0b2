"""Development keys against snarkjs, byte for byte; ceremony keys; keys that must be refused."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from py_ecc import optimized_bn128 as bn

from mip_cli.config import find_checkout
from mip_cli.errors import ArtifactMismatch, CheckFailed, EnvironmentFault, UsageFault
from mip_cli.zk import binfile, points, r1cs, setup, verifier, verifying_key
from mip_cli.zk import ptau as ptau_module
from mip_cli.zk.artifacts import CircuitArtifacts, load_circuit, load_key, read_stamp
from mip_cli.zk.bn128 import Curve
from mip_cli.zk.build import BN128_SOURCE
from mip_cli.zk.ceremony import (
    COMMAND,
    Contributed,
    Phase2,
    check_contributed,
    make_ceremony_zkey,
    read_contributed,
    require_ceremony,
)
from mip_cli.zk.manifest import load_manifest
from mip_cli.zk.proof import Proof
from mip_cli.zk.prover import Groth16py, Snarkjs
from mip_cli.zk.ptau import PowersOfTau, check_ptau
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


@dataclass(frozen=True)
class Ceremony:
    """A set-up whose steps other people take, with snarkjs alone."""

    snarkjs: Snarkjs
    folder: Path
    ptau: PowersOfTau

    def key(self, steps: str, name: str = "final") -> Path:
        """Return the key after the steps: c for a contribution, b for a beacon."""
        for i, step in enumerate(steps):
            files = [f"{i}.zkey", f"{i + 1}.zkey"]
            if step == "c":
                entropy = f"entropy {i}\n".encode()
                self.snarkjs.run(["zkey", "contribute", *files, "--name=x"], self.folder, entropy)
            else:
                self.snarkjs.run(["zkey", "beacon", *files, BEACON, "10"], self.folder)
        return (self.folder / f"{len(steps)}.zkey").rename(self.folder / f"{name}.zkey")

    def contributed(self, steps: str) -> Contributed:
        """Read the key as if its powers of tau were published."""
        return read_contributed(self.key(steps), replace(self.ptau, published=True))


@pytest.fixture
def ceremony(r1cs_file: Path, snarkjs: Snarkjs, write_ptau: WritePtau, tmp_path: Path) -> Ceremony:
    ptau = check_ptau(write_ptau(tmp_path / "t.ptau", 5), allow_unlisted=True)
    snarkjs.run(["groth16", "setup", r1cs_file, ptau.path, "0.zkey"], tmp_path)
    return Ceremony(snarkjs, tmp_path, ptau)


def test_ceremony__two_people_and_a_beacon_are_accepted_with_their_hashes(
    ceremony: Ceremony, r1cs_file: Path
) -> None:
    contributed = ceremony.contributed("ccb")
    hashes = require_ceremony(contributed)
    data = r1cs_file.read_bytes()
    assert check_contributed(data, r1cs.read(data), contributed, ceremony.snarkjs)
    files = [r1cs_file, ceremony.ptau.path, "final.zkey"]
    said = ceremony.snarkjs.run(["zkey", "verify", *files], ceremony.folder).decode()
    shown = re.findall(r"contribution #\d+[^\n]*\n((?:\s+(?:[0-9a-f]{8} ?){4}\n){4})", said)
    assert [re.sub(r"\s", "", text) for text in shown] == hashes[::-1]


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ("cb", "fewer than 2 contributions besides the beacon.* this one has 1"),
        ("b", "fewer than 2 contributions besides the beacon.* this one has 0"),
        ("cc", "last contribution is no beacon"),
        ("cbb", "a beacon before the end"),
        ("bccb", "a beacon before the end"),
    ],
)
def test_ceremony__of_too_few_or_out_of_order__reverts(
    ceremony: Ceremony, steps: str, reason: str
) -> None:
    with pytest.raises(CheckFailed, match=reason):
        require_ceremony(ceremony.contributed(steps))


def test_ceremony__from_unlisted_ptau__reverts(ceremony: Ceremony) -> None:
    contributed = read_contributed(ceremony.key("ccb"), ceremony.ptau)
    with pytest.raises(CheckFailed, match="unlisted powers-of-tau file stays a development key"):
        require_ceremony(contributed)


def test_ceremony__one_contribution_shown_twice__reverts(ceremony: Ceremony) -> None:
    contributed = ceremony.contributed("ccb")
    first, _, beacon = contributed.info.phase2
    info = replace(contributed.info, phase2=(first, first, beacon))
    with pytest.raises(CheckFailed, match="fewer than 2 contributions"):
        require_ceremony(replace(contributed, info=info))


def test_ceremony__forged_record_of_a_contribution__reverts(
    ceremony: Ceremony, r1cs_file: Path
) -> None:
    contributed = ceremony.contributed("cb")
    data = bytearray(contributed.data)
    transcript = _transcript(bytes(data))
    data[transcript] ^= 1
    forged = replace(contributed, data=bytes(data))
    system = r1cs_file.read_bytes()
    with pytest.raises(CheckFailed, match="snarkjs does not accept the proving key"):
        check_contributed(system, r1cs.read(system), forged, ceremony.snarkjs)


def _transcript(data: bytes) -> int:
    section = bytes(binfile.section(binfile.parse(data, b"zkey", 1), 10))
    return data.index(section) + 68 + 3 * 64 + 128


def test_ceremony__key_of_another_set_up__reverts(
    ceremony: Ceremony, r1cs_file: Path, built: Any
) -> None:
    data = _zkey(r1cs_file, built, "another seed")
    contributed = Contributed(ceremony.ptau, data, read_zkey(data))
    system = r1cs_file.read_bytes()
    with pytest.raises(CheckFailed, match="snarkjs does not accept the proving key"):
        check_contributed(system, r1cs.read(system), contributed, ceremony.snarkjs)


def _script() -> Any:
    path = find_checkout() / "scripts" / "build_circuits.py"  # type: ignore[operator]
    spec = importlib.util.spec_from_file_location("build_circuits", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def script(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """Run build_circuits.py on the workshop."""
    module = _script()
    monkeypatch.setattr(module, "load_settings", lambda: workshop.settings)

    def run(*arguments: object) -> tuple[int, str]:
        done = CliRunner().invoke(module.main, [str(x) for x in arguments])
        return done.exit_code, done.output

    return run


def test_script__installs_and_pins_a_contributed_key(
    script: Callable[..., tuple[int, str]],
    workshop: Any,
    ceremony: Ceremony,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(ptau_module.PUBLISHED, 5, ceremony.ptau.blake2b)
    final = ceremony.key("ccb")
    options = ["--circuit", "tiny", "--zkey", final, "--ptau", ceremony.ptau.path]
    code, said = script(*options)
    assert (code, load_key(workshop.settings, "tiny").development) == (0, True), said
    code, said = script(*options, "--pin")
    assert code == 0, said
    found = load_circuit(workshop.settings, "tiny")
    assert not found.development
    assert found.zkey.read_bytes() == final.read_bytes()
    manifest = load_manifest(workshop.paths.manifest)
    assert manifest.ceremony_keys == {"tiny": found.key_hash}
    phase2 = read_zkey(final.read_bytes()).phase2
    assert manifest.contributions == {"tiny": tuple(step.digest for step in phase2)}


def test_script__refuses_to_pin_what_one_person_made(
    script: Callable[..., tuple[int, str]],
    workshop: Any,
    ceremony: Ceremony,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = workshop.paths.manifest.read_bytes()
    ptau = ["--ptau", ceremony.ptau.path]
    key = ["--circuit", "tiny", "--zkey", ceremony.key("cb"), *ptau]
    _, said = script(*key, "--allow-unlisted-ptau", "--pin")
    assert "unlisted powers-of-tau file stays a development key" in said
    monkeypatch.setitem(ptau_module.PUBLISHED, 5, ceremony.ptau.blake2b)
    _, said = script(*key, "--pin")
    assert "fewer than 2 contributions besides the beacon" in said
    _, said = script(*ptau, "--beacon", BEACON, "--contributions", 5, "--pin")
    assert "contributions made by one machine are not a ceremony" in said
    assert workshop.paths.manifest.read_bytes() == before
    assert not (workshop.paths.output / "tiny").exists()
    code, said = script(*key)
    assert (code, load_key(workshop.settings, "tiny").development) == (0, True), said


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--ptau", __file__], "--ptau goes with --zkey"),
        (["--ptau", __file__, "--zkey", __file__], "--zkey needs one --circuit"),
        (["--circuit", "tiny", "--zkey", __file__], "go with --ptau"),
    ],
)
def test_script__half_a_request_shows_a_whole_one(
    script: Callable[..., tuple[int, str]], options: list[str], reason: str
) -> None:
    code, said = script(*options)
    assert code == 2
    assert reason in said
    assert f"hint: {COMMAND}" in said
