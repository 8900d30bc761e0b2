# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title enrolment
@license AGPL-3.0-only
@notice The three ways into the tree: from the sender, with a signature, in a batch.
@custom:stop A module, never deployed.
"""

from ..interfaces import IPassportRegistry
from . import eip712
from . import lean_tree
from . import passports
from . import root_window

uses: lean_tree
uses: passports
uses: root_window

ENROLL_TYPEHASH: constant(bytes32) = keccak256(
    "Enroll(uint256 identityCommitment,uint256 keysRoot,uint256 guardianCommitment,address anchor,uint256 deadline)"
)


@external
@nonreentrant
def enroll(identity_commitment: uint256, keys_root: uint256, guardian_commitment: uint256) -> uint256:
    """
    @notice Enrols a passport whose anchor is the sender.
    @dev The leaf contains the sender, so that copied calldata makes another passport.
    @param identity_commitment Commitment to the holder's secret.
    @param keys_root Hash of the key commitments.
    @param guardian_commitment Commitment to the people secret, or a random element.
    @return Index of the leaf.
    """
    return self._enroll_one(identity_commitment, keys_root, guardian_commitment, msg.sender)


@external
@nonreentrant
def enroll_signed(
    identity_commitment: uint256,
    keys_root: uint256,
    guardian_commitment: uint256,
    anchor: address,
    deadline: uint256,
    signature: Bytes[2048],
) -> uint256:
    """
    @notice Enrols a passport for an anchor that signed; anyone may send it.
    @param identity_commitment Commitment to the holder's secret.
    @param keys_root Hash of the key commitments.
    @param guardian_commitment Commitment to the people secret, or a random element.
    @param anchor The signer.
    @param deadline Unix time after which the signature is void.
    @param signature ECDSA, or whatever the anchor accepts by ERC-1271.
    @return Index of the leaf.
    """
    assert block.timestamp <= deadline, "registry: enrolment has expired"
    digest: bytes32 = eip712._digest(
        eip712._domain_separator(),
        keccak256(
            abi_encode(
                ENROLL_TYPEHASH,
                identity_commitment,
                keys_root,
                guardian_commitment,
                anchor,
                deadline,
            )
        ),
    )
    assert eip712._is_signed_by(
        anchor, digest, signature
    ), "registry: signature is not the anchor's"
    return self._enroll_one(identity_commitment, keys_root, guardian_commitment, anchor)


@external
@nonreentrant
def enroll_batch(enrollments: DynArray[IPassportRegistry.Enrollment, 64]) -> uint256:
    """
    @notice Enrols many anchors that signed by ECDSA. Passports already present are skipped, so that
            nobody stops a batch by sending one of its entries first; any other fault reverts the
            whole.
    @param enrollments Signed enrolments.
    @return Number of passports added.
    """
    separator: bytes32 = eip712._domain_separator()
    packed: uint256 = root_window._packed
    size: uint256 = packed & root_window._SIZE_MASK
    leaves: DynArray[uint256, 64] = []
    for entry: IPassportRegistry.Enrollment in enrollments:
        key: bytes32 = passports._key(entry.identity_commitment, entry.anchor)
        if passports._records[key] != 0:
            continue
        assert block.timestamp <= entry.deadline, "registry: enrolment has expired"
        digest: bytes32 = eip712._digest(
            separator,
            keccak256(
                abi_encode(
                    ENROLL_TYPEHASH,
                    entry.identity_commitment,
                    entry.keys_root,
                    entry.guardian_commitment,
                    entry.anchor,
                    entry.deadline,
                )
            ),
        )
        assert eip712._is_ecdsa_by(
            entry.anchor, digest, entry.signature
        ), "registry: signature is not the anchor's"
        leaves.append(
            passports._add(
                key,
                entry.identity_commitment,
                entry.anchor,
                entry.keys_root,
                entry.guardian_commitment,
                size + len(leaves),
            )
        )
    if len(leaves) != 0:
        root: uint256 = lean_tree._append_many(size, leaves)
        root_window._advance(packed, root, size + len(leaves), False)
    return len(leaves)


@internal
def _enroll_one(
    identity_commitment: uint256,
    keys_root: uint256,
    guardian_commitment: uint256,
    anchor: address,
) -> uint256:
    key: bytes32 = passports._key(identity_commitment, anchor)
    assert passports._records[key] == 0, "registry: passport is already enrolled"
    packed: uint256 = root_window._packed
    size: uint256 = packed & root_window._SIZE_MASK
    leaf: uint256 = passports._add(
        key, identity_commitment, anchor, keys_root, guardian_commitment, size
    )
    root_window._advance(packed, lean_tree._append(size, leaf), size + 1, False)
    return size
