"""The passport registry as Python values: reads, calldata, events.

Reading needs neither web3 nor eth_abi: ``mip prove`` has no second to spare for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from mip_cli.chain.abi import address_word, pack_words, topic, words
from mip_cli.chain.contract import BoundContract
from mip_cli.chain.enrolment import (
    ECDSA_SIGNATURE,
    Enrollment,
    enroll_digest,
    sign_enrollment,
)
from mip_cli.chain.faults import NodeUntrusted
from mip_cli.chain.presentations import (
    LEAF,
    PRESENTATION,
    LeafOpening,
    encode_leaf,
    encode_presentation,
    encode_with_siblings,
    passport_words,
    purpose_hash,
)
from mip_cli.chain.values import Call
from mip_cli.crypto.binding import keccak256, message_of, scope_of, word
from mip_cli.models import Presentation
from mip_cli.units import TREE_DEPTH, Address, Message, Nullifier, Scope

__all__ = [
    "Enrollment",
    "LeafOpening",
    "PassportRecord",
    "PassportStatus",
    "Registry",
    "encode_presentation",
    "enroll_digest",
    "message_of",
    "scope_of",
    "sign_enrollment",
]

MAX_BATCH = 64
"""Enrolments in one call."""
BUCKET = 60
"""Seconds; of the roots of one bucket the last stays accepted (a test asks the contract)."""
GRACE = 120
"""Seconds that older roots live at most once a passport was replaced."""
WINDOW = 3600
"""Seconds that a closing root lives at most."""
KEY_LEVEL = 2
"""The level that acts on a passport take, no other."""
UPDATE_PURPOSE = "mip: replace the keys of this passport"
REVOKE_PURPOSE = "mip: revoke this passport"

REGISTERED = topic("PassportRegistered(uint256,address,uint256,uint256,uint256,uint256)")
UPDATED = topic("PassportUpdated(uint256,address,uint256,uint256,uint256,uint256,uint256)")
REVOKED = topic("PassportRevoked(uint256,address,uint256,uint256)")
FROZEN = topic("PassportFrozen(uint256,address,uint256,uint256)")


def update_payload(identity_commitment: int, anchor: str, new_keys_root: int) -> bytes:
    """Return what a leaf proof for ``update`` is bound to."""
    return keccak256(passport_words(identity_commitment, anchor) + word(new_keys_root))


def revoke_payload(identity_commitment: int, anchor: str) -> bytes:
    """Return what a leaf proof for ``revoke`` is bound to."""
    return keccak256(passport_words(identity_commitment, anchor))


class PassportStatus(IntEnum):
    """What the registry knows of a passport."""

    UNKNOWN = 0
    ACTIVE = 1
    REVOKED = 2
    """By its holder or a thief; guardians can bring it back."""
    FROZEN = 3
    """After the second veto, until a quorum of guardians decides."""


@dataclass(frozen=True)
class PassportRecord:
    """A passport's public state."""

    index: int
    """Position of its leaf in the tree."""
    epoch: int
    """How often its leaf was replaced; the nonce of the next act on it."""
    updated_at: int
    """Unix time of the last replacement of its keys, 0 if there was none."""
    status: PassportStatus
    """Whether it is active."""


@dataclass(frozen=True)
class AcceptedRoot:
    """A root that the registry accepts."""

    root: int
    """The root."""
    until: int
    """Unix time at which it is refused; 2^256 - 1 for the current root."""


def parse_accepted_roots(data: bytes) -> list[AcceptedRoot]:
    """Read what a registry answers for its accepted roots."""
    count = words(data, 2)[1]
    if count > 64:
        raise NodeUntrusted("the registry answers with too many roots")
    flat = words(data, 2 + 2 * count)[2:]
    return [AcceptedRoot(flat[i], flat[i + 1]) for i in range(0, 2 * count, 2)]


def closed_this_minute(newest_closing: AcceptedRoot, now: int) -> bool:
    """Tell whether the current root is of the running minute, so that a change makes it worthless.

    The newest closing root was replaced in the minute in which the current one was last changed.
    """
    life = WINDOW if newest_closing.until > now + GRACE else GRACE
    return (newest_closing.until - life) // BUCKET == now // BUCKET


class Registry(BoundContract):
    """Reads one passport registry through one node and builds calls to it."""

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
        return parse_accepted_roots(self._read("accepted_roots()", b""))

    def passport(
        self, identity_commitment: int, anchor: str, block: str = "latest"
    ) -> PassportRecord:
        """Return the state of a passport; status ``UNKNOWN`` when it never enrolled."""
        arguments = passport_words(identity_commitment, anchor)
        signature = "passport(uint256,address)"
        index, epoch, updated_at, status = self._words(signature, arguments, 4, block)
        if status > max(PassportStatus) or index >= 1 << TREE_DEPTH:
            raise NodeUntrusted("the registry answers with a state that does not exist")
        return PassportRecord(index, epoch, updated_at, PassportStatus(status))

    def scope_of(self, asker: str, purpose: str) -> Scope:
        """Ask the registry for the scope of an app; equals ``crypto.binding.scope_of``."""
        arguments = address_word(asker) + purpose_hash(purpose)
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
        arguments = purpose_hash(purpose) + payload
        arguments += pack_words([min_level, int(strict)]) + encode_presentation(presentation)
        signature = f"check(bytes32,bytes32,uint256,bool,{PRESENTATION})"
        # a proof's deadline is judged by the clock of the next block, not of the last one
        answer = self._read(signature, arguments, sender=asker, block="pending")
        return words(answer, 1)[0]

    def check_for(
        self,
        asker: str,
        app: str,
        purpose: str,
        payload: bytes,
        min_level: int,
        presentation: Presentation,
        *,
        strict: bool = False,
    ) -> Nullifier:
        """Ask as a contract would that keeps something for pseudonyms of an app."""
        arguments = address_word(app) + purpose_hash(purpose) + payload
        arguments += pack_words([min_level, int(strict)]) + encode_presentation(presentation)
        signature = f"check_for(address,bytes32,bytes32,uint256,bool,{PRESENTATION})"
        answer = self._read(signature, arguments, sender=asker, block="pending")
        return Nullifier(words(answer, 1)[0])

    def check_holder(
        self,
        asker: str,
        leaf: LeafOpening,
        purpose: str,
        payload: bytes,
        siblings: Sequence[int],
        presentation: Presentation,
    ) -> Nullifier:
        """Ask as a contract would whether a leaf proof is good for an act on a passport."""
        head = encode_leaf(leaf) + purpose_hash(purpose) + payload
        data = encode_with_siblings(head, siblings, encode_presentation(presentation))
        signature = f"check_holder({LEAF},bytes32,bytes32,uint256[],{PRESENTATION})"
        return Nullifier(words(self._read(signature, data, sender=asker, block="pending"), 1)[0])

    def check_opening(
        self,
        asker: str,
        leaf: LeafOpening,
        purpose: str,
        payload: bytes,
        presentation: Presentation,
    ) -> Nullifier:
        """Ask as a contract would whether the maker of a leaf proof can open a leaf."""
        data = encode_leaf(leaf) + purpose_hash(purpose) + payload
        signature = f"check_opening({LEAF},bytes32,bytes32,{PRESENTATION})"
        data += encode_presentation(presentation)
        return Nullifier(words(self._read(signature, data, sender=asker, block="pending"), 1)[0])

    def enroll(self, identity_commitment: int, keys_root: int, guardian_commitment: int) -> Call:
        """Build the enrolment of the account that sends it."""
        data = pack_words([identity_commitment, keys_root, guardian_commitment])
        return self._call("enroll(uint256,uint256,uint256)", data)

    def enroll_signed(self, enrollment: Enrollment) -> Call:
        """Build a signed enrolment, sent by anybody."""
        signature = "enroll_signed(uint256,uint256,uint256,address,uint256,bytes)"
        return self._call(signature, enrollment.encode())

    def enroll_batch(self, enrollments: Sequence[Enrollment]) -> Call:
        """Build one call with up to 64 signed enrolments."""
        if not 0 < len(enrollments) <= MAX_BATCH:
            raise ValueError(f"a batch has 1 to {MAX_BATCH} enrolments")
        if any(len(e.signature) != ECDSA_SIGNATURE for e in enrollments):
            raise ValueError(f"a batch takes signatures of {ECDSA_SIGNATURE} bytes only")
        bodies = [e.encode() for e in enrollments]
        offsets, at = [], 32 * len(bodies)
        for body in bodies:
            offsets.append(at)
            at += len(body)
        data = pack_words([32, len(bodies), *offsets]) + b"".join(bodies)
        signature = "enroll_batch((uint256,uint256,uint256,address,uint256,bytes)[])"
        return self._call(signature, data)

    def update(
        self,
        leaf: LeafOpening,
        new_keys_root: int,
        siblings: Sequence[int],
        presentation: Presentation,
    ) -> Call:
        """Build the replacement of a passport's own keys."""
        head = encode_leaf(leaf) + word(new_keys_root)
        data = encode_with_siblings(head, siblings, encode_presentation(presentation))
        return self._call(f"update({LEAF},uint256,uint256[],{PRESENTATION})", data)

    def revoke(
        self, leaf: LeafOpening, siblings: Sequence[int], presentation: Presentation
    ) -> Call:
        """Build the end of a passport."""
        after = encode_presentation(presentation)
        data = encode_with_siblings(encode_leaf(leaf), siblings, after)
        return self._call(f"revoke({LEAF},uint256[],{PRESENTATION})", data)

    def recovery(self) -> Address:
        """Return the recovery contract the registry was built with."""
        return self._address("RECOVERY()")

    def verifier(self) -> Address:
        """Return the verifier the registry was built with."""
        return self._address("VERIFIER()")

    def hasher(self) -> Address:
        """Return the Poseidon2 contract the registry was built with."""
        return self._address("HASHER()")
