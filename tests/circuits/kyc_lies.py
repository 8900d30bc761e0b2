"""Lies about a credential: inputs that are false, and the rules that stand in their way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from holders import ANCHOR, Inputs
from kyc_holders import AGE_18, DATE, MAX, NUMBER, TEXT, TODAY, KycHolder, claims, typed
from passport_lies import square_root

from mip_cli.crypto import babyjubjub as curve
from mip_cli.crypto import credential as credentials
from mip_cli.crypto import eddsa
from mip_cli.crypto.babyjubjub import COFACTOR, ORDER, Point
from mip_cli.crypto.field import R
from mip_cli.crypto.policy import Interval, Policy, gaps
from mip_cli.crypto.poseidon import poseidon
from mip_cli.crypto.poseidon2 import compress
from mip_cli.crypto.quad_tree import QuadTree

SIGNATURE = "signature x, signature y"
TORSION: Point = (0, R - 1)
"""The point of order 2."""


@dataclass(frozen=True)
class Lie:
    """One false statement."""

    rule: str
    """The rules that it breaks, and no others."""
    inputs: Callable[[KycHolder], Inputs]


def put(inputs: Inputs, **places: dict[int, int]) -> Inputs:
    """Change members of lists."""
    changed = {}
    for name, values in places.items():
        row = list(inputs[name])
        for place, value in values.items():
            row[place] = value % R
        changed[name] = row
    return inputs | changed


def changed(**values: Callable[[int], int]) -> Callable[[KycHolder], Inputs]:
    """Change single inputs of a true statement."""

    def build(holder: KycHolder) -> Inputs:
        inputs = holder.inputs()
        return inputs | {name: change(inputs[name]) % R for name, change in values.items()}

    return build


def changed_claim(slot: int, claim: int) -> Callable[[KycHolder], Inputs]:
    """Write another claim into the credential, in a slot that no predicate shown is about."""
    return lambda holder: put(holder.inputs(), claim={slot: claim})


# --- signature ------------------------------------------------------------------------------------


def of_other(change: str) -> Callable[[KycHolder], Inputs]:
    """Take the credential of another passport."""

    def build(holder: KycHolder) -> Inputs:
        inputs = holder.inputs()
        secret, anchor, blinding = holder.base.secret, ANCHOR, holder.blinding
        if change == "secret":
            secret += 1
        else:
            anchor = "0x" + "b2" * 20
        other = credentials.subject(secret, anchor, blinding)
        statement = credentials.Statement(
            holder.claims, other, holder.statement.schema_id, holder.statement.terms
        )
        return inputs | signed(holder, statement.digest)

    return build


def signed(holder: KycHolder, digest: int) -> Inputs:
    found = eddsa.sign(holder.key, holder.key.public, digest)
    return {"nonceX": found.nonce[0], "nonceY": found.nonce[1], "response": found.response}


def by_other_key(holder: KycHolder) -> Inputs:
    """Sign with a key of one's own, and name the issuer's."""
    own = eddsa.new_key(holder.rng.randbytes)
    found = eddsa.sign(own, own.public, holder.statement.digest)
    nonce = {"nonceX": found.nonce[0], "nonceY": found.nonce[1]}
    return holder.inputs() | nonce | {"response": found.response}


def another_policy(holder: KycHolder) -> Inputs:
    """Meet a policy of one's own on a "day" that makes its statement another policy's of today.

    Whoever signs the credential, as anybody may who is an issuer, can sign any dates.
    """
    own = holder.but(required=0)
    target = Policy(holder.schema, holder.predicates, holder.required, (1234,))
    day = (target.commitment + TODAY - own.policy.commitment) % R
    inputs = own.inputs()
    groups = [compress(*own.claims[i : i + 4]) for i in (0, 4, 8)]
    terms = (day + (day << 40) + (own.nonce << 80)) % R
    head = compress(own.statement.subject, own.schema, terms, credentials.TAG_CREDENTIAL)
    found = eddsa.sign(own.key, own.key.public, compress(*groups, head))
    nonce = {"nonceX": found.nonce[0], "nonceY": found.nonce[1]}
    dates = {"today": day, "issuedOn": day, "expiresOn": day}
    return inputs | dates | nonce | {"response": found.response}


def scalars(holder: KycHolder, torsion: Point) -> tuple[Point, int]:
    """Sign with a nonce that has a part outside the subgroup; return it and r + 8ha."""
    r = holder.rng.randrange(ORDER)
    nonce = curve.add(curve.multiply_base(r), torsion)
    challenge = poseidon(*nonce, *holder.key.public, holder.statement.digest)
    return nonce, (r + COFACTOR * challenge * holder.key.scalar) % ORDER


def with_torsion(order: int, negated: bool) -> Callable[[KycHolder], Inputs]:
    def build(holder: KycHolder) -> Inputs:
        nonce, response = scalars(holder, small_point(order))
        response = (ORDER - response) % ORDER if negated else response
        return holder.inputs() | {"nonceX": nonce[0], "nonceY": nonce[1], "response": response}

    return build


def small_point(order: int) -> Point:
    """Find a point of order 1, 2, 4 or 8."""
    x = 1
    while True:
        xx = x * x % R
        y = square_root((1 - curve.A * xx) * pow(1 - curve.D * xx, -1, R) % R)
        if y is not None:
            found = curve.multiply((x, y), ORDER)
            if curve.multiply(found, COFACTOR // 2) != curve.IDENTITY:
                return curve.multiply(found, COFACTOR // order)
        x += 1


def small_key(order: int) -> Callable[[KycHolder], Inputs]:
    """Let the issuer's key be a point of small order: everybody signs for it."""

    def build(holder: KycHolder) -> Inputs:
        key = small_point(order)
        nonce = curve.multiply_base(5)
        leaf = credentials.issuer_leaf(key, holder.revocations.root)
        levels = holder.parameters.issuer_levels
        path = QuadTree(levels, {holder.place: leaf}).path(holder.place)
        return holder.inputs() | {
            "keyX": key[0],
            "keyY": key[1],
            "nonceX": nonce[0],
            "nonceY": nonce[1],
            "response": 5,
            "issuerChild": [value for family in path.children for value in family],
        }

    return build


# --- revocation and issuers -----------------------------------------------------------------------


def hidden(bits: Callable[[int], dict[int, int]]) -> Callable[[KycHolder], Inputs]:
    """Hold a revoked credential, number 3 beside number 1, and look elsewhere."""

    def build(holder: KycHolder) -> Inputs:
        mine = holder.but(nonce=3, revoked=())
        inputs = mine.inputs()
        path = holder.revocations.path(3)  # 1 and 3 are revoked
        leaf = credentials.issuer_leaf(holder.key.public, path.root)
        tree = QuadTree(holder.parameters.issuer_levels, {holder.place: leaf}).path(holder.place)
        inputs |= {
            "revocationChild": [value for family in path.children for value in family],
            "revocationNode": list(path.nodes),
            "issuerChild": [value for family in tree.children for value in family],
        }
        return put(inputs, revocationBit=bits(3))

    return build


def emptied(holder: KycHolder) -> Inputs:
    """Hash four empty places, and send up the node of a tree in which one is taken."""
    return put(hidden(lambda _: {})(holder), revocationChild={0: 0, 1: 0, 2: 0, 3: 0})


def extrapolated(children: Sequence[int], position: int, wanted: int) -> tuple[int, int] | None:
    """Find bits, not boolean, of a position, that pick a value no child has."""
    a, b, c, d = children
    # first + high (second - first), low = position - 2 high: a quadratic in high
    u, v = b - a, d - c
    half = pow(2, -1, R)
    # first = a + u (p - 2h), second = c + v (p - 2h)
    quadratic = (-2 * (v - u)) % R
    linear = (-2 * u + (c - a) + (v - u) * position) % R
    constant = (a + u * position - wanted) % R
    root = square_root((linear * linear - 4 * quadratic * constant) % R)
    if quadratic == 0 or root is None:
        return None
    high = (root - linear) * half * pow(quadratic, -1, R) % R
    return (position - 2 * high) % R, high


def false_place(holder: KycHolder) -> Inputs:
    """Stand at a place that the policy does not accept, and claim to stand at another."""
    inputs = holder.but(issuers=(holder.place,), required=0).inputs()
    inputs = put(inputs, accepted=dict.fromkeys(range(11), 0))
    while True:
        rogue = [holder.rng.randrange(R) for _ in range(3)]
        leaf = credentials.issuer_leaf(holder.key.public, holder.revocations.root)
        children = [rogue[0], leaf, rogue[1], rogue[2]]
        found = extrapolated(children, 0, leaf)
        if found is not None and found[0] not in (0, 1):
            break
    inputs = put(inputs, issuerChild=dict(enumerate(children)))
    above = QuadTree(1, dict(enumerate(children))).root
    child = list(inputs["issuerChild"])
    for level in range(1, holder.parameters.issuer_levels):
        family = {4 * level: above} | dict.fromkeys(range(4 * level + 1, 4 * level + 4), 0)
        for place, value in family.items():
            child[place] = value
        above = QuadTree(1, {0: above}).root
    bits = dict.fromkeys(range(2 * holder.parameters.issuer_levels), 0)
    return put(inputs | {"issuerChild": child}, issuerBit=bits | {0: found[0], 1: found[1]})


def unknown_issuer(holder: KycHolder) -> Inputs:
    """Sign with a key that stands nowhere in the tree."""
    own = eddsa.new_key(holder.rng.randbytes)
    found = eddsa.sign(own, own.public, holder.statement.digest)
    return holder.inputs() | {
        "keyX": own.public[0],
        "keyY": own.public[1],
        "nonceX": found.nonce[0],
        "nonceY": found.nonce[1],
        "response": found.response,
    }


def old_revocations(holder: KycHolder) -> Inputs:
    """Show a root that the issuer published before it revoked."""
    before = holder.but(revoked=())
    now = holder.but(revoked=(holder.nonce,))
    path = now.tree.path(holder.place)
    children = [value for family in path.children for value in family]
    return before.inputs() | {"issuerChild": children}


def not_accepted(holder: KycHolder) -> Inputs:
    return put(holder.inputs(), accepted=dict.fromkeys(range(11), 0))


def carried_issuer(holder: KycHolder) -> Inputs:
    """Write accepted numbers above 16 bits that pack to the same word."""
    rest = (0 - holder.place) * pow(1 << 16, -1, R)
    return put(not_accepted(holder), accepted={0: holder.place, 1: rest})


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


LIES: dict[str, Lie] = {
    # the signature and what it covers
    "a credential of another secret": Lie(SIGNATURE, of_other("secret")),
    "a credential of another anchor": Lie(SIGNATURE, of_other("anchor")),
    "another blinding": Lie(SIGNATURE, changed(blinding=lambda x: x + 1)),
    "an added claim": Lie(SIGNATURE, changed_claim(5, typed(TEXT, 500))),
    "a claim of another kind": Lie(SIGNATURE, changed_claim(2, typed(TEXT, 9))),
    "a claim moved to another slot": Lie(
        SIGNATURE, lambda h: put(h.inputs(), claim={2: 0, 3: typed(NUMBER, 9)})
    ),
    "another schema": Lie(SIGNATURE, changed(schema=lambda x: x + 1)),
    "an earlier first day": Lie(SIGNATURE, changed(issuedOn=lambda x: x - 1)),
    "a later last day": Lie(SIGNATURE, changed(expiresOn=lambda x: x + 1)),
    "another number": Lie(SIGNATURE, lambda h: put(h.inputs(), revocationBit={0: 0, 1: 0})),
    "a signature by another key": Lie(SIGNATURE, by_other_key),
    "a response off by one": Lie(SIGNATURE, changed(response=lambda x: x + 1)),
    "response 0": Lie(SIGNATURE, changed(response=lambda _: 0)),
    "a negated response": Lie("signature x", changed(response=lambda x: ORDER - x)),
    "a nonce with a part of order 2": Lie(SIGNATURE, with_torsion(2, negated=False)),
    "a nonce with a part of order 4": Lie(SIGNATURE, with_torsion(4, negated=False)),
    "a nonce with a part of order 8": Lie(SIGNATURE, with_torsion(8, negated=False)),
    "a negated response to a nonce of order 2": Lie("signature y", with_torsion(2, negated=True)),
    "a response plus the order": Lie("response order", changed(response=lambda x: x + ORDER)),
    "the identity as key": Lie("key order", small_key(1)),
    "a key of order 2": Lie("key order", small_key(2)),
    "a key of order 4": Lie("key order", small_key(4)),
    "a key of order 8": Lie("key order", small_key(8)),
    # days
    "a policy of one's own for another's": Lie("day", another_policy),
    "used before its first day": Lie(
        "begun", lambda h: h.but(required=0).inputs() | {"today": 20241231}
    ),
    "used after its last day": Lie(
        "lasting", lambda h: h.but(required=0).inputs() | {"today": 20270102}
    ),
    "a last day that takes from the number": Lie(
        "lasting",
        lambda h: (
            put(h.inputs(), revocationBit={0: 0, 1: 0})
            | {"expiresOn": (h.expires_on + 2 * 2**40) % R}
        ),
    ),
    "a first day that takes from the last": Lie(
        "begun",
        lambda h: (
            h.inputs() | {"issuedOn": (h.issued_on - 2**40) % R, "expiresOn": h.expires_on + 1}
        ),
    ),
    # revocation
    "a revoked credential": Lie("revocation place", hidden(lambda _: {})),
    "a revoked credential between the bits": Lie(
        "revocation bits", hidden(lambda n: {0: 0, 1: n * pow(2, -1, R)})
    ),
    "a subtree emptied": Lie("revocation node", emptied),
    "revocations of before": Lie("issuer place", old_revocations),
    # issuers
    "an issuer that is not registered": Lie("issuer place", unknown_issuer),
    "an issuer that is not accepted": Lie("accepted", not_accepted),
    "an issuer packed with a carry": Lie("accepted range", carried_issuer),
    "an issuer between the bits": Lie("issuer bits", false_place),
    # predicates
    "a minor, by one day": Lie("value", minor(1)),
    "a minor, born today": Lie("value", minor(180_000)),
    "born on 29 February, the day before the birthday is due": Lie(
        "value",
        lambda h: shown(
            h.but(claims=claims(s0=typed(DATE, 20080229))), 0, 180_000, (180_000, AGE_18[0].count)
        ),
    ),
    "no such claim": Lie("value", value_of(claims(), 500, 1)),
    "no such claim, not in": Lie("value", value_of(claims(), 0, 2)),
    "a claim of another kind than asked": Lie(
        "value", value_of(claims(s1=typed(NUMBER, 500)), 500, 1)
    ),
    "a value beside a member": Lie("value", value_of(claims(s1=typed(TEXT, 501)), 500, 1)),
    "an excluded value": Lie("value", value_of(claims(s1=typed(TEXT, 600)), 601, 2)),
    "an interval of one's own": Lie("set", own_interval(501, 1)),
    "an interval over an excluded value": Lie("set", own_interval(600, 2)),
    "an interval beside the operands": Lie("set member", not_a_member),
    "a value below the interval by one": Lie("above", beside(1, 1, 499, 500, 1)),
    "a value above the interval by one": Lie("below", beside(1, 1, 501, 500, 1)),
    "a value below a gap by one": Lie("above", beside(2, 1, 400, 401, 199)),
    "a value above a gap by one": Lie("below", beside(2, 1, 600, 401, 199)),
    "an interval that packs alike, higher": Lie("above, below", aliased(1)),
    "an interval that packs alike, lower": Lie("above, below", aliased(-1)),
    "an age of R - 200": Lie("above", young(0, 180_000, AGE_18[0].count)),
    "an empty place taken for an interval": Lie("below", missing),
    "one predicate counted twice": Lie("use boolean", uses(2, 0, 0, 0)),
    "one predicate and the half of two": Lie(
        "use boolean, value, set",
        uses(1, pow(2, -1, R), pow(2, -1, R), 0),
    ),
    "fewer than required": Lie("used", uses(1, 0, 0, 0)),
    "none of those required": Lie("used", uses(0, 0, 0, 0)),
    "a kind that spills into the next slot": Lie("kind range", shifted("kind", 2**12)),
    "a flag that spills into the next slot": Lie("relative boolean", shifted("relative", 2**8)),
    "a slot between the slots": Lie("slot bits", bent_slot),
}


def statement_of(holder: KycHolder) -> int:
    return (holder.policy.commitment + holder.today) % R


def other_policies(holder: KycHolder) -> dict[str, Policy]:
    """Return policies that differ from the holder's in one thing each."""
    first, second, third = holder.predicates
    make = holder.predicate
    wide = (Interval(170_000, MAX),)
    sets = tuple(Interval(m, m) for m in (3, 500, 701))
    known = holder.policy
    return {
        "another schema": Policy(8, known.predicates, 2, known.issuers),
        "fewer required": Policy(7, known.predicates, 1, known.issuers),
        "more required": Policy(7, known.predicates, 3, known.issuers),
        "another issuer": Policy(7, known.predicates, 2, (1, 2)),
        "issuers in another order": Policy(7, known.predicates, 2, (0, 1)),
        "fewer issuers": Policy(7, known.predicates, 2, (1,)),
        "fewer predicates": Policy(7, (first, second), 2, known.issuers),
        "predicates in another order": Policy(7, (second, first, third), 2, known.issuers),
        "another slot": Policy(
            7, (make(3, DATE, AGE_18, relative=True), second, third), 2, known.issuers
        ),
        "another kind": Policy(
            7, (make(0, NUMBER, AGE_18, relative=True), second, third), 2, known.issuers
        ),
        "not relative": Policy(7, (make(0, DATE, AGE_18), second, third), 2, known.issuers),
        "another bound": Policy(
            7, (make(0, DATE, wide, relative=True), second, third), 2, known.issuers
        ),
        "another member": Policy(7, (first, make(1, TEXT, sets), third), 2, known.issuers),
        "other gaps": Policy(7, (first, second, make(1, TEXT, gaps((600, 401)))), 2, known.issuers),
    }
