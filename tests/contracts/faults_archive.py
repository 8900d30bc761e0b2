"""Faults in the archive anchor that its tests must notice."""

from __future__ import annotations

ANCHOR = "ArchiveAnchor.vy"
TESTS = "archive_anchor"

FAULTS = {
    "anchor of any sequence": (
        ANCHOR,
        "assert sequence == self.sequence_of[nullifier] + 1",
        "assert sequence > 0",
        TESTS,
    ),
    "anchor again and again": (
        ANCHOR,
        "    self.sequence_of[nullifier] = sequence\n",
        "",
        TESTS,
    ),
    "anchor of zero": (
        ANCHOR,
        "assert commitment != empty(bytes32)",
        "assert sequence != max_value(uint256)",
        TESTS,
    ),
    "anchor not bound to its commitment": (
        ANCHOR,
        "abi_encode(ANCHOR, commitment, sequence)",
        "abi_encode(ANCHOR, sequence)",
        TESTS,
    ),
    "anchor not bound to its sequence": (
        ANCHOR,
        "abi_encode(ANCHOR, commitment, sequence)",
        "abi_encode(ANCHOR, commitment)",
        TESTS,
    ),
    "anchor with one kind of key": (
        ANCHOR,
        "LEVEL: constant(uint256) = 2",
        "LEVEL: constant(uint256) = 1",
        TESTS,
    ),
    "anchor overwrites the first": (
        ANCHOR,
        "self.commitment_at[nullifier][sequence] = commitment",
        "self.commitment_at[nullifier][1] = commitment",
        TESTS,
    ),
    "anchor at a registry without code": (
        ANCHOR,
        "assert registry.is_contract",
        "assert registry != empty(address)",
        TESTS,
    ),
}
"""Name: source, what it says, what the fault makes of it, the tests that shall notice."""

QUICK = {"anchor of any sequence": "sequence_not_the_next__reverts"}
"""The most telling fault and the one test, a part of its name, that shall notice it."""
