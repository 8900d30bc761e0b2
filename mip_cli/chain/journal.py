"""What sending needs from a journal; ``store/journal.py`` keeps one on disk."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from mip_cli.models import Intent, JournalEntry
from mip_cli.units import Address


class Journal(Protocol):
    """Remembers every signed transaction until it is final; each call is durable on return."""

    def sending(self, chain_id: int, sender: Address) -> AbstractContextManager[None]:
        """Hold the right to choose the sender's next nonce; ``KeyLocked`` when another has it."""

    def begin(self, intent: Intent) -> None:
        """Write an intent down before its transaction is broadcast."""

    def mark_sent(self, tx_hash: bytes) -> None:
        """Note that a node took the transaction, or that a re-org made it pending again."""

    def mark_confirmed(self, tx_hash: bytes, block: int) -> None:
        """Note the block in which the transaction became final."""

    def mark_failed(self, tx_hash: bytes, reason: str) -> None:
        """Note that the transaction reverted or can never be mined."""

    def pending(self, chain_id: int, sender: Address) -> list[JournalEntry]:
        """Return what is neither confirmed nor failed, lowest nonce first."""

    def find(self, label: str) -> JournalEntry | None:
        """Return the newest entry of a label, or None."""
