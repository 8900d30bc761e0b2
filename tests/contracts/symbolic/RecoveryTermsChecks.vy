# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title RecoveryTermsChecks
@license AGPL-3.0-only
@notice What holds for every number that the arithmetic of recovery may meet, as checks for a symbolic
        executor: each argument is any word, and a check fails by Panic(1).
@custom:stop Never deployed.
"""

from contracts.modules import recovery_terms

HOUR: constant(uint256) = 60 * 60
DAY: constant(uint256) = 24 * 60 * 60


@external
def check_delay_lies_between_two_and_fourteen_days(vetoes: uint256):
    delay: uint256 = recovery_terms._delay(vetoes)
    self._must(48 * HOUR <= delay and delay <= 14 * DAY)


@external
def check_delay_doubles_up_to_the_ceiling(vetoes: uint256):
    if vetoes < max_value(uint256):
        before: uint256 = recovery_terms._delay(vetoes)
        self._must(recovery_terms._delay(vetoes + 1) == min(2 * before, 14 * DAY))


@external
def check_delay_never_shrinks_with_vetoes(fewer: uint256, more: uint256):
    if fewer <= more:
        self._must(recovery_terms._delay(fewer) <= recovery_terms._delay(more))


@external
def check_delay_after_no_and_one_and_two_vetoes():
    self._must(recovery_terms._delay(0) == 48 * HOUR)
    self._must(recovery_terms._delay(1) == 96 * HOUR)
    self._must(recovery_terms._delay(2) == 8 * DAY)


@external
def check_valid_thresholds_ask_for_one_to_sixteen(thresholds: uint256, is_active: bool):
    if recovery_terms._are_valid(thresholds):
        required: uint256 = recovery_terms._required(thresholds, is_active)
        self._must(1 <= required and required <= 16)
        self._must(thresholds < 2**16)


@external
def check_quorum_is_never_below_the_threshold(thresholds: uint256):
    if recovery_terms._are_valid(thresholds):
        threshold: uint256 = recovery_terms._required(thresholds, True)
        self._must(threshold <= recovery_terms._required(thresholds, False))


@external
def check_every_pair_of_numbers_is_valid_and_told_apart(threshold: uint256, quorum: uint256):
    if 1 <= threshold and threshold <= quorum and quorum <= 16:
        thresholds: uint256 = threshold + 256 * quorum
        self._must(recovery_terms._are_valid(thresholds))
        self._must(recovery_terms._required(thresholds, True) == threshold)
        self._must(recovery_terms._required(thresholds, False) == quorum)


@external
def check_executed_neither_early_nor_late(armed_at: uint256, vetoes: uint256, timestamp: uint256):
    # Unix times as the contract keeps them, in 40 bits
    if armed_at < 2**39 and timestamp < 2**40:
        ready_at: uint256 = armed_at + recovery_terms._delay(vetoes)
        end: uint256 = ready_at + recovery_terms.OPEN_FOR
        self._must(end < 2**40)
        if recovery_terms._is_open(ready_at, end, timestamp):
            self._must(timestamp >= armed_at + 48 * HOUR)
            self._must(timestamp < armed_at + 21 * DAY)
            self._must(timestamp - ready_at < 7 * DAY)


@external
def check_there_is_always_a_moment_to_execute(armed_at: uint256, vetoes: uint256):
    if armed_at < 2**39:
        ready_at: uint256 = armed_at + recovery_terms._delay(vetoes)
        self._must(
            recovery_terms._is_open(ready_at, ready_at + recovery_terms.OPEN_FOR, ready_at)
        )


@pure
@internal
def _must(condition: bool):
    if not condition:
        raw_revert(abi_encode(convert(1, uint256), method_id=0x4e487b71))
