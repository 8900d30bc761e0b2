# SPDX-License-Identifier: MIT
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title FlatLottery
@license MIT
@notice A housing office takes one application per person and flat from whoever shows enough of what
        its policy lists, such as two of: an identity, an income, a guarantor's word. It learns which
        of them were shown, and neither names nor numbers.
@custom:stop It cannot be stopped; applying moves nothing of value.
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

PURPOSE: constant(String[96]) = "apply for a flat"
FLATS: constant(uint256) = 2**32

applicant: public(HashMap[uint256, HashMap[uint256, address]])  # flat => nullifier => beneficiary
applications: public(HashMap[uint256, uint256])  # flat => how many


event Applied:
    flat: indexed(uint256)
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
def apply(flat: uint256, presentation: IPolicyApp.PolicyPresentation):
    """
    @notice Applies for a flat in the name of the presentation's beneficiary; anyone may send it.
    @param flat Number of the flat.
    @param presentation What the holder presents; its payload is the hash of "apply(uint256)", flat.
    """
    assert flat < FLATS, "flat: there is no such flat"
    payload: bytes32 = keccak256(abi_encode(keccak256("apply(uint256)"), flat))
    nullifier: uint256 = policies._check(keccak256(PURPOSE), payload, presentation)
    assert self.applicant[flat][nullifier] == empty(address), "flat: passport has applied"
    self.applicant[flat][nullifier] = presentation.beneficiary
    self.applications[flat] += 1
    log Applied(flat=flat, nullifier=nullifier, beneficiary=presentation.beneficiary)


@view
@external
def passport_purpose() -> String[96]:
    """
    @notice What a holder agrees to.
    @return The purpose.
    """
    return PURPOSE
