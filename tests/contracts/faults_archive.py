"""Faults of the archive's anchor: file, what stands there, the fault, tests."""

from __future__ import annotations

FAULTS: dict[str, tuple[str, str, str, str]] = {
    "anchor of any sequence": (
        "ArchiveAnchor.vy",
        "assert sequence == self.sequence_of[nullifier] + 1",
        "assert sequence > 0",
        "archive_anchor",
    ),
    "anchor again and again": (
        "ArchiveAnchor.vy",
        "    self.sequence_of[nullifier] = sequence\n",
        "",
        "archive_anchor",
    ),
    "anchor of zero": (
        "ArchiveAnchor.vy",
        "assert commitment != empty(bytes32)",
        "assert sequence != max_value(uint256)",
        "archive_anchor",
    ),
    "anchor not bound to its commitment": (
        "ArchiveAnchor.vy",
        "abi_encode(ANCHOR, commitment, sequence)",
        "abi_encode(ANCHOR, sequence)",
        "archive_anchor",
    ),
    "anchor not bound to its sequence": (
        "ArchiveAnchor.vy",
        "abi_encode(ANCHOR, commitment, sequence)",
        "abi_encode(ANCHOR, commitment)",
        "archive_anchor",
    ),
    "anchor with one kind of key": (
        "ArchiveAnchor.vy",
        "LEVEL: constant(uint256) = 2",
        "LEVEL: constant(uint256) = 1",
        "archive_anchor",
    ),
    "anchor overwrites the first": (
        "ArchiveAnchor.vy",
        "self.commitment_at[nullifier][sequence] = commitment",
        "self.commitment_at[nullifier][1] = commitment",
        "archive_anchor",
    ),
}

QUICK = {"anchor of any sequence": "sequence_not_the_next__reverts"}
"""The most telling faults and the one test, a part of its name, that shall notice each."""
