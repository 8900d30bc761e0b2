"""Gas of grants, read from receipts of a real anvil."""

from __future__ import annotations

from typing import Any

from gas_meter import Suite, anvil
from web3 import Web3

from mip_cli.chain.grants import Terms, category_id, grant_payload
from mip_cli.units import Address

NULLIFIER, PURPOSE, CATEGORY = 10**70, "lend on my finance records", "finance"
INTRINSIC = 21_000
"""Gas of any transaction, without its calldata."""


class Granting:
    """The contract of grants beside a suite; the grantee is the default account."""

    def __init__(self, suite: Suite) -> None:
        self.suite, self.w3 = suite, suite.w3
        self.chain = suite.grants
        self.held = NULLIFIER, category_id(CATEGORY), 2

    def grant(self, seed: int) -> Any:
        """Build the next grant."""
        suite, address = self.suite, Address(self.chain.address)
        grantee = Address(str(self.w3.eth.default_account))
        expires = self.w3.eth.get_block("latest")["timestamp"] + 30 * 86_400
        terms = Terms(grantee, PURPOSE, CATEGORY, 2, expires, 9, Web3.keccak(text="a receipt"))
        sequence = self.chain.functions.sequence_of(*self.held[:2]).call() + 1
        presented = suite.presentation(
            address,
            PURPOSE,
            grant_payload(self.w3.eth.chain_id, address, terms, 0, sequence),
            NULLIFIER,
            suite.registry.functions.root().call(),
            seed,
            nonce=sequence,
            scope_at=grantee,
        )
        row = (grantee, Web3.keccak(text=PURPOSE), self.held[1], 2, expires, 9, terms.receipt)
        return self.chain.functions.grant(row, presented)

    def traced(self, call: Any) -> dict[str, Any]:
        """Send a call and return the tree of its calls."""
        receipt = self.suite.sent(call.transact({"gas": 2_000_000}))
        wanted = [Web3.to_hex(receipt["transactionHash"]), {"tracer": "callTracer"}]
        answer = self.w3.provider.make_request("debug_traceTransaction", wanted)
        return dict(answer["result"])

    def executed(self, call: Any) -> int:
        """Return the gas of a call without what any transaction with its data pays."""
        data = bytes.fromhex(call.build_transaction({"gas": 2_000_000})["data"][2:])
        return self.suite.used(call) - INTRINSIC - sum(16 if byte else 4 for byte in data)


def measure() -> dict[str, int]:
    """Measure every figure; takes some seconds."""
    with anvil() as w3:
        suite = Suite(w3)
        suite.enroll_many(0, 30)
        granting, gas = Granting(suite), suite.gas
        frames = granting.traced(granting.grant(1))
        (proved,) = [p for p in frames["calls"] if p["to"] == suite.registry.address.lower()]
        gas["grant"] = int(frames["gasUsed"], 16)
        gas["grant_without_proof"] = gas["grant"] - int(proved["gasUsed"], 16)
        gas["grant_again"] = suite.used(granting.grant(2))
        gas["grant_check"] = granting.executed(granting.chain.functions.check(*granting.held))
        use = granting.chain.functions.use(*granting.held, bytes(32))
        gas["grant_use"] = granting.executed(use)
    return gas


if __name__ == "__main__":
    for name, value in measure().items():
        print(f"{name:24} {value:9,}")
