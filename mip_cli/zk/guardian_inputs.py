"""Inputs of the ``guardian_approval`` circuit and its public signals (protocol.md section 3).

As for ``passport``: what does not fit is refused here in words, and the circuit is what binds a
prover who skips this module.
"""

from __future__ import annotations

from dataclasses import dataclass

from mip_cli.crypto import guardian_set
from mip_cli.crypto.field import require_canonical
from mip_cli.zk.path_inputs import path_inputs

CIRCUIT = "guardian_approval"
"""Name of the circuit in the manifest."""


@dataclass(frozen=True, repr=False)
class ApprovalWitness:
    """All a guardian knows for one approval."""

    guardian_secret: int
    """What the nullifier follows from, non-zero."""
    guardian_salt: int
    siblings: tuple[int, ...]
    """Of his leaf in the set's tree, from the leaf upward."""
    position: int
    """His place in the set."""
    threshold: int
    quorum: int
    set_salt: int
    request: int
    """What is approved, non-zero: ``binding.recovery_request`` or ``binding.cancel_request``."""

    def __repr__(self) -> str:
        return "ApprovalWitness(<redacted>)"

    @property
    def leaf(self) -> int:
        """The guardian's leaf."""
        return guardian_set.guardian_leaf(self.guardian_secret, self.guardian_salt)

    @property
    def thresholds(self) -> int:
        """Threshold and quorum as the public signal."""
        return guardian_set.thresholds_of(self.threshold, self.quorum)


def approval_signals(witness: ApprovalWitness) -> list[int]:
    """Return ``setCommitment``, ``nullifier``, ``request``, ``thresholds`` as the proof will."""
    commitment = guardian_set.set_commitment_from(
        witness.leaf, witness.position, witness.siblings, witness.thresholds, witness.set_salt
    )
    nullifier = guardian_set.approval_nullifier(witness.guardian_secret, witness.request)
    return [commitment, nullifier, witness.request, witness.thresholds]


def approval_inputs(witness: ApprovalWitness, set_commitment: int) -> dict[str, int | list[int]]:
    """Build the input signals by name, for the set whose commitment is in force.

    Raises ``ValueError`` when the guardian does not stand in that set or a value does not fit; no
    message holds a value.
    """
    for name in ("guardian_secret", "guardian_salt", "set_salt", "request"):
        require_canonical(getattr(witness, name), name)
    if witness.request == 0:
        raise ValueError("the request must not be zero")
    commitment, nullifier, request, thresholds = approval_signals(witness)
    if commitment != set_commitment:
        raise ValueError("the guardian does not stand in the set that is in force")
    sides = [bool(witness.position >> level & 1) for level in range(guardian_set.SET_DEPTH)]
    path = path_inputs(witness.leaf, witness.siblings, sides, guardian_set.SET_DEPTH)
    return {
        "setCommitment": commitment,
        "nullifier": nullifier,
        "request": request,
        "thresholds": thresholds,
        "guardianSecret": witness.guardian_secret,
        "guardianSalt": witness.guardian_salt,
        "setSalt": witness.set_salt,
        **path.signals(),
    }
