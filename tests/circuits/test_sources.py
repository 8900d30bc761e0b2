"""What the circuit sources hold as a whole: no hints, no check without a lie against it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

CIRCUITS = Path(__file__).resolve().parents[2] / "circuits"


def sources() -> list[Path]:
    return [*CIRCUITS.glob("*.circom"), *CIRCUITS.glob("lib/*.circom")]


def test_sources__compute_nothing_by_hint() -> None:
    """A value assigned and not constrained in one step is how circuits come to be forgeable."""
    assert len(sources()) >= 9
    assert [path.name for path in sources() if "<--" in path.read_text()] == []


def test_rules__are_all_the_checks_of_the_sources(rules: Any) -> None:
    """So that no check is added without a lie that only it refuses."""
    text = "\n".join(path.read_text() for path in sources())
    assert text.count("===") == sum("===" in rule.check for rule in rules.values())
    ranges = re.findall(r"= (?:Signed|AtMost|AtLeast)\(", text)
    assert len(ranges) == sum("===" not in rule.check for rule in rules.values())


def test_rules__belong_to_a_circuit_each(rules: Any, passport: Any, approval: Any) -> None:
    assert {*passport.rules, *approval.rules} == set(rules)
