"""Seeded faults: each one makes the contract tests fail.

Takes a quarter of an hour and is not collected by itself: ``pytest tests/contracts/mutants.py``.
With ``-m quick`` it seeds the most telling faults, each against the one test that shall notice it.
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
CLAIM = "examples/PassportClaim.vy"
VOTE = "examples/PassportVote.vy"
ISSUERS = "IssuerRegistry.vy"
QUAD = "modules/quad_tree.vy"
PREDICATES = "PredicateGate.vy"
AGE = "examples/AgeGate.vy"

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
    "batch voids older roots": (
        REGISTRY,
        "size + len(leaves), False)",
        "size + len(leaves), True)",
        "window",
    ),
    "revoked passport loses its epoch": (
        REGISTRY,
        "(REVOKED << 128) | (updated_at << 64) | (epoch << 32) | index",
        "(REVOKED << 128) | (updated_at << 64) | index",
        "registry",
    ),
    "revoked passport loses its time": (
        REGISTRY,
        "(REVOKED << 128) | (updated_at << 64) | (epoch << 32) | index",
        "(REVOKED << 128) | (epoch << 32) | index",
        "registry",
    ),
    "zero address signs everything": (
        SIGNED,
        "return recovered != empty(address) and recovered == signer",
        "return recovered == signer",
        "signatures",
    ),
    "wallet may revert with its yes": (
        SIGNED,
        "return ok and len(answer) == 32 and ",
        "return len(answer) == 32 and ",
        "signatures",
    ),
    "too little gas says no": (
        VERIFIER,
        '    assert msg.gas >= GAS_NEEDED, "verifier: too little gas"\n',
        "",
        "verifier",
    ),
    "vote not bound to its function": (
        VOTE,
        "keccak256(abi_encode(VOTE, choice))",
        "keccak256(abi_encode(choice))",
        "examples",
    ),
    "claim not bound to its function": (
        CLAIM,
        'keccak256(keccak256("claim()"))',
        'keccak256(b"")',
        "examples",
    ),
    "zero point accepted": (
        VERIFIER,
        "        | convert((proof[6] | proof[7]) == 0, uint256)\n",
        "",
        "verifier",
    ),
    "issuer without its tag": (
        ISSUERS,
        "revocation_root, TAG_ISSUER)",
        "revocation_root, 0)",
        "issuers",
    ),
    "key off the curve": (
        ISSUERS,
        'assert left == right, "issuers: key is not on the curve"',
        "pass",
        "issuers",
    ),
    "anybody publishes": (
        ISSUERS,
        "assert self._issuers[number].controller == msg.sender",
        "assert True",
        "issuers",
    ),
    "publication sent twice": (
        ISSUERS,
        "assert version == self._issuers[issuer].version",
        "assert True",
        "issuers",
    ),
    "new revocations leave old roots": (
        ISSUERS,
        """        self._place(issuer, root_window._size(), True)
    log IIssuerRegistry.RevocationsPublished(""",
        """        self._place(issuer, root_window._size(), False)
    log IIssuerRegistry.RevocationsPublished(""",
        "issuers",
    ),
    "suspension leaves old roots": (
        ISSUERS,
        """    self._place(issuer, root_window._size(), True)
    log IIssuerRegistry.IssuerSuspended(""",
        """    self._place(issuer, root_window._size(), False)
    log IIssuerRegistry.IssuerSuspended(""",
        "issuers",
    ),
    "suspended issuer stays in the tree": (
        ISSUERS,
        "    if record.status == ACTIVE:\n        leaf =",
        "    if record.status != 0:\n        leaf =",
        "issuers",
    ),
    "new key without delay": (
        ISSUERS,
        'assert block.timestamp >= change.ready_at, "issuers: delay not over"',
        "pass",
        "issuers",
    ),
    "change lives for ever": (
        ISSUERS,
        'assert block.timestamp <= change.ready_at + LIFETIME, "issuers: change has expired"',
        "pass",
        "issuers",
    ),
    "change can be finished again": (
        ISSUERS,
        """    self._changes[issuer] = empty(IIssuerRegistry.Change)
    self._issuers[issuer].key_x""",
        "    self._issuers[issuer].key_x",
        "issuers",
    ),
    "sibling of another family": (QUAD, "((index >> 2) << 2)", "index", "issuers"),
    "policy not in the statement": (
        PREDICATES,
        "(policy + self._date(presentation.day)) % R",
        "self._date(presentation.day)",
        "gate",
    ),
    "date not in the statement": (
        PREDICATES,
        "(policy + self._date(presentation.day)) % R",
        "policy",
        "gate",
    ),
    "any day": (
        PREDICATES,
        "assert presentation.day == today or presentation.day == today - 1",
        "assert True",
        "gate",
    ),
    "the day before counts no more": (
        PREDICATES,
        "presentation.day == today or presentation.day == today - 1",
        "presentation.day == today",
        "gate",
    ),
    "any issuers root": (
        PREDICATES,
        """    assert staticcall IIssuerRegistry(ISSUERS).is_known_root(
        presentation.issuers_root, skip_contract_check=True
    ), "gate: issuers root is not accepted"
""",
        "",
        "gate",
    ),
    "any passport root": (
        PREDICATES,
        """    assert staticcall IPassportRegistry(PASSPORTS).is_known_root(
        presentation.root, skip_contract_check=True
    ), "gate: passport root is not accepted"
""",
        "",
        "gate",
    ),
    "policy not checked for R": (PREDICATES, "policy != 0 and policy < R", "policy != 0", "gate"),
    "predicate proof not asserted": (
        PREDICATES,
        '    ), "gate: proof is not valid"',
        '    ) or True, "gate: proof is not valid"',
        "gate",
    ),
    "predicate level not in the signal": (
        PREDICATES,
        "(presentation.root + presentation.level) % R",
        "presentation.root % R",
        "gate",
    ),
    "leap day forgotten": (PREDICATES, "of_era // 1_460 + ", "", "gate"),
    "enter twice": (
        AGE,
        'assert self.entered[nullifier] == empty(address), "age: passport has entered"',
        "pass",
        "gate",
    ),
    "enter not bound to its function": (
        AGE,
        'keccak256(keccak256("enter()"))',
        'keccak256(b"")',
        "gate",
    ),
}


QUICK = {
    "date not in the statement": "proved_for_another",
    "new revocations leave old roots": "revocation__voids or die_after",
    "new key without delay": "change__waits",
    "leaf without its tag": "enroll__leaf_comes_from_the_sender",
    "revocation leaves old roots": "revocation_voids_too",
    "any old leaf": "update__reverts",
    "proof not asserted": "check__reverts",
    "level not in the signal": "check__reverts",
    "zero address signs everything": "nobody_signs_for_the_zero_address",
    "too little gas says no": "verify__too_little_gas__reverts",
    "vote not bound to its function": "proof_for_one_function__fails_for_another",
}
"""The most telling faults and the one test, a part of its name, that shall notice each."""


def suite_fails(contracts: Path, name: str, only: str) -> bool:
    """Run one test file, or some tests of it, against a copy of the contracts."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider"]
    result = subprocess.run(
        [*command, f"tests/contracts/test_{name}.py", "-k", only],
        cwd=ROOT,
        env={**os.environ, "MIP_TEST_CONTRACTS": str(contracts)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
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
