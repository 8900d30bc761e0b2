"""Gas of the contracts' acts, read from receipts of a real anvil."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
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
ANSWER_LIMIT = 300  # seconds


@contextmanager
def anvil() -> Iterator[Web3]:
    """Run a fresh anvil on a free local port and stop it afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(ANVIL), "--host", "127.0.0.1", "--port", str(port), "--silent"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        w3 = Web3(
            HTTPProvider(f"http://127.0.0.1:{port}", request_kwargs={"timeout": ANSWER_LIMIT})
        )
        end = time.monotonic() + ANSWER_LIMIT
        while not w3.is_connected():
            assert process.poll() is None, "anvil ended"
            assert time.monotonic() < end, "anvil does not answer"
            time.sleep(0.05)
        w3.eth.default_account = w3.eth.accounts[0]
        yield w3
    finally:
        process.terminate()
        process.wait()


def opening(number: int, anchor: str) -> tuple[int, str, int, int]:
    """Open the leaf of passport ``number`` as it was enrolled."""
    identity, keys, guardian = (pow(7, 2**64 + 4 * number + k, R) for k in range(3))
    return identity, anchor, keys, guardian


class Suite:
    """The contracts on one chain, with verifying keys whose trapdoors are known."""

    def __init__(self, w3: Web3) -> None:
        self.w3 = w3
        self.gas: dict[str, int] = {}
        self.trapdoor = Trapdoor.from_seed(1, 4)
        self.guardian_trapdoor = Trapdoor.from_seed(2, 4)
        code = "0x" + poseidon2_evm.creation_bytecode().hex()
        receipt = self.sent(w3.eth.send_transaction({"data": code}))
        self.gas["deploy_poseidon2"] = receipt["gasUsed"]
        self.verifier = self.deploy("Groth16Verifier", *self.trapdoor.key, True)
        guardian_verifier = self.deploy("Groth16Verifier", *self.guardian_trapdoor.key, True)
        self.recovery = self.deploy("GuardianRecovery", guardian_verifier.address)
        self.registry = self.deploy(
            "PassportRegistry",
            receipt["contractAddress"],
            self.verifier.address,
            self.recovery.address,
        )
        self.grants = self.deploy("PermissionGrants", self.registry.address)
        self.claim = self.deploy("PassportClaim", self.registry.address)
        self.vote = self.deploy("PassportVote", self.registry.address, "Tea or coffee?", 2, 2**40)

    def deploy(self, name: str, *arguments: Any) -> Any:
        document = json.loads((BUILD / f"{name}.json").read_text())
        factory = self.w3.eth.contract(abi=document["abi"], bytecode=document["bytecode"])
        receipt = self.sent(factory.constructor(*arguments).transact())
        self.gas[f"deploy_{name}"] = receipt["gasUsed"]
        return self.w3.eth.contract(address=receipt["contractAddress"], abi=document["abi"])

    def sent(self, transaction: Any) -> Any:
        receipt = self.w3.eth.wait_for_transaction_receipt(
            transaction, timeout=ANSWER_LIMIT, poll_latency=0.005
        )
        assert receipt["status"] == 1
        return receipt

    def used(self, call: Any) -> int:
        """Send a call; return the gas used."""
        return int(self.sent(call.transact({"gas": 2_000_000}))["gasUsed"])

    def wait(self, seconds: int) -> None:
        """Let time pass until the next block."""
        self.w3.provider.make_request("evm_increaseTime", [seconds])  # type: ignore[arg-type]

    def enroll_call(self, number: int) -> Any:
        """Build the enrolment of passport ``number`` of the default account."""
        identity, _, keys, guardian = opening(number, self.w3.eth.default_account)
        return self.registry.functions.enroll(identity, keys, guardian)

    def enroll(self, number: int) -> int:
        """Enrol passport ``number``; return the gas used."""
        return self.used(self.enroll_call(number))

    def enroll_many(self, start: int, stop: int) -> list[int]:
        """Enrol a range of passports, mined in one block per sixty-four of them."""
        used = []
        for first in range(start, stop, 64):
            self.w3.provider.make_request("evm_setAutomine", [False])  # type: ignore[arg-type]
            numbers = range(first, min(first + 64, stop))
            hashes = [self.enroll_call(number).transact({"gas": 400_000}) for number in numbers]
            self.w3.provider.make_request("evm_mine", [])  # type: ignore[arg-type]
            self.w3.provider.make_request("evm_setAutomine", [True])  # type: ignore[arg-type]
            used += [int(self.sent(h)["gasUsed"]) for h in hashes]
        return used

    def tree(self, members: int) -> LeanTree:
        """Return the tree of the first passports."""
        anchor = self.w3.eth.default_account
        openings = [opening(number, anchor) for number in range(members)]
        tree = LeanTree(leaf(i, a, keys, guardian) for i, a, keys, guardian in openings)
        assert tree.root == self.registry.functions.root().call()
        return tree

    def update_first(self, tree: LeanTree) -> dict[str, int]:
        """Replace the keys of passport 0 in the largest subtree."""
        mine, new_keys = opening(0, self.w3.eth.default_account), 12345
        presented = self.leaf_proof(
            self.registry.address,
            "mip: replace the keys of this passport",
            (mine[0], int(mine[1], 16), new_keys),
            tree.leaf(0),
            nonce=0,
        )
        siblings = tree.siblings(0)
        call = self.registry.functions.update(mine, new_keys, siblings, presented)
        return {"update_1000": self.used(call)}

    def recover_first(self, tree: LeanTree) -> dict[str, int]:
        """Give passport 0 guardians and new keys by them; return the gas of each step."""
        gas = {}
        chain, registry = self.recovery.functions, self.registry.address
        mine = list(opening(0, self.w3.eth.default_account))
        identity, anchor = mine[:2]
        siblings = tree.siblings(0)
        guardian, set_commitment, new_keys = 10**75 + 1, 10**75 + 2, 10**75 + 3
        presented = self.leaf_proof(
            self.recovery.address,
            "mip: change the guardians",
            (int(registry, 16), guardian, set_commitment),
            tree.leaf(0),
            nonce=0,
        )
        gas["propose_change_1000"] = self.used(
            chain.propose_change(registry, mine, guardian, set_commitment, siblings, presented)
        )
        self.wait(48 * 3600)
        gas["finish_change_1000"] = self.used(chain.finish_change(registry, mine, siblings))
        mine[3] = guardian
        request = chain.request_of(registry, identity, anchor, 1, 0, new_keys).call()
        presented = self.leaf_proof(
            self.recovery.address,
            "mip: recover this passport",
            (request,),
            leaf(identity, anchor, new_keys, guardian),
            nonce=7,
        )
        gas["propose"] = self.used(chain.propose(registry, identity, anchor, new_keys, presented))
        thresholds = 2 + 256 * 3
        for label, nullifier in (("approve_first", 10**75), ("approve", 10**75 + 9)):
            proof = self.guardian_trapdoor.prove(
                [set_commitment, nullifier, request, thresholds], nullifier
            )
            gas[label] = self.used(chain.approve(request, thresholds, nullifier, proof))
        assert chain.request_state(request).call()[2] == 2  # ARMED by the second
        self.wait(48 * 3600)
        gas["execute_1000"] = self.used(chain.execute(registry, mine, request, siblings))
        return gas

    def signed(self, number: int) -> tuple[int, int, int, str, int, bytes]:
        """Make an enrolment of a new account, signed by EIP-712."""
        account = Account.from_key(pow(5, number + 1, 2**255 - 19).to_bytes(32, "big"))
        values = [pow(11, 2**64 + 4 * number + k, R) for k in range(3)]
        message = typed_enrollment(
            self.w3.eth.chain_id, self.registry.address, *values, account.address, DEADLINE
        )
        signature = account.sign_typed_data(full_message=message).signature
        return *values, account.address, DEADLINE, bytes(signature)

    def leaf_proof(
        self, asker: str, purpose: str, words: Sequence[int], root: int, nonce: int
    ) -> tuple[Any, ...]:
        """Make a leaf proof of the default account's passport 0."""
        payload = Web3.keccak(b"".join(word.to_bytes(32, "big") for word in words))
        return self.presentation(
            asker,
            purpose,
            payload,
            10**70,
            root,
            beneficiary=self.w3.eth.default_account,
            nonce=nonce,
        )

    def presentation(
        self,
        asker: str,
        purpose: str,
        payload: bytes,
        nullifier: int,
        root: int,
        seed: int = 0,
        beneficiary: str | None = None,
        nonce: int = 7,
        scope_at: str | None = None,
    ) -> tuple[Any, ...]:
        """Make a valid presentation under a root."""
        chain = self.registry.functions
        deadline = self.w3.eth.get_block("latest")["timestamp"] + 1800
        beneficiary = beneficiary or self.w3.eth.accounts[1]
        message = chain.message_of(asker, beneficiary, payload, nonce, deadline).call()
        scope = chain.scope_of(scope_at or asker, Web3.keccak(text=purpose)).call()
        proof = self.trapdoor.prove([(root + 2) % R, nullifier, scope, message], seed)
        return root, 2, nullifier, beneficiary, nonce, deadline, proof


def measure() -> dict[str, int]:
    """Measure every figure; takes about twenty seconds."""
    with anvil() as w3:
        suite = Suite(w3)
        gas = suite.gas
        gas["enroll_0"] = suite.enroll(0)
        suite.wait(61)
        suite.enroll_many(1, 30)
        suite.wait(61)
        gas["enroll_30"] = suite.enroll(30)
        suite.enroll_many(31, 1000)
        tree = suite.tree(1000)
        for act in (suite.update_first, suite.recover_first):
            snapshot = w3.provider.make_request("evm_snapshot", [])  # type: ignore[arg-type]
            suite.wait(61)
            gas.update(act(tree))
            w3.provider.make_request("evm_revert", [snapshot["result"]])  # type: ignore[arg-type]
        suite.wait(61)
        gas["enroll_1000"] = suite.enroll(1000)
        suite.enroll_many(1001, 1023)
        suite.wait(61)
        gas["enroll_worst_1024"] = suite.enroll(1023)

        root = suite.registry.functions.root().call()
        target, payload = suite.claim.address, Web3.keccak(Web3.keccak(text="claim()"))
        for label, seed in (("gate_first", 1), ("gate", 2)):
            presented = suite.presentation(
                target, "claim once with this passport", payload, 10**70 + seed, root, seed
            )
            gas[label] = suite.used(suite.claim.functions.claim(presented))
        payload = Web3.keccak(Web3.keccak(text="vote(uint256)") + (1).to_bytes(32, "big"))
        presented = suite.presentation(
            suite.vote.address, "Tea or coffee?", payload, 10**70, root, 3
        )
        gas["vote"] = suite.used(suite.vote.functions.vote(1, presented))
        words = Web3.keccak(text="advance(address,bytes32)") + bytes(12)
        words += bytes.fromhex(target[2:]) + Web3.keccak(text="p")
        presented = suite.presentation(
            suite.grants.address, "p", Web3.keccak(words), 10**70, root, nonce=0, scope_at=target
        )
        call = suite.grants.functions.advance(target, Web3.keccak(text="p"), presented)
        gas["advance"] = suite.used(call)
        signals = [10**76 + k for k in range(4)]
        proof = suite.trapdoor.prove(signals, 2)
        call = suite.verifier.functions.verify(proof, signals + [0] * 4)
        assert call.call() is True
        gas["verify_4"] = suite.used(call)

        suite.wait(61)
        one = suite.registry.functions.enroll_signed(*suite.signed(10_000))
        gas["enroll_signed_1024"] = suite.used(one)
        batch = [suite.signed(number) for number in range(50)]
        call = suite.registry.functions.enroll_batch(batch)
        used = suite.sent(call.transact({"gas": 20_000_000}))["gasUsed"]
        gas["enroll_batch_50"] = used // 50
    return gas


if __name__ == "__main__":
    for name, value in measure().items():
        print(f"{name:24} {value:9,}")
