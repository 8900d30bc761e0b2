"""Building of circuits: compile, check, make keys, stamp; only what changed is made again."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import multiprocessing
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

from mip_cli.config import Settings
from mip_cli.errors import ArtifactMismatch, CheckFailed, ToolMissing, UsageFault
from mip_cli.progress import Progress, Silent
from mip_cli.zk import artifacts, compiler, r1cs, setup, wasm
from mip_cli.zk.artifacts import KEY_FILE, STAMP_FILE, Stamp
from mip_cli.zk.bn128 import BN128_SHA256, Curve
from mip_cli.zk.ceremony import Contributed, Phase2, check_contributed, make_ceremony_zkey
from mip_cli.zk.constants import CONSTANTS_FILE, constants_source, write_constants
from mip_cli.zk.manifest import Circuit, Manifest, parse_manifest
from mip_cli.zk.prover import Snarkjs
from mip_cli.zk.zkey import read_zkey

BUILDER = 1
"""Raise when a change of this package changes what a build leaves."""
BN128_SOURCE = Path("wasmcurves/build/bn128.wasm")
"""Place of the curve arithmetic below node_modules."""
_PR_SET_PDEATHSIG = 1
"""Linux: the signal a process gets when its parent dies."""
_INCLUDE = re.compile(r'^\s*include\s+"([^"]+)"\s*;', re.MULTILINE)


@dataclass(frozen=True)
class Paths:
    """Where a build reads and writes."""

    circuits: Path
    """Folder of the sources and the manifest."""
    node_modules: Path
    """The pinned npm packages."""
    output: Path
    """``build/circuits``."""
    cache: Path

    @property
    def manifest(self) -> Path:
        """The manifest file."""
        return self.circuits / "circuits.json"


@dataclass(frozen=True)
class Job:
    """One circuit to build."""

    circuit: Circuit
    sources: str
    """Hash over all that the compiler will read."""
    seed: str
    reason: str | None
    """Why it must be built; None when it is up to date."""


def paths_of(settings: Settings) -> Paths:
    """Return the paths of a checkout; raises ``ToolMissing`` outside of one."""
    if settings.checkout is None:
        raise ToolMissing("circuits are built from a source checkout only")
    circuits = settings.checkout / "circuits"
    output = settings.build_dir / "circuits"
    return Paths(circuits, circuits / "node_modules", output, settings.cache_dir)


def source_hash(paths: Paths, circuit: Circuit) -> str:
    """Hash a circuit's entry, every source it includes and the compiler.

    Raises ``CheckFailed`` for an include that cannot be found.
    """
    library = paths.node_modules / compiler.CIRCOMLIB
    searched = (paths.circuits, paths.circuits / "lib", library)
    found: dict[str, str] = {CONSTANTS_FILE: wasm.sha256_hex(constants_source().encode())}
    waiting = [paths.circuits / circuit.file]
    while waiting:
        path = waiting.pop().resolve()
        if str(path) in found:
            continue
        try:
            text = path.read_text()
        except OSError as error:
            raise CheckFailed(f"cannot read {path}: {error.strerror}") from error
        found[str(path)] = wasm.sha256_hex(text.encode())
        for name in _INCLUDE.findall(text):
            if Path(name).name == CONSTANTS_FILE:
                continue
            places = [folder / name for folder in (path.parent, *searched)]
            existing = next((place for place in places if place.is_file()), None)
            if existing is None:
                raise CheckFailed(f"{path.name} includes {name}, which is nowhere")
            waiting.append(existing)
    document = {
        "builder": BUILDER,
        "circuit": {k: v for k, v in asdict(circuit).items() if k != "max_constraints"},
        "files": sorted(found.values()),
        "tools": [compiler.CIRCOM_SHA256, BN128_SHA256],
    }
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return wasm.sha256_hex(text.encode())


def plan(
    paths: Paths, manifest: Manifest, names: Sequence[str] = (), *, force: bool = False
) -> list[Job]:
    """Decide what to build, the largest circuit first.

    Raises ``UsageFault`` for an unknown name, or when a ceremony key would be lost.
    """
    chosen = [manifest.circuit(name) for name in names] or list(manifest.circuits.values())
    jobs = [_job(paths, manifest, circuit, force) for circuit in chosen]
    return sorted(jobs, key=lambda job: -job.circuit.max_constraints)


def _job(paths: Paths, manifest: Manifest, circuit: Circuit, force: bool) -> Job:
    sources = source_hash(paths, circuit)
    folder = paths.output / circuit.name
    try:
        stamp = artifacts.read_stamp(folder)
        for name in stamp.files:
            artifacts.read_stamped(folder, stamp, name)
    except ArtifactMismatch as error:
        return Job(circuit, sources, manifest.seed, error.message)
    ceremony = stamp.origin.startswith("ptau:")
    reason = None
    if stamp.sources != sources:
        reason = "the sources changed"
    elif not ceremony and stamp.origin != f"seed:{manifest.seed}":
        reason = "the seed changed"
    if force:
        reason = "forced"
    elif reason and ceremony:
        raise UsageFault(
            f"{circuit.name} holds a ceremony key for other sources",
            hint="--force replaces it by a development key",
        )
    if not reason and stamp.constraints > circuit.max_constraints:
        reason = "the constraint ceiling changed"
    return Job(circuit, sources, manifest.seed, reason)


def build_circuit(
    paths: Paths,
    job: Job,
    *,
    threads: int = 1,
    phase2: Phase2 | Contributed | None = None,
    pinned: str | None = None,
    progress: Progress | None = None,
) -> Stamp:
    """Build one circuit and put it in place whole.

    Raises ``CheckFailed`` for circom errors and warnings, too many constraints, public signals in
    another order than the manifest's, or a verifying key other than ``pinned``.
    """
    circuit, watch = job.circuit, progress or Silent()
    name = circuit.name
    clock = [time.perf_counter()]
    watch.step(f"compile {name}")
    paths.output.mkdir(parents=True, exist_ok=True)
    compiled = compiler.compile_circuit(
        circuit, paths.circuits, paths.node_modules, paths.cache, paths.output
    )
    system = r1cs.read(compiled.r1cs)
    _check(circuit, system, compiled.sym)
    clock.append(time.perf_counter())
    if phase2 is None:
        watch.step(f"make the development key of {name}")
        origin = f"seed:{job.seed}"
        zkey = setup.make_zkey(
            system,
            setup.toxic_from_seed(job.seed),
            setup.beacon_value(job.seed, name),
            lambda: Curve(paths.node_modules / BN128_SOURCE, paths.cache),
            threads,
        )
    else:
        origin = f"ptau:{phase2.ptau.blake2b}"
        snarkjs = Snarkjs(paths.node_modules)
        if isinstance(phase2, Contributed):
            zkey = check_contributed(compiled.r1cs, system, phase2, snarkjs, watch)
        else:
            zkey, _ = make_ceremony_zkey(compiled.r1cs, system, phase2, snarkjs, watch)
    info = read_zkey(zkey)
    clock.append(time.perf_counter())
    found = info.key.hash()
    if pinned is not None and found != pinned:
        raise CheckFailed(
            f"the verifying key of {name} is {found}, pinned is {pinned}",
            hint="if the circuit was changed on purpose, pin the new key with --pin",
        )
    wasm.load_module(compiled.wasm, paths.cache)
    files = {
        f"{name}.r1cs": compiled.r1cs,
        f"{name}.wasm": compiled.wasm,
        f"{name}.sym": compiled.sym,
        f"{name}.zkey": zkey,
        KEY_FILE: (json.dumps(info.key.to_json(), indent=1) + "\n").encode(),
    }
    stamp = Stamp(
        circuit=name,
        sources=job.sources,
        origin=origin,
        files={file: wasm.sha256_hex(data) for file, data in files.items()},
        verifying_key=found,
        constraints=system.constraints,
        wires=system.wires,
        domain=info.domain,
        seconds={
            "compile": round(clock[1] - clock[0], 2),
            "setup": round(clock[2] - clock[1], 2),
        },
    )
    files[STAMP_FILE] = (json.dumps(stamp.to_json(), indent=1) + "\n").encode()
    _publish(paths.output / name, files)
    return stamp


def _check(circuit: Circuit, system: r1cs.R1cs, sym: bytes) -> None:
    if system.constraints > circuit.max_constraints:
        raise CheckFailed(
            f"{circuit.name} has {system.constraints} constraints, "
            f"the ceiling is {circuit.max_constraints}"
        )
    names: dict[int, str] = {}
    for line in sym.decode().splitlines():
        _, wire, _, label = line.split(",", 3)
        if 1 <= int(wire) <= system.public:
            names.setdefault(int(wire), label.removeprefix("main."))
    found = tuple(names[wire] for wire in sorted(names))
    if found != circuit.signals or system.public_inputs != len(circuit.public):
        raise CheckFailed(
            f"the public signals of {circuit.name} are {', '.join(found)}; "
            f"the manifest says {', '.join(circuit.signals)}"
        )


def _publish(folder: Path, files: dict[str, bytes]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        fresh.chmod(0o755)
        for name, data in files.items():
            (fresh / name).write_bytes(data)
        old = fresh.with_name(f"{fresh.name}-old")
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def build_all(
    paths: Paths,
    jobs: Sequence[Job],
    pins: dict[str, str],
    *,
    phase2: Phase2 | Contributed | None = None,
    progress: Progress | None = None,
) -> list[Stamp]:
    """Build the jobs that need it, two at a time, and what all circuits share.

    ``pins`` holds the verifying-key hashes that must come out. Returns the stamps of all jobs.
    """
    with _locked(paths.output):
        return _build_all(paths, jobs, pins, phase2, progress)


@contextlib.contextmanager
def _locked(output: Path) -> Iterator[None]:
    output.mkdir(parents=True, exist_ok=True)
    with (output / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left_over in output.glob(".*-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        yield


def _build_all(
    paths: Paths,
    jobs: Sequence[Job],
    pins: dict[str, str],
    phase2: Phase2 | Contributed | None,
    progress: Progress | None,
) -> list[Stamp]:
    watch = progress or Silent()
    share(paths)
    due = [job for job in jobs if job.reason is not None]
    cores = min(2, os.cpu_count() or 1)
    fresh: dict[str, Stamp] = {}
    if len(due) <= 1 or phase2 is not None or cores == 1:
        for job in due:
            pinned = pins.get(job.circuit.name)
            fresh[job.circuit.name] = build_circuit(
                paths, job, threads=cores, phase2=phase2, pinned=pinned, progress=progress
            )
    else:
        watch.step(f"build {len(due)} circuits")
        context = multiprocessing.get_context("spawn")
        before = multiprocessing.active_children()
        with ProcessPoolExecutor(cores, context, _start_worker) as pool:
            futures = {
                pool.submit(build_circuit, paths, job, pinned=pins.get(job.circuit.name)): job
                for job in due
            }
            try:
                for done, future in enumerate(as_completed(futures), 1):
                    fresh[futures[future].circuit.name] = future.result()
                    watch.advance(done, len(due))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                for worker in set(multiprocessing.active_children()) - set(before):
                    worker.terminate()
                raise
    return [
        fresh.get(job.circuit.name) or artifacts.read_stamp(paths.output / job.circuit.name)
        for job in jobs
    ]


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))


def share(paths: Paths) -> None:
    """Put the manifest, the curve arithmetic and the generated constants in place."""
    paths.output.mkdir(parents=True, exist_ok=True)
    source = paths.node_modules / BN128_SOURCE
    curve = wasm.read_pinned(source, BN128_SHA256, "run `make setup`")
    write_constants(paths.output.parent / "circom")
    shared = {artifacts.BN128_FILE: curve, "circuits.json": paths.manifest.read_bytes()}
    for name, data in shared.items():
        target = paths.output / name
        if not target.is_file() or target.read_bytes() != data:
            temporary = target.with_name(f".{name}.{os.getpid()}")
            temporary.write_bytes(data)
            temporary.replace(target)


def pin(
    manifest: Path,
    section: str,
    hashes: dict[str, str],
    contributions: dict[str, list[str]] | None = None,
) -> None:
    """Write verifying-key hashes into a section of the manifest, leaving the rest as it is.

    ``contributions`` are those of each ceremony key, the beacon last.
    """
    text = manifest.read_text()
    content = json.loads(text)[section]
    content["verification_keys"] = dict(sorted((content["verification_keys"] | hashes).items()))
    if contributions:
        known = content.get("contributions", {}) | contributions
        content["contributions"] = dict(sorted(known.items()))
    body = json.dumps(content, indent=2).replace("\n", "\n  ")
    pattern = rf'("{section}"\s*:\s*)\{{(?:[^{{}}]|\{{[^{{}}]*\}})*\}}'
    changed, count = re.subn(pattern, lambda match: match[1] + body, text)
    if count != 1:
        raise CheckFailed(f"cannot write the hashes into {manifest}")
    parse_manifest(json.loads(changed))
    temporary = manifest.with_name(f".{manifest.name}.{os.getpid()}")
    temporary.write_text(changed)
    temporary.replace(manifest)
