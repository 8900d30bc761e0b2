"""The arithmetic of recovery on many numbers; ``symbolic/prove.py`` proves it for all."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import boa
import pytest
from deployment import CONTRACTS
from hypothesis import given, settings
from hypothesis import strategies as st

from mip_cli.crypto.guardian_set import split_thresholds

HOUR, DAY = 3600, 86_400
HARNESS = """
# pragma version 0.4.3
from .modules import recovery_terms
@external
def delay(vetoes: uint256) -> uint256:
    return recovery_terms._delay(vetoes)
@external
def required(thresholds: uint256, is_active: bool) -> uint256:
    return recovery_terms._required(thresholds, is_active)
@external
def are_valid(thresholds: uint256) -> bool:
    return recovery_terms._are_valid(thresholds)
@external
def is_open(ready_at: uint256, end: uint256, timestamp: uint256) -> bool:
    return recovery_terms._is_open(ready_at, end, timestamp)
"""


@pytest.fixture(scope="module")
def terms(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("terms")
    (folder / "modules").mkdir()
    shutil.copy(CONTRACTS / "modules" / "recovery_terms.vy", folder / "modules")
    (folder / "Harness.vy").write_text(HARNESS)
    return boa.load(str(folder / "Harness.vy"))


def test_delay__doubles_up_to_fourteen_days(terms: Any) -> None:
    for vetoes in [*range(20), 255, 256, 257, 2**128, 2**256 - 1]:
        expected = min(48 * HOUR * 2 ** min(vetoes, 9), 14 * DAY)
        assert terms.delay(vetoes) == expected


def test_thresholds__as_off_chain(terms: Any) -> None:
    for threshold in range(19):
        for quorum in range(19):
            check(terms, threshold + 256 * quorum)


@given(st.one_of(st.integers(0, 2**16), st.integers(0, 2**256 - 1)))
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_thresholds__any_number(terms: Any, thresholds: int) -> None:
    check(terms, thresholds)


def check(terms: Any, thresholds: int) -> None:
    try:
        threshold, quorum = split_thresholds(thresholds)
    except ValueError:
        assert terms.are_valid(thresholds) is False
        return
    assert terms.are_valid(thresholds) is True
    assert terms.required(thresholds, True) == threshold
    assert terms.required(thresholds, False) == quorum


def test_window__begins_inclusive_and_ends_exclusive(terms: Any) -> None:
    answers = [terms.is_open(10, 13, moment) for moment in range(8, 15)]
    assert answers == [False, False, True, True, True, False, False]
