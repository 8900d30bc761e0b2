"""A model of credentials and policies in plain words: calendars, sets and comparisons of values.

It shares nothing with the product but the JSON of policies: ages by ``datetime``, sets by ``in``.
"""

from __future__ import annotations

import datetime
import random
import string
from typing import Any

Value = int | str | bool
SCHEMA: dict[str, Any] = {
    "claims": [
        {"kind": "date", "name": "birth_date"},
        {"kind": "number", "name": "score"},
        {"kind": "text", "name": "city"},
        {"kind": "flag", "name": "member"},
        {"kind": "code", "name": "country"},
        {"kind": "date", "name": "since"},
    ],
    "format": "mip.schema/1",
    "name": "Random person",
    "version": 1,
}
KINDS = {claim["name"]: claim["kind"] for claim in SCHEMA["claims"]}
EDGES = (0, 1, 2**63, 2**64 - 2, 2**64 - 1)
LEAP_DAYS = ("2000-02-29", "2004-02-29", "2008-02-29", "1996-02-29")


def random_value(rng: random.Random, kind: str) -> Value:
    match kind:
        case "number":
            return rng.choice((rng.randrange(20), rng.choice(EDGES), rng.getrandbits(64)))
        case "date":
            if rng.random() < 0.2:
                return rng.choice(LEAP_DAYS)
            day = datetime.date(1900, 1, 1) + datetime.timedelta(rng.randrange(50_000))
            return day.isoformat()
        case "text":
            return rng.choice(("Berlin", "Paris", "Zürich", "Oslo", "Roma", "Ōsaka"))
        case "flag":
            return rng.random() < 0.5
    return "".join(rng.choices(string.ascii_uppercase[:3], k=2))


def random_credential(rng: random.Random) -> dict[str, Value]:
    """Draw claims, each of which may be missing."""
    return {name: random_value(rng, kind) for name, kind in KINDS.items() if rng.random() < 0.9}


def random_predicate(
    rng: random.Random, values: dict[str, Value], today: datetime.date
) -> dict[str, Any]:
    """Draw a predicate, often near the edge of the credential's own value."""
    name = rng.choice(list(KINDS))
    kind = KINDS[name]
    own = values.get(name)
    ops = ["==", "in", "not in"]
    if kind in ("number", "date"):
        ops += [">=", "<="] * 2
    if kind == "date":
        ops += ["age >=", "age <"] * 3
    op = rng.choice(ops)
    if op.startswith("age"):
        years = rng.randrange(1, 130)
        if isinstance(own, str) and rng.random() < 0.7:
            years = min(200, max(1, today.year - int(own[:4]) + rng.randrange(-1, 2)))
        return {"claim": name, "op": op, "value": years}
    if op in ("in", "not in"):
        members = {
            repr(v): v for v in (random_value(rng, kind) for _ in range(rng.choice((1, 3, 64))))
        }
        if own is not None and rng.random() < 0.4:
            members[repr(own)] = own
        return {"claim": name, "op": op, "members": list(members.values())[:64]}
    value = random_value(rng, kind)
    if own is not None and rng.random() < 0.7:
        value = neighbour(rng, own)
    return {"claim": name, "op": op, "value": value}


def neighbour(rng: random.Random, own: Value) -> Value:
    """Return a value or one beside it."""
    step = rng.randrange(-1, 2)
    if isinstance(own, bool):
        return own
    if isinstance(own, int):
        return min(2**64 - 1, max(0, own + step))
    if len(own) == 10 and own[4] == "-":
        moved = datetime.date.fromisoformat(own) + datetime.timedelta(step)
        return max(moved, datetime.date(1900, 1, 1)).isoformat()
    return own


def birthday(born: datetime.date, years: int) -> datetime.date:
    """Return the day on which somebody becomes so many years old; 1 March without a 29 February."""
    try:
        return born.replace(year=born.year + years)
    except ValueError:
        return datetime.date(born.year + years, 3, 1)


def holds(predicate: dict[str, Any], values: dict[str, Value], today: datetime.date) -> bool:
    """Tell whether a predicate is true of the claims on a day."""
    own = values.get(predicate["claim"])
    if own is None:
        return False
    op = predicate["op"]
    if op == "in":
        return any(own == member for member in predicate["members"])
    if op == "not in":
        return all(own != member for member in predicate["members"])
    if op.startswith("age"):
        born = datetime.date.fromisoformat(str(own))
        if born > today:
            return False
        old = birthday(born, predicate["value"]) <= today
        return old if op == "age >=" else not old
    wanted = predicate["value"]
    if KINDS[predicate["claim"]] == "date":
        own, wanted = datetime.date.fromisoformat(str(own)), datetime.date.fromisoformat(wanted)
    if op == "==":
        return bool(own == wanted)
    return bool(own >= wanted) if op == ">=" else bool(own <= wanted)


def _meaning(row: dict[str, Any]) -> str:
    """Name a predicate by what it says: a policy that says one thing twice is refused."""
    if row["op"] in ("==", "in"):
        members = row.get("members", [row.get("value")])
        return f"{row['claim']} in {sorted(members, key=repr)}"
    if "members" in row:
        return f"{row['claim']} {row['op']} {sorted(row['members'], key=repr)}"
    return f"{row['claim']} {row['op']} {row['value']}"


def random_policy(
    rng: random.Random, values: dict[str, Value], today: datetime.date
) -> dict[str, Any]:
    """Draw a policy about a credential."""
    rows: dict[str, dict[str, Any]] = {}
    for _ in range(rng.randint(1, 4)):
        row = random_predicate(rng, values, today)
        rows[_meaning(row)] = row
    count = len(rows)
    require = rng.choice(("all", "any", rng.randint(1, count)))
    return {
        "format": "mip.policy/1",
        "schema": SCHEMA,
        "issuers": rng.sample(range(65_536), rng.randint(1, 11)),
        "require": require,
        "predicates": list(rows.values()),
    }


def satisfied(policy: dict[str, Any], values: dict[str, Value], today: datetime.date) -> bool:
    """Tell whether a credential meets a policy on a day."""
    true = sum(holds(row, values, today) for row in policy["predicates"])
    required = {"all": len(policy["predicates"]), "any": 1}.get(policy["require"])
    return true >= (policy["require"] if required is None else required)
