"""What the tests of requests for a recovery share."""

from __future__ import annotations

from typing import Any

from deployment import Holder, commitment
from recovery_acts import Acts, Circle

NEW, OTHER = commitment(31), commitment(32)
NOT_VALID = "recovery: proof is not valid"
VOID = "recovery: request is void"
EXPIRED = "recovery: request has expired"
NOT_ARMED = "recovery: request is not armed"
NOT_OPEN = "recovery: request is not open"
CIRCLE = Circle(1)


def guarded(acts: Acts, members: int = 3) -> Holder:
    """Enrol some passports, of which the second has guardians."""
    holders = [acts.enroll(number) for number in range(members)]
    return acts.set_guardians(holders[1], CIRCLE)


def event(acts: Acts, name: str) -> Any:
    (log,) = [log for log in acts.logs if type(log).__name__ == name]
    return log


def passport_key(acts: Acts, holder: Holder) -> bytes:
    from eth_utils import keccak

    values = (int(acts.registry.address, 16), holder.identity, int(holder.anchor, 16))
    return bytes(keccak(b"".join(v.to_bytes(32, "big") for v in values)))
