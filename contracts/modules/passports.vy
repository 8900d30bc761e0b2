# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title passports
@license AGPL-3.0-only
@notice What the registry remembers of each passport, and how its leaf is computed.
@custom:stop A module, never deployed.
"""

from ..interfaces import IPassportRegistry
from . import poseidon2

uses: poseidon2

R: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617
TAG_LEAF: constant(uint256) = 516682938278094689414961  # "mip.leaf/1"

ACTIVE: constant(uint256) = 1
REVOKED: constant(uint256) = 2
FROZEN: constant(uint256) = 3

# a passport is one word: status << 128 | updated_at << 64 | epoch << 32 | index
_MASK: constant(uint256) = 2**32 - 1
_TIME_MASK: constant(uint256) = 2**64 - 1

# keccak256(abi(identity commitment, anchor)) => packed passport
_records: HashMap[bytes32, uint256]


@view
@external
def passport(identity_commitment: uint256, anchor: address) -> IPassportRegistry.Passport:
    """
    @notice Returns what is public about a passport; all zero when there is none.
    @param identity_commitment Commitment to the holder's secret.
    @param anchor The address that enrolled.
    @return Index, epoch, time of the last update, status.
    """
    return self._load(self._key(identity_commitment, anchor))


@view
@internal
def _load(key: bytes32) -> IPassportRegistry.Passport:
    packed: uint256 = self._records[key]
    return IPassportRegistry.Passport(
        index=packed & _MASK,
        epoch=(packed >> 32) & _MASK,
        updated_at=(packed >> 64) & _TIME_MASK,
        status=packed >> 128,
    )


@internal
def _store(key: bytes32, record: IPassportRegistry.Passport):
    self._records[key] = (
        (record.status << 128) | (record.updated_at << 64) | (record.epoch << 32) | record.index
    )


@internal
def _add(
    key: bytes32,
    identity_commitment: uint256,
    anchor: address,
    keys_root: uint256,
    guardian_commitment: uint256,
    index: uint256,
) -> uint256:
    """
    @dev The caller has seen that the passport is not known.
    @return The leaf to append.
    """
    assert (
        identity_commitment != 0 and identity_commitment < R
    ), "registry: identity commitment is zero or not canonical"
    self._require_canonical(keys_root, guardian_commitment)
    digest: uint256 = poseidon2._c4(
        identity_commitment, convert(anchor, uint256), keys_root, guardian_commitment
    )
    leaf: uint256 = (digest + TAG_LEAF) % R
    self._records[key] = (ACTIVE << 128) | index
    log IPassportRegistry.PassportRegistered(
        identity_commitment=identity_commitment,
        anchor=anchor,
        index=index,
        keys_root=keys_root,
        guardian_commitment=guardian_commitment,
        leaf=leaf,
    )
    return leaf


@view
@internal
def _active(key: bytes32) -> IPassportRegistry.Passport:
    record: IPassportRegistry.Passport = self._load(key)
    assert record.status != 0, "registry: passport is not enrolled"
    assert record.status != REVOKED, "registry: passport is revoked"
    assert record.status != FROZEN, "registry: passport is frozen"
    return record


@view
@internal
def _leaf(leaf: IPassportRegistry.Leaf) -> uint256:
    return self._hash(
        leaf.identity_commitment, leaf.anchor, leaf.keys_root, leaf.guardian_commitment
    )


@view
@internal
def _hash(
    identity_commitment: uint256,
    anchor: address,
    keys_root: uint256,
    guardian_commitment: uint256,
) -> uint256:
    """
    @dev The added tag keeps leaves and inner nodes apart (docs/protocol.md, section 2).
    """
    digest: uint256 = poseidon2._c4(
        identity_commitment, convert(anchor, uint256), keys_root, guardian_commitment
    )
    return (digest + TAG_LEAF) % R


@pure
@internal
def _mark(status: uint256) -> uint256:
    """
    @dev What stands in the tree for a passport that was taken out of it. Nobody can open it.
    """
    if status == FROZEN:
        return convert(keccak256("mip.frozen/1"), uint256) >> 8
    return convert(keccak256("mip.revoked/1"), uint256) >> 8


@pure
@internal
def _key(identity_commitment: uint256, anchor: address) -> bytes32:
    return keccak256(abi_encode(identity_commitment, anchor))


@pure
@internal
def _require_canonical(keys_root: uint256, guardian_commitment: uint256):
    assert keys_root != 0 and keys_root < R, "registry: keys root is zero or not canonical"
    assert (
        guardian_commitment != 0 and guardian_commitment < R
    ), "registry: guardian commitment is zero or not canonical"
