# SPDX-License-Identifier: MIT
# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title PassportVault
@license MIT
@notice A vault per pseudonym. Both own keys of the passport move a daily allowance, people and one own
        key any amount. A spender whom the holder authorised moves part of the allowance, until the
        holder voids what he granted under this pseudonym.
@dev It shows levels, payloads with arguments and voiding. Money asks for the current root: keys that
     were replaced move nothing more. What level 2 sets going, spenders included, shares one
     allowance: else a thief with device and password would authorise himself.
@custom:stop It cannot be stopped. A holder stops a spender with a cap of 0 or by
             advancing the epoch of his pseudonym here.
"""

from ..interfaces import IPassportApp
from ..interfaces import IPassportRegistry
from ..interfaces import IPseudonymEpochs

implements: IPassportApp

PURPOSE: constant(String[96]) = "keep money for this passport"
OWN_KEYS: constant(uint256) = 2
PEOPLE: constant(uint256) = 3
DAY: constant(uint256) = 24 * 60 * 60  # seconds

# the functions that proofs are made for
WITHDRAW: constant(bytes32) = keccak256("withdraw(uint256,address)")
WITHDRAW_ANY: constant(bytes32) = keccak256("withdraw_any(uint256,address)")
AUTHORISE: constant(bytes32) = keccak256("authorise(address,uint256,uint256)")


struct Grant:
    cap: uint256  # wei that the spender may still move
    expires_at: uint256  # Unix time
    epoch: uint256  # of the pseudonym when it was granted


event Deposited:
    nullifier: indexed(uint256)
    amount: uint256


event Withdrawn:
    nullifier: indexed(uint256)
    recipient: indexed(address)
    amount: uint256


event SpenderAuthorised:
    nullifier: indexed(uint256)
    spender: indexed(address)
    cap: uint256
    expires_at: uint256
    epoch: uint256


event Spent:
    nullifier: indexed(uint256)
    spender: indexed(address)
    recipient: indexed(address)
    amount: uint256


REGISTRY: public(immutable(IPassportRegistry))
EPOCHS: public(immutable(IPseudonymEpochs))
ALLOWANCE: public(immutable(uint256))  # wei a day that level 2 moves

# by nullifier
balance_of: public(HashMap[uint256, uint256])  # wei
nonce_of: public(HashMap[uint256, uint256])  # presentations used
_moved: HashMap[uint256, HashMap[uint256, uint256]]  # nullifier => day => wei
grants: public(HashMap[uint256, HashMap[address, Grant]])  # nullifier => spender


@deploy
def __init__(registry: address, epochs: address, allowance: uint256):
    """
    @param registry The PassportRegistry to ask.
    @param epochs Where the epochs of pseudonyms are counted: the PermissionGrants of that registry.
    @param allowance Wei a day that level 2 moves.
    """
    REGISTRY = IPassportRegistry(registry)
    EPOCHS = IPseudonymEpochs(epochs)
    ALLOWANCE = allowance


@payable
@external
def deposit(nullifier: uint256):
    """
    @notice Puts money into a pseudonym's vault; anyone may.
    @param nullifier The pseudonym at this vault.
    """
    self.balance_of[nullifier] += msg.value
    log Deposited(nullifier=nullifier, amount=msg.value)


@external
def withdraw(amount: uint256, recipient: address, presentation: IPassportRegistry.Presentation):
    """
    @notice Pays out part of the day's allowance; anyone may send it.
    @param amount Wei.
    @param recipient Who gets it.
    @param presentation What the holder presents, at level 2; its payload is
                        keccak256(abi(WITHDRAW, amount, recipient)), its nonce the vault's.
    """
    nullifier: uint256 = self._holder(
        keccak256(abi_encode(WITHDRAW, amount, recipient)), OWN_KEYS, presentation
    )
    self._use_allowance(nullifier, amount)
    log Withdrawn(nullifier=nullifier, recipient=recipient, amount=amount)
    self._pay(nullifier, amount, recipient)


@external
def withdraw_any(
    amount: uint256, recipient: address, presentation: IPassportRegistry.Presentation
):
    """
    @notice Pays out any amount, by people and one own key; anyone may send it.
    @param amount Wei.
    @param recipient Who gets it.
    @param presentation What the holder presents, at level 3; its payload is
                        keccak256(abi(WITHDRAW_ANY, amount, recipient)), its nonce the vault's.
    """
    nullifier: uint256 = self._holder(
        keccak256(abi_encode(WITHDRAW_ANY, amount, recipient)), PEOPLE, presentation
    )
    log Withdrawn(nullifier=nullifier, recipient=recipient, amount=amount)
    self._pay(nullifier, amount, recipient)


@external
def authorise(
    spender: address,
    cap: uint256,
    expires_at: uint256,
    presentation: IPassportRegistry.Presentation,
):
    """
    @notice Lets a spender move part of the allowance; takes the place of what he had. Anyone may send
            it.
    @param spender Who may spend.
    @param cap Wei in all; 0 ends it.
    @param expires_at Unix time from which he may not.
    @param presentation What the holder presents, at level 2; its payload is
                        keccak256(abi(AUTHORISE, spender, cap, expires_at)), its nonce the vault's.
    """
    nullifier: uint256 = self._holder(
        keccak256(abi_encode(AUTHORISE, spender, cap, expires_at)), OWN_KEYS, presentation
    )
    epoch: uint256 = staticcall EPOCHS.epoch_of(nullifier)
    self.grants[nullifier][spender] = Grant(cap=cap, expires_at=expires_at, epoch=epoch)
    log SpenderAuthorised(
        nullifier=nullifier, spender=spender, cap=cap, expires_at=expires_at, epoch=epoch
    )


@external
def spend(nullifier: uint256, amount: uint256, recipient: address):
    """
    @notice Pays out what the holder let the sender spend.
    @dev The epoch noted with the grant is compared with the present one: what a thief granted ends
         when the holder is back and advances it.
    @param nullifier The pseudonym at this vault.
    @param amount Wei.
    @param recipient Who gets it.
    """
    grant: Grant = self.grants[nullifier][msg.sender]
    assert block.timestamp < grant.expires_at, "vault: grant has expired"
    assert (
        staticcall EPOCHS.epoch_of(nullifier) == grant.epoch
    ), "vault: grant was voided by its holder"
    assert amount <= grant.cap, "vault: more than the spender's cap"
    self.grants[nullifier][msg.sender].cap = grant.cap - amount
    self._use_allowance(nullifier, amount)
    log Spent(nullifier=nullifier, spender=msg.sender, recipient=recipient, amount=amount)
    self._pay(nullifier, amount, recipient)


@view
@external
def left_today(nullifier: uint256) -> uint256:
    """
    @notice How much of the day's allowance is left.
    @param nullifier The pseudonym at this vault.
    @return Wei.
    """
    return ALLOWANCE - self._moved[nullifier][block.timestamp // DAY]


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
    @notice How many kinds of keys a proof must use; `withdraw_any` asks for 3.
    @return The level.
    """
    return OWN_KEYS


@internal
def _holder(
    payload: bytes32, level: uint256, presentation: IPassportRegistry.Presentation
) -> uint256:
    """
    @dev The nonce counts up, so that each presentation serves once.
    """
    nullifier: uint256 = staticcall REGISTRY.check(
        keccak256(PURPOSE), payload, level, True, presentation
    )
    assert presentation.nonce == self.nonce_of[nullifier], "vault: nonce is not the vault's"
    self.nonce_of[nullifier] += 1
    return nullifier


@internal
def _use_allowance(nullifier: uint256, amount: uint256):
    day: uint256 = block.timestamp // DAY
    assert (
        amount <= ALLOWANCE - self._moved[nullifier][day]
    ), "vault: more than is left of the day's allowance"
    self._moved[nullifier][day] += amount


@internal
def _pay(nullifier: uint256, amount: uint256, recipient: address):
    """
    @dev Last of all: everything is written, and no lock is open while the recipient runs.
    """
    assert amount <= self.balance_of[nullifier], "vault: more than the vault holds"
    self.balance_of[nullifier] -= amount
    ok: bool = raw_call(recipient, b"", value=amount, revert_on_failure=False)
    assert ok, "vault: recipient refuses the money"
