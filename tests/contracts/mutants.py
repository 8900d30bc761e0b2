"""Seeded faults: each one makes the contract tests fail.

Takes some minutes and is not collected by itself: ``pytest tests/contracts/mutants.py``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REGISTRY = "PassportRegistry.vy"
WINDOW = "modules/root_window.vy"
TREE = "modules/lean_tree.vy"
GATE = "modules/presentations.vy"
SIGNED = "modules/eip712.vy"
VERIFIER = "Groth16Verifier.vy"

MUTANTS = {
    "cool-down dropped": (REGISTRY, "updated_at + COOLDOWN", "updated_at", "registry"),
    "leaf without its tag": (REGISTRY, "(digest + TAG_LEAF) % R", "digest", "registry"),
    "anchor not in the leaf": (
        REGISTRY,
        "convert(anchor, uint256), keys_root",
        "0, keys_root",
        "registry",
    ),
    "epoch not advanced in the leaf": (
        REGISTRY,
        "new_keys_root, epoch + 1)",
        "new_keys_root, epoch)",
        "registry",
    ),
    "identity not checked for R": (
        REGISTRY,
        "identity_commitment != 0 and identity_commitment < R",
        "identity_commitment != 0",
        "registry",
    ),
    "keys root zero accepted": (
        REGISTRY,
        "keys_root != 0 and keys_root < R",
        "keys_root < R",
        "registry",
    ),
    "same passport twice": (
        REGISTRY,
        'assert self._passports[key] == 0, "registry: passport is already enrolled"',
        "pass",
        "registry",
    ),
    "level one may replace keys": (
        REGISTRY,
        "KEY_LEVEL, presentation",
        "1, presentation",
        "registry",
    ),
    "revoked stays active": (REGISTRY, "(REVOKED << 128)", "(ACTIVE << 128)", "registry"),
    "revocation leaves old roots": (
        REGISTRY,
        "siblings), size, True)",
        "siblings), size, False)",
        "window",
    ),
    "strict ignored": (REGISTRY, "    if strict:", "    if False:", "registry"),
    "update payload without the keys": (
        REGISTRY,
        "abi_encode(identity_commitment, anchor, new_keys_root)",
        "abi_encode(identity_commitment, anchor)",
        "registry",
    ),
    "expiry off by one": (
        WINDOW,
        "return block.timestamp < (",
        "return block.timestamp <= (",
        "window",
    ),
    "voiding extends": (
        WINDOW,
        "            if end > latest:",
        "            if end != 0:",
        "window",
    ),
    "every root is a closing root": (
        WINDOW,
        "changed_at // BUCKET < block.timestamp // BUCKET",
        "changed_at <= block.timestamp",
        "window",
    ),
    "ring of four": (WINDOW, "head = (head + 1) % RING", "head = (head + 1) % 4", "window"),
    "zero root accepted": (WINDOW, "return root != 0 and root", "return root", "registry"),
    "peak not written back": (TREE, "    self._peaks[height] = new_node\n", "", "registry"),
    "any old leaf": (
        TREE,
        "assert self._peaks[height] == old_node",
        "assert self._peaks[height] != 0",
        "registry",
    ),
    "batch forgets a peak": (
        TREE,
        "last & 1 == 1 and last > first:",
        "last & 1 == 1 and level > 0 and last > first:",
        "registry",
    ),
    "deadline inverted": (
        GATE,
        "assert block.timestamp <= presentation.deadline",
        "assert block.timestamp >= presentation.deadline",
        "registry",
    ),
    "no limit on the deadline": (
        GATE,
        "block.timestamp + MAX_DEADLINE\n",
        "max_value(uint256)\n",
        "registry",
    ),
    "nullifier zero accepted": (
        GATE,
        'assert presentation.nullifier != 0, "registry: nullifier is zero"',
        "pass",
        "registry",
    ),
    "proof not asserted": (
        GATE,
        "    assert staticcall IGroth16Verifier(VERIFIER).verify(",
        "    assert True or staticcall IGroth16Verifier(VERIFIER).verify(",
        "registry",
    ),
    "level not in the signal": (
        GATE,
        "(presentation.root + presentation.level) % R",
        "(presentation.root + 2) % R",
        "registry",
    ),
    "message without the asker": (
        GATE,
        "abi_encode(ACTION_TYPEHASH, chain.id, asker,",
        "abi_encode(ACTION_TYPEHASH, chain.id, self,",
        "registry",
    ),
    "high s accepted": (SIGNED, "s > MAX_S or ", "", "signatures"),
    "wallet's answer ignored": (
        SIGNED,
        "return ok and len(answer) == 32 and ",
        "return ok or ",
        "signatures",
    ),
    "signals not canonical": (
        VERIFIER,
        "        | convert(signals[1] >= R, uint256)\n",
        "",
        "verifier",
    ),
    "A.y not canonical": (VERIFIER, "        | convert(proof[1] >= P, uint256)\n", "", "verifier"),
    "pairing without a gas limit": (
        VERIFIER,
        "        max_outsize=32,\n        gas=PAIRING_GAS,\n",
        "        max_outsize=32,\n",
        "verifier",
    ),
    "gamma may equal delta": (
        VERIFIER,
        "assert gamma[0] != delta[0] or gamma[1] != delta[1]",
        "assert True",
        "verifier",
    ),
    "zero point accepted": (
        VERIFIER,
        "        | convert((proof[6] | proof[7]) == 0, uint256)\n",
        "",
        "verifier",
    ),
}


def suite_fails(contracts: Path, name: str) -> bool:
    """Run one test file against a copy of the contracts."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider"]
    result = subprocess.run(
        [*command, f"tests/contracts/test_{name}.py"],
        cwd=ROOT,
        env={**os.environ, "MIP_TEST_CONTRACTS": str(contracts)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode in (0, 1), result.stdout[-2000:] + result.stderr[-2000:]
    return result.returncode == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_mutant__is_killed(name: str, tmp_path: Path) -> None:
    source, old, new, tests = MUTANTS[name]
    copy = tmp_path / "contracts"
    shutil.copytree(ROOT / "contracts", copy)
    text = (copy / source).read_text()
    assert text.count(old) == 1, "the mutation no longer fits the source"
    (copy / source).write_text(text.replace(old, new))
    assert suite_fails(copy, tests)
