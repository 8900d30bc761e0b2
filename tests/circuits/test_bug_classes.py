"""The public classes of bugs in circom circuits, each as something that must be refused.

Sources: the zk-bug-tracker of 0xPARC and zkSecurity's zkbugs. What is told of credentials and
documents stands in kyc_lies.py and document_lies.py; here are the classes by themselves, on the
templates in use, where a witness is forged wire by wire. The last test counts them all.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from document_lies import LIES as DOCUMENT_LIES
from forge import CIRCUITS, Built, Forge, build
from kyc_holders import DATE, KycHolder, claims, typed
from kyc_lies import LIES as KYC_LIES
from kyc_lies import other_policies
from kyc_lies_issuer import small_point

from mip_cli.crypto import babyjubjub as curve
from mip_cli.crypto import eddsa
from mip_cli.crypto.babyjubjub import COFACTOR, ORDER, Point
from mip_cli.crypto.claims import VALUE_BITS, date_number
from mip_cli.crypto.field import R
from mip_cli.crypto.policy import SET_LEVELS, Interval, Predicate, entries_of, gaps
from mip_cli.crypto.quad_tree import QuadTree
from mip_cli.errors import ProofInvalid
from mip_cli.zk.manifest import Circuit
from mip_cli.zk.predicate_inputs import PredicateParameters

BITIFY = "node_modules/circomlib/circuits/bitify.circom"
COMPARATORS = "node_modules/circomlib/circuits/comparators.circom"
WIDTHS = (4, 7, 8, 14, 16, 23, 27, 120, 135, 253)
"""Of every decomposition in the deployed circuits but the strict one of 254 bits."""
HALF = pow(2, -1, R)


def bits(value: int, width: int) -> list[int]:
    return [value >> i & 1 for i in range(width)]


def forged(built: Built, honest: int, digits: list[int]) -> list[int]:
    """Take the witness of a value and write other digits."""
    values = built.witness({"in": honest})
    for i, digit in enumerate(digits):
        values[built.wire(f"main.out[{i}]")] = digit % R
    return values


# --- decompositions -------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def plain() -> Callable[[int], Built]:
    """Compile circomlib's decomposition with every constraint kept as it is written."""

    @cache
    def get(width: int) -> Built:
        circuit = Circuit("part", BITIFY, "Num2Bits", (width,), (), (), 1000, "O0", False)
        return build(circuit)

    return get


def test_widths__are_those_of_the_deployed_circuits(document: Forge) -> None:
    """Read from the symbols of the compiled circuit: none is left out of these tests."""
    pattern = re.compile(r"(.*(?:Num2Bits[^.]*|Bits|num2bits))\.out\[(\d+)\]")
    widths: dict[str, int] = {}
    for symbol in document.real.symbols:
        if found := pattern.fullmatch(symbol):
            widths[found[1]] = max(widths.get(found[1], 0), int(found[2]) + 1)
    assert set(widths.values()) == {*WIDTHS, 254}
    assert [name for name, width in widths.items() if width == 254] == [
        "main.kyc.signature.challengeBits"
    ]


@pytest.mark.parametrize("width", WIDTHS)
def test_num2bits__no_second_decomposition(width: int, plain: Callable[[int], Built]) -> None:
    """The bits of x + R, carried digits, halves, negatives and a number too long."""
    built, x = plain(width), 2
    assert built.unsatisfied(forged(built, x, bits(x, width))) == []
    lies = {
        "bits of x + R": bits(x + R, width),
        "a digit of 2": [2, 0, *bits(x, width)[2:]],
        "a negative digit": [-2, 2, *bits(x, width)[2:]],
        "halves": [0, 0, HALF, *bits(x, width)[3:]],
        "the whole in one digit": [x, *[0] * (width - 1)],
        "another number": bits(x ^ 1, width),
    }
    for name, digits in lies.items():
        assert built.unsatisfied(forged(built, x, digits)), name
    for value in (1 << width, R - 1, R - 200):
        with pytest.raises(ProofInvalid):
            built.witness({"in": value})


def test_num2bits_254__takes_x_plus_R_and_is_not_used(
    part: Callable[..., Built], plain: Callable[[int], Built]
) -> None:
    loose, strict = plain(254), part(BITIFY, "Num2Bits_strict")
    for x in (0, 5, 2**254 - R - 1):
        assert loose.unsatisfied(forged(loose, x, bits(x + R, 254))) == []
        assert strict.unsatisfied(forged(strict, x, bits(x + R, 254)))
    source = "\n".join(path.read_text() for path in CIRCUITS.rglob("lib/*.circom"))
    assert not re.search(r"Num2Bits\((25[4-9])\)", source)


@pytest.mark.parametrize("age", [R - 1, R - 18, R - 200, 1 << 253])
def test_less_than__unranged_takes_negative_ages(
    age: int, part: Callable[..., Built], predicate: Built
) -> None:
    """circomlib's comparator calls R - 200 less than 18; ours has both distances ranged."""
    unranged = part(COMPARATORS, "LessThan", 8)
    assert unranged.signals(unranged.witness({"in": [5, 18]})) == [1]
    if age > 1 << 253:
        assert unranged.signals(unranged.witness({"in": [age, 18]})) == [1]
    below = Predicate(0, 1, False, (Interval(0, 17),))
    predicate.witness(shown(below, typed(1, 5), 20260101))
    with pytest.raises(ProofInvalid):
        predicate.witness(shown(below, (typed(1, 0) + age) % R, 20260101))


@pytest.mark.parametrize(("bound", "largest"), [(18, 200), (19_000, 8 * 512 * 512)])
def test_at_least__edges(bound: int, largest: int, part: Callable[..., Built]) -> None:
    built = part("lib/range.circom", "AtLeast", bound, largest)
    for value in (bound, bound + 1, largest):
        built.witness({"value": value})
    for value in (bound - 1, 0, R - 1, R - bound):
        with pytest.raises(ProofInvalid):
            built.witness({"value": value})


@pytest.mark.parametrize("bits_of", [7, 8])
def test_signed__edges(bits_of: int, part: Callable[..., Built]) -> None:
    built = part("lib/range.circom", "Signed", bits_of)
    half = 1 << (bits_of - 1)
    for value in (0, half - 1, R - half):
        built.witness({"value": value})
    for value in (half, R - half - 1, R // 2):
        with pytest.raises(ProofInvalid):
            built.witness({"value": value})


# --- places in trees ------------------------------------------------------------------------------


@pytest.mark.parametrize("template", ["QuadPath", "QuadAbsence"])
@pytest.mark.parametrize("digits", [(2, 0), (R - 1, 1), (HALF, HALF), (0, 2), (3, R - 1)])
def test_place__of_digits_that_are_no_bits(
    template: str, digits: tuple[int, int], part: Callable[..., Built]
) -> None:
    """The same children all over: any digits pick them, and only the rule of bits refuses."""
    built = part("lib/quad.circom", template, 1)
    leaf = 7 if template == "QuadPath" else 0
    child = [leaf] * 4
    root = QuadTree(1, dict(enumerate(child))).root if leaf else 0
    more: dict[str, Any] = {"leaf": leaf} if leaf else {"node": [root]}
    built.witness({"child": child, "bit": [1, 0]} | more)
    with pytest.raises(ProofInvalid):
        built.witness({"child": child, "bit": list(digits)} | more)


# --- the curve ------------------------------------------------------------------------------------


def signed(**changes: Any) -> dict[str, int]:
    key, digest = eddsa.new_key(lambda n: b"\x07" * n), 99
    found = eddsa.sign(key, key.public, digest)
    names = {
        "keyX": key.public[0],
        "keyY": key.public[1],
        "nonceX": found.nonce[0],
        "nonceY": found.nonce[1],
        "response": found.response,
        "digest": digest,
    }
    return names | {name: change(names) % R for name, change in changes.items()}


OFF: dict[str, dict[str, Callable[[dict[str, int]], int]]] = {
    "key beside the curve": {"keyY": lambda s: s["keyY"] + 1},
    "key with swapped coordinates": {"keyX": lambda s: s["keyY"], "keyY": lambda s: s["keyX"]},
    "key at 0, 0": {"keyX": lambda _: 0, "keyY": lambda _: 0},
    "nonce beside the curve": {"nonceX": lambda s: s["nonceX"] + 1},
    "nonce at 0, 0": {"nonceX": lambda _: 0, "nonceY": lambda _: 0},
    "nonce with a zero": {"nonceY": lambda _: 0},
}


@pytest.mark.parametrize("case", OFF)
def test_point_off_the_curve__is_refused_as_such(case: str, part: Callable[..., Built]) -> None:
    built = part("lib/signature.circom", "EdDSAPoseidon")
    built.witness(signed())
    with pytest.raises(ProofInvalid, match="OnCurve"):
        built.witness(signed(**OFF[case]))


@pytest.mark.parametrize("times", [1, 2, 7])
def test_response__beyond_the_order(times: int, part: Callable[..., Built]) -> None:
    """S + l is the same scalar, and S + 8l has no 253 bits: one signature, one response."""
    built = part("lib/signature.circom", "EdDSAPoseidon")
    built.witness(signed())
    with pytest.raises(ProofInvalid):
        built.witness(signed(response=lambda s: s["response"] + times * ORDER))


@pytest.mark.parametrize("order", [1, 2, 4, 8])
def test_key_of_small_order__signs_nothing(order: int, part: Callable[..., Built]) -> None:
    """Under such a key R8 = S B8 verifies for every message, were 8A = 0 allowed."""
    built = part("lib/signature.circom", "EdDSAPoseidon")
    key, nonce = small_point(order), curve.multiply_base(5)
    assert curve.multiply(key, COFACTOR) == curve.IDENTITY
    forgery = {"keyX": key[0], "keyY": key[1], "nonceX": nonce[0], "nonceY": nonce[1]}
    with pytest.raises(ProofInvalid):
        built.witness(forgery | {"response": 5, "digest": 99})


@pytest.mark.parametrize("member", ["nonce x", "nonce y", "key", "response", "digest"])
def test_signature__not_canonical_off_chain(member: str) -> None:
    """x + R is the same wire: Python must refuse what the circuit cannot tell apart."""
    key = eddsa.new_key(lambda n: b"\x07" * n)
    found, public, digest = eddsa.sign(key, key.public, 99), key.public, 99
    assert eddsa.verify(public, digest, found)
    nonce: Point = found.nonce
    response = found.response
    match member:
        case "nonce x":
            nonce = (nonce[0] + R, nonce[1])
        case "nonce y":
            nonce = (nonce[0], nonce[1] + R)
        case "key":
            public = (public[0] + R, public[1])
        case "response":
            response += ORDER
        case "digest":
            digest += R
    assert not eddsa.verify(public, digest, eddsa.Signature(nonce, response))


# --- dates and sets -------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def predicate(part: Callable[..., Built]) -> Built:
    return part("lib/policy.circom", "Predicate", SET_LEVELS)


def shown(rule: Predicate, claim: int, today: int, place: int = 0) -> dict[str, Any]:
    """Show a claim in slot 0 by the interval at a place, whether it holds or not."""
    interval = rule.intervals[place]
    lone = interval.packed == rule.spare
    tree = QuadTree(SET_LEVELS, {0: interval.packed}) if lone else rule.tree
    entry = [claim, *[0] * 15]
    return {
        "entry": entry,
        "today": today,
        "use": 1,
        "slotBit": [0] * 4,
        "kind": rule.kind,
        "relative": int(rule.relative),
        "root": rule.tree.root,
        "spare": rule.spare,
        "value": rule.value(entry, today) % R,
        "low": interval.low,
        "count": interval.count,
        "child": [c for row in tree.path(0 if lone else place).children for c in row],
    }


BIRTHDAYS = [
    ("2008-02-28", 18, "2026-02-28"),
    ("2008-02-29", 18, "2026-03-01"),  # no 29 February in 2026
    ("2008-02-29", 20, "2028-02-29"),  # a leap year again
    ("2008-03-01", 18, "2026-03-01"),
    ("2007-12-31", 18, "2025-12-31"),
    ("2008-01-01", 18, "2026-01-01"),
    ("1900-01-01", 126, "2026-01-01"),
    ("2000-02-29", 100, "2100-03-01"),  # 2100 is no leap year
    ("2004-02-29", 18, "2022-03-01"),
]


@pytest.mark.parametrize(("born", "years", "day"), BIRTHDAYS)
def test_age__the_day_before_is_too_young(
    born: str, years: int, day: str, predicate: Built
) -> None:
    birth = typed(DATE, date_number(datetime.date.fromisoformat(born)))
    due = datetime.date.fromisoformat(day)
    before, after = (date_number(due + datetime.timedelta(days)) for days in (-1, 1))
    least = 10_000 * years
    old = Predicate(0, DATE, True, (Interval(least, (1 << VALUE_BITS) - 1),))
    young = Predicate(0, DATE, True, (Interval(0, least - 1),))
    for today in (date_number(due), after):
        predicate.witness(shown(old, birth, today))
        with pytest.raises(ProofInvalid):
            predicate.witness(shown(young, birth, today))
    predicate.witness(shown(young, birth, before))
    with pytest.raises(ProofInvalid):
        predicate.witness(shown(old, birth, before))


def test_birth__after_today_is_no_age(predicate: Built) -> None:
    young = Predicate(0, DATE, True, (Interval(0, 179_999),))
    predicate.witness(shown(young, typed(DATE, 20260228), 20260228))
    with pytest.raises(ProofInvalid):
        predicate.witness(shown(young, typed(DATE, 20260301), 20260228))


@pytest.mark.parametrize("size", [1, 2, 63, 64])
def test_set__boundaries(size: int, predicate: Built) -> None:
    """Each end of a set: the members, their neighbours, the gaps, the smallest and the largest."""
    members = [10 + 3 * i for i in range(size)]
    inside = Predicate(0, 1, False, tuple(Interval(m, m) for m in members))
    outside = Predicate(0, 1, False, gaps(members))
    for place in (0, size - 1):
        member = members[place]
        predicate.witness(shown(inside, typed(1, member), 20260101, place))
        for gap in (place, place + 1):
            with pytest.raises(ProofInvalid):
                predicate.witness(shown(outside, typed(1, member), 20260101, gap))
        for beside in (member - 1, member + 1):
            with pytest.raises(ProofInvalid):
                predicate.witness(shown(inside, typed(1, beside), 20260101, place))
        predicate.witness(shown(outside, typed(1, member - 1), 20260101, place))
        predicate.witness(shown(outside, typed(1, member + 1), 20260101, place + 1))
    for far in (0, (1 << VALUE_BITS) - 1):
        predicate.witness(shown(outside, typed(1, far), 20260101, 0 if far == 0 else size))
    for claim in (0, typed(2, 10), typed(1, 10) + R - (1 << VALUE_BITS), typed(1, 1 << VALUE_BITS)):
        with pytest.raises(ProofInvalid):
            predicate.witness(shown(inside, claim % R, 20260101))


# --- modes ----------------------------------------------------------------------------------------


FLAGS = {
    "useFace": (0, 2, R - 1),
    "usePassword": (0, 2, R - 1),
    "usePeople": (1, 2, R - 1),
    "required": (0, 1, 3),
    "relative": ([0, 0, 0, 0], [1, 1, 0, 0], [2, 0, 0, 0]),
    "kind": ([2, 3, 3, 1], [1, 3, 3, 0], [18, 3, 3, 0]),
    "use": ([1, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 0], [2, 0, 0, 0]),
}


@pytest.mark.parametrize(
    ("flag", "value"), [(flag, value) for flag, values in FLAGS.items() for value in values]
)
def test_mode__changed__is_refused_or_shows(flag: str, value: Any, small_kyc: Forge) -> None:
    """No flag weakens what is proved in silence: no witness, or another public signal."""
    holder = KycHolder(PredicateParameters.of(small_kyc.circuit))
    inputs = holder.inputs()
    before = small_kyc.real.signals(small_kyc.real.witness(inputs))
    assert inputs[flag] != value
    try:
        after = small_kyc.real.signals(small_kyc.real.witness(inputs | {flag: value}))
    except ProofInvalid:
        return
    assert before != after
    shows = {"useFace": 0, "usePassword": 0, "usePeople": 0}.get(flag, 2)
    assert before[shows] != after[shows]


# --- all ------------------------------------------------------------------------------------------


def test_negatives__are_counted(small_kyc: Forge) -> None:
    """More than forty things that must not be provable, each refused by a test."""
    holder = KycHolder(PredicateParameters.of(small_kyc.circuit))
    here = (
        9 * len(WIDTHS)  # decompositions
        + 3
        + 4  # comparator
        + 8
        + 6
        + 10  # places
        + len(OFF)
        + 3
        + 4
        + 5
        + 3 * len(BIRTHDAYS)
        + 1
        + 4 * 8
        + 4 * 4  # sets
    )
    elsewhere = len(KYC_LIES) + len(DOCUMENT_LIES) + len(other_policies(holder))
    assert here >= 40
    assert len(KYC_LIES) >= 40
    assert here + elsewhere >= 250
    assert claims(s0=1)[0] == entries_of(claims(s0=1), holder.statement.terms)[0] == 1
