"""The registry once more, in plain Python: what the contract is compared with.

Each act raises ``Refused`` with the very reason the contract gives, and changes nothing then.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mip_cli.crypto.binding import REVOKED_TEXT, keccak248
from mip_cli.crypto.commitments import leaf
from mip_cli.crypto.field import R
from mip_cli.crypto.lean_tree import LeanTree

BUCKET, WINDOW, GRACE, COOLDOWN, MAX_DEADLINE, RING = 60, 3600, 120, 600, 3600, 5
REVOKED_LEAF = keccak248(REVOKED_TEXT.encode())
ACTIVE, REVOKED = 1, 2
CURRENT = 2**256 - 1


class Refused(Exception):
    """The contract's revert reason."""


@dataclass(frozen=True)
class Presentation:
    """The calldata struct of the same name."""

    root: int
    level: int
    nullifier: int
    beneficiary: str
    nonce: int
    deadline: int
    proof: tuple[int, ...]

    def abi(self) -> tuple[object, ...]:
        """Return the struct as the ABI encoder takes it."""
        return (
            *(getattr(self, f) for f in self.__dataclass_fields__ if f != "proof"),
            list(self.proof),
        )


def _require(condition: bool, reason: str) -> None:
    if not condition:
        raise Refused(f"registry: {reason}")


@dataclass
class Record:
    """What the registry knows of a passport."""

    index: int
    epoch: int = 0
    updated_at: int = 0
    status: int = ACTIVE


@dataclass
class RegistryModel:
    """State and acts of the registry; a proof is a flag here."""

    tree: LeanTree = field(default_factory=LeanTree)
    passports: dict[tuple[int, str], Record] = field(default_factory=dict)
    closing: list[tuple[int, int]] = field(default_factory=list)
    """Closing roots with their ends, oldest first."""
    changed_at: int = 0

    def enroll(self, now: int, identity: int, keys: int, anchor: str) -> int:
        """Enrol one passport; return its index."""
        _require((identity, anchor) not in self.passports, "passport is already enrolled")
        old_root = self.tree.root
        index = self._admit(identity, keys, anchor)
        self._advance(now, old_root, voids=False)
        return index

    def enroll_batch(self, now: int, entries: list[tuple[int, int, str, int, bool]]) -> int:
        """Enrol entries: identity, keys root, anchor, deadline, whether the signature is good."""
        added: list[tuple[int, int, str]] = []
        seen = set(self.passports)
        for identity, keys, anchor, deadline, genuine in entries:
            if (identity, anchor) in seen:
                continue
            _require(now <= deadline, "enrolment has expired")
            _require(genuine, "signature is not the anchor's")
            _require(0 < identity < R, "identity commitment is zero or not canonical")
            _require(0 < keys < R, "keys root is zero or not canonical")
            seen.add((identity, anchor))
            added.append((identity, keys, anchor))
        old_root = self.tree.root
        for identity, keys, anchor in added:
            self._admit(identity, keys, anchor)
        if added:
            self._advance(now, old_root, voids=False)
        return len(added)

    def update(
        self,
        now: int,
        identity: int,
        anchor: str,
        old_keys: int,
        new_keys: int,
        siblings: list[int],
        presented: Presentation,
        genuine: bool,
    ) -> int:
        """Replace keys; return the new leaf."""
        _require(0 < new_keys < R, "keys root is zero or not canonical")
        record = self._active(identity, anchor)
        _require(now >= record.updated_at + COOLDOWN, "keys were replaced less than COOLDOWN ago")
        new_leaf = leaf(identity, anchor, new_keys, record.epoch + 1)
        old_leaf = leaf(identity, anchor, old_keys, record.epoch)
        self._replace(now, record, anchor, old_leaf, new_leaf, siblings, presented, genuine)
        record.epoch += 1
        record.updated_at = now
        return new_leaf

    def revoke(
        self,
        now: int,
        identity: int,
        anchor: str,
        keys: int,
        siblings: list[int],
        presented: Presentation,
        genuine: bool,
    ) -> None:
        """Take a passport out of the tree."""
        record = self._active(identity, anchor)
        old_leaf = leaf(identity, anchor, keys, record.epoch)
        self._replace(now, record, anchor, old_leaf, REVOKED_LEAF, siblings, presented, genuine)
        record.status = REVOKED

    def check(
        self, now: int, min_level: int, strict: bool, presented: Presentation, genuine: bool
    ) -> int:
        """Return the nullifier."""
        known = self.accepted_roots(now)
        if strict:
            current = presented.root != 0 and presented.root == self.tree.root
            _require(current, "root is not the current one")
        else:
            _require(any(presented.root == root for root, _ in known), "root is not accepted")
        self._judge(now, min_level, presented, genuine)
        return presented.nullifier

    def accepted_roots(self, now: int) -> list[tuple[int, int]]:
        """Return accepted roots with their ends, newest first."""
        if not len(self.tree):
            return []
        kept = [entry for entry in reversed(self.closing[-RING:]) if now < entry[1]]
        return [(self.tree.root, CURRENT), *kept]

    def _admit(self, identity: int, keys: int, anchor: str) -> int:
        _require(0 < identity < R, "identity commitment is zero or not canonical")
        _require(0 < keys < R, "keys root is zero or not canonical")
        index = self.tree.append(leaf(identity, anchor, keys, 0))
        self.passports[identity, anchor] = Record(index)
        return index

    def _active(self, identity: int, anchor: str) -> Record:
        record = self.passports.get((identity, anchor))
        if record is None:
            raise Refused("registry: passport is not enrolled")
        _require(record.status == ACTIVE, "passport is revoked")
        return record

    def _judge(self, now: int, min_level: int, presented: Presentation, genuine: bool) -> None:
        _require(now <= presented.deadline, "presentation has expired")
        _require(presented.deadline <= now + MAX_DEADLINE, "deadline lies too far ahead")
        _require(presented.level >= min_level, "level is too low")
        _require(presented.level in (1, 2), "level is unknown")
        _require(presented.nullifier != 0, "nullifier is zero")
        _require(int(presented.beneficiary, 16) != 0, "beneficiary is zero")
        _require(genuine, "proof is not valid")

    def _replace(
        self,
        now: int,
        record: Record,
        anchor: str,
        old_leaf: int,
        new_leaf: int,
        siblings: list[int],
        presented: Presentation,
        genuine: bool,
    ) -> None:
        _require(presented.root == old_leaf, "presentation is not about the passport's leaf")
        _require(presented.beneficiary == anchor, "beneficiary is not the anchor")
        self._judge(now, 2, presented, genuine)
        height = (record.index ^ len(self.tree)).bit_length() - 1
        expected = self.tree.siblings(record.index)[:height]
        _require(len(siblings) == height, "number of siblings does not fit the tree")
        _require(all(s < R for s in siblings), "tree node is not canonical")
        _require(
            siblings == expected and self.tree.leaf(record.index) == old_leaf,
            "siblings do not lead from this leaf to the tree",
        )
        old_root = self.tree.root
        self.tree.update(record.index, new_leaf)
        self._advance(now, old_root, voids=True)

    def _advance(self, now: int, old_root: int, *, voids: bool) -> None:
        if voids:
            self.closing = [(root, min(end, now + GRACE)) for root, end in self.closing]
        if old_root and self.changed_at // BUCKET < now // BUCKET:
            self.closing.append((old_root, now + (GRACE if voids else WINDOW)))
        self.changed_at = now
