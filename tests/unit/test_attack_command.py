"""What ``mip attack`` says of a report, and the exit code that goes with it."""

from __future__ import annotations

import json

import click
import pytest

from mip_cli.cli.attack import attack, conclude
from mip_cli.flows.attack import Report, Tried

CLOSED = Tried("closed-door", "try a door", False, "it is shut", None, 0.1)
LIMIT = Tried("known-window", "try a window", True, "it is open", "section 16 says so", 0.1)
BREACH = Tried("open-door", "try another door", True, "it is open", None, 0.1)


def concluded(*tried: Tried, as_json: bool = False) -> int:
    with click.Context(attack):
        try:
            conclude(Report(tried, ("it works",)), as_json=as_json)
        except click.exceptions.Exit as leave:
            return leave.exit_code
    return 0


def test_conclude__documented_limits_alone__are_no_failure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert concluded(CLOSED, LIMIT, as_json=True) == 0
    routes = json.loads(capsys.readouterr().out)["routes"]
    found = [(one["name"], one["succeeded"], one["documented_limit"]) for one in routes]
    assert found == [("closed-door", False, False), ("known-window", True, True)]
    assert concluded(CLOSED, LIMIT) == 0
    assert "2 routes: 1 closed, 1 documented limits open" in capsys.readouterr().out


def test_conclude__a_breach__is_named_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert concluded(CLOSED, LIMIT, BREACH, as_json=True) == 1
    shown = capsys.readouterr()
    assert json.loads(shown.out)["routes"][2]["succeeded"] is True
    assert "1 routes succeeded that must not: open-door" in shown.err
