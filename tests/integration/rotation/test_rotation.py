"""Replacing and revoking keys through the flows, with real proofs on a real node."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mip_cli.chain.registry import PassportStatus
from mip_cli.chain.reverts import AppRefusal, RegistryRefusal
from mip_cli.crypto.people import PeopleSecret
from mip_cli.errors import FaceMismatch, UsageFault, WrongSecret
from mip_cli.flows import connection
from mip_cli.flows.passport import passport_file, replacement, revoke, rotate, verify
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.flows.passport.passport_keys import keys_of
from mip_cli.models import Kind
from mip_cli.progress import Silent
from mip_cli.store import keyfile
from mip_cli.store.slots import PeopleLock
from tests.integration.rotation.conftest import NEW_PASSWORD, PASSWORD, PAYER, Holder, pass_time

if TYPE_CHECKING:
    from conftest import LocalChain


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
