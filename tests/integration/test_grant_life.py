"""Grants in one process as they stand on chain: listed, ended, replaced, voided."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from mip_cli.chain.devnet import DEVELOPER
from mip_cli.chain.reverts import GrantRefusal
from mip_cli.crypto import grant_bundle
from mip_cli.errors import PermissionAbsent, UsageFault
from mip_cli.flows.archive import archive_records as archive
from mip_cli.flows.grants import grant, grant_run, grant_see
from mip_cli.flows.passport import void
from mip_cli.flows.sending import Purse, Rehearsed
from mip_cli.store.archive.grants import Ending, GrantState
from tests.integration.grant_world import S, World, granting_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with granting_world(tmp_path_factory.mktemp("grants")) as found:
        yield found


def test_list__ends_what_ended_on_chain_and_names_whose_bundles_are_old(world: World) -> None:
    gone, stays = world.party("gone"), world.party("stays")
    theirs, bundle = world.issue(gone, "gone", "health"), world.issue(stays, "stays", "health")
    before = world.listing()
    assert before.renewed == ()
    assert {one.fault for one in before.grants if one.record and one.record.live} >= {None}
    world.renounce(gone, theirs)
    found = world.listing()
    assert found.renewed == ("stays",)
    assert found.block > before.block
    told = {one.record.name: one for one in found.grants if one.record}
    assert told["gone"].fault == "ended: revoked"
    assert (told["stays"].fault, told["stays"].uses_left) == (None, 1)
    assert world.state("gone") == (GrantState.ENDED, Ending.REVOKED)
    with pytest.raises(BaseException, match="lacks block"):
        stays.open(bundle)
    assert stays.open(world.refresh("stays")).uses_left == 0
    told = {one.record.name: one for one in world.listing().grants if one.record}
    assert (told["stays"].fault, told["stays"].uses_left) == ("grants: grant is used up", 0)


def test_receipts__say_how_the_grant_stands_and_end_what_ended(world: World) -> None:
    bank = world.party("bank4")
    bundle = world.issue(bank, "seen", uses=2)
    bank.open(bundle)

    def seen() -> grant_see.Used:
        return grant_see.receipts(world.settings, "holder", world.factors, "seen", [], S)

    assert (seen().standing.fault, seen().standing.uses_left, len(seen().uses)) == (None, 1, 1)
    world.renounce(bank, bundle)
    assert (seen().standing.fault, len(seen().uses)) == ("ended: revoked", 1)
    assert world.state("seen") == (GrantState.ENDED, Ending.REVOKED)


def test_list__of_another_chain__says_that_it_was_not_asked(world: World) -> None:
    bank = world.party("bank5")
    world.issue(bank, "elsewhere")
    with archive.opened(world.settings, "holder", world.factors, S) as session:
        found = session.archive.grants.require("elsewhere")
        other = replace(found, receipt=replace(found.receipt, chain_id=1), name="other", view=None)
        session.archive.keep_grant(other)
        session.archive.commit()
    told = {one.record.name: one for one in world.listing().grants if one.record}
    assert (told["other"].asked, told["elsewhere"].asked) == (False, True)
    assert str(told["other"].fault).startswith("not asked: given on chain 1 at ")
    with archive.opened(world.settings, "holder", world.factors, S) as session:
        session.archive.keep_grant(replace(other, state=GrantState.ENDED, ended=Ending.DROPPED))
        session.archive.commit()
    world.revoke("elsewhere")


def test_revoke__ends_first_what_the_chain_ended(world: World) -> None:
    """Who is out already gets no bundle under the new keys."""
    out, stays, other = (world.party(name) for name in ("out", "stays2", "other2"))
    theirs = world.issue(out, "out")
    world.issue(stays, "stays2")
    world.issue(other, "other2")
    world.renounce(out, theirs)
    bundles = world.revoke("other2").bundles
    assert "stays2" in bundles
    assert "out" not in bundles
    assert world.state("out") == (GrantState.ENDED, Ending.REVOKED)


def test_revoke__prepared_while_another_stands__is_refused(world: World) -> None:
    bank = world.party("bank6")
    consent = world.consent(bank, "given-away", "finance", 2, 1)
    rehearsal = Purse(world.payer, rehearse=True)
    with pytest.raises(Rehearsed) as act:
        grant.issue(world.settings, consent, "holder", world.factors, rehearsal, S, relay=True)
    assert world.state("given-away") == (GrantState.PREPARED, None)
    world.issue(bank, "standing")
    with pytest.raises(UsageFault, match="another grant stands in its place on chain"):
        world.revoke("given-away")
    assert world.state("given-away") == (GrantState.PREPARED, None)
    # revoking the one that stands stops the act that was given away; then it goes
    world.revoke("standing")
    with pytest.raises(GrantRefusal) as refused:
        world.chain.sender(DEVELOPER).send("given away", act.value.call)
    assert refused.value.reason == "grants: nonce is not the next sequence"
    assert world.revoke("given-away").transaction is not None
    assert world.state("given-away")[0] is GrantState.ENDED


def test_void__ends_the_grant_and_the_next_bears_the_new_epoch(world: World) -> None:
    bank = world.party("bank7")
    bundle = world.issue(bank, "voided", uses=5)
    assert bank.open(bundle).uses_left == 4
    world.chain.devnet.advance(3600)
    void.void(world.settings, "holder", world.factors, Purse(world.payer), S)
    with pytest.raises(PermissionAbsent, match="voided by its holder"):
        bank.open(bundle)
    told = {one.record.name: one for one in world.listing().grants if one.record}
    assert told["voided"].fault == "ended: void"
    again = world.issue(bank, "again", uses=5)
    receipt = grant_bundle.FORM.decode(again).receipt
    with grant_run.opened(world.settings, "holder", world.factors, S) as run:
        state = run.grants.grant_of(receipt.pseudonym, receipt.category)
        assert state.epoch == run.holding.link.epochs.epoch_of(receipt.pseudonym) >= 1
    assert bank.open(again).uses_left == 4
