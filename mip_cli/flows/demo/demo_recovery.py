"""The chapter "recovery": a holder loses everything and comes back as the same person."""

from __future__ import annotations

import secrets as system
from dataclasses import dataclass, field
from pathlib import Path

from mip_cli.chain.abi import address_word, pack_words, selector
from mip_cli.chain.app import App
from mip_cli.chain.devnet import DEVELOPER, developer_signer
from mip_cli.chain.keys import Signer
from mip_cli.chain.tx import Sender
from mip_cli.chain.values import Call
from mip_cli.config import Settings
from mip_cli.errors import FaceMismatch
from mip_cli.flows import connection, dev
from mip_cli.flows.demo import demo_photos
from mip_cli.flows.demo.demo_photos import Photos
from mip_cli.flows.demo.demo_stage import Narrator, Scene, Stage, machine, own_chain
from mip_cli.flows.guardian import guardian_acts, guardian_answers, guardians, guardianship
from mip_cli.flows.passport import enroll, prove, verify, void
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.flows.passport.proof_file import AppCall, ProofFile
from mip_cli.flows.recovery import backup, recover, recover_finish, recover_steps, sheet
from mip_cli.flows.recovery.recover_status import Step
from mip_cli.flows.sending import Purse
from mip_cli.progress import Progress
from mip_cli.units import Address

HOUR = 3600
FRIENDS = ("the sister", "the friend", "the neighbour")
NAME = "holder"
_DAY_CAP = 10**15  # wei


def recovery(
    settings: Settings, photos_dir: Path | None, narrator: Narrator, progress: Progress
) -> list[Scene]:
    """Play the chapter "recovery" on a chain of its own and leave nothing behind.

    Two days pass twice, by the clock of that chain. Raises what the flows raise when a step fails
    that should not; a refusal that does not come is a scene with ``as_expected`` false.
    """
    with own_chain(settings, progress) as (place, folder, chain):
        photos = demo_photos.find(photos_dir, place.data_dir)
        stage = Stage(place, narrator, progress)
        _Story(
            stage,
            photos,
            folder,
            vote=chain.deployment.address("PassportVote"),
            vault=chain.deployment.address("PassportVault"),
        ).play()
        return stage.scenes


@dataclass
class _Story:
    stage: Stage
    photos: Photos
    folder: Path
    vote: Address
    vault: Address
    payer: Signer = field(default_factory=lambda: developer_signer(DEVELOPER))
    password: bytes = field(default_factory=lambda: system.token_urlsafe(16).encode())
    new_password: bytes = field(default_factory=lambda: system.token_urlsafe(16).encode())
    words: dict[str, bytes] = field(default_factory=dict)
    pseudonyms: dict[str, int] = field(default_factory=dict)
    locator: str = ""
    ask: bytes = b""
    answers: dict[str, bytes] = field(default_factory=dict)

    def play(self) -> None:
        """Play the scenes in their order."""
        stage, first, again = self.stage, self.photos.first, self.photos.again
        stage.play(f"The holder enrols with {self.photos.first_text}", self.enrol)
        stage.play("Three people agree to be guardians, each on a device of his own", self.invite)
        stage.play("Two days pass, in which the holder could take it back", self.in_force)
        stage.play("The holder votes", lambda: self.cast(self.here, self.password, again, "vote"))
        stage.play("The holder lets a shop spend from a vault", self.authorise)
        stage.play("A backup, and one line to come back with", self.save)
        stage.play("Every device is lost; on a clean machine, a new photo", self.start)
        stage.play("One guardian answers", lambda: self.answer(FRIENDS[0]))
        stage.play("One guardian and the password are not enough", lambda: self.go_on(Step.ANSWERS))
        stage.play("A second guardian answers", lambda: self.answer(FRIENDS[1]))
        stage.play("Two guardians and the password", lambda: self.go_on(Step.WAIT))
        stage.refuse("To come back at once, without the delay", "Negative", self.finish)
        stage.play("Two days pass, in which a holder could say no", self.finish_in_time)
        stage.refuse(
            "The lost device tries to prove, with face and password",
            "UsageFault",
            lambda: self.prove(self.lost, self.password, again, "vote"),
        )
        stage.refuse(
            "The same person votes a second time",
            "AppRefusal",
            lambda: self.cast(self.clean, self.new_password, first, "vote"),
        )
        stage.play("What was granted under each pseudonym is voided", self.void)
        stage.refuse("The shop spends once more", "AppRefusal", self.spend)

    @property
    def here(self) -> Settings:
        """Settings of the device that gets lost."""
        return self.stage.settings

    @property
    def lost(self) -> Settings:
        """The same device in somebody else's hands."""
        return self.here

    @property
    def clean(self) -> Settings:
        """Settings of a machine on which nothing of the holder is."""
        return self._device("clean")

    def _device(self, name: str) -> Settings:
        return machine(self.here, self.folder, name)

    @property
    def _purse(self) -> Purse:
        return Purse(self.payer)

    @property
    def _factors(self) -> Factors:
        return Factors(self.password, self.photos.again)

    def enrol(self) -> tuple[str, dict[str, object]]:
        """Make the passport."""
        wish = enroll.EnrollRequest(NAME, self.photos.first, self.password)
        done = enroll.enroll(self.here, wish, self.payer, self.stage.progress)
        return "enrolled; face on this device and password open it together", {"leaf": done.index}

    def invite(self) -> tuple[str, dict[str, object]]:
        """Invite, accept, share and propose."""
        cards, progress = [], self.stage.progress
        for friend in FRIENDS:
            self.words[friend] = system.token_urlsafe(16).encode()
            invitation = guardians.invite(
                self.here, NAME, self._factors, friend, "the holder", progress
            )
            accepted = guardianship.accept(
                self._device(friend), invitation, NAME, self.words[friend]
            )
            cards.append(accepted.card)
        draft = guardians.draft(
            self.here, NAME, self._factors, guardians.Wish(tuple(cards)), progress
        )
        proposed = guardians.propose(self.here, draft, self._factors, self._purse, progress)
        for friend, part in draft.parts.items():
            guardianship.keep(self._device(friend), NAME, self.words[friend], part, progress)
        gas = proposed.receipt.gas_used if proposed.receipt else None
        return (
            "any two of the three can help; the chain learns neither who nor how many they are",
            {"gas": gas},
        )

    def in_force(self) -> tuple[str, dict[str, object]]:
        """Let the change of guardians come into force."""
        dev.advance(self.here, 48 * HOUR)
        done = guardian_acts.finish(
            self.here, NAME, self._factors, self._purse, self.stage.progress
        )
        return "the guardians are in force", {"guardians": done.guardians, "need": done.threshold}

    def prove(self, place: Settings, password: bytes, image: Path, app: str) -> ProofFile:
        """Make a proof for one of the apps."""
        address, call = {
            "vote": (self.vote, AppCall("vote(uint256)", ("1",))),
            "vault": (self.vault, self._grant),
        }[app]
        ask = prove.Ask(app=address, call=call, beneficiary=self.payer.address)
        consent = prove.prepare(place, ask, self.stage.progress)
        keys = prove.Keys(NAME, password, image)
        return prove.prove(place, consent, keys, self.stage.progress).file

    def cast(
        self, place: Settings, password: bytes, image: Path, app: str
    ) -> tuple[str, dict[str, object]]:
        """Prove to an app and send the proof."""
        file = self.prove(place, password, image, app)
        before = self.pseudonyms.setdefault(app, file.nullifier)
        if before != file.nullifier:
            raise FaceMismatch("another pseudonym than before")  # a broken promise, not a refusal
        receipt = verify.send(place, file, self.payer, self.stage.progress)
        return "accepted", {"pseudonym": f"{file.nullifier:#x}"[:18], "gas": receipt.gas_used}

    @property
    def _grant(self) -> AppCall:
        arguments = (self.payer.address, str(_DAY_CAP), str(4_102_444_800))
        return AppCall("authorise(address,uint256,uint256)", arguments)

    def authorise(self) -> tuple[str, dict[str, object]]:
        """Fill the vault, let somebody spend from it, and let him do it once."""
        outcome, facts = self.cast(self.here, self.password, self.photos.again, "vault")
        nullifier = self.pseudonyms["vault"]
        with connection.connect(self.here) as link:
            journal = connection.journal(self.here)
            sender = Sender(link.rpc, self.payer, journal, link.chain_id)
            data = selector("deposit(uint256)") + pack_words([nullifier])
            sender.send("demo:deposit", Call(self.vault, data, _DAY_CAP), self.stage.progress)
        self.spend()
        return "the shop can spend, up to its cap", facts

    def spend(self) -> None:
        """Try what the shop may do; nothing is sent."""
        data = selector("spend(uint256,uint256,address)")
        data += pack_words([self.pseudonyms["vault"], 1]) + address_word(self.payer.address)
        with connection.connect(self.here) as link:
            App(link.rpc, self.vault).simulate(Call(self.vault, data), self.payer.address)

    def save(self) -> tuple[str, dict[str, object]]:
        """Write the backup and note the locator."""
        made = backup.make(self.here, NAME, self._factors, self.stage.progress)
        backup.keep(backup.folder(self.folder / "cloud"), made)
        self.locator = str(sheet.make(self.here, NAME, self._factors, self.stage.progress).locator)
        return "sealed to password and people; anybody may keep it", {"bytes": len(made.data)}

    def start(self) -> tuple[str, dict[str, object]]:
        """Begin on a clean machine."""
        request = recover.StartRequest(
            NAME,
            self.locator,
            self.photos.again,
            self.new_password,
            backup=next(p for p in (self.folder / "cloud").iterdir() if p.is_file()),
        )
        begun = recover.start(self.clean, request, self.stage.progress)
        self.ask = begun.ask
        return f"the guardians are asked; both sides compare the words {begun.words!r}", {}

    def answer(self, friend: str) -> tuple[str, dict[str, object]]:
        """Let a guardian answer the ask."""
        place = self._device(friend)
        question = guardian_answers.consider(
            place, NAME, self.words[friend], self.ask, self.stage.progress
        )
        self.answers[friend] = guardian_answers.answer(place, question, self.stage.progress)
        return f"{friend} compared {question.words!r}, gives a part and an anonymous approval", {}

    def go_on(self, expected: Step) -> tuple[str, dict[str, object]]:
        """Bring what there is, and see what is needed next."""
        request = recover_steps.ContinueRequest(
            NAME,
            self.new_password,
            self.photos.again,
            answers=tuple(self.answers.values()),
            old_password=self.password,
        )
        now = recover_steps.advance(self.clean, request, self._purse, self.stage.progress)
        if now.step is not expected:
            raise AssertionError(f"the recovery needs {now.step} next")
        outcome = {
            Step.ANSWERS: "the backup stays closed, nothing was proposed",
            Step.WAIT: "the backup opened; new keys proposed and approved, now they wait",
        }[expected]
        return outcome, {"approvals": now.approvals}

    def finish(self) -> recover_finish.Recovered:
        """Carry the recovery out."""
        return recover_finish.finish(
            self.clean,
            NAME,
            self.new_password,
            self.photos.again,
            self._purse,
            self.stage.progress,
        )

    def finish_in_time(self) -> tuple[str, dict[str, object]]:
        """Carry the recovery out after the delay."""
        dev.advance(self.here, 48 * HOUR)
        done = self.finish()
        gas = done.receipt.gas_used if done.receipt else None
        return "the passport has new keys; the old ones are dead", {"gas": gas, "epoch": done.epoch}

    def void(self) -> tuple[str, dict[str, object]]:
        """Advance the epoch of every pseudonym."""
        dev.advance(self.here, 180)
        factors = Factors(self.new_password, self.photos.first)
        done = void.void(self.clean, NAME, factors, self._purse, self.stage.progress)
        outcome = "one transaction each; pay from different accounts to keep them apart"
        return outcome, {"pseudonyms": len(done)}
