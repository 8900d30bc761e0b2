# SPDX-License-Identifier: MIT
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title AgeGate
@license MIT
@notice Lets in whoever proves what a policy asks, such as an age and a country, once per passport.
        It learns a pseudonym and nothing else: no date of birth, no issuer.
@custom:stop It cannot be stopped; entering moves nothing of value.
"""

from ..interfaces import IPassportApp
from ..interfaces import IPredicateApp
from ..interfaces import IPredicateGate

implements: IPassportApp
implements: IPredicateApp

PURPOSE: constant(String[96]) = "enter as an adult"
# abi(keccak256(SIGNATURE)) of a function without arguments is that word itself
PAYLOAD: constant(bytes32) = keccak256(keccak256("enter()"))

GATE: public(immutable(IPredicateGate))
LEVEL: immutable(uint256)
credential_policy: public(immutable(uint256))

entered: public(HashMap[uint256, address])  # nullifier => beneficiary


event Entered:
    nullifier: indexed(uint256)
    beneficiary: indexed(address)


@deploy
def __init__(gate: address, policy: uint256, level: uint256):
    """
    @param gate The PredicateGate to ask.
    @param policy Commitment to the policy, as `mip kyc policy` prints it.
    @param level Kinds of keys a proof must use, at least.
    """
    GATE = IPredicateGate(gate)
    credential_policy = policy
    LEVEL = level


@external
def enter(presentation: IPredicateGate.PredicatePresentation):
    """
    @notice Enters for the presentation's beneficiary; anyone may send it.
    @param presentation What the holder presents; its payload is PAYLOAD.
    """
    nullifier: uint256 = staticcall GATE.check(
        keccak256(PURPOSE), PAYLOAD, LEVEL, credential_policy, presentation
    )
    assert self.entered[nullifier] == empty(address), "age: passport has entered"
    self.entered[nullifier] = presentation.beneficiary
    log Entered(nullifier=nullifier, beneficiary=presentation.beneficiary)


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
