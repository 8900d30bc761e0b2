# pragma version 0.4.3
"""
@title HostileRegistry
@notice Says yes to everything and strikes back when it is called: what the recovery contract must
        withstand.
"""

from .interfaces import IGuardianRecovery
from .interfaces import IPassportRegistry

recovery: IGuardianRecovery
mode: public(uint256)
request: uint256
reached: public(bool)


@deploy
def __init__(recovery: address):
    self.recovery = IGuardianRecovery(recovery)


@external
def aim(mode: uint256, request: uint256):
    self.mode = mode
    self.request = request


@view
@external
def passport(identity_commitment: uint256, anchor: address) -> IPassportRegistry.Passport:
    return IPassportRegistry.Passport(index=0, epoch=0, updated_at=0, status=1)


@view
@external
def check_opening(
    leaf: IPassportRegistry.Leaf,
    purpose: bytes32,
    payload: bytes32,
    presentation: IPassportRegistry.Presentation,
) -> uint256:
    return 1


@view
@external
def check_holder(
    leaf: IPassportRegistry.Leaf,
    purpose: bytes32,
    payload: bytes32,
    siblings: DynArray[uint256, 20],
    presentation: IPassportRegistry.Presentation,
) -> uint256:
    return 1


@external
def freeze(leaf: IPassportRegistry.Leaf, siblings: DynArray[uint256, 20]):
    self._strike(leaf)


@external
def replace(
    leaf: IPassportRegistry.Leaf,
    new_keys_root: uint256,
    new_guardian_commitment: uint256,
    siblings: DynArray[uint256, 20],
):
    self._strike(leaf)


@internal
def _strike(leaf: IPassportRegistry.Leaf):
    self.reached = True
    if self.mode == 1:
        extcall self.recovery.execute(self, leaf, self.request, [])
    if self.mode == 2:
        extcall self.recovery.finish_change(self, leaf, [])
    if self.mode == 3:
        state: IGuardianRecovery.RequestState = staticcall self.recovery.request_state(self.request)
    if self.mode == 4:
        raise "hostile: no"
