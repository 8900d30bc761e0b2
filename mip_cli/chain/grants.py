"""Grants as Python values: reads, calls, payloads and events (section 15 of the protocol)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mip_cli.chain.abi import address_word, checksum, pack_words, topic, words
from mip_cli.chain.contract import BoundContract
from mip_cli.chain.faults import NodeUntrusted
from mip_cli.chain.logs import read_logs
from mip_cli.chain.presentations import PRESENTATION, encode_presentation, purpose_hash
from mip_cli.chain.values import Call, Log, Receipt
from mip_cli.crypto.binding import keccak256, word
from mip_cli.models import Presentation
from mip_cli.progress import Progress
from mip_cli.units import Address

NAME = "MIP PermissionGrants"
"""Of the EIP-712 domain."""
VERSION = "1"
PROOF_LEVEL = 2
"""Kinds of keys that the holder's acts take."""
MAX_GRANT_LEVEL = 3
MAX_LIFETIME = 366 * 24 * 60 * 60
"""Seconds that a grant may last."""
MAX_USES = 2**32 - 1
GRANT_TYPE = (
    "Grant(address grantee,bytes32 purpose,bytes32 category,uint256 level,uint256 expires,"
    "uint256 uses,bytes32 receipt,uint256 epoch,uint256 sequence)"
)
DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
REVOKE_SIGNATURE = "revoke(address,bytes32,bytes32)"

ISSUED = topic(
    "GrantIssued(uint256,address,bytes32,uint256,uint256,uint256,uint256,uint256,bytes32)"
)
REVOKED = topic("GrantRevoked(uint256,bytes32,uint256)")
RENOUNCED = topic("GrantRenounced(uint256,bytes32)")
USED = topic("GrantUsed(uint256,bytes32,uint256,uint256,bytes32)")

_TERMS = "(address,bytes32,bytes32,uint256,uint256,uint256,bytes32)"


@dataclass(frozen=True)
class Terms:
    """What a holder agrees to."""

    grantee: Address
    """An app or a plain account; the pseudonym is the one the holder has there."""
    purpose: str
    """Text that a person can read; on chain its keccak256."""
    category: str
    """Name of the archive's category; on chain its keccak256."""
    level: int
    """0 a proof alone, 1 aggregates, 2 without identity members, 3 whole records."""
    expires: int
    """Unix time from which it is void."""
    uses: int
    """How often the grantee may use it."""
    receipt: bytes
    """Hash of the consent receipt, 32 bytes."""

    @property
    def packed(self) -> bytes:
        """The terms as the contract takes them, seven words."""
        if len(self.receipt) != 32:
            raise ValueError("the hash of a receipt has 32 bytes")
        return (
            address_word(self.grantee)
            + purpose_hash(self.purpose)
            + category_id(self.category)
            + pack_words([self.level, self.expires, self.uses])
            + self.receipt
        )


@dataclass(frozen=True)
class GrantState:
    """A grant as the contract noted it, in force or not; zeros but for ``sequence`` without one."""

    grantee: Address
    """Whom it was given."""
    level: int
    """0 to 3."""
    expires: int
    """Unix time."""
    uses_left: int
    """How often it can still be used."""
    epoch: int
    """Of the pseudonym when it was granted; void when the epochs tell another."""
    sequence: int
    """Acts of the holder so far; the next one's presentation has the next number as nonce."""
    receipt: bytes
    """Hash of the consent receipt."""

    @property
    def exists(self) -> bool:
        """Whether something is noted."""
        return int(self.grantee, 16) != 0

    def fault(self, grantee: str, level: int, epoch: int, now: int) -> str | None:
        """Return the reason for which the contract would refuse it, None where it is in force.

        ``epoch`` is the pseudonym's present one, ``now`` the time of the block that judges.
        """
        if not self.exists:
            return "grants: nothing is granted"
        if int(self.grantee, 16) != int(grantee, 16):
            return "grants: sender is not the grantee"
        if now >= self.expires:
            return "grants: grant has expired"
        if self.uses_left == 0:
            return "grants: grant is used up"
        if level > self.level:
            return "grants: level is not granted"
        if epoch != self.epoch:
            return "grants: grant was voided by its holder"
        return None


@dataclass(frozen=True)
class GrantIssued:
    """A grant was given."""

    nullifier: int
    category: bytes
    grantee: Address
    level: int
    expires: int
    uses: int
    epoch: int
    sequence: int
    """The new one."""
    receipt: bytes


@dataclass(frozen=True)
class GrantRevoked:
    """The holder ended a grant."""

    nullifier: int
    category: bytes
    sequence: int
    """The new one."""


@dataclass(frozen=True)
class GrantRenounced:
    """The grantee ended a grant."""

    nullifier: int
    category: bytes


@dataclass(frozen=True)
class GrantUsed:
    """The grantee used a grant once."""

    nullifier: int
    category: bytes
    level: int
    """What it was used for."""
    uses_left: int
    access: bytes
    """The grantee's word for this access."""


GrantEvent = GrantIssued | GrantRevoked | GrantRenounced | GrantUsed


def category_id(name: str) -> bytes:
    """Return what the contract takes for a category."""
    return keccak256(name.encode())


def domain_separator(chain_id: int, contract: str) -> bytes:
    """Return the EIP-712 domain separator of the contract."""
    head = keccak256(DOMAIN_TYPE.encode()) + keccak256(NAME.encode()) + keccak256(VERSION.encode())
    return keccak256(head + word(chain_id) + address_word(contract))


def grant_payload(chain_id: int, contract: str, terms: Terms, epoch: int, sequence: int) -> bytes:
    """Return what the proof of ``grant`` is bound to, an EIP-712 digest.

    ``epoch`` is the pseudonym's present one, ``sequence`` the present one plus one and also the
    presentation's nonce.
    """
    struct = keccak256(
        keccak256(GRANT_TYPE.encode()) + terms.packed + pack_words([epoch, sequence])
    )
    return keccak256(b"\x19\x01" + domain_separator(chain_id, contract) + struct)


def revoke_payload(grantee: str, purpose: str, category: str) -> bytes:
    """Return what the proof of ``revoke`` is bound to; its nonce is the sequence plus one."""
    return keccak256(
        keccak256(REVOKE_SIGNATURE.encode()) + _revoke_words(grantee, purpose, category)
    )


class PermissionGrants(BoundContract):
    """Reads the grants of one contract and builds calls to it; ``category`` is a name."""

    def grant_of(self, nullifier: int, category: str, block: str = "latest") -> GrantState:
        """Return what is granted under a pseudonym, in force or not."""
        arguments = word(nullifier) + category_id(category)
        grantee, level, expires, uses_left, epoch, sequence, receipt = self._words(
            "grant_of(uint256,bytes32)", arguments, 7, block
        )
        if grantee >> 160 or level > MAX_GRANT_LEVEL or uses_left > MAX_USES:
            raise NodeUntrusted("the contract answers with a grant that cannot be")
        return GrantState(
            checksum(grantee), level, expires, uses_left, epoch, sequence, word(receipt)
        )

    def allowed(
        self, grantee: str, nullifier: int, category: str, level: int, block: str = "latest"
    ) -> bool:
        """Tell whether the grantee may use this level now."""
        arguments = address_word(grantee) + word(nullifier) + category_id(category) + word(level)
        signature = "allowed(address,uint256,bytes32,uint256)"
        return self._words(signature, arguments, 1, block)[0] == 1

    def check(self, grantee: str, nullifier: int, category: str, level: int) -> int:
        """Return the uses left; raise ``ChainRefusal`` with what stands against a use."""
        arguments = word(nullifier) + category_id(category) + word(level)
        data = self._read("check(uint256,bytes32,uint256)", arguments, sender=grantee)
        return words(data, 1)[0]

    def sequence_of(self, nullifier: int, category: str, block: str = "latest") -> int:
        """Return the number of the holder's acts on a category so far."""
        arguments = word(nullifier) + category_id(category)
        return self._words("sequence_of(uint256,bytes32)", arguments, 1, block)[0]

    def registry(self) -> Address:
        """Return the registry the contract was built with."""
        return self._address("REGISTRY()")

    def grant(self, terms: Terms, presentation: Presentation) -> Call:
        """Build a grant, in the place of the one before."""
        data = terms.packed + encode_presentation(presentation)
        return self._call(f"grant({_TERMS},{PRESENTATION})", data)

    def revoke(self, grantee: str, purpose: str, category: str, presentation: Presentation) -> Call:
        """Build the end of a grant, also of one that was presented and not yet sent."""
        data = _revoke_words(grantee, purpose, category) + encode_presentation(presentation)
        return self._call(f"revoke(address,bytes32,bytes32,{PRESENTATION})", data)

    def renounce(self, nullifier: int, category: str) -> Call:
        """Build the end of a grant by the grantee, who sends it."""
        return self._call("renounce(uint256,bytes32)", word(nullifier) + category_id(category))

    def use(self, nullifier: int, category: str, level: int, access: bytes) -> Call:
        """Build one use by the grantee, who sends it; ``access`` is any 32 bytes."""
        if len(access) != 32:
            raise ValueError("the word for an access has 32 bytes")
        data = word(nullifier) + category_id(category) + word(level) + access
        return self._call("use(uint256,bytes32,uint256,bytes32)", data)

    def history(
        self,
        nullifiers: Sequence[int],
        first: int,
        last: int,
        progress: Progress | None = None,
    ) -> list[tuple[int, GrantEvent]]:
        """Return the events of some pseudonyms with their blocks, in the chain's order."""
        if not nullifiers:
            return []
        topics = [tuple(_DECODERS), tuple(word(n) for n in nullifiers)]
        found = read_logs(self.rpc, self.address, topics, first, last, progress)
        return [(block, decode(log)) for block, log in found]

    def events_in(self, receipt: Receipt) -> list[GrantEvent]:
        """Return this contract's events of a transaction."""
        return [decode(log) for log in receipt.logs if log.address == self.address]


def decode(log: Log) -> GrantEvent:
    """Read an event of the contract; raise ``NodeUntrusted`` when it is none."""
    found = _DECODERS.get(log.topics[0]) if log.topics else None
    if found is None:
        raise NodeUntrusted("the contract emitted an event that is not known")
    kind, indexed, count = found
    if len(log.topics) != indexed + 1 or len(log.data) != 32 * count:
        raise NodeUntrusted("the contract emitted a broken event")
    nullifier = int.from_bytes(log.topics[1], "big")
    category, values = log.topics[-1], words(log.data, count)
    if kind is GrantIssued:
        level, expires, uses, epoch, sequence, receipt = values
        grantee = int.from_bytes(log.topics[2], "big")
        if grantee >> 160:
            raise NodeUntrusted("the contract emitted a broken event")
        return GrantIssued(
            nullifier=nullifier,
            category=category,
            grantee=checksum(grantee),
            level=level,
            expires=expires,
            uses=uses,
            epoch=epoch,
            sequence=sequence,
            receipt=word(receipt),
        )
    if kind is GrantRevoked:
        return GrantRevoked(nullifier, category, values[0])
    if kind is GrantUsed:
        level, uses_left, access = values
        return GrantUsed(nullifier, category, level, uses_left, word(access))
    return GrantRenounced(nullifier, category)


_DECODERS: dict[bytes, tuple[type[GrantEvent], int, int]] = {
    ISSUED: (GrantIssued, 3, 6),
    REVOKED: (GrantRevoked, 2, 1),
    RENOUNCED: (GrantRenounced, 2, 0),
    USED: (GrantUsed, 2, 3),
}
"""By topic: what it is, how many words are indexed, how many are not."""


def _revoke_words(grantee: str, purpose: str, category: str) -> bytes:
    return address_word(grantee) + purpose_hash(purpose) + category_id(category)
