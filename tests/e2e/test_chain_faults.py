"""Nodes that are dead, slow, of another chain or behind: never a false success."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mip_cli.chain.devnet import Devnet, Node, developer_signer
from mip_cli.chain.rpc import RpcClient
from tests.e2e.chains import Chain, new_device
from tests.e2e.devices import Holder, new_holder
from tests.e2e.process import CHECKOUT, Process
from tests.ports import unused_port
from tests.waiting import wait_for

REFUSED_ROOT = "a tree that is too old"


@pytest.fixture(scope="module")
def silent_port() -> Iterator[str]:
    """A port that takes connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(64)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture(scope="module", autouse=True)
def hanging(holder: Holder, proof: Path, silent_port: str) -> Iterator[dict[str, Process]]:
    """Commands that talk to a silent node, started first: they take their time to give up."""
    device = holder.device.at(silent_port)
    started = {
        "enroll": device.start(
            *("enroll", "--image", holder.image, "--passport", "hanging"),
            *("--password-file", "-"),
            stdin=holder.password,
        ),
        "prove": device.start(*holder.prove_command("-o", "hanging.json"), stdin=holder.password),
        "verify": device.start("verify", proof, "--on-chain"),
        "doctor": device.start("doctor", "--json"),
    }
    yield started
    for process in started.values():
        process.kill()


def test_dead_node__is_named_and_nothing_is_written(holder: Holder, newcomer: Holder, proof: Path):
    url = f"http://127.0.0.1:{unused_port()}"
    before = newcomer.device.files()
    refused = newcomer.at(url).enroll().refused(3, "does not answer: connection refused")
    assert refused.json["error"]["kind"] == "NetworkDown"
    assert newcomer.device.files() == before
    before = holder.device.files()
    holder.at(url).prove("-o", "dead.json").refused(3, "does not answer")
    holder.at(url).device.mip("verify", proof, "--on-chain").refused(3, "does not answer")
    holder.at(url).device.mip("verify", proof, "--send").refused(3, "does not answer")
    holder.at(url).device.mip("verify", proof).succeeded()
    assert holder.device.files() == before


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1", "http://", "http://127.0.0.1:99999", "nonsense"]
)
def test_impossible_url__is_refused(holder: Holder, url: str) -> None:
    refused = holder.device.mip("doctor", "--rpc-url", url)
    assert refused.code in (1, 3)
    holder.at(url).prove("-o", "x.json").refused(3, "RPC URL")


@pytest.fixture
def other_chain(tmp_path: Path) -> Iterator[Callable[[int], str]]:
    """Start bare anvils of other chain ids."""
    folder = tmp_path / "others"
    folder.mkdir()
    started: list[tuple[subprocess.Popen[bytes], str]] = []

    def start(chain_id: int) -> str:
        binary = Devnet(folder, CHECKOUT)._anvil_binary()
        port = unused_port()
        command = [str(binary), "--port", str(port), "--chain-id", str(chain_id), "--silent"]
        process = subprocess.Popen(command, cwd=folder)
        url = f"http://127.0.0.1:{port}"
        started.append((process, url))
        client = RpcClient(url, attempts=1)
        wait_for(lambda: answers(client), "the other chain")
        client.close()
        return url

    yield start
    for process, _ in started:
        process.terminate()
        process.wait()


def answers(client: RpcClient) -> bool:
    try:
        return client.chain_id() > 0
    except Exception:  # noqa: BLE001 - not there yet
        return False


def test_another_local_chain__with_the_suite__is_not_the_passports_home(
    holder: Holder, proof: Path, other_chain, deployer_key: Path
) -> None:
    url = other_chain(1337)
    stranger = holder.at(url)
    before = holder.device.files()
    stranger.prove("-o", "unknown.json").refused(3, "nothing is known to be deployed on chain 1337")
    assert holder.device.files() == before
    stranger.device.mip("deploy").refused(2, "no account pays for it")
    stranger.device.mip("deploy", "--key-file", deployer_key).succeeded()
    refused = stranger.prove("-o", "wrong.json").refused(3, "lives on chain 31337")
    assert refused.json["error"]["kind"] == "WrongChain"
    stranger.device.mip("verify", proof, "--on-chain").refused(3, "the proof is for chain 31337")
    stranger.device.mip("verify", proof, "--send").refused(3, "the proof is for chain 31337")
    stranger.enroll().refused(3, "lives on chain 31337")
    assert not (holder.device.out / "wrong.json").exists()
    holder.prove("-o", "home.json").succeeded()


def test_another_machine__needs_the_node_alone(
    fresh_proof: Path, chain: Chain, tmp_path: Path
) -> None:
    """The suite stands where the build says: no record, no account."""
    machine = new_device(tmp_path / "machine", chain)
    shutil.rmtree(machine.data / "deployments")
    machine.mip("verify", fresh_proof, "--on-chain").succeeded()
    assert machine.mip("deploy", "--json").succeeded().json["deployed"] == 0


def test_public_chain__takes_no_development_keys_and_no_test_account(
    holder: Holder, newcomer: Holder, other_chain, deployer_key: Path
) -> None:
    url = other_chain(5)
    newcomer.at(url).enroll().refused(2, "chain 5 needs an account that pays")
    command = [*newcomer.enroll_command(), "--key-file", deployer_key]
    away = newcomer.device.at(url)
    away.mip(*command, stdin=newcomer.password).refused(3, "deployed on chain 5")
    away.mip("deploy", "--key-file", deployer_key).refused(3, "is a development key")
    assert not (newcomer.device.data / "passports").exists()


def test_record_of_another_chain__is_refused(newcomer: Holder, chain: Chain) -> None:
    record = newcomer.device.data / "deployments" / "31337.json"
    document = json.loads(record.read_text())
    for change in ({"chain_id": 1337}, {"block_hash": "0x" + "11" * 32}):
        record.write_text(json.dumps({**document, **change}))
        before = newcomer.device.files()
        newcomer.enroll().refused(3)
        assert newcomer.device.files() == before
    record.write_text("{")
    newcomer.enroll().refused(3, "cannot be read")
    record.write_text(json.dumps(document))
    newcomer.enroll().succeeded()
    newcomer.open()


def test_chain_started_afresh__is_noticed(holder: Holder, tmp_path: Path, seen) -> None:
    """The same chain id and nothing on it: the record is of a chain that is gone."""
    devnet = Devnet(tmp_path / "afresh", CHECKOUT)
    url = devnet.start(Node.ANVIL, port=unused_port()).url
    try:
        holder.at(url).prove("-o", "x.json").refused(3, "started afresh or rewritten")
    finally:
        devnet.stop()


def travel(chain: Chain, seconds: int) -> None:
    chain.ask("evm_increaseTime", seconds)
    chain.ask("evm_mine")


def enter_next_bucket(chain: Chain) -> None:
    """Go to the first second of the next minute, so that what follows lies within one."""
    now = int(chain.ask("eth_getBlockByNumber", "pending", False)["timestamp"], 16)
    chain.ask("evm_setNextBlockTimestamp", now // 60 * 60 + 60)
    chain.ask("evm_mine")


def test_roots__stay_for_an_hour_or_five_buckets_and_then_go(
    tmp_path: Path, own_chain: Chain, photos
) -> None:
    person = new_holder(new_device(tmp_path / "device", own_chain), photos)
    person.enroll().succeeded()
    person.open()
    device, old = person.device, "old.json"
    enter_next_bucket(own_chain)
    root = int(person.prove("-o", old, "--valid-for", "3600").succeeded().json["root"])
    for bucket in range(5):
        own_chain.enroll_strangers(2)
        with own_chain.registry() as registry:
            assert registry.is_known_root(root), f"refused in bucket {bucket}"
        enter_next_bucket(own_chain)
    device.mip("verify", old, "--on-chain").succeeded()
    own_chain.enroll_strangers(2)
    refused = device.mip("verify", old, "--on-chain", "--json").refused(4, REFUSED_ROOT)
    assert refused.json["error"]["hint"] == "make a fresh proof: mip prove"
    device.mip("verify", old).succeeded()  # offline nobody can tell
    person.prove("--send").succeeded()

    person.prove("-o", "aged.json", app=("--app", "PassportClaim", "--call", "claim()")).succeeded()
    travel(own_chain, 2400)
    device.mip("verify", "aged.json").succeeded()
    # a local chain has a time of its own, and that is what its registry goes by
    device.mip("verify", "aged.json", "--on-chain").refused(1, "its deadline passed")


def test_deadline__passed__is_refused_offline_with_its_reason(
    holder: Holder, tmp_path: Path
) -> None:
    """The flow with a clock an hour ago makes what a slow holder hands in."""
    import time

    from mip_cli.errors import ProofInvalid
    from mip_cli.flows.passport import proof_file, prove, verify
    from mip_cli.progress import Silent

    settings, silent = holder.device.settings, Silent()
    payer = developer_signer(1).address
    call = proof_file.AppCall("vote(uint256)", ("1",))
    ask = prove.Ask(prove.find_app(settings, "PassportVote"), payer, call)
    consent = prove.prepare(settings, ask, silent)
    keys = prove.Keys(holder.name, holder.password.encode(), holder.again)
    file = tmp_path / "proof.json"
    for shift, words in ((-3600, "its deadline passed"), (7200, "s are allowed")):
        made = prove.prove(
            settings, consent, keys, silent, clock=lambda shift=shift: time.time() + shift
        )
        file.write_bytes(proof_file.encode(made.file))
        holder.device.mip("verify", file).refused(1, words)
    checked = verify.verify_offline(settings, made.file, silent, clock=lambda: time.time() + 7200)
    assert checked.seconds_left > 0
    with pytest.raises(ProofInvalid, match="deadline"):
        verify.verify_offline(settings, made.file, silent, clock=lambda: time.time() + 86400)


def test_silent_node__is_given_up(hanging: dict[str, Process], holder: Holder) -> None:
    for name, process in hanging.items():
        done = process.result()
        assert "does not answer" in done.out + done.err
        if name == "doctor":
            assert done.code == 1
            assert done.json["schema"] == "mip.doctor/1"
        else:
            done.refused(3, "does not answer")
    assert not (holder.device.data / "passports" / "hanging.mip").exists()
    assert not (holder.device.out / "hanging.json").exists()
    assert not holder.device.leftovers()
