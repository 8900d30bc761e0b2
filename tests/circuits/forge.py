"""Compiled circuits, their constraints, and forged witnesses.

A forger is not bound by the witness program: he writes any wire he likes. ``unchecked`` is the same
circuit with every check struck out and its computations left in; its witness for a lie is what a
careful forger would write, wire by wire, and the real constraints must refuse it.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from mip_cli.config import load_settings
from mip_cli.crypto.field import R
from mip_cli.errors import UsageFault
from mip_cli.zk import binfile, compiler, r1cs, wasm
from mip_cli.zk.build import Paths, plan
from mip_cli.zk.constants import write_constants
from mip_cli.zk.manifest import Circuit, load_manifest
from mip_cli.zk.passport_inputs import PassportParameters
from mip_cli.zk.witness import WitnessProgram

ROOT = Path(__file__).resolve().parents[2]
CIRCUITS = ROOT / "circuits"
NODE_MODULES = CIRCUITS / "node_modules"
CACHE = ROOT / "build" / "cache"
SETUP_CACHE = load_settings().cache_dir
SETUP = Paths(CIRCUITS, NODE_MODULES, ROOT / "build" / "circuits", SETUP_CACHE)

Inputs = dict[str, "int | list[int]"]
Row = tuple[dict[int, int], dict[int, int], dict[int, int]]

LOOSE = """
template LooseBit(n) {
    signal input in;
    signal output out[n];
    for (var i = 0; i < n - 1; i++) { out[i] <-- (in >> i) & 1; }
    out[n - 1] <-- in >> (n - 1);
}
template Freely(BITS) { signal input value; signal copy <== value; }
template NoMost(BOUND) { signal input value; signal copy <== value; }
template NoLeast(BOUND, MAX) { signal input value; signal copy <== value; }
template Anything(BITS) { signal input value; signal copy <== value; }
"""


@dataclass(frozen=True)
class Rule:
    """A check in the sources, and how to strike it out without moving any other text."""

    file: str
    check: str
    replacement: str = ""
    """Same length; blanks if empty."""
    times: int = 1

    def strike(self, source: str) -> str:
        assert source.count(self.check) == self.times, f"{self.file}: {self.check}"
        text = self.replacement or " " * len(self.check)
        assert len(text) == len(self.check)
        return source.replace(self.check, text)


ANY_RANGE = Rule("lib/range.circom", "Num2Bits(", "LooseBit(")
RULES = {
    "membership": Rule("lib/merkle.circom", "(left[i] - current) * (right[i] - current) === 0;"),
    "next node": Rule(
        "lib/merkle.circom", "(node[i] - current) * (node[i] - parent[i].out) === 0;"
    ),
    "useFace boolean": Rule("passport.circom", "useFace * (useFace - 1) === 0;"),
    "usePassword boolean": Rule("passport.circom", "usePassword * (usePassword - 1) === 0;"),
    "usePeople boolean": Rule("passport.circom", "usePeople * (usePeople - 1) === 0;"),
    "some own kind": Rule("passport.circom", "(1 - useFace) * (1 - usePassword) === 0;"),
    "two kinds at most": Rule("passport.circom", "both * useFace === 0;"),
    "people opening": Rule(
        "passport.circom", "usePeople * (guardianCommitment - shorter.out) === 0;"
    ),
    "password opening": Rule(
        "passport.circom", "(usePassword - both) * (passwordCommitment - shorter.out) === 0;"
    ),
    "twin opening": Rule("passport.circom", "both * (twinCommitment - longer.out) === 0;"),
    "face opening": Rule("passport.circom", "useFace * (faceCommitment - longer.out) === 0;"),
    "template range": Rule("passport.circom", "= Signed(8)", "= Freely(8)"),
    "difference range": Rule("lib/distance.circom", "= Signed(DIFF", "= Freely(DIFF"),
    "distance": Rule("lib/distance.circom", "= AtMost(", "= NoMost("),
    "norm floor": Rule("lib/distance.circom", "= AtLeast(", "= NoLeast("),
    "set opening": Rule("guardian_approval.circom", "setCommitment === set.out;"),
    "approval nullifier": Rule("guardian_approval.circom", "nullifier === approval.out;"),
    # credentials
    "set member": Rule("lib/quad.circom", "left[i] * right[i] === 0;"),
    "issuer place": Rule("lib/quad.circom", "step[i].picked === current;"),
    "issuer bits": Rule("lib/quad.circom", "bit[i] * (bit[i] - 1) === 0;"),
    "revocation place": Rule("lib/quad.circom", "current - step[i].picked === 0;"),
    "revocation node": Rule("lib/quad.circom", "node[i] * (node[i] - step[i].parent) === 0;"),
    "revocation bits": Rule("lib/quad.circom", "bit[i] - bit[i] * bit[i] === 0;"),
    "curve": Rule("lib/signature.circom", "168700 * xx + yy === 1 + 168696 * xx * yy;"),
    "response order": Rule("lib/signature.circom", "order.out === 0;"),
    "key order": Rule("lib/signature.circom", "vanishes.out === 0;"),
    "signature x": Rule("lib/signature.circom", "left.out[0] === right.xout;"),
    "signature y": Rule("lib/signature.circom", "left.out[1] === right.yout;"),
    "use boolean": Rule("lib/policy.circom", "use * (use - 1) === 0;"),
    "relative boolean": Rule("lib/policy.circom", "relative * (relative - 1) === 0;"),
    "kind range": Rule("lib/policy.circom", "= Unsigned(4)", "= Anything(4)"),
    "slot bits": Rule("lib/policy.circom", "slotBit[i] * (slotBit[i] - 1) === 0;"),
    "value": Rule("lib/policy.circom", "use * (seen - value) === 0;"),
    "above": Rule("lib/policy.circom", "above = Unsigned(", "above = Anything("),
    "below": Rule("lib/policy.circom", "below = Unsigned(", "below = Anything("),
    "set": Rule("lib/policy.circom", "use * elsewhere === 0;"),
    "accepted range": Rule("lib/policy.circom", "= Unsigned(16)", "= Anything(16)"),
    "accepted": Rule("lib/policy.circom", "miss[10] === 0;"),
    "day": Rule("kyc_predicate.circom", "day = Unsigned(", "day = Anything("),
    "begun": Rule("kyc_predicate.circom", "begun = Unsigned(", "begun = Anything("),
    "lasting": Rule("kyc_predicate.circom", "lasting = Unsigned(", "lasting = Anything("),
    "used": Rule("kyc_predicate.circom", "used === required;"),
    # documents
    "face shown": Rule("document_face.circom", "(1 - useFace) * (1 - useFace) === 0;"),
    "document range": Rule("document_face.circom", "= Signed(8)", "= Freely(8)"),
    "document hash": Rule("document_face.circom", "found === hash.out;"),
    "document kind": Rule(
        "document_face.circom", "(kind[PLACE] - FACE) * (kind[PLACE] - FACE) === 0;"
    ),
}

PLACES = {
    "membership": r"main\.(leaf\.|pathLeft|pathRight)",
    "next node": r"main\.(tree\.|pathNode|rootLevel)",
    "useFace boolean": r"main\.useFace",
    "usePassword boolean": r"main\.usePassword",
    "usePeople boolean": r"main\.usePeople",
    "some own kind": r"main\.use(Face|Password)",
    "two kinds at most": r"main\.(both|useFace)",
    "people opening": r"main\.(usePeople|guardianCommitment|shorter\.)",
    "password opening": r"main\.(usePassword|both|passwordCommitment|shorter\.)",
    "twin opening": r"main\.(both|twinCommitment|longer\.)",
    "face opening": r"main\.(useFace|faceCommitment|longer\.)",
    "template range": r"main\.coordinate\[",
    "difference range": r"main\.match\.difference\[",
    "distance": r"main\.match\.distance\.",
    "norm floor": r"main\.norm\.norm\.",
    "set opening": r"main\.(setCommitment|set\.)",
    "approval nullifier": r"main\.(nullifier|approval\.)",
    "set member": r"main\.predicate\[\d\]\.set\.",
    "issuer place": r"main\.(issuers\.|issuer\.|issuerChild)",
    "issuer bits": r"main\.(issuers\.bit|issuerBit)",
    "revocation place": r"main\.(absence\.|revocation(Child|Bit))",
    "revocation node": r"main\.(absence\.|revocationNode)",
    "revocation bits": r"main\.(absence\.bit|revocationBit)",
    "response order": r"main\.signature\.order\.",
    "key order": r"main\.signature\.(vanishes|twice)",
    "signature x": r"main\.signature\.(left\.|right\.)",
    "signature y": r"main\.signature\.(left\.|right\.)",
    "use boolean": r"main\.(predicate\[\d\]\.)?use",
    "relative boolean": r"main\.(predicate\[\d\]\.)?relative",
    "kind range": r"main\.predicate\[\d\]\.kindRange",
    "slot bits": r"main\.(predicate\[\d\]\.)?slotBit",
    "value": r"main\.(predicate\[\d\]\.)?value",
    "above": r"main\.predicate\[\d\]\.above\.",
    "below": r"main\.predicate\[\d\]\.below\.",
    "set": r"main\.predicate\[\d\]\.elsewhere",
    "accepted range": r"main\.policy\.acceptedRange",
    "accepted": r"main\.policy\.miss",
    "day": r"main\.day\.",
    "begun": r"main\.begun\.",
    "lasting": r"main\.lasting\.",
    "used": r"main\.(use|required)",
    "face shown": r"main\.useFace",
    "document range": r"main\.ranged\[",
    "document hash": r"main\.(found|hash\.|level2)",
    "document kind": r"main\.kind\[3\]",
}
"""For each rule, names of which every constraint of the rule holds one."""


class Built:
    """A compiled circuit with its constraints and the names of its wires."""

    def __init__(self, compiled: compiler.Compiled, cache: Path = CACHE) -> None:
        self._compiled = compiled
        self._cache = cache
        self.r1cs = r1cs.read(compiled.r1cs)

    @cached_property
    def program(self) -> WitnessProgram:
        assert self._compiled.wasm, "compiled for its constraints alone"
        return WitnessProgram(self._compiled.wasm, self._cache)

    @cached_property
    def rows(self) -> list[Row]:
        def combination(terms: list[tuple[int, bytes]]) -> dict[int, int]:
            return {wire: int.from_bytes(factor, "little") for wire, factor in terms}

        return [(combination(a), combination(b), combination(c)) for a, b, c in self.r1cs.rows()]

    @cached_property
    def names(self) -> dict[int, list[str]]:
        """Names of each wire but the constant one."""
        found: dict[int, list[str]] = {}
        for line in self._compiled.sym.decode().splitlines():
            _, wire, _, name = line.split(",")
            if wire != "-1":
                found.setdefault(int(wire), []).append(name.replace("LooseBit", "Num2Bits"))
        return found

    @property
    def symbols(self) -> list[str]:
        """Names of all signals, those that the compiler merged away among them."""
        return [line.split(",")[3] for line in self._compiled.sym.decode().splitlines()]

    def wire(self, name: str) -> int:
        return next(wire for wire, names in self.names.items() if name in names)

    def witness(self, inputs: Inputs) -> list[int]:
        """Compute all wires as an honest prover does; raises ``ProofInvalid`` for a lie."""
        data = binfile.section(binfile.parse(self.program.compute(inputs), b"wtns", 2), 2)
        return [int.from_bytes(data[i : i + 32], "little") for i in range(0, len(data), 32)]

    def unsatisfied(self, values: Sequence[int]) -> list[int]:
        """Return the indices of the constraints that a full witness breaks."""
        assert len(values) == self.r1cs.wires
        assert values[0] == 1

        def value(combination: dict[int, int]) -> int:
            return sum(factor * values[wire] for wire, factor in combination.items())

        return [i for i, (a, b, c) in enumerate(self.rows) if (value(a) * value(b) - value(c)) % R]

    def loose(self, values: Sequence[int]) -> list[list[str]]:
        """Return the names of each wire that can take another value, all others as they are."""
        rows_of: dict[int, list[int]] = {}
        for index, row in enumerate(self.rows):
            for wire in {wire for side in row for wire in side}:
                rows_of.setdefault(wire, []).append(index)
        sides = [
            [sum(f * values[w] for w, f in side.items()) % R for side in row] for row in self.rows
        ]

        def breaks(index: int, wire: int) -> bool:
            a, b, c = (
                value + side.get(wire, 0)
                for value, side in zip(sides[index], self.rows[index], strict=True)
            )
            return (a * b - c) % R != 0

        return [
            self.names[wire]
            for wire in range(1, self.r1cs.wires)
            if not any(breaks(index, wire) for index in rows_of.get(wire, ()))
        ]

    def place(self, values: Mapping[str, int]) -> list[int]:
        """Write a witness given by signal names."""
        wires = [1]
        for wire in range(1, self.r1cs.wires):
            known = [name for name in self.names[wire] if name in values]
            assert known, f"no value for {self.names[wire]}"
            wires.append(values[known[0]])
        return wires

    def signals(self, values: Sequence[int]) -> list[int]:
        return list(values[1 : 1 + self.r1cs.public])

    def signals_in(self, index: int) -> set[str]:
        """Names of the signals in a constraint."""
        a, b, c = self.rows[index]
        return {name for wire in {*a, *b, *c} - {0} for name in self.names[wire]}


class Forge:
    """A circuit, the same with every check struck out, and with one."""

    def __init__(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self.real = deployed(circuit) or build(circuit)
        self._mutants: dict[str, Built] = {}

    @property
    def parameters(self) -> PassportParameters:
        return PassportParameters.of(self.circuit)

    @property
    def rules(self) -> dict[str, Rule]:
        """The checks that this circuit has, by name."""
        sources = {
            "Passport": {"passport.circom", "lib/merkle.circom", "lib/distance.circom"},
            "GuardianApproval": {"guardian_approval.circom", "lib/merkle.circom"},
            # the passport's own rules have their tests in it
            "KycPredicate": {
                "kyc_predicate.circom",
                "lib/policy.circom",
                "lib/quad.circom",
                "lib/signature.circom",
            },
            "DocumentFace": {"document_face.circom", "lib/distance.circom"},
        }[self.circuit.template]
        return {name: rule for name, rule in RULES.items() if rule.file in sources}

    @cached_property
    def unchecked(self) -> Built:
        struck = [rule for rule in self.rules.values() if not rule.replacement]
        return build(replace(self.circuit, optimization="O0"), (ANY_RANGE, *struck))

    def without(self, rule: str) -> Built:
        """Compile the circuit without one rule, or several named in one text, once."""
        if rule not in self._mutants:
            struck = tuple(self.rules[name] for name in rule.split(", "))
            self._mutants[rule] = build(self.circuit, struck, program=False)
        return self._mutants[rule]

    def forged(self, inputs: Inputs) -> dict[str, int]:
        """Compute every wire from a lie, by signal name, checking nothing."""
        values = self.unchecked.witness(inputs)
        named = self.unchecked.names.items()
        return {name: values[wire] for wire, names in named for name in names}

    def strays(self, inputs: Inputs, rule: str) -> list[set[str]]:
        """Return the signals of broken constraints that do not belong to a rule.

        Fails when the forged witness breaks nothing at all.
        """
        broken = self.real.unsatisfied(self.real.place(self.forged(inputs)))
        assert broken, "the forged witness is accepted"
        found = [self.real.signals_in(i) for i in broken]
        place = re.compile("|".join(PLACES[name] for name in rule.split(", ")))
        return [names for names in found if not any(map(place.match, names))]


def deployed(circuit: Circuit) -> Built | None:
    """Read a circuit as `make setup` built it; None unless a build would leave it as it is."""
    manifest = load_manifest(SETUP.manifest)
    if manifest.circuits.get(circuit.name) != circuit:
        return None
    try:
        (job,) = plan(SETUP, manifest, [circuit.name])
    except UsageFault:  # the key of a ceremony for other sources
        return None
    if job.reason is not None:
        return None
    files = (
        SETUP.output / circuit.name / f"{circuit.name}.{end}" for end in ("r1cs", "wasm", "sym")
    )
    return Built(compiler.Compiled(*(file.read_bytes() for file in files)), SETUP_CACHE)


def build(circuit: Circuit, struck: Sequence[Rule] = (), *, program: bool = True) -> Built:
    """Compile a circuit, with some checks struck out of a copy of its sources.

    The witness program is more than half of the work; what is only counted or checked needs none.
    """
    if program and not struck:
        return Built(compiler.compile_circuit(circuit, CIRCUITS, NODE_MODULES, SETUP_CACHE))
    code = wasm.read_pinned(NODE_MODULES / compiler.CIRCOM_WASM, compiler.CIRCOM_SHA256, "")
    module = wasm.load_module(code, SETUP_CACHE)
    with tempfile.TemporaryDirectory(prefix="mip-forge-") as folder:
        work = Path(folder)
        shutil.copytree(CIRCUITS / "lib", work / "lib")
        for source in CIRCUITS.glob("*.circom"):
            shutil.copy(source, work / source.name)
        for rule in struck:
            path = work / rule.file
            path.write_text(rule.strike(path.read_text()))
        with (work / "lib/range.circom").open("a") as file:
            file.write(LOOSE)
        library = Path("node_modules") / compiler.CIRCOMLIB
        shutil.copytree(NODE_MODULES / compiler.CIRCOMLIB, work / library)
        write_constants(work / "generated")
        (work / "forge_main.circom").write_text(compiler.main_source(circuit))
        arguments = ["forge_main.circom", "--r1cs", "--sym", f"--{circuit.optimization}"]
        if program:
            arguments.append("--wasm")
        for searched in ("lib", library.as_posix(), "generated"):
            arguments += ["-l", searched]
        # the public entry refuses warnings, and a circuit without its checks draws some
        status, text = compiler._run(module, work, arguments)
        assert status == 0, text
        written = work / "forge_main_js/forge_main.wasm"
        return Built(
            compiler.Compiled(
                (work / "forge_main.r1cs").read_bytes(),
                written.read_bytes() if program else b"",
                (work / "forge_main.sym").read_bytes(),
            )
        )
