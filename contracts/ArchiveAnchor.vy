# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title ArchiveAnchor
@license AGPL-3.0-only
@notice Keeps, per pseudonym, the salted commitments to the log of an encrypted archive, one after
        the other: an older archive, or one whose log went another way, no longer passes for the
        present one. The chain learns a number of anchors and their times, nothing of the archive.
@dev No owner, no upgrade, no funds. Specified in docs/protocol.md, section 14.
@custom:stop It cannot be stopped; a commitment says nothing and moves nothing.
"""

from .interfaces import IArchiveAnchor
from .interfaces import IPassportApp
from .interfaces import IPassportRegistry

implements: IArchiveAnchor
implements: IPassportApp

PURPOSE: constant(String[96]) = "mip: anchor my archive"
LEVEL: constant(uint256) = 2
ANCHOR: constant(bytes32) = keccak256("anchor(bytes32,uint256)")

REGISTRY: public(immutable(IPassportRegistry))

sequence_of: public(HashMap[uint256, uint256])  # by nullifier; 0 where nothing was anchored
commitment_at: public(HashMap[uint256, HashMap[uint256, bytes32]])  # by nullifier and sequence


@deploy
def __init__(registry: address):
    """
    @param registry The PassportRegistry to ask.
    """
    assert registry.is_contract, "archive: registry has no code"
    REGISTRY = IPassportRegistry(registry)


@external
def anchor(commitment: bytes32, sequence: uint256, presentation: IPassportRegistry.Presentation):
    """
    @notice Anchors the next state of an archive's log; anyone may send it.
    @dev The sequence makes a presentation serve once, and of two tools that anchor at the same time
         the second one fails instead of hiding the first.
    @param commitment What the holder commits to; not zero.
    @param sequence The pseudonym's last sequence plus one.
    @param presentation What the holder presents; its payload is
                        keccak256(abi(ANCHOR, commitment, sequence)).
    """
    assert commitment != empty(bytes32), "archive: commitment is zero"
    nullifier: uint256 = staticcall REGISTRY.check(
        keccak256(PURPOSE),
        keccak256(abi_encode(ANCHOR, commitment, sequence)),
        LEVEL,
        False,
        presentation,
    )
    assert sequence == self.sequence_of[nullifier] + 1, "archive: sequence is not the next one"
    self.sequence_of[nullifier] = sequence
    self.commitment_at[nullifier][sequence] = commitment
    log IArchiveAnchor.ArchiveAnchored(
        nullifier=nullifier, sequence=sequence, commitment=commitment
    )


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
