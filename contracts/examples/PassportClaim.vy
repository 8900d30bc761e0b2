# SPDX-License-Identifier: MIT
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title PassportClaim
@license MIT
@notice One claim per passport: keeps a beneficiary under each passport's pseudonym. It does not
        tell persons apart; one person may hold several passports. The least a gate needs;
        PassportVote shows one with an event.
@custom:stop It cannot be stopped; a claim moves nothing of value.
"""

from ..interfaces import IPassportApp
from ..interfaces import IPassportRegistry

implements: IPassportApp

PURPOSE: constant(String[96]) = "claim once with this passport"
LEVEL: constant(uint256) = 2
# abi(keccak256(SIGNATURE)) of a function without arguments is that word itself
PAYLOAD: constant(bytes32) = keccak256(keccak256("claim()"))

REGISTRY: public(immutable(IPassportRegistry))

beneficiary_of: public(HashMap[uint256, address])  # nullifier => beneficiary


@deploy
def __init__(registry: address):
    """
    @param registry The PassportRegistry to ask.
    """
    REGISTRY = IPassportRegistry(registry)


@external
def claim(presentation: IPassportRegistry.Presentation):
    """
    @notice Claims for the presentation's beneficiary; anyone may send it.
    @param presentation What the holder presents; its payload is PAYLOAD.
    """
    nullifier: uint256 = staticcall REGISTRY.check(
        keccak256(PURPOSE), PAYLOAD, LEVEL, False, presentation
    )
    assert self.beneficiary_of[nullifier] == empty(address), "claim: passport has claimed"
    self.beneficiary_of[nullifier] = presentation.beneficiary


@view
@external
def passport_purpose() -> String[96]:
    """
    @notice What a holder agrees to.
    @return The purpose.
    """
    return PURPOSE


@view
@external
def passport_level() -> uint256:
    """
    @notice How many kinds of keys a proof must use.
    @return The level.
    """
    return LEVEL
