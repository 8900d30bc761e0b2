"""Policies: what must be true of a credential, as sets of intervals; protocol section 20."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from mip_cli.crypto.claims import MAX_VALUE, SLOTS, VALUE_BITS, ClaimKind
from mip_cli.crypto.credential import MAX_ISSUER, Terms
from mip_cli.crypto.field import R
from mip_cli.crypto.poseidon2 import compress
from mip_cli.crypto.quad_tree import QuadTree

PREDICATES = 4
ISSUERS = 11
SET_LEVELS = 3
MAX_MEMBERS = 4**SET_LEVELS
"""Members of an ``in`` or ``not in``."""
TAG_POLICY = int.from_bytes(b"mip.policy/1", "big")
TAG_DOCUMENT_POLICY = int.from_bytes(b"mip.policy.document/1", "big")
DOCUMENT_PLACE = 3
"""Of the predicate that names the claim with a document's face (section 21)."""


@dataclass(frozen=True, order=True)
class Interval:
    """The numbers from low to high, both included."""

    low: int
    high: int

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high <= MAX_VALUE:
            raise ValueError(f"an interval lies below 2^{VALUE_BITS}")

    def holds(self, value: int) -> bool:
        """Tell whether a number, of any size, is in it."""
        return self.low <= value <= self.high

    @property
    def count(self) -> int:
        """How many numbers it holds."""
        return self.high - self.low + 1

    @property
    def packed(self) -> int:
        """The leaf in the set's tree; 0 would be an interval of no numbers."""
        return self.low + (self.count << 128)


def gaps(members: Iterable[int]) -> tuple[Interval, ...]:
    """Return the intervals between members, and below and above them."""
    found, start = [], 0
    for member in sorted(set(members)):
        if member > start:
            found.append(Interval(start, member - 1))
        start = member + 1
    if start <= MAX_VALUE:
        found.append(Interval(start, MAX_VALUE))
    return tuple(found)


@dataclass(frozen=True)
class Predicate:
    """One slot's value, or today minus it, lies in one of some intervals."""

    slot: int
    """0 to 11 a claim, 12 and 13 the credential's dates."""
    kind: int
    """Kind of the claim, 1 to 15."""
    relative: bool
    """Whether today minus the value counts: ages."""
    intervals: tuple[Interval, ...]
    levels: int = SET_LEVELS
    """Levels of the set's tree, those of the circuit."""

    def __post_init__(self) -> None:
        if not (0 <= self.slot < 14 and 1 <= self.kind < 16):
            raise ValueError("there is no such slot or kind")
        if not 1 <= len(self.intervals) <= 4**self.levels + 1:
            raise ValueError(f"a set has 1 to {4**self.levels + 1} intervals")

    @cached_property
    def spare(self) -> int:
        """The one interval, or the one that the tree has no place for."""
        alone = len(self.intervals) == 1
        return self.intervals[-1].packed if alone or self._overflows else 0

    @cached_property
    def tree(self) -> QuadTree:
        """The intervals that are not the spare one."""
        count = 0 if len(self.intervals) == 1 else len(self.intervals) - self._overflows
        leaves = {i: found.packed for i, found in enumerate(self.intervals[:count])}
        return QuadTree(self.levels, leaves)

    @property
    def word(self) -> int:
        """Slot, kind and relative in one number."""
        return self.slot + 16 * self.kind + 256 * self.relative

    def value(self, entries: Sequence[int], today: int) -> int:
        """Return what is looked for, negative or huge when the entry is of another kind."""
        plain = entries[self.slot] - (self.kind << VALUE_BITS)
        return today - plain if self.relative else plain

    def holding(self, entries: Sequence[int], today: int) -> int | None:
        """Return which interval holds the value, None when none does."""
        value = self.value(entries, today)
        return next((i for i, found in enumerate(self.intervals) if found.holds(value)), None)

    @property
    def _overflows(self) -> bool:
        return len(self.intervals) > 1 << 2 * self.levels


@dataclass(frozen=True)
class Policy:
    """Predicates over credentials of one schema by some issuers."""

    schema_id: int
    predicates: tuple[Predicate, ...]
    required: int
    """How many of them must hold."""
    issuers: tuple[int, ...]
    """Numbers of the issuers that count."""
    document: int | None = None
    """Slot of the hash of a document's face that must match; None where none is asked for."""

    def __post_init__(self) -> None:
        if len(self.predicates) > PREDICATES or not 0 <= self.required <= len(self.predicates):
            raise ValueError(
                f"a policy has up to {PREDICATES} predicates and requires some of them"
            )
        if not 1 <= len(self.issuers) <= ISSUERS or len(set(self.issuers)) != len(self.issuers):
            raise ValueError(f"a policy accepts 1 to {ISSUERS} different issuers")
        if not all(0 <= number <= MAX_ISSUER for number in self.issuers):
            raise ValueError("there is no issuer of that number")
        if self.document is not None and not (
            0 <= self.document < SLOTS and len(self.predicates) <= DOCUMENT_PLACE
        ):
            raise ValueError(
                f"a document's face is a claim, beside {DOCUMENT_PLACE} predicates at most"
            )

    @property
    def accepted(self) -> tuple[int, ...]:
        """The issuers, filled up with the last."""
        return self.issuers + (self.issuers[-1],) * (ISSUERS - len(self.issuers))

    @cached_property
    def commitment(self) -> int:
        """What a verifier keeps of the policy: another policy has another."""
        fill = [0] * (PREDICATES - len(self.predicates))
        roots = compress(*[p.tree.root for p in self.predicates], *fill)
        spares = compress(*[p.spare for p in self.predicates], *fill)
        terms = self.required << 64
        terms += sum(p.word << (16 * i) for i, p in enumerate(self.predicates))
        if self.document is not None:
            terms += self.document_word << (16 * DOCUMENT_PLACE)
        terms += sum(number << (67 + 16 * j) for j, number in enumerate(self.accepted))
        tag = TAG_POLICY if self.document is None else TAG_DOCUMENT_POLICY
        return (compress(roots, spares, terms, self.schema_id) + tag) % R

    @property
    def document_word(self) -> int:
        """Slot and kind of the document's face, in the place of a predicate's word."""
        return (self.document or 0) + 16 * ClaimKind.FACE.number

    def chosen(self, entries: Sequence[int], today: int) -> tuple[int, ...] | None:
        """Return the predicates to show, as many as required; None when too few hold."""
        holding = [
            i for i, p in enumerate(self.predicates) if p.holding(entries, today) is not None
        ]
        return tuple(holding[: self.required]) if len(holding) >= self.required else None


def entries_of(claims: Sequence[int], terms: Terms) -> tuple[int, ...]:
    """Return what slots refer to: the claims and both dates."""
    date = 2 << VALUE_BITS
    return (*claims, date + terms.issued_on, date + terms.expires_on, 0, 0)
