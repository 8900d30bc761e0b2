"""An archive and its anchor: real proofs, a real chain, copies that went back or another way."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mip_cli.chain.archive_anchor import PURPOSE, ArchiveAnchor
from mip_cli.chain.devnet import developer_signer
from mip_cli.chain.reverts import AnchorRefusal
from mip_cli.config import Settings
from mip_cli.crypto import archive_proof
from mip_cli.errors import FileInvalid, ProofInvalid, UsageFault, WrongChain
from mip_cli.flows.archive import archive_anchor, archive_transfer
from mip_cli.flows.archive import archive_proof as proofs
from mip_cli.flows.archive import archive_records as flow
from mip_cli.flows.archive.archive_anchor import ArchiveForked, ArchiveRolledBack, Plan, Standing
from mip_cli.flows.archive.archive_records import Session
from mip_cli.flows.archive.archive_transfer import ArchiveOlder
from mip_cli.flows.demo import demo_photos
from mip_cli.flows.passport import passport_file, prove, verify
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.progress import Silent
from mip_cli.store.archive.log import Act
from tests.integration.test_passport_life import PASSWORD, enrolled_holder

if TYPE_CHECKING:
    from conftest import LocalChain


@dataclass(frozen=True)
class Holder:
    """Somebody with a passport and an archive."""

    settings: Settings
    photos: demo_photos.Photos

    @property
    def factors(self) -> Factors:
        return Factors(PASSWORD, self.photos.again)

    def open(self, *, create: str | None = None) -> AbstractContextManager[Session]:
        return flow.opened(self.settings, "holder", self.factors, Silent(), create=create)

    def put(self, path: str, text: str) -> flow.Put:
        data = json.dumps({"text": text}).encode()
        with self.open(create="sqlite") as session:
            return flow.put_file(
                session,
                "health",
                None,
                path,
                "application/json",
                Silent(),
                stdin=lambda size: data,
            )

    def plan(self, *, older: bool = False) -> Plan:
        with self.open() as session:
            who = developer_signer(1).address
            return archive_anchor.plan(self.settings, session, Silent(), who, older=older)

    def anchor(self) -> int:
        plan = self.plan()
        self.bring(self.proof(plan))
        return plan.sequence

    def proof(self, plan: Plan) -> prove.Proved:
        consent = prove.prepare(self.settings, plan.ask, Silent())
        assert consent.request.purpose == PURPOSE
        keys = prove.Keys("holder", PASSWORD, self.photos.again)
        return prove.prove(self.settings, consent, keys, Silent())

    def bring(self, proved: prove.Proved) -> None:
        verify.send(self.settings, proved.file, developer_signer(1), Silent())

    def verify(self, *, offline: bool = False) -> archive_anchor.Verified:
        with self.open() as session:
            return archive_anchor.verify(self.settings, session, Silent(), offline=offline)

    def elsewhere(self, folder: Path) -> Holder:
        """The same passport and archive on a second device, as they are now."""
        shutil.copytree(self.settings.data_dir, folder)
        return replace(self, settings=replace(self.settings, data_dir=folder))

    def prove_act(self, number: int, **options: object) -> bytes:
        with self.open() as session:
            made = proofs.make(self.settings, session, number, Silent(), **options)  # type: ignore[arg-type]
        return proofs.encode(made)

    def check(self, data: bytes, *, offline: bool = False) -> proofs.Checked:
        return proofs.check(self.settings, data, Silent(), offline=offline)


@pytest.fixture
def holder(start_chain: Callable[..., LocalChain], tmp_path: Path) -> Holder:
    chain = start_chain()
    return Holder(chain.settings, enrolled_holder(chain, tmp_path).photos)


def test_archive__anchored__older_and_other_copies_are_found_out(
    holder: Holder, tmp_path: Path
) -> None:
    bare = holder.elsewhere(tmp_path / "bare")  # as from a backup of then: no archive key
    holder.put("a", "one")
    assert holder.verify(offline=True).standing is Standing.UNCHECKED
    assert holder.verify().standing is Standing.NEVER
    before = holder.elsewhere(tmp_path / "before")
    assert holder.anchor() == 1
    found = holder.verify()
    assert (found.standing, found.sequence, found.since) == (Standing.ANCHORED, 1, 0)
    with pytest.raises(UsageFault, match="nothing was done since"):
        holder.plan()
    with pytest.raises(ArchiveRolledBack, match="knows of anchor 1, the archive here of none"):
        before.verify()
    with pytest.raises(ArchiveRolledBack, match="knows of anchor 1, the archive here of none"):
        before.plan()  # which would hide that it is older

    # two devices go on from the same archive; the second one to anchor is told
    other = holder.elsewhere(tmp_path / "other")
    holder.put("b", "two")
    other.put("c", "three")
    assert holder.verify().since == 1
    theirs = other.proof(other.plan())
    assert holder.anchor() == 2
    with pytest.raises(AnchorRefusal, match="another device"):
        other.bring(theirs)
    with pytest.raises(ArchiveForked, match="went another way"):
        other.verify()
    with pytest.raises(ArchiveForked, match="went another way"):
        other.plan()
    assert other.plan(older=True).sequence == 3  # whoever lost the newest goes on from what he has
    assert holder.verify().sequence == 2

    # a proof for one commitment is of no use for another
    holder.put("d", "four")
    plan = holder.plan()
    proved = holder.proof(plan)
    assert proved.file.call is not None
    forged = replace(proved.file, call=replace(proved.file.call, arguments=("0x" + "11" * 32, "3")))
    with pytest.raises(ProofInvalid, match="other arguments"):
        verify.send(holder.settings, forged, developer_signer(1), Silent())

    # an anchoring that was cut off is taken up again under the same number
    assert holder.verify().unsent == 1
    assert holder.plan() == plan
    assert holder.anchor() == 3
    assert (holder.verify().since, holder.verify().unsent) == (0, 0)

    # restored from the second device's copy the archive is the forked one; from its own it is not
    with other.open() as session:
        archive_transfer.export(session, tmp_path / "other.car", Silent(), overwrite=False)
    with holder.open() as session:
        done = archive_transfer.export(session, tmp_path / "own.car", Silent(), overwrite=False)
    with pytest.raises(ArchiveOlder, match="knows of acts"):
        restore(holder, tmp_path / "other.car")
    assert restore(holder, tmp_path / "own.car").root == done.root
    with pytest.raises(FileInvalid, match="a backup that is older than the archive"):
        restore(bare, tmp_path / "own.car")
    restored = restore(before, tmp_path / "own.car")
    assert (restored.records, before.verify().sequence) == (3, 3)


def restore(holder: Holder, source: Path, **options: bool) -> archive_transfer.Moved:
    return archive_transfer.restore(
        holder.settings, "holder", holder.factors, source, Silent(), store=None, **options
    )


def test_log__third_parties_check_what_they_are_shown(holder: Holder) -> None:
    for number in range(5):
        holder.put(f"r{number}", f"canary {number}")
    loose = holder.prove_act(2)
    assert holder.check(loose).anchored is False
    holder.anchor()
    holder.put("after", "the anchor")
    shown = holder.prove_act(2, since=3, show=True)
    found = holder.check(shown)
    assert (found.act, found.number, found.size, found.since) == (Act.PUT, 2, 7, 3)
    assert found.anchored
    assert found.about is not None
    assert found.about["path"] == "r1"
    hidden = holder.prove_act(2)
    assert holder.check(hidden).about is None
    for proof in (shown, hidden, loose):
        assert b"canary" not in proof
    assert b"r1" not in hidden.replace(b"\n", b"")
    assert holder.check(hidden, offline=True).anchored is False
    assert holder.check(holder.prove_act(7)).anchored is False  # put after the anchor

    # every part that is changed is found out, by the chain where nothing else can
    proof = archive_proof.decode(shown)
    assert proof.anchor is not None
    for changed in (
        replace(proof, anchor=replace(proof.anchor, salt=bytes(32))),
        replace(proof, anchor=replace(proof.anchor, sequence=2)),
        replace(proof, anchor=replace(proof.anchor, nullifier=5)),
    ):
        with pytest.raises(ProofInvalid, match="no such anchor"):
            holder.check(archive_proof.encode(changed))
    with pytest.raises(ProofInvalid, match="does not lead"):
        holder.check(archive_proof.encode(replace(proof, index=3)))
    salt, detail = proof.detail or (b"", b"")
    lying = replace(proof, detail=(salt, detail.replace(b"r1", b"r2")))
    with pytest.raises(ProofInvalid, match="not what was logged"):
        holder.check(archive_proof.encode(lying))
    with pytest.raises(ProofInvalid, match="cannot be read"):
        holder.check(b"{}")
    far = replace(proof, anchor=replace(proof.anchor, contract="0x" + "11" * 20))
    with pytest.raises(WrongChain, match="is anchored on chain"):
        holder.check(archive_proof.encode(far))

    # what was erased can no longer be shown, and the proofs about it still hold
    with holder.open() as session:
        flow.erase(session, "health", ["r1"], Silent())
    assert holder.check(shown).anchored
    with pytest.raises(UsageFault, match="is erased"):
        holder.prove_act(2, show=True)
    assert holder.check(holder.prove_act(2)).anchored
    assert holder.verify().standing is Standing.ANCHORED


def test_erase__interrupted_before_the_key_file__is_mended(holder: Holder) -> None:
    holder.put("a", "one")
    holder.put("b", "two")
    with holder.open() as session:
        session.archive.erase("health", ["a"])
        session.archive.commit()  # and no more: the key file still has the old key
        later = session.archive.key
    opened = passport_file.unlock(holder.settings, "holder", holder.factors, Silent())
    assert opened.unlocked.secrets.archive != later
    with holder.open() as session:
        assert [one.record.path for one in flow.listing(session, None)] == ["b"]
    opened = passport_file.unlock(holder.settings, "holder", holder.factors, Silent())
    assert opened.unlocked.secrets.archive == later
    with holder.open() as session:
        done = flow.erase(session, "health", ["b"], Silent())
    assert done.records == 1
    opened = passport_file.unlock(holder.settings, "holder", holder.factors, Silent())
    assert opened.unlocked.secrets.archive is not None
    assert opened.unlocked.secrets.archive.generation == 2


def test_anchor__contract_states_what_we_ask(holder: Holder) -> None:
    from contextlib import closing

    from mip_cli.chain.app import App
    from mip_cli.chain.rpc import RpcClient
    from mip_cli.flows import connection

    with connection.connect(holder.settings) as link:
        address = link.deployment.archive_anchor
    with closing(RpcClient(holder.settings.rpc_url)) as rpc:
        assert App(rpc, address).purpose() == PURPOSE
        assert App(rpc, address).level() == 2
        assert ArchiveAnchor(rpc, address).sequence_of(12345) == 0
        assert ArchiveAnchor(rpc, address).commitment_at(12345, 1) == bytes(32)
