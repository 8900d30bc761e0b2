"""Speaks for guardians, owners and thieves before the recovery contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import boa
from deployment import Deployment, Holder, account, commitment, words
from eth_utils import keccak
from model import Leaf, Presentation

from mip_cli.crypto.binding import cancel_request, keccak256, recovery_request
from mip_cli.crypto.guardian_set import GuardianSet, approval_nullifier, guardian_leaf
from mip_cli.crypto.lean_tree import LeanTree

RECOVER = "mip: recover this passport"
VETO = "mip: veto a recovery"
CHANGE = "mip: change the guardians"
KEEP = "mip: keep the guardians"

NONE, PROPOSED, ARMED, VETOED, EXECUTED = range(5)
HOUR, DAY = 3600, 86_400


@dataclass(frozen=True)
class Circle:
    """A set of guardians as all of them together know it."""

    number: int
    """Draws secrets and salts."""
    count: int = 4
    threshold: int = 2
    quorum: int = 3

    @cached_property
    def secrets(self) -> list[int]:
        """The guardians' secrets."""
        return [commitment(10**7 + 100 * self.number + k) for k in range(self.count)]

    @cached_property
    def set(self) -> GuardianSet:
        """The set in its tree of sixteen places."""
        leaves = [guardian_leaf(secret, commitment(secret % 10**9)) for secret in self.secrets]
        fillers = [commitment(10**8 + 100 * self.number + k) for k in range(16 - self.count)]
        salt = commitment(10**9 + self.number)
        return GuardianSet((*leaves, *fillers), self.threshold, self.quorum, salt)

    @property
    def commitment(self) -> int:
        """What the chain holds of it."""
        return int(self.set.commitment)

    @property
    def guardian(self) -> int:
        """The guardian commitment that goes with it."""
        return commitment(10**10 + self.number)


@dataclass(frozen=True)
class Approval:
    """What a guardian hands to whoever sends it."""

    thresholds: int
    nullifier: int
    proof: tuple[int, ...]

    def abi(self) -> tuple[object, ...]:
        """Return the arguments of ``approve`` and ``approve_cancel``."""
        return (self.thresholds, self.nullifier, list(self.proof))


@dataclass
class Acts:
    """Every act about passports of one registry; arguments are made as honest tools make them."""

    suite: Deployment
    tree: LeanTree = field(default_factory=LeanTree)
    registry: Any = None
    logs: list[Any] = field(default_factory=list)
    """Events of the last act."""

    def __post_init__(self) -> None:
        self.registry = self.registry or self.suite.registry

    @property
    def recovery(self) -> Any:
        """The contract."""
        return self.suite.recovery

    def enroll(self, number: int) -> Holder:
        """Enrol a passport and note it in the tree."""
        holder = self.suite.enroll(number)
        self.tree.append(holder.leaf)
        return holder

    def siblings(self, holder: Holder) -> list[int]:
        """Return the path of a passport's leaf, up to the root in the largest subtree."""
        size = len(self.tree)
        height = (holder.index ^ size).bit_length() - 1
        return self.tree.siblings(holder.index)[: height + (size >> height == 1)]

    def state(self, holder: Holder) -> Any:
        """Return what the contract knows of a passport."""
        return self.recovery.passport_state(self.registry.address, holder.identity, holder.anchor)

    def request(self, holder: Holder, new_keys: int) -> int:
        """Compute the request that a proposal of these keys would make now."""
        state = self.state(holder)
        return recovery_request(
            boa.env.evm.patch.chain_id,
            self.recovery.address,
            self.registry.address,
            holder.identity,
            holder.anchor,
            state.guardian_epoch,
            state.nonce,
            new_keys,
        )

    def cancellation(self, holder: Holder) -> int:
        """Compute what guardians approve to stop the change that waits now."""
        state = self.state(holder)
        return cancel_request(
            boa.env.evm.patch.chain_id,
            self.recovery.address,
            self.registry.address,
            holder.identity,
            holder.anchor,
            state.guardian_epoch,
            state.changes,
        )

    def approval(
        self, circle: Circle, who: int, request: int, seed: int = 1, **changes: Any
    ) -> Approval:
        """Make a guardian's approval; ``changes`` of the signals are proved too."""
        nullifier = int(approval_nullifier(circle.secrets[who], request))
        signals = {
            "set_commitment": circle.commitment,
            "nullifier": nullifier,
            "request": request,
            "thresholds": circle.set.thresholds,
            **changes,
        }
        proof = self.suite.guardian_trapdoor.prove(list(signals.values()), seed)
        return Approval(signals["thresholds"], signals["nullifier"], tuple(proof))

    # --- leaf proofs

    def for_propose(
        self, holder: Holder, new_keys: int, guardian: int, **changes: Any
    ) -> Presentation:
        """Make the leaf proof of the leaf that would come."""
        new = replace(holder.opening, keys=new_keys, guardian=guardian)
        payload = keccak256(words(self.request(holder, new_keys)))
        return self._leaf_proof(new, RECOVER, payload, **changes)

    def for_veto(self, holder: Holder, request: int, **changes: Any) -> Presentation:
        """Make the holder's no."""
        return self._leaf_proof(holder.opening, VETO, keccak256(words(request)), **changes)

    def for_change(
        self, holder: Holder, guardian: int, set_commitment: int, **changes: Any
    ) -> Presentation:
        """Make the holder's word for new guardians."""
        payload = words(int(self.registry.address, 16), guardian, set_commitment)
        changes = {"nonce": self.state(holder).changes, **changes}
        return self._leaf_proof(holder.opening, CHANGE, keccak256(payload), **changes)

    def for_keep(self, holder: Holder, **changes: Any) -> Presentation:
        """Make the holder's word for the guardians as they are."""
        payload = words(int(self.registry.address, 16), 0, 0)
        changes = {"nonce": self.state(holder).changes, **changes}
        return self._leaf_proof(holder.opening, KEEP, keccak256(payload), **changes)

    def _leaf_proof(
        self, opened: Leaf, purpose: str, payload: bytes, **changes: Any
    ) -> Presentation:
        changes = {"root": opened.hashed, "beneficiary": opened.anchor, **changes}
        return self.suite.presentation(self.recovery.address, purpose, payload, **changes)

    # --- acts

    def _act(self, name: str, *arguments: Any, **options: Any) -> Any:
        answer = getattr(self.recovery, name)(*arguments, **options)
        self.logs = self.recovery.get_logs()
        return answer

    def propose(self, holder: Holder, new_keys: int, guardian: int | None = None) -> int:
        """Ask for new keys; return the request."""
        guardian = self.state(holder).guardian_commitment if guardian is None else guardian
        shown = self.for_propose(holder, new_keys, guardian)
        where = (self.registry.address, holder.identity, holder.anchor)
        return int(self._act("propose", *where, new_keys, shown.abi()))

    def approve(self, request: int, circle: Circle, who: Sequence[int], seed: int = 1) -> None:
        """Let guardians approve, one after the other."""
        for number in who:
            approval = self.approval(circle, number, request, seed)
            self._act("approve", request, *approval.abi(), sender=account(500 + number))

    def veto(self, holder: Holder, request: int) -> None:
        """Say no as the holder of the present leaf."""
        shown = self.for_veto(holder, request).abi()
        path = self.siblings(holder)
        self._act("veto", self.registry.address, holder.opening.abi(), request, path, shown)

    def execute(self, holder: Holder, request: int, new_keys: int) -> Holder:
        """Carry a request out, as anybody may."""
        path = self.siblings(holder)
        self._act("execute", self.registry.address, holder.opening.abi(), request, path)
        guardian = self.state(holder).guardian_commitment
        return self.renewed(holder, keys=new_keys, guardian=guardian)

    def renewed(self, holder: Holder, **changes: int) -> Holder:
        """Note a new leaf in the tree."""
        renewed = replace(holder, epoch=holder.epoch + 1, **changes)
        self.tree.update(holder.index, renewed.leaf)
        return renewed

    def propose_change(self, holder: Holder, guardian: int, set_commitment: int) -> None:
        """Ask for other guardians."""
        shown = self.for_change(holder, guardian, set_commitment).abi()
        self._act(
            "propose_change",
            self.registry.address,
            holder.opening.abi(),
            guardian,
            set_commitment,
            self.siblings(holder),
            shown,
        )

    def cancel_change(self, holder: Holder) -> None:
        """Keep the guardians, as the holder."""
        shown = self.for_keep(holder).abi()
        path = self.siblings(holder)
        self._act("cancel_change", self.registry.address, holder.opening.abi(), path, shown)

    def approve_cancel(self, holder: Holder, circle: Circle, who: Sequence[int]) -> None:
        """Keep the guardians, as guardians."""
        cancellation = self.cancellation(holder)
        for number in who:
            approval = self.approval(circle, number, cancellation)
            where = (self.registry.address, holder.identity, holder.anchor)
            self._act("approve_cancel", *where, *approval.abi())

    def finish_change(self, holder: Holder) -> Holder:
        """Put the waiting guardians in force, as anybody may."""
        guardian = self.state(holder).pending_guardian_commitment
        path = self.siblings(holder)
        self._act("finish_change", self.registry.address, holder.opening.abi(), path)
        return self.renewed(holder, guardian=guardian)

    def set_guardians(self, holder: Holder, circle: Circle) -> Holder:
        """Give a passport guardians and let the two days pass."""
        self.propose_change(holder, circle.guardian, circle.commitment)
        pass_time(self.recovery.CHANGE_DELAY())
        return self.finish_change(holder)

    def armed(self, holder: Holder, circle: Circle, new_keys: int) -> int:
        """Bring a request to ARMED."""
        request = self.propose(holder, new_keys)
        self.approve(request, circle, range(circle.threshold))
        return request

    def frozen(self, holder: Holder, circle: Circle) -> Holder:
        """Let the holder of the leaf veto twice."""
        for step in range(2):
            self.veto(holder, self.armed(holder, circle, commitment(9000 + step)))
        from model import FROZEN_LEAF

        self.tree.update(holder.index, FROZEN_LEAF)
        return holder


def pass_time(seconds: int) -> None:
    """Let time pass until the next block."""
    boa.env.evm.patch.timestamp += seconds


def purpose_hash(purpose: str) -> bytes:
    """Hash a purpose as contracts do."""
    return bytes(keccak(text=purpose))
