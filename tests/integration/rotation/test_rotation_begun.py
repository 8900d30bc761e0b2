"""A replacement of keys that stopped on its way: dropped, gone on with, or put in place."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mip_cli.chain.devnet import developer_signer
from mip_cli.chain.faults import TransactionPending
from mip_cli.errors import KeyLocked, UsageFault, WrongSecret
from mip_cli.flows import connection
from mip_cli.flows.guardian.guardians import Wish
from mip_cli.flows.passport import passport_file, rotate
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.flows.passport.passport_keys import keys_of
from mip_cli.flows.passport.rotate import RotateRequest
from mip_cli.models import Kind
from mip_cli.progress import Silent
from mip_cli.store import keyfile
from tests.head_start import portraits
from tests.integration.guardian_world import DAY, NAMES, World
from tests.integration.guardian_world import PASSWORD as WORLD_PASSWORD
from tests.integration.rotation.conftest import NEW_PASSWORD, PAYER, Holder

if TYPE_CHECKING:
    from conftest import LocalChain


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


def test_rotate__guardians_come_into_force_in_the_middle__goes_on(
    own_chain: LocalChain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The leaf has new keys and new guardians; the staged file knows the keys alone."""
    world = World(own_chain, portraits(tmp_path / "photos"), tmp_path / "world")
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
