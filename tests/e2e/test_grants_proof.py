"""Grants of level 0: the grantee gets a proof that he checks himself, no data and no key."""

from __future__ import annotations

import importlib.util
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mip_cli.chain.abi import parse_address
from mip_cli.chain.create2 import create2_address, create2_call
from mip_cli.chain.devnet import DEVELOPER, developer_signer
from mip_cli.chain.tx import Sender
from mip_cli.chain.values import Call
from mip_cli.crypto import grant_bundle
from mip_cli.crypto.binding import keccak256
from mip_cli.flows.demo import demo_photos
from mip_cli.flows.grants import grant_run
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.progress import Silent
from mip_cli.store.journal import FileJournal
from mip_cli.units import Address
from tests.e2e.chains import Chain, new_device
from tests.e2e.devices import Holder, new_holder
from tests.e2e.process import CHECKOUT, Result
from tests.e2e.test_grants import CANARY, Institution, card_of, enrolled, institution_on, mip

VOTE = ("--app", "PassportVote", "--call", "vote(uint256)", "--arg", "1")


@pytest.fixture
def keeper(own_chain: Chain, photos: demo_photos.Photos, tmp_path: Path) -> Holder:
    return enrolled(new_holder(new_device(tmp_path / "device", own_chain), photos))


@pytest.fixture
def institution(own_chain: Chain, tmp_path: Path) -> Institution:
    return institution_on(tmp_path, own_chain)


def issue(holder: Holder, card: Path, name: str, proof: Path, *more: str) -> Result:
    wish = ("--category", "finance", "--level", "0", "--name", name, "--proof", proof)
    output = ("-o", holder.device.out / f"{name}.json", "--yes", "--json")
    return mip(holder, "grant", "issue", card, *wish, *output, *more)


def refresh(holder: Holder, name: str, proof: Path) -> Result:
    output = ("-o", holder.device.out / f"{name}.json", "--force", "--json")
    return mip(holder, "grant", "refresh", name, "--proof", proof, *output)


def sealed_by_a_liar(holder: Holder, name: str, proof: Path) -> Path:
    """Write a bundle with any proof in it, signed as the grant's own: what no command does."""
    factors = Factors(holder.password.encode(), holder.again)
    with grant_run.opened(holder.device.settings, holder.name, factors, Silent()) as run:
        record = run.session.archive.grants.require(name)
        bundle = run.bundle(record, proof.read_text())
    path = holder.device.out / f"{name}-lie.json"
    path.write_bytes(grant_bundle.FORM.encode(bundle))
    return path


def swapped(proof: Path) -> Path:
    """A copy whose points lie on the curve and prove nothing."""
    content = json.loads(proof.read_text())
    content["pi_a"], content["pi_c"] = content["pi_c"], content["pi_a"]
    return written(proof.with_name("swapped.json"), content)


def later(proof: Path) -> Path:
    """A copy that says to be good for a minute more."""
    content = json.loads(proof.read_text())
    content["mip"]["deadline"] += 60
    return written(proof.with_name("later.json"), content)


def second_card(institution: Institution) -> Path:
    """Another card of the same account, for the same purpose, with other keys."""
    path = institution.device.out / "second.json"
    named = ("init", "--title", "Acme Bank", "--purpose", "judge a loan", "--grantee", "second")
    institution.mip(*named, "-o", path, "--key-file", institution.key_file).succeeded()
    return path


def written(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_level_0__to_an_account__is_a_proof_alone(
    keeper: Holder, institution: Institution, own_chain: Chain
) -> None:
    out, card = keeper.device.out, card_of(institution)
    proof, vote = out / "proof.json", out / "vote.json"
    to_card = ("--grantee", str(card))
    keeper.prove("--payload", "0x" + "11" * 32, "-o", proof, app=to_card).refused(2, "its card")
    shown = keeper.prove("-o", proof, app=to_card).succeeded()
    assert "judge a loan" in shown.err
    checked = institution.device.mip("verify", proof, "--on-chain", "--json").succeeded().json
    assert (checked["on_chain"], checked["account"], checked["level"]) == (True, True, 2)
    told = institution.device.mip("verify", proof, "--on-chain").succeeded()
    assert "is an account, not a contract" in told.err
    institution.device.mip("verify", swapped(proof), "--on-chain").refused(1, "does not verify")
    keeper.prove("-o", vote, app=VOTE).succeeded()
    assert institution.device.mip("verify", vote, "--on-chain", "--json").json["account"] is False
    issue(keeper, card, "shown", vote).refused(2, "another app than the grantee")
    other = second_card(institution)
    stale = out / "stale.json"
    keeper.prove("-o", stale, app=("--grantee", str(other))).succeeded()
    issue(keeper, card, "shown", stale).refused(2, "not bound to the grantee's key")
    issue(keeper, card, "shown", proof, "--uses", "9").succeeded()
    refresh(keeper, "shown", vote).refused(2, "another app than the grantee")

    bundle = out / "shown.json"
    content = json.loads(bundle.read_bytes())
    members = ("view", "encapsulated", "wrapped", "store")
    assert [content[member] for member in members] == [None] * 4
    assert CANARY.encode() not in bundle.read_bytes()
    uses = iter(range(99))

    def opened(path: Path) -> Result:
        target = institution.device.out / f"got{next(uses)}"
        command = ("open", path, "--out", target, "--key-file", institution.key_file, "--json")
        return institution.mip(*command)

    got = opened(bundle).succeeded().json
    assert (got["records"], got["aggregates"], got["uses_left"]) == (0, None, 8)
    assert got["proof"]["app"] == got["grantee"]
    assert [path.name for path in (institution.device.out / "got0").iterdir()] == ["proof.json"]
    assert (institution.device.out / "got0" / "proof.json").read_bytes() == proof.read_bytes()
    fetch = ("fetch", bundle, "--store", "folder:/", "-o", institution.device.out / "x.car")
    institution.mip(*fetch).refused(2, "has no blocks")

    # altered on the way, altered by the holder, for somebody else
    (out / "changed.json").write_bytes(bundle.read_bytes().replace(b"pi_a", b"pi_c", 1))
    opened(out / "changed.json").refused(3, "changed or damaged")
    for altered in (swapped(proof), later(proof)):
        opened(sealed_by_a_liar(keeper, "shown", altered)).refused(1, "does not verify")
    opened(sealed_by_a_liar(keeper, "shown", vote)).refused(3, "another pseudonym, app or purpose")
    opened(sealed_by_a_liar(keeper, "shown", stale)).refused(1, "another app or act")
    assert [path.name for path in institution.device.out.glob("got*")] == ["got0"]
    assert opened(bundle).succeeded().json["uses_left"] == 7  # what was refused used nothing

    # a proof ends before the grant does; another brings it back, until the grant ends
    own_chain.device.mip("dev", "advance", "--hours", "1", "--json").succeeded()
    opened(bundle).refused(1, "deadline passed")
    keeper.prove("-o", proof, "--force", app=to_card).succeeded()
    refresh(keeper, "shown", proof).succeeded()
    assert opened(bundle).succeeded().json["uses_left"] == 6
    own_chain.device.mip("dev", "advance", "--hours", "721", "--json").succeeded()
    opened(bundle).refused(1, "grant has expired")


def test_level_0__to_a_contract__which_takes_the_proof_and_uses_the_grant(
    keeper: Holder, institution: Institution, own_chain: Chain
) -> None:
    out, card = keeper.device.out, institution.device.out / "card.json"
    door = open_door(own_chain)
    made = ("init", "--title", "Door", "--contract", door, "-o", card, "--json")
    state_key(own_chain, door, institution.mip(*made).succeeded().json["key_hash"])
    proof = out / "proof.json"
    keeper.prove("-o", proof, app=("--grantee", str(card))).refused(2, "says itself what it asks")
    enter = ("--app", door, "--call", "enter(uint256)", "--arg")
    keeper.prove("-o", proof, app=(*enter, "5")).succeeded()
    issue(keeper, card, "shown", proof, "--uses", "2").succeeded()
    bundle = out / "shown.json"
    opening = ("open", bundle, "--out", institution.device.out / "got", "--json")
    institution.mip(*opening).refused(1, "has not used the grant")

    # the bundle has what the contract takes, and nothing else of the holder
    content = json.loads(bundle.read_bytes())
    assert [content[member] for member in ("view", "encapsulated", "wrapped")] == [None] * 3
    given = institution.device.out / "given.json"
    given.write_text(content["proof"])
    send = ("verify", given, "--send", "--key-file", institution.key_file, "--json")
    assert institution.device.mip(*send).succeeded().json["receipt"]["gas_used"] > 0
    got = institution.mip(*opening).succeeded().json
    assert (got["records"], got["uses_left"]) == (0, 1)
    assert got["proof"]["app"] == door
    assert [path.name for path in (institution.device.out / "got").iterdir()] == ["proof.json"]

    again = (*opening[:3], institution.device.out / "more", "--json")
    institution.mip(*again).refused(1, "has not used the grant")  # one use, one opening
    keeper.prove("--send", app=(*enter, "6")).succeeded()
    lie = ("open", sealed_by_a_liar(keeper, "shown", swapped(proof)), *again[2:])
    institution.mip(*lie).refused(1, "does not verify")
    assert institution.mip(*again).succeeded().json["uses_left"] == 0
    keeper.prove("--send", app=(*enter, "7")).refused(4, "no use of the grant is left")


def open_door(chain: Chain) -> Address:
    """Put the test's own grantee on chain."""
    assert CHECKOUT is not None
    spec = importlib.util.spec_from_file_location(
        "build_contracts", CHECKOUT / "scripts" / "build_contracts.py"
    )
    assert spec is not None
    assert spec.loader is not None
    builder = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(builder)
    compiled = builder.compile_source(Path(__file__).with_name("Doorkeeper.vy"), ("bytecode",))
    words = (chain.address(name) for name in ("PassportRegistry", "PermissionGrants"))
    arguments = b"".join(bytes.fromhex(word[2:]).rjust(32, b"\0") for word in words)
    init_code = bytes.fromhex(compiled["bytecode"][2:]) + arguments
    send(chain, "door", create2_call(init_code))
    return create2_address(init_code)


def state_key(chain: Chain, door: Address, key_hash: str) -> None:
    data = keccak256(b"set_key(bytes32)")[:4] + bytes.fromhex(key_hash[2:])
    send(chain, "key", Call(parse_address(door), data))


def send(chain: Chain, label: str, call: Call) -> None:
    with closing(chain.client()) as rpc:
        journal = FileJournal(chain.device.tmp / "operator")
        Sender(rpc, developer_signer(DEVELOPER), journal, rpc.chain_id()).send(label, call)
