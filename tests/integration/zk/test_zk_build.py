"""Building: what fails a build, what is made again, what is refused when loading."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mip_cli.config import find_checkout
from mip_cli.errors import ArtifactMismatch, CheckFailed, UsageFault
from mip_cli.zk import build
from mip_cli.zk.artifacts import KEY_FILE, STAMP_FILE, load_circuit, load_key
from mip_cli.zk.manifest import load_manifest

Workshop = Any
TINY = "tiny.circom"


def _reasons(workshop: Workshop) -> list[str | None]:
    manifest = load_manifest(workshop.paths.manifest)
    return [job.reason for job in build.plan(workshop.paths, manifest)]


@pytest.fixture
def copy(built: Workshop, workshop: Workshop) -> Workshop:
    """A built workshop of one's own."""
    shutil.copytree(built.settings.build_dir, workshop.settings.build_dir)
    return workshop


def test_build__leaves_every_artefact(built: Workshop) -> None:
    folder = built.paths.output / "tiny"
    names = {"tiny.r1cs", "tiny.wasm", "tiny.sym", "tiny.zkey", KEY_FILE, STAMP_FILE}
    assert {path.name for path in folder.iterdir()} == names
    assert not [path for path in built.paths.output.iterdir() if path.name.startswith(".tiny")]
    constants = built.settings.build_dir / "circom" / "poseidon2_constants.circom"
    assert constants.is_file()


def test_build__twice_does_nothing_and_gives_the_same_bytes(copy: Workshop) -> None:
    assert _reasons(copy) == [None]
    key = copy.paths.output / "tiny" / "tiny.zkey"
    first = key.read_bytes()
    shutil.rmtree(copy.paths.output / "tiny")
    copy.build()
    assert key.read_bytes() == first


def test_build__again_when_source_parameters_or_files_change(copy: Workshop) -> None:
    source = copy.paths.circuits / TINY
    source.write_text(source.read_text() + "\n// changed\n")
    assert _reasons(copy) == ["the sources changed"]
    copy.write(params=[4])
    assert _reasons(copy) == ["the sources changed"]
    copy.write()
    assert _reasons(copy) == [None]
    (copy.paths.output / "tiny" / "tiny.wasm").write_bytes(b"")
    assert "pinned hash" in str(_reasons(copy)[0])


def test_build__includes_are_part_of_the_sources(copy: Workshop) -> None:
    before = _reasons(copy)
    (copy.paths.circuits / "lib").mkdir()
    (copy.paths.circuits / "lib" / "comparators.circom").write_text("// shadows circomlib's\n")
    assert (before, _reasons(copy)) == ([None], ["the sources changed"])


def test_build__missing_include__reverts(workshop: Workshop) -> None:
    workshop.write('pragma circom 2.2.0;\ninclude "nowhere.circom";\n')
    with pytest.raises(CheckFailed, match="nowhere"):
        workshop.build()


def test_build__syntax_error__reverts(workshop: Workshop) -> None:
    workshop.write("pragma circom 2.2.0;\ntemplate Tiny(N) { signal input a }\n")
    with pytest.raises(CheckFailed, match="circom refuses tiny.circom"):
        workshop.build()
    assert not (workshop.paths.output / "tiny").exists()


def test_build__own_warning__reverts(workshop: Workshop) -> None:
    source = (workshop.paths.circuits / TINY).read_text()
    workshop.write(source.replace("signal input a;", "signal input a;\n    signal input idle;"))
    with pytest.raises(CheckFailed, match="idle does not appear in any constraint"):
        workshop.build()


def test_build__over_the_ceiling__reverts(workshop: Workshop) -> None:
    workshop.write(max_constraints=9)
    with pytest.raises(CheckFailed, match="has 10 constraints, the ceiling is 9"):
        workshop.build()


def test_build__signals_in_another_order__reverts(workshop: Workshop) -> None:
    workshop.write(signals=["d", "a"])
    with pytest.raises(CheckFailed, match="public signals of tiny are c, a"):
        workshop.build()


def test_build__other_key_than_pinned__reverts(workshop: Workshop) -> None:
    build.pin(workshop.paths.manifest, "development", {"tiny": "0" * 64})
    with pytest.raises(CheckFailed, match="pinned is 000"):
        workshop.build()
    assert not (workshop.paths.output / "tiny").exists()


def test_build__pinned_key_loads_and_another_pin__reverts(copy: Workshop) -> None:
    found = load_key(copy.settings, "tiny").key_hash
    build.pin(copy.paths.manifest, "development", {"tiny": found})
    assert load_circuit(copy.settings, "tiny").development
    build.pin(copy.paths.manifest, "development", {"tiny": "1" * 64})
    with pytest.raises(ArtifactMismatch, match="not the pinned one"):
        load_circuit(copy.settings, "tiny")


def test_build__ceremony_pin_makes_a_key_fit_for_all_chains(copy: Workshop) -> None:
    found = load_key(copy.settings, "tiny")
    assert found.development
    build.pin(copy.paths.manifest, "ceremony", {"tiny": found.key_hash})
    assert not load_key(copy.settings, "tiny").development


def test_build__does_not_throw_a_ceremony_key_away__reverts(copy: Workshop) -> None:
    stamp = copy.paths.output / "tiny" / STAMP_FILE
    document = json.loads(stamp.read_text()) | {"origin": "ptau:00"}
    stamp.write_text(json.dumps(document))
    assert _reasons(copy) == [None]
    copy.write(params=[4])
    with pytest.raises(UsageFault, match="holds a ceremony key"):
        _reasons(copy)


@pytest.mark.parametrize("name", ["tiny.wasm", "tiny.zkey", KEY_FILE, STAMP_FILE])
def test_load__changed_or_missing_file__reverts(copy: Workshop, name: str) -> None:
    path = copy.paths.output / "tiny" / name
    data = path.read_bytes()
    path.write_bytes(data[:-3])
    with pytest.raises(ArtifactMismatch) as refused:
        load_circuit(copy.settings, "tiny")
    assert "scripts/build_circuits.py" in str(refused.value.hint)
    path.unlink()
    with pytest.raises(ArtifactMismatch, match="cannot read"):
        load_circuit(copy.settings, "tiny")
    path.write_bytes(data)
    assert load_circuit(copy.settings, "tiny").constraints == 10


def test_load__unknown_circuit__reverts(built: Workshop) -> None:
    with pytest.raises(UsageFault, match="there is no circuit 'huge'"):
        load_circuit(built.settings, "huge")


def test_script__dry_run_names_each_circuit(tmp_path: Path) -> None:
    checkout = find_checkout()
    assert checkout is not None
    done = subprocess.run(
        [sys.executable, checkout / "scripts" / "build_circuits.py", "--dry-run", "--json"],
        capture_output=True,
        check=True,
        env=dict(os.environ, MIP_BUILD_DIR=str(tmp_path)),
    )
    document = json.loads(done.stdout)
    assert document["schema"] == "mip.build.circuits/1"
    manifest = load_manifest(checkout / "circuits" / "circuits.json")
    assert {row["circuit"] for row in document["circuits"]} == set(manifest.circuits)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--circuit", "huge"], 2),
        (["--beacon", "00"], 2),
        (["--ptau", __file__, "--beacon", "00" * 32], 3),
    ],
)
def test_script__wrong_request__reverts(arguments: list[str], code: int) -> None:
    checkout = find_checkout()
    assert checkout is not None
    script = checkout / "scripts" / "build_circuits.py"
    done = subprocess.run([sys.executable, script, *arguments], capture_output=True, check=False)
    assert done.returncode == code
    assert done.stderr.startswith(b"mip: error: ")


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_script__interrupted_leaves_no_process_and_starts_anew(
    sent: signal.Signals, code: int, tmp_path: Path
) -> None:
    checkout = find_checkout()
    assert checkout is not None
    script = checkout / "scripts" / "build_circuits.py"
    environment = dict(os.environ, MIP_BUILD_DIR=str(tmp_path))
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        deadline = time.monotonic() + 300
        while len(_compiling(tmp_path)) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(sent)
        _, said = process.communicate(timeout=120)  # returns when the last worker is gone
    assert process.returncode == code
    assert b"Traceback" not in said
    assert _compiling(tmp_path)
    done = subprocess.run(
        [sys.executable, script, "--dry-run"], env=environment, capture_output=True, check=True
    )
    assert b"cannot read" in done.stdout
    paths = build.Paths(tmp_path, tmp_path, tmp_path / "circuits", tmp_path)
    with build._locked(paths.output):
        assert not _compiling(tmp_path)


def _compiling(build_dir: Path) -> list[Path]:
    return list((build_dir / "circuits").glob(".circom-*"))
