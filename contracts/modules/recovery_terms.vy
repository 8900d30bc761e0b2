# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title recovery_terms
@license AGPL-3.0-only
@notice The arithmetic of recovery: how long, how many, and when something is over. It has neither
        state nor calls, so that its bounds can be proved alone.
@custom:stop A module, never deployed.
"""

DELAY: public(constant(uint256)) = 48 * 60 * 60  # seconds from ARMED to execution, at first
MAX_DELAY: public(constant(uint256)) = 14 * 24 * 60 * 60  # seconds
PROPOSAL: public(constant(uint256)) = 7 * 24 * 60 * 60  # seconds to gather approvals
OPEN_FOR: public(constant(uint256)) = 7 * 24 * 60 * 60  # seconds to carry out what is ready
CHANGE_DELAY: public(constant(uint256)) = 48 * 60 * 60  # seconds that a change of the set waits
MAX_VETOES: public(constant(uint256)) = 2  # with this one the passport freezes

MAX_GUARDIANS: constant(uint256) = 16


@pure
@internal
def _delay(vetoes: uint256) -> uint256:
    """
    @dev Doubles with each veto. Three doublings exceed MAX_DELAY; the shift is bounded before it is
         done, so that no number of vetoes makes a delay short again.
    @param vetoes Vetoes since the last recovery or change of the set.
    @return Seconds between DELAY and MAX_DELAY.
    """
    return min(DELAY << min(vetoes, 3), MAX_DELAY)


@pure
@internal
def _required(thresholds: uint256, is_active: bool) -> uint256:
    """
    @param thresholds threshold + 256 quorum, valid.
    @param is_active Whether the passport is neither revoked nor frozen.
    @return Approvals that a request needs.
    """
    return thresholds & 255 if is_active else thresholds >> 8


@pure
@internal
def _are_valid(thresholds: uint256) -> bool:
    """
    @param thresholds Any number.
    @return Whether it is threshold + 256 quorum with 1 <= threshold <= quorum <= MAX_GUARDIANS.
    """
    threshold: uint256 = thresholds & 255
    quorum: uint256 = thresholds >> 8
    return threshold != 0 and threshold <= quorum and quorum <= MAX_GUARDIANS


@pure
@internal
def _is_open(ready_at: uint256, end: uint256, timestamp: uint256) -> bool:
    """
    @return Whether the time lies in the window in which something may be carried out.
    """
    return ready_at <= timestamp and timestamp < end
