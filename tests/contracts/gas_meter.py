"""Gas of the registry's acts, read from receipts of a real anvil."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eth_account import Account
from groth16_simulator import Trapdoor
from typed_data import typed_enrollment
from web3 import HTTPProvider, Web3

from mip_cli.chain import poseidon2_evm
from mip_cli.crypto.commitments import leaf
from mip_cli.crypto.field import R
from mip_cli.crypto.lean_tree import LeanTree

ROOT = Path(__file__).resolve().parents[2]
ANVIL = ROOT / "circuits/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
BUILD = ROOT / "build" / "contracts"
DEADLINE = 2**40


@contextmanager
def anvil() -> Iterator[Web3]:
    """Run a fresh anvil on a free local port and stop it afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(ANVIL), "--host", "127.0.0.1", "--port", str(port), "--silent"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        w3 = Web3(HTTPProvider(f"http://127.0.0.1:{port}", request_kwargs={"timeout": 60}))
        for _ in range(200):
            if w3.is_connected():
                break
            time.sleep(0.05)
        w3.eth.default_account = w3.eth.accounts[0]
        yield w3
    finally:
        process.terminate()
        process.wait()


class Suite:
    """The contracts on one chain, with a verifying key whose trapdoor is known."""

    def __init__(self, w3: Web3) -> None:
        self.w3 = w3
        self.gas: dict[str, int] = {}
        self.trapdoor = Trapdoor.from_seed(1, 4)
        code = "0x" + poseidon2_evm.creation_bytecode().hex()
        receipt = self.sent(w3.eth.send_transaction({"data": code}))
        self.gas["deploy_poseidon2"] = receipt["gasUsed"]
        self.verifier = self.deploy("Groth16Verifier", *self.trapdoor.key, True)
        self.registry = self.deploy(
            "PassportRegistry", receipt["contractAddress"], self.verifier.address
        )
        self.claim = self.deploy("PassportClaim", self.registry.address)
        self.vote = self.deploy("PassportVote", self.registry.address, "Tea or coffee?", 2, 2**40)

    def deploy(self, name: str, *arguments: Any) -> Any:
        document = json.loads((BUILD / f"{name}.json").read_text())
        factory = self.w3.eth.contract(abi=document["abi"], bytecode=document["bytecode"])
        receipt = self.sent(factory.constructor(*arguments).transact())
        self.gas[f"deploy_{name}"] = receipt["gasUsed"]
        return self.w3.eth.contract(address=receipt["contractAddress"], abi=document["abi"])

    def sent(self, transaction: Any) -> Any:
        receipt = self.w3.eth.wait_for_transaction_receipt(transaction, poll_latency=0.005)
        assert receipt["status"] == 1
        return receipt

    def enroll(self, number: int) -> int:
        """Enrol passport ``number`` of the default account; return the gas used."""
        values = [pow(7, 3 * number + k + 1, R) for k in (1, 2)]
        call = self.registry.functions.enroll(*values)
        return int(self.sent(call.transact({"gas": 1_000_000}))["gasUsed"])

    def enroll_many(self, start: int, stop: int) -> list[int]:
        """Enrol a range of passports, mined in one block per sixty-four of them."""
        used = []
        for first in range(start, stop, 64):
            self.w3.provider.make_request("evm_setAutomine", [False])  # type: ignore[arg-type]
            hashes = []
            for number in range(first, min(first + 64, stop)):
                values = [pow(7, 3 * number + k + 1, R) for k in (1, 2)]
                call = self.registry.functions.enroll(*values)
                hashes.append(call.transact({"gas": 400_000}))
            self.w3.provider.make_request("evm_mine", [])  # type: ignore[arg-type]
            self.w3.provider.make_request("evm_setAutomine", [True])  # type: ignore[arg-type]
            used += [int(self.sent(h)["gasUsed"]) for h in hashes]
        return used

    def update_first(self, members: int) -> int:
        """Replace the keys of passport 0 in the largest subtree; return the gas used."""
        anchor = self.w3.eth.default_account
        values = [[pow(7, 3 * n + k + 1, R) for k in (1, 2)] for n in range(members)]
        tree = LeanTree(leaf(identity, anchor, keys, 0) for identity, keys in values)
        assert tree.root == self.registry.functions.root().call()
        (identity, keys), new_keys = values[0], 12345
        words = (identity, int(anchor, 16), new_keys)
        presented = self.presentation(
            self.registry.address,
            "mip: replace the keys of this passport",
            Web3.keccak(b"".join(word.to_bytes(32, "big") for word in words)),
            10**70,
            tree.leaf(0),
            beneficiary=anchor,
        )
        siblings = tree.siblings(0)[: members.bit_length() - 1]
        call = self.registry.functions.update(identity, anchor, keys, new_keys, siblings, presented)
        return int(self.sent(call.transact({"gas": 2_000_000}))["gasUsed"])

    def signed(self, number: int) -> tuple[int, int, str, int, bytes]:
        """Make an enrolment of a new account, signed by EIP-712."""
        account = Account.from_key(pow(5, number + 1, 2**255 - 19).to_bytes(32, "big"))
        identity, keys = (pow(11, 3 * number + k + 1, R) for k in (1, 2))
        message = typed_enrollment(
            self.w3.eth.chain_id, self.registry.address, identity, keys, account.address, DEADLINE
        )
        signature = account.sign_typed_data(full_message=message).signature
        return identity, keys, account.address, DEADLINE, bytes(signature)

    def presentation(
        self,
        asker: str,
        purpose: str,
        payload: bytes,
        nullifier: int,
        root: int,
        seed: int = 0,
        beneficiary: str | None = None,
    ) -> tuple[Any, ...]:
        """Make a valid presentation under a root."""
        chain = self.registry.functions
        deadline = self.w3.eth.get_block("latest")["timestamp"] + 1800
        beneficiary = beneficiary or self.w3.eth.accounts[1]
        message = chain.message_of(asker, beneficiary, payload, 7, deadline).call()
        scope = chain.scope_of(asker, Web3.keccak(text=purpose)).call()
        proof = self.trapdoor.prove([(root + 2) % R, nullifier, scope, message], seed)
        return root, 2, nullifier, beneficiary, 7, deadline, proof


def measure() -> dict[str, int]:
    """Measure every figure; takes about fifteen seconds."""
    with anvil() as w3:
        suite = Suite(w3)
        gas = suite.gas

        def next_bucket() -> None:
            w3.provider.make_request("evm_increaseTime", [61])  # type: ignore[arg-type]

        gas["enroll_0"] = suite.enroll(0)
        next_bucket()
        suite.enroll_many(1, 30)
        next_bucket()
        gas["enroll_30"] = suite.enroll(30)
        suite.enroll_many(31, 1000)
        next_bucket()
        gas["enroll_1000"] = suite.enroll(1000)
        with_snapshot = w3.provider.make_request("evm_snapshot", [])  # type: ignore[arg-type]
        gas["update_1000"] = suite.update_first(1001)
        w3.provider.make_request("evm_revert", [with_snapshot["result"]])  # type: ignore[arg-type]
        suite.enroll_many(1001, 1023)
        next_bucket()
        gas["enroll_worst_1024"] = suite.enroll(1023)

        root = suite.registry.functions.root().call()
        target, payload = suite.claim.address, Web3.keccak(Web3.keccak(text="claim()"))
        for label, seed in (("gate_first", 1), ("gate", 2)):
            presented = suite.presentation(
                target, "claim once with this passport", payload, 10**70 + seed, root, seed
            )
            receipt = suite.sent(suite.claim.functions.claim(presented).transact())
            gas[label] = receipt["gasUsed"]
        payload = Web3.keccak(Web3.keccak(text="vote(uint256)") + (1).to_bytes(32, "big"))
        presented = suite.presentation(
            suite.vote.address, "Tea or coffee?", payload, 10**70, root, 3
        )
        gas["vote"] = suite.sent(suite.vote.functions.vote(1, presented).transact())["gasUsed"]
        signals = [10**76 + k for k in range(4)]
        proof = suite.trapdoor.prove(signals, 2)
        call = suite.verifier.functions.verify(proof, signals + [0] * 4)
        assert call.call() is True
        gas["verify_4"] = suite.sent(call.transact({"gas": 1_000_000}))["gasUsed"]

        next_bucket()
        one = suite.registry.functions.enroll_signed(*suite.signed(10_000))
        gas["enroll_signed_1024"] = suite.sent(one.transact({"gas": 1_000_000}))["gasUsed"]
        batch = [suite.signed(number) for number in range(50)]
        call = suite.registry.functions.enroll_batch(batch)
        used = suite.sent(call.transact({"gas": 20_000_000}))["gasUsed"]
        gas["enroll_batch_50"] = used // 50
    return gas


if __name__ == "__main__":
    for name, value in measure().items():
        print(f"{name:24} {value:9,}")
