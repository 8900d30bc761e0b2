# SPDX-License-Identifier: MIT
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title CarShare
@license MIT
@notice Unlocks a car for whoever's face is the one on a document that an accepted issuer saw, such
        as a driving licence. It learns a pseudonym: no face, no document, no name.
@dev Its gate is the deployment's DocumentGate: the other one takes no proof about a document's
     face. What such a proof does not show is in docs/protocol.md, section 21.
@custom:stop It cannot be stopped; a car that somebody has can only be given back.
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

PURPOSE: constant(String[96]) = "unlock a car"
CARS: constant(uint256) = 1000

driver_of: public(HashMap[uint256, uint256])  # car => nullifier of who has it, 0 while it stands
account_of: public(HashMap[uint256, address])  # car => who gives it back
drives: public(HashMap[uint256, bool])  # nullifier => has a car
trips: public(HashMap[uint256, uint256])  # nullifier => cars it ever had, the next proof's nonce


event CarUnlocked:
    car: indexed(uint256)
    nullifier: indexed(uint256)
    beneficiary: indexed(address)


event CarReturned:
    car: indexed(uint256)
    nullifier: indexed(uint256)


@deploy
def __init__(gate: address, policy: IPolicyApp.Policy):
    """
    @param gate The gate of documents to ask.
    @param policy What to ask, as `mip kyc policy` prints it.
    """
    policies.__init__(gate, policy)


@external
def unlock(car: uint256, presentation: IPolicyApp.PolicyPresentation):
    """
    @notice Unlocks a car in the name of the presentation's beneficiary; anyone may send it.
    @dev The nonce makes each proof good for one trip: without it, whoever saw the proof unlocks the
         car again in the driver's name once it was given back.
    @param car Number of the car.
    @param presentation What the holder presents; its payload is the hash of "unlock(uint256)", car.
    """
    assert car < CARS, "car: there is no such car"
    assert self.driver_of[car] == 0, "car: somebody has it"
    payload: bytes32 = keccak256(abi_encode(keccak256("unlock(uint256)"), car))
    nullifier: uint256 = policies._check(keccak256(PURPOSE), payload, presentation)
    assert not self.drives[nullifier], "car: passport has another"
    assert presentation.nonce == self.trips[nullifier], "car: nonce is not the number of trips"
    self.driver_of[car] = nullifier
    self.account_of[car] = presentation.beneficiary
    self.drives[nullifier] = True
    self.trips[nullifier] += 1
    log CarUnlocked(car=car, nullifier=nullifier, beneficiary=presentation.beneficiary)


@external
def give_back(car: uint256):
    """
    @notice Gives a car back; by the account that it was unlocked for.
    @param car Number of the car.
    """
    assert self.account_of[car] == msg.sender, "car: sender does not have it"
    nullifier: uint256 = self.driver_of[car]
    self.driver_of[car] = 0
    self.account_of[car] = empty(address)
    self.drives[nullifier] = False
    log CarReturned(car=car, nullifier=nullifier)


@view
@external
def passport_purpose() -> String[96]:
    """
    @notice What a holder agrees to.
    @return The purpose.
    """
    return PURPOSE
