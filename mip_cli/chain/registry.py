"""The passport registry as Python values: reads, calldata, events, typed enrolment.

Reading needs neither web3 nor eth_abi: ``mip prove`` has no second to spare for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from mip_cli.chain.abi import address_word, checksum, pack_words, selector, topic, words
from mip_cli.chain.faults import NodeRefused, NodeUntrusted
from mip_cli.chain.keys import Signer
from mip_cli.chain.reverts import translate
from mip_cli.chain.rpc import RpcClient
from mip_cli.chain.values import Call
from mip_cli.crypto.binding import keccak256, message_of, scope_of, word
from mip_cli.crypto.field import R
from mip_cli.models import Presentation
from mip_cli.units import TREE_DEPTH, Address, Commitment, Message, Scope

__all__ = [
    "Enrollment",
    "PassportRecord",
    "PassportStatus",
    "Registry",
    "encode_presentation",
    "enroll_digest",
    "message_of",
    "scope_of",
    "sign_enrollment",
]

PRESENTATION = "(uint256,uint256,uint256,address,uint256,uint256,uint256[8])"
"""ABI type of a presentation, for signatures of app functions."""
MAX_BATCH = 64
"""Enrolments in one call."""
MAX_SIGNATURE = 2048
"""Bytes of an ERC-1271 signature."""
BUCKET = 60
"""Seconds; of the roots of one bucket the last stays accepted (a test asks the contract)."""
GRACE = 120
"""Seconds that older roots live at most once a passport was replaced."""
WINDOW = 3600
"""Seconds that a closing root lives at most."""
UPDATE_PURPOSE = "mip: replace the keys of this passport"
REVOKE_PURPOSE = "mip: revoke this passport for ever"

REGISTERED = topic("PassportRegistered(uint256,address,uint256,uint256,uint256)")
UPDATED = topic("PassportUpdated(uint256,address,uint256,uint256,uint256,uint256)")
REVOKED = topic("PassportRevoked(uint256,address,uint256,uint256)")

_DOMAIN = keccak256(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_DOMAIN_NAME = keccak256(b"MIP PassportRegistry")
_DOMAIN_VERSION = keccak256(b"1")
_ENROLL = keccak256(
    b"Enroll(uint256 identityCommitment,uint256 keysRoot,address anchor,uint256 deadline)"
)


class PassportStatus(IntEnum):
    """What the registry knows of a passport."""

    UNKNOWN = 0
    ACTIVE = 1
    REVOKED = 2


@dataclass(frozen=True)
class PassportRecord:
    """A passport's public state."""

    index: int
    """Position of its leaf in the tree."""
    epoch: int
    """How often its keys were replaced."""
    updated_at: int
    """Unix time of the last replacement, 0 if there was none."""
    status: PassportStatus
    """Whether it is active."""


@dataclass(frozen=True)
class AcceptedRoot:
    """A root that the registry accepts."""

    root: int
    """The root."""
    until: int
    """Unix time at which it is refused; 2^256 - 1 for the current root."""


@dataclass(frozen=True)
class Enrollment:
    """A signed wish to enrol, which anybody may bring to the registry."""

    identity_commitment: Commitment
    """Commits to the holder's secret."""
    keys_root: Commitment
    """Commits to the holder's keys."""
    anchor: Address
    """The account that signs."""
    deadline: int
    """Unix time after which the signature is void."""
    signature: bytes
    """r, s, v of the anchor; longer for a contract account."""


def enroll_digest(
    chain_id: int,
    registry: str,
    identity_commitment: int,
    keys_root: int,
    anchor: str,
    deadline: int,
) -> bytes:
    """Compute the EIP-712 digest that an anchor signs to enrol through a relayer."""
    domain = keccak256(
        _DOMAIN + _DOMAIN_NAME + _DOMAIN_VERSION + word(chain_id) + address_word(registry)
    )
    struct = keccak256(
        _ENROLL
        + pack_words([identity_commitment, keys_root])
        + address_word(anchor)
        + word(deadline)
    )
    return keccak256(b"\x19\x01" + domain + struct)


def sign_enrollment(
    signer: Signer,
    chain_id: int,
    registry: str,
    identity_commitment: Commitment,
    keys_root: Commitment,
    deadline: int,
) -> Enrollment:
    """Sign an enrolment for the signer's own address as anchor."""
    digest = enroll_digest(
        chain_id, registry, identity_commitment, keys_root, signer.address, deadline
    )
    signature = signer.sign_digest(digest)
    return Enrollment(identity_commitment, keys_root, signer.address, deadline, signature)


def encode_presentation(presentation: Presentation) -> bytes:
    """Encode a presentation, a static tuple of 14 words."""
    p = presentation
    return (
        pack_words([p.root, p.level, p.nullifier])
        + address_word(p.beneficiary)
        + pack_words([p.nonce, p.deadline, *p.proof])
    )


class Registry:
    """Reads one passport registry through one node and builds calls to it."""

    def __init__(self, rpc: RpcClient, address: Address) -> None:
        self.rpc = rpc
        self.address = address

    def root(self, block: str = "latest") -> int:
        """Return the current root, 0 for an empty tree."""
        return self._words("root()", b"", 1, block)[0]

    def size(self, block: str = "latest") -> int:
        """Return the number of leaves."""
        return self._words("size()", b"", 1, block)[0]

    def depth(self) -> int:
        """Return the levels of the tree."""
        return self._words("depth()", b"", 1)[0]

    def is_known_root(self, root: int) -> bool:
        """Tell whether the registry accepts proofs for a root now."""
        return self._words("is_known_root(uint256)", word(root), 1)[0] == 1

    def accepted_roots(self) -> list[AcceptedRoot]:
        """Return every root the registry accepts now, with its last moment."""
        data = self._read("accepted_roots()", b"")
        count = words(data, 2)[1]
        if count > 64:
            raise NodeUntrusted("the registry answers with too many roots")
        flat = words(data, 2 + 2 * count)[2:]
        return [AcceptedRoot(flat[i], flat[i + 1]) for i in range(0, 2 * count, 2)]

    def passport(self, identity_commitment: int, anchor: str) -> PassportRecord:
        """Return the state of a passport; status ``UNKNOWN`` when it never enrolled."""
        arguments = word(identity_commitment) + address_word(anchor)
        index, epoch, updated_at, status = self._words("passport(uint256,address)", arguments, 4)
        if status > 2 or index >= 1 << TREE_DEPTH:
            raise NodeUntrusted("the registry answers with a state that does not exist")
        return PassportRecord(index, epoch, updated_at, PassportStatus(status))

    def scope_of(self, asker: str, purpose: str) -> Scope:
        """Ask the registry for the scope of an app; equals ``crypto.binding.scope_of``."""
        arguments = address_word(asker) + keccak256(purpose.encode())
        return Scope(self._words("scope_of(address,bytes32)", arguments, 1)[0])

    def message_of(
        self, asker: str, beneficiary: str, payload: bytes, nonce: int, deadline: int
    ) -> Message:
        """Ask the registry for the message of an act; equals ``crypto.binding.message_of``."""
        arguments = address_word(asker) + address_word(beneficiary) + payload
        arguments += pack_words([nonce, deadline])
        signature = "message_of(address,address,bytes32,uint256,uint256)"
        return Message(self._words(signature, arguments, 1)[0])

    def check(
        self,
        asker: str,
        purpose: str,
        payload: bytes,
        min_level: int,
        presentation: Presentation,
        *,
        strict: bool = False,
    ) -> int:
        """Ask as an app would whether a presentation is good; return the nullifier.

        Raises ``ChainRefusal`` when the registry refuses it. Changes nothing.
        """
        arguments = keccak256(purpose.encode()) + payload
        arguments += pack_words([min_level, int(strict)]) + encode_presentation(presentation)
        signature = f"check(bytes32,bytes32,uint256,bool,{PRESENTATION})"
        # a proof's deadline is judged by the clock of the next block, not of the last one
        answer = self._read(signature, arguments, sender=asker, block="pending")
        return words(answer, 1)[0]

    def enroll(self, identity_commitment: int, keys_root: int) -> Call:
        """Build the enrolment of the account that sends it."""
        return self._call("enroll(uint256,uint256)", pack_words([identity_commitment, keys_root]))

    def enroll_signed(self, enrollment: Enrollment) -> Call:
        """Build a signed enrolment, sent by anybody."""
        e = enrollment
        head = pack_words([e.identity_commitment, e.keys_root]) + address_word(e.anchor)
        head += pack_words([e.deadline, 5 * 32])
        signature = "enroll_signed(uint256,uint256,address,uint256,bytes)"
        return self._call(signature, head + _dynamic(e.signature))

    def enroll_batch(self, enrollments: Sequence[Enrollment]) -> Call:
        """Build one call with up to 64 signed enrolments."""
        if not 0 < len(enrollments) <= MAX_BATCH:
            raise ValueError(f"a batch has 1 to {MAX_BATCH} enrolments")
        bodies = []
        for e in enrollments:
            if len(e.signature) != 65:
                raise ValueError("a batch takes signatures of 65 bytes only")
            head = pack_words([e.identity_commitment, e.keys_root]) + address_word(e.anchor)
            bodies.append(head + pack_words([e.deadline, 5 * 32]) + _dynamic(e.signature))
        offsets, at = [], 32 * len(bodies)
        for body in bodies:
            offsets.append(at)
            at += len(body)
        data = pack_words([32, len(bodies), *offsets]) + b"".join(bodies)
        return self._call("enroll_batch((uint256,uint256,address,uint256,bytes)[])", data)

    def update(
        self,
        identity_commitment: int,
        anchor: str,
        old_keys_root: int,
        new_keys_root: int,
        siblings: Sequence[int],
        presentation: Presentation,
    ) -> Call:
        """Build the replacement of a passport's keys."""
        head = word(identity_commitment) + address_word(anchor)
        head += pack_words([old_keys_root, new_keys_root, (5 + 14) * 32])
        data = head + encode_presentation(presentation) + _siblings(siblings)
        signature = f"update(uint256,address,uint256,uint256,uint256[],{PRESENTATION})"
        return self._call(signature, data)

    def revoke(
        self,
        identity_commitment: int,
        anchor: str,
        keys_root: int,
        siblings: Sequence[int],
        presentation: Presentation,
    ) -> Call:
        """Build the end of a passport."""
        head = word(identity_commitment) + address_word(anchor)
        head += pack_words([keys_root, (4 + 14) * 32])
        data = head + encode_presentation(presentation) + _siblings(siblings)
        return self._call(f"revoke(uint256,address,uint256,uint256[],{PRESENTATION})", data)

    def verifier(self) -> Address:
        """Return the verifier the registry was built with."""
        return self._address("VERIFIER()")

    def hasher(self) -> Address:
        """Return the Poseidon2 contract the registry was built with."""
        return self._address("HASHER()")

    def _address(self, signature: str) -> Address:
        word_read = self._words(signature, b"", 1)[0]
        if word_read >> 160:
            raise NodeUntrusted("the registry answers with something that is not an address")
        return checksum(word_read)

    def _call(self, signature: str, arguments: bytes) -> Call:
        return Call(self.address, selector(signature) + arguments)

    def _words(
        self, signature: str, arguments: bytes, count: int, block: str = "latest"
    ) -> list[int]:
        return words(self._read(signature, arguments, block=block), count)

    def _read(
        self, signature: str, arguments: bytes, *, sender: str | None = None, block: str = "latest"
    ) -> bytes:
        data = selector(signature) + arguments
        try:
            return self.rpc.eth_call(self.address, data, sender=sender, block=block)
        except NodeRefused as error:
            raise translate(error) from None


def _dynamic(data: bytes) -> bytes:
    if len(data) > MAX_SIGNATURE:
        raise ValueError(f"a signature has at most {MAX_SIGNATURE} bytes")
    return word(len(data)) + data + bytes(-len(data) % 32)


def _siblings(values: Sequence[int]) -> bytes:
    if len(values) > TREE_DEPTH or any(not 0 <= v < R for v in values):
        raise ValueError(f"a path has at most {TREE_DEPTH} field elements")
    return pack_words([len(values), *values])
