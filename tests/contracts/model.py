"""The registry once more, in plain Python: what the contract is compared with.

Each act raises ``Refused`` with the very reason the contract gives, and changes nothing then.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from mip_cli.crypto.binding import frozen_leaf, revoked_leaf
from mip_cli.crypto.commitments import leaf
from mip_cli.crypto.field import R
from mip_cli.crypto.lean_tree import LeanTree

BUCKET, WINDOW, GRACE, COOLDOWN, MAX_DEADLINE, RING = 60, 3600, 120, 600, 3600, 5
REVOKED_LEAF, FROZEN_LEAF = revoked_leaf(), frozen_leaf()
ACTIVE, REVOKED, FROZEN = 1, 2, 3
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


@dataclass(frozen=True)
class Leaf:
    """The opening of a leaf, the calldata struct of the same name."""

    identity: int
    anchor: str
    keys: int
    guardian: int

    @property
    def hashed(self) -> int:
        """The leaf; refuses what the hasher refuses."""
        _require(max(self.identity, self.keys, self.guardian) < R, "leaf operand is not canonical")
        return int(leaf(self.identity, self.anchor, self.keys, self.guardian))

    def abi(self) -> tuple[int, str, int, int]:
        """Return the struct as the ABI encoder takes it."""
        return (self.identity, self.anchor, self.keys, self.guardian)


def _require_canonical(keys: int, guardian: int) -> None:
    _require(0 < keys < R, "keys root is zero or not canonical")
    _require(0 < guardian < R, "guardian commitment is zero or not canonical")


def _require_enrollable(entry: Leaf) -> None:
    _require(0 < entry.identity < R, "identity commitment is zero or not canonical")
    _require_canonical(entry.keys, entry.guardian)


def _require_about(opened: Leaf, presented: Presentation) -> None:
    _require(presented.root == opened.hashed, "presentation is not about the passport's leaf")
    _require(presented.beneficiary == opened.anchor, "beneficiary is not the anchor")
    _require(presented.level == 2, "level is not that of a leaf proof")


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

    def enroll(self, now: int, identity: int, keys: int, guardian: int, anchor: str) -> int:
        """Enrol one passport; return its index."""
        _require((identity, anchor) not in self.passports, "passport is already enrolled")
        old_root = self.tree.root
        index = self._admit(Leaf(identity, anchor, keys, guardian))
        self._advance(now, old_root, voids=False)
        return index

    def enroll_batch(self, now: int, entries: list[tuple[Leaf, int, bool]]) -> int:
        """Enrol entries: what to enrol, deadline, whether the signature is good."""
        added: list[Leaf] = []
        seen = set(self.passports)
        for entry, deadline, genuine in entries:
            if (entry.identity, entry.anchor) in seen:
                continue
            _require(now <= deadline, "enrolment has expired")
            _require(genuine, "signature is not the anchor's")
            _require_enrollable(entry)
            seen.add((entry.identity, entry.anchor))
            added.append(entry)
        old_root = self.tree.root
        for entry in added:
            self._admit(entry)
        if added:
            self._advance(now, old_root, voids=False)
        return len(added)

    def update(
        self,
        now: int,
        opened: Leaf,
        new_keys: int,
        siblings: list[int],
        presented: Presentation,
        genuine: bool,
    ) -> int:
        """Replace keys; return the new leaf."""
        _require_canonical(new_keys, opened.guardian)
        record = self._active(opened)
        _require(now >= record.updated_at + COOLDOWN, "keys were replaced less than COOLDOWN ago")
        self._require_holder(now, record, opened, presented, genuine)
        new_leaf = replace(opened, keys=new_keys).hashed
        self._swap(now, record, opened.hashed, new_leaf, siblings)
        record.epoch += 1
        record.updated_at = now
        return new_leaf

    def revoke(
        self, now: int, opened: Leaf, siblings: list[int], presented: Presentation, genuine: bool
    ) -> None:
        """Take a passport out of the tree."""
        record = self._active(opened)
        self._require_holder(now, record, opened, presented, genuine)
        self._swap(now, record, opened.hashed, REVOKED_LEAF, siblings)
        record.status = REVOKED

    def replace(
        self, now: int, opened: Leaf, new_keys: int, new_guardian: int, siblings: list[int]
    ) -> None:
        """Put a new leaf in a passport's place, by the recovery contract."""
        _require_canonical(new_keys, new_guardian)
        record = self.passports.get((opened.identity, opened.anchor))
        if record is None:
            raise Refused("registry: passport is not enrolled")
        marks = {REVOKED: REVOKED_LEAF, FROZEN: FROZEN_LEAF}
        old_leaf = marks.get(record.status) or opened.hashed
        new_leaf = Leaf(opened.identity, opened.anchor, new_keys, new_guardian).hashed
        self._swap(now, record, old_leaf, new_leaf, siblings)
        record.epoch += 1
        record.status = ACTIVE

    def freeze(self, now: int, opened: Leaf, siblings: list[int]) -> None:
        """Take a passport out of the tree, by the recovery contract."""
        record = self._active(opened)
        self._swap(now, record, opened.hashed, FROZEN_LEAF, siblings)
        record.status = FROZEN

    def check_holder(
        self, now: int, opened: Leaf, siblings: list[int], presented: Presentation, genuine: bool
    ) -> None:
        """Refuse unless the leaf is in the tree and the presentation is its holder's."""
        record = self._active(opened)
        self.check_opening(now, opened, presented, genuine)
        self._require_path(record, opened.hashed, siblings, reads_last=False)

    def check_opening(self, now: int, opened: Leaf, presented: Presentation, genuine: bool) -> None:
        """Refuse unless the presentation's maker opens the leaf."""
        _require_about(opened, presented)
        self._judge(now, 2, presented, genuine)

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

    def status(self, identity: int, anchor: str) -> int:
        """Return a passport's status, 0 when there is none."""
        record = self.passports.get((identity, anchor))
        return record.status if record else 0

    def _admit(self, entry: Leaf) -> int:
        _require_enrollable(entry)
        index = self.tree.append(entry.hashed)
        self.passports[entry.identity, entry.anchor] = Record(index)
        return index

    def _active(self, opened: Leaf) -> Record:
        record = self.passports.get((opened.identity, opened.anchor))
        if record is None:
            raise Refused("registry: passport is not enrolled")
        _require(record.status != REVOKED, "passport is revoked")
        _require(record.status != FROZEN, "passport is frozen")
        return record

    def _require_holder(
        self, now: int, record: Record, opened: Leaf, presented: Presentation, genuine: bool
    ) -> None:
        opened.hashed  # noqa: B018 - the contract computes it first and may refuse there
        _require(presented.nonce == record.epoch, "nonce is not the passport's epoch")
        self.check_opening(now, opened, presented, genuine)

    def _judge(self, now: int, min_level: int, presented: Presentation, genuine: bool) -> None:
        _require(now <= presented.deadline, "presentation has expired")
        _require(presented.deadline <= now + MAX_DEADLINE, "deadline lies too far ahead")
        _require(presented.level >= min_level, "level is too low")
        _require(presented.level in (1, 2, 3), "level is unknown")
        _require(presented.nullifier != 0, "nullifier is zero")
        _require(int(presented.beneficiary, 16) != 0, "beneficiary is zero")
        _require(genuine, "proof is not valid")

    def _require_path(
        self, record: Record, leaf_there: int, siblings: list[int], *, reads_last: bool
    ) -> None:
        size = len(self.tree)
        height = (record.index ^ size).bit_length() - 1
        full = self.tree.siblings(record.index)
        in_largest = size >> height == 1 and size != 1 << height
        _require(
            len(siblings) == height or (in_largest and len(siblings) == height + 1),
            "number of siblings does not fit the tree",
        )
        read = siblings if reads_last else siblings[:height]
        _require(all(s < R for s in read), "tree node is not canonical")
        _require(
            siblings[:height] == full[:height] and self.tree.leaf(record.index) == leaf_there,
            "siblings do not lead from this leaf to the tree",
        )

    def _swap(
        self, now: int, record: Record, old_leaf: int, new_leaf: int, siblings: list[int]
    ) -> None:
        self._require_path(record, old_leaf, siblings, reads_last=True)
        old_root = self.tree.root
        self.tree.update(record.index, new_leaf)
        self._advance(now, old_root, voids=True)

    def _advance(self, now: int, old_root: int, *, voids: bool) -> None:
        if voids:
            self.closing = [(root, min(end, now + GRACE)) for root, end in self.closing]
        if old_root and self.changed_at // BUCKET < now // BUCKET:
            self.closing.append((old_root, now + (GRACE if voids else WINDOW)))
        self.changed_at = now
