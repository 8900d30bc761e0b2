# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title PermissionGrants
@license AGPL-3.0-only
@notice Keeps what a holder lets a grantee see of one category of his archive: level, expiry, uses. A
        grant stands under the pseudonym that the holder has at the grantee; he issues and revokes by
        proof, anyone sends it, and apps ask in one call. It also counts the epochs of pseudonyms, for
        itself and for any app whose grants shall end with them.
@dev No owner, no upgrade, no funds. Specified in docs/protocol.md, sections 13 and 15.
@custom:stop It cannot be stopped. A holder stops a grant with `revoke`, or all of a pseudonym's by
             `advance`; a grantee renounces.
"""

from .interfaces import IPassportRegistry
from .interfaces import IPermissionGrants
from .interfaces import IPseudonymEpochs
from .modules import epochs

implements: IPermissionGrants
implements: IPseudonymEpochs

initializes: epochs

exports: (
    epochs.REGISTRY,
    epochs.advance,
    epochs.epoch_of,
)

NAME: constant(String[20]) = "MIP PermissionGrants"
VERSION: constant(String[1]) = "1"
DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
GRANT_TYPEHASH: constant(bytes32) = keccak256(
    "Grant(address grantee,bytes32 purpose,bytes32 category,uint256 level,uint256 expires,uint256 uses,bytes32 receipt,uint256 epoch,uint256 sequence)"
)
REVOKE: constant(bytes32) = keccak256("revoke(address,bytes32,bytes32)")

PROOF_LEVEL: constant(uint256) = 2  # kinds of keys that the holder's acts take
MAX_LEVEL: constant(uint256) = 3
MAX_LIFETIME: public(constant(uint256)) = 366 * 24 * 60 * 60  # seconds

# One word per grant, from the lowest bit: grantee (160), level (2), expires (34), uses left (32),
# epoch (28). Zero where nothing is granted.
GRANTEE_MASK: constant(uint256) = 2**160 - 1
LEVEL_AT: constant(uint256) = 160
EXPIRES_AT: constant(uint256) = 162
USES_AT: constant(uint256) = 196
EPOCH_AT: constant(uint256) = 228
LEVEL_MASK: constant(uint256) = 2**2 - 1
EXPIRES_MASK: constant(uint256) = 2**34 - 1
USES_MASK: constant(uint256) = 2**32 - 1
ONE_USE: constant(uint256) = 2**196
EPOCH_END: constant(uint256) = 2**28

# by nullifier and category
sequence_of: public(HashMap[uint256, HashMap[bytes32, uint256]])  # acts of the holder
_grants: HashMap[uint256, HashMap[bytes32, uint256]]
_receipts: HashMap[uint256, HashMap[bytes32, bytes32]]


@deploy
def __init__(registry: address):
    """
    @param registry The PassportRegistry to ask.
    """
    epochs.__init__(registry)


@external
def grant(terms: IPermissionGrants.Terms, presentation: IPassportRegistry.Presentation):
    """
    @notice Grants, in the place of what the pseudonym had granted on the category; anyone may send
            it.
    @dev What was proved names epoch and sequence, so that it serves once and not after the holder
         voided what went before. The pseudonym is read before it is proved: a false one makes
         another message, and the proof fails.
    @param terms What the holder agrees to.
    @param presentation What the holder presents; its nonce is the sequence plus one, its payload the
                        EIP-712 digest of the terms, the present epoch and that nonce.
    """
    assert terms.grantee != empty(address), "grants: grantee is zero"
    assert terms.category != empty(bytes32), "grants: category is zero"
    assert terms.receipt != empty(bytes32), "grants: receipt is zero"
    assert terms.level <= MAX_LEVEL, "grants: level is unknown"
    assert terms.uses != 0 and terms.uses <= USES_MASK, "grants: uses are out of range"
    assert block.timestamp < terms.expires, "grants: expiry has passed"
    assert terms.expires <= block.timestamp + MAX_LIFETIME, "grants: expiry lies too far ahead"
    nullifier: uint256 = presentation.nullifier
    sequence: uint256 = self._next(nullifier, terms.category, presentation.nonce)
    epoch: uint256 = epochs.epoch_of[nullifier]
    assert epoch < EPOCH_END, "grants: epoch is out of range"
    self._require_holder(
        terms.grantee, terms.purpose, self._digest(terms, epoch, sequence), presentation
    )
    self._grants[nullifier][terms.category] = (
        convert(terms.grantee, uint256)
        | (terms.level << LEVEL_AT)
        | (terms.expires << EXPIRES_AT)
        | (terms.uses << USES_AT)
        | (epoch << EPOCH_AT)
    )
    self._receipts[nullifier][terms.category] = terms.receipt
    log IPermissionGrants.GrantIssued(
        nullifier=nullifier,
        grantee=terms.grantee,
        category=terms.category,
        level=terms.level,
        expires=terms.expires,
        uses=terms.uses,
        epoch=epoch,
        sequence=sequence,
        receipt=terms.receipt,
    )


@external
def revoke(
    grantee: address,
    purpose: bytes32,
    category: bytes32,
    presentation: IPassportRegistry.Presentation,
):
    """
    @notice Ends a grant, also one that was presented to somebody and not sent yet; anyone may send
            it.
    @param grantee Whom it was given.
    @param purpose keccak256 of the purpose.
    @param category keccak256 of the category's name.
    @param presentation What the holder presents; its nonce is the sequence plus one, its payload
                        keccak256(abi(REVOKE, grantee, purpose, category)).
    """
    nullifier: uint256 = presentation.nullifier
    sequence: uint256 = self._next(nullifier, category, presentation.nonce)
    self._require_holder(
        grantee, purpose, keccak256(abi_encode(REVOKE, grantee, purpose, category)), presentation
    )
    self._clear(nullifier, category)
    log IPermissionGrants.GrantRevoked(nullifier=nullifier, category=category, sequence=sequence)


@external
def renounce(nullifier: uint256, category: bytes32):
    """
    @notice Ends a grant by the grantee's own word. The sequence stays: what the holder presented is
            not his to void.
    @param nullifier The holder's pseudonym at the sender.
    @param category keccak256 of the category's name.
    """
    word: uint256 = self._grants[nullifier][category]
    assert word != 0, "grants: nothing is granted"
    assert word & GRANTEE_MASK == convert(msg.sender, uint256), "grants: sender is not the grantee"
    self._clear(nullifier, category)
    log IPermissionGrants.GrantRenounced(nullifier=nullifier, category=category)


@external
def use(nullifier: uint256, category: bytes32, level: uint256, access: bytes32):
    """
    @notice Takes one use of a grant to the sender, where its holder sees it; reverts unless it is in
            force at that level.
    @param nullifier The holder's pseudonym at the sender.
    @param category keccak256 of the category's name.
    @param level The level that is needed.
    @param access The grantee's word for this access, such as the hash of its access receipt.
    """
    left: uint256 = self._in_force(nullifier, category, level) - ONE_USE
    self._grants[nullifier][category] = left
    log IPermissionGrants.GrantUsed(
        nullifier=nullifier,
        category=category,
        level=level,
        uses_left=(left >> USES_AT) & USES_MASK,
        access=access,
    )


@view
@reentrant
@external
def check(nullifier: uint256, category: bytes32, level: uint256) -> uint256:
    """
    @notice Reverts unless the holder of a pseudonym granted the sender this level and nothing ended
            it.
    @dev Free of the lock, which saves its reading: a grant is one word, and each act writes it last.
    @param nullifier The holder's pseudonym at the sender.
    @param category keccak256 of the category's name.
    @param level The level that is needed.
    @return The uses left.
    """
    return (self._in_force(nullifier, category, level) >> USES_AT) & USES_MASK


@view
@external
def allowed(grantee: address, nullifier: uint256, category: bytes32, level: uint256) -> bool:
    """
    @notice Tells whether `use` would pass for a grantee.
    @dev Where nothing is granted, the expiry of zero has passed.
    @param grantee Who would use it.
    @param nullifier The holder's pseudonym at the grantee.
    @param category keccak256 of the category's name.
    @param level The level that is needed.
    @return Whether it would.
    """
    word: uint256 = self._grants[nullifier][category]
    return (
        word & GRANTEE_MASK == convert(grantee, uint256)
        and block.timestamp < (word >> EXPIRES_AT) & EXPIRES_MASK
        and (word >> USES_AT) & USES_MASK != 0
        and level <= (word >> LEVEL_AT) & LEVEL_MASK
        and epochs.epoch_of[nullifier] == word >> EPOCH_AT
    )


@view
@external
def grant_of(nullifier: uint256, category: bytes32) -> IPermissionGrants.GrantState:
    """
    @notice Returns a grant as it was noted, in force or not.
    @param nullifier The holder's pseudonym at the grantee.
    @param category keccak256 of the category's name.
    @return The grant; all zero but for the sequence where there is none.
    """
    word: uint256 = self._grants[nullifier][category]
    return IPermissionGrants.GrantState(
        grantee=convert(word & GRANTEE_MASK, address),
        level=(word >> LEVEL_AT) & LEVEL_MASK,
        expires=(word >> EXPIRES_AT) & EXPIRES_MASK,
        uses_left=(word >> USES_AT) & USES_MASK,
        epoch=word >> EPOCH_AT,
        sequence=self.sequence_of[nullifier][category],
        receipt=self._receipts[nullifier][category],
    )


@view
@external
def domain_separator() -> bytes32:
    """
    @notice The EIP-712 domain separator, computed for the chain as it is now.
    @return The separator.
    """
    return self._domain_separator()


@view
@external
def eip712Domain() -> (
    bytes1, String[20], String[1], uint256, address, bytes32, DynArray[uint256, 1]
):
    """
    @notice The EIP-712 domain, by ERC-5267.
    @return Bit map of the fields in use, name, version, chain id, contract, salt, extensions.
    """
    return 0x0f, NAME, VERSION, chain.id, self, empty(bytes32), []


@view
@internal
def _in_force(nullifier: uint256, category: bytes32, level: uint256) -> uint256:
    """
    @dev The sender's grant as one word, with a use left.
    """
    word: uint256 = self._grants[nullifier][category]
    assert word != 0, "grants: nothing is granted"
    assert word & GRANTEE_MASK == convert(msg.sender, uint256), "grants: sender is not the grantee"
    assert block.timestamp < (word >> EXPIRES_AT) & EXPIRES_MASK, "grants: grant has expired"
    assert (word >> USES_AT) & USES_MASK != 0, "grants: grant is used up"
    assert level <= (word >> LEVEL_AT) & LEVEL_MASK, "grants: level is not granted"
    assert epochs.epoch_of[nullifier] == word >> EPOCH_AT, "grants: grant was voided by its holder"
    return word


@internal
def _next(nullifier: uint256, category: bytes32, nonce: uint256) -> uint256:
    """
    @dev Counts an act of the holder; a presentation thus serves once. Whoever calls this reverts
         unless the pseudonym is proved.
    """
    sequence: uint256 = self.sequence_of[nullifier][category] + 1
    assert nonce == sequence, "grants: nonce is not the next sequence"
    self.sequence_of[nullifier][category] = sequence
    return sequence


@internal
def _clear(nullifier: uint256, category: bytes32):
    self._grants[nullifier][category] = 0
    self._receipts[nullifier][category] = empty(bytes32)


@view
@internal
def _require_holder(
    grantee: address,
    purpose: bytes32,
    payload: bytes32,
    presentation: IPassportRegistry.Presentation,
):
    """
    @dev Not strict: one who enrols in every block could otherwise keep grants alive. The root of a
         thief's keys is good for two minutes more; the epoch that the holder then advances voids
         what was granted in them.
    """
    nullifier: uint256 = staticcall epochs.REGISTRY.check_for(
        grantee, purpose, payload, PROOF_LEVEL, False, presentation
    )
    assert nullifier == presentation.nullifier, "grants: pseudonym is another"


@view
@internal
def _digest(terms: IPermissionGrants.Terms, epoch: uint256, sequence: uint256) -> bytes32:
    return keccak256(
        concat(
            x"1901",
            self._domain_separator(),
            keccak256(abi_encode(GRANT_TYPEHASH, terms, epoch, sequence)),
        )
    )


@view
@internal
def _domain_separator() -> bytes32:
    return keccak256(
        abi_encode(DOMAIN_TYPEHASH, keccak256(NAME), keccak256(VERSION), chain.id, self)
    )
