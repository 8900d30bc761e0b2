"""Deploys the suite under titanoboa and speaks for its actors."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boa
from boa.contracts.base_evm_contract import BoaError
from boa.contracts.vyper.vyper_contract import StorageModel
from eth_account import Account
from eth_utils import keccak
from groth16_simulator import Trapdoor
from model import Leaf, Presentation
from pyrevm import EVM
from typed_data import typed_enrollment

from mip_cli.chain import poseidon2_evm
from mip_cli.crypto.binding import message_of, scope_of
from mip_cli.crypto.field import R
from mip_cli.crypto.lean_tree import LeanTree

CONTRACTS = Path(os.environ.get("MIP_TEST_CONTRACTS", Path(__file__).parents[2] / "contracts"))
"""Where the sources under test lie; the mutation test points it at changed copies."""

CLAIM_PURPOSE = "claim once with this passport"
QUESTION = "Tea or coffee?"
START = 1_800_000_000 // 60 * 60
"""Time of the deployment, at the beginning of a bucket."""

_GAS: dict[int, Callable[[bytes], int]] = {
    6: lambda data: 150,
    7: lambda data: 6000,
    8: lambda data: 45_000 + 34_000 * (len(data) // 192),
}


def spare_storage_dumps() -> None:
    """Leave storage out of a revert's report: it is read by traces that outlive a rollback.

    A contract at an address where another one stood in an earlier test breaks the report, and with
    it the test of the revert.
    """
    StorageModel.dump = lambda self: {}


def route_precompiles() -> None:
    """Let a native EVM do additions, products and pairings; py-evm takes seconds for a pairing."""
    from eth.exceptions import VMError

    native = EVM()
    sender = "0x" + "11" * 20

    def routed(number: int) -> Callable[[Any], Any]:
        address = "0x" + number.to_bytes(20, "big").hex()

        def run(computation: Any) -> Any:
            data = bytes(computation.msg.data_as_bytes)
            computation.consume_gas(_GAS[number](data), reason="precompile")
            try:
                output = native.message_call(sender, address, calldata=data, gas=3_000_000)
            except RuntimeError as error:
                raise VMError(str(error)) from error
            computation.output = bytes(output)
            return computation

        return run

    computation_class = boa.env.evm.vm.state.computation_class
    table = dict(computation_class._precompiles)
    for number in _GAS:
        table[number.to_bytes(20, "big")] = routed(number)
    computation_class._precompiles = table


@dataclass(frozen=True)
class Holder:
    """One passport as its holder knows it."""

    identity: int
    anchor: str
    keys: int
    guardian: int
    index: int
    epoch: int = 0

    @property
    def opening(self) -> Leaf:
        """The opening of the leaf in the tree."""
        return Leaf(self.identity, self.anchor, self.keys, self.guardian)

    @property
    def leaf(self) -> int:
        """The leaf in the tree."""
        return self.opening.hashed


@dataclass
class Deployment:
    """The contracts and the trapdoors of their verifying keys."""

    trapdoor: Trapdoor
    guardian_trapdoor: Trapdoor
    hasher: Any
    verifier: Any
    guardian_verifier: Any
    recovery: Any
    registry: Any
    grants: Any
    claim: Any
    vote: Any
    tree: LeanTree = field(default_factory=LeanTree)

    def enroll(self, number: int, keys: int | None = None) -> Holder:
        """Enrol passport ``number`` from an account of its own."""
        identity, keys = commitment(number), keys or commitment(10**6 + number)
        anchor, guardian = account(number), commitment(2 * 10**6 + number)
        index = self.registry.enroll(identity, keys, guardian, sender=anchor)
        return Holder(identity, anchor, keys, guardian, index)

    def presentation(
        self,
        asker: str,
        purpose: str,
        payload: bytes,
        *,
        root: int | None = None,
        level: int = 2,
        nullifier: int = 10**70,
        beneficiary: str | None = None,
        nonce: int = 7,
        lifetime: int = 1800,
        seed: int = 1,
        app: str | None = None,
    ) -> Presentation:
        """Make a valid presentation for an asker; the trapdoor stands in for the circuit.

        The pseudonym is that at ``app``, the asker itself when not given.
        """
        bare = Presentation(
            root=self.registry.root() if root is None else root,
            level=level,
            nullifier=nullifier,
            beneficiary=beneficiary or account(77),
            nonce=nonce,
            deadline=now() + lifetime,
            proof=(),
        )
        return self.prove(bare, asker, purpose, payload, seed, app)

    def prove(
        self,
        bare: Presentation,
        asker: str,
        purpose: str,
        payload: bytes,
        seed: int = 1,
        app: str | None = None,
    ) -> Presentation:
        """Add a valid proof to the values of a presentation."""
        chain_id = boa.env.evm.patch.chain_id
        message = message_of(
            chain_id,
            asker,
            beneficiary=bare.beneficiary,
            payload=payload,
            nonce=bare.nonce,
            deadline=bare.deadline,
        )
        scope = scope_of(chain_id, app or asker, purpose)
        signals = [(bare.root + bare.level) % R, bare.nullifier, scope, message]
        return replace(bare, proof=tuple(self.trapdoor.prove(signals, seed)))

    def for_claim(self, **changes: Any) -> Presentation:
        """Make a presentation for the claim example."""
        payload = payload_of("claim()")
        return self.presentation(self.claim.address, CLAIM_PURPOSE, payload, **changes)

    def for_vote(self, choice: int, **changes: Any) -> Presentation:
        """Make a presentation for the vote example."""
        payload = payload_of("vote(uint256)", choice)
        return self.presentation(self.vote.address, QUESTION, payload, **changes)

    def for_update(self, holder: Holder, new_keys: int, **changes: Any) -> Presentation:
        """Make a leaf proof that replaces a holder's keys."""
        payload = keccak(words(holder.identity, int(holder.anchor, 16), new_keys))
        purpose = "mip: replace the keys of this passport"
        return self.for_own_act(holder, purpose, payload, **changes)

    def for_revoke(self, holder: Holder, **changes: Any) -> Presentation:
        """Make a leaf proof that revokes a passport."""
        payload = keccak(words(holder.identity, int(holder.anchor, 16)))
        return self.for_own_act(holder, "mip: revoke this passport", payload, **changes)

    def for_own_act(
        self, holder: Holder, purpose: str, payload: bytes, **changes: Any
    ) -> Presentation:
        """Make a leaf proof for the registry itself."""
        changes = {"nonce": holder.epoch, **changes}
        return self.for_leaf(holder, self.registry.address, purpose, payload, **changes)

    def for_leaf(
        self, holder: Holder, asker: str, purpose: str, payload: bytes, **changes: Any
    ) -> Presentation:
        """Make a leaf proof for a contract that acts on a passport."""
        changes = {"root": holder.leaf, "beneficiary": holder.anchor, **changes}
        return self.presentation(asker, purpose, payload, **changes)

    def update(self, holder: Holder, new_keys: int, tree: LeanTree, **changes: Any) -> Holder:
        """Replace a holder's keys on the chain and in a tree."""
        presented = self.for_update(holder, new_keys, **changes)
        siblings = subtree_siblings(tree, holder.index)
        self.registry.update(holder.opening.abi(), new_keys, siblings, presented.abi())
        renewed = replace(holder, keys=new_keys, epoch=holder.epoch + 1)
        tree.update(holder.index, renewed.leaf)
        return renewed

    def signed(self, number: int, **changes: Any) -> dict[str, Any]:
        """Make a signed enrolment of a key of its own; ``changes`` are made after signing."""
        key = Account.from_key(pow(5, number + 1, 2**255 - 19).to_bytes(32, "big"))
        entry = {
            "identity_commitment": commitment(number),
            "keys_root": commitment(10**6 + number),
            "guardian_commitment": commitment(2 * 10**6 + number),
            "anchor": key.address,
            "deadline": now() + 600,
        }
        message = typed_enrollment(
            boa.env.evm.patch.chain_id, self.registry.address, *entry.values()
        )
        signature = key.sign_typed_data(full_message=message).signature
        return {**entry, "signature": bytes(signature), **changes}


def deploy(trapdoor: Trapdoor | None = None, chain_id: int = 31337) -> Deployment:
    """Deploy everything at ``START``."""
    boa.env.evm.patch.chain_id = chain_id
    boa.env.evm.patch.timestamp = START
    trapdoor, guardian_trapdoor = trapdoor or Trapdoor.from_seed(1, 4), Trapdoor.from_seed(2, 4)
    hasher, _ = boa.env.deploy_code(bytecode=poseidon2_evm.creation_bytecode())
    verifier = load("Groth16Verifier.vy").deploy(*trapdoor.key, True)
    guardian_verifier = load("Groth16Verifier.vy").deploy(*guardian_trapdoor.key, True)
    recovery = load("GuardianRecovery.vy").deploy(guardian_verifier.address)
    registry = load("PassportRegistry.vy").deploy(hasher, verifier.address, recovery.address)
    grants = load("PermissionGrants.vy").deploy(registry.address)
    claim = load("examples/PassportClaim.vy").deploy(registry.address)
    vote = load("examples/PassportVote.vy").deploy(registry.address, QUESTION, 2, START + 10**8)
    return Deployment(
        trapdoor,
        guardian_trapdoor,
        hasher,
        verifier,
        guardian_verifier,
        recovery,
        registry,
        grants,
        claim,
        vote,
    )


_LOADED: dict[str, Any] = {}


def load(name: str) -> Any:
    """Compile a contract once."""
    if name not in _LOADED:
        _LOADED[name] = boa.load_partial(str(CONTRACTS / name))
    return _LOADED[name]


def now() -> int:
    """Return the time of the next block."""
    return int(boa.env.evm.patch.timestamp)


def at(timestamp: int) -> None:
    """Set the time of the next block."""
    boa.env.evm.patch.timestamp = timestamp


def account(number: int) -> str:
    """Return the address of an outsider, holder or relayer by number."""
    from eth_utils import to_checksum_address

    return str(to_checksum_address(keccak(b"account" + number.to_bytes(8, "big"))[:20]))


def commitment(number: int) -> int:
    """Return a field element that stands for a commitment."""
    return int.from_bytes(keccak(b"commitment" + number.to_bytes(8, "big")), "big") % R


def words(*values: int) -> bytes:
    """Encode integers as ABI words."""
    return b"".join(value.to_bytes(32, "big") for value in values)


def payload_of(signature: str, *arguments: int) -> bytes:
    """Return the payload of a call whose arguments are words."""
    return bytes(keccak(keccak(text=signature) + words(*arguments)))


def subtree_siblings(tree: LeanTree, index: int) -> list[int]:
    """Return the siblings inside the complete subtree that holds a leaf."""
    return tree.siblings(index)[: (index ^ len(tree)).bit_length() - 1]


def refusal(act: Callable[[], Any]) -> str | None:
    """Return the reason an act is refused for, an empty string for no reason, None if it passes."""
    try:
        act()
    except BoaError as error:
        output = bytes(error.call_trace.computation.output) if hasattr(error, "call_trace") else b""
        return reason_in(output)
    return None


def reason_in(output: bytes) -> str:
    """Decode Error(string) revert data."""
    if output[:4] != bytes.fromhex("08c379a0"):
        return ""
    length = int.from_bytes(output[36:68], "big")
    return output[68 : 68 + length].decode()
