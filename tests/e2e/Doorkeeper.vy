# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Doorkeeper
@notice A grantee who wants a proof and no data: who enters uses his grant on finance at level 0.
"""

from contracts.interfaces import IGrantee
from contracts.interfaces import IPassportApp
from contracts.interfaces import IPassportRegistry
from contracts.interfaces import IPermissionGrants

implements: IGrantee
implements: IPassportApp

PURPOSE: constant(String[96]) = "let me in, whoever I am"
FINANCE: constant(bytes32) = keccak256("finance")
ENTER: constant(bytes32) = keccak256("enter(uint256)")
LEVEL: constant(uint256) = 2  # kinds of keys

REGISTRY: immutable(IPassportRegistry)
GRANTS: immutable(IPermissionGrants)

grantee_key: public(bytes32)
entered: public(uint256)


@deploy
def __init__(registry: address, grants: address):
    REGISTRY = IPassportRegistry(registry)
    GRANTS = IPermissionGrants(grants)


@external
def set_key(key: bytes32):
    self.grantee_key = key


@external
def enter(door: uint256, presentation: IPassportRegistry.Presentation):
    nullifier: uint256 = staticcall REGISTRY.check(
        keccak256(PURPOSE), keccak256(abi_encode(ENTER, door)), LEVEL, False, presentation
    )
    self.entered += 1
    extcall GRANTS.use(nullifier, FINANCE, 0, convert(self.entered, bytes32))


@view
@external
def passport_purpose() -> String[96]:
    return PURPOSE


@view
@external
def passport_level() -> uint256:
    return LEVEL
