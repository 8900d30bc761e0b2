"""Replacing and revoking keys through the flows, with real proofs on a real node."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import pytest

from mip_cli.chain.devnet import Node, developer_signer
from mip_cli.chain.faults import TransactionPending
from mip_cli.chain.registry import PassportStatus
from mip_cli.chain.reverts import AppRefusal, RegistryRefusal
from mip_cli.crypto.people import PeopleSecret
from mip_cli.errors import FaceMismatch, KeyLocked, UsageFault, WrongSecret
from mip_cli.flows import connection
from mip_cli.flows.demo import demo_photos
from mip_cli.flows.guardian.guardians import Wish
from mip_cli.flows.passport import enroll, passport_file, prove, replacement, revoke, rotate, verify
from mip_cli.flows.passport.passport_file import Factors, Opened
from mip_cli.flows.passport.passport_keys import keys_of
from mip_cli.flows.passport.proof_file import AppCall
from mip_cli.flows.passport.rotate import Rotated, RotateRequest
from mip_cli.models import Kind
from mip_cli.progress import Silent
from mip_cli.store import keyfile
from mip_cli.store.slots import PeopleLock
from tests.integration.conftest import running_chain
from tests.integration.guardian_world import DAY, NAMES, World
from tests.integration.guardian_world import PASSWORD as WORLD_PASSWORD

if TYPE_CHECKING:
    from conftest import LocalChain

PASSWORD = b"correct horse battery staple"
NEW_PASSWORD = b"another horse, another staple"
PAYER = developer_signer(1)


@dataclass(frozen=True)
class Holder:
    """An enrolled person on the chain of this module, with a passport of his own."""

    chain: LocalChain
    photos: demo_photos.Photos
    name: str

    @property
    def path(self) -> Path:
        return self.chain.settings.data_dir / "passports" / f"{self.name}.mip"

    def open(self, password: bytes = PASSWORD) -> Opened:
        factors = Factors(password, self.photos.again)
        return passport_file.unlock(self.chain.settings, self.name, factors, Silent())

    def wish(self, **changes: object) -> RotateRequest:
        return replace(
            RotateRequest(self.name, PASSWORD, self.photos.again),
            **changes,  # type: ignore[arg-type]
        )

    def rotate(self, **changes: object) -> Rotated:
        return rotate.rotate(self.chain.settings, self.wish(**changes), PAYER, Silent())

    def prove(self, password: bytes = PASSWORD) -> prove.Proved:
        settings = self.chain.settings
        assert self.chain.deployment is not None
        app = self.chain.deployment.address("PassportVote")
        ask = prove.Ask(app, PAYER.address, AppCall("vote(uint256)", ("1",)), newest_root=True)
        consent = prove.prepare(settings, ask, Silent())
        keys = prove.Keys(self.name, password, self.photos.again)
        return prove.prove(settings, consent, keys, Silent())

    def send(self, made: prove.Proved) -> None:
        assert verify.send(self.chain.settings, made.file, PAYER, Silent()).succeeded


@pytest.fixture(scope="module")
def own_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalChain]:
    folder = tmp_path_factory.mktemp("rotation")
    with running_chain(folder, Node.ANVIL, deployed=True) as found:
        yield found


@pytest.fixture
def holder(own_chain: LocalChain, tmp_path: Path, request: pytest.FixtureRequest) -> Holder:
    photos = demo_photos.find(None, tmp_path / "photos")
    name = f"p{crc32(request.node.name.encode())}"
    wish = enroll.EnrollRequest(name, photos.first, PASSWORD)
    enroll.enroll(own_chain.settings, wish, PAYER, Silent())
    return Holder(own_chain, photos, name)


def pass_time(chain: LocalChain, seconds: int) -> None:
    chain.rpc.call("evm_increaseTime", seconds)
    chain.rpc.call("evm_mine")


def test_rotate__new_password_and_photo__old_keys_are_dead_and_the_pseudonym_stays(
    holder: Holder, tmp_path: Path
) -> None:
    chain, before = holder.chain, holder.open().unlocked
    people = PeopleSecret.random()
    keyfile.update(before, add=[PeopleLock(people.keypair.public)])
    old_copy = tmp_path / "thief" / "copy.mip"
    old_copy.parent.mkdir()
    shutil.copy(holder.path, old_copy)
    first = holder.prove()
    late = holder.prove()
    holder.send(first)

    done = holder.rotate(new_password=NEW_PASSWORD, new_image=holder.photos.again)
    assert (done.epoch, done.resumed) == (1, False)
    assert keyfile.staged(holder.path) is None
    with pytest.raises(WrongSecret):
        holder.open()
    after = holder.open(NEW_PASSWORD).unlocked
    old, new = before.secrets, after.secrets
    assert (new.secret, new.anchor, new.guardian_commitment) == (
        *(old.secret, old.anchor),
        old.guardian_commitment,
    )
    assert new.template != old.template
    assert new.pseudonyms == holder.open(NEW_PASSWORD).unlocked.secrets.pseudonyms != ()
    for field in ("face_salt", "keys_salt", "password_commitment", "twin_commitment"):
        assert getattr(new, field) != getattr(old, field)
    assert after.sealed.root_key != before.sealed.root_key
    with connection.connect(chain.settings) as link:
        tree = connection.tree(chain.settings, link, Silent())
        assert tree.find(keys_of(old).leaf) is None
        assert tree.find(keys_of(new).leaf) == old.index == new.index

    # the same person to the app: a second vote is refused, by the new keys as by the old
    again = holder.prove(NEW_PASSWORD)
    assert again.file.nullifier == first.file.nullifier
    with pytest.raises(AppRefusal, match="voted already"):
        holder.send(again)
    # people still open the file, also the new one
    others = Factors(password=NEW_PASSWORD, people=people)
    assert (
        passport_file.open_passport(chain.settings, holder.path, others, Silent()).unlocked.secrets
        == holder.open(NEW_PASSWORD).unlocked.secrets
    )
    # a thief's copy opens as it did, and proves nothing; what he proved before lives two minutes
    thief = passport_file.open_passport(
        chain.settings, old_copy, Factors(PASSWORD, holder.photos.again), Silent()
    )
    assert keys_of(thief.unlocked.secrets).leaf == keys_of(old).leaf
    pass_time(chain, 121)
    with pytest.raises(RegistryRefusal) as caught:
        verify.send(chain.settings, late.file, PAYER, Silent())
    assert caught.value.reason == "registry: root is not accepted"


def test_rotate__fresh_salts__makes_old_shares_worthless(holder: Holder) -> None:
    before = holder.open().unlocked
    holder.rotate()
    after = holder.open().unlocked
    assert after.secrets.template == before.secrets.template
    assert after.secrets.password_kdf.salt != before.secrets.password_kdf.salt
    assert not set(after.sealed.shares) & set(before.sealed.shares)
    assert holder.prove().file.level == 2


def test_rotate__within_the_cool_down__reverts(holder: Holder) -> None:
    holder.rotate()
    before, nonce = holder.path.read_bytes(), holder.chain.nonce(1)
    with pytest.raises(RegistryRefusal, match="replaced a moment ago") as caught:
        holder.rotate(new_password=NEW_PASSWORD)
    assert caught.value.hint == "try again in 10 minutes"
    assert holder.path.read_bytes() == before
    assert keyfile.staged(holder.path) is None
    assert holder.chain.nonce(1) == nonce
    pass_time(holder.chain, 601)
    assert holder.rotate(new_password=NEW_PASSWORD).epoch == 2


def test_cooldown__is_the_contract_s(own_chain: LocalChain) -> None:
    from mip_cli.crypto.binding import keccak256

    selector = "0x" + keccak256(b"COOLDOWN()")[:4].hex()
    call = {"to": own_chain.registry.address, "data": selector}
    assert int(own_chain.rpc.call("eth_call", call, "latest"), 16) == rotate.COOLDOWN


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"password": b"a wrong password"}, WrongSecret, "password does not open"),
        ({"image": "other"}, FaceMismatch, "does not show the holder"),
        ({"new_image": "other"}, FaceMismatch, "new photo shows somebody else"),
    ],
)
def test_rotate__by_another__reverts(
    holder: Holder, changes: dict[str, object], error: type[Exception], message: str
) -> None:
    before, nonce = holder.path.read_bytes(), holder.chain.nonce(1)
    changes = {k: holder.photos.other if v == "other" else v for k, v in changes.items()}
    with pytest.raises(error, match=message):
        holder.rotate(**changes)
    assert holder.path.read_bytes() == before
    assert keyfile.staged(holder.path) is None
    assert holder.chain.nonce(1) == nonce


def stage_only(holder: Holder, monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
    """Begin a replacement and stop where the new key file is durable and nothing is signed."""

    class Stopped(Exception):
        pass

    def stop(*_: object, **__: object) -> None:
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(rotate.leaf_proof, "make", stop)
        with pytest.raises(Stopped):
            holder.rotate(**changes)
    assert keyfile.staged(holder.path) is not None


def test_rotate__begun_and_never_signed__is_dropped_by_the_next_proof(
    holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage_only(holder, monkeypatch, new_password=NEW_PASSWORD)
    assert passport_file.view(holder.chain.settings, holder.open().unlocked).replacing
    with pytest.raises(KeyLocked, match="on its way"):  # the new keys are not in force
        holder.prove(NEW_PASSWORD)
    assert holder.prove().file.level == 2
    assert keyfile.staged(holder.path) is None


def test_rotate__begun_and_never_signed__goes_on(
    holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage_only(holder, monkeypatch, new_password=NEW_PASSWORD)
    staged = keyfile.staged_path(holder.path).read_bytes()
    done = holder.rotate(new_password=NEW_PASSWORD)
    assert done.resumed
    assert holder.path.read_bytes() == staged


def test_rotate__begun_with_another_password__begins_anew(
    holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage_only(holder, monkeypatch, new_password=b"forgotten at once")
    done = holder.rotate(new_password=NEW_PASSWORD)
    assert not done.resumed
    assert holder.open(NEW_PASSWORD).unlocked.secrets.epoch == 1


def test_rotate__landed_but_not_put_in_place__is_settled_by_whoever_comes(
    holder: Holder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = tmp_path / "old.mip"
    shutil.copy(holder.path, old)

    class Stopped(Exception):
        pass

    def stop(*_: object) -> None:
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(rotate.keyfile, "promote", stop)
        with pytest.raises(Stopped):
            holder.rotate(new_password=NEW_PASSWORD)
    assert holder.path.read_bytes() == old.read_bytes()
    nonce = holder.chain.nonce(1)
    with pytest.raises(WrongSecret) as caught:  # the old keys open the old file, which is dead
        holder.prove()
    assert "use the new password and face" in str(caught.value.hint)
    assert holder.prove(NEW_PASSWORD).file.level == 2
    assert keyfile.staged(holder.path) is None
    # the same command again finds the work done, and sends nothing
    done = holder.rotate(new_password=NEW_PASSWORD)
    assert (done.resumed, done.tx_hash, done.epoch) == (True, None, 1)
    assert holder.chain.nonce(1) == nonce


def test_rotate__landed__the_same_command_puts_it_in_place(
    holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(Exception):
        pass

    def stop(*_: object) -> None:
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(rotate.keyfile, "promote", stop)
        with pytest.raises(Stopped):
            holder.rotate()  # fresh salts: the same password and photo open both files
    nonce = holder.chain.nonce(1)
    done = holder.rotate()
    assert (done.resumed, done.tx_hash, done.epoch) == (True, None, 1)
    assert holder.chain.nonce(1) == nonce
    assert holder.prove().file.level == 2


def test_settle__fresh_salts_landed__the_proof_takes_the_new_keys(
    holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(Exception):
        pass

    def stop(*_: object) -> None:
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(rotate.keyfile, "promote", stop)
        with pytest.raises(Stopped):
            holder.rotate()
    before = holder.open().unlocked.secrets
    assert holder.prove().file.level == 2
    assert holder.open().unlocked.secrets.keys_salt != before.keys_salt
    assert keyfile.staged(holder.path) is None


def test_rotate__from_another_account_while_one_is_on_its_way__reverts(
    holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = holder.chain
    chain.rpc.call("evm_setAutomine", False)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(rotate, "Sender", partial(rotate.Sender, timeout=0.2))
            with pytest.raises(TransactionPending):
                holder.rotate(new_password=NEW_PASSWORD)
        with pytest.raises(KeyLocked, match="on its way"):
            holder.prove()
        wish = holder.wish(new_password=NEW_PASSWORD)
        with pytest.raises(UsageFault, match="begun with the account"):
            rotate.rotate(chain.settings, wish, developer_signer(0), Silent())
        with pytest.raises(WrongSecret) as caught:
            holder.rotate(new_password=b"a third password")
        assert "use those again" in str(caught.value.hint)
    finally:
        chain.rpc.call("evm_setAutomine", True)
        chain.rpc.call("evm_mine")
    nonce = chain.nonce(1)
    done = holder.rotate(new_password=NEW_PASSWORD)
    assert done.resumed
    assert chain.nonce(1) == nonce, "the same transaction, no second one"


def test_revoke__ends_the_passport(holder: Holder) -> None:
    chain, factors = holder.chain, Factors(PASSWORD, holder.photos.again)
    done = revoke.revoke(chain.settings, holder.name, factors, PAYER, Silent())
    assert done.tx_hash is not None
    content = holder.open().unlocked.secrets
    record = chain.registry.passport(keys_of(content).identity, content.anchor)
    assert record.status is PassportStatus.REVOKED
    with pytest.raises(UsageFault, match="does not hold this passport"):
        holder.prove()
    with pytest.raises(UsageFault, match="is revoked"):
        holder.rotate()
    again = revoke.revoke(chain.settings, holder.name, factors, PAYER, Silent())
    assert again.tx_hash is None


def test_revoke__without_the_face__reverts(holder: Holder) -> None:
    """Password and people open the file, yet the own keys alone act on the passport."""
    people = PeopleSecret.random()
    keyfile.update(holder.open().unlocked, add=[PeopleLock(people.keypair.public)])
    factors = Factors(password=PASSWORD, people=people)
    with pytest.raises(UsageFault, match="takes face and password"):
        revoke.revoke(holder.chain.settings, holder.name, factors, PAYER, Silent())
    assert holder.prove().file.level == 2


def test_state__names_each_epoch_apart(holder: Holder) -> None:
    content = holder.open().unlocked.secrets
    with connection.connect(holder.chain.settings) as link:
        labels = {replacement.label_of(link, content, epoch) for epoch in range(3)}
    assert len(labels) == 3
    assert Kind.PEOPLE not in content.kinds


def test_rotate__guardians_come_into_force_in_the_middle__goes_on(
    own_chain: LocalChain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The leaf has new keys and new guardians; the staged file knows the keys alone."""
    world = World(own_chain, demo_photos.find(None, tmp_path / "photos"), tmp_path / "world")
    world.enroll()
    made = world.propose(Wish(tuple(world.card(name) for name in NAMES), threshold=2, quorum=3))
    assert made.parts.keys() == set(NAMES)
    request = RotateRequest("me", WORLD_PASSWORD, world.photos.again, NEW_PASSWORD)

    class Stopped(Exception):
        pass

    def stop(*_: object) -> None:
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(rotate.keyfile, "promote", stop)
        with pytest.raises(Stopped):
            rotate.rotate(world.holder, request, PAYER, Silent())
    world.later(2 * DAY)
    content = world.open().secrets
    with connection.connect(world.holder) as link:
        identity = keys_of(content).identity
        leaf = connection.leaf_on_chain(link, identity, content.anchor, Silent())
        assert leaf is not None
        assert content.index is not None
        siblings = connection.tree(world.holder, link, Silent()).update_siblings(content.index)
        call = link.recovery.finish_change(link.registry.address, leaf, siblings)
        assert own_chain.sender().send("anybody finishes the change", call).succeeded
        done = rotate.rotate(world.holder, request, PAYER, Silent())
        assert (done.resumed, done.tx_hash) == (True, None)
        after = world.open(factors=Factors(NEW_PASSWORD, world.photos.again))
        tree = connection.tree(world.holder, link, Silent())
        assert tree.find(keys_of(after.secrets).leaf) == content.index
    assert after.secrets.guardian_commitment != content.guardian_commitment
    assert Kind.PEOPLE in after.sealed.envelope.kinds
    assert keyfile.staged(after.path) is None
