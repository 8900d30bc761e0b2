# SPDX-License-Identifier: MIT
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Lender
@license MIT
@notice Takes applications from passports whose holders grant it their finance records without
        identity. The operator opens them off chain, with the key that `grantee_key` names, and
        decides; nothing of them touches the chain.
@dev A grant counts for the pseudonym that applies: both stand in this app's scope.
@custom:stop The operator stops by not deciding; a holder revokes what he granted.
"""

from ..interfaces import IGrantee
from ..interfaces import IPassportApp
from ..interfaces import IPassportRegistry
from ..interfaces import IPermissionGrants

implements: IGrantee
implements: IPassportApp

PURPOSE: constant(String[96]) = "lend on my finance records"
LEVEL: constant(uint256) = 2  # kinds of keys
FINANCE: constant(bytes32) = keccak256("finance")
WITHOUT_IDENTITY: constant(uint256) = 2  # level of the grant
APPLY: constant(bytes32) = keccak256("apply(uint256)")  # the function that a proof is made for


struct Application:
    nullifier: uint256  # who applies
    amount: uint256
    status: uint256  # 1 open, 2 accepted, 3 refused


event LoanRequested:
    nullifier: indexed(uint256)
    application: indexed(uint256)
    amount: uint256


event LoanDecided:
    application: indexed(uint256)
    accepted: bool


event KeyChanged:
    key: bytes32


REGISTRY: public(immutable(IPassportRegistry))
GRANTS: public(immutable(IPermissionGrants))
OPERATOR: public(immutable(address))

grantee_key: public(bytes32)
applications: public(HashMap[uint256, Application])  # by number, from 1
count: public(uint256)
open_of: public(HashMap[uint256, uint256])  # open application by nullifier, 0 for none


@deploy
def __init__(registry: address, grants: address, operator: address):
    """
    @param registry The PassportRegistry to ask.
    @param grants The PermissionGrants to ask.
    @param operator Who opens what was granted, and decides.
    """
    REGISTRY = IPassportRegistry(registry)
    GRANTS = IPermissionGrants(grants)
    OPERATOR = operator


@external
def apply(amount: uint256, presentation: IPassportRegistry.Presentation):
    """
    @notice Applies for a loan and uses the grant once; anyone may send it, only the holder can make
            it.
    @param amount What is applied for.
    @param presentation What the holder presents; its payload is keccak256(abi(APPLY, amount)).
    """
    nullifier: uint256 = staticcall REGISTRY.check(
        keccak256(PURPOSE), keccak256(abi_encode(APPLY, amount)), LEVEL, False, presentation
    )
    assert self.open_of[nullifier] == 0, "lender: an application is open"
    number: uint256 = self.count + 1
    self.count = number
    self.open_of[nullifier] = number
    self.applications[number] = Application(nullifier=nullifier, amount=amount, status=1)
    extcall GRANTS.use(nullifier, FINANCE, WITHOUT_IDENTITY, convert(number, bytes32))
    log LoanRequested(nullifier=nullifier, application=number, amount=amount)


@external
def decide(number: uint256, accepted: bool):
    """
    @notice Decides on an application. For the operator alone.
    @param number The application.
    @param accepted Whether the loan is granted.
    """
    assert msg.sender == OPERATOR, "lender: sender is not the operator"
    application: Application = self.applications[number]
    assert application.status == 1, "lender: application is not open"
    if accepted:
        application.status = 2
    else:
        application.status = 3
    self.applications[number] = application
    self.open_of[application.nullifier] = 0
    log LoanDecided(application=number, accepted=accepted)


@external
def set_key(key: bytes32):
    """
    @notice States the key that grants are sealed to. For the operator alone.
    @param key keccak256 of the public key.
    """
    assert msg.sender == OPERATOR, "lender: sender is not the operator"
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
