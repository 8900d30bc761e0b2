"""Deployment on real nodes: the same addresses, once, whatever interrupts it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest

from mip_cli.chain.create2 import PROXY, PROXY_SIGNER, proxy_missing
from mip_cli.chain.devnet import DEVELOPER, Devnet, Node, developer_signer
from mip_cli.chain.faults import NodeUntrusted
from mip_cli.chain.inspection import require_deployment
from mip_cli.chain.rpc import RpcClient
from mip_cli.config import find_checkout
from mip_cli.errors import ArtifactMismatch, EnvironmentFault, FileInvalid, WrongChain
from mip_cli.flows import deploy as flow
from mip_cli.flows.connection import connect
from mip_cli.progress import Silent

CHILD = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from mip_cli.chain.devnet import developer_signer
from mip_cli.chain.rpc import RpcClient
from mip_cli.config import load_settings
from mip_cli.flows.deploy import deploy
from mip_cli.progress import Silent
from mip_cli.store.journal import FileJournal

url, data, step, left = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])

class Killed(FileJournal):
    def _maybe(self, name):
        global left
        if name == step:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def begin(self, intent):
        self._maybe("before begin")
        super().begin(intent)
        self._maybe("after begin")

    def mark_sent(self, tx_hash):
        self._maybe("before sent")
        super().mark_sent(tx_hash)
        self._maybe("after sent")

    def mark_confirmed(self, tx_hash, block):
        self._maybe("before confirmed")
        super().mark_confirmed(tx_hash, block)
        self._maybe("after confirmed")

settings = replace(load_settings({"HOME": str(data)}), data_dir=data)
deploy(settings, RpcClient(url), developer_signer(0), Killed(data / "journal"), Silent())
"""
STEPS = (
    "before begin",
    "after begin",
    "before sent",
    "after sent",
    "before confirmed",
    "after confirmed",
)


def chain_part(chain, name):
    """Return where a contract of this build's suite belongs on the local chain."""
    suite = flow.load_suite(
        chain.settings, examples=True, operator=developer_signer(DEVELOPER).address
    )
    return next(part.address for part in suite.parts if part.name == name)


def run(chain, account=0, journal="journal"):
    signer = developer_signer(account)
    return flow.deploy(chain.settings, chain.rpc, signer, chain.journal(journal), Silent())


@contextmanager
def anvil_with(tmp_path, port, *arguments):
    """An anvil that the product itself would not start: another chain id, no proxy."""
    binary = Devnet(tmp_path, find_checkout())._anvil_binary()
    command = [str(binary), "--port", str(port), "--quiet", *arguments]
    process = subprocess.Popen(command)
    rpc = RpcClient(f"http://127.0.0.1:{port}", attempts=8)
    try:
        rpc.chain_id()
        yield rpc
    finally:
        rpc.close()
        process.terminate()
        process.wait(10)


def test_deploy__again__sends_nothing(start_chain) -> None:
    chain = start_chain(deployed=False)
    first = run(chain)
    nonce, block = chain.nonce(0), chain.rpc.block_number()
    written = first.record.read_bytes()
    for journal in ("journal", "another"):
        again = run(chain, journal=journal)
        assert again.created == 0
        assert again.deployment == first.deployment
    assert (chain.nonce(0), chain.rpc.block_number()) == (nonce, block)
    assert first.record.read_bytes() == written
    assert first.created == len(first.deployment.contracts) == nonce


def test_deploy__addresses_do_not_depend_on_who_pays_or_which_node(chain, start_chain) -> None:
    other = start_chain(Node.HARDHAT, deployed=False)
    found = run(other, account=1)
    assert [(c.name, c.address, c.code_hash) for c in found.deployment.contracts] == [
        (c.name, c.address, c.code_hash) for c in chain.deployment.contracts
    ]
    require_deployment(other.rpc, found.deployment)
    assert run(other).created == 0
    sender = other.sender()
    sender.send("enrol", other_registry(other, found).enroll(1, 2, 3))
    assert other_registry(other, found).size() == 1


def other_registry(chain, found):
    from mip_cli.chain.registry import Registry

    return Registry(chain.rpc, found.deployment.registry)


def test_record__names_what_was_deployed(chain) -> None:
    path = flow.record_path(chain.settings, 31337)
    raw = json.loads(path.read_bytes())
    assert raw["schema"] == "mip.deployment/2"
    assert raw["development"] is True
    assert len(raw["source"]["commit"]) == 40
    assert {len(found) for found in raw["verifying_keys"].values()} == {64}
    circuits = {"passport", "guardian_approval", "kyc_predicate", "document_face"}
    assert raw["verifying_keys"].keys() == circuits
    assert list(raw["contracts"]) == [
        "Poseidon2",
        "PassportVerifier",
        "GuardianVerifier",
        "GuardianRecovery",
        "PassportRegistry",
        "ArchiveAnchor",
        "PermissionGrants",
        "IssuerRegistry",
        "SelfAttestation",
        "PredicateVerifier",
        "PredicateGate",
        "DocumentVerifier",
        "DocumentGate",
        "PassportClaim",
        "PassportVote",
        "PassportVault",
        "AgeGate",
        "FlatLottery",
        "Lender",
        "Clinic",
    ]
    assert "vyper 0.4.3" in raw["contracts"]["PassportRegistry"]["compiler"]
    assert flow.load_deployment(chain.settings, 31337) == chain.deployment
    assert path.stat().st_mode & 0o777 == 0o644


def test_record__of_an_earlier_build__is_told_and_written_anew(start_chain) -> None:
    chain = start_chain(stopped=False)
    path = flow.record_path(chain.settings, 31337)
    good = path.read_bytes()
    path.write_bytes(good.replace(b"mip.deployment/2", b"mip.deployment/1"))
    with pytest.raises(FileInvalid, match="earlier build") as refused:
        flow.load_deployment(chain.settings, 31337)
    assert "deploy again" in refused.value.hint
    run(chain)
    assert path.read_bytes() == good


@pytest.mark.parametrize("number", [1, 4])
@pytest.mark.parametrize("step", STEPS)
def test_deploy__killed_at_a_journal_step__completes_without_a_second_transaction(
    start_chain, chain, tmp_path, step, number
) -> None:
    own = start_chain(deployed=False)
    data = own.settings.data_dir
    data.mkdir(parents=True)
    arguments = [own.running.url, str(data), step, str(number)]
    child = subprocess.run(
        [sys.executable, "-c", CHILD, *arguments], cwd=find_checkout(), check=False, timeout=300
    )
    assert child.returncode == -signal.SIGKILL
    done = run(own)
    addresses = [c.address for c in done.deployment.contracts]
    assert addresses == [c.address for c in chain.deployment.contracts]
    assert own.nonce(0) == len(addresses)
    assert own.journal().pending(31337, developer_signer(0).address) == []


def test_deploy__killed_while_nothing_is_mined__sends_nothing_twice(start_chain, tmp_path) -> None:
    chain = start_chain(deployed=False)
    chain.rpc.call("anvil_setAutomine", False)
    data = chain.settings.data_dir
    data.mkdir(parents=True)
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, chain.running.url, str(data), "never", "1"],
        cwd=find_checkout(),
    )
    end = time.monotonic() + 300
    while chain.rpc.call("txpool_status")["pending"] == "0x0" and time.monotonic() < end:
        time.sleep(0.05)
    child.kill()
    child.wait(10)
    chain.rpc.call("anvil_setAutomine", True)
    chain.rpc.call("anvil_mine", "0x1")
    done = run(chain)
    assert chain.nonce(0) == len(done.deployment.contracts)


@pytest.mark.parametrize("chain_id", [1, 11155111, 31338])
def test_deploy__development_keys_on_another_chain__refused(
    chain, tmp_path, free_port, chain_id
) -> None:
    key_hash = chain.deployment.verifying_keys["passport"]
    with anvil_with(tmp_path, free_port, "--chain-id", str(chain_id)) as rpc:
        signer, journal = developer_signer(0), chain.journal("foreign")
        with pytest.raises(WrongChain, match=key_hash):
            flow.deploy(chain.settings, rpc, signer, journal, Silent())
        with pytest.raises(WrongChain, match=key_hash):
            flow.dry_run(chain.settings, rpc, signer.address)
        assert rpc.block_number() == 0
    assert not flow.record_path(chain.settings, chain_id).exists()


def test_deploy__on_chain_1337__allowed(chain, tmp_path, free_port) -> None:
    settings = replace(chain.settings, data_dir=tmp_path)
    with anvil_with(tmp_path, free_port, "--chain-id", "1337") as rpc:
        signer, journal = developer_signer(0), chain.journal("other")
        done = flow.deploy(settings, rpc, signer, journal, Silent())
    assert done.deployment.chain_id == 1337
    assert done.deployment.registry == chain.deployment.registry


def test_deploy__without_the_proxy__publishes_it(chain, tmp_path, free_port) -> None:
    settings = replace(chain.settings, data_dir=tmp_path)
    with anvil_with(tmp_path, free_port, "--disable-default-create2-deployer") as rpc:
        assert proxy_missing(rpc)
        plan = flow.dry_run(settings, rpc, None)
        assert plan.proxy_wei == 10**16
        signer, journal = developer_signer(0), chain.journal("proxy")
        done = flow.deploy(settings, rpc, signer, journal, Silent())
        assert not proxy_missing(rpc)
    assert done.deployment.registry == chain.deployment.registry


def test_proxy__is_what_its_made_up_signature_creates() -> None:
    import rlp
    from eth_account import Account

    from mip_cli.chain.create2 import PROXY_TRANSACTION
    from mip_cli.crypto.binding import keccak256

    assert Account.recover_transaction(PROXY_TRANSACTION) == PROXY_SIGNER
    address = keccak256(rlp.encode([bytes.fromhex(PROXY_SIGNER[2:]), 0]))[12:]
    assert address.hex() == PROXY[2:].lower()


def test_dry_run__sends_nothing_and_tells_gas(start_chain) -> None:
    chain = start_chain(deployed=False)
    found = flow.dry_run(chain.settings, chain.rpc, developer_signer(0).address)
    assert chain.rpc.block_number() == 0
    assert [step.present for step in found.steps] == [False] * len(found.steps)
    assert found.steps[0].gas > 500_000
    run(chain)
    after = flow.dry_run(chain.settings, chain.rpc, None)
    assert all(step.present for step in after.steps)


def test_deploy__without_compiled_contracts__says_what_to_do(chain, tmp_path) -> None:
    circuits = tmp_path / "circuits"
    circuits.symlink_to(chain.settings.build_dir / "circuits")
    settings = replace(chain.settings, build_dir=tmp_path)
    with pytest.raises(ArtifactMismatch, match="not compiled"):
        flow.load_suite(settings, examples=False)


def test_connect__without_a_record__finds_the_suite_of_this_build(start_chain, tmp_path) -> None:
    """Another machine needs the node alone: the addresses follow from the build."""
    chain = start_chain(stopped=False)
    other = replace(chain.settings, data_dir=tmp_path / "other")
    with connect(other) as link:
        assert link.deployment == chain.deployment
    assert flow.load_deployment(other, 31337) == chain.deployment
    assert chain.nonce(0) == len(chain.deployment.contracts)  # nothing was sent for it


def test_connect__a_device_that_knows_a_chain__takes_no_other_by_itself(
    start_chain, tmp_path
) -> None:
    chain = start_chain(stopped=False)
    path = flow.record_path(chain.settings, 31337)
    path.rename(path.with_name("1337.json"))
    with (
        pytest.raises(EnvironmentFault, match="nothing is known") as refused,
        connect(chain.settings),
    ):
        pass
    assert "it needs no key" in refused.value.hint
    assert flow.find(chain.settings, chain.rpc).deployment == chain.deployment
    with connect(chain.settings) as link:
        assert link.deployment == chain.deployment


def test_find__less_than_the_record_has__forgets_nothing(start_chain) -> None:
    chain = start_chain()
    path = flow.record_path(chain.settings, 31337)
    before = path.read_bytes()
    found = flow.find(chain.settings, chain.rpc, examples=False)
    assert found.deployment == chain.deployment
    assert path.read_bytes() == before
    path.unlink()
    assert flow.find(chain.settings, chain.rpc, examples=False).deployment.find("Lender") is None


def test_find__a_node_that_changes_its_chain_id__notes_nothing(start_chain, monkeypatch) -> None:
    chain = start_chain()
    flow.record_path(chain.settings, 31337).unlink()
    answers = iter([31337])
    monkeypatch.setattr(RpcClient, "chain_id", lambda _: next(answers, 1337))
    with pytest.raises(WrongChain, match="serves chain 1337, not 31337"):
        flow.find(chain.settings, chain.rpc)
    assert not list(flow.record_path(chain.settings, 31337).parent.glob("*.json"))


def test_connect__where_the_suite_is_not_whole__says_so(start_chain) -> None:
    chain = start_chain(deployed=False)
    with pytest.raises(EnvironmentFault, match="nothing is known"), connect(chain.settings):
        pass
    run(chain)
    flow.record_path(chain.settings, 31337).unlink()
    chain.rpc.call("anvil_setCode", chain_part(chain, "Lender"), "0x")
    anchor = chain_part(chain, "ArchiveAnchor")
    held = chain.rpc.code(anchor)
    chain.rpc.call("anvil_setCode", anchor, "0x")
    with pytest.raises(EnvironmentFault, match="nothing is known"), connect(chain.settings):
        pass
    chain.rpc.call("anvil_setCode", anchor, "0x" + held.hex())
    with connect(chain.settings) as link:  # whole but for the examples
        assert link.deployment.find("Lender") is None


def test_connect__foreign_code_at_an_address__is_refused(start_chain) -> None:
    chain = start_chain()
    flow.record_path(chain.settings, 31337).unlink()
    chain.rpc.call("anvil_setCode", chain_part(chain, "PermissionGrants"), "0x6001")
    with pytest.raises(NodeUntrusted, match="foreign code"), connect(chain.settings):
        pass
    assert not flow.record_path(chain.settings, 31337).exists()
