"""One passport with real proofs on a chain of its own, from enrolment to recovery."""

from __future__ import annotations

import copy
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from mip_cli.chain.app import App
from mip_cli.chain.epochs import PseudonymEpochs, advance_payload
from mip_cli.chain.history import leaf_history
from mip_cli.chain.index import TreeIndex, sync
from mip_cli.chain.logs import next_time
from mip_cli.chain.recovery import (
    CHANGE_DELAY,
    CHANGE_PURPOSE,
    KEEP_PURPOSE,
    RECOVER_PURPOSE,
    VETO_PURPOSE,
    Recovery,
    RecoveryState,
    change_payload,
    keep_payload,
    request_payload,
)
from mip_cli.chain.registry import (
    REVOKE_PURPOSE,
    UPDATE_PURPOSE,
    LeafOpening,
    revoke_payload,
    update_payload,
)
from mip_cli.chain.values import Call, Receipt
from mip_cli.chain.watch import Watch, watch
from mip_cli.crypto.binding import cancel_request, recovery_request
from mip_cli.crypto.commitments import guardian_commitment
from mip_cli.models import Presentation
from mip_cli.units import Commitment
from mip_cli.zk.artifacts import load_circuit
from mip_cli.zk.prover import choose_prover

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "scripts"))

from benchmarks.guardians import approve, guardians  # noqa: E402
from benchmarks.holder import Holder, Presenter, request_of  # noqa: E402

PEOPLE = guardian_commitment(4711)


class Life:
    """A holder, his guardians, and whoever has his keys."""

    def __init__(self, chain: Any) -> None:
        found = chain.deployment
        self.chain, self.rpc, self.found = chain, chain.rpc, found
        self.registry = chain.registry
        self.recovery = Recovery(chain.rpc, found.recovery)
        self.epochs = PseudonymEpochs(chain.rpc, found.grants)
        self.sender = chain.sender()
        self.prover = choose_prover(chain.settings)
        self.presenter = Presenter(load_circuit(chain.settings, "passport"), self.prover)
        self.approvals = load_circuit(chain.settings, "guardian_approval")
        self.holder = Holder(1, self.sender.address)
        self.set = guardians()
        self._sent = 0

    def again(self, journal: str) -> Life:
        """Return the same life, to be gone on with under another journal."""
        found = copy.copy(self)
        found.sender = self.chain.sender(journal=journal)
        return found

    # what anybody sees

    @property
    def state(self) -> RecoveryState:
        return self.recovery.state(self.registry.address, self.holder.identity, self.holder.anchor)

    def watch(self, rpc: Any = None) -> Watch:
        recovery = Recovery(rpc, self.recovery.address) if rpc else self.recovery
        address, start = self.registry.address, self.found.block
        return watch(recovery, address, self.holder.identity, self.holder.anchor, start)

    def history(self) -> list[Any]:
        identity, anchor = self.holder.identity, self.holder.anchor
        return leaf_history(self.registry, identity, anchor, self.found.block)

    def tree(self) -> TreeIndex:
        return sync(self.rpc, self.registry.address, 31337, self.found.block)[0]

    def siblings(self) -> list[int]:
        record = self.registry.passport(self.holder.identity, self.holder.anchor)
        return self.tree().update_siblings(record.index)

    # acts

    def send(self, call: Call) -> Receipt:
        self._sent += 1
        return self.sender.send(f"act {self._sent}", call)

    def advance(self, seconds: int) -> None:
        self.chain.devnet.advance(seconds)

    def leaf_proof(
        self, holder: Holder, contract: Any, purpose: str, payload: bytes, nonce: int = 0
    ) -> Presentation:
        ask = request_of(31337, contract.address, purpose, payload)
        return self.presenter.present(holder, ask, next_time(self.rpc) + 1800, nonce=nonce)

    def others_leaf(self, number: int) -> int:
        return Holder(number, self.holder.anchor).leaf

    def enrol(self) -> None:
        """Enrol the holder, after two others and before two more."""
        for number in (11, 12, None, 13, 14):
            holder = self.holder if number is None else Holder(number, self.holder.anchor)
            opening = holder.opening
            self.send(
                self.registry.enroll(
                    opening.identity_commitment, opening.keys_root, opening.guardian_commitment
                )
            )

    def update(self, holder: Holder, keys: int) -> Holder:
        """Replace the keys; returns the holder of the new ones."""
        new = replace(holder, keys=keys)
        epoch = self.registry.passport(holder.identity, holder.anchor).epoch
        payload = update_payload(holder.identity, holder.anchor, new.keys_root)
        shown = self.leaf_proof(holder, self.registry, UPDATE_PURPOSE, payload, epoch)
        self.send(self.registry.update(holder.opening, new.keys_root, self.siblings(), shown))
        return new

    def revoke(self, holder: Holder) -> None:
        epoch = self.registry.passport(holder.identity, holder.anchor).epoch
        payload = revoke_payload(holder.identity, holder.anchor)
        shown = self.leaf_proof(holder, self.registry, REVOKE_PURPOSE, payload, epoch)
        self.send(self.registry.revoke(holder.opening, self.siblings(), shown))

    def propose_change(self, holder: Holder, guardian: Commitment, commitment: int) -> None:
        payload = change_payload(self.registry.address, guardian, commitment)
        shown = self.leaf_proof(holder, self.recovery, CHANGE_PURPOSE, payload, self.state.changes)
        self.send(
            self.recovery.propose_change(
                *(self.registry.address, holder.opening, guardian, commitment),
                *(self.siblings(), shown),
            )
        )

    def cancel_change(self, holder: Holder) -> None:
        payload = keep_payload(self.registry.address)
        shown = self.leaf_proof(holder, self.recovery, KEEP_PURPOSE, payload, self.state.changes)
        self.send(
            self.recovery.cancel_change(
                self.registry.address, holder.opening, self.siblings(), shown
            )
        )

    def finish_change(self, holder: Holder) -> None:
        address = self.registry.address
        self.send(self.recovery.finish_change(address, holder.opening, self.siblings()))

    def set_guardians(self) -> None:
        """Enrol and put the guardians in force."""
        self.enrol()
        self.propose_change(self.holder, PEOPLE, self.set.commitment)
        self.advance(CHANGE_DELAY)
        self.finish_change(self.holder)
        self.holder = replace(self.holder, guardian=PEOPLE)

    def request(self, new: Holder) -> int:
        state = self.state
        return recovery_request(
            31337,
            self.recovery.address,
            self.registry.address,
            new.identity,
            new.anchor,
            state.guardian_epoch,
            state.nonce,
            new.keys_root,
        )

    def propose(self, new: Holder) -> int:
        """Ask for new keys; returns the request."""
        request = self.request(new)
        payload = request_payload(request)
        shown = self.leaf_proof(new, self.recovery, RECOVER_PURPOSE, payload)
        self.send(
            self.recovery.propose(
                self.registry.address, new.identity, new.anchor, new.keys_root, shown
            )
        )
        return request

    def approve(self, request: int, *positions: int) -> None:
        for position in positions:
            nullifier, proof = approve(self.approvals, self.prover, position, request)
            self.send(self.recovery.approve(request, self.set.thresholds, nullifier, proof))

    def approve_cancel(self, *positions: int) -> None:
        state, holder = self.state, self.holder
        request = cancel_request(
            31337,
            self.recovery.address,
            self.registry.address,
            holder.identity,
            holder.anchor,
            state.guardian_epoch,
            state.changes,
        )
        for position in positions:
            nullifier, proof = approve(self.approvals, self.prover, position, request)
            self.send(
                self.recovery.approve_cancel(
                    *(self.registry.address, holder.identity, holder.anchor),
                    *(self.set.thresholds, nullifier, proof),
                )
            )

    def veto(self, holder: Holder, request: int) -> None:
        shown = self.leaf_proof(holder, self.recovery, VETO_PURPOSE, request_payload(request))
        address = self.registry.address
        self.send(self.recovery.veto(address, holder.opening, request, self.siblings(), shown))

    def execute(self, leaf: LeafOpening, request: int) -> None:
        self.send(self.recovery.execute(self.registry.address, leaf, request, self.siblings()))

    def advance_epoch(self, holder: Holder) -> int:
        """Void what was granted at the example claim; returns the pseudonym there."""
        app = App(self.rpc, self.found.address("PassportClaim"))
        payload = advance_payload(app.address, app.purpose())
        ask = request_of(31337, self.epochs.address, app.purpose(), payload)
        at_app = request_of(31337, app.address, app.purpose(), payload)
        ask = replace(ask, scope=at_app.scope)
        record = self.registry.passport(holder.identity, holder.anchor)
        path = self.tree().path(record.index, holder.leaf)
        deadline = next_time(self.rpc) + 1800
        shown = self.presenter.present(holder, ask, deadline, path=path)
        self.send(self.epochs.advance(app.address, app.purpose(), shown))
        return shown.nullifier
