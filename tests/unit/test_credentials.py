"""Claims, signatures, trees and policies, in Python; the circuit tests hold them against circom."""

from __future__ import annotations

import datetime
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mip_cli.crypto import babyjubjub as curve
from mip_cli.crypto import credential as credentials
from mip_cli.crypto import eddsa
from mip_cli.crypto.claims import (
    MAX_VALUE,
    ClaimKind,
    ClaimType,
    Schema,
    date_number,
    date_text,
    encode_claim,
    encode_value,
    parse_date,
    parse_schema,
)
from mip_cli.crypto.credential import Statement, Terms
from mip_cli.crypto.dates import date_of_day, day_of
from mip_cli.crypto.eddsa import Signature, SigningKey
from mip_cli.crypto.field import R
from mip_cli.crypto.policy import Interval, Policy, Predicate, gaps
from mip_cli.crypto.policy_text import EXAMPLE_POLICY, EXAMPLE_SCHEMA, parse_policy
from mip_cli.crypto.poseidon2 import compress
from mip_cli.crypto.quad_tree import QuadTree

VECTORS = Path(__file__).resolve().parents[1] / "vectors"


def vectors() -> Any:
    return json.loads((VECTORS / "credentials.json").read_text())


def signing_key(seed: int = 1) -> SigningKey:
    return eddsa.new_key(random.Random(seed).randbytes)


# --- the curve and its signatures -----------------------------------------------------------------


def test_add__gives_what_others_published() -> None:
    """circomlibjs 0.1.7 and EIP-2494, test vector of two different points."""
    left = (
        17777552123799933955779906779655732241715742912184938656739573121738514868268,
        2626589144620713026669568689430873010625803728049924121243784502389097019475,
    )
    right = (
        16540640123574156134436876038791482806971768689494387082833631921987005038935,
        20819045374670962167435360035096875258406992893633759881276124905556507972311,
    )
    assert curve.add(left, right) == (
        7916061937171219682591368294088513039687205273691143098332585753343424131937,
        14035240266687799601661095864649209771790948434046947201833777492504781204499,
    )


def test_curve__laws_of_a_group() -> None:
    rng = random.Random(2)
    points = [curve.multiply_base(rng.randrange(curve.ORDER)) for _ in range(3)]
    a, b, c = points
    assert curve.add(a, curve.IDENTITY) == a
    assert curve.add(a, b) == curve.add(b, a)
    assert curve.add(curve.add(a, b), c) == curve.add(a, curve.add(b, c))
    assert curve.add(a, (R - a[0], a[1])) == curve.IDENTITY
    assert curve.multiply(a, curve.ORDER) == curve.IDENTITY
    for k in (0, 1, 2, 63, 64, curve.ORDER - 1, curve.ORDER, curve.ORDER + 5):
        assert curve.multiply_base(k) == curve.multiply(curve.BASE8, k)
    assert all(map(curve.is_in_subgroup, points))
    assert curve.is_on_curve((0, R - 1))
    assert not curve.is_in_subgroup((0, R - 1))
    assert not curve.is_on_curve((a[0] + R, a[1]))


@pytest.mark.thorough
def test_signature__holds_for_its_digest_and_key_alone() -> None:
    key, other = signing_key(), signing_key(2)
    public, digest = key.public, 12345
    signature = eddsa.sign(key, public, digest)
    assert eddsa.verify(public, digest, signature)
    assert eddsa.sign(key, public, digest) == signature
    assert eddsa.sign(key, public, digest + 1).nonce != signature.nonce
    assert not eddsa.verify(public, digest + 1, signature)
    assert not eddsa.verify(other.public, digest, signature)
    for response in (
        signature.response + 1,
        signature.response + curve.ORDER,
        curve.ORDER - signature.response,
        0,
    ):
        assert not eddsa.verify(public, digest, replace(signature, response=response))
    off = (signature.nonce[0], signature.nonce[1] + 1)
    assert not eddsa.verify(public, digest, replace(signature, nonce=off))
    moved = curve.add(signature.nonce, (0, R - 1))
    assert not eddsa.verify(public, digest, replace(signature, nonce=moved))
    assert not eddsa.verify(public, digest + R, signature)


def test_small_key__signs_nothing() -> None:
    """Without the cofactor's check everybody signs for a key of small order."""
    nonce = curve.multiply_base(5)
    for key in (curve.IDENTITY, (0, R - 1)):
        assert not eddsa.verify(key, 1, Signature(nonce, 5))
        assert not eddsa.is_valid_key(key)
    assert eddsa.is_valid_key(signing_key().public)


def test_key__shows_nothing_of_itself() -> None:
    assert repr(signing_key()) == "SigningKey(<redacted>)"


# --- trees ----------------------------------------------------------------------------------------


def test_quad_tree__agrees_with_hashing_everything() -> None:
    rng = random.Random(3)
    for _ in range(5):
        leaves = {rng.randrange(64): rng.randrange(1, R) for _ in range(rng.randrange(1, 12))}
        row = [leaves.get(i, 0) for i in range(64)]
        while len(row) > 1:
            fours = [row[i : i + 4] for i in range(0, len(row), 4)]
            row = [compress(*four) if any(four) else 0 for four in fours]
        tree = QuadTree(3, leaves)
        assert tree.root == row[0]
        step = QuadTree(3)
        for place, leaf in leaves.items():
            step.update({place: leaf})
        assert step.root == tree.root
        for place in range(64):
            path = tree.path(place)
            assert path.children[0][place % 4] == leaves.get(place, 0) == tree.leaf(place)
            assert path.root == path.nodes[-1] == tree.root
        step.update(dict.fromkeys(leaves, 0))
        assert step.root == 0


def test_quad_tree__refuses_what_does_not_fit() -> None:
    for place, leaf in ((64, 1), (-1, 1), (0, R)):
        with pytest.raises(ValueError, match="fit"):
            QuadTree(3, {place: leaf})
    with pytest.raises(ValueError, match="no such place"):
        QuadTree(3).path(64)


# --- claims ---------------------------------------------------------------------------------------


def test_dates__order_as_days_do() -> None:
    day = datetime.date(1999, 12, 30)
    found = [date_number(day + datetime.timedelta(days=i)) for i in range(800)]
    assert found == sorted(found)
    assert [parse_date(date_text(number)) for number in found] == found
    assert date_of_day(0) == 19700101
    assert date_of_day(day_of(86_400 * 2 - 1)) == 19700102


@pytest.mark.parametrize(
    "text", ["2023-02-29", "2024-13-01", "24-01-01", "1899-12-31", "2024-1-1", "2024-01-01 ", ""]
)
def test_date__that_is_none__refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"date|day|month|1900"):
        parse_date(text)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (ClaimKind.NUMBER, True),
        (ClaimKind.NUMBER, -1),
        (ClaimKind.NUMBER, 2**64),
        (ClaimKind.NUMBER, "1"),
        (ClaimKind.DATE, 20200101),
        (ClaimKind.FLAG, 1),
        (ClaimKind.CODE, ""),
        (ClaimKind.CODE, "A" * 16),
        (ClaimKind.CODE, "A B"),
        (ClaimKind.CODE, "Ä"),
        (ClaimKind.TEXT, ""),
        (ClaimKind.TEXT, "\ud800"),
        (ClaimKind.TEXT, "a" * 1025),
        (ClaimKind.TEXT, 5),
    ],
)
def test_value__of_another_kind__refused(kind: ClaimKind, value: Any) -> None:
    with pytest.raises(ValueError, match=r"not a|1 to"):
        encode_value(kind, value)


def test_values__fit_and_kinds_are_apart() -> None:
    samples: dict[ClaimKind, Any] = {
        ClaimKind.NUMBER: 2**64 - 1,
        ClaimKind.DATE: "9999-12-31",
        ClaimKind.TEXT: "Zoë",
        ClaimKind.FLAG: True,
        ClaimKind.CODE: "~" * 15,
    }
    found = [encode_claim(kind, value) for kind, value in samples.items()]
    assert [claim >> 120 for claim in found] == [1, 2, 3, 4, 5]
    assert all(0 <= claim & MAX_VALUE <= MAX_VALUE for claim in found)
    decomposed = "Zoe\u0308"
    assert encode_claim(ClaimKind.TEXT, decomposed) == encode_claim(ClaimKind.TEXT, "Zoë")


def test_schema__has_one_spelling_and_an_id_of_its_own() -> None:
    schema = parse_schema(EXAMPLE_SCHEMA)
    assert parse_schema(json.loads(schema.document)) == schema
    assert replace(schema, version=2).id != schema.id
    swapped = replace(schema, claims=schema.claims[::-1])
    assert swapped.id != schema.id
    assert schema.slot("birth_date") == (2, ClaimKind.DATE)
    assert schema.slot("valid_until") == (13, ClaimKind.DATE)
    assert schema.encode({"assurance": 1})[5] == encode_claim(ClaimKind.NUMBER, 1)
    with pytest.raises(ValueError, match="no claim of that name"):
        schema.encode({"shoe_size": 1})
    with pytest.raises(ValueError, match="birth_date: "):
        schema.encode({"birth_date": "yesterday"})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "A\u202eB"}, "can be read"),
        ({"version": 0}, "version"),
        ({"claims": ()}, "1 to 12"),
        ({"claims": tuple(ClaimType(f"c{i}", ClaimKind.FLAG) for i in range(13))}, "1 to 12"),
        ({"claims": (ClaimType("a", ClaimKind.FLAG),) * 2}, "different"),
        ({"claims": (ClaimType("valid_from", ClaimKind.DATE),)}, "lower case"),
        ({"claims": (ClaimType("A", ClaimKind.DATE),)}, "lower case"),
    ],
)
def test_schema__that_makes_no_sense__refused(changes: dict[str, Any], words: str) -> None:
    known = {"name": "S", "version": 1, "claims": (ClaimType("a", ClaimKind.FLAG),)}
    Schema(**known)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=words):
        Schema(**(known | changes))


# --- credentials ----------------------------------------------------------------------------------


def test_subjects__of_one_passport_are_strangers() -> None:
    anchor = "0x" + "a1" * 20
    first, second = (credentials.subject(5, anchor, blinding) for blinding in (1, 2))
    assert first != second
    assert credentials.subject(6, anchor, 1) != first
    with pytest.raises(ValueError, match="zero"):
        credentials.subject(0, anchor, 1)


def test_terms__do_not_spill_into_each_other() -> None:
    packed = {
        Terms(a, b, n).packed
        for a in (20200101, 20200102)
        for b in (20300101, 20300102)
        for n in (0, 1, 2**24 - 1)
    }
    assert len(packed) == 12
    for bad in ((20200101, 20191231, 0), (20200230, 20300101, 0), (20200101, 20300101, 2**24)):
        with pytest.raises(ValueError, match=r"terms|date|day"):
            Terms(*bad)


def test_digest__covers_everything() -> None:
    known = Statement((1,) * 12, 5, 6, Terms(20200101, 20300101, 7))
    others = [
        replace(known, claims=(*known.claims[:i], 2, *known.claims[i + 1 :])) for i in range(12)
    ]
    others += [replace(known, subject=6), replace(known, schema_id=7)]
    others += [replace(known, terms=Terms(20200102, 20300101, 7))]
    others += [replace(known, terms=Terms(20200101, 20300102, 7))]
    others += [replace(known, terms=Terms(20200101, 20300101, 8))]
    assert len({statement.digest for statement in (known, *others)}) == 18


# --- policies -------------------------------------------------------------------------------------


def test_gaps__hold_all_but_the_members() -> None:
    for members in ((5,), (0, 1, MAX_VALUE), (3, 5, 6, 9), tuple(range(0, 128, 2))):
        intervals = gaps(members)
        for value in {v for m in members for v in (m - 1, m, m + 1)} | {0, MAX_VALUE}:
            if 0 <= value <= MAX_VALUE:
                assert any(i.holds(value) for i in intervals) is (value not in members)
    assert len(gaps(range(1, 129, 2))) == 65


def test_policy__of_words_asks_what_they_say() -> None:
    found = parse_policy(EXAMPLE_POLICY)
    adult, abroad = found.policy.predicates
    assert (adult.slot, adult.kind, adult.relative) == (2, 2, True)
    assert adult.intervals == (Interval(180_000, MAX_VALUE),)
    assert (adult.tree.root, adult.spare) == (0, adult.intervals[0].packed)
    assert abroad.spare == 0 != abroad.tree.root
    assert found.policy.required == 2
    assert found.predicates == (
        "birth_date lies 18 years or more back",
        "residence is there and none of: XA, XB",
    )


def changed(predicate: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(EXAMPLE_POLICY)) | members
    if predicate is not None:
        document["predicates"] = [predicate]
    return document


@pytest.mark.parametrize(
    ("predicate", "intervals"),
    [
        ({"claim": "assurance", "op": ">=", "value": 3}, (Interval(3, MAX_VALUE),)),
        ({"claim": "assurance", "op": "<=", "value": 3}, (Interval(0, 3),)),
        ({"claim": "assurance", "op": "==", "value": 3}, (Interval(3, 3),)),
        ({"claim": "birth_date", "op": "age <", "value": 27}, (Interval(0, 269_999),)),
        (
            {"claim": "assurance", "op": "in", "members": [9, 3, 3]},
            (Interval(3, 3), Interval(9, 9)),
        ),
    ],
)
def test_predicate__becomes_intervals(
    predicate: dict[str, Any], intervals: tuple[Interval, ...]
) -> None:
    (found,) = parse_policy(changed(predicate)).policy.predicates
    assert found.intervals == intervals


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (changed(format="mip.policy/2"), "mip.policy/1"),
        (changed(require="most"), "require"),
        (changed(require=3), "require"),
        (changed(require=True), "require"),
        (changed(issuers=[]), "issuers"),
        (changed(issuers=[0, 0]), "issuers"),
        (changed(issuers=[65_536]), "no issuer"),
        (changed(issuers=list(range(12))), "issuers"),
        (changed({"claim": "shoe_size", "op": "==", "value": 3}), "no claim"),
        (changed({"claim": "assurance", "op": "age >=", "value": 3}), "age"),
        (changed({"claim": "birth_date", "op": "age >=", "value": True}), "age"),
        (changed({"claim": "given_name", "op": ">=", "value": "A"}), "compared"),
        (changed({"claim": "assurance", "op": "=", "value": 3}), "claim, op"),
        (changed({"claim": "assurance", "op": "in", "members": []}), "1 to 64"),
        (changed({"claim": "assurance", "op": "in", "members": list(range(65))}), "1 to 64"),
        (changed({"claim": "assurance", "op": "in", "value": 3}), "claim, op"),
        (changed(predicates=EXAMPLE_POLICY["predicates"] * 3), "up to 4"),  # type: ignore[operator]
        ([], "mip.policy/1"),
    ],
)
def test_policy__that_makes_no_sense__refused(document: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_policy(document)


def test_policy__fills_its_issuers_with_the_last() -> None:
    predicate = Predicate(0, 1, False, (Interval(0, 1),))
    policy = Policy(1, (predicate,), 1, (4, 2))
    assert policy.accepted == (4, *(2,) * 10)


# --- vectors --------------------------------------------------------------------------------------


def test_vectors__of_the_curve() -> None:
    for case in vectors()["curve"]:
        point = (int(case["point"][0]), int(case["point"][1]))
        assert curve.multiply(curve.BASE8, int(case["scalar"])) == point


@pytest.mark.thorough
def test_vectors__of_a_credential() -> None:
    case = vectors()["credential"]
    own = credentials.subject(int(case["secret"]), case["anchor"], int(case["blinding"]))
    assert own == int(case["subject"])
    statement = Statement(
        tuple(map(int, case["claims"])), own, int(vectors()["schema"]["id"]), Terms(*case["terms"])
    )
    assert statement.digest == int(case["digest"])
    key = (int(case["key"][0]), int(case["key"][1]))
    nonce = (int(case["nonce"][0]), int(case["nonce"][1]))
    assert eddsa.verify(key, statement.digest, Signature(nonce, int(case["response"])))


def test_vectors__of_a_policy() -> None:
    case = vectors()["policy"]
    assert parse_policy(case["document"]).policy.commitment == int(case["commitment"])
