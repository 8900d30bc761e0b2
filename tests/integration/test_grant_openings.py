"""Opening what was granted: what was paid for stays paid, older bundles are noticed."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from dataclasses import replace

import pytest

from mip_cli.chain.abi import pack_words, selector
from mip_cli.chain.devnet import DEVELOPER
from mip_cli.chain.keys import Signer
from mip_cli.chain.tx import FeeTooHigh
from mip_cli.chain.values import Call
from mip_cli.crypto import grant_access, grant_bundle, grant_signing
from mip_cli.crypto.grant_card import GranteeKind
from mip_cli.errors import ChainRefusal, FileInvalid, PermissionAbsent, UsageFault
from mip_cli.flows import connection
from mip_cli.flows.archive import archive_records as archive
from mip_cli.flows.grants import access, grant, grant_proof, grant_see, grantee_key
from mip_cli.flows.passport import prove, verify
from mip_cli.flows.passport.proof_file import AppCall
from mip_cli.flows.sending import Purse
from mip_cli.store.archive import paths
from mip_cli.store.archive.blocks import BlockDamaged
from mip_cli.store.archive.category import OpenCategory
from tests.integration.grant_world import Killed, S, Until, World, granting_world
from tests.integration.test_passport_life import PASSWORD


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with granting_world(tmp_path_factory.mktemp("grants")) as found:
        yield found


# -- what was paid for stays paid -----------------------------------------------------------------


def test_open__killed_after_the_use__an_older_and_a_newer_bundle_need_no_second_one(
    world: World,
) -> None:
    bank = world.party("bank1")
    bundle = world.issue(bank, "paid")
    with pytest.raises(Killed):
        bank.open(bundle, Until("decrypting"))
    assert bank.left(bundle) == 0
    (cut_off,) = bank.pending(bundle)
    world.put("later.json", 99)
    later = world.refresh("paid")
    done = bank.open(later)
    assert (len(done.records), done.transaction) == (4, None)
    assert done.receipt.used == cut_off.access
    assert bank.pending(later) == []
    # the holder finds the receipt to the use, and it is signed and of the newer bundle
    handed = [grant_access.FORM.encode(done.receipt)]
    used = grant_see.receipts(world.settings, "holder", world.factors, "paid", handed, S)
    assert [(use.receipt, use.uses_left) for use in used.uses] == [(done.receipt, 0)]
    with pytest.raises(PermissionAbsent, match="used up"):
        bank.open(later)


def test_open__killed_after_the_use__of_a_grant_that_ended__is_refused(world: World) -> None:
    """What was paid for stays paid, and opens nothing once the holder took it back."""
    bank = world.party("taker")
    bundle = world.issue(bank, "taken-back", uses=2)
    with pytest.raises(Killed):
        bank.open(bundle, Until("decrypting"))
    assert (bank.left(bundle), len(bank.pending(bundle))) == (1, 1)
    shutil.copytree(world.folder / "blocks", copied := world.folder / "blocks of then")
    world.revoke("taken-back")
    bank.store = f"folder:{copied}"
    with pytest.raises(PermissionAbsent, match="nothing is granted"):
        bank.open(bundle)
    assert not bank.folder.exists()


def test_open__killed_before_the_use__the_same_receipt_is_taken(world: World) -> None:
    bank = world.party("bank2")
    bundle = world.issue(bank, "durable")
    assert bank.account is not None
    # the fee that is allowed is too low: the transaction is not signed, the receipt stands
    with pytest.raises(FeeTooHigh):
        bank.open(bundle, purse=Purse(bank.account, fee_cap=1))
    (begun,) = bank.pending(bundle)
    assert bank.left(bundle) == 1
    assert not bank.folder.exists()
    done = bank.open(bundle)
    assert done.receipt == begun
    assert done.uses_left == 0
    assert bank.pending(bundle) == []


def test_contract__one_use_one_opening_also_after_a_kill(world: World) -> None:
    assert world.chain.deployment is not None
    lender = world.chain.deployment.address("Lender")
    party = world.party("lender1", lender)
    bundle = world.issue(party, "loan", level=3, uses=9)
    world.apply(lender)  # at level 2, which opens nothing of level 3
    with pytest.raises(PermissionAbsent, match="has not used the grant for this opening"):
        party.open(bundle)
    world.revoke("loan")
    decide = selector("decide(uint256,bool)") + pack_words([1, 1])
    world.chain.sender(DEVELOPER).send("decide", Call(lender, decide))
    bundle = world.issue(party, "loan2", level=2, uses=9)
    world.apply(lender)
    with pytest.raises(Killed):
        party.open(bundle, Until("decrypting"))
    (cut_off,) = party.pending(bundle)
    later = world.refresh("loan2")
    done = party.open(later)
    assert done.receipt.access == cut_off.access
    assert party.left(later) == 8
    with pytest.raises(PermissionAbsent, match="has not used the grant for this opening"):
        party.open(later)
    # and a key that the contract states no more gets no new bundle when another grant ends
    bank = world.party("bank3")
    world.issue(bank, "beside")
    assert set(world.revoke("beside").bundles) >= {"loan2"}
    world.issue(bank, "beside")
    world.state_key(lender, secrets.token_bytes(32))
    assert "loan2" not in world.revoke("beside").bundles
    world.state_key(lender, party.opened.content.card.key_hash)


def test_contract__its_use_counts_once_it_is_final(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A local chain needs one block; here three, as on others."""
    assert world.chain.deployment is not None
    clinic = world.chain.deployment.address("Clinic")
    party = world.party("clinic", clinic)
    bundle = world.issue(party, "treated", "health", 3, uses=9)
    world.present(clinic, AppCall("register()", ()))
    patient = grant_bundle.FORM.decode(bundle).receipt.pseudonym

    def visit() -> None:
        call = Call(clinic, selector("visit(uint256)") + pack_words([patient]))
        world.chain.sender(DEVELOPER).send(f"visit:{secrets.token_hex(8)}", call)

    monkeypatch.setattr(connection, "final_after", lambda _: 3)
    before = world.chain.rpc.call("evm_snapshot")
    visit()
    with pytest.raises(PermissionAbsent, match="not final yet") as early:
        party.open(bundle)
    assert "2 more blocks" in (early.value.hint or "")
    world.chain.rpc.call("evm_revert", before)  # as a re-org
    with pytest.raises(PermissionAbsent, match="has not used the grant"):
        party.open(bundle)
    visit()
    world.chain.rpc.call("anvil_mine", "0x1")
    with pytest.raises(PermissionAbsent, match="not final yet"):
        party.open(bundle)
    world.chain.rpc.call("anvil_mine", "0x1")
    assert party.open(bundle).records
    assert party.pending(bundle) == []


# -- an older bundle ------------------------------------------------------------------------------


def test_open__an_older_bundle_than_one_opened__is_refused_unless_asked_for(world: World) -> None:
    bank = world.party("bank-older")
    first = world.issue(bank, "older", level=3, uses=9)
    shutil.copytree(world.folder / "blocks", copied := world.folder / "blocks of the first")
    bank.open(first)
    later = world.refresh("older")
    bank.store = f"folder:{copied}"
    bank.open(first)  # nothing tells him that there is a newer one
    bank.store = world.store
    bank.open(later)
    bank.open(later)
    bank.store = f"folder:{copied}"
    left = bank.left(first)
    with pytest.raises(access.OlderBundle, match="older than one that you opened: number"):
        bank.open(first)
    with pytest.raises(access.OlderBundle, match="older than one that you opened"):
        access.check(bank.settings, bank.opened, first, S)
    assert not bank.folder.exists()
    assert (bank.left(first), bank.pending(first)) == (left, [])
    assert access.check(bank.settings, bank.opened, first, S, older=True).opened_before == 4
    assert bank.open(first, older=True).uses_left == left - 1
    with pytest.raises(access.OlderBundle):
        bank.open(first)  # once is not for ever


def test_open__cut_off_with_a_newer_bundle__the_older_is_refused(world: World) -> None:
    bank = world.party("bank-cut")
    first = world.issue(bank, "cut", uses=9)
    later = world.refresh("cut")
    with pytest.raises(Killed):
        bank.open(later, Until("decrypting"))
    with pytest.raises(access.OlderBundle):
        bank.open(first)
    bank.open(later)


def test_open__a_forged_bundle_and_another_grant__do_not_raise_the_mark(world: World) -> None:
    bank = world.party("bank-forged")
    bundle = world.issue(bank, "forged", uses=9)
    genuine = grant_bundle.FORM.decode(bundle)
    forged = grant_bundle.FORM.encode(replace(genuine, number=genuine.number + 9))
    with pytest.raises(FileInvalid, match="not signed"):
        bank.open(forged)
    assert bank.accesses.newest(genuine.receipt.id) is None
    newer = world.refresh("forged")
    bank.open(newer)
    world.revoke("forged")
    again = world.issue(bank, "forged-anew", uses=9)
    bank.open(again)
    with pytest.raises(PermissionAbsent, match="another consent took the place"):
        access.check(bank.settings, bank.opened, newer, S, older=True)


# -- a holder who lies ----------------------------------------------------------------------------


def test_open__a_receipt_that_calls_an_account_a_contract__is_refused(world: World) -> None:
    """The kind decides what a proof is held against; the holder writes and signs the receipt."""
    bank = world.party("bank-kind")
    genuine = grant_bundle.FORM.decode(world.issue(bank, "kind"))
    signer = grant_signing.random_keys()

    def signed(kind: GranteeKind) -> bytes:
        receipt = replace(genuine.receipt, bundle_key=signer.public, grantee_kind=kind)
        made = replace(genuine, receipt=receipt)
        signature = grant_signing.sign(signer, grant_bundle.SIGNED, grant_bundle.unsigned_of(made))
        return grant_bundle.FORM.encode(replace(made, signature=signature))

    access.read_bundle(bank.opened, signed(GranteeKind.ACCOUNT))
    with pytest.raises(UsageFault, match="and its key, not for"):
        access.read_bundle(bank.opened, signed(GranteeKind.CONTRACT))


def test_verify__a_proof_for_an_account__only_where_the_caller_takes_one(world: World) -> None:
    """What no contract states is taken from the file itself: a person has to judge that."""
    card = grant.read_card(access.card(world.party("bank-proof").opened))
    consent = grant_proof.prepare(world.settings, card, S)
    keys = prove.Keys("holder", PASSWORD, world.photos.again)
    shown = prove.prove(world.settings, consent, keys, S).file
    assert verify.verify_on_chain(world.settings, shown, S, accounts=True).account
    with pytest.raises(UsageFault, match="there is no contract"):
        verify.verify_on_chain(world.settings, shown, S)


def test_publish__a_contract_that_takes_anything__is_no_success(world: World) -> None:
    assert world.chain.deployment is not None
    rpc, place = world.chain.rpc, Signer(secrets.token_bytes(32)).address
    clinic = rpc.code(world.chain.deployment.address("Clinic"))
    rpc.call("anvil_setCode", place, "0x" + clinic.hex())
    party = world.party("publisher", place)
    card, purse = party.opened.content.card, Purse(world.payer)
    assert grantee_key.publish(party.settings, card, purse, S) is None  # it states it already
    world.state_key(place, bytes(32))
    assert grantee_key.publish(party.settings, card, purse, S) is not None
    rpc.call("anvil_setCode", place, "0x60206000f3")  # returns zero, whatever is asked
    with pytest.raises(ChainRefusal, match="states another key"):
        grantee_key.publish(party.settings, card, purse, S)


@pytest.mark.parametrize(
    ("category", "names", "said"),
    [
        ("social", ("a", "a/b"), "cannot lie beside"),
        ("preference", ("x" * 201,), "more than 200 bytes"),
    ],
)
def test_open__paths_that_no_disk_takes__cost_no_use(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    category: str,
    names: tuple[str, ...],
    said: str,
) -> None:
    party = world.party(f"reader-{category}")
    with (
        monkeypatch.context() as other,
        archive.opened(world.settings, "holder", world.factors, S) as session,
    ):
        other.setattr(OpenCategory, "require_room", lambda *_: None)
        other.setattr(paths, "has_fitting_parts", lambda _: True)
        for name in names:
            session.archive.put_record(category, name, b'{"text": "x"}')
        session.archive.commit()
    bundle = world.issue(party, f"bad-{category}", category, 3)
    with pytest.raises(BlockDamaged, match=said):
        party.open(bundle)
    assert party.left(bundle) == 1
    assert party.pending(bundle) == []
    assert [p.name for p in party.settings.data_dir.iterdir() if "shown" in p.name] == []
    # made good, the same grant opens
    with archive.opened(world.settings, "holder", world.factors, S) as session:
        archive.erase(session, category, [names[-1]], S)
        session.archive.put_record(category, "good", b'{"text": "x"}')
        session.archive.commit()
    assert "good" in [one.path for one in party.open(world.refresh(f"bad-{category}")).records]
