"""State of the recovery contract, from its events alone: what an indexer keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Replay:
    """Passports and requests as the events tell of them."""

    passports: dict[bytes, dict[str, int]] = field(default_factory=dict)
    requests: dict[int, dict[str, Any]] = field(default_factory=dict)

    def passport(self, key: bytes) -> tuple[int, ...]:
        """Return what ``passport_state`` does."""
        return tuple(self._of(key).values())

    def request(self, request: int) -> tuple[Any, ...]:
        """Return what ``request_state`` does."""
        return tuple(self.requests[request].values())

    def read(self, log: Any, now: int) -> None:
        """Take an event of the block at a time."""
        handler = getattr(self, f"_{type(log).__name__}", None)
        if handler is not None:
            handler(log, self._of(log.passport), now)

    def _of(self, key: bytes) -> dict[str, int]:
        names = (
            *("guardian", "set", "epoch", "nonce", "vetoes", "changes", "armed", "armed_until"),
            *("pending_guardian", "pending_set", "pending_ready_at"),
        )
        return self.passports.setdefault(key, dict.fromkeys(names, 0))

    def _RecoveryProposed(self, log: Any, state: dict[str, int], now: int) -> None:
        self.requests[log.request] = {
            "passport": log.passport,
            "new_keys": log.new_keys_root,
            "status": 1,
            "approvals": 0,
            "expires_at": log.expires_at,
            "ready_at": 0,
            "epoch": state["epoch"],
            "nonce": state["nonce"],
        }

    def _RecoveryApproved(self, log: Any, state: dict[str, int], now: int) -> None:
        self.requests[log.request]["approvals"] = log.approvals

    def _RecoveryArmed(self, log: Any, state: dict[str, int], now: int) -> None:
        self.requests[log.request] |= {
            "status": 2,
            "ready_at": log.ready_at,
            "expires_at": log.expires_at,
        }
        state["armed"] = state["armed"] + 1 if now < state["armed_until"] else 1
        state["armed_until"] = log.expires_at

    def _RecoveryVetoed(self, log: Any, state: dict[str, int], now: int) -> None:
        self.requests[log.request]["status"] = 3
        state["vetoes"] = log.vetoes
        state["armed"] -= 1
        if log.vetoes == 2:  # the passport froze
            state["nonce"] += 1
            state["armed"] = state["armed_until"] = 0

    def _RecoveryExecuted(self, log: Any, state: dict[str, int], now: int) -> None:
        self.requests[log.request]["status"] = 4
        state["nonce"] += 1
        state["vetoes"] = state["armed"] = state["armed_until"] = 0

    def _GuardianChangeProposed(self, log: Any, state: dict[str, int], now: int) -> None:
        state["changes"] += 1
        self._wait_for(state, log.guardian_commitment, log.set_commitment, log.ready_at)

    def _GuardianChangeCancelled(self, log: Any, state: dict[str, int], now: int) -> None:
        state["changes"] = log.changes
        self._wait_for(state, 0, 0, 0)

    def _GuardiansChanged(self, log: Any, state: dict[str, int], now: int) -> None:
        state["changes"] += 1
        state["guardian"], state["set"] = log.guardian_commitment, log.set_commitment
        state["epoch"] = log.guardian_epoch
        state["vetoes"] = state["armed"] = state["armed_until"] = 0
        self._wait_for(state, 0, 0, 0)

    def _wait_for(self, state: dict[str, int], guardian: int, chosen: int, ready_at: int) -> None:
        state["pending_guardian"], state["pending_set"] = guardian, chosen
        state["pending_ready_at"] = ready_at
