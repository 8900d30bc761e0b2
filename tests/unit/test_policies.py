"""What an app asks of credentials, in words and as a number; freshness in days."""

from __future__ import annotations

import datetime
import json
from dataclasses import replace
from typing import Any

import pytest

from mip_cli.crypto.claims import date_number
from mip_cli.crypto.policy_app import AppPolicy
from mip_cli.crypto.policy_document import EXAMPLE_APP_POLICY, parse_app_policy
from mip_cli.crypto.policy_text import EXAMPLE_POLICY, parse_policy


def changed(part: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(EXAMPLE_APP_POLICY)) | members
    if part is not None:
        document["parts"][0] |= part
    return document


def predicate(value: object, claim: str = "given_name", op: str = "==") -> dict[str, Any]:
    return {"predicates": [{"claim": claim, "op": op, "value": value}], "require": "all"}


def test_example__says_what_it_asks() -> None:
    found = parse_app_policy(EXAMPLE_APP_POLICY)
    assert found.demand == "any 2 of these 3"
    assert (found.policy.level, found.policy.strict, found.policy.required) == (2, False, 2)
    assert found.policy.parts == tuple(part.policy.commitment for part in found.parts)
    assert found.parts[0].policy == parse_policy(EXAMPLE_POLICY).policy
    assert found.parts[1].predicates == (
        "monthly_income is 2000 or more",
        "currency is EUR",
        "the day of issue lies at most 90 days back",
    )


def test_one_credentials_policy__is_a_policy_of_one_part() -> None:
    alone = parse_app_policy(EXAMPLE_POLICY)
    part = {name: value for name, value in EXAMPLE_POLICY.items() if name != "format"}
    whole = {
        "format": "mip.policy/2",
        "level": 1,
        "strict": False,
        "require": "all",
        "parts": [part],
    }
    assert alone == parse_app_policy(whole)
    assert alone.demand == ""
    assert parse_app_policy(alone.document) == alone


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (changed(format="mip.policy/3"), r"mip\.policy/2"),
        (changed(extra=1), r"mip\.policy/2"),
        (changed(level=0), "level is 1 to 3"),
        (changed(level=4), "level is 1 to 3"),
        (changed(level=True), "level is a number"),
        (changed(strict=1), "strict true or false"),
        (changed(require=0), "require"),
        (changed(require=4), "require"),
        (changed(parts=[]), "1 to 4 parts"),
        (changed(parts=EXAMPLE_APP_POLICY["parts"] * 2), "1 to 4 parts"),  # type: ignore[operator]
        (changed(parts=[EXAMPLE_APP_POLICY["parts"][0]] * 2), "same"),  # type: ignore[index]
        (changed({"format": "mip.policy/1"}), "a part has"),
        (changed({"predicates": EXAMPLE_POLICY["predicates"] * 2}), "same"),  # type: ignore[operator]
        (changed({"require": 0}), "require"),
        ([], r"mip\.policy/2"),
    ],
)
def test_policy__that_makes_no_sense__refused(document: Any, words: str) -> None:
    parse_app_policy(changed())
    with pytest.raises(ValueError, match=words):
        parse_app_policy(document)


def test_text__that_misleads__refused() -> None:
    """What is shown is what is hashed, and cannot pass for words of the tool."""
    for good, shown in (
        ("Ada", "given_name is Ada"),
        ("Ada, Countess", 'given_name is "Ada, Countess"'),
        ("2000-01-01", "given_name is 2000-01-01"),
        ("Zoë", 'given_name is "Zoë"'),
        ("a" * 128, "given_name is " + "a" * 128),
    ):
        found = parse_app_policy(changed(predicate(good)))
        assert found.parts[0].predicates == (shown,)
    for bad in ("a" * 129, "a\nb", "a  b", "a\u202eb", " a", "\u200b", "a\x1b[2J", "e\u0301"):
        with pytest.raises(ValueError, match="can be read"):
            parse_app_policy(changed(predicate(bad)))
        listed = {"claim": "given_name", "op": "in", "members": ["Ada", bad]}
        with pytest.raises(ValueError, match="can be read"):
            parse_app_policy(changed({"predicates": [listed], "require": "all"}))


def test_commitment__of_any_other_policy_is_another() -> None:
    known = AppPolicy(2, False, 2, (5, 6, 7))
    others = [
        replace(known, level=1),
        replace(known, level=3),
        replace(known, strict=True),
        replace(known, required=1),
        replace(known, required=3),
        replace(known, parts=(5, 6)),
        replace(known, parts=(6, 5, 7)),
        replace(known, parts=(5, 6, 8)),
        replace(known, parts=(5, 6, 7, 8)),
    ]
    assert len({p.commitment for p in (known, *others)}) == 10
    payload = b"\x05" * 32
    assert len({p.bind(payload) for p in (known, *others)}) == 10
    assert known.bind(payload) != known.bind(b"\x06" * 32) != payload
    with pytest.raises(ValueError, match="32 bytes"):
        known.bind(b"")


@pytest.mark.thorough
@pytest.mark.parametrize("days", [0, 1, 7, 27, 28, 30, 31, 45, 90, 182, 365, 366])
def test_days__never_longer_and_at_most_three_shorter(days: int) -> None:
    (found,) = (
        parse_app_policy(changed(predicate(days, "valid_from", "days <=")))
        .parts[0]
        .policy.predicates
    )
    assert (found.slot, found.kind, found.relative) == (12, 2, True)
    first = datetime.date(2023, 1, 1)
    for start in range(0, 4 * 366, 1):
        since = first + datetime.timedelta(days=start)
        for lasted in range(max(0, days - 6), days + 7):
            today = date_number(since + datetime.timedelta(days=lasted))
            value = today - date_number(since)
            holds = any(interval.holds(value) for interval in found.intervals)
            assert not (holds and lasted > days)
            assert holds or lasted > days - 3


def test_days__far_beyond__do_not_hold() -> None:
    (found,) = (
        parse_app_policy(changed(predicate(30, "birth_date", "days <="))).parts[0].policy.predicates
    )
    since = datetime.date(2020, 2, 29)
    for lasted in range(31, 3000):
        value = date_number(since + datetime.timedelta(days=lasted)) - date_number(since)
        assert not any(interval.holds(value) for interval in found.intervals)


def test_days__out_of_range__refused() -> None:
    for bad in (-1, 367, True, "30"):
        with pytest.raises(ValueError, match="number of days"):
            parse_app_policy(changed(predicate(bad, "valid_from", "days <=")))
    with pytest.raises(ValueError, match="number of days"):
        parse_app_policy(changed(predicate(3, "assurance", "days <=")))
