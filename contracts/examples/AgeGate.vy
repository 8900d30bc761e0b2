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
from ..interfaces import IPolicyApp
from ..modules import policies

implements: IPassportApp
implements: IPolicyApp

initializes: policies

exports: (
    policies.GATE,
    policies.credential_policy,
    policies.passport_level,
    policies.policy_commitment,
)

PURPOSE: constant(String[96]) = "enter as an adult"
# abi(keccak256(SIGNATURE)) of a function without arguments is that word itself
PAYLOAD: constant(bytes32) = keccak256(keccak256("enter()"))

entered: public(HashMap[uint256, address])  # nullifier => beneficiary


event Entered:
    nullifier: indexed(uint256)
    beneficiary: indexed(address)


@deploy
def __init__(gate: address, policy: IPolicyApp.Policy):
    """
    @param gate The PredicateGate to ask.
    @param policy What to ask, as `mip kyc policy` prints it.
    """
    policies.__init__(gate, policy)


@external
def enter(presentation: IPolicyApp.PolicyPresentation):
    """
    @notice Enters for the presentation's beneficiary; anyone may send it.
    @param presentation What the holder presents; its payload is PAYLOAD.
    """
    nullifier: uint256 = policies._check(keccak256(PURPOSE), PAYLOAD, presentation)
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
