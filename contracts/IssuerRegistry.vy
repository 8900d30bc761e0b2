# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title IssuerRegistry
@license AGPL-3.0-only
@notice Keeps who issues credentials, under which key, and the root of what each revoked, in one tree
        that proofs refer to. Anyone may register; which issuers count is for apps to say.
@dev No owner, no upgrade, no funds. Specified in docs/protocol.md, section 20.
@custom:stop It cannot be stopped. An issuer stops itself with `suspend`; an app stops accepting it.
"""

from .interfaces import IIssuerRegistry
from .modules import poseidon2
from .modules import quad_tree
from .modules import root_window

implements: IIssuerRegistry

initializes: poseidon2
initializes: quad_tree[poseidon2 := poseidon2]
initializes: root_window

exports: (
    poseidon2.HASHER,
    root_window.BUCKET,
    root_window.GRACE,
    root_window.WINDOW,
    root_window.accepted_roots,
    root_window.is_known_root,
    root_window.root,
    root_window.size,
)

R: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617
TAG_ISSUER: constant(uint256) = 33861333042781001289603100465  # "mip.issuer/1"

DELAY: public(constant(uint256)) = 48 * 60 * 60  # seconds a change of key or controller waits
LIFETIME: public(constant(uint256)) = 7 * 24 * 60 * 60  # seconds it can be finished afterwards

ACTIVE: constant(uint256) = 1
SUSPENDED: constant(uint256) = 2

_issuers: HashMap[uint256, IIssuerRegistry.Issuer]
_changes: HashMap[uint256, IIssuerRegistry.Change]

schema_published_at: public(HashMap[uint256, uint256])  # schema id => Unix time of the first time


@deploy
def __init__(hasher: address):
    """
    @dev Number 0 is nobody's from the start: no one can be first to take it, and a list of issuers
         that was left zero accepts no one.
    @param hasher The generated Poseidon2 contract.
    """
    poseidon2.__init__(hasher)
    root_window.__init__()
    root_window._packed |= 1  # number 0 is taken, by nobody


@external
def register(key_x: uint256, key_y: uint256, name: String[96]) -> uint256:
    """
    @notice Registers an issuer; the sender speaks for it.
    @param key_x First coordinate of the key that signs credentials.
    @param key_y Second coordinate.
    @param name What the issuer calls itself.
    @return The issuer's number.
    """
    self._require_key(key_x, key_y)
    number: uint256 = root_window._size()
    assert number < quad_tree.PLACES, "issuers: registry is full"
    self._issuers[number] = IIssuerRegistry.Issuer(
        controller=msg.sender,
        key_x=key_x,
        key_y=key_y,
        revocation_root=0,
        version=0,
        published_at=0,
        status=ACTIVE,
    )
    self._place(number, number + 1, False)
    log IIssuerRegistry.IssuerRegistered(
        issuer=number, controller=msg.sender, key_x=key_x, key_y=key_y, name=name
    )
    return number


@external
def publish(issuer: uint256, version: uint256, revocation_root: uint256):
    """
    @notice Publishes the root of an issuer's revocations. Older roots die within GRACE seconds.
    @param issuer The issuer's number.
    @param version The present version, so that no publication is sent twice.
    @param revocation_root The new root.
    """
    self._require_controller(issuer)
    assert version == self._issuers[issuer].version, "issuers: version is not the present one"
    assert revocation_root < R, "issuers: root is not canonical"
    self._issuers[issuer].revocation_root = revocation_root
    self._issuers[issuer].version = version + 1
    self._issuers[issuer].published_at = block.timestamp
    if self._issuers[issuer].status == ACTIVE:
        self._place(issuer, root_window._size(), True)
    log IIssuerRegistry.RevocationsPublished(
        issuer=issuer, version=version + 1, root=revocation_root
    )


@external
def suspend(issuer: uint256):
    """
    @notice Takes an issuer out of the tree, at once: no credential of it can be shown.
    @param issuer The issuer's number.
    """
    self._require_controller(issuer)
    assert self._issuers[issuer].status == ACTIVE, "issuers: issuer is suspended"
    self._issuers[issuer].status = SUSPENDED
    self._place(issuer, root_window._size(), True)
    log IIssuerRegistry.IssuerSuspended(issuer=issuer)


@external
def resume(issuer: uint256):
    """
    @notice Puts a suspended issuer back.
    @param issuer The issuer's number.
    """
    self._require_controller(issuer)
    assert self._issuers[issuer].status == SUSPENDED, "issuers: issuer is not suspended"
    self._issuers[issuer].status = ACTIVE
    self._place(issuer, root_window._size(), False)
    log IIssuerRegistry.IssuerResumed(issuer=issuer)


@external
def propose(issuer: uint256, key_x: uint256, key_y: uint256, controller: address):
    """
    @notice Announces another key and controller; takes the place of a change that waits.
    @param issuer The issuer's number.
    @param key_x First coordinate of the key.
    @param key_y Second coordinate.
    @param controller Who shall speak for the issuer.
    """
    self._require_controller(issuer)
    self._require_key(key_x, key_y)
    assert controller != empty(address), "issuers: controller is zero"
    ready_at: uint256 = block.timestamp + DELAY
    self._changes[issuer] = IIssuerRegistry.Change(
        key_x=key_x, key_y=key_y, controller=controller, ready_at=ready_at
    )
    log IIssuerRegistry.ChangeProposed(
        issuer=issuer, key_x=key_x, key_y=key_y, controller=controller, ready_at=ready_at
    )


@external
def cancel(issuer: uint256):
    """
    @notice Drops the change that waits.
    @param issuer The issuer's number.
    """
    self._require_controller(issuer)
    assert self._changes[issuer].ready_at != 0, "issuers: no change is waiting"
    self._changes[issuer] = empty(IIssuerRegistry.Change)
    log IIssuerRegistry.ChangeCancelled(issuer=issuer)


@external
def finish(issuer: uint256):
    """
    @notice Carries a change out after its delay; anyone may. Credentials under the old key end.
    @param issuer The issuer's number.
    """
    change: IIssuerRegistry.Change = self._changes[issuer]
    assert change.ready_at != 0, "issuers: no change is waiting"
    assert block.timestamp >= change.ready_at, "issuers: delay not over"
    assert block.timestamp <= change.ready_at + LIFETIME, "issuers: change has expired"
    self._changes[issuer] = empty(IIssuerRegistry.Change)
    self._issuers[issuer].key_x = change.key_x
    self._issuers[issuer].key_y = change.key_y
    self._issuers[issuer].controller = change.controller
    if self._issuers[issuer].status == ACTIVE:
        self._place(issuer, root_window._size(), True)
    log IIssuerRegistry.ChangeFinished(
        issuer=issuer, controller=change.controller, key_x=change.key_x, key_y=change.key_y
    )


@external
def publish_schema(document: Bytes[8192]) -> uint256:
    """
    @notice Logs a schema, so that whoever knows its id finds it.
    @param document The schema in its canonical spelling.
    @return The schema's id.
    """
    schema: uint256 = convert(keccak256(document), uint256) >> 8
    if self.schema_published_at[schema] == 0:
        self.schema_published_at[schema] = block.timestamp
    log IIssuerRegistry.SchemaPublished(schema=schema, publisher=msg.sender, document=document)
    return schema


@view
@external
def issuer(number: uint256) -> IIssuerRegistry.Issuer:
    """
    @notice Returns what is known of an issuer; all zero when there is none.
    @param number Its number.
    @return The record.
    """
    return self._issuers[number]


@view
@external
def change(number: uint256) -> IIssuerRegistry.Change:
    """
    @notice Returns the change that waits; all zero when there is none.
    @param number The issuer's number.
    @return The change.
    """
    return self._changes[number]


@internal
def _place(number: uint256, size: uint256, voids_older: bool):
    """
    @dev The tag is an operand: the tree's depth never changes, so that leaves and nodes are apart.
    """
    record: IIssuerRegistry.Issuer = self._issuers[number]
    leaf: uint256 = 0
    if record.status == ACTIVE:
        leaf = poseidon2._c4(record.key_x, record.key_y, record.revocation_root, TAG_ISSUER)
    root_window._advance(
        root_window._packed, quad_tree._put(number, leaf), size, voids_older
    )


@view
@internal
def _require_controller(number: uint256):
    assert self._issuers[number].status != 0, "issuers: no such issuer"
    assert self._issuers[number].controller == msg.sender, "issuers: sender is not the controller"


@pure
@internal
def _require_key(x: uint256, y: uint256):
    """
    @dev On the curve a x^2 + y^2 = 1 + d x^2 y^2; the points with x = 0 are the identity and the one
         of order 2. Other points outside the prime group harm only their issuer: the circuit
         multiplies by the cofactor and refuses what vanishes.
    """
    assert x < R and y < R and x != 0, "issuers: key is not canonical"
    xx: uint256 = uint256_mulmod(x, x, R)
    yy: uint256 = uint256_mulmod(y, y, R)
    left: uint256 = uint256_addmod(uint256_mulmod(168700, xx, R), yy, R)
    right: uint256 = uint256_addmod(
        uint256_mulmod(168696, uint256_mulmod(xx, yy, R), R), 1, R
    )
    assert left == right, "issuers: key is not on the curve"
