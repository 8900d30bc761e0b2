"""Proving keys from a powers-of-tau ceremony, made and verified by snarkjs."""

from __future__ import annotations

import re
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mip_cli.errors import CheckFailed, UsageFault
from mip_cli.progress import Progress, Silent
from mip_cli.zk.prover import Snarkjs
from mip_cli.zk.ptau import PowersOfTau
from mip_cli.zk.r1cs import R1cs
from mip_cli.zk.zkey import ZkeyInfo, read_zkey

BEACON_ITERATIONS_EXP = 10
_BEACON = re.compile(r"(?:[0-9a-f]{2}){16,255}")


@dataclass(frozen=True)
class Phase2:
    """How phase 2 is done."""

    ptau: PowersOfTau
    beacon: str
    """Public random value in hex, 16 to 255 bytes, unknown before the last contribution."""
    contributions: int = 1
    """Contributions made here, each with entropy of this machine's operating system."""


def make_ceremony_zkey(
    r1cs_data: bytes,
    r1cs: R1cs,
    phase2: Phase2,
    snarkjs: Snarkjs,
    progress: Progress | None = None,
) -> tuple[bytes, ZkeyInfo]:
    """Run set-up, contributions, beacon and ``zkey verify``; returns the key.

    Entropy goes to snarkjs by standard input, never by its arguments. Raises ``UsageFault`` for a
    file too small for the circuit, ``CheckFailed`` when the key does not verify.
    """
    watch = progress or Silent()
    if phase2.ptau.power < r1cs.domain_power:
        raise UsageFault(
            f"the circuit needs powers of tau of at least 2^{r1cs.domain_power}, "
            f"the file has 2^{phase2.ptau.power}"
        )
    if phase2.contributions < 1 or not _BEACON.fullmatch(phase2.beacon):
        raise UsageFault("a ceremony needs a contribution and a beacon of 16 to 255 bytes in hex")
    ptau = phase2.ptau.path.absolute()
    with tempfile.TemporaryDirectory(prefix="mip-ceremony-") as name:
        folder = Path(name)
        (folder / "circuit.r1cs").write_bytes(r1cs_data)
        watch.step("set up the proving key")
        snarkjs.run(["groth16", "setup", "circuit.r1cs", ptau, "0.zkey"], folder)
        for i in range(phase2.contributions):
            watch.step(f"contribute entropy ({i + 1} of {phase2.contributions})")
            files = [f"{i}.zkey", f"{i + 1}.zkey"]
            entropy = f"{secrets.token_hex(64)}\n".encode()
            snarkjs.run(["zkey", "contribute", *files, f"--name=mip {i + 1}"], folder, entropy)
            (folder / files[0]).unlink()
        watch.step("apply the beacon")
        last = f"{phase2.contributions}.zkey"
        beacon = [phase2.beacon, str(BEACON_ITERATIONS_EXP), "--name=beacon"]
        snarkjs.run(["zkey", "beacon", last, "final.zkey", *beacon], folder)
        watch.step("verify the proving key")
        said = snarkjs.run(["zkey", "verify", "circuit.r1cs", ptau, "final.zkey"], folder)
        if b"ZKey Ok!" not in said:
            raise CheckFailed("snarkjs does not accept the proving key it made")
        data = (folder / "final.zkey").read_bytes()
    info = read_zkey(data)
    if info.contributions != phase2.contributions + 1:
        raise CheckFailed("the proving key lacks a contribution")
    return data, info
