"""Formats and tables of the zk package: manifest, iden3 files, warnings, powers of tau, cache."""

from __future__ import annotations

import contextlib
import copy
import json
import struct
from pathlib import Path
from typing import Any

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st

from mip_cli.config import find_checkout
from mip_cli.crypto import poseidon2
from mip_cli.crypto.field import P, R
from mip_cli.errors import (
    ArtifactMismatch,
    EnvironmentFault,
    FileInvalid,
    ToolMissing,
    UsageFault,
)
from mip_cli.zk import binfile, constants, ptau, r1cs, setup, wasm, witness, zkey
from mip_cli.zk.bn128 import BN128_SHA256
from mip_cli.zk.compiler import CIRCOM_SHA256, main_source, own_warnings
from mip_cli.zk.manifest import Manifest, load_manifest, parse_manifest
from mip_cli.zk.prover import choose_prover, provers

DOCUMENT: dict[str, Any] = {
    "circuits": {
        "small": {
            "file": "lib/small.circom",
            "template": "Small",
            "params": [20, str(R - 1)],
            "public": ["scope"],
            "signals": ["root", "scope"],
            "max_constraints": 100,
            "optimization": "O1",
            "release": True,
        }
    },
    "tools": {"circom.wasm": "0" * 64},
    "development": {"seed": "s", "verification_keys": {"small": "1" * 64}},
    "ceremony": {"verification_keys": {"small": "2" * 64}},
}


@pytest.fixture
def manifest() -> Manifest:
    return parse_manifest(DOCUMENT)


def test_manifest__reads_every_field(manifest: Manifest) -> None:
    circuit = manifest.circuit("small")
    assert circuit.params == (20, R - 1)
    assert (circuit.public, circuit.signals) == (("scope",), ("root", "scope"))
    assert (circuit.max_constraints, circuit.optimization, circuit.release) == (100, "O1", True)
    assert manifest.seed == "s"


def test_manifest__only_ceremony_keys_leave_local_chains(manifest: Manifest) -> None:
    assert not manifest.is_development("2" * 64)
    assert manifest.is_development("1" * 64)
    assert manifest.is_development("3" * 64)


def test_manifest__unknown_circuit__reverts(manifest: Manifest) -> None:
    with pytest.raises(UsageFault) as refused:
        manifest.circuit("large")
    assert "small" in str(refused.value.hint)


def test_manifest__of_the_project_is_valid() -> None:
    checkout = find_checkout()
    assert checkout is not None
    found = load_manifest(checkout / "circuits" / "circuits.json")
    assert found.tools == {"circom.wasm": CIRCOM_SHA256, "bn128.wasm": BN128_SHA256}
    assert found.circuit("passport").signals == ("rootLevel", "nullifier", "scope", "message")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("file", "../evil.circom"),
        ("file", "/etc/passwd"),
        ("file", 'a".circom'),
        ("template", "Small(1); template Evil"),
        ("params", ["0x10"]),
        ("params", [R]),
        ("params", [-1]),
        ("params", [True]),
        ("public", ["root"]),
        ("public", ["a b"]),
        ("max_constraints", 0),
        ("max_constraints", "5"),
        ("optimization", "O3"),
        ("release", "yes"),
    ],
)
def test_manifest__wrong_field__reverts(field: str, value: object, tmp_path: Path) -> None:
    document = copy.deepcopy(DOCUMENT)
    document["circuits"]["small"][field] = value
    path = tmp_path / "circuits.json"
    path.write_text(json.dumps(document))
    with pytest.raises(FileInvalid, match="not a circuit manifest"):
        load_manifest(path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"circuits": []}', "\x00"])
def test_manifest__not_a_manifest__reverts(text: str, tmp_path: Path) -> None:
    path = tmp_path / "circuits.json"
    path.write_text(text)
    with pytest.raises(FileInvalid):
        load_manifest(path)
    with pytest.raises(ArtifactMismatch):
        load_manifest(tmp_path / "absent.json")


def test_main__is_generated_from_the_manifest(manifest: Manifest) -> None:
    source = main_source(manifest.circuit("small"))
    assert 'include "lib/small.circom";' in source
    assert f"component main {{public [scope]}} = Small(20, {R - 1});" in source


def test_constants__are_those_of_the_python_definition() -> None:
    source = constants.constants_source()
    for width in constants.WIDTHS:
        p = poseidon2.parameters(width)
        assert f"function poseidon2FullConstants{width}()" in source
        for value in (*p.partial, *(x for row in p.full for x in row)):
            assert str(value) in source


def test_constants__are_written_once(tmp_path: Path) -> None:
    path = constants.write_constants(tmp_path / "new")
    before = path.stat().st_mtime_ns
    assert constants.write_constants(tmp_path / "new") == path
    assert path.stat().st_mtime_ns == before
    assert [p.name for p in path.parent.iterdir()] == [constants.CONSTANTS_FILE]


OURS = 'warning[CA01]: In template "Mine(3)": Local signal x does not appear in any constraint'
THEIRS = 'warning[CA02]: In template "LessThan(8)": Array of subcomponent signals n2b.out'
PLACED = 'warning[T3002]: Consider using <== instead of <--\n  ┌─ "{}":9:5\n  │\n9 │ d <-- a'


def test_warnings__ours_count_and_vendored_do_not() -> None:
    vendored = frozenset({"LessThan"})
    inside = PLACED.format("circuits/node_modules/circomlib/circuits/comparators.circom")
    outside = PLACED.format("circuits/lib/mine.circom")
    text = "\n\n".join(["template instances: 3", OURS, THEIRS, inside, outside, "all okay"])
    found = own_warnings(text, vendored)
    assert [w.splitlines()[0] for w in found] == [OURS, outside.splitlines()[0]]


def test_warnings__without_a_place_count() -> None:
    assert own_warnings("warning[X]: something new", frozenset()) == ["warning[X]: something new"]


def test_binfile__sections_survive() -> None:
    data = binfile.build(b"test", 1, [(2, b"two"), (1, b"")])
    assert {k: bytes(v) for k, v in binfile.parse(data, b"test", 1).items()} == {2: b"two", 1: b""}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nope" + bytes(8),
        b"test" + struct.pack("<II", 2, 0),
        b"test" + struct.pack("<II", 1, 1000),
        b"test" + struct.pack("<II", 1, 1),
        b"test" + struct.pack("<IIIQ", 1, 1, 1, 1 << 60),
        binfile.build(b"test", 1, [(1, b""), (1, b"")]),
    ],
)
def test_binfile__broken__reverts(data: bytes) -> None:
    with pytest.raises(FileInvalid):
        binfile.parse(data, b"test", 1)


def _r1cs(body: bytes, constraints: int = 1, wires: int = 3) -> bytes:
    header = struct.pack("<I", 32) + R.to_bytes(32, "little")
    header += struct.pack("<IIIIQI", wires, 1, 0, 1, 3, constraints)
    return binfile.build(b"r1cs", 1, [(1, header), (2, body)])


ROW = b"".join(struct.pack("<II32s", 1, wire, (1).to_bytes(32, "little")) for wire in (2, 2, 1))


def test_r1cs__reads_constraints() -> None:
    system = r1cs.read(_r1cs(ROW))
    ((a, b, c),) = system.rows()
    assert ([wire for wire, _ in a], [wire for wire, _ in b], [wire for wire, _ in c]) == (
        [2],
        [2],
        [1],
    )
    assert (system.public, system.domain_power) == (1, 2)


@pytest.mark.parametrize(
    "data",
    [
        _r1cs(ROW[:-1]),
        _r1cs(ROW + b"x"),
        _r1cs(ROW, constraints=2),
        _r1cs(ROW, wires=2),
        _r1cs(struct.pack("<I", 1 << 31)),
    ],
)
def test_r1cs__broken__reverts(data: bytes) -> None:
    with pytest.raises(FileInvalid):
        list(r1cs.read(data).rows())


def test_r1cs__other_field__reverts() -> None:
    data = _r1cs(ROW).replace(R.to_bytes(32, "little"), P.to_bytes(32, "little"))
    with pytest.raises(FileInvalid, match="another field"):
        r1cs.read(data)


@given(st.binary(max_size=200), st.integers(0, 300), st.integers(1, 255))
def test_readers__any_bytes_give_one_kind_of_error(tail: bytes, at: int, flip: int) -> None:
    valid = bytearray(_r1cs(ROW))
    valid[at % len(valid)] ^= flip
    for data in (bytes(valid), b"r1cs" + tail, b"zkey" + tail, b"wtns" + tail):
        for read in (lambda d: list(r1cs.read(d).rows()), zkey.read_zkey, _signals):
            with contextlib.suppress(EnvironmentFault):
                read(data)


def _signals(data: bytes) -> list[int]:
    return witness.public_signals(data, 3)


def test_wtns__holds_its_values() -> None:
    values = b"".join(x.to_bytes(32, "little") for x in (1, 7, 8, 9))
    assert witness.public_signals(witness.to_wtns(values), 2) == [7, 8]
    with pytest.raises(FileInvalid, match="shorter"):
        witness.public_signals(witness.to_wtns(values), 4)


def test_lagrange__sums_to_one_and_interpolates() -> None:
    basis = setup.lagrange(3, 12345)
    root = setup.root_of_unity(3)
    assert sum(basis) % R == 1
    assert sum(x * pow(root, i, R) for i, x in enumerate(basis)) % R == 12345
    assert (pow(root, 8, R), pow(root, 4, R)) == (1, R - 1)


def test_toxic__depends_on_the_seed_alone() -> None:
    assert setup.toxic_from_seed("a") == setup.toxic_from_seed("a")
    assert setup.toxic_from_seed("a") != setup.toxic_from_seed("b")
    assert setup.beacon_value("a", "x") != setup.beacon_value("a", "y")


def test_ptau__table_is_complete() -> None:
    assert sorted(ptau.PUBLISHED) == list(range(8, 29))
    assert {len(digest) for digest in ptau.PUBLISHED.values()} == {128}
    assert len(set(ptau.PUBLISHED.values())) == 21


@pytest.mark.parametrize("data", [b"", b"ptau", b"zkey" + bytes(100), b"ptau" + bytes(100)])
def test_ptau__not_a_ptau__reverts(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "t.ptau"
    path.write_bytes(data)
    with pytest.raises(FileInvalid):
        ptau.check_ptau(path, allow_unlisted=True)
    with pytest.raises(FileInvalid, match="cannot read"):
        ptau.check_ptau(tmp_path / "absent")


MODULE = wasmtime.wat2wasm('(module (func (export "f") (result i32) i32.const 7))')


def _call(module: wasmtime.Module) -> object:
    store = wasmtime.Store(wasm.ENGINE)
    return wasmtime.Instance(store, module, []).exports(store)["f"](store)


def test_cache__is_private_and_used(tmp_path: Path) -> None:
    assert _call(wasm.load_module(MODULE, tmp_path)) == 7
    folder = tmp_path / wasm.CACHE_FOLDER
    assert folder.stat().st_mode & 0o777 == 0o700
    (entry,) = folder.iterdir()
    assert entry.stat().st_mode & 0o777 == 0o600
    before = entry.stat().st_mtime_ns
    assert _call(wasm.load_module(MODULE, tmp_path)) == 7
    assert entry.stat().st_mtime_ns == before


def test_cache__entry_that_others_can_write_or_that_is_broken_is_made_anew(tmp_path: Path) -> None:
    wasm.load_module(MODULE, tmp_path)
    (entry,) = (tmp_path / wasm.CACHE_FOLDER).iterdir()
    good = entry.read_bytes()
    entry.write_bytes(b"broken")
    assert _call(wasm.load_module(MODULE, tmp_path)) == 7
    entry.write_bytes(b"tampered")
    entry.chmod(0o666)
    assert _call(wasm.load_module(MODULE, tmp_path)) == 7
    assert (entry.read_bytes(), entry.stat().st_mode & 0o777) == (good, 0o600)


def test_cache__folder_is_made_private_and_a_link__reverts(tmp_path: Path) -> None:
    folder = tmp_path / wasm.CACHE_FOLDER
    folder.mkdir()
    folder.chmod(0o777)
    wasm.load_module(MODULE, tmp_path)
    assert folder.stat().st_mode & 0o777 == 0o700
    other = tmp_path / "other"
    other.mkdir()
    (other / wasm.CACHE_FOLDER).symlink_to(folder)
    with pytest.raises(EnvironmentFault, match="not a directory of ours"):
        wasm.load_module(MODULE, other)


def test_prover__is_chosen_by_what_is_there(settings: Any) -> None:
    assert [p.name for p in provers(settings)] == ["rapidsnark", "groth16py", "snarkjs"]
    assert choose_prover(settings, "snarkjs").name == "snarkjs"
    assert choose_prover(settings, "groth16py").name == "groth16py"


def test_prover__unknown_or_absent__reverts(
    settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(UsageFault, match="no prover 'magic'"):
        choose_prover(settings, "magic")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing, match="rapidsnark is not installed"):
        choose_prover(settings, "rapidsnark")


@pytest.fixture
def settings(tmp_path: Path) -> Any:
    from mip_cli.config import Settings

    return Settings(
        data_dir=tmp_path, cache_dir=tmp_path, build_dir=tmp_path, checkout=find_checkout()
    )
