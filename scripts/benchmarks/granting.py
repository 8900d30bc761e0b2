"""Gas of grants and anchors, with real proofs on the benchmark's chain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.common import Figures
from benchmarks.devchain import DevChain
from benchmarks.holder import Holder, Presenter, request_of
from mip_cli.chain import archive_anchor
from mip_cli.chain.abi import encode, selector
from mip_cli.chain.app import App, parse_invocation
from mip_cli.chain.grants import PermissionGrants, Terms, grant_payload, revoke_payload
from mip_cli.chain.index import TreeIndex
from mip_cli.chain.presentations import PRESENTATION, encode_presentation
from mip_cli.chain.rpc import quantity
from mip_cli.chain.values import Call
from mip_cli.crypto.binding import keccak256
from mip_cli.models import Presentation
from mip_cli.units import Address

COLD_ACCOUNT = 2600
"""Gas that a caller pays to reach a contract for the first time in a transaction (EIP-2929)."""
_CATEGORIES = {"Lender": ("finance", 2), "Clinic": ("health", 3)}


@dataclass(frozen=True)
class Granting:
    """One enrolled holder who grants to the examples and anchors his archive."""

    chain: DevChain
    presenter: Presenter
    holder: Holder
    index: TreeIndex
    position: int
    """Of his leaf."""

    def measure(self) -> Figures:
        """Grant, use, revoke, and anchor twice."""
        grants = PermissionGrants(self.chain.rpc, self.chain.deployment.grants)
        lender, clinic = self._app("Lender"), self._app("Clinic")
        figures: Figures = {}
        frames = self._traced(lambda: self._grant(grants, lender))
        figures["gas.grant"] = used = quantity(frames["gasUsed"])
        figures["gas.grant_without_proof"] = used - self._part(frames, "check_for")
        figures["gas.grant_again"] = self._send(self._grant(grants, lender))
        self._send(self._grant(grants, clinic))
        frames = self._traced(lambda: self._presented(clinic, "register()", []))
        figures["gas.clinic_register"] = quantity(frames["gasUsed"])
        figures["gas.grant_check"] = self._part(frames, "check", grants.address)
        figures["gas.grant_check_reached"] = figures["gas.grant_check"] + COLD_ACCOUNT
        frames = self._traced(lambda: self._presented(lender, "apply(uint256)", ["900"]))
        figures["gas.lender_apply"] = quantity(frames["gasUsed"])
        figures["gas.grant_use"] = self._part(frames, "use", grants.address)
        figures["gas.grant_revoke"] = self._send(self._revoke(grants, lender))
        for sequence, key in ((1, "gas.anchor"), (2, "gas.anchor_again")):
            figures[key] = self._send(self._anchor(sequence))
        return figures

    def _app(self, name: str) -> App:
        return App(self.chain.rpc, self.chain.deployment.address(name))

    def _category(self, app: App) -> tuple[str, int]:
        names = {c.address: c.name for c in self.chain.deployment.contracts}
        return _CATEGORIES[names[app.address]]

    def _grant(self, grants: PermissionGrants, app: App) -> Call:
        category, level = self._category(app)
        expires, receipt = self.chain.now() + 30 * 86_400, keccak256(b"a receipt")
        terms = Terms(app.address, app.purpose(), category, level, expires, 9, receipt)
        nullifier = self._show(app, grants.address, bytes(32), 0).nullifier
        sequence = grants.sequence_of(nullifier, category) + 1
        chain_id = self.chain.deployment.chain_id
        payload = grant_payload(chain_id, grants.address, terms, 0, sequence)
        return grants.grant(terms, self._show(app, grants.address, payload, sequence))

    def _revoke(self, grants: PermissionGrants, app: App) -> Call:
        category, _ = self._category(app)
        payload = revoke_payload(app.address, app.purpose(), category)
        nullifier = self._show(app, grants.address, bytes(32), 0).nullifier
        sequence = grants.sequence_of(nullifier, category) + 1
        shown = self._show(app, grants.address, payload, sequence)
        return grants.revoke(app.address, app.purpose(), category, shown)

    def _presented(self, app: App, signature: str, arguments: list[str]) -> Call:
        act = parse_invocation(signature, arguments)
        return app.call(act, self._show(app, app.address, act.payload, 0))

    def _anchor(self, sequence: int) -> Call:
        anchor = self._app("ArchiveAnchor")
        signature, commitment = archive_anchor.SIGNATURE, keccak256(b"a log %d" % sequence)
        words = encode(("bytes32", "uint256"), (commitment, sequence))
        payload = keccak256(keccak256(signature.encode()) + words)
        shown = self._show(anchor, anchor.address, payload, 0)
        name = f"anchor(bytes32,uint256,{PRESENTATION})"
        return Call(anchor.address, selector(name) + words + encode_presentation(shown))

    def _show(self, app: App, asker: Address, payload: bytes, nonce: int) -> Presentation:
        """Make a proof whose pseudonym is that at the app, and whose message names the asker."""
        chain_id, purpose = self.chain.deployment.chain_id, app.purpose()
        ask = request_of(chain_id, asker, purpose, payload)
        ask = replace(ask, scope=request_of(chain_id, app.address, purpose, payload).scope)
        path = self.index.path(self.position, self.holder.leaf)
        deadline = self.chain.now() + 1800
        return self.presenter.present(self.holder, ask, deadline, nonce=nonce, path=path)

    def _send(self, call: Call) -> int:
        return self.chain.send(call)

    def _traced(self, make: Callable[[], Call]) -> dict[str, Any]:
        """Send a call and return the tree of its calls with the gas of each."""
        self._send(make())
        block = self.chain.rpc.call("eth_getBlockByNumber", "latest", False)
        (transaction,) = block["transactions"]
        trace = self.chain.rpc.call("debug_traceTransaction", transaction, {"tracer": "callTracer"})
        return dict(trace)

    def _part(self, frame: dict[str, Any], function: str, contract: Address | None = None) -> int:
        """Return the gas of the one call below a frame of that function, by that contract."""
        names = {
            "check_for": f"check_for(address,bytes32,bytes32,uint256,bool,{PRESENTATION})",
            "check": "check(uint256,bytes32,uint256)",
            "use": "use(uint256,bytes32,uint256,bytes32)",
        }
        wanted = "0x" + selector(names[function]).hex()
        place = contract or self.chain.deployment.registry
        (found,) = [
            part
            for part in frame.get("calls", [])
            if part["input"].startswith(wanted) and part["to"] == place.lower()
        ]
        return quantity(found["gasUsed"])
