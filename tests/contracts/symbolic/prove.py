"""Proves the arithmetic of recovery for every number, by symbolic execution of its bytecode.

Not collected by itself: ``make test-symbolic`` installs the executor into an environment of its own
(``build/symbolic``) and runs this. The executor expects what Foundry builds, so that the compiled
checks are laid out in that way and ``forge`` is a program that does nothing. They are compiled
without the optimiser: its way of finding a function is a jump that the executor cannot follow.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
TOOL = ROOT / "build" / "symbolic" / "bin" / "halmos"
NAME = "RecoveryTermsChecks"
SOURCE = Path(__file__).with_name(f"{NAME}.vy")
TERMS = Path("contracts/modules/recovery_terms.vy")
CHECKS = sorted(re.findall(r"^def (check_\w+)\(", SOURCE.read_text(), re.MULTILINE))

FAULTS = {
    "shift without a bound": ("DELAY << min(vetoes, 3)", "DELAY << vetoes"),
    "no ceiling": (
        "return min(DELAY << min(vetoes, 3), MAX_DELAY)",
        "return DELAY << min(vetoes, 3)",
    ),
    "delay of a second too little": (
        "= 48 * 60 * 60  # seconds from",
        "= 48 * 60 * 60 - 1  # seconds from",
    ),
    "threshold of zero": ("return threshold != 0 and ", "return "),
    "quorum below the threshold": ("threshold <= quorum and quorum", "quorum"),
    "seventeen guardians": ("and quorum <= MAX_GUARDIANS\n", "and quorum <= MAX_GUARDIANS + 1\n"),
    "open too long": ("timestamp < end", "timestamp <= end"),
    "open too early": ("ready_at <= timestamp and ", ""),
}


def compiled(root: Path) -> dict[str, Any]:
    """Compile the checks against the module below a root; lay the result out as Foundry does."""
    from vyper.compiler import compile_from_file_input
    from vyper.compiler.input_bundle import FilesystemInputBundle
    from vyper.compiler.settings import OptimizationLevel, Settings

    bundle = FilesystemInputBundle([root])
    out = compile_from_file_input(
        bundle.load_file(root / SOURCE.name),
        input_bundle=bundle,
        settings=Settings(optimize=OptimizationLevel.NONE, evm_version="cancun"),
        output_formats=["abi", "bytecode", "bytecode_runtime", "method_identifiers"],
    )
    contract = {"nodeType": "ContractDefinition", "contractKind": "contract", "name": NAME}
    return {
        "abi": out["abi"],
        "bytecode": {"object": out["bytecode"], "linkReferences": {}},
        "deployedBytecode": {"object": out["bytecode_runtime"], "linkReferences": {}},
        "methodIdentifiers": {
            name: selector[2:].zfill(8) for name, selector in out["method_identifiers"].items()
        },
        "metadata": {"compiler": {"version": "0.4.3"}, "output": {"devdoc": {"methods": {}}}},
        "ast": {
            "nodeType": "SourceUnit",
            "absolutePath": SOURCE.name,
            "id": 0,
            "nodes": [{**contract, "abstract": False, "id": 1, "nodes": []}],
        },
        "storageLayout": {"storage": [], "types": {}},
    }


def outcome(folder: Path, old: str = "", new: str = "") -> dict[str, str]:
    """Run all checks, with a fault seeded into the module or none; return a word for each."""
    (folder / TERMS).parent.mkdir(parents=True)
    shutil.copy(SOURCE, folder)
    text = (ROOT / TERMS).read_text()
    assert not old or text.count(old) == 1, "the mutation no longer fits the source"
    (folder / TERMS).write_text(text.replace(old, new) if old else text)
    target = folder / "out" / f"{NAME}.sol" / f"{NAME}.json"
    target.parent.mkdir(parents=True)
    target.write_text(json.dumps(compiled(folder)))
    forge = folder / "bin" / "forge"
    forge.parent.mkdir()
    forge.write_text("#!/bin/sh\nexit 0\n")
    forge.chmod(0o755)
    command = [str(TOOL), "--root", str(folder), "--storage-layout", "generic", "--no-status"]
    result = subprocess.run(
        [*command, "--contract", NAME],
        env={**os.environ, "PATH": f"{forge.parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    plain = re.sub(r"\x1b\[[0-9;]*m", "", result.stdout)
    return {name: word for word, name in re.findall(r"\[([A-Z]+)\] (check_\w+)\(", plain)}


def test_terms__hold_for_every_number(tmp_path: Path) -> None:
    assert len(CHECKS) == 9
    assert outcome(tmp_path) == dict.fromkeys(CHECKS, "PASS")


@pytest.mark.parametrize("name", FAULTS)
def test_terms__a_fault_is_found(name: str, tmp_path: Path) -> None:
    words = outcome(tmp_path, *FAULTS[name])
    assert set(words) == set(CHECKS)
    assert "FAIL" in words.values(), words
    assert set(words.values()) <= {"PASS", "FAIL"}
