"""The typed registry client and the tree index against the real contracts on anvil."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from mip_cli.chain.abi import checksum
from mip_cli.chain.app import App, parse_invocation
from mip_cli.chain.deployments import (
    ANCHOR,
    CIRCUITS,
    GATE,
    GRANTS,
    GUARDIAN_VERIFIER,
    ISSUERS,
    POSEIDON2,
    PREDICATE_VERIFIER,
    RECOVERY,
    REGISTRY,
    VERIFIER,
)
from mip_cli.chain.devnet import developer_signer
from mip_cli.chain.faults import NodeUntrusted
from mip_cli.chain.index import parse_index, sync
from mip_cli.chain.inspection import CheckState, require_deployment, verify_deployment
from mip_cli.chain.keys import Signer
from mip_cli.chain.registry import PassportStatus, sign_enrollment
from mip_cli.chain.reverts import AppRefusal, RegistryRefusal
from mip_cli.chain.suite import QUESTION
from mip_cli.chain.values import Call
from mip_cli.crypto.binding import keccak256, message_of, scope_of
from mip_cli.crypto.commitments import leaf
from mip_cli.crypto.lean_tree import LeanTree
from mip_cli.errors import WrongChain
from mip_cli.flows.deploy import key_words, load_suite
from mip_cli.models import Presentation
from mip_cli.units import Address, Commitment, Nullifier

OUTSIDER = Address("0x00000000000000000000000000000000DeaDBeef")


def enrolments(chain, count, first=1):
    deadline = int(time.time()) + 3600
    return [
        sign_enrollment(
            Signer(keccak256(b"%d" % (first + i))),
            31337,
            chain.registry.address,
            Commitment(first + i),
            Commitment(1000 + first + i),
            Commitment(2000 + first + i),
            deadline,
        )
        for i in range(count)
    ]


def leaves_of(batch):
    return [
        leaf(e.identity_commitment, e.anchor, e.keys_root, e.guardian_commitment) for e in batch
    ]


def test_scope_and_message__equal_the_contract(chain) -> None:
    asker = chain.deployment.address("PassportVote")
    assert chain.registry.scope_of(asker, QUESTION) == scope_of(31337, asker, QUESTION)
    payload = keccak256(b"payload")
    expected = message_of(
        31337, asker, beneficiary=OUTSIDER, payload=payload, nonce=7, deadline=1_900_000_000
    )
    found = chain.registry.message_of(asker, OUTSIDER, payload, 7, 1_900_000_000)
    assert found == expected


def test_enrol__every_way_gives_the_leaf_python_computes(start_chain) -> None:
    chain = start_chain()
    registry, sender = chain.registry, chain.sender()
    single = sender.send("single", registry.enroll(5001, 6001, 7001))
    assert single.succeeded
    assert registry.passport(5001, sender.address).status is PassportStatus.ACTIVE
    signed = enrolments(chain, 1, first=50)[0]
    sender.send("signed", registry.enroll_signed(signed))
    batch = enrolments(chain, 5)
    sender.send("batch", registry.enroll_batch(batch))
    leaves = [leaf(5001, sender.address, 6001, 7001), *leaves_of([signed, *batch])]
    assert registry.size() == 7
    assert registry.root() == LeanTree(leaves).root
    assert registry.depth() == 3
    assert registry.is_known_root(registry.root())
    assert registry.accepted_roots()[0].root == registry.root()
    assert registry.passport(1, batch[0].anchor).index == 2
    index, _ = sync(chain.rpc, registry.address, 31337, chain.deployment.block)
    assert list(index.tree.levels[0]) == leaves
    path = index.path(2, leaves[2])
    assert path.root == registry.root()
    with pytest.raises(NodeUntrusted, match="another leaf"):
        index.path(3, leaves[2])


def test_enrol_twice__reverts_with_plain_words(start_chain) -> None:
    chain = start_chain()
    sender = chain.sender()
    sender.send("first", chain.registry.enroll(1, 2, 3))
    with pytest.raises(RegistryRefusal) as caught:
        sender.send("second", chain.registry.enroll(1, 2, 3))
    assert caught.value.reason == "registry: passport is already enrolled"
    assert chain.nonce(1) == 1


def test_index__from_a_cache_equals_a_clean_rebuild(start_chain) -> None:
    chain = start_chain()
    registry, sender = chain.registry, chain.sender()
    start = chain.deployment.block

    def read(cache):
        return sync(chain.rpc, registry.address, 31337, start, cache)

    sender.send("one", registry.enroll_batch(enrolments(chain, 64)))
    chain.rpc.call("anvil_mine", hex(40))
    first, cache = read(None)
    assert cache is not None
    assert len(parse_index(cache, 31337, registry.address, start).tree) == 64
    sender.send("two", registry.enroll_batch(enrolments(chain, 3, first=100)))
    warm, unchanged = read(cache)
    assert unchanged is None
    clean, _ = read(None)
    assert warm.tree.levels == clean.tree.levels
    assert warm.tree.root == registry.root() != first.tree.root

    damaged = bytearray(cache)
    damaged[200] ^= 1
    assert read(bytes(damaged))[0].tree.levels == clean.tree.levels
    assert parse_index(cache[:-1], 31337, registry.address, start) is None
    assert parse_index(cache, 1337, registry.address, start) is None


def test_index__after_a_reorg_equals_a_clean_rebuild(start_chain) -> None:
    chain = start_chain()
    registry, sender = chain.registry, chain.sender()
    start = chain.deployment.block
    snapshot = chain.rpc.call("evm_snapshot")
    sender.send("lost", registry.enroll_batch(enrolments(chain, 9)))
    chain.rpc.call("anvil_mine", hex(40))
    _, cache = sync(chain.rpc, registry.address, 31337, start)
    assert cache is not None
    assert chain.rpc.call("evm_revert", snapshot)
    other = chain.sender(journal="other")
    other.send("kept", registry.enroll_batch(enrolments(chain, 4, first=300)))
    chain.rpc.call("anvil_mine", hex(45))
    index, fresh = sync(chain.rpc, registry.address, 31337, start, cache)
    assert fresh is not None
    assert list(index.tree.levels[0]) == leaves_of(enrolments(chain, 4, first=300))
    assert index.tree.root == registry.root()


def test_verify_deployment__all_well_and_one_key_changed(chain) -> None:
    keys = key_words(chain.settings)
    checks = verify_deployment(chain.rpc, chain.deployment, keys)
    assert {check.state for check in checks} == {CheckState.OK}
    assert keys.keys() == set(CIRCUITS.values()) == chain.deployment.verifying_keys.keys()
    require_deployment(chain.rpc, chain.deployment, keys)
    for verifier, circuit in CIRCUITS.items():
        words = keys[circuit]
        other = {**keys, circuit: [*words[:-1], words[-1] ^ 1]}
        failed = [
            (check.name, check.text)
            for check in verify_deployment(chain.rpc, chain.deployment, other)
            if check.state is CheckState.FAIL
        ]
        text = f"the {verifier} on chain holds another verifying key than this machine"
        assert failed == [(f"verifying key {circuit}", text)]
        with pytest.raises(WrongChain, match="another verifying key"):
            require_deployment(chain.rpc, chain.deployment, other)


@pytest.mark.parametrize("changed", ["chain_id", "block_hash"])
def test_verify_deployment__another_chain__fails(chain, changed) -> None:
    value = {"chain_id": 1337, "block_hash": bytes(32)}[changed]
    with pytest.raises(WrongChain):
        require_deployment(chain.rpc, replace(chain.deployment, **{changed: value}))


def changed_record(record, name, **changes):
    contracts = tuple(replace(c, **changes) if c.name == name else c for c in record.contracts)
    return replace(record, contracts=contracts)


def create_address(creator, nonce):
    import rlp

    return checksum(keccak256(rlp.encode([bytes.fromhex(creator[2:]), nonce]))[12:])


CORE = (
    POSEIDON2,
    VERIFIER,
    GUARDIAN_VERIFIER,
    RECOVERY,
    REGISTRY,
    ANCHOR,
    GRANTS,
    ISSUERS,
    GATE,
)


@pytest.mark.parametrize("name", CORE)
def test_verify_deployment__other_code__fails(chain, name) -> None:
    require_deployment(chain.rpc, chain.deployment)
    for changes in ({"code_hash": bytes(32)}, {"address": OUTSIDER}):
        with pytest.raises(WrongChain, match="other code|there is no"):
            require_deployment(chain.rpc, changed_record(chain.deployment, name, **changes))


@pytest.mark.parametrize(
    ("name", "user"),
    [
        (POSEIDON2, REGISTRY),
        (VERIFIER, REGISTRY),
        (RECOVERY, REGISTRY),
        (GUARDIAN_VERIFIER, RECOVERY),
        (REGISTRY, GRANTS),
        (ISSUERS, GATE),
        (PREDICATE_VERIFIER, GATE),
    ],
)
def test_verify_deployment__contracts_that_use_another__fails(start_chain, name, user) -> None:
    """The recorded contract is a true copy, but not the one that the others use."""
    chain = start_chain()
    part = next(p for p in load_suite(chain.settings, examples=False).parts if p.name == name)
    sender = chain.sender()
    address = create_address(sender.address, chain.nonce(1))
    sender.send("copy", Call(None, part.init_code))
    assert chain.rpc.code(address)
    record = changed_record(chain.deployment, name, address=address)
    found = [check.text for check in verify_deployment(chain.rpc, record)]
    assert any(text.startswith(f"the {user} uses the {name} at") for text in found)
    with pytest.raises(WrongChain, match=f" uses the {name} at"):
        require_deployment(chain.rpc, record)


def test_verify_deployment__development_key_on_a_public_chain__fails(chain, monkeypatch) -> None:
    keys = key_words(chain.settings)
    record = replace(chain.deployment, chain_id=5)
    monkeypatch.setattr(chain.rpc, "chain_id", lambda: 5)  # as a node of that chain answers
    monkeypatch.setattr(chain.rpc, "require_chain", lambda _: None)
    failed = [
        check.text
        for check in verify_deployment(chain.rpc, record, keys)
        if check.state is CheckState.FAIL
    ]
    assert failed == [
        f"the {name} holds a development key on a chain that is not local" for name in CIRCUITS
    ]
    with pytest.raises(WrongChain, match="development key on a chain that is not local"):
        require_deployment(chain.rpc, record, keys)


def test_app__states_its_purpose_and_refuses_a_bad_proof(chain) -> None:
    vote = App(chain.rpc, chain.deployment.address("PassportVote"))
    invocation = parse_invocation("vote(uint256)", ["1"])
    request = vote.request(31337, invocation.payload)
    assert (request.purpose, request.level) == (QUESTION, 2)
    assert request.scope == chain.registry.scope_of(vote.address, QUESTION)
    assert request.payload == keccak256(keccak256(b"vote(uint256)") + (1).to_bytes(32, "big"))
    root = chain.registry.root() or 1
    shown = Presentation(
        root, 2, Nullifier(3), OUTSIDER, 0, int(time.time()) + 600, (1, 2, 3, 4, 5, 6, 7, 8)
    )
    with pytest.raises(RegistryRefusal) as caught:
        vote.simulate(vote.call(invocation, shown), developer_signer(1).address)
    assert caught.value.reason in ("registry: proof is not valid", "registry: root is not accepted")
    wrong = parse_invocation("vote(uint256)", ["9"])
    with pytest.raises(AppRefusal) as refused:
        vote.simulate(vote.call(wrong, shown), developer_signer(1).address)
    assert refused.value.reason == "vote: no such choice"
    assert parse_invocation("claim()", []).payload == keccak256(keccak256(b"claim()"))
