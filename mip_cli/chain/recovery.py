"""The guardian recovery contract as Python values: state, requests, calls (protocol section 10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from mip_cli.chain.abi import address_word, pack_words, selector, words
from mip_cli.chain.contract import BoundContract
from mip_cli.chain.faults import NodeUntrusted
from mip_cli.chain.presentations import (
    LEAF,
    PRESENTATION,
    LeafOpening,
    encode_leaf,
    encode_presentation,
    encode_with_siblings,
    passport_words,
)
from mip_cli.chain.rpc import call_object, hexbytes
from mip_cli.chain.values import Call
from mip_cli.crypto.binding import keccak256, word
from mip_cli.models import Presentation
from mip_cli.units import Address, Commitment

RECOVER_PURPOSE = "mip: recover this passport"
VETO_PURPOSE = "mip: veto a recovery"
CHANGE_PURPOSE = "mip: change the guardians"
KEEP_PURPOSE = "mip: keep the guardians"

DELAY = 48 * 3600
"""Seconds from ARMED to the first moment of execution, doubled by each veto."""
MAX_DELAY = 14 * 86_400
"""Seconds that the delay has at most."""
CHANGE_DELAY = 48 * 3600
"""Seconds that a change of the set waits."""
PROPOSAL = 7 * 86_400
"""Seconds that a request waits for approvals."""
OPEN_FOR = 7 * 86_400
"""Seconds in which a request or a change may be carried out once its delay is over."""
LONGEST = PROPOSAL + MAX_DELAY + OPEN_FOR
"""Seconds after which nothing that was proposed can happen any more."""

_STATE = "passport_state(address,uint256,address)"
_REQUEST = "request_state(uint256)"


class RequestStatus(IntEnum):
    """What the contract has written down of a request."""

    NONE = 0
    PROPOSED = 1
    ARMED = 2
    VETOED = 3
    EXECUTED = 4


class Phase(StrEnum):
    """What a request is worth at a moment."""

    NONE = "none"
    """It was never proposed."""
    PROPOSED = "proposed"
    """It waits for approvals."""
    WAITING = "waiting"
    """Approved; its delay is not over. It can be vetoed."""
    READY = "ready"
    """Anyone can carry it out. It can still be vetoed."""
    VETOED = "vetoed"
    EXECUTED = "executed"
    EXPIRED = "expired"
    """Its time has passed."""
    VOID = "void"
    """A change of the guardians, a recovery or a freeze came first."""

    @property
    def alive(self) -> bool:
        """Whether it can still replace the passport's keys."""
        return self in (Phase.PROPOSED, Phase.WAITING, Phase.READY)

    @property
    def armed(self) -> bool:
        """Whether it can be vetoed."""
        return self in (Phase.WAITING, Phase.READY)


@dataclass(frozen=True)
class RecoveryState:
    """What the contract knows of a passport; all zero without guardians."""

    guardian_commitment: Commitment
    """Of the guardians in force; stands in the leaf after a recovery."""
    set_commitment: Commitment
    """Of the guardians in force; 0 when there are none."""
    guardian_epoch: int
    """How often the set was changed."""
    nonce: int
    """Recoveries carried out and freezes."""
    vetoes: int
    """Since the last recovery or change of the set; each doubles the delay."""
    changes: int
    """Changes of the set that were proposed, cancelled or finished."""
    armed: int
    """Requests that are ARMED; those that ran out may be among them until ``armed_until``."""
    armed_until: int
    """The latest end of them, Unix time; until then they hold up a change of the set."""
    pending_guardian_commitment: Commitment
    """Of the change that waits; 0 when none does, or when it drops the guardians."""
    pending_set_commitment: Commitment
    """Of the change that waits."""
    pending_ready_at: int
    """Unix time from which the change can be finished; 0 when none waits."""

    @property
    def has_guardians(self) -> bool:
        """Whether guardians are in force."""
        return self.set_commitment != 0

    @property
    def delay(self) -> int:
        """Seconds that a request approved now would wait."""
        return min(DELAY << min(self.vetoes, 8), MAX_DELAY)

    def change_is_alive(self, now: int) -> bool:
        """Tell whether a change of the set waits that can still be finished."""
        return self.pending_ready_at != 0 and now < self.pending_ready_at + OPEN_FOR


@dataclass(frozen=True)
class RequestState:
    """What the contract knows of a request."""

    passport: bytes
    """Which passport of which registry it is about; 32 bytes."""
    new_keys_root: Commitment
    """The keys it would put in place."""
    status: RequestStatus
    """How far it came."""
    approvals: int
    """Guardians who approved."""
    expires_at: int
    """Unix time at which it is over."""
    ready_at: int
    """Unix time from which it can be carried out; 0 before it is ARMED."""
    guardian_epoch: int
    """The set that it is for."""
    nonce: int
    """The recovery that it would be."""

    def phase(self, state: RecoveryState, now: int) -> Phase:
        """Judge it against the state of its passport and the time."""
        match self.status:
            case RequestStatus.NONE:
                return Phase.NONE
            case RequestStatus.VETOED:
                return Phase.VETOED
            case RequestStatus.EXECUTED:
                return Phase.EXECUTED
            case _:
                pass
        if (self.guardian_epoch, self.nonce) != (state.guardian_epoch, state.nonce):
            return Phase.VOID
        if now >= self.expires_at:
            return Phase.EXPIRED
        if self.status is RequestStatus.PROPOSED:
            return Phase.PROPOSED
        return Phase.READY if now >= self.ready_at else Phase.WAITING


def passport_id(registry: str, identity_commitment: int, anchor: str) -> bytes:
    """Return the key of a passport in the contract's storage and events; 32 bytes."""
    return keccak256(address_word(registry) + passport_words(identity_commitment, anchor))


def request_payload(request: int) -> bytes:
    """Return what the leaf proofs of ``propose`` and ``veto`` are bound to."""
    return keccak256(word(request))


def change_payload(registry: str, new_guardian_commitment: int, new_set_commitment: int) -> bytes:
    """Return what the leaf proof of ``propose_change`` is bound to; its nonce is ``changes``."""
    new = pack_words([new_guardian_commitment, new_set_commitment])
    return keccak256(address_word(registry) + new)


def keep_payload(registry: str) -> bytes:
    """Return what the leaf proof of ``cancel_change`` is bound to; its nonce is ``changes``."""
    return change_payload(registry, 0, 0)


class Recovery(BoundContract):
    """Reads the recovery contract through one node and builds calls to it."""

    def state(
        self, registry: str, identity_commitment: int, anchor: str, block: str = "latest"
    ) -> RecoveryState:
        """Return what is known of a passport."""
        arguments = address_word(registry) + passport_words(identity_commitment, anchor)
        f = self._words(_STATE, arguments, 11, block)
        return RecoveryState(
            guardian_commitment=Commitment(f[0]),
            set_commitment=Commitment(f[1]),
            guardian_epoch=f[2],
            nonce=f[3],
            vetoes=f[4],
            changes=f[5],
            armed=f[6],
            armed_until=f[7],
            pending_guardian_commitment=Commitment(f[8]),
            pending_set_commitment=Commitment(f[9]),
            pending_ready_at=f[10],
        )

    def request(self, request: int, block: str = "latest") -> RequestState:
        """Return what is known of a request; status ``NONE`` when it was never proposed."""
        return _request_state(self._read(_REQUEST, word(request), block=block))

    def requests(self, numbers: Sequence[int], block: str = "latest") -> list[RequestState]:
        """Return what is known of several requests, in one question to the node."""
        name = selector(_REQUEST)
        calls = [call_object(self.address, name + word(number)) for number in numbers]
        answers = self.rpc.batch([("eth_call", (call, block)) for call in calls])
        return [_request_state(hexbytes(answer)) for answer in answers]

    def has_approved(self, request: int, nullifier: int) -> bool:
        """Tell whether a guardian's approval of a request, or of a cancellation, was counted."""
        arguments = pack_words([request, nullifier])
        return self._words("has_approved(uint256,uint256)", arguments, 1)[0] == 1

    def verifier(self) -> Address:
        """Return the verifier of approvals the contract was built with."""
        return self._address("VERIFIER()")

    def propose(
        self,
        registry: str,
        identity_commitment: int,
        anchor: str,
        new_keys_root: int,
        presentation: Presentation,
    ) -> Call:
        """Build a request for new keys; the leaf proof opens the leaf that they would make."""
        data = address_word(registry) + passport_words(identity_commitment, anchor)
        data += word(new_keys_root) + encode_presentation(presentation)
        return self._call(f"propose(address,uint256,address,uint256,{PRESENTATION})", data)

    def approve(self, request: int, thresholds: int, nullifier: int, proof: Sequence[int]) -> Call:
        """Build a guardian's approval of a request, sent by anybody."""
        data = pack_words([request, thresholds, nullifier, *_eight(proof)])
        return self._call("approve(uint256,uint256,uint256,uint256[8])", data)

    def veto(
        self,
        registry: str,
        leaf: LeafOpening,
        request: int,
        siblings: Sequence[int],
        presentation: Presentation,
    ) -> Call:
        """Build the holder's no to an approved request."""
        head = address_word(registry) + encode_leaf(leaf) + word(request)
        data = encode_with_siblings(head, siblings, encode_presentation(presentation))
        return self._call(f"veto(address,{LEAF},uint256,uint256[],{PRESENTATION})", data)

    def execute(
        self, registry: str, leaf: LeafOpening, request: int, siblings: Sequence[int]
    ) -> Call:
        """Build the end of an approved request whose delay is over, sent by anybody."""
        head = address_word(registry) + encode_leaf(leaf) + word(request)
        data = encode_with_siblings(head, siblings)
        return self._call(f"execute(address,{LEAF},uint256,uint256[])", data)

    def propose_change(
        self,
        registry: str,
        leaf: LeafOpening,
        new_guardian_commitment: int,
        new_set_commitment: int,
        siblings: Sequence[int],
        presentation: Presentation,
    ) -> Call:
        """Build a change of the guardians; it takes the place of one that waits."""
        head = address_word(registry) + encode_leaf(leaf)
        head += pack_words([new_guardian_commitment, new_set_commitment])
        data = encode_with_siblings(head, siblings, encode_presentation(presentation))
        signature = f"propose_change(address,{LEAF},uint256,uint256,uint256[],{PRESENTATION})"
        return self._call(signature, data)

    def cancel_change(
        self,
        registry: str,
        leaf: LeafOpening,
        siblings: Sequence[int],
        presentation: Presentation,
    ) -> Call:
        """Build the holder's no to a change that waits."""
        head = address_word(registry) + encode_leaf(leaf)
        data = encode_with_siblings(head, siblings, encode_presentation(presentation))
        return self._call(f"cancel_change(address,{LEAF},uint256[],{PRESENTATION})", data)

    def approve_cancel(
        self,
        registry: str,
        identity_commitment: int,
        anchor: str,
        thresholds: int,
        nullifier: int,
        proof: Sequence[int],
    ) -> Call:
        """Build a guardian's no to a change that waits, sent by anybody."""
        data = address_word(registry) + passport_words(identity_commitment, anchor)
        data += pack_words([thresholds, nullifier, *_eight(proof)])
        signature = "approve_cancel(address,uint256,address,uint256,uint256,uint256[8])"
        return self._call(signature, data)

    def finish_change(self, registry: str, leaf: LeafOpening, siblings: Sequence[int]) -> Call:
        """Build the end of a change whose delay is over, sent by anybody."""
        head = address_word(registry) + encode_leaf(leaf)
        data = encode_with_siblings(head, siblings)
        return self._call(f"finish_change(address,{LEAF},uint256[])", data)


def _request_state(data: bytes) -> RequestState:
    passport, new_keys_root, status, *rest = words(data, 8)
    if status > max(RequestStatus):
        raise NodeUntrusted("the recovery contract answers with a state that does not exist")
    approvals, expires_at, ready_at, guardian_epoch, nonce = rest
    return RequestState(
        passport=word(passport),
        new_keys_root=Commitment(new_keys_root),
        status=RequestStatus(status),
        approvals=approvals,
        expires_at=expires_at,
        ready_at=ready_at,
        guardian_epoch=guardian_epoch,
        nonce=nonce,
    )


def _eight(proof: Sequence[int]) -> Sequence[int]:
    if len(proof) != 8:
        raise ValueError("a proof has 8 words")
    return proof
