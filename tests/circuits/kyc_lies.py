"""Lies about a credential: inputs that are false, and the rules that stand in their way."""

from __future__ import annotations

from kyc_holders import AGE_18, DATE, MAX, NUMBER, TEXT, KycHolder, claims, typed
from kyc_lie import SIGNATURE, Lie, changed, changed_claim, put
from kyc_lies_issuer import (
    another_policy,
    by_other_key,
    carried_issuer,
    emptied,
    false_place,
    hidden,
    not_accepted,
    of_other,
    old_revocations,
    small_key,
    unknown_issuer,
    with_torsion,
)
from kyc_lies_predicate import (
    aliased,
    bent_slot,
    beside,
    minor,
    missing,
    not_a_member,
    own_interval,
    shifted,
    shown,
    uses,
    value_of,
    young,
)

from mip_cli.crypto.babyjubjub import ORDER
from mip_cli.crypto.field import R
from mip_cli.crypto.policy import Interval, Policy, gaps

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
