"""Deployment of the suite: the same addresses on every chain, once, on record."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from mip_cli.chain.deploy import (
    Part,
    Planned,
    check_code,
    code_hash,
    deployment_block,
    plan,
    proxy_cost,
)
from mip_cli.chain.deploy import deploy as deploy_parts
from mip_cli.chain.deployments import (
    CIRCUITS,
    REGISTRY,
    Contract,
    Deployment,
    parse_deployment,
)
from mip_cli.chain.devnet import DEVELOPER, developer_signer
from mip_cli.chain.faults import NodeUntrusted
from mip_cli.chain.inspection import Keys, require_deployment
from mip_cli.chain.journal import Journal
from mip_cli.chain.keys import Signer
from mip_cli.chain.rpc import RpcClient, hexbytes
from mip_cli.chain.suite import (
    BUILD_HINT,
    SOURCES,
    Compiled,
    KeyWords,
    parse_compiled,
    suite_parts,
)
from mip_cli.chain.tx import DEFAULT_FEE_CAP, TIMEOUT, Sender
from mip_cli.config import LOCAL_CHAIN_IDS, Settings
from mip_cli.crypto.binding import keccak256
from mip_cli.errors import ArtifactMismatch, EnvironmentFault, WrongChain
from mip_cli.progress import Progress
from mip_cli.store import files
from mip_cli.units import Address
from mip_cli.zk.artifacts import CircuitKey, load_key
from mip_cli.zk.ceremony import GUIDE

MAX_RECORD = 256 * 1024
"""Bytes of a deployment record."""
MAX_COMPILED = 4 * 1024 * 1024
"""Bytes of a compiled contract with its ABI."""


@dataclass(frozen=True)
class Suite:
    """What is to be deployed, from this machine's build folder."""

    parts: tuple[Part, ...]
    """Contracts in the order of deployment."""
    keys: Mapping[str, CircuitKey]
    """Verifying keys of the circuits that have a verifier, by circuit."""

    @property
    def development(self) -> bool:
        """Whether one of the keys serves local chains only."""
        return any(key.development for key in self.keys.values())


@dataclass(frozen=True)
class Deployed:
    """The outcome of a deployment."""

    deployment: Deployment
    """What stands where."""
    created: int
    """How many contracts this run created; 0 when all stood there."""
    record: Path
    """The file that was written."""


@dataclass(frozen=True)
class DryRun:
    """What a deployment would do."""

    chain_id: int
    """EIP-155 chain id of the node."""
    steps: tuple[Planned, ...]
    """One for each contract."""
    proxy_wei: int
    """Cost of publishing the CREATE2 proxy first; 0 where it stands."""


def load_suite(settings: Settings, *, examples: bool, operator: Address | None = None) -> Suite:
    """Read compiled contracts and verifying keys; ``operator`` runs the examples that have one.

    Raises ``ArtifactMismatch`` when one is missing.
    """
    keys = {circuit: load_key(settings, circuit) for circuit in CIRCUITS.values()}
    compiled = [_compiled(settings, name) for name in SOURCES]
    words = {
        circuit: KeyWords(key.key.evm_words(), key.development) for circuit, key in keys.items()
    }
    return Suite(tuple(suite_parts(compiled, words, examples, operator)), keys)


def key_words(settings: Settings) -> Keys:
    """Return this machine's verifying keys, for a comparison with those on a chain."""
    return {circuit: load_key(settings, circuit).key.evm_words() for circuit in CIRCUITS.values()}


def require_fit(suite: Suite, chain_id: int) -> None:
    """Raise ``WrongChain`` when a development key would leave the local chains."""
    if chain_id in LOCAL_CHAIN_IDS:
        return
    for circuit, key in suite.keys.items():
        if key.development:
            raise WrongChain(
                f"the verifying key {key.key_hash} of circuit {circuit} is a development key: "
                f"anyone can forge proofs for it, and chain {chain_id} is not a local one",
                hint=f"it needs the key of a ceremony: {GUIDE}",
            )


def dry_run(
    settings: Settings, rpc: RpcClient, payer: Address | None, *, examples: bool | None = None
) -> DryRun:
    """Say what ``deploy`` would do; signs and sends nothing."""
    chain_id = rpc.chain_id()
    suite = _suite(settings, chain_id, examples, payer)
    require_fit(suite, chain_id)
    return DryRun(chain_id, tuple(plan(rpc, suite.parts, payer)), proxy_cost(rpc))


def deploy(
    settings: Settings,
    rpc: RpcClient,
    signer: Signer,
    journal: Journal,
    progress: Progress,
    *,
    examples: bool | None = None,
    fee_cap: int = DEFAULT_FEE_CAP,
    timeout: float = TIMEOUT,
) -> Deployed:
    """Deploy what is missing, check everything, write the record.

    ``examples`` None means on local chains only; who deploys operates those that have an operator,
    on a local chain the developer's account. Raises ``WrongChain`` for development keys on any
    other chain. May be run again after a kill at any point, and sends nothing when all is done.
    """
    chain_id = rpc.chain_id()
    suite = _suite(settings, chain_id, examples, signer.address)
    require_fit(suite, chain_id)
    sender = Sender(rpc, signer, journal, chain_id, fee_cap=fee_cap, timeout=timeout)
    created = deploy_parts(sender, suite.parts, progress)
    progress.step("checking the deployment")
    return _recorded(settings, rpc, chain_id, suite, created)


def find(settings: Settings, rpc: RpcClient, *, examples: bool | None = None) -> Deployed | None:
    """Note where the suite of this build stands on a chain; None where it does not.

    Its addresses follow from the build alone, so that neither a record nor an account is needed:
    nothing is signed or sent. ``examples`` None takes them on a local chain where they are there; a
    record that has more than what is found stays. Raises what ``deploy`` raises for development
    keys and foreign code.
    """
    chain_id = rpc.chain_id()
    either = examples is None and chain_id in LOCAL_CHAIN_IDS
    for wanted in (True, False) if either else (bool(examples),):
        suite = _suite(settings, chain_id, wanted, None)
        codes = list(takewhile(bool, (rpc.code(part.address) for part in suite.parts)))
        if len(codes) == len(suite.parts):
            for part, code in zip(suite.parts, codes, strict=True):
                check_code(part, code)
            return _recorded(settings, rpc, chain_id, suite, 0)
    return None


def known(settings: Settings, rpc: RpcClient) -> Deployment:
    """Return what stands on a chain, by the record or, on a new device, by a look at the chain.

    A device that knows a chain takes no other by itself: a node could name any, and have acts
    signed for it. Raises ``EnvironmentFault`` where nothing is known.
    """
    chain_id = rpc.chain_id()
    folders = (_records(settings, local=True), _records(settings, local=False))
    new = not any(record for folder in folders for record in folder.glob("*.json"))
    if new and (found := find(settings, rpc)):
        return found.deployment
    return load_deployment(settings, chain_id)


def record_path(settings: Settings, chain_id: int) -> Path:
    """Return where the record of a chain is kept: public ones in the checkout, local ones not."""
    return _records(settings, local=chain_id in LOCAL_CHAIN_IDS) / f"{chain_id}.json"


def load_deployment(settings: Settings, chain_id: int) -> Deployment:
    """Read the record of a chain; raise ``EnvironmentFault`` when there is none."""
    path = record_path(settings, chain_id)
    if not path.exists():
        raise EnvironmentFault(
            f"nothing is known to be deployed on chain {chain_id}",
            hint="start a local chain with mip dev up, or run mip deploy: where the suite of this"
            " build stands already, it needs no key, sends nothing and notes the place",
        )
    deployment = parse_deployment(files.read_bounded(path, MAX_RECORD, what="deployment record"))
    if deployment.chain_id != chain_id:
        raise WrongChain(f"{path} is the record of chain {deployment.chain_id}")
    return deployment


def _records(settings: Settings, *, local: bool) -> Path:
    root = settings.data_dir if local or settings.checkout is None else settings.checkout
    return root / "deployments"


def _recorded(
    settings: Settings, rpc: RpcClient, chain_id: int, suite: Suite, created: int
) -> Deployed:
    """Check what stands on the chain and write the record of it."""
    require_fit(suite, chain_id)
    path = record_path(settings, chain_id)
    old = _old_record(path)
    deployment = _describe(settings, rpc, chain_id, suite, old)
    # a run that looks for less, as without the examples, forgets nothing that stands there
    if (
        old is not None
        and old.block_hash == deployment.block_hash
        and set(deployment.contracts) < set(old.contracts)
    ):
        deployment = old
    words = {circuit: key.key.evm_words() for circuit, key in suite.keys.items()}
    require_deployment(rpc, deployment, words)
    _write_record(path, deployment)
    return Deployed(deployment, created, path)


def _suite(settings: Settings, chain_id: int, wanted: bool | None, payer: Address | None) -> Suite:
    local = chain_id in LOCAL_CHAIN_IDS
    operator = developer_signer(DEVELOPER).address if local else payer
    return load_suite(settings, examples=local if wanted is None else wanted, operator=operator)


def _compiled(settings: Settings, name: str) -> Compiled:
    path = settings.build_dir / "contracts" / f"{name}.json"
    if not path.exists():
        raise ArtifactMismatch(f"the contract {name} is not compiled", hint=BUILD_HINT)
    return parse_compiled(name, files.read_bounded(path, MAX_COMPILED, what="compiled contract"))


def _describe(
    settings: Settings, rpc: RpcClient, chain_id: int, suite: Suite, old: Deployment | None
) -> Deployment:
    contracts = tuple(
        Contract(
            name=part.name,
            address=part.address,
            code_hash=code_hash(rpc.code(part.address)),
            init_code_hash=keccak256(part.init_code),
            compiler=part.compiler,
        )
        for part in suite.parts
    )
    registry = next(c.address for c in contracts if c.name == REGISTRY)
    block, block_hash = _first_block(rpc, registry, old)
    commit, dirty = _source(settings.checkout)
    fresh = Deployment(
        chain_id=chain_id,
        contracts=contracts,
        block=block,
        block_hash=block_hash,
        verifying_keys={circuit: key.key_hash for circuit, key in suite.keys.items()},
        development=suite.development,
        source_commit=commit,
        source_dirty=dirty,
    )
    if old is not None and (old.contracts, old.block_hash) == (contracts, block_hash):
        return old  # the record names the sources of the first run
    return fresh


def _first_block(rpc: RpcClient, registry: Address, old: Deployment | None) -> tuple[int, bytes]:
    if old is not None and old.find(REGISTRY) and old.registry == registry:
        found = _block_hash(rpc, old.block)
        if found == old.block_hash:
            return old.block, old.block_hash
    number = deployment_block(rpc, registry)
    found = _block_hash(rpc, number)
    if found is None:
        raise NodeUntrusted(f"{rpc.label} does not show block {number}")
    return number, found


def _block_hash(rpc: RpcClient, number: int) -> bytes | None:
    block = rpc.call("eth_getBlockByNumber", hex(number), False)
    return hexbytes(block.get("hash"), 32) if isinstance(block, dict) else None


def _old_record(path: Path) -> Deployment | None:
    try:
        return parse_deployment(files.read_bounded(path, MAX_RECORD, what="deployment record"))
    except EnvironmentFault:
        return None


def _write_record(path: Path, deployment: Deployment) -> None:
    data = deployment.to_json()
    if path.exists() and path.read_bytes() == data:
        return
    files.ensure_private_dir(path.parent)
    files.atomic_write(path, data, mode=0o644)


def _source(checkout: Path | None) -> tuple[str, bool]:
    """Return commit and dirty flag of the sources; nothing outside a repository."""
    if checkout is None:
        return "", False
    try:
        commit = _git(checkout, "rev-parse", "HEAD")
        return commit, bool(_git(checkout, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return "", False


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.strip()
