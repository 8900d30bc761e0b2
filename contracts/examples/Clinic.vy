# SPDX-License-Identifier: MIT
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Clinic
@license MIT
@notice Registers patients who grant it their whole health records, and uses the grant once a visit, so
        that each patient sees every one. The operator opens the records off chain, with the key that
        `grantee_key` names; nothing of them touches the chain.
@dev A patient is the pseudonym that registers; his grant stands in the same scope. The clinic keeps
     no copy of the grant: what he revokes ends at once.
@custom:stop A patient revokes; the operator stops by noting no visit.
"""

from ..interfaces import IGrantee
from ..interfaces import IPassportApp
from ..interfaces import IPassportRegistry
from ..interfaces import IPermissionGrants

implements: IGrantee
implements: IPassportApp

PURPOSE: constant(String[96]) = "treat me with my health records"
LEVEL: constant(uint256) = 2  # kinds of keys
HEALTH: constant(bytes32) = keccak256("health")
WHOLE_RECORDS: constant(uint256) = 3  # level of the grant
# abi(keccak256(SIGNATURE)) of a function without arguments is that word itself
REGISTER: constant(bytes32) = keccak256(keccak256("register()"))


event PatientRegistered:
    patient: indexed(uint256)
    visits_left: uint256


event PatientVisited:
    patient: indexed(uint256)
    visit: uint256


event KeyChanged:
    key: bytes32


REGISTRY: public(immutable(IPassportRegistry))
GRANTS: public(immutable(IPermissionGrants))
OPERATOR: public(immutable(address))

grantee_key: public(bytes32)
is_patient: public(HashMap[uint256, bool])  # by nullifier
visits_of: public(HashMap[uint256, uint256])  # by nullifier


@deploy
def __init__(registry: address, grants: address, operator: address):
    """
    @param registry The PassportRegistry to ask.
    @param grants The PermissionGrants to ask.
    @param operator Who receives patients.
    """
    REGISTRY = IPassportRegistry(registry)
    GRANTS = IPermissionGrants(grants)
    OPERATOR = operator


@external
def register(presentation: IPassportRegistry.Presentation):
    """
    @notice Registers a patient who has granted his health records; anyone may send it.
    @param presentation What the holder presents; its payload is REGISTER.
    """
    patient: uint256 = staticcall REGISTRY.check(
        keccak256(PURPOSE), REGISTER, LEVEL, False, presentation
    )
    assert not self.is_patient[patient], "clinic: patient is registered"
    left: uint256 = staticcall GRANTS.check(patient, HEALTH, WHOLE_RECORDS)
    self.is_patient[patient] = True
    log PatientRegistered(patient=patient, visits_left=left)


@external
def visit(patient: uint256):
    """
    @notice Uses the patient's grant for one visit. For the operator alone.
    @param patient The patient's pseudonym.
    """
    assert msg.sender == OPERATOR, "clinic: sender is not the operator"
    assert self.is_patient[patient], "clinic: patient is not registered"
    number: uint256 = self.visits_of[patient] + 1
    self.visits_of[patient] = number
    extcall GRANTS.use(patient, HEALTH, WHOLE_RECORDS, convert(number, bytes32))
    log PatientVisited(patient=patient, visit=number)


@external
def set_key(key: bytes32):
    """
    @notice States the key that grants are sealed to. For the operator alone.
    @param key keccak256 of the public key.
    """
    assert msg.sender == OPERATOR, "clinic: sender is not the operator"
    self.grantee_key = key
    log KeyChanged(key=key)


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
