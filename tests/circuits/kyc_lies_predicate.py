"""Lies about what a policy asks and what a claim is."""

from __future__ import annotations

from collections.abc import Callable

from holders import Inputs
from kyc_holders import AGE_18, DATE, MAX, TEXT, TODAY, KycHolder, claims, typed
from kyc_lie import put
from kyc_lies_issuer import extrapolated

from mip_cli.crypto.field import R
from mip_cli.crypto.policy import Interval
from mip_cli.crypto.poseidon2 import compress
from mip_cli.crypto.quad_tree import QuadTree

# --- predicates -----------------------------------------------------------------------------------


def shown(
    holder: KycHolder, predicate: int, value: int, interval: tuple[int, int] | None = None
) -> Inputs:
    """Show one predicate alone, with a value and an interval of one's own making."""
    inputs = holder.but(required=0).inputs()
    low, count = interval or (value, 1)
    inputs |= {"required": 1}
    changes = {"use": 1, "value": value, "low": low, "count": count}
    inputs = put(inputs, **{name: {predicate: found} for name, found in changes.items()})
    levels = holder.parameters.set_levels
    leaf = (low + (count << 128)) % R
    path = QuadTree(levels, {0: leaf}).path(0) if leaf else QuadTree(levels).path(0)
    flat = [value for family in path.children for value in family]
    if not leaf and levels > 1:  # empty places, hashed as the circuit does
        node = compress(0, 0, 0, 0)
        for level in range(1, levels):
            flat[4 * level] = node
            node = compress(node, 0, 0, 0)
    places = {4 * levels * predicate + i: found for i, found in enumerate(flat)}
    return put(inputs, setChild=places)


def with_true_set(holder: KycHolder, inputs: Inputs, predicate: int, place: int) -> Inputs:
    """Give the way of a member of the predicate's own set."""
    path = holder.predicates[predicate].tree.path(place)
    flat = [value for family in path.children for value in family]
    places = {len(flat) * predicate + i: found for i, found in enumerate(flat)}
    return put(inputs, setChild=places)


def minor(days: int) -> Callable[[KycHolder], Inputs]:
    """Be born later than 18 years ago, and say what an adult says."""

    def build(holder: KycHolder) -> Inputs:
        young = holder.but(claims=claims(s0=typed(DATE, TODAY - 180_000 + days)))
        return shown(young, 0, 180_000, (180_000, AGE_18[0].count))

    return build


def value_of(slot_claims: tuple[int, ...], value: int, predicate: int) -> Callable[..., Inputs]:
    """Have other claims than the value shown, which lies in the set."""

    def build(holder: KycHolder) -> Inputs:
        other = holder.but(claims=slot_claims)
        found = next(i for i in other.predicates[predicate].intervals if i.holds(value))
        inputs = shown(other, predicate, value, (found.low, found.count))
        place = other.predicates[predicate].intervals.index(found)
        return with_true_set(other, inputs, predicate, place)

    return build


def own_interval(value: int, predicate: int) -> Callable[[KycHolder], Inputs]:
    """Be in an interval that is not in the set."""

    def build(holder: KycHolder) -> Inputs:
        return shown(holder.but(claims=claims(s1=typed(TEXT, value))), predicate, value)

    return build


def beside(predicate: int, place: int, value: int, low: int, count: int) -> Callable[..., Inputs]:
    """Be outside of an interval of the set, by a distance below 0."""

    def build(holder: KycHolder) -> Inputs:
        other = holder.but(claims=claims(s1=typed(TEXT, value)))
        inputs = shown(other, predicate, value, (low, count))
        return with_true_set(other, inputs, predicate, place)

    return build


def young(value: int, low: int, count: int) -> Callable[[KycHolder], Inputs]:
    """Be too young, and open the spare interval by other numbers that pack alike."""

    def build(holder: KycHolder) -> Inputs:
        other = holder.but(claims=claims(s0=typed(DATE, TODAY - value)))
        return shown(other, 0, value, (low % R, count % R))

    return build


def aliased(shift: int) -> Callable[[KycHolder], Inputs]:
    found = AGE_18[0]
    return young(10_000, found.low + (shift << 128), found.count - shift)


def missing(holder: KycHolder) -> Inputs:
    """Take an empty place of the set for the interval of 0."""
    zero = holder.but(claims=claims(s1=typed(TEXT, 0)))
    inputs = shown(zero, 1, 0, (0, 0))
    return with_true_set(zero, inputs, 1, 3)


def not_a_member(holder: KycHolder) -> Inputs:
    """Go up from an interval of one's own, beside the operands of the true set."""
    other = holder.but(claims=claims(s1=typed(TEXT, 501)))
    return with_true_set(other, shown(other, 1, 501), 1, 0)


def uses(*use: int) -> Callable[[KycHolder], Inputs]:
    """Require two, and show one that holds."""

    def build(holder: KycHolder) -> Inputs:
        only_adult = holder.but(claims=claims(s0=typed(DATE, 19800101)), required=1)
        inputs = only_adult.inputs()
        return inputs | {"use": [found % R for found in use], "required": 2}

    return build


def shifted(name: str, change: int) -> Callable[[KycHolder], Inputs]:
    """Spill from the word of a predicate that is not shown into the slot of the next one.

    Asked is that the text in slot 1 is one of a list; it is not, but slot 2 or 0 has such a text.
    """

    def build(holder: KycHolder) -> Inputs:
        other = holder.but(claims=claims(s0=typed(TEXT, 500), s2=typed(TEXT, 500)))
        found = holder.predicates[1].intervals[1]
        inputs = shown(other, 1, 500, (found.low, found.count))
        inputs = with_true_set(other, inputs, 1, 1)
        slots = {4 + i: 0 for i in range(4)}
        value = inputs[name][0] + change
        return put(inputs, slotBit=slots, **{name: {0: value}})

    return build


def bent_slot(holder: KycHolder) -> Inputs:
    """Read between the slots: bits that are not boolean, of the same slot."""
    for wanted in range(1, 10_000):
        entries = [typed(TEXT, 7), typed(TEXT, 8), typed(TEXT, 9), typed(TEXT, 40_000)]
        other = holder.but(claims=tuple(entries) + (0,) * 8)
        gap = Interval(601, MAX)
        if not gap.holds(1000 + wanted):
            continue
        bits = extrapolated(entries, 1, typed(TEXT, 1000 + wanted))
        if bits is None:
            continue
        place = holder.predicates[2].intervals.index(gap)
        inputs = shown(other, 2, 1000 + wanted, (gap.low, gap.count))
        inputs = with_true_set(other, inputs, 2, place)
        return put(inputs, slotBit={8: bits[0], 9: bits[1], 10: 0, 11: 0})
    raise AssertionError("no such bits")
