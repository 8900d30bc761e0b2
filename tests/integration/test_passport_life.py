"""A passport's life through the flows, with real proofs on a real node."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mip_cli.chain.devnet import developer_signer
from mip_cli.chain.keys import Signer
from mip_cli.chain.registry import (
    REVOKE_PURPOSE,
    UPDATE_PURPOSE,
    PassportStatus,
    sign_enrollment,
)
from mip_cli.chain.reverts import RegistryRefusal
from mip_cli.chain.values import Call
from mip_cli.crypto import commitments
from mip_cli.crypto.binding import keccak256, message_of, scope_of, word
from mip_cli.crypto.field import random_element, random_salt
from mip_cli.errors import NetworkDown, UsageFault, WrongChain
from mip_cli.flows import connection, demo_photos, enroll, passport_file, prove, verify
from mip_cli.flows.passport_keys import PublicKeys, public_keys
from mip_cli.flows.proof_file import AppCall
from mip_cli.models import Presentation
from mip_cli.progress import Silent
from mip_cli.store.keyfile import Unlocked
from mip_cli.units import Commitment
from mip_cli.zk.artifacts import load_circuit
from mip_cli.zk.passport_inputs import (
    FaceOpening,
    PassportParameters,
    PassportWitness,
    circuit_inputs,
)
from mip_cli.zk.proof import Proof
from mip_cli.zk.prover import Prover, choose_prover

if TYPE_CHECKING:
    from conftest import LocalChain

PASSWORD = b"correct horse battery staple"


@dataclass(frozen=True)
class Holder:
    """An enrolled person on a chain."""

    chain: LocalChain
    photos: demo_photos.Photos

    def open(self) -> Unlocked:
        return passport_file.unlock(self.chain.settings, "holder", PASSWORD, Silent())

    def keys(self) -> prove.Keys:
        return prove.Keys("holder", PASSWORD, self.photos.again)

    def ask(self) -> prove.Ask:
        assert self.chain.deployment is not None
        return prove.Ask(
            app=self.chain.deployment.address("PassportVote"),
            call=AppCall("vote(uint256)", ("1",)),
            beneficiary=developer_signer(1).address,
        )

    def prove(self, prover: Prover | None = None, *, newest: bool = False) -> prove.Proved:
        settings, clock = self.chain.settings, lambda: float(chain_time(self.chain))
        consent = prove.prepare(settings, replace(self.ask(), newest_root=newest), Silent())
        return prove.prove(settings, consent, self.keys(), Silent(), prover=prover, clock=clock)


def chain_time(chain: LocalChain) -> int:
    return int(chain.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)


def pass_time(chain: LocalChain, seconds: int) -> None:
    chain.rpc.call("evm_increaseTime", seconds)
    chain.rpc.call("evm_mine")


def enroll_stranger(chain: LocalChain, deadline: int) -> None:
    signer = Signer(os.urandom(32))
    identity = commitments.identity_commitment(random_element())
    wish = sign_enrollment(
        signer, 31337, chain.registry.address, identity, Commitment(random_element()), deadline
    )
    chain.sender().send(f"stranger:{signer.address}", chain.registry.enroll_signed(wish))


def enrolled_holder(chain: LocalChain, folder: Path) -> Holder:
    photos = demo_photos.find(None, folder / "photos")
    wish = enroll.EnrollRequest("holder", photos.first, PASSWORD)
    enroll.enroll(chain.settings, wish, developer_signer(1), Silent())
    return Holder(chain, photos)


@pytest.fixture
def holder(start_chain: Callable[..., LocalChain], tmp_path: Path) -> Holder:
    return enrolled_holder(start_chain(), tmp_path)


@dataclass
class CrowdedProver:
    """The real prover on a registry where somebody enrols while it works."""

    chain: LocalChain
    inner: Prover
    name: str = "crowded"
    runs: int = 0

    def available(self) -> bool:
        return True

    def prove(self, zkey: Path, wtns: bytes) -> Proof:
        self.runs += 1
        enroll_stranger(self.chain, chain_time(self.chain) + 600)
        return self.inner.prove(zkey, wtns)


def next_minute(chain: LocalChain) -> None:
    """Go to the first second of the next bucket, so that a test's acts share one."""
    pass_time(chain, 60 - chain_time(chain) % 60)


def test_prove__while_others_enrol__uses_a_root_that_lasts(holder: Holder) -> None:
    chain = holder.chain
    next_minute(chain)
    lasting = chain.registry.root()
    enroll_stranger(chain, chain_time(chain) + 600)
    current = chain.registry.root()
    crowded = CrowdedProver(chain, choose_prover(chain.settings))
    proved = holder.prove(crowded)
    assert (proved.file.root, crowded.runs) == (lasting, 1)
    enroll_stranger(chain, chain_time(chain) + 600)
    assert not chain.registry.is_known_root(current), "a proof under it would be worthless now"
    assert verify.verify_on_chain(chain.settings, proved.file, Silent()).on_chain
    assert verify.send(chain.settings, proved.file, developer_signer(1), Silent()).succeeded


def test_prove__on_a_quiet_registry__uses_the_current_root(holder: Holder) -> None:
    next_minute(holder.chain)
    assert holder.prove().file.root == holder.chain.registry.root()


def test_prove__newest_root__on_request(holder: Holder) -> None:
    next_minute(holder.chain)
    enroll_stranger(holder.chain, chain_time(holder.chain) + 600)
    assert holder.prove(newest=True).file.root == holder.chain.registry.root()


def test_prove__enrolled_in_this_very_minute__says_to_wait(
    start_chain: Callable[..., LocalChain], tmp_path: Path
) -> None:
    chain = start_chain()
    enroll_stranger(chain, chain_time(chain) + 600)
    next_minute(chain)
    late = enrolled_holder(chain, tmp_path)
    with pytest.raises(NetworkDown, match="changes faster than a proof is made"):
        late.prove(CrowdedProver(chain, choose_prover(chain.settings)))


def test_enroll__undone_by_a_reorg__is_done_again(holder: Holder, tmp_path: Path) -> None:
    chain = holder.chain
    with pytest.raises(UsageFault, match="is enrolled already"):
        enrolled_holder(chain, tmp_path)
    number = int(chain.rpc.call("eth_blockNumber"), 16)
    chain.rpc.call("anvil_rollback", number - 5)  # the suite's five contracts stay
    assert chain.registry.size() == 0
    enroll_stranger(chain, chain_time(chain) + 600)
    with pytest.raises(UsageFault, match="does not hold this passport"):
        holder.prove()
    enrolled_holder(chain, tmp_path)
    assert (holder.open().secrets.index, chain.registry.size()) == (1, 2)
    assert holder.prove().file.root == chain.registry.root()


def test_prove__another_consent__is_refused(holder: Holder) -> None:
    settings = holder.chain.settings
    consent = prove.prepare(settings, holder.ask(), Silent())
    other = replace(consent.ask, call=AppCall("vote(uint256)", ("0",)))
    for changed in (
        replace(consent, ask=other),
        replace(consent, ask=replace(consent.ask, app=developer_signer(1).address)),
    ):
        with pytest.raises(UsageFault, match="given for another act"):
            prove.prove(settings, changed, holder.keys(), Silent())
    elsewhere = replace(consent, request=replace(consent.request, chain_id=1337))
    with pytest.raises(WrongChain, match="another chain than the one you agreed to"):
        prove.prove(settings, elsewhere, holder.keys(), Silent())


def leaf_presentation(
    holder: Holder, unlocked: Unlocked, purpose: str, payload: bytes
) -> Presentation:
    """Prove an act on the holder's own leaf: the passport circuit with an empty path."""
    chain, content, keys = holder.chain, unlocked.secrets, public_keys(unlocked)
    registry, deadline = chain.registry.address, chain_time(chain) + 900
    artifacts = load_circuit(chain.settings, "passport")
    message = message_of(
        31337, registry, beneficiary=content.anchor, payload=payload, nonce=0, deadline=deadline
    )
    scope = scope_of(31337, registry, purpose)
    witness = PassportWitness(
        secret=content.secret,
        anchor=content.anchor,
        epoch=content.epoch,
        face_commitment=keys.face,
        password_commitment=keys.password,
        guardian_commitment=keys.guardian,
        keys_salt=content.keys_salt,
        scope=scope,
        message=message,
        face=FaceOpening(content.template, content.face_salt, content.template),
        stretched=unlocked.stretched,
    )
    inputs = circuit_inputs(witness, PassportParameters.of(artifacts.circuit))
    proof, _ = artifacts.prove(inputs, choose_prover(chain.settings))
    return Presentation(
        root=keys.leaf,
        level=2,
        nullifier=commitments.nullifier(content.secret, content.anchor, scope),
        beneficiary=content.anchor,
        nonce=0,
        deadline=deadline,
        proof=tuple(proof.evm_words()),
    )


def siblings(holder: Holder, index: int) -> list[int]:
    with connection.connect(holder.chain.settings) as link:
        return connection.tree(holder.chain.settings, link, Silent()).update_siblings(index)


def identity_payload(keys: PublicKeys, anchor: str, *more: int) -> bytes:
    return keccak256(b"".join(word(x) for x in (keys.identity, int(anchor, 16), *more)))


def refused(chain: LocalChain, call: Call, reason: str) -> None:
    with pytest.raises(RegistryRefusal) as caught:
        chain.sender().quote(call)
    assert caught.value.reason == reason


def test_update__by_a_real_leaf_proof__kills_the_old_keys(holder: Holder) -> None:
    chain, unlocked = holder.chain, holder.open()
    content, keys = unlocked.secrets, public_keys(unlocked)
    enroll_stranger(chain, chain_time(chain) + 600)
    old_proof = holder.prove().file
    new_root = commitments.keys_root(keys.face, keys.password, keys.guardian, random_salt())
    payload = identity_payload(keys, content.anchor, new_root)
    shown = leaf_presentation(holder, unlocked, UPDATE_PURPOSE, payload)
    path = siblings(holder, 0)

    def update(root: int, presentation: Presentation) -> Call:
        return chain.registry.update(
            keys.identity, content.anchor, keys.root, root, path, presentation
        )

    refused(chain, update(new_root + 1, shown), "registry: proof is not valid")
    wrong = leaf_presentation(holder, unlocked, REVOKE_PURPOSE, payload)
    refused(chain, update(new_root, wrong), "registry: proof is not valid")
    assert chain.sender().send("update", update(new_root, shown)).succeeded
    record = chain.registry.passport(keys.identity, content.anchor)
    assert (record.epoch, record.status) == (1, PassportStatus.ACTIVE)
    with connection.connect(chain.settings) as link:
        tree = connection.tree(chain.settings, link, Silent())
        # an update hides nothing: the tree before it is found by replaying the events
        before = connection.earlier_tree(chain.settings, link, tree, old_proof.root)
    assert before is not None
    assert before.find(keys.leaf) == 0
    assert tree.find(keys.leaf) is None
    assert tree.tree.leaf(0) == commitments.leaf(keys.identity, content.anchor, new_root, 1)
    pass_time(chain, 121)
    with pytest.raises(RegistryRefusal) as caught:
        verify.send(chain.settings, old_proof, developer_signer(1), Silent())
    assert caught.value.reason == "registry: root is not accepted"


def test_revoke__by_a_real_leaf_proof__ends_the_passport(holder: Holder) -> None:
    chain, unlocked = holder.chain, holder.open()
    content, keys = unlocked.secrets, public_keys(unlocked)
    payload = identity_payload(keys, content.anchor)
    shown = leaf_presentation(holder, unlocked, REVOKE_PURPOSE, payload)
    call = chain.registry.revoke(
        keys.identity, content.anchor, keys.root, siblings(holder, 0), shown
    )
    assert chain.sender().send("revoke", call).succeeded
    assert chain.registry.passport(keys.identity, content.anchor).status is PassportStatus.REVOKED
    refused(chain, call, "registry: passport is revoked")
