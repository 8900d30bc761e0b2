"""Semaphore v4 on the same chain program and with the same provers, for comparison."""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Sequence

from benchmarks.common import PEERS, ROOT, Context, Figures, announced, median_seconds
from benchmarks.devchain import DevChain, fresh_chain
from benchmarks.proving import snarkjs_warm
from mip_cli.chain.abi import address_word, pack_words, selector, words
from mip_cli.chain.devnet import node_binary
from mip_cli.chain.values import Call
from mip_cli.crypto.binding import keccak248, word
from mip_cli.crypto.field import R
from mip_cli.crypto.poseidon import poseidon
from mip_cli.units import Address
from mip_cli.zk.artifacts import load_curve
from mip_cli.zk.proof import Proof
from mip_cli.zk.prover import Groth16py, Snarkjs, make_proof
from mip_cli.zk.witness import WitnessProgram, public_signals
from mip_cli.zk.zkey import read_zkey

DEPTH = 20
ARTIFACTS = PEERS / "@zk-kit" / "semaphore-artifacts"
BATCH = 50
MESSAGE = 77
_SECRET = 4242
_LINK = 20


def installed() -> bool:
    """Tell whether the peer's packages are there."""
    return (ARTIFACTS / f"semaphore-{DEPTH}.zkey").is_file() and (PEERS / "solc").is_dir()


def measure(context: Context) -> Figures:
    """Measure gas and proofs."""
    member = _Member(context)
    figures = member.figures()
    with announced(context.say, "  Semaphore on chain"), fresh_chain(context.settings) as chain:
        return figures | _gas(chain, member)


class _Member:
    """A member of a group of two, its proofs made by the peer's own circuit and key."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._zkey = ARTIFACTS / f"semaphore-{DEPTH}.zkey"
        self._key = read_zkey(self._zkey.read_bytes()).key
        code = (ARTIFACTS / f"semaphore-{DEPTH}.wasm").read_bytes()
        self._program = WitnessProgram(code, context.settings.cache_dir)
        self._curve = load_curve(context.settings)
        self.commitment = self._signals([], 1)[0]  # the root of a path without steps is its leaf

    def _wtns(self, siblings: Sequence[int], scope: int) -> bytes:
        return self._program.compute(
            {
                "secret": _SECRET,
                "merkleProofLength": len(siblings),
                "merkleProofIndex": 0,
                "merkleProofSiblings": [*siblings, *[0] * (DEPTH - len(siblings))],
                "message": keccak248(word(MESSAGE)),
                "scope": keccak248(word(scope)),
            }
        )

    def _signals(self, siblings: Sequence[int], scope: int) -> list[int]:
        return public_signals(self._wtns(siblings, scope), 4)

    def prove(self, siblings: Sequence[int], scope: int) -> tuple[Proof, tuple[int, ...]]:
        """Make a proof; by snarkjs where groth16py does not run."""
        fast, checkout = Groth16py(), self._context.settings.checkout
        slow = Snarkjs(checkout / "circuits" / "node_modules" if checkout else None)
        wtns = self._wtns(siblings, scope)
        prover = fast if fast.available() else slow
        return make_proof(prover, self._zkey, self._key, wtns, self._curve)

    def figures(self) -> Figures:
        """Return the size of the key and the time of proofs."""
        wtns = self._wtns([poseidon(1, number) for number in range(DEPTH)], 1)
        figures = {"peer.semaphore.zkey_mib": self._zkey.stat().st_size / 2**20}
        with announced(self._context.say, "  Semaphore's proofs"):
            warm = snarkjs_warm(self._zkey, wtns, runs=5)
            key = "peer.semaphore.prove_snarkjs_seconds"
            figures[key] = statistics.median(warm["prove"]) / 1000
            fast = Groth16py()
            if fast.available():
                figures["peer.semaphore.prove_groth16py_seconds"] = median_seconds(
                    7, lambda: make_proof(fast, self._zkey, self._key, wtns, self._curve)
                )
        return figures


def _gas(chain: DevChain, member: _Member) -> Figures:
    semaphore, figures = _deploy(chain)

    def call(signature: str, *arguments: int) -> Call:
        return Call(semaphore, selector(signature) + pack_words(arguments))

    def add(number: int, group: int = 0) -> Call:
        return call("addMember(uint256,uint256)", group, _commitment(number))

    chain.send(call("createGroup()"))
    name = "peer.semaphore.enroll_"
    figures[f"{name}0"] = chain.send(add(0))
    chain.send_many([add(i) for i in range(1, 30)])
    figures[f"{name}30"] = chain.send(add(30))
    chain.send_many([add(i) for i in range(31, 1000)])
    with chain.undone():
        many = [_commitment(i) for i in range(2000, 2000 + BATCH)]
        wish = call("addMembers(uint256,uint256[])", 0, 64, BATCH, *many)
        figures[f"{name}batch_50"] = chain.send(wish) / BATCH
    with chain.undone():
        siblings = _siblings([_commitment(i) for i in range(1000)])
        signature = "removeMember(uint256,uint256,uint256[])"
        wish = call(signature, 0, _commitment(0), 96, len(siblings), *siblings)
        figures["peer.semaphore.remove_1000"] = chain.send(wish)
    figures[f"{name}1000"] = chain.send(add(1000))
    chain.send_many([add(i) for i in range(1001, 1023)])
    figures[f"{name}worst_1024"] = chain.send(add(1023))
    chain.send(call("createGroup()"))
    chain.send(call("addMember(uint256,uint256)", 1, member.commitment))
    chain.send(add(1, group=1))
    for scope in (1, 2):  # the second one counts
        proof, signals = member.prove([_commitment(1)], scope)
        root, nullifier = signals[:2]
        values = (1, DEPTH, root, nullifier, MESSAGE, scope, *proof.evm_words())
        signature = "validateProof(uint256,(uint256,uint256,uint256,uint256,uint256,uint256[8]))"
        figures["peer.semaphore.gate"] = chain.send(call(signature, *values))
    return figures


def _deploy(chain: DevChain) -> tuple[Address, Figures]:
    script = ROOT / "bench" / "compile_semaphore.cjs"
    done = subprocess.run([node_binary(), script], capture_output=True, check=True, timeout=120)
    compiled = json.loads(done.stdout)
    poseidon_at, first = chain.create(bytes.fromhex(compiled["PoseidonT3"]["code"]))
    verifier_at, second = chain.create(bytes.fromhex(compiled["SemaphoreVerifier"]["code"]))
    text = compiled["Semaphore"]["code"]
    for start in compiled["Semaphore"]["links"]:
        text = text[: 2 * start] + poseidon_at[2:].lower() + text[2 * (start + _LINK) :]
    code = bytes.fromhex(text) + address_word(verifier_at)
    semaphore, third = chain.create(code)
    if words(chain.rpc.eth_call(semaphore, selector("verifier()")), 1)[0] != int(verifier_at, 16):
        raise RuntimeError("Semaphore was not linked as it should")
    return semaphore, {"peer.semaphore.deploy": first + second + third}


def _siblings(leaves: Sequence[int]) -> list[int]:
    """Return the path of the first leaf in a LeanIMT with circomlib's Poseidon."""
    found = []
    level = list(leaves)
    while len(level) > 1:
        found.append(level[1])
        pairs = range(0, len(level) - 1, 2)
        above = [poseidon(level[i], level[i + 1]) for i in pairs]
        level = above + level[len(level) - len(level) % 2 :]
    return found


def _commitment(number: int) -> int:
    return pow(7, 3 * number + 100, R)
