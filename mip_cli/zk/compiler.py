"""The circom compiler, run as WebAssembly without Node.

circom 2.2.3 comes as ``circom.wasm`` in npm ``circom2`` 0.2.23 and sees only the folders it is
given. Warnings of ``--inspect`` in our own sources fail the build.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import wasmtime

from mip_cli.errors import CheckFailed, EnvironmentFault
from mip_cli.zk import wasm
from mip_cli.zk.constants import write_constants
from mip_cli.zk.manifest import Circuit

CIRCOM_SHA256 = "96fc92a93768f38979db6c2bac4b1aa9fc7d66742121a63d4c4792d5b4037162"
"""circom.wasm of npm circom2 0.2.23, that is circom 2.2.3."""
CIRCOM_WASM = Path("circom2/circom.wasm")
"""Place of the compiler below node_modules."""
CIRCOMLIB = Path("circomlib/circuits")
"""Place of circomlib below node_modules."""
_VENDOR = Path("circuits/node_modules") / CIRCOMLIB
_GENERATED = Path("build/circom")
LIBRARIES = (Path("circuits"), Path("circuits/lib"), _VENDOR, _GENERATED)
"""Include search path as circom sees it, in this order; the layout is that of the checkout."""

_MAIN = "generated_main"
"""Base name of the generated file; no circuit may use it."""

_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
_LOCATION = re.compile(r"┌─ \"?([^\s\":]+)\"?:\d+")
_IN_TEMPLATE = re.compile(r'In template "(\w+)')
_TEMPLATE = re.compile(r"^\s*template\s+(?:custom\s+|parallel\s+)*(\w+)", re.MULTILINE)


@dataclass(frozen=True)
class Compiled:
    """What the compiler made of one circuit."""

    r1cs: bytes
    wasm: bytes
    """Witness program."""
    sym: bytes
    """Names of the wires."""


def main_source(circuit: Circuit) -> str:
    """Write the ``component main`` of a manifest entry."""
    public = f" {{public [{', '.join(circuit.public)}]}}" if circuit.public else ""
    arguments = ", ".join(str(value) for value in circuit.params)
    return (
        "// Generated from circuits.json; do not edit.\n"
        "pragma circom 2.2.0;\n\n"
        f'include "{circuit.file}";\n\n'
        f"component main{public} = {circuit.template}({arguments});\n"
    )


def compile_circuit(
    circuit: Circuit,
    circuits_dir: Path,
    node_modules: Path,
    cache_dir: Path,
    scratch: Path | None = None,
) -> Compiled:
    """Compile one circuit of ``circuits_dir`` with the compiler and circomlib in node_modules.

    Works in a temporary folder, below ``scratch`` if given.

    Raises ``CheckFailed`` with circom's words when the circuit is wrong or draws a warning,
    ``ArtifactMismatch`` when the compiler is not the pinned one.
    """
    code = wasm.read_pinned(node_modules / CIRCOM_WASM, CIRCOM_SHA256, "run `make setup`")
    module = wasm.load_module(code, cache_dir)
    with tempfile.TemporaryDirectory(prefix=".circom-", dir=scratch) as folder:
        work = Path(folder)
        shutil.copytree(circuits_dir, work / "circuits", ignore=_only_sources)
        shutil.copytree(node_modules / CIRCOMLIB, work / _VENDOR, ignore=_only_sources)
        write_constants(work / _GENERATED)
        (work / f"{_MAIN}.circom").write_text(main_source(circuit))
        arguments = [f"{_MAIN}.circom", "--r1cs", "--wasm", "--sym", "--inspect"]
        arguments.append(f"--{circuit.optimization}")
        for library in LIBRARIES:
            if (work / library).is_dir():
                arguments += ["-l", library.as_posix()]
        code_, text = _run(module, work, arguments)
        if code_ != 0:
            raise CheckFailed(f"circom refuses {circuit.file}:\n{text}")
        if found := own_warnings(text, _templates(work / _VENDOR)):
            raise CheckFailed(f"circom warns about {circuit.file}:\n" + "\n".join(found))
        return Compiled(
            r1cs=(work / f"{_MAIN}.r1cs").read_bytes(),
            wasm=(work / f"{_MAIN}_js" / f"{_MAIN}.wasm").read_bytes(),
            sym=(work / f"{_MAIN}.sym").read_bytes(),
        )


def _only_sources(folder: str, names: list[str]) -> list[str]:
    paths = [Path(folder) / name for name in names]
    return [
        path.name
        for path in paths
        if path.name == "node_modules" or (path.is_file() and path.suffix != ".circom")
    ]


def _templates(folder: Path) -> frozenset[str]:
    sources = (path.read_text() for path in folder.rglob("*.circom"))
    return frozenset(name for source in sources for name in _TEMPLATE.findall(source))


def _run(module: wasmtime.Module, work: Path, arguments: list[str]) -> tuple[int, str]:
    linker = wasmtime.Linker(wasm.ENGINE)
    linker.define_wasi()
    store = wasmtime.Store(wasm.ENGINE)
    config = wasmtime.WasiConfig()
    config.argv = ["circom", *arguments]
    config.preopen_dir(str(work), ".")
    config.stdout_file = str(work / ".stdout")
    config.stderr_file = str(work / ".stderr")
    store.set_wasi(config)
    instance = linker.instantiate(store, module)
    start = instance.exports(store)["_start"]
    code = 0
    try:
        start(store)
    except wasmtime.ExitTrap as error:
        code = error.code
    except wasmtime.Trap as error:
        raise EnvironmentFault(f"circom crashed: {str(error).splitlines()[0]}") from error
    except wasmtime.WasmtimeError as error:
        raise EnvironmentFault(f"circom crashed: {str(error).splitlines()[0]}") from error
    texts = [(work / name).read_text(errors="replace") for name in (".stderr", ".stdout")]
    return code, _ESCAPES.sub("", "\n".join(texts)).strip()


def own_warnings(text: str, vendored: frozenset[str]) -> list[str]:
    """Return the warnings in circom's output that do not lie in vendored files or templates."""
    found = []
    for block in re.split(r"\n(?=(?:warning|error)\[)", text):
        if not block.startswith("warning["):
            continue
        places = _LOCATION.findall(block)
        template = _IN_TEMPLATE.match(block.partition(": ")[2])
        if places:
            ours = any("node_modules" not in place for place in places)
        else:
            ours = template is None or template[1] not in vendored
        if ours:
            found.append(block.strip())
    return found
