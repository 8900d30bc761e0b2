"""Lies about the signature, the revocations and the issuer of a credential."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from holders import ANCHOR, Inputs
from kyc_holders import TODAY, KycHolder
from kyc_lie import put
from passport_lies_face import square_root

from mip_cli.crypto import babyjubjub as curve
from mip_cli.crypto import credential as credentials
from mip_cli.crypto import eddsa
from mip_cli.crypto.babyjubjub import COFACTOR, ORDER, Point
from mip_cli.crypto.field import R
from mip_cli.crypto.policy import Policy
from mip_cli.crypto.poseidon import poseidon
from mip_cli.crypto.poseidon2 import compress
from mip_cli.crypto.quad_tree import QuadTree

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
