"""What sources say about themselves: reasons, headers, interfaces, artefacts."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import boa
import pytest
from deployment import Deployment, account, commitment, refusal
from eth_utils import function_abi_to_4byte_selector, keccak

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "contracts").rglob("*.vy"))


def builder() -> Any:
    path = ROOT / "scripts" / "build_contracts.py"
    spec = importlib.util.spec_from_file_location("build_contracts", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PREFIX = (
    "(?:registry|verifier|recovery|epochs|archive|issuers|gate|grants"
    "|claim|vote|vault|age|lender|clinic|flat|car|policy): "
)
"""Who speaks in a reason."""


def reasons() -> set[str]:
    pattern = re.compile(f'"({PREFIX}[^"]+)"')
    return {match for path in SOURCES for match in pattern.findall(path.read_text())}


def test_reasons__each_has_a_test() -> None:
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert len(reasons()) > 30
    assert {reason for reason in reasons() if reason not in tests} == set()


def test_reasons__no_bare_assert() -> None:
    for path in SOURCES:
        code = re.sub(r'"""(.|\n)*?"""', "", path.read_text())
        code = re.sub(r"#.*", "", code)
        asserts = re.findall(r"^ +assert\b", code, re.MULTILINE)
        given = re.findall(f'"{PREFIX}', code)
        assert len(asserts) == len(given), path


def test_headers__follow_the_house_style() -> None:
    for path in SOURCES:
        text = path.read_text()
        pragma = "off" if path.parent.name == "modules" else "on"
        assert "# pragma version 0.4.3\n" in text
        assert f"# pragma nonreentrancy {pragma}\n" in text
        for tag in ("@title", "@license", "@notice", "@custom:stop"):
            assert tag in text, (path, tag)
        # what any app shall be able to import
        mit = path.parent.name == "examples" or path.name == "policies.vy"
        free = "MIT" if mit else "AGPL-3.0-only"
        assert f"@license {free}\n" in text
        assert len(text.splitlines()) <= 400


def test_modules__acts_hold_the_lock() -> None:
    """The pragma of a contract does not reach into modules: their acts name the lock themselves."""
    acts = 0
    for path in (ROOT / "contracts" / "modules").glob("*.vy"):
        for decorators in re.findall(r"((?:^@\w+\n)+)def ", path.read_text(), re.MULTILINE):
            if "@external" in decorators and "@view" not in decorators:
                assert "@nonreentrant" in decorators, path
                acts += 1
    assert acts == 8


def test_interfaces__are_free_to_use() -> None:
    for path in (ROOT / "contracts" / "interfaces").glob("I*"):
        assert "SPDX-License-Identifier: MIT" in path.read_text().splitlines()[0]


@pytest.mark.parametrize(("name", "count"), [("IPassportRegistry", 19), ("IPermissionGrants", 8)])
def test_interfaces__solidity_has_the_same_selectors(name: str, count: int) -> None:
    folder = ROOT / "contracts" / "interfaces"
    text = re.sub(r"//.*", "", (folder / f"{name}.sol").read_text())
    imported = "".join((folder / f).read_text() for f in re.findall(r'from "./(\w+\.sol)"', text))
    structs: dict[str, str] = {}
    for struct, body in re.findall(r"struct (\w+) \{([^}]*)\}", text + imported):
        body = re.sub(r"//.*", "", body)
        structs[struct] = "(" + ",".join(re.findall(r"([\w\[\]]+)\s+\w+;", body)) + ")"
    selectors = set()
    for function, arguments in re.findall(r"function (\w+)\(([^)]*)\)", text):
        types = [argument.split()[0] for argument in arguments.split(",") if argument.strip()]
        for struct, tuple_type in structs.items():
            types = [re.sub(rf"^(\w+\.)?{struct}\b", tuple_type, kind) for kind in types]
        selectors.add(keccak(text=f"{function}({','.join(types)})")[:4])
    (abi,) = (builder().compile_source(folder / f"{name}.vyi", ("abi",)),)
    expected = {
        function_abi_to_4byte_selector(entry) for entry in abi["abi"] if entry["type"] == "function"
    }
    assert selectors == expected
    assert len(selectors) == count


def test_artefacts__are_complete_and_current() -> None:
    module = builder()
    folder = ROOT / "build" / "contracts"
    assert module.is_current(folder, module.source_hash()), "run scripts/build_contracts.py"
    for name in (Path(name).stem for name in module.DEPLOYABLES):
        document = json.loads((folder / f"{name}.json").read_text())
        assert document["compiler"] == {"name": "vyper", "version": "0.4.3"}
        assert document["settings"]["evmVersion"] == "cancun"
        assert document["settings"]["experimentalCodegen"] is False
        assert len(document["runtime_bytecode"]) // 2 < 24_576


def packed_slot(registry: Any) -> int:
    layout = registry.compiler_data.storage_layout["storage_layout"]
    return int(layout["root_window"]["_packed"]["slot"])


@pytest.mark.parametrize("batched", [False, True])
def test_enroll__full_tree__reverts(suite: Deployment, batched: bool) -> None:
    """The size is written into storage: nobody enrols a million passports here."""
    for size, reason in ((2**20 - 1, None), (2**20, "registry: tree is full")):
        with boa.env.anchor():
            for level in range(21):
                peaks = suite.registry.compiler_data.storage_layout["storage_layout"]
                slot = int(peaks["lean_tree"]["_peaks"]["slot"]) + level
                boa.env.set_storage(suite.registry.address, slot, commitment(level))
            boa.env.set_storage(suite.registry.address, packed_slot(suite.registry), size)
            entry = tuple(suite.signed(1).values())
            if batched:
                assert refusal(lambda e=entry: suite.registry.enroll_batch([e])) == reason
            else:
                act = lambda: suite.registry.enroll(3, 4, 5, sender=account(1))  # noqa: E731
                assert refusal(act) == reason
            assert suite.registry.size() == min(size + 1, 2**20)
            assert suite.registry.depth() == 20
