# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title epochs
@license AGPL-3.0-only
@notice Counts, per pseudonym, how often its holder voided what he had granted under it. After a
        recovery he advances each of his pseudonyms, in a transaction of its own: a thief's grants die
        and nothing links the pseudonyms.
@dev A part of the contract that keeps the grants, which asks it at each use: as a contract of its own
     it would cost each app 2,600 gas more. Specified in docs/protocol.md, section 13.
@custom:stop A module, never deployed. An epoch only grows, by its holder's word.
"""

from ..interfaces import IPassportRegistry
from ..interfaces import IPseudonymEpochs

LEVEL: constant(uint256) = 2
ADVANCE: constant(bytes32) = keccak256("advance(address,bytes32)")

REGISTRY: public(immutable(IPassportRegistry))

# by nullifier; free of the lock, which saves its reading: it is one word, and written last
epoch_of: public(HashMap[uint256, uint256])


@deploy
def __init__(registry: address):
    """
    @param registry The PassportRegistry to ask.
    """
    assert registry.is_contract, "grants: registry has no code"
    REGISTRY = IPassportRegistry(registry)


@nonreentrant
@external
def advance(app: address, purpose: bytes32, presentation: IPassportRegistry.Presentation):
    """
    @notice Voids what the holder of a pseudonym granted under it so far; anyone may send it.
    @dev The nonce makes a presentation serve once. Not strict: one who enrols in every block could
         otherwise keep the grants alive. The root of a thief's keys is good for two minutes more, in
         which he can void and nothing else.
    @param app The app at which the pseudonym is used.
    @param purpose keccak256 of the app's purpose.
    @param presentation What the holder presents; its nonce is the present epoch, its payload
                        keccak256(abi(ADVANCE, app, purpose)).
    """
    nullifier: uint256 = staticcall REGISTRY.check_for(
        app, purpose, keccak256(abi_encode(ADVANCE, app, purpose)), LEVEL, False, presentation
    )
    epoch: uint256 = self.epoch_of[nullifier]
    assert presentation.nonce == epoch, "epochs: nonce is not the present epoch"
    self.epoch_of[nullifier] = epoch + 1
    log IPseudonymEpochs.EpochAdvanced(nullifier=nullifier, epoch=epoch + 1)
