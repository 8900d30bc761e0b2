"""The hidden set of a passport's guardians, and their approvals: sections 3 and 10 of the protocol.

A set is a tree of sixteen places; those that no guardian holds are filled with random elements, so
that neither the chain nor a guardian learns how many there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from mip_cli.crypto.commitments import TAG_APPROVAL, TAG_GUARDIAN_LEAF, TAG_GUARDIAN_SET
from mip_cli.crypto.field import R, require_canonical
from mip_cli.crypto.lean_tree import LeanTree
from mip_cli.crypto.poseidon import poseidon
from mip_cli.crypto.poseidon2 import compress
from mip_cli.units import Commitment, Nullifier

SET_DEPTH = 4
"""Levels of the tree of a set."""
PLACES = 1 << SET_DEPTH
"""Leaves of the tree of a set, guardians and fillers."""
_QUORUM_UNIT = 256


def guardian_leaf(secret: int, salt: int) -> int:
    """Compute a guardian's leaf; raise ``ValueError`` for the secret zero."""
    if secret == 0:
        raise ValueError("the guardian's secret must not be zero")
    return poseidon(TAG_GUARDIAN_LEAF, secret, salt)


def thresholds_of(threshold: int, quorum: int) -> int:
    """Join both numbers into the public signal; raise ``ValueError`` unless 1 <= t <= q <= 16."""
    if not 1 <= threshold <= quorum <= PLACES:
        raise ValueError(f"threshold and quorum must be 1 <= threshold <= quorum <= {PLACES}")
    return threshold + _QUORUM_UNIT * quorum


def split_thresholds(thresholds: int) -> tuple[int, int]:
    """Return threshold and quorum of the public signal; raise ``ValueError`` for any other."""
    quorum, threshold = divmod(thresholds, _QUORUM_UNIT)
    thresholds_of(threshold, quorum)
    return threshold, quorum


@dataclass(frozen=True, repr=False)
class GuardianSet:
    """A set as its owner knows it; raises ``ValueError`` unless it is whole."""

    leaves: tuple[int, ...]
    """The leaves of all sixteen places, in tree order."""
    threshold: int
    """Approvals that a recovery needs."""
    quorum: int
    """Approvals that the recovery of a frozen or revoked passport needs."""
    salt: int
    """Hides the set behind its commitment."""

    def __post_init__(self) -> None:
        thresholds_of(self.threshold, self.quorum)
        require_canonical(self.salt, "set salt")
        if len(self.leaves) != PLACES:
            raise ValueError(f"a set has {PLACES} places")
        if len(set(self.leaves)) != PLACES:
            raise ValueError("a leaf stands in the set twice")
        if not all(0 < leaf < R for leaf in self.leaves):
            raise ValueError("a leaf is a field element and not zero")

    def __repr__(self) -> str:
        return "GuardianSet(<redacted>)"

    @cached_property
    def _tree(self) -> LeanTree:
        return LeanTree(self.leaves)

    @property
    def thresholds(self) -> int:
        """Both numbers as the public signal."""
        return thresholds_of(self.threshold, self.quorum)

    @property
    def root(self) -> int:
        """The root of the tree."""
        return self._tree.root

    @property
    def commitment(self) -> Commitment:
        """What the chain holds."""
        return _set_commitment(self.root, self.thresholds, self.salt)

    def path(self, position: int) -> tuple[int, ...]:
        """Return the siblings of a place from the leaf upward; ``IndexError`` when none."""
        if not 0 <= position < PLACES:
            raise IndexError("there is no such place in the set")
        return self._tree.path(position).siblings


def set_commitment_from(
    leaf: int, position: int, siblings: Sequence[int], thresholds: int, salt: int
) -> Commitment:
    """Compute the commitment of the set in which a leaf stands, as a guardian can.

    Raises ``ValueError`` for a place, a path or thresholds that no set has.
    """
    split_thresholds(thresholds)
    if not 0 <= position < PLACES or len(siblings) != SET_DEPTH:
        raise ValueError(f"a place in a set has a number below {PLACES} and {SET_DEPTH} siblings")
    node = leaf
    for level, sibling in enumerate(siblings):
        node = compress(sibling, node) if position >> level & 1 else compress(node, sibling)
    return _set_commitment(node, thresholds, salt)


def approval_nullifier(secret: int, request: int) -> Nullifier:
    """Derive what counts a guardian once for a request."""
    return Nullifier(poseidon(TAG_APPROVAL, secret, request))


def _set_commitment(root: int, thresholds: int, salt: int) -> Commitment:
    return Commitment(poseidon(TAG_GUARDIAN_SET, root, thresholds, salt))
