"""Gas of deployment, enrolment, update, revocation and gate, from receipts of a real anvil."""

from __future__ import annotations

from benchmarks.common import Context, Figures, announced
from benchmarks.devchain import DevChain, fresh_chain
from benchmarks.holder import Holder
from mip_cli.chain.app import App, parse_invocation
from mip_cli.chain.index import TreeIndex, sync
from mip_cli.chain.keys import Signer
from mip_cli.chain.registry import Enrollment, Registry, sign_enrollment
from mip_cli.chain.values import Call
from mip_cli.crypto.binding import keccak256, scope_of, word
from mip_cli.crypto.field import R
from mip_cli.models import Request
from mip_cli.units import Commitment
from mip_cli.zk.artifacts import load_circuit
from mip_cli.zk.prover import choose_prover

CORE = ("Poseidon2", "PassportVerifier", "PassportRegistry")
UPDATE = "mip: replace the keys of this passport"
REVOKE = "mip: revoke this passport for ever"
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
        return meter.figures


class _Meter:
    def __init__(self, context: Context, chain: DevChain) -> None:
        self.figures: Figures = {}
        self._chain = chain
        self._registry = Registry(chain.rpc, chain.deployment.registry)
        self._circuit = load_circuit(context.settings, "passport")
        self._prover = choose_prover(context.settings)
        self._holders = [Holder(number, chain.account) for number in range(2)]

    def deploy(self) -> None:
        used = self._chain.deployments()
        self.figures |= {f"gas.deploy.{name}": gas for name, gas in used.items()}
        self.figures["gas.deploy"] = sum(used[name] for name in CORE)

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
                shown = holder.present(
                    self._circuit,
                    self._prover,
                    request,
                    self._chain.now() + 1800,
                    index.path(number, holder.leaf),
                )
                self.figures[key] = self._chain.send(gate.call(act, shown))

    def _first_of_a_minute(self, call: Call) -> int:
        self._chain.next_minute()
        return self._chain.send(call)

    def _enrolment(self, number: int) -> Call:
        if number < len(self._holders):
            holder = self._holders[number]
            return self._registry.enroll(holder.identity, holder.keys_root)
        identity, keys = _commitments(number)
        return self._registry.enroll(identity, keys)

    def _wish(self, number: int) -> Enrollment:
        signer = Signer(keccak256(b"anchor %d" % number))
        chain_id, registry = self._chain.deployment.chain_id, self._registry.address
        return sign_enrollment(
            signer, chain_id, registry, *_commitments(number), self._chain.now() + 3000
        )

    def _signed(self, number: int) -> Call:
        return self._registry.enroll_signed(self._wish(number))

    def _update(self) -> Call:
        holder, (_, fresh) = self._holders[0], _commitments(9999)
        payload = keccak256(word(holder.identity) + word(int(holder.anchor, 16)) + word(fresh))
        shown = holder.present(
            self._circuit, self._prover, self._own_request(UPDATE, payload), self._deadline()
        )
        siblings = self._tree().update_siblings(0)
        return self._registry.update(
            holder.identity, holder.anchor, holder.keys_root, fresh, siblings, shown
        )

    def _revoke(self) -> Call:
        holder = self._holders[0]
        payload = keccak256(word(holder.identity) + word(int(holder.anchor, 16)))
        shown = holder.present(
            self._circuit, self._prover, self._own_request(REVOKE, payload), self._deadline()
        )
        siblings = self._tree().update_siblings(0)
        return self._registry.revoke(
            holder.identity, holder.anchor, holder.keys_root, siblings, shown
        )

    def _own_request(self, purpose: str, payload: bytes) -> Request:
        chain_id, address = self._chain.deployment.chain_id, self._registry.address
        scope = scope_of(chain_id, address, purpose)
        return Request(chain_id, address, purpose, payload, 2, scope)

    def _deadline(self) -> int:
        return self._chain.now() + 1800

    def _tree(self) -> TreeIndex:
        found = self._chain.deployment
        return sync(self._chain.rpc, found.registry, found.chain_id, found.block)[0]


def _commitments(number: int) -> tuple[Commitment, Commitment]:
    first, second = (pow(7, 3 * number + k, R) for k in (101, 102))
    return Commitment(first), Commitment(second)
