"""Compiles the contracts into ``build/contracts/<Name>.json``.

A document holds ABI, bytecode, compiler, settings and a hash of all sources.
Nothing is compiled again while sources, compiler, settings and this script stay the same.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from pathlib import Path
from typing import Any

import click

from mip_cli.chain import poseidon2_evm

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "contracts"
EVM_VERSION = "cancun"
OPTIMIZE = "gas"
VYPER_VERSION = "0.4.3"
SETTINGS = {"optimize": OPTIMIZE, "evmVersion": EVM_VERSION, "experimentalCodegen": False}

DEPLOYABLES = (
    "PassportRegistry.vy",
    "GuardianRecovery.vy",
    "ArchiveAnchor.vy",
    "PermissionGrants.vy",
    "IssuerRegistry.vy",
    "SelfAttestation.vy",
    "PredicateGate.vy",
    "Groth16Verifier.vy",
    "examples/PassportClaim.vy",
    "examples/PassportVote.vy",
    "examples/PassportVault.vy",
    "examples/AgeGate.vy",
    "examples/Lender.vy",
    "examples/Clinic.vy",
    "examples/FlatLottery.vy",
    "examples/CarShare.vy",
)
INTERFACES = (
    "interfaces/IPassportRegistry.vyi",
    "interfaces/IPassportApp.vyi",
    "interfaces/IGroth16Verifier.vyi",
    "interfaces/IGuardianRecovery.vyi",
    "interfaces/IPseudonymEpochs.vyi",
    "interfaces/IArchiveAnchor.vyi",
    "interfaces/IPermissionGrants.vyi",
    "interfaces/IGrantee.vyi",
    "interfaces/IIssuerRegistry.vyi",
    "interfaces/ISelfAttestation.vyi",
    "interfaces/IPredicateGate.vyi",
    "interfaces/IPolicyApp.vyi",
)
SCHEMA = "mip.contract/1"


def source_hash() -> str:
    """Hash every contract source with its path, the compiler, its settings and the generators."""
    digest = hashlib.sha256()
    files = sorted(p for p in SOURCES.rglob("*") if p.suffix in (".vy", ".vyi"))
    for path in files:
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    digest.update(json.dumps([VYPER_VERSION, SETTINGS], sort_keys=True).encode())
    digest.update(hashlib.sha256(Path(__file__).read_bytes()).digest())
    digest.update(hashlib.sha256(poseidon2_evm.creation_bytecode()).digest())
    return digest.hexdigest()


def compile_source(path: Path, formats: tuple[str, ...]) -> dict[str, Any]:
    """Compile one source file with the pinned settings; paths in it are relative to the file."""
    from vyper.compiler import compile_from_file_input  # type: ignore[import-untyped]
    from vyper.compiler.input_bundle import (  # type: ignore[import-untyped]
        FilesystemInputBundle,
    )
    from vyper.compiler.settings import (  # type: ignore[import-untyped]
        OptimizationLevel,
        Settings,
    )

    bundle = FilesystemInputBundle([ROOT])
    with bundle.search_path(ROOT):
        source = bundle.load_file(path.relative_to(ROOT))
    settings = Settings(
        optimize=OptimizationLevel.from_string(OPTIMIZE),
        evm_version=EVM_VERSION,
        experimental_codegen=False,
    )
    result: dict[str, Any] = compile_from_file_input(
        source, input_bundle=bundle, settings=settings, output_formats=list(formats)
    )
    return result


def artefacts(sources_digest: str) -> dict[str, dict[str, Any]]:
    """Compile everything; return one document per contract name."""
    compiler = {"name": "vyper", "version": VYPER_VERSION}
    common = {"schema": SCHEMA, "source_sha256": sources_digest}
    result: dict[str, dict[str, Any]] = {}
    for name in DEPLOYABLES:
        out = compile_source(SOURCES / name, ("abi", "bytecode", "bytecode_runtime"))
        result[Path(name).stem] = {
            **common,
            "source": f"contracts/{name}",
            "compiler": compiler,
            "settings": SETTINGS,
            "abi": out["abi"],
            "bytecode": out["bytecode"],
            "runtime_bytecode": out["bytecode_runtime"],
        }
    for name in INTERFACES:
        out = compile_source(SOURCES / name, ("abi",))
        result[Path(name).stem] = {**common, "source": f"contracts/{name}", "abi": out["abi"]}
    result["Poseidon2"] = {
        **common,
        "source": "mip_cli/chain/poseidon2_evm.py",
        "compiler": {"name": "mip_cli.chain.poseidon2_evm", "version": "1"},
        "settings": {"evmVersion": EVM_VERSION},
        "abi": [],
        "bytecode": "0x" + poseidon2_evm.creation_bytecode().hex(),
        "runtime_bytecode": "0x" + poseidon2_evm.runtime_bytecode().hex(),
    }
    return result


def is_current(folder: Path, sources_digest: str) -> bool:
    """Tell whether every artefact in the folder was made from these sources."""
    names = [Path(name).stem for name in (*DEPLOYABLES, *INTERFACES)] + ["Poseidon2"]
    for name in names:
        try:
            document = json.loads((folder / f"{name}.json").read_text())
        except (OSError, ValueError):
            return False
        if document.get("source_sha256") != sources_digest:
            return False
    return True


@click.command(epilog="Example: scripts/build_contracts.py --json")
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "build" / "contracts")
@click.option("--force", is_flag=True, help="Compile even if nothing changed.")
@click.option("--json", "as_json", is_flag=True, help="Report as one JSON document on stdout.")
def main(output: Path, force: bool, as_json: bool) -> None:
    """Compile the contracts with the pinned Vyper."""
    installed = importlib.metadata.version("vyper")
    if installed != VYPER_VERSION:
        raise click.ClickException(f"vyper {VYPER_VERSION} is wanted, {installed} is installed")
    digest = source_hash()
    output.mkdir(parents=True, exist_ok=True)
    fresh = force or not is_current(output, digest)
    if fresh:
        for name, document in artefacts(digest).items():
            target = output / f"{name}.json"
            temporary = target.with_suffix(".tmp")
            temporary.write_text(json.dumps(document, indent=1) + "\n")
            temporary.replace(target)
    sizes = {
        path.stem: len(json.loads(path.read_text()).get("runtime_bytecode", "0x")) // 2 - 1
        for path in sorted(output.glob("*.json"))
    }
    if as_json:
        report = {"schema": "mip.build.contracts/1", "source_sha256": digest, "compiled": fresh}
        click.echo(json.dumps({**report, "runtime_bytes": sizes}))
        return
    click.echo(f"{'compiled' if fresh else 'up to date'}: {output}", err=True)
    for name, size in sizes.items():
        click.echo(f"{name:24} {size:6} bytes" if size else f"{name:24} ABI only")


if __name__ == "__main__":
    main()
