# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title PassportRegistry
@license AGPL-3.0-only
@notice Keeps a tree of passport leaves. Anyone may enrol; a passport's keys are replaced and the
        passport is revoked by a zero-knowledge proof of its holder. Apps ask `check` whether a
        presentation is valid for them.
@dev No owner, no upgrade, no funds. Specified in docs/protocol.md.
@custom:stop It cannot be stopped. A holder stops a passport with `revoke`; an app stops asking.
"""

from .interfaces import IPassportRegistry
from .modules import eip712
from .modules import lean_tree
from .modules import poseidon2
from .modules import presentations
from .modules import root_window

implements: IPassportRegistry

initializes: poseidon2
initializes: lean_tree[poseidon2 := poseidon2]
initializes: presentations
initializes: root_window

exports: (
    eip712.eip712Domain,
    eip712.domain_separator,
    presentations.MAX_DEADLINE,
    presentations.VERIFIER,
    presentations.message_of,
    presentations.scope_of,
    poseidon2.HASHER,
    root_window.BUCKET,
    root_window.GRACE,
    root_window.WINDOW,
    root_window.accepted_roots,
    root_window.depth,
    root_window.is_known_root,
    root_window.root,
    root_window.size,
)

R: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617
TAG_LEAF: constant(uint256) = 516682938278094689414961  # "mip.leaf/1"

COOLDOWN: public(constant(uint256)) = 600  # seconds between two replacements of one passport's keys
KEY_LEVEL: constant(uint256) = 2  # kinds needed to replace keys or to revoke

UPDATE_PURPOSE: constant(String[96]) = "mip: replace the keys of this passport"
REVOKE_PURPOSE: constant(String[96]) = "mip: revoke this passport for ever"

ENROLL_TYPEHASH: constant(bytes32) = keccak256(
    "Enroll(uint256 identityCommitment,uint256 keysRoot,address anchor,uint256 deadline)"
)

ACTIVE: constant(uint256) = 1
REVOKED: constant(uint256) = 2

# a passport is one word: status << 128 | updated_at << 64 | epoch << 32 | index
_MASK: constant(uint256) = 2**32 - 1
_TIME_MASK: constant(uint256) = 2**64 - 1

# keccak256(abi(identity commitment, anchor)) => packed passport
_passports: HashMap[bytes32, uint256]


@deploy
def __init__(hasher: address, verifier: address):
    """
    @param hasher The generated Poseidon2 contract.
    @param verifier The Groth16Verifier of the circuit `passport`.
    """
    poseidon2.__init__(hasher)
    presentations.__init__(verifier)
    root_window.__init__()


@external
def enroll(identity_commitment: uint256, keys_root: uint256) -> uint256:
    """
    @notice Enrols a passport whose anchor is the sender.
    @dev The leaf contains the sender, so that copied calldata makes another passport.
    @param identity_commitment Commitment to the holder's secret.
    @param keys_root Hash of the key commitments.
    @return Index of the leaf.
    """
    return self._enroll_one(identity_commitment, keys_root, msg.sender)


@external
def enroll_signed(
    identity_commitment: uint256,
    keys_root: uint256,
    anchor: address,
    deadline: uint256,
    signature: Bytes[2048],
) -> uint256:
    """
    @notice Enrols a passport for an anchor that signed; anyone may send it.
    @param identity_commitment Commitment to the holder's secret.
    @param keys_root Hash of the key commitments.
    @param anchor The signer.
    @param deadline Unix time after which the signature is void.
    @param signature ECDSA, or whatever the anchor accepts by ERC-1271.
    @return Index of the leaf.
    """
    assert block.timestamp <= deadline, "registry: enrolment has expired"
    digest: bytes32 = eip712._digest(
        eip712._domain_separator(),
        keccak256(abi_encode(ENROLL_TYPEHASH, identity_commitment, keys_root, anchor, deadline)),
    )
    assert eip712._is_signed_by(
        anchor, digest, signature
    ), "registry: signature is not the anchor's"
    return self._enroll_one(identity_commitment, keys_root, anchor)


@external
def enroll_batch(enrollments: DynArray[IPassportRegistry.Enrollment, 64]) -> uint256:
    """
    @notice Enrols many anchors that signed by ECDSA. Passports already present are skipped, so that
            nobody stops a batch by sending one of its entries first; any other fault reverts the
            whole.
    @param enrollments Signed enrolments.
    @return Number of passports added.
    """
    separator: bytes32 = eip712._domain_separator()
    size: uint256 = root_window._size()
    leaves: DynArray[uint256, 64] = []
    for entry: IPassportRegistry.Enrollment in enrollments:
        key: bytes32 = self._key(entry.identity_commitment, entry.anchor)
        if self._passports[key] != 0:
            continue
        assert block.timestamp <= entry.deadline, "registry: enrolment has expired"
        digest: bytes32 = eip712._digest(
            separator,
            keccak256(
                abi_encode(
                    ENROLL_TYPEHASH,
                    entry.identity_commitment,
                    entry.keys_root,
                    entry.anchor,
                    entry.deadline,
                )
            ),
        )
        assert eip712._is_ecdsa_by(
            entry.anchor, digest, entry.signature
        ), "registry: signature is not the anchor's"
        index: uint256 = size + len(leaves)
        leaves.append(
            self._admit(key, entry.identity_commitment, entry.keys_root, entry.anchor, index)
        )
    if len(leaves) != 0:
        root_window._advance(lean_tree._append_many(size, leaves), size + len(leaves), False)
    return len(leaves)


@external
def update(
    identity_commitment: uint256,
    anchor: address,
    old_keys_root: uint256,
    new_keys_root: uint256,
    siblings: DynArray[uint256, 20],
    presentation: IPassportRegistry.Presentation,
):
    """
    @notice Replaces a passport's keys. Older roots die within GRACE seconds; proofs under them are
            refused from then on.
    @dev The proof's root is the old leaf itself, which contains the epoch: it serves once. Its
         message binds the new keys root, so that whoever relays can only delay.
    @param identity_commitment Commitment to the holder's secret.
    @param anchor The passport's anchor, also the presentation's beneficiary.
    @param old_keys_root The keys root in the present leaf.
    @param new_keys_root The keys root to put there.
    @param siblings Nodes beside the path inside the complete subtree that holds the leaf.
    @param presentation A leaf proof of two kinds.
    """
    self._require_canonical_keys(new_keys_root)
    key: bytes32 = self._key(identity_commitment, anchor)
    index: uint256 = 0
    epoch: uint256 = 0
    updated_at: uint256 = 0
    index, epoch, updated_at = self._active(key)
    assert (
        block.timestamp >= updated_at + COOLDOWN
    ), "registry: keys were replaced less than COOLDOWN ago"
    new_leaf: uint256 = self._leaf(identity_commitment, anchor, new_keys_root, epoch + 1)
    self._replace(
        self._leaf(identity_commitment, anchor, old_keys_root, epoch),
        new_leaf,
        index,
        anchor,
        keccak256(UPDATE_PURPOSE),
        keccak256(abi_encode(identity_commitment, anchor, new_keys_root)),
        siblings,
        presentation,
    )
    self._passports[key] = (ACTIVE << 128) | (block.timestamp << 64) | ((epoch + 1) << 32) | index
    log IPassportRegistry.PassportUpdated(
        identity_commitment=identity_commitment,
        anchor=anchor,
        index=index,
        epoch=epoch + 1,
        keys_root=new_keys_root,
        leaf=new_leaf,
    )


@external
def revoke(
    identity_commitment: uint256,
    anchor: address,
    keys_root: uint256,
    siblings: DynArray[uint256, 20],
    presentation: IPassportRegistry.Presentation,
):
    """
    @notice Takes a passport out of the tree for ever.
    @param identity_commitment Commitment to the holder's secret.
    @param anchor The passport's anchor, also the presentation's beneficiary.
    @param keys_root The keys root in the present leaf.
    @param siblings Nodes beside the path inside the complete subtree that holds the leaf.
    @param presentation A leaf proof of two kinds.
    """
    key: bytes32 = self._key(identity_commitment, anchor)
    index: uint256 = 0
    epoch: uint256 = 0
    updated_at: uint256 = 0
    index, epoch, updated_at = self._active(key)
    self._replace(
        self._leaf(identity_commitment, anchor, keys_root, epoch),
        convert(keccak256("mip.revoked/1"), uint256) >> 8,
        index,
        anchor,
        keccak256(REVOKE_PURPOSE),
        keccak256(abi_encode(identity_commitment, anchor)),
        siblings,
        presentation,
    )
    self._passports[key] = (REVOKED << 128) | (updated_at << 64) | (epoch << 32) | index
    log IPassportRegistry.PassportRevoked(
        identity_commitment=identity_commitment, anchor=anchor, index=index, epoch=epoch
    )


@view
@external
def check(
    purpose: bytes32,
    payload: bytes32,
    min_level: uint256,
    strict: bool,
    presentation: IPassportRegistry.Presentation,
) -> uint256:
    """
    @notice Tells the asking contract which pseudonym presents itself, or reverts. The asker spends
            the nullifier.
    @dev The asker is the sender; a presentation made for one contract, purpose or payload fails for
         any other.
    @param purpose keccak256 of the asker's purpose.
    @param payload Hash of the function and the arguments that the holder agreed to.
    @param min_level Kinds of keys the proof must have used, at least.
    @param strict Whether only the current root will do.
    @param presentation What the holder presents.
    @return The nullifier.
    """
    if strict:
        assert root_window._is_current(presentation.root), "registry: root is not the current one"
    else:
        assert root_window._is_known(presentation.root), "registry: root is not accepted"
    presentations._require_valid(msg.sender, purpose, payload, min_level, presentation)
    return presentation.nullifier


@view
@external
def passport(identity_commitment: uint256, anchor: address) -> IPassportRegistry.Passport:
    """
    @notice Returns what is public about a passport; all zero when there is none.
    @param identity_commitment Commitment to the holder's secret.
    @param anchor The address that enrolled.
    @return Index, epoch, time of the last update, status.
    """
    packed: uint256 = self._passports[self._key(identity_commitment, anchor)]
    return IPassportRegistry.Passport(
        index=packed & _MASK,
        epoch=(packed >> 32) & _MASK,
        updated_at=(packed >> 64) & _TIME_MASK,
        status=packed >> 128,
    )


@internal
def _enroll_one(identity_commitment: uint256, keys_root: uint256, anchor: address) -> uint256:
    key: bytes32 = self._key(identity_commitment, anchor)
    assert self._passports[key] == 0, "registry: passport is already enrolled"
    size: uint256 = root_window._size()
    leaf: uint256 = self._admit(key, identity_commitment, keys_root, anchor, size)
    root_window._advance(lean_tree._append(size, leaf), size + 1, False)
    return size


@internal
def _admit(
    key: bytes32, identity_commitment: uint256, keys_root: uint256, anchor: address, index: uint256
) -> uint256:
    assert (
        identity_commitment != 0 and identity_commitment < R
    ), "registry: identity commitment is zero or not canonical"
    self._require_canonical_keys(keys_root)
    leaf: uint256 = self._leaf(identity_commitment, anchor, keys_root, 0)
    self._passports[key] = (ACTIVE << 128) | index
    log IPassportRegistry.PassportRegistered(
        identity_commitment=identity_commitment,
        anchor=anchor,
        index=index,
        keys_root=keys_root,
        leaf=leaf,
    )
    return leaf


@internal
def _replace(
    old_leaf: uint256,
    new_leaf: uint256,
    index: uint256,
    anchor: address,
    purpose: bytes32,
    payload: bytes32,
    siblings: DynArray[uint256, 20],
    presentation: IPassportRegistry.Presentation,
):
    """
    @dev Both acts on a passport: a proof of two kinds about the very leaf, then the tree, then the
         window.
    """
    assert presentation.root == old_leaf, "registry: presentation is not about the passport's leaf"
    assert presentation.beneficiary == anchor, "registry: beneficiary is not the anchor"
    presentations._require_valid(self, purpose, payload, KEY_LEVEL, presentation)
    size: uint256 = root_window._size()
    root_window._advance(lean_tree._replace(size, index, old_leaf, new_leaf, siblings), size, True)


@view
@internal
def _active(key: bytes32) -> (uint256, uint256, uint256):
    packed: uint256 = self._passports[key]
    assert packed != 0, "registry: passport is not enrolled"
    assert packed >> 128 == ACTIVE, "registry: passport is revoked"
    return packed & _MASK, (packed >> 32) & _MASK, (packed >> 64) & _TIME_MASK


@view
@internal
def _leaf(
    identity_commitment: uint256, anchor: address, keys_root: uint256, epoch: uint256
) -> uint256:
    """
    @dev The added tag keeps leaves and inner nodes apart (docs/protocol.md, section 2).
    """
    digest: uint256 = poseidon2._c4(identity_commitment, convert(anchor, uint256), keys_root, epoch)
    return (digest + TAG_LEAF) % R


@pure
@internal
def _key(identity_commitment: uint256, anchor: address) -> bytes32:
    return keccak256(abi_encode(identity_commitment, anchor))


@pure
@internal
def _require_canonical_keys(keys_root: uint256):
    assert keys_root != 0 and keys_root < R, "registry: keys root is zero or not canonical"
