"""Values that several layers pass to each other."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mip_cli.units import Address, Message, Nullifier, Scope


class Kind(StrEnum):
    """The kinds of key of a passport."""

    FACE = "face"
    PASSWORD = "password"  # noqa: S105 - the name of a kind, not a secret
    PEOPLE = "people"


@dataclass(frozen=True)
class Presentation:
    """What a holder hands to an app: a proof and the values it is bound to."""

    root: int
    """A root of the passport tree, current or within the window."""
    level: int
    """How many kinds of key were shown."""
    nullifier: Nullifier
    """The holder's pseudonym in the app's scope."""
    beneficiary: Address
    """For whom the act is meant; the zero address when the app binds nobody."""
    nonce: int
    """Chosen by the app for repeatable acts, else 0."""
    deadline: int
    """Unix time in seconds after which the proof is void."""
    proof: tuple[int, ...]
    """Groth16 proof as the 8 words of the EVM precompiles: A, B imaginary parts first, C."""


@dataclass(frozen=True)
class Request:
    """What an app asks for, in the values a proof is bound to."""

    chain_id: int
    """EIP-155 chain id."""
    app: Address
    """The asking contract."""
    purpose: str
    """Plain text shown to the holder; hashed into the scope."""
    payload: bytes
    """32 bytes: hash of the call's arguments."""
    level: int
    """Fewest kinds of key the app accepts."""
    scope: Scope
    """Computed from chain id, app and purpose."""


@dataclass(frozen=True)
class Action:
    """One act a proof is bound to."""

    request: Request
    """Who asks for what."""
    beneficiary: Address
    """For whom it is meant."""
    nonce: int
    """See ``Presentation.nonce``."""
    deadline: int
    """See ``Presentation.deadline``."""
    message: Message
    """Hash of all of the above."""


class TransactionState(StrEnum):
    """How far a journalled transaction has come."""

    SIGNED = "signed"
    """Written down, perhaps broadcast."""
    SENT = "sent"
    """A node took it."""
    CONFIRMED = "confirmed"
    """In a block with enough blocks on top."""
    FAILED = "failed"
    """Reverted, or its nonce was taken: it can never succeed."""


@dataclass(frozen=True)
class Intent:
    """A signed transaction, written down before anybody sees it."""

    label: str
    """What it is for, the same in every attempt, such as ``enroll:0x...``."""
    chain_id: int
    """EIP-155 chain id it is signed for."""
    sender: Address
    """Account that signed."""
    nonce: int
    """Its number among the sender's transactions."""
    raw: bytes
    """The signed transaction; the only form that is ever broadcast."""
    tx_hash: bytes
    """Its 32-byte hash, computed here, not by a node."""
    genesis: bytes = b""
    """Hash of block 0 of a local chain, which tells it from its successors; else empty."""


@dataclass(frozen=True)
class JournalEntry:
    """An intent and what became of it."""

    intent: Intent
    """What was signed."""
    state: TransactionState
    """How far it has come."""
    block: int | None = None
    """Block number, once confirmed."""
    reason: str = ""
    """Why it failed."""
