# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title PassportRegistry
@license AGPL-3.0-only
@notice Keeps a tree of passport leaves. Anyone may enrol; a passport's own keys are replaced and the
        passport is revoked by a zero-knowledge proof of its holder, and what guardians decide comes
        through the recovery contract. Apps ask `check` whether a presentation is valid for them.
@dev No owner, no upgrade, no funds. Specified in docs/protocol.md.
@custom:stop It cannot be stopped. A holder stops a passport with `revoke`; an app stops asking.
"""

from .interfaces import IPassportRegistry
from .modules import eip712
from .modules import enrolment
from .modules import lean_tree
from .modules import passports
from .modules import poseidon2
from .modules import presentations
from .modules import root_window

implements: IPassportRegistry

initializes: poseidon2
initializes: lean_tree[poseidon2 := poseidon2]
initializes: passports[poseidon2 := poseidon2]
initializes: presentations
initializes: root_window
initializes: enrolment[
    lean_tree := lean_tree, passports := passports, root_window := root_window
]

exports: (
    eip712.eip712Domain,
    eip712.domain_separator,
    enrolment.enroll,
    enrolment.enroll_batch,
    enrolment.enroll_signed,
    passports.passport,
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

COOLDOWN: public(constant(uint256)) = 600  # seconds between two updates of one passport

UPDATE_PURPOSE: constant(String[96]) = "mip: replace the keys of this passport"
REVOKE_PURPOSE: constant(String[96]) = "mip: revoke this passport"

RECOVERY: public(immutable(address))


@deploy
def __init__(hasher: address, verifier: address, recovery: address):
    """
    @param hasher The generated Poseidon2 contract.
    @param verifier The Groth16Verifier of the circuit `passport`.
    @param recovery The GuardianRecovery contract, whose word counts for every passport.
    """
    poseidon2.__init__(hasher)
    presentations.__init__(verifier)
    root_window.__init__()
    assert recovery.is_contract, "registry: recovery has no code"
    RECOVERY = recovery


@external
def update(
    leaf: IPassportRegistry.Leaf,
    new_keys_root: uint256,
    siblings: DynArray[uint256, 20],
    presentation: IPassportRegistry.Presentation,
):
    """
    @notice Replaces a passport's own keys and nothing else. Older roots die within GRACE seconds;
            proofs under them are refused from then on.
    @dev The proof's root is the old leaf itself and its nonce the epoch: it serves once, even if an
         old leaf comes back. Its message binds the new keys root, so that whoever relays can only
         delay. Whoever holds both own kinds cannot touch the guardian commitment here.
    @param leaf The opening of the present leaf; its anchor is the presentation's beneficiary.
    @param new_keys_root The keys root to put there.
    @param siblings Nodes beside the path inside the complete subtree that holds the leaf.
    @param presentation A leaf proof of level 2.
    """
    passports._require_canonical(new_keys_root, leaf.guardian_commitment)
    key: bytes32 = passports._key(leaf.identity_commitment, leaf.anchor)
    record: IPassportRegistry.Passport = passports._active(key)
    assert (
        block.timestamp >= record.updated_at + COOLDOWN
    ), "registry: keys were replaced less than COOLDOWN ago"
    old_leaf: uint256 = passports._leaf(leaf)
    self._require_holder(
        leaf,
        old_leaf,
        record.epoch,
        keccak256(UPDATE_PURPOSE),
        keccak256(abi_encode(leaf.identity_commitment, leaf.anchor, new_keys_root)),
        presentation,
    )
    record.updated_at = block.timestamp
    self._put(key, record, old_leaf, leaf, new_keys_root, leaf.guardian_commitment, siblings)


@external
def revoke(
    leaf: IPassportRegistry.Leaf,
    siblings: DynArray[uint256, 20],
    presentation: IPassportRegistry.Presentation,
):
    """
    @notice Takes a passport out of the tree. Only its guardians, if it has any, can bring it back.
    @param leaf The opening of the present leaf; its anchor is the presentation's beneficiary.
    @param siblings Nodes beside the path inside the complete subtree that holds the leaf.
    @param presentation A leaf proof of level 2.
    """
    key: bytes32 = passports._key(leaf.identity_commitment, leaf.anchor)
    record: IPassportRegistry.Passport = passports._active(key)
    old_leaf: uint256 = passports._leaf(leaf)
    self._require_holder(
        leaf,
        old_leaf,
        record.epoch,
        keccak256(REVOKE_PURPOSE),
        keccak256(abi_encode(leaf.identity_commitment, leaf.anchor)),
        presentation,
    )
    self._take_out(key, record, old_leaf, passports.REVOKED, siblings)
    log IPassportRegistry.PassportRevoked(
        identity_commitment=leaf.identity_commitment,
        anchor=leaf.anchor,
        index=record.index,
        epoch=record.epoch,
    )


@external
def replace(
    leaf: IPassportRegistry.Leaf,
    new_keys_root: uint256,
    new_guardian_commitment: uint256,
    siblings: DynArray[uint256, 20],
):
    """
    @notice Puts a new leaf in a passport's place, also in that of one taken out. For the recovery
            contract alone.
    @dev Of a passport taken out nobody knows the old leaf's keys root here; what is checked then is
         that its mark stands in the tree. The time of the last update stays: neither a recovery nor
         a change of guardians, which anyone may finish, delays the holder's next update.
    @param leaf The opening of the present leaf.
    @param new_keys_root The keys root to put there.
    @param new_guardian_commitment The guardian commitment to put there.
    @param siblings Nodes beside the path inside the complete subtree that holds the leaf.
    """
    assert msg.sender == RECOVERY, "registry: sender is not the recovery contract"
    passports._require_canonical(new_keys_root, new_guardian_commitment)
    key: bytes32 = passports._key(leaf.identity_commitment, leaf.anchor)
    record: IPassportRegistry.Passport = passports._load(key)
    assert record.status != 0, "registry: passport is not enrolled"
    old_leaf: uint256 = 0
    if record.status == passports.ACTIVE:
        old_leaf = passports._leaf(leaf)
    else:
        old_leaf = passports._mark(record.status)
    self._put(key, record, old_leaf, leaf, new_keys_root, new_guardian_commitment, siblings)


@external
def freeze(leaf: IPassportRegistry.Leaf, siblings: DynArray[uint256, 20]):
    """
    @notice Takes a passport out of the tree until its guardians decide. For the recovery contract
            alone.
    @param leaf The opening of the present leaf.
    @param siblings Nodes beside the path inside the complete subtree that holds the leaf.
    """
    assert msg.sender == RECOVERY, "registry: sender is not the recovery contract"
    key: bytes32 = passports._key(leaf.identity_commitment, leaf.anchor)
    record: IPassportRegistry.Passport = passports._active(key)
    self._take_out(key, record, passports._leaf(leaf), passports.FROZEN, siblings)
    log IPassportRegistry.PassportFrozen(
        identity_commitment=leaf.identity_commitment,
        anchor=leaf.anchor,
        index=record.index,
        epoch=record.epoch,
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
    self._require_root(presentation.root, strict)
    presentations._require_valid(msg.sender, purpose, payload, min_level, presentation)
    return presentation.nullifier


@view
@external
def check_for(
    app: address,
    purpose: bytes32,
    payload: bytes32,
    min_level: uint256,
    strict: bool,
    presentation: IPassportRegistry.Presentation,
) -> uint256:
    """
    @notice Tells the asking contract which pseudonym its presenter has at another app, or reverts.
            For contracts that keep something for the pseudonyms of others.
    @dev The message names the asker: what a holder presents to the app fails here, and the other
         way round.
    @param app The app at which the pseudonym is used.
    @param purpose keccak256 of the app's purpose.
    @param payload Hash of the function and the arguments that the holder agreed to.
    @param min_level Kinds of keys the proof must have used, at least.
    @param strict Whether only the current root will do.
    @param presentation What the holder presents.
    @return The nullifier.
    """
    self._require_root(presentation.root, strict)
    presentations._require_valid_at(app, msg.sender, purpose, payload, min_level, presentation)
    return presentation.nullifier


@view
@external
def check_holder(
    leaf: IPassportRegistry.Leaf,
    purpose: bytes32,
    payload: bytes32,
    siblings: DynArray[uint256, 20],
    presentation: IPassportRegistry.Presentation,
) -> uint256:
    """
    @notice Reverts unless the leaf is in the tree now and the presentation is its holder's, of level
            2, made for the asking contract. For contracts that act on a passport.
    @dev The asker sees to it that a presentation serves once, by its nonce or its payload.
    @param leaf The opening of the leaf; its anchor is the presentation's beneficiary.
    @param purpose keccak256 of the asker's purpose.
    @param payload Hash of the act that the holder agreed to.
    @param siblings Nodes beside the path inside the complete subtree that holds the leaf.
    @param presentation A leaf proof of level 2.
    @return The holder's pseudonym in the asking contract and purpose.
    """
    record: IPassportRegistry.Passport = passports._active(
        passports._key(leaf.identity_commitment, leaf.anchor)
    )
    hashed: uint256 = passports._leaf(leaf)
    presentations._require_leaf_proof(
        msg.sender, purpose, payload, hashed, leaf.anchor, presentation
    )
    lean_tree._require_at(root_window._size(), record.index, hashed, siblings)
    return presentation.nullifier


@view
@external
def check_opening(
    leaf: IPassportRegistry.Leaf,
    purpose: bytes32,
    payload: bytes32,
    presentation: IPassportRegistry.Presentation,
) -> uint256:
    """
    @notice Reverts unless the maker of the presentation can open the leaf with two own kinds,
            wherever it stands, and made it for the asking contract.
    @param leaf The opening of the leaf; its anchor is the presentation's beneficiary.
    @param purpose keccak256 of the asker's purpose.
    @param payload Hash of the act that the maker agreed to.
    @param presentation A leaf proof of level 2.
    @return The maker's pseudonym in the asking contract and purpose.
    """
    presentations._require_leaf_proof(
        msg.sender, purpose, payload, passports._leaf(leaf), leaf.anchor, presentation
    )
    return presentation.nullifier


@view
@internal
def _require_root(root: uint256, strict: bool):
    if strict:
        assert root_window._is_current(root), "registry: root is not the current one"
    else:
        assert root_window._is_known(root), "registry: root is not accepted"


@view
@internal
def _require_holder(
    leaf: IPassportRegistry.Leaf,
    hashed: uint256,
    epoch: uint256,
    purpose: bytes32,
    payload: bytes32,
    presentation: IPassportRegistry.Presentation,
):
    """
    @dev The holder's own acts. That the leaf is in the tree is seen when it is replaced.
    """
    assert presentation.nonce == epoch, "registry: nonce is not the passport's epoch"
    presentations._require_leaf_proof(self, purpose, payload, hashed, leaf.anchor, presentation)


@internal
def _put(
    key: bytes32,
    record: IPassportRegistry.Passport,
    old_leaf: uint256,
    leaf: IPassportRegistry.Leaf,
    keys_root: uint256,
    guardian_commitment: uint256,
    siblings: DynArray[uint256, 20],
):
    new_leaf: uint256 = passports._hash(
        leaf.identity_commitment, leaf.anchor, keys_root, guardian_commitment
    )
    self._swap(record.index, old_leaf, new_leaf, siblings)
    passports._store(
        key,
        IPassportRegistry.Passport(
            index=record.index,
            epoch=record.epoch + 1,
            updated_at=record.updated_at,
            status=passports.ACTIVE,
        ),
    )
    log IPassportRegistry.PassportUpdated(
        identity_commitment=leaf.identity_commitment,
        anchor=leaf.anchor,
        index=record.index,
        epoch=record.epoch + 1,
        keys_root=keys_root,
        guardian_commitment=guardian_commitment,
        leaf=new_leaf,
    )


@internal
def _take_out(
    key: bytes32,
    record: IPassportRegistry.Passport,
    old_leaf: uint256,
    status: uint256,
    siblings: DynArray[uint256, 20],
):
    self._swap(record.index, old_leaf, passports._mark(status), siblings)
    passports._store(
        key,
        IPassportRegistry.Passport(
            index=record.index, epoch=record.epoch, updated_at=record.updated_at, status=status
        ),
    )


@internal
def _swap(
    index: uint256, old_leaf: uint256, new_leaf: uint256, siblings: DynArray[uint256, 20]
):
    """
    @dev Every replacement voids older roots.
    """
    packed: uint256 = root_window._packed
    size: uint256 = packed & root_window._SIZE_MASK
    root_window._advance(
        packed,
        lean_tree._replace(size, root_window._root, index, old_leaf, new_leaf, siblings),
        size,
        True,
    )
