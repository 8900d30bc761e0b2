"""The grants once more, in plain Python, and the state that their events alone tell.

Each act of the model raises ``Refused`` with the very reason the contract gives, and changes
nothing then.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from eth_utils import to_checksum_address
from grant_acts import MAX_LIFETIME, Terms
from model import Refused

Key = tuple[int, bytes]
ZERO = "0x" + "00" * 20


@dataclass(frozen=True)
class Noted:
    """A grant as it is noted."""

    grantee: str
    level: int
    expires: int
    uses_left: int
    epoch: int
    receipt: bytes


EMPTY = Noted(ZERO, 0, 0, 0, 0, bytes(32))


@dataclass
class GrantsModel:
    """Grants and epochs of every pseudonym."""

    noted: dict[Key, Noted] = field(default_factory=dict)
    sequences: dict[Key, int] = field(default_factory=dict)
    epochs: dict[int, int] = field(default_factory=dict)

    def grant(self, now: int, key: Key, terms: Terms, nonce: int, genuine: bool) -> None:
        """Grant; ``genuine`` tells whether the proof is of these terms, epoch and nonce."""
        _require(int(terms.grantee, 16) != 0, "grantee is zero")
        _require(terms.category != bytes(32), "category is zero")
        _require(terms.receipt != bytes(32), "receipt is zero")
        _require(terms.level <= 3, "level is unknown")
        _require(1 <= terms.uses < 2**32, "uses are out of range")
        _require(now < terms.expires, "expiry has passed")
        _require(terms.expires <= now + MAX_LIFETIME, "expiry lies too far ahead")
        self._act(key, nonce, genuine)
        self.noted[key] = Noted(
            *(terms.grantee, terms.level, terms.expires, terms.uses),
            *(self.epochs.get(key[0], 0), terms.receipt),
        )

    def revoke(self, key: Key, nonce: int, genuine: bool) -> None:
        """End a grant by its holder."""
        self._act(key, nonce, genuine)
        self.noted.pop(key, None)

    def renounce(self, key: Key, by: str) -> None:
        """End a grant by its grantee."""
        _require(key in self.noted, "nothing is granted")
        _require(self.noted[key].grantee == by, "sender is not the grantee")
        del self.noted[key]

    def check(self, now: int, key: Key, level: int, by: str) -> int:
        """Return the uses left."""
        _require(key in self.noted, "nothing is granted")
        found = self.noted[key]
        _require(found.grantee == by, "sender is not the grantee")
        _require(now < found.expires, "grant has expired")
        _require(found.uses_left > 0, "grant is used up")
        _require(level <= found.level, "level is not granted")
        _require(found.epoch == self.epochs.get(key[0], 0), "grant was voided by its holder")
        return found.uses_left

    def use(self, now: int, key: Key, level: int, by: str) -> None:
        """Use a grant once."""
        left = self.check(now, key, level, by)
        self.noted[key] = replace(self.noted[key], uses_left=left - 1)

    def advance(self, nullifier: int) -> None:
        """Void a pseudonym's grants."""
        self.epochs[nullifier] = self.epochs.get(nullifier, 0) + 1

    def _act(self, key: Key, nonce: int, genuine: bool) -> None:
        sequence = self.sequences.get(key, 0) + 1
        _require(nonce == sequence, "nonce is not the next sequence")
        if not genuine:
            raise Refused("registry: proof is not valid")
        self.sequences[key] = sequence


@dataclass
class Replay:
    """What an indexer keeps: the state from the events alone."""

    noted: dict[Key, Noted] = field(default_factory=dict)
    sequences: dict[Key, int] = field(default_factory=dict)

    def read(self, log: Any) -> None:
        """Take an event."""
        key = (int(log.nullifier), bytes(log.category))
        match type(log).__name__:
            case "GrantIssued":
                grantee = to_checksum_address(log.grantee)
                self.noted[key] = Noted(
                    *(grantee, log.level, log.expires, log.uses, log.epoch, log.receipt)
                )
                self.sequences[key] = log.sequence
            case "GrantRevoked":
                self.noted.pop(key, None)
                self.sequences[key] = log.sequence
            case "GrantRenounced":
                del self.noted[key]
            case "GrantUsed":
                assert log.uses_left == self.noted[key].uses_left - 1
                assert log.level <= self.noted[key].level
                self.noted[key] = replace(self.noted[key], uses_left=log.uses_left)
            case other:
                raise AssertionError(f"an event that is not known: {other}")


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise Refused(f"grants: {reason}")
