"""The chapter "archive": a lender and a clinic see what each was granted, and then no more."""

from __future__ import annotations

import json
import secrets as system
from dataclasses import dataclass, field
from pathlib import Path

from mip_cli.chain.abi import pack_words, selector
from mip_cli.chain.devnet import DEVELOPER, developer_signer
from mip_cli.chain.keys import Signer
from mip_cli.chain.tx import Sender
from mip_cli.chain.values import Call
from mip_cli.config import Settings
from mip_cli.flows import connection
from mip_cli.flows.archive import archive_records as archive
from mip_cli.flows.demo import demo_photos
from mip_cli.flows.demo.demo_photos import Photos
from mip_cli.flows.demo.demo_stage import Narrator, Scene, Stage, giving, machine, own_chain
from mip_cli.flows.grants import access, grant, grant_see
from mip_cli.flows.grants.grant_terms import Wish
from mip_cli.flows.passport import enroll, prove, verify
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.flows.passport.proof_file import AppCall
from mip_cli.flows.sending import Purse
from mip_cli.progress import Progress
from mip_cli.store.grantees import Opened
from mip_cli.units import Address

NAME = "holder"
LENDER, CLINIC = "lender", "clinic"
WHO = "Ada Example"
LIFETIME = 30 * 24 * 60 * 60
USES = 3
FINANCE: dict[str, dict[str, object]] = {
    "salary.json": {"holder": WHO, "account": "DE00 1234", "kind": "salary", "income": 4200},
    "savings.json": {"holder": WHO, "account": "DE00 5678", "kind": "savings", "balance": 18500},
}
HEALTH: dict[str, dict[str, object]] = {
    "visit.json": {"patient": WHO, "kind": "visit", "text": "allergic to penicillin"}
}
LATER: dict[str, dict[str, object]] = {
    "debt.json": {"holder": WHO, "kind": "debt", "balance": -900}
}


def chapter(
    settings: Settings, photos_dir: Path | None, narrator: Narrator, progress: Progress
) -> list[Scene]:
    """Play the chapter "archive" on a chain of its own and leave nothing behind.

    Raises what the flows raise when a step fails that should not; a refusal that does not come is
    a scene with ``as_expected`` false.
    """
    with own_chain(settings, progress) as (place, folder, chain):
        photos = demo_photos.find(photos_dir, place.data_dir)
        stage = Stage(place, narrator, progress)
        apps = {name: chain.deployment.address(name.title()) for name in (LENDER, CLINIC)}
        _Story(stage, photos, folder, apps).play()
        return stage.scenes


@dataclass
class _Story:
    stage: Stage
    photos: Photos
    folder: Path
    apps: dict[str, Address]
    payer: Signer = field(default_factory=lambda: developer_signer(DEVELOPER))
    password: bytes = field(default_factory=lambda: system.token_urlsafe(16).encode())
    grantees: dict[str, Opened] = field(default_factory=dict)
    bundles: dict[str, bytes] = field(default_factory=dict)
    pseudonyms: dict[str, int] = field(default_factory=dict)
    receipts: dict[str, bytes] = field(default_factory=dict)
    opened: int = 0

    def play(self) -> None:
        """Play the scenes in their order."""
        stage = self.stage
        stage.play("The holder enrols and fills an encrypted archive", self.fill)
        stage.play("A lender and a clinic state their keys in their contracts", self.state_keys)
        stage.play("The lender gets finance at level 2, for 30 days", lambda: self.grant(LENDER, 2))
        stage.play("The clinic gets health at level 3", lambda: self.grant(CLINIC, 3))
        stage.refuse(
            "The lender opens the bundle before its contract used the grant",
            "PermissionAbsent",
            lambda: self.open(LENDER),
        )
        stage.play("The holder applies for a loan; the contract uses the grant", self.apply)
        stage.play("The lender opens what it was granted", lambda: self.see(LENDER))
        stage.play("The clinic receives its patient, and opens the records", self.visit)
        stage.refuse(
            "The lender opens the clinic's bundle with its own key",
            "UsageFault",
            lambda: self.open(CLINIC, by=LENDER),
        )
        stage.play("The holder sees each access, with the lender's own receipt", self.look)
        stage.play("The holder revokes the lender's grant, and encrypts anew", self.revoke)
        stage.refuse("The lender opens once more", "PermissionAbsent", lambda: self.open(LENDER))
        stage.play("The clinic is not touched by that", self.visit)

    @property
    def _factors(self) -> Factors:
        return Factors(self.password, self.photos.again)

    @property
    def _store(self) -> Path:
        return self.folder / "store"

    def _device(self, name: str) -> Settings:
        return machine(self.stage.settings, self.folder, name)

    def _send(self, label: str, call: Call) -> int:
        with connection.connect(self.stage.settings) as link:
            journal = connection.journal(self.stage.settings)
            sender = Sender(link.rpc, self.payer, journal, link.chain_id)
            return sender.send(label, call, self.stage.progress).gas_used

    def _show(self, app: str, call: AppCall) -> int:
        """Prove to an app and send it; return the gas."""
        place, progress = self.stage.settings, self.stage.progress
        ask = prove.Ask(app=self.apps[app], call=call, beneficiary=self.payer.address)
        consent = prove.prepare(place, ask, progress)
        keys = prove.Keys(NAME, self.password, self.photos.again)
        file = prove.prove(place, consent, keys, progress).file
        return verify.send(place, file, self.payer, progress).gas_used

    def fill(self) -> tuple[str, dict[str, object]]:
        """Make passport and archive."""
        place, progress = self.stage.settings, self.stage.progress
        wish = enroll.EnrollRequest(NAME, self.photos.first, self.password)
        enroll.enroll(place, wish, self.payer, progress)
        self._put("finance", FINANCE)
        self._put("health", HEALTH)
        blocks = sum(1 for found in self._store.rglob("b*") if found.is_file())
        return "sealed before it leaves the machine; the store sees blocks", {"blocks": blocks}

    def _put(self, category: str, records: dict[str, dict[str, object]]) -> None:
        place, progress, store = self.stage.settings, self.stage.progress, self._store
        with archive.opened(
            place, NAME, self._factors, progress, create=f"folder:{store}"
        ) as session:
            for path, record in records.items():
                give = giving(json.dumps(record).encode())
                archive.put_file(session, category, None, path, None, progress, stdin=give)

    def state_keys(self) -> tuple[str, dict[str, object]]:
        """Draw the grantees' keys on machines of their own, and put their hashes on chain."""
        for name, app in self.apps.items():
            made = access.init(
                self._device(name),
                name,
                f"The {name}",
                system.token_urlsafe(16).encode(),
                self.stage.progress,
                contract=app,
            )
            self.grantees[name] = made
            key = int.from_bytes(made.content.card.key_hash, "big")
            data = selector("set_key(bytes32)") + pack_words([key])
            self._send(f"demo:key:{name}", Call(app, data))
        return "a card whose key the contract does not state is refused", {}

    def grant(self, name: str, level: int) -> tuple[str, dict[str, object]]:
        """Consent, prove, send, and hand the bundle over."""
        place, progress = self.stage.settings, self.stage.progress
        category = {LENDER: "finance", CLINIC: "health"}[name]
        card = grant.read_card(access.card(self.grantees[name]))
        wish = Wish(card, category, level, LIFETIME, USES, name)
        consent = grant.prepare(place, wish, progress)
        done = grant.issue(place, consent, NAME, self._factors, Purse(self.payer), progress)
        self.bundles[name] = done.bundle
        self.pseudonyms[name] = int(done.record.receipt.pseudonym)
        gas = done.transaction.gas_used if done.transaction else None
        outcome = "one key in one file, opened by nobody else; the chain has the receipt's hash"
        return outcome, {"pseudonym": f"{self.pseudonyms[name]:#x}"[:18], "gas": gas}

    def open(self, name: str, *, by: str | None = None) -> access.Accessed:
        """Open a bundle on the grantee's machine."""
        self.opened += 1
        who = by or name
        return access.open_bundle(
            self._device(who),
            self.grantees[who],
            self.bundles[name],
            access.Source(store=f"folder:{self._store}"),
            self.folder / f"opened-{self.opened}",
            None,
            self.stage.progress,
        )

    def apply(self) -> tuple[str, dict[str, object]]:
        """Apply for a loan."""
        return "accepted", {"gas": self._show(LENDER, AppCall("apply(uint256)", ("5000",)))}

    def see(self, name: str) -> tuple[str, dict[str, object]]:
        """Open a bundle, and look whether the holder's name is in what it shows."""
        done = self.open(name)
        self.receipts[name] = done.receipt_path.read_bytes()
        shown = self.folder / f"opened-{self.opened}"
        texts = [path.read_text() for path in sorted(shown.rglob("*.json"))]
        named = any(WHO in text for text in texts)
        if named != (done.bundle.receipt.level == 3):
            raise AssertionError("the level shows another thing than it says")
        told = "with the patient's name" if named else "without name and account"
        return f"{len(done.records)} records, {told}", {"uses left": done.uses_left}

    def visit(self) -> tuple[str, dict[str, object]]:
        """Receive the patient, who registers the first time, and open the records."""
        if CLINIC not in self.receipts:
            self._show(CLINIC, AppCall("register()", ()))
        data = selector("visit(uint256)") + pack_words([self.pseudonyms[CLINIC]])
        self._send(f"demo:visit:{self.opened}", Call(self.apps[CLINIC], data))
        return self.see(CLINIC)

    def look(self) -> tuple[str, dict[str, object]]:
        """Join the uses on chain with the receipt that was handed back."""
        place, progress = self.stage.settings, self.stage.progress
        handed = [self.receipts[LENDER]]
        uses = grant_see.receipts(place, NAME, self._factors, LENDER, handed, progress).uses
        signed = sum(use.receipt is not None for use in uses)
        return "each use is on chain, also where no receipt was given", {
            "uses": len(uses),
            "receipts": signed,
        }

    def revoke(self) -> tuple[str, dict[str, object]]:
        """Revoke, then put a record that the lender must not see."""
        place, progress = self.stage.settings, self.stage.progress
        done = grant.revoke(
            place, NAME, self._factors, LENDER, Purse(self.payer), progress, eager=True
        )
        self._put("finance", LATER)
        gas = done.transaction.gas_used if done.transaction else None
        outcome = "new keys, old blocks deleted; what the lender has read is not recalled"
        return outcome, {"encrypted anew": done.resealed, "gas": gas}
