"""Gas of guardians, recovery and what follows it, with real proofs on the benchmark's chain."""

from __future__ import annotations

from dataclasses import dataclass, replace

from benchmarks.common import Figures
from benchmarks.devchain import DevChain
from benchmarks.guardians import THRESHOLD, approve, guardians
from benchmarks.holder import Holder, Presenter, request_of
from mip_cli.chain.app import App
from mip_cli.chain.epochs import PseudonymEpochs, advance_payload
from mip_cli.chain.index import TreeIndex, sync
from mip_cli.chain.recovery import (
    CHANGE_PURPOSE,
    DELAY,
    RECOVER_PURPOSE,
    VETO_PURPOSE,
    Recovery,
    change_payload,
    request_payload,
)
from mip_cli.crypto.binding import recovery_request
from mip_cli.crypto.commitments import guardian_commitment
from mip_cli.models import Presentation
from mip_cli.units import Address
from mip_cli.zk.artifacts import CircuitArtifacts

_PEOPLE_KEY = 987_654_321


@dataclass(frozen=True)
class Recovering:
    """One holder, enrolled first of many, who gets guardians and then loses his keys."""

    chain: DevChain
    presenter: Presenter
    approvals: CircuitArtifacts
    holder: Holder

    def measure(self) -> Figures:
        """Go through all of it once; the chain's clock moves on by days."""
        chain, figures = self.chain, Figures()
        registry, recovery = chain.deployment.registry, Recovery(chain.rpc, self._recovery)
        holder, people = self.holder, guardians()
        new = guardian_commitment(_PEOPLE_KEY)
        payload = change_payload(registry, new, people.commitment)
        shown = self._leaf_proof(holder, CHANGE_PURPOSE, payload)
        figures["gas.propose_change_1000"] = chain.send(
            recovery.propose_change(
                registry, holder.opening, new, people.commitment, self._siblings(), shown
            )
        )
        chain.advance(DELAY)
        figures["gas.finish_change_1000"] = chain.send(
            recovery.finish_change(registry, holder.opening, self._siblings())
        )
        holder = replace(holder, guardian=new)
        back = replace(holder, keys=1)
        request = self._request(recovery, back)
        shown = self._leaf_proof(back, RECOVER_PURPOSE, request_payload(request))
        figures["gas.propose"] = chain.send(
            recovery.propose(registry, back.identity, back.anchor, back.keys_root, shown)
        )
        used = []
        for position in range(THRESHOLD):
            nullifier, proof = approve(self.approvals, self.presenter.prover, position, request)
            used.append(chain.send(recovery.approve(request, people.thresholds, nullifier, proof)))
        figures["gas.approve"] = max(used[:-1])
        figures["gas.approve_last"] = used[-1]
        with chain.undone():
            shown = self._leaf_proof(holder, VETO_PURPOSE, request_payload(request))
            call = recovery.veto(registry, holder.opening, request, self._siblings(), shown)
            figures["gas.veto_1000"] = chain.send(call)
        chain.advance(DELAY)
        figures["gas.execute_1000"] = chain.send(
            recovery.execute(registry, holder.opening, request, self._siblings())
        )
        figures["gas.epoch_advance"] = self._advance(back)
        return figures

    @property
    def _recovery(self) -> Address:
        return self.chain.deployment.recovery

    def _request(self, recovery: Recovery, back: Holder) -> int:
        found = self.chain.deployment
        state = recovery.state(found.registry, back.identity, back.anchor)
        return recovery_request(
            found.chain_id,
            found.recovery,
            found.registry,
            back.identity,
            back.anchor,
            state.guardian_epoch,
            state.nonce,
            back.keys_root,
        )

    def _leaf_proof(self, holder: Holder, purpose: str, payload: bytes) -> Presentation:
        found = self.chain.deployment
        ask = request_of(found.chain_id, found.recovery, purpose, payload)
        return self.presenter.present(holder, ask, self.chain.now() + 1800)

    def _advance(self, back: Holder) -> int:
        found = self.chain.deployment
        app = App(self.chain.rpc, found.address("PassportClaim"))
        purpose, payload = app.purpose(), advance_payload(app.address, app.purpose())
        ask = request_of(found.chain_id, found.grants, purpose, payload)
        # the pseudonym is the one at the app, the message names the counter
        ask = replace(ask, scope=request_of(found.chain_id, app.address, purpose, payload).scope)
        path = self._tree().path(0, back.leaf)
        shown = self.presenter.present(back, ask, self.chain.now() + 1800, path=path)
        epochs = PseudonymEpochs(self.chain.rpc, found.grants)
        return self.chain.send(epochs.advance(app.address, purpose, shown))

    def _siblings(self) -> list[int]:
        return self._tree().update_siblings(0)

    def _tree(self) -> TreeIndex:
        found = self.chain.deployment
        return sync(self.chain.rpc, found.registry, found.chain_id, found.block)[0]
