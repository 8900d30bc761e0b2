"""Proving keys from a powers-of-tau ceremony: made here for rehearsal, or brought by contributors.

snarkjs makes and verifies them; ``docs/ceremony.md`` tells how a ceremony is run.
"""

from __future__ import annotations

import re
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mip_cli.errors import CheckFailed, EnvironmentFault, FileInvalid, UsageFault
from mip_cli.progress import Progress, Silent
from mip_cli.zk.prover import Snarkjs
from mip_cli.zk.ptau import PowersOfTau
from mip_cli.zk.r1cs import R1cs
from mip_cli.zk.zkey import ZkeyInfo, read_zkey

BEACON_ITERATIONS_EXP = 10
MIN_CONTRIBUTIONS = 2
"""Contributions besides the beacon that a key needs to leave local chains."""
MAX_ZKEY = 1 << 30
"""Bytes; a key of the largest circuit has 10 MiB."""
COMMAND = "scripts/build_circuits.py --circuit NAME --zkey FINAL --ptau FILE --pin"
"""What installs the key of a ceremony."""
GUIDE = f"docs/ceremony.md, then {COMMAND}"
_BEACON = re.compile(r"(?:[0-9a-f]{2}){16,255}")


@dataclass(frozen=True)
class Phase2:
    """How phase 2 is done."""

    ptau: PowersOfTau
    beacon: str
    """Public random value in hex, 16 to 255 bytes, unknown before the last contribution."""
    contributions: int = 1
    """Contributions made here, each with entropy of this machine's operating system."""


@dataclass(frozen=True)
class Contributed:
    """A finished key that contributors elsewhere made."""

    ptau: PowersOfTau
    data: bytes
    info: ZkeyInfo


def read_contributed(path: Path, ptau: PowersOfTau) -> Contributed:
    """Read a finished key; nothing of it is verified against a circuit yet."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_ZKEY + 1)
    except OSError as error:
        raise FileInvalid(f"cannot read {path}: {error.strerror}") from error
    if len(data) > MAX_ZKEY:
        raise FileInvalid(f"{path} is too large for a proving key")
    return Contributed(ptau, data, read_zkey(data))


def require_ceremony(contributed: Contributed) -> list[str]:
    """Return the hashes of a key's contributions if it is fit for all chains.

    The beacon must be the last and only one: what is contributed after it could be chosen with
    knowledge of it. Raises ``CheckFailed`` for a key that stays a development key. That the
    contributors are independent of each other, no file can show.
    """
    if not contributed.ptau.published:
        raise CheckFailed("a key from an unlisted powers-of-tau file stays a development key")
    phase2 = contributed.info.phase2
    if not phase2[-1].beacon:
        raise CheckFailed(
            "a key whose last contribution is no beacon stays a development key",
            hint="finish it: snarkjs zkey beacon",
        )
    people = [step for step in phase2[:-1] if not step.beacon]
    if len(people) != len(phase2) - 1:
        raise CheckFailed("a key with a beacon before the end stays a development key")
    if len({step.digest for step in people}) < MIN_CONTRIBUTIONS:
        raise CheckFailed(
            f"a key with fewer than {MIN_CONTRIBUTIONS} contributions besides the beacon stays a "
            f"development key; this one has {len(people)}",
            hint="let others contribute: snarkjs zkey contribute, see docs/ceremony.md",
        )
    return [step.digest for step in phase2]


def check_contributed(
    r1cs_data: bytes,
    r1cs: R1cs,
    contributed: Contributed,
    snarkjs: Snarkjs,
    progress: Progress | None = None,
) -> bytes:
    """Verify a finished key against circuit and powers of tau; returns it.

    Raises ``UsageFault`` for a powers-of-tau file too small for the circuit, ``CheckFailed`` when
    the key is of another circuit or file, or a contribution in it is false.
    """
    _require_power(contributed.ptau, r1cs)
    with tempfile.TemporaryDirectory(prefix="mip-ceremony-") as name:
        folder = Path(name)
        (folder / "circuit.r1cs").write_bytes(r1cs_data)
        (folder / "final.zkey").write_bytes(contributed.data)
        _verify(folder, contributed.ptau.path.absolute(), snarkjs, progress or Silent())
    return contributed.data


def _require_power(ptau: PowersOfTau, r1cs: R1cs) -> None:
    if ptau.power < r1cs.domain_power:
        raise UsageFault(
            f"the circuit needs powers of tau of at least 2^{r1cs.domain_power}, "
            f"the file has 2^{ptau.power}"
        )


def _verify(folder: Path, ptau: Path, snarkjs: Snarkjs, watch: Progress) -> None:
    watch.step("verify the proving key")
    try:
        said = snarkjs.run(["zkey", "verify", "circuit.r1cs", ptau, "final.zkey"], folder)
    except EnvironmentFault as error:
        if "INVALID" not in error.message and "Invalid" not in error.message:
            raise
        said = b""
    if b"ZKey Ok!" not in said:
        raise CheckFailed(
            "snarkjs does not accept the proving key for this circuit and powers of tau"
        )


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
    _require_power(phase2.ptau, r1cs)
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
        _verify(folder, ptau, snarkjs, watch)
        data = (folder / "final.zkey").read_bytes()
    info = read_zkey(data)
    if info.contributions != phase2.contributions + 1:
        raise CheckFailed("the proving key lacks a contribution")
    return data, info
