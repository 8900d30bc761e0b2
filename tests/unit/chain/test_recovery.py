"""What a request is worth, without a chain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mip_cli.chain.recovery import (
    DELAY,
    MAX_DELAY,
    OPEN_FOR,
    Phase,
    RecoveryState,
    RequestState,
    RequestStatus,
)
from mip_cli.units import Commitment

NOW = 1_900_000_000
STATE = RecoveryState(
    guardian_commitment=Commitment(1),
    set_commitment=Commitment(2),
    guardian_epoch=3,
    nonce=4,
    vetoes=0,
    changes=5,
    armed=0,
    armed_until=0,
    pending_guardian_commitment=Commitment(0),
    pending_set_commitment=Commitment(0),
    pending_ready_at=0,
)
PROPOSED = RequestState(bytes(32), Commitment(9), RequestStatus.PROPOSED, 1, NOW + 100, 0, 3, 4)
ARMED = replace(PROPOSED, status=RequestStatus.ARMED, ready_at=NOW + 50)


@pytest.mark.parametrize(
    ("request_state", "now", "phase"),
    [
        (PROPOSED, NOW, Phase.PROPOSED),
        (PROPOSED, NOW + 99, Phase.PROPOSED),
        (PROPOSED, NOW + 100, Phase.EXPIRED),
        (ARMED, NOW + 49, Phase.WAITING),
        (ARMED, NOW + 50, Phase.READY),
        (ARMED, NOW + 99, Phase.READY),
        (ARMED, NOW + 100, Phase.EXPIRED),
        (replace(ARMED, guardian_epoch=2), NOW, Phase.VOID),
        (replace(PROPOSED, nonce=3), NOW, Phase.VOID),
        (replace(ARMED, status=RequestStatus.VETOED), NOW, Phase.VETOED),
        (replace(ARMED, status=RequestStatus.EXECUTED, nonce=3), NOW, Phase.EXECUTED),
        (replace(PROPOSED, status=RequestStatus.NONE, nonce=0), NOW, Phase.NONE),
    ],
)
def test_phase__follows_status_times_and_what_came_first(request_state, now, phase) -> None:
    assert request_state.phase(STATE, now) is phase


def test_phase__alive_and_armed() -> None:
    assert {p for p in Phase if p.alive} == {Phase.PROPOSED, Phase.WAITING, Phase.READY}
    assert {p for p in Phase if p.armed} == {Phase.WAITING, Phase.READY}


@pytest.mark.parametrize(
    ("vetoes", "delay"),
    [(0, DELAY), (1, 2 * DELAY), (2, 4 * DELAY), (3, MAX_DELAY), (200, MAX_DELAY)],
)
def test_delay__doubles_up_to_its_end(vetoes, delay) -> None:
    assert replace(STATE, vetoes=vetoes).delay == delay


def test_change__is_alive_until_its_window_ends() -> None:
    waiting = replace(STATE, pending_ready_at=NOW)
    assert waiting.change_is_alive(NOW - 1)
    assert waiting.change_is_alive(NOW + OPEN_FOR - 1)
    assert not waiting.change_is_alive(NOW + OPEN_FOR)
    assert not STATE.change_is_alive(0)
    assert STATE.has_guardians
    assert not replace(STATE, set_commitment=Commitment(0)).has_guardians
