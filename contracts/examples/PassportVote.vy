# SPDX-License-Identifier: MIT
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title PassportVote
@license MIT
@notice One vote per passport, counted in the open. It does not tell persons apart: one person may
        hold several passports, and whoever counts on one vote per person needs another proof of
        that.
@custom:stop It cannot be stopped; voting ends by itself at `closes_at`.
"""

from ..interfaces import IPassportApp
from ..interfaces import IPassportRegistry

implements: IPassportApp

LEVEL: constant(uint256) = 2
VOTE: constant(bytes32) = keccak256("vote(uint256)")  # the function that a proof is made for

REGISTRY: public(immutable(IPassportRegistry))
CHOICES: public(immutable(uint256))
closes_at: public(immutable(uint256))  # Unix time

passport_purpose: public(String[96])
has_voted: public(HashMap[uint256, bool])  # by nullifier
tally: public(HashMap[uint256, uint256])  # votes by choice


event VoteCast:
    nullifier: indexed(uint256)
    choice: indexed(uint256)


@deploy
def __init__(registry: address, question: String[96], choices: uint256, closing_time: uint256):
    """
    @param registry The PassportRegistry to ask.
    @param question What is voted on; it is the purpose that holders agree to.
    @param choices Number of choices, numbered from 0.
    @param closing_time Unix time after which no vote counts.
    """
    REGISTRY = IPassportRegistry(registry)
    CHOICES = choices
    closes_at = closing_time
    self.passport_purpose = question


@external
def vote(choice: uint256, presentation: IPassportRegistry.Presentation):
    """
    @notice Casts a vote; anyone may send it, only the holder can make it.
    @param choice The choice.
    @param presentation What the holder presents; its payload is
                        keccak256(abi(VOTE, choice)).
    """
    assert block.timestamp <= closes_at, "vote: voting is over"
    assert choice < CHOICES, "vote: no such choice"
    nullifier: uint256 = staticcall REGISTRY.check(
        keccak256(self.passport_purpose),
        keccak256(abi_encode(VOTE, choice)),
        LEVEL,
        False,
        presentation,
    )
    assert not self.has_voted[nullifier], "vote: passport has voted"
    self.has_voted[nullifier] = True
    self.tally[choice] += 1
    log VoteCast(nullifier=nullifier, choice=choice)


@view
@external
def passport_level() -> uint256:
    """
    @notice How many kinds of keys a proof must use.
    @return The level.
    """
    return LEVEL
