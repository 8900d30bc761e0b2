"""Whether what stands on a chain is what a deployment record says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mip_cli.chain.abi import pack_words, selector, words
from mip_cli.chain.archive_anchor import ArchiveAnchor
from mip_cli.chain.deployments import (
    ANCHOR,
    CIRCUITS,
    DOCUMENT_GATE,
    DOCUMENT_VERIFIER,
    GATE,
    GRANTS,
    GUARDIAN_VERIFIER,
    ISSUERS,
    POSEIDON2,
    PREDICATE_VERIFIER,
    RECOVERY,
    REGISTRY,
    SELF_ATTESTATION,
    VERIFIER,
    Deployment,
)
from mip_cli.chain.grants import PermissionGrants
from mip_cli.chain.issuers import IssuerRegistry
from mip_cli.chain.predicates import PredicateGate
from mip_cli.chain.recovery import Recovery
from mip_cli.chain.registry import Registry
from mip_cli.chain.rpc import RpcClient, hexbytes
from mip_cli.chain.self_attestation import SelfAttestation
from mip_cli.config import LOCAL_CHAIN_IDS
from mip_cli.crypto.binding import keccak256
from mip_cli.errors import MipError, WrongChain

REDEPLOY = "deploy again: mip deploy, or mip dev up for a local chain"

KEY_HEAD = 14
"""Words of alpha, beta, gamma and delta."""

Keys = Mapping[str, Sequence[int]]
"""Words of verifying keys, as ``VerifyingKey.evm_words`` gives them, by circuit."""


class CheckState(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    """What was looked at."""
    state: CheckState
    """How it is."""
    text: str
    """What was found, one clause."""
    remedy: str | None = None
    """What to do unless it is fine."""


def verify_deployment(
    rpc: RpcClient, deployment: Deployment, keys: Keys | None = None
) -> list[Check]:
    """Compare chain id, code, wiring and verifying keys with a record; never raises a fault.

    ``keys`` are the verifying keys of this machine; a circuit that is not among them is not
    compared.
    """
    try:
        found = rpc.chain_id()
    except MipError as error:
        return [Check("chain", CheckState.FAIL, error.message, error.hint)]
    if found != deployment.chain_id:
        text = f"{rpc.label} serves chain {found}, not {deployment.chain_id}"
        return [Check("chain", CheckState.FAIL, text, "check --rpc-url")]
    checks = [Check("chain", CheckState.OK, f"{rpc.label} serves chain {found}")]
    if rpc.exposed:
        text = "requests travel unencrypted to another machine"
        checks.append(Check("transport", CheckState.WARN, text, "use an https:// URL"))
    try:
        checks += _history(rpc, deployment) + _code(rpc, deployment)
        if all(check.state is not CheckState.FAIL for check in checks):
            checks += _wiring(rpc, deployment) + _keys(rpc, deployment, keys or {})
    except MipError as error:
        checks.append(Check("contracts", CheckState.FAIL, error.message, error.hint or REDEPLOY))
    return checks


def require_deployment(rpc: RpcClient, deployment: Deployment, keys: Keys | None = None) -> None:
    """Raise ``WrongChain`` for the first thing that is not as recorded.

    Raises the node's own fault when it does not answer.
    """
    rpc.require_chain(deployment.chain_id)
    for check in verify_deployment(rpc, deployment, keys):
        if check.state is CheckState.FAIL:
            raise WrongChain(check.text, hint=check.remedy)


def on_chain_key_hash(key_words: Sequence[int]) -> bytes:
    """Return the hash by which a verifier contract names its verifying key."""
    return keccak256(pack_key(key_words))


def pack_key(key_words: Sequence[int]) -> bytes:
    """Encode alpha, beta, gamma, delta and the points of IC as the verifier's constructor does."""
    fixed, points = key_words[:KEY_HEAD], key_words[KEY_HEAD:]
    return pack_words([*fixed, 32 * (KEY_HEAD + 1), len(points) // 2, *points])


def _history(rpc: RpcClient, deployment: Deployment) -> list[Check]:
    block = rpc.call("eth_getBlockByNumber", hex(deployment.block), False)
    if isinstance(block, dict) and hexbytes(block.get("hash"), 32) == deployment.block_hash:
        return []
    text = "the chain was started afresh or rewritten since the deployment was recorded"
    return [Check("history", CheckState.FAIL, text, REDEPLOY)]


def _code(rpc: RpcClient, deployment: Deployment) -> list[Check]:
    calls = [("eth_getCode", (c.address, "latest")) for c in deployment.contracts]
    checks = []
    for contract, raw in zip(deployment.contracts, rpc.batch(calls), strict=True):
        code = bytes.fromhex(str(raw)[2:])
        if not code:
            text = f"there is no {contract.name} at {contract.address}"
            checks.append(Check(contract.name, CheckState.FAIL, text, REDEPLOY))
        elif keccak256(code) != contract.code_hash:
            text = f"other code than recorded stands at {contract.address}"
            remedy = "do not use this node or chain before you know why"
            checks.append(Check(contract.name, CheckState.FAIL, text, remedy))
        else:
            checks.append(Check(contract.name, CheckState.OK, f"at {contract.address}"))
    return checks


def _wiring(rpc: RpcClient, deployment: Deployment) -> list[Check]:
    """Each contract must use the recorded ones: its code hash alone does not tell."""
    registry = Registry(rpc, deployment.registry)
    recovery = Recovery(rpc, deployment.recovery)
    anchor = ArchiveAnchor(rpc, deployment.archive_anchor)
    grants = PermissionGrants(rpc, deployment.grants)
    issuers = IssuerRegistry(rpc, deployment.address(ISSUERS))
    gate = PredicateGate(rpc, deployment.address(GATE))
    documents = PredicateGate(rpc, deployment.address(DOCUMENT_GATE))
    itself = SelfAttestation(rpc, deployment.address(SELF_ATTESTATION))
    wires = (
        (REGISTRY, VERIFIER, registry.verifier()),
        (REGISTRY, POSEIDON2, registry.hasher()),
        (REGISTRY, RECOVERY, registry.recovery()),
        (RECOVERY, GUARDIAN_VERIFIER, recovery.verifier()),
        (ANCHOR, REGISTRY, anchor.registry()),
        (GRANTS, REGISTRY, grants.registry()),
        (ISSUERS, POSEIDON2, issuers.hasher()),
        (SELF_ATTESTATION, ISSUERS, itself.issuers()),
        (GATE, REGISTRY, gate.passports()),
        (GATE, ISSUERS, gate.issuers()),
        (GATE, PREDICATE_VERIFIER, gate.verifier()),
        (DOCUMENT_GATE, REGISTRY, documents.passports()),
        (DOCUMENT_GATE, ISSUERS, documents.issuers()),
        (DOCUMENT_GATE, DOCUMENT_VERIFIER, documents.verifier()),
    )
    return [
        Check(
            user,
            CheckState.FAIL,
            f"the {user} uses the {part} at {found}, not the recorded one",
            REDEPLOY,
        )
        for user, part, found in wires
        if found != deployment.address(part)
    ]


def _keys(rpc: RpcClient, deployment: Deployment, keys: Keys) -> list[Check]:
    return [
        check
        for name, circuit in CIRCUITS.items()
        for check in _key(rpc, deployment, name, circuit, keys.get(circuit))
    ]


def _key(
    rpc: RpcClient,
    deployment: Deployment,
    name: str,
    circuit: str,
    key_words: Sequence[int] | None,
) -> list[Check]:
    title, verifier = f"verifying key {circuit}", deployment.address(name)
    development = words(rpc.eth_call(verifier, selector("development()")), 1)[0] == 1
    if development and deployment.chain_id not in LOCAL_CHAIN_IDS:
        text = f"the {name} holds a development key on a chain that is not local"
        return [Check(title, CheckState.FAIL, text, "do not use this deployment")]
    if key_words is None:
        return []
    if rpc.eth_call(verifier, selector("verifying_key_hash()")) != on_chain_key_hash(key_words):
        text = f"the {name} on chain holds another verifying key than this machine"
        remedy = "rebuild the circuits of the release that was deployed"
        return [Check(title, CheckState.FAIL, text, remedy)]
    text = "the key on chain is the one on this machine"
    return [Check(title, CheckState.OK, text + (" (development)" if development else ""))]
