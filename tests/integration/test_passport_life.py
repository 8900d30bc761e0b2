"""A passport's life through the flows, with real proofs on a real node."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mip_cli.chain.devnet import developer_signer
from mip_cli.chain.enrolment import sign_enrollment
from mip_cli.chain.keys import Signer
from mip_cli.chain.logs import next_time
from mip_cli.chain.reverts import AppRefusal
from mip_cli.crypto import commitments
from mip_cli.crypto.field import random_element
from mip_cli.crypto.kdf import KdfParams
from mip_cli.crypto.people import PeopleSecret
from mip_cli.errors import NetworkDown, UsageFault, WrongChain, WrongSecret
from mip_cli.flows import face
from mip_cli.flows.demo import demo_photos
from mip_cli.flows.passport import enroll, passport_file, prove, verify
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.flows.passport.passport_keys import own_keys
from mip_cli.flows.passport.proof_file import AppCall
from mip_cli.models import Kind
from mip_cli.progress import Silent
from mip_cli.store import keyfile, passports
from mip_cli.store.keyfile import Unlocked
from mip_cli.store.secrets_codec import PassportStatus
from mip_cli.store.slots import PeopleLock
from mip_cli.units import Commitment
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
        factors = Factors(PASSWORD, self.photos.again)
        return passport_file.unlock(self.chain.settings, "holder", factors, Silent()).unlocked

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
    return next_time(chain.rpc)  # the newest block may be older than the test


def enroll_stranger(chain: LocalChain, deadline: int) -> None:
    signer = Signer(os.urandom(32))
    identity = commitments.identity_commitment(random_element())
    keys, guardian = Commitment(random_element()), Commitment(random_element())
    wish = sign_enrollment(
        signer, 31337, chain.registry.address, identity, keys, guardian, deadline
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
    chain.rpc.call("evm_setNextBlockTimestamp", chain_time(chain) // 60 * 60 + 60)
    chain.rpc.call("evm_mine")


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


def test_send__another_proof_of_the_same_second__reaches_the_app(holder: Holder) -> None:
    settings, now = holder.chain.settings, float(chain_time(holder.chain))
    consent = prove.prepare(settings, holder.ask(), Silent())
    one, other = (
        prove.prove(settings, consent, holder.keys(), Silent(), clock=lambda: now).file
        for _ in range(2)
    )
    assert (one.message, one.proof == other.proof) == (other.message, False)
    sent = verify.send(settings, one, developer_signer(1), Silent())
    assert verify.send(settings, one, developer_signer(1), Silent()) == sent, "done once"
    with pytest.raises(AppRefusal, match="has voted already"):
        verify.send(settings, other, developer_signer(1), Silent())


def test_enroll__undone_by_a_reorg__is_done_again(holder: Holder, tmp_path: Path) -> None:
    chain = holder.chain
    with pytest.raises(UsageFault, match="is enrolled already"):
        enrolled_holder(chain, tmp_path)
    number = int(chain.rpc.call("eth_blockNumber"), 16)
    assert chain.deployment is not None
    chain.rpc.call("anvil_rollback", number - len(chain.deployment.contracts))  # the suite stays
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


def test_prove__remembers_each_app_once(holder: Holder) -> None:
    assert holder.open().secrets.pseudonyms == ()
    assert holder.prove().remembered
    path = holder.open().path
    before = path.read_bytes()
    (known,) = holder.open().secrets.pseudonyms
    assert known.app == holder.ask().app
    assert (
        known.purpose
        == prove.prepare(holder.chain.settings, holder.ask(), Silent()).request.purpose
    )
    assert holder.prove().remembered
    assert path.read_bytes() == before, "an app that is known costs no write"


def test_prove__people_stand_above(holder: Holder) -> None:
    """Level 3 by guardians' secret with the face alone or the password alone, on the real chain."""
    chain, settings = holder.chain, holder.chain.settings
    people = PeopleSecret.random()
    unlocked = holder.open()
    # guardians come by GuardianRecovery; here the leaf is enrolled with them from the start
    content = replace(
        unlocked.secrets,
        name="peopled",
        secret=random_element(),
        guardian_commitment=people.commitment,
        status=PassportStatus.PREPARED,
        index=None,
    )
    path = passports.passport_path(settings.data_dir, "peopled")
    template = face.enrolment_template(holder.photos.first, settings, Silent())
    params = KdfParams(os.urandom(32))
    lock, keys = keyfile.password_lock(PASSWORD, params)
    content = replace(content, **own_keys(template, keys.stretched, params))
    locks = [lock, passport_file.face_lock(settings, template)]
    keyfile.create(path, content, [*locks, PeopleLock(people.keypair.public)])
    wish = enroll.EnrollRequest("peopled", holder.photos.first, PASSWORD)
    enroll.enroll(settings, wish, developer_signer(1), Silent())
    next_minute(chain)
    consent = prove.prepare(settings, holder.ask(), Silent())
    shown = []
    for password, image, kinds in (
        (None, holder.photos.again, {Kind.FACE, Kind.PEOPLE}),
        (PASSWORD, None, {Kind.PASSWORD, Kind.PEOPLE}),
        (PASSWORD, holder.photos.again, {Kind.FACE, Kind.PEOPLE}),
        (PASSWORD, holder.photos.again, {Kind.FACE, Kind.PASSWORD}),
    ):
        given = prove.Keys("peopled", password, image, frozenset(kinds), people)
        proved = prove.prove(settings, consent, given, Silent())
        assert proved.file.level == (3 if Kind.PEOPLE in kinds else 2)
        assert verify.verify_on_chain(settings, proved.file, Silent()).on_chain
        shown.append(proved.file.nullifier)
    assert len(set(shown)) == 1, "the pseudonym does not tell the kinds"
    stranger = PeopleSecret.random()
    given = prove.Keys("peopled", PASSWORD, None, frozenset({Kind.PASSWORD, Kind.PEOPLE}), stranger)
    with pytest.raises(WrongSecret, match="guardians' parts do not open"):
        prove.prove(settings, consent, given, Silent())
    all_three = prove.Keys("peopled", PASSWORD, holder.photos.again, frozenset(Kind), people)
    with pytest.raises(UsageFault, match="one kind of key, or two"):
        prove.prove(settings, consent, all_three, Silent())


def test_prove__people_of_a_set_not_in_force__reverts(holder: Holder) -> None:
    """The file may be opened by a set whose change waits on chain: it proves nothing yet."""
    people, settings = PeopleSecret.random(), holder.chain.settings
    keyfile.update(holder.open(), add=[PeopleLock(people.keypair.public)])
    consent = prove.prepare(settings, holder.ask(), Silent())
    kinds = frozenset({Kind.FACE, Kind.PEOPLE})
    given = prove.Keys("holder", None, holder.photos.again, kinds, people)
    with pytest.raises(WrongSecret, match="not, or not yet, in force"):
        prove.prove(settings, consent, given, Silent())


def test_prove__an_app_that_wants_people__says_whom_to_ask() -> None:
    own = prove.Keys("holder", PASSWORD, Path("now.jpg"))
    prove.require_kinds(own, 2)
    with pytest.raises(UsageFault, match="wants your people") as caught:
        prove.require_kinds(own, 3)
    assert "mip guardian ask" in str(caught.value.hint)
    people = replace(own, kinds=frozenset({Kind.FACE, Kind.PEOPLE}))
    with pytest.raises(UsageFault, match="showing the people needs it"):
        prove.require_kinds(people, 3)
    prove.require_kinds(replace(people, people=PeopleSecret.random()), 3)
