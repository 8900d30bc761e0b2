"""Witness, proof and verification in a warm process, with every prover that is there."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.common import (
    ROOT,
    Context,
    Figures,
    Memory,
    announced,
    median_cpu_seconds,
    median_seconds,
)
from benchmarks.guardians import approval_inputs_of
from benchmarks.holder import Holder, inputs_of
from mip_cli.chain.devnet import node_binary
from mip_cli.units import Address
from mip_cli.zk import verifier
from mip_cli.zk.artifacts import CircuitArtifacts, load_circuit
from mip_cli.zk.prover import Prover, choose_prover, make_proof, provers

SNARKJS = ROOT / "circuits" / "node_modules" / "snarkjs"
ANCHOR = Address("0x" + "11" * 20)


def measure(context: Context) -> Figures:
    """Measure the circuit ``passport`` with a holder's witness for both kinds."""
    circuit = load_circuit(context.settings, "passport")
    inputs = inputs_of(circuit, Holder(1, ANCHOR).witness(scope=3, message=4, path=None))
    wtns = circuit.program.compute(inputs)
    figures = {"witness.ms": 1000 * median_seconds(25, lambda: circuit.program.compute(inputs))}
    for prover in provers(context.settings):
        if prover.available():
            with announced(context.say, f"  {prover.name}"):
                figures |= _prover(prover, circuit, wtns)
    chosen = choose_prover(context.settings)
    for name in ("seconds", "rss_mib"):
        key = "prove.warm_seconds" if name == "seconds" else "prove.rss_mib"
        figures[key] = figures[f"prove.{chosen.name}.{name}"]
        if (found := figures.get(f"prove.rapidsnark.{name}")) is not None:
            figures[f"peer.rapidsnark.{name}"] = found
    figures["prove.warm_cpu_seconds"] = median_cpu_seconds(
        5, lambda: make_proof(chosen, circuit.zkey, circuit.key, wtns, circuit.curve)
    )
    figures |= _approval(context, chosen)
    proof, signals = make_proof(chosen, circuit.zkey, circuit.key, wtns, circuit.curve)
    figures["verify.ms"] = 1000 * median_seconds(
        25, lambda: verifier.verify_quickly(circuit.curve, circuit.key, proof, signals)
    )
    figures["verify.py_ecc_ms"] = 1000 * median_seconds(
        3, lambda: verifier.verify(circuit.key, proof, signals)
    )
    warm = snarkjs_warm(circuit.zkey, wtns, runs=5)
    figures["prove.snarkjs.in_process_seconds"] = statistics.median(warm["prove"]) / 1000
    figures["peer.snarkjs.verify_ms"] = statistics.median(warm["verify"])
    return figures


def _approval(context: Context, prover: Prover) -> Figures:
    """Measure a guardian's approval from its inputs to a verified proof."""
    circuit = load_circuit(context.settings, "guardian_approval")
    inputs = approval_inputs_of(0, 5)
    circuit.prove(inputs, prover)
    return {"prove.approval_seconds": median_seconds(7, lambda: circuit.prove(inputs, prover))}


def _prover(prover: Prover, circuit: CircuitArtifacts, wtns: bytes) -> Figures:
    def once() -> None:
        make_proof(prover, circuit.zkey, circuit.key, wtns, circuit.curve)

    once()
    runs = 3 if prover.name == "snarkjs" else 7
    figures = {f"prove.{prover.name}.seconds": median_seconds(runs, once)}
    with Memory(os.getpid(), itself=False) as memory:
        once()
    figures[f"prove.{prover.name}.rss_mib"] = memory.most
    return figures


def snarkjs_warm(zkey: Path, wtns: bytes, runs: int) -> dict[str, Any]:
    """Prove and verify again and again in one Node process; milliseconds of each run."""
    with tempfile.TemporaryDirectory(prefix="mip-bench-") as folder:
        file = Path(folder) / "witness.wtns"
        file.write_bytes(wtns)
        script = ROOT / "bench" / "snarkjs_warm.cjs"
        command = [str(part) for part in (node_binary(), script, SNARKJS, zkey, file, runs)]
        done = subprocess.run(command, capture_output=True, check=True, timeout=300)
    found: dict[str, Any] = json.loads(done.stdout)
    return found
