"""Gas of everything the contracts do, from receipts of a real anvil."""

from __future__ import annotations

from benchmarks.common import Context, Figures, announced
from benchmarks.devchain import DevChain, fresh_chain
from benchmarks.granting import Granting
from benchmarks.holder import Holder, Presenter, request_of
from benchmarks.recovering import Recovering
from mip_cli.chain.app import App, parse_invocation
from mip_cli.chain.index import TreeIndex, sync
from mip_cli.chain.keys import Signer
from mip_cli.chain.registry import (
    REVOKE_PURPOSE,
    UPDATE_PURPOSE,
    Enrollment,
    Registry,
    revoke_payload,
    sign_enrollment,
    update_payload,
)
from mip_cli.chain.values import Call
from mip_cli.crypto.binding import keccak256
from mip_cli.crypto.field import R
from mip_cli.models import Presentation
from mip_cli.units import Commitment
from mip_cli.zk.artifacts import load_circuit
from mip_cli.zk.prover import choose_prover

CORE = ("Poseidon2", "PassportVerifier", "PassportRegistry")
EXAMPLES = ("PassportClaim", "PassportVote", "PassportVault", "AgeGate", "Lender", "Clinic")
BATCH = 50


def measure(context: Context) -> Figures:
    """Measure on a chain of its own."""
    with fresh_chain(context.settings) as chain:
        meter = _Meter(context, chain)
        with announced(context.say, "  deploy and enrol"):
            meter.deploy()
            meter.enrol()
        with announced(context.say, "  gates"):
            meter.gates()
        with announced(context.say, "  grants and anchors"):
            meter.grants()
        return meter.figures


class _Meter:
    def __init__(self, context: Context, chain: DevChain) -> None:
        self.figures: Figures = {}
        self._chain = chain
        self._say = context.say
        self._registry = Registry(chain.rpc, chain.deployment.registry)
        prover = choose_prover(context.settings)
        self._presenter = Presenter(load_circuit(context.settings, "passport"), prover)
        self._approvals = load_circuit(context.settings, "guardian_approval")
        self._holders = [Holder(number, chain.account) for number in range(2)]

    def deploy(self) -> None:
        used = self._chain.deployments()
        self.figures |= {f"gas.deploy.{name}": gas for name, gas in used.items()}
        self.figures["gas.deploy"] = sum(used[name] for name in CORE)
        self.figures["gas.deploy_suite"] = sum(
            gas for name, gas in used.items() if name not in EXAMPLES
        )

    def enrol(self) -> None:
        chain = self._chain
        with chain.undone():
            self.figures["gas.enroll_signed_0"] = chain.send(self._signed(0))
        self.figures["gas.enroll_0"] = chain.send(self._enrolment(0))
        chain.next_minute()
        chain.send_many([self._enrolment(i) for i in range(1, 30)])
        self.figures["gas.enroll_30"] = self._first_of_a_minute(self._enrolment(30))
        chain.send_many([self._enrolment(i) for i in range(31, 1000)])
        for key, call in (
            ("gas.enroll_signed_1000", self._signed(1000)),
            ("gas.update_1000", self._update()),
            ("gas.revoke_1000", self._revoke()),
        ):
            with chain.undone():
                self.figures[key] = self._first_of_a_minute(call)
        with announced(self._say, "  guardians and recovery"), chain.undone():
            self._recover()
        with chain.undone():
            wishes = [self._wish(2000 + i) for i in range(BATCH)]
            used = self._first_of_a_minute(self._registry.enroll_batch(wishes))
            self.figures["gas.enroll_batch_50"] = used / BATCH
        self.figures["gas.enroll_1000"] = self._first_of_a_minute(self._enrolment(1000))
        chain.send_many([self._enrolment(i) for i in range(1001, 1023)])
        self.figures["gas.enroll_worst_1024"] = self._first_of_a_minute(self._enrolment(1023))

    def gates(self) -> None:
        index = self._tree()
        for app, signature, arguments, key in (
            ("PassportClaim", "claim()", [], "gas.gate"),
            ("PassportVote", "vote(uint256)", ["1"], "gas.gate_vote"),
        ):
            gate = App(self._chain.rpc, self._chain.deployment.address(app))
            act = parse_invocation(signature, arguments)
            request = gate.request(self._chain.deployment.chain_id, act.payload)
            for number, holder in enumerate(self._holders):  # the last one counts
                path = index.path(number, holder.leaf)
                shown = self._presenter.present(holder, request, self._deadline(), path=path)
                self.figures[key] = self._chain.send(gate.call(act, shown))

    def grants(self) -> None:
        holder = self._holders[0]
        acts = Granting(self._chain, self._presenter, holder, self._tree(), 0)
        self.figures |= acts.measure()

    def _recover(self) -> None:
        holder = self._holders[0]
        parts = Recovering(self._chain, self._presenter, self._approvals, holder)
        self.figures |= parts.measure()

    def _first_of_a_minute(self, call: Call) -> int:
        self._chain.next_minute()
        return self._chain.send(call)

    def _enrolment(self, number: int) -> Call:
        if number < len(self._holders):
            holder = self._holders[number]
            opening = holder.opening
            return self._registry.enroll(
                opening.identity_commitment, opening.keys_root, opening.guardian_commitment
            )
        return self._registry.enroll(*_commitments(number))

    def _wish(self, number: int) -> Enrollment:
        signer = Signer(keccak256(b"anchor %d" % number))
        chain_id, registry = self._chain.deployment.chain_id, self._registry.address
        return sign_enrollment(
            signer, chain_id, registry, *_commitments(number), self._chain.now() + 3000
        )

    def _signed(self, number: int) -> Call:
        return self._registry.enroll_signed(self._wish(number))

    def _update(self) -> Call:
        holder, fresh = self._holders[0], _commitments(9999)[1]
        payload = update_payload(holder.identity, holder.anchor, fresh)
        shown = self._leaf_proof(holder, UPDATE_PURPOSE, payload)
        siblings = self._tree().update_siblings(0)
        return self._registry.update(holder.opening, fresh, siblings, shown)

    def _revoke(self) -> Call:
        holder = self._holders[0]
        payload = revoke_payload(holder.identity, holder.anchor)
        shown = self._leaf_proof(holder, REVOKE_PURPOSE, payload)
        return self._registry.revoke(holder.opening, self._tree().update_siblings(0), shown)

    def _leaf_proof(self, holder: Holder, purpose: str, payload: bytes) -> Presentation:
        chain_id, address = self._chain.deployment.chain_id, self._registry.address
        ask = request_of(chain_id, address, purpose, payload)
        return self._presenter.present(holder, ask, self._deadline())

    def _deadline(self) -> int:
        return self._chain.now() + 1800

    def _tree(self) -> TreeIndex:
        found = self._chain.deployment
        return sync(self._chain.rpc, found.registry, found.chain_id, found.block)[0]


def _commitments(number: int) -> tuple[Commitment, Commitment, Commitment]:
    first, second, third = (pow(7, 3 * number + k, R) for k in (101, 102, 103))
    return Commitment(first), Commitment(second), Commitment(third)
