"""The story that the attacker watches: two passports, eight grantees, most of them thieves."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mip_cli.chain.abi import selector
from mip_cli.chain.presentations import PRESENTATION
from mip_cli.chain.rpc import RpcClient
from mip_cli.config import Settings
from mip_cli.crypto.cid import Link
from mip_cli.flows import connection, dev
from mip_cli.flows.archive import archive_anchor
from mip_cli.flows.archive import archive_records as archive
from mip_cli.flows.attack.hoard import Hoard, Transaction, put_in_place
from mip_cli.flows.attack.model import Credential, Grantee, Marks, Theft, Victims
from mip_cli.flows.attack.people import Party, Person, funded
from mip_cli.flows.demo import demo_photos
from mip_cli.flows.demo.demo_stage import machine, own_chain
from mip_cli.flows.grants import grant_proof
from mip_cli.flows.passport import prove, verify, void
from mip_cli.flows.passport.proof_file import ProofFile
from mip_cli.flows.sending import Purse
from mip_cli.progress import Progress
from mip_cli.store.credential_records import CATEGORY
from mip_cli.store.credentials import Held

HOLDER, STRANGER = "holder", "stranger"
RECORDS = 6
ERASED = "old.json"
SHORT, LONG = "short.txt", "long.txt"
_TERMS = "(address,bytes32,bytes32,uint256,uint256,uint256,bytes32)"
_GRANT = selector(f"grant({_TERMS},{PRESENTATION})")
_ANCHOR = selector(f"anchor(bytes32,uint256,{PRESENTATION})")


def mark(kind: str) -> str:
    """Draw a string that stands nowhere else."""
    return f"{kind}-{secrets.token_hex(8)}"


@contextmanager
def played(settings: Settings, photos_dir: Path | None, progress: Progress) -> Iterator[Theft]:
    """Play the story on a chain of its own and yield what the attacker has at its end.

    Chain, keys and blocks are gone on leaving.
    """
    with own_chain(settings, progress) as (place, folder, chain):
        photos = demo_photos.find(photos_dir, place.data_dir)
        with closing(RpcClient(place.rpc_url)) as rpc:
            yield _Story(place, folder, photos, rpc, progress, chain.deployment.block).theft()


@dataclass
class _Story:
    chain: Settings
    folder: Path
    photos: demo_photos.Photos
    rpc: RpcClient
    progress: Progress
    first_block: int

    def theft(self) -> Theft:
        self.hoard = Hoard(self.folder / "store")
        self.marks = _marks()
        self.cast()
        self.prepare()
        self.grant()
        self.revoke()
        self.hoard.read_chain(self.rpc, self.first_block)
        return self.loot()

    def cast(self) -> None:
        """Make everybody's machine, account and keys."""
        self.holder, self.stranger = (self.person(name) for name in (HOLDER, STRANGER))
        purposes = {
            "bank": "decide on a loan",
            "broker": "advise on savings",
            "clinic": "treat me",
            "insurer": "price a policy",
            "sleeper": "keep a backup for me",
            "auditor": "look at my sums",
            "registrar": "register me",
            "landlord": "let a flat",
        }
        self.parties = {
            name: Party.make(
                name,
                machine(self.chain, self.folder, name),
                funded(self.rpc),
                self.hoard.folder,
                purpose,
                self.progress,
            )
            for name, purpose in purposes.items()
        }
        for name in ("insurer", "sleeper"):
            self.parties[name].store = self.stranger.store

    def person(self, name: str) -> Person:
        """Make somebody with a passport."""
        store = self.hoard.folder if name == HOLDER else self.folder / f"store of {name}"
        place = machine(self.chain, self.folder, name)
        return Person(name, place, self.photos, store, funded(self.rpc), self.progress)

    def prepare(self) -> None:
        """Enrol both, and fill their archives."""
        for person in (self.holder, self.stranger):
            person.enrol()
        finance = {
            f"account-{number}.json": {
                "holder": self.marks.left_out[0].decode(),
                "account": self.marks.left_out[1].decode(),
                "kind": self.marks.granted[number].decode(),
                "balance": 1000 + number,
            }
            for number in range(RECORDS)
        }
        finance[ERASED] = {"kind": self.marks.erased[0].decode()}
        health = {
            "visit.json": {"text": self.marks.health[0].decode(), "code": "J10"},
            "scan.txt": self.marks.health[1].decode(),
            SHORT: "x" * 100,
            LONG: "x" * 600,
        }
        self.holder.put("finance", finance)
        self.holder.put("health", health)
        self.holder.put("education", {"school.json": {"name": self.marks.ungranted[0].decode()}})
        self.holder.put("identity", {"name.json": {"name": self.marks.registered[0].decode()}})
        self.kept = [self.keep()]
        self.stranger.put("social", {"me.json": {"network": mark("stranger")}})

    def keep(self) -> Held:
        """Keep a credential in the archive."""
        return self.holder.keep(json.dumps({"claims": self.marks.credential[0].decode()}))

    def grant(self) -> None:
        """Give eight grants; the holder pays two of them from one account."""
        parties, shared = self.parties, funded(self.rpc)
        self.holder.grant(parties["bank"], "finance", 2, shared)
        self.stranger.grant(parties["insurer"], "social", 2, funded(self.rpc))
        self.holder.grant(parties["clinic"], "health", 3, funded(self.rpc))
        self.holder.grant(parties["broker"], "finance", 3, shared)
        self.stranger.grant(parties["sleeper"], "social", 3, funded(self.rpc))
        self.holder.grant(parties["auditor"], "finance", 1, funded(self.rpc))
        self.holder.grant(parties["registrar"], "identity", 3, funded(self.rpc))
        proof = self.holder.proof_for(parties["landlord"])
        self.holder.grant(parties["landlord"], "identity", 0, funded(self.rpc), proof)
        self.hoard.watch("granted")
        self.twins = self.holder.links("health", (SHORT, LONG))
        for party in parties.values():
            party.read()
        self.older = self.folder / "older copy"
        shutil.copytree(self.holder.place.data_dir, self.older / "device")
        self.anchor()

    def anchor(self) -> None:
        """Anchor the holder's archive."""
        person, payer = self.holder, funded(self.rpc)
        with person.session() as session:
            plan = archive_anchor.plan(person.place, session, self.progress, payer.address)
        consent = prove.prepare(person.place, plan.ask, self.progress)
        keys = prove.Keys(person.name, person.password, person.photos.again)
        shown = prove.prove(person.place, consent, keys, self.progress).file
        verify.send(person.place, shown, payer, self.progress)

    def revoke(self) -> None:
        """Revoke the broker's grant lazily, put more, revoke eagerly, erase; void a stranger's."""
        parties = list(self.parties.values())
        bank, broker = self.parties["bank"], self.parties["broker"]
        payer = funded(self.rpc)
        self.holder.revoke(broker, payer, parties, eager=False)
        later = {"later.json": {"kind": self.marks.later[0].decode()}}
        self.holder.put("finance", later)
        self.hoard.watch("put after the revocation")
        self.holder.revoke(broker, payer, parties, eager=True)
        self.hoard.watch("encrypted anew")
        with self.holder.session() as session:
            archive.erase(session, "finance", [ERASED], self.progress)
        self.holder.refresh(bank)
        self.holder.put("health", {"recovered.json": {"text": "well again", "code": "Z09"}})
        self.holder.refresh(self.parties["clinic"])
        self.kept.append(self.keep())
        self.holder.refresh(self.parties["registrar"])
        self.hoard.watch("erased")
        dev.advance(self.chain, 180)
        stranger = self.stranger
        void.void(
            stranger.place, stranger.name, stranger.factors, Purse(stranger.payer), self.progress
        )

    def loot(self) -> Theft:
        """Hand everything over that is public, or a thief's own."""
        found = {name: self.grantee(party) for name, party in self.parties.items()}
        short, long = self.twins
        clinic, bank = self.parties["clinic"], self.parties["bank"]
        given = self.folder / "given to a grantee"
        return Theft(
            settings=machine(self.chain, self.folder, "attacker"),
            hoard=self.hoard,
            bank=found["bank"],
            broker=found["broker"],
            clinic=found["clinic"],
            stranger=found["insurer"],
            sleeper=found["sleeper"],
            auditor=found["auditor"],
            registrar=found["registrar"],
            landlord=found["landlord"],
            credentials=self.credentials(),
            anchor=next(one for one in self.hoard.transactions if one.data.startswith(_ANCHOR)),
            enrolment=self.enrolment(self.holder),
            stranger_enrolment=self.enrolment(self.stranger),
            marks=self.marks,
            twins=(short, long),
            victims=Victims(
                verify=self.verify_on,
                verify_older_copy=self.verify_older,
                open_clinic=clinic.read,
                read_clinic=lambda blocks: clinic.read_from(blocks, given),
                read_older=lambda blocks: clinic.read_from(blocks, given, clinic.bundles[0]),
                read_unseen=lambda blocks: bank.read_from(blocks, given, bank.bundles[0]),
                open_credential=lambda path, data: self.vault.open(data, path, "the credential"),
                check_proof=self.check_proof,
            ),
        )

    def credentials(self) -> tuple[Credential, ...]:
        """Return the holder's credentials as his archive has them."""
        self.vault, found = self.holder.vault(), []
        with self.holder.session() as session:
            for held in self.kept:
                path = self.vault.path_of(held.id)
                one = session.archive.find(CATEGORY, path)
                found.append(Credential(one.link, path, b"".join(session.archive.read(one))))
        return tuple(found)

    def check_proof(self, shown: ProofFile) -> int:
        """Ask the registry about a proof."""
        with connection.connect(self.chain) as link:
            return link.registry.check(
                shown.app, shown.purpose, shown.payload, grant_proof.LEVEL, shown.presentation
            )

    def grantee(self, party: Party) -> Grantee:
        """Return a grantee's things."""
        issued = next(
            one
            for one in self.hoard.about(int.from_bytes(party.receipt, "big"))
            if one.data.startswith(_GRANT)
        )
        return Grantee(
            name=party.name,
            account=party.account,
            keys=party.opened.content.keys,
            pseudonym=party.pseudonym,
            category=party.category,
            level=party.level,
            bundles=tuple(party.bundles),
            issued=issued,
        )

    def enrolment(self, person: Person) -> Transaction:
        """Return the transaction that enrolled a passport."""
        return self.hoard.about(person.identity())[0]

    def verify_on(self, blocks: Mapping[Link, bytes]) -> archive_anchor.Verified:
        """Let the holder verify his archive while his store holds these blocks."""
        present = self.hoard.at("erased")
        put_in_place(self.hoard.folder, blocks)
        try:
            with self.holder.session() as session:
                return archive_anchor.verify(self.holder.place, session, self.progress)
        finally:
            put_in_place(self.hoard.folder, present)

    def verify_older(self) -> archive_anchor.Verified:
        """Let the holder verify on a device and a store that were put back to an older copy."""
        person, present = self.holder, self.hoard.at("erased")
        place = person.place.with_flags(data_dir=self.older / "device")
        put_in_place(self.hoard.folder, self.hoard.at("granted"))
        try:
            with archive.opened(place, person.name, person.factors, self.progress) as session:
                return archive_anchor.verify(place, session, self.progress)
        finally:
            put_in_place(self.hoard.folder, present)


def _marks() -> Marks:
    def drawn(kind: str, count: int) -> tuple[bytes, ...]:
        return tuple(mark(kind).encode() for _ in range(count))

    return Marks(
        granted=drawn("granted", RECORDS),
        left_out=drawn("left-out", 2),
        health=drawn("health", 2),
        ungranted=drawn("ungranted", 1),
        registered=drawn("registered", 1),
        credential=drawn("credential", 1),
        later=drawn("later", 1),
        erased=drawn("erased", 1),
    )
