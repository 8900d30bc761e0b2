"""Seeded faults: each one makes the contract tests fail.

Takes an hour and is not collected by itself: ``pytest tests/contracts/mutants.py``.
With ``-m quick`` it seeds the most telling faults, each against the one test that shall notice it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import faults_archive
import faults_credentials
import faults_grants
import faults_recovery
import faults_registry
import pytest

ROOT = Path(__file__).parents[2]
TABLES = (faults_registry, faults_recovery, faults_archive, faults_credentials, faults_grants)
MUTANTS = {name: fault for table in TABLES for name, fault in table.FAULTS.items()}
QUICK = {name: test for table in TABLES for name, test in table.QUICK.items()}

PARTS = {
    "registry": ("registry", "registry_keys", "registry_checks"),
    "recovery": ("recovery", "recovery_requests", "recovery_end"),
    "grants": ("grants", "grants_use", "grants_end"),
}
"""Subjects whose tests lie in several files."""


def suite_fails(contracts: Path, name: str, only: str) -> bool:
    """Run the tests of one subject, or some of them, against a copy of the contracts."""
    parts = [f"tests/contracts/test_{part}.py" for part in PARTS.get(name, (name,))]
    # unraisableexception: pytest collects garbage five times before it ends, 0.5 s each here
    unused = ("cacheprovider", "ape_test", "boa_test", "unraisableexception")
    plugins = [word for plugin in unused for word in ("-p", f"no:{plugin}")]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", *plugins]
    result = subprocess.run(
        [*command, *parts, "-k", only],
        cwd=ROOT,
        env={**os.environ, "MIP_TEST_CONTRACTS": str(contracts)},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert result.returncode in (0, 1), result.stdout[-2000:] + result.stderr[-2000:]
    assert result.returncode == 0 or " error" not in result.stdout.splitlines()[-1], result.stdout
    return result.returncode == 1


def is_killed(name: str, folder: Path, only: str = "") -> bool:
    """Seed a fault in a copy of the contracts and run the tests against it."""
    source, old, new, tests = MUTANTS[name]
    copy = folder / "contracts"
    shutil.copytree(ROOT / "contracts", copy)
    text = (copy / source).read_text()
    assert text.count(old) == 1, "the mutation no longer fits the source"
    (copy / source).write_text(text.replace(old, new))
    return suite_fails(copy, tests, only)


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_mutant__is_killed(name: str, tmp_path: Path) -> None:
    assert is_killed(name, tmp_path)


@pytest.mark.quick
@pytest.mark.parametrize("name", QUICK)
def test_mutant__is_killed_by_its_test(name: str, tmp_path: Path) -> None:
    assert is_killed(name, tmp_path, QUICK[name])
