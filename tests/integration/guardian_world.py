"""A holder, three guardians and their machines on one local chain, for tests of recoveries."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mip_cli.chain.devnet import developer_signer
from mip_cli.chain.epochs import PseudonymEpochs
from mip_cli.chain.presentations import LeafOpening
from mip_cli.chain.recovery import Recovery, RecoveryState
from mip_cli.config import Settings
from mip_cli.flows.demo import demo_photos
from mip_cli.flows.guardian import guardian_acts, guardian_answers, guardians, guardianship
from mip_cli.flows.guardian.guardians import Draft, Wish
from mip_cli.flows.passport import enroll, passport_file, prove, verify
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.flows.passport.passport_keys import keys_of
from mip_cli.flows.passport.proof_file import AppCall
from mip_cli.flows.recovery import recover, recover_finish, recover_steps
from mip_cli.flows.recovery.locator import Locator, format_locator
from mip_cli.flows.recovery.recover import Begun, StartRequest
from mip_cli.flows.recovery.recover_finish import Recovered
from mip_cli.flows.recovery.recover_status import Standing
from mip_cli.flows.recovery.recover_steps import ContinueRequest
from mip_cli.flows.sending import Purse
from mip_cli.models import Kind
from mip_cli.progress import Silent
from mip_cli.store import container, keyfile
from mip_cli.store.keyfile import Unlocked
from tests.head_start import warm

if TYPE_CHECKING:
    from conftest import LocalChain

PASSWORD = b"a password of the holder"
NEW_PASSWORD = b"the password of after"
GUARDIAN_PASSWORD = b"a password of a guardian"
NAMES = ("ben", "eve", "kim")
DAY = 86_400
PURSE = Purse(developer_signer(1))
SILENT = Silent()


@dataclass(frozen=True)
class World:
    """What a test acts in; every machine has a data folder of its own."""

    chain: LocalChain
    photos: demo_photos.Photos
    root: Path

    def machine(self, name: str) -> Settings:
        """The settings of one person's machine, made at first use."""
        data, cache = self.root / name, self.root / f"{name}-cache"
        record = self.chain.settings.data_dir / "deployments"
        if not data.exists():
            data.mkdir(mode=0o700, parents=True)
            shutil.copytree(record, data / "deployments")
            warm(cache)
        return replace(self.chain.settings, data_dir=data, cache_dir=cache)

    @property
    def holder(self) -> Settings:
        return self.machine("holder")

    @property
    def factors(self) -> Factors:
        return Factors(PASSWORD, self.photos.again)

    @property
    def new_factors(self) -> Factors:
        return Factors(NEW_PASSWORD, self.photos.first)

    @property
    def recovery(self) -> Recovery:
        assert self.chain.deployment is not None
        return Recovery(self.chain.rpc, self.chain.deployment.recovery)

    @property
    def epochs(self) -> PseudonymEpochs:
        assert self.chain.deployment is not None
        return PseudonymEpochs(self.chain.rpc, self.chain.deployment.grants)

    def enroll(self) -> None:
        wish = enroll.EnrollRequest("me", self.photos.first, PASSWORD)
        enroll.enroll(self.holder, wish, developer_signer(1), SILENT)

    def open(self, settings: Settings | None = None, factors: Factors | None = None) -> Unlocked:
        machine, keys = settings or self.holder, factors or self.factors
        return passport_file.unlock(machine, "me", keys, SILENT).unlocked

    def state(self) -> RecoveryState:
        content = self.open().secrets
        registry = self.chain.registry.address
        return self.recovery.state(registry, keys_of(content).identity, content.anchor)

    def opening(self, unlocked: Unlocked) -> LeafOpening:
        content = unlocked.secrets
        keys = keys_of(content)
        return LeafOpening(keys.identity, content.anchor, keys.root, keys.guardian)

    def locator(self) -> str:
        content = self.open().secrets
        return format_locator(
            Locator(
                31337,
                self.chain.registry.address,
                self.recovery.address,
                keys_of(content).identity,
                content.anchor,
            )
        )

    def card(self, name: str) -> bytes:
        """Invite somebody, who accepts on his own machine."""
        invitation = guardians.invite(self.holder, "me", self.factors, name, "Ada", SILENT)
        made = guardianship.accept(self.machine(name), invitation, "ada", GUARDIAN_PASSWORD)
        return made.card

    def machine_of_thief(self) -> Settings:
        """A copy of the holder's machine; its thief knows the password and looks like him."""
        thief = self.root / "thief"
        if not thief.exists():
            shutil.copytree(self.holder.data_dir, thief)
        return self.machine("thief")

    def propose(self, wish: Wish, settings: Settings | None = None) -> Draft:
        """Make a set, hand out the parts, propose it; the guardians keep their parts."""
        machine = settings or self.holder
        made = guardians.draft(machine, "me", self.factors, wish, SILENT)
        guardians.propose(machine, made, self.factors, PURSE, SILENT)
        if settings is not None:
            return made
        for name, part in made.parts.items():
            guardianship.keep(self.machine(name), "ada", GUARDIAN_PASSWORD, part, SILENT)
        return made

    def finish_guardians(self) -> guardian_acts.Finished:
        return guardian_acts.finish(self.holder, "me", self.factors, PURSE, SILENT)

    def set_guardians(self) -> None:
        """Three guardians of whom two are enough, in force."""
        cards = tuple(self.card(name) for name in NAMES)
        self.propose(Wish(cards, threshold=2, quorum=3))
        self.later(2 * DAY)
        self.finish_guardians()

    def backup(self, to: Path) -> Path:
        """A backup: the key file without its face slot."""
        sealed = container.reseal(self.open().sealed, drop=[Kind.FACE])
        keyfile.create_container(to, sealed)
        return to

    def later(self, seconds: int) -> None:
        self.chain.rpc.call("evm_increaseTime", seconds)
        self.chain.rpc.call("evm_mine")

    def answer(self, name: str, ask: bytes) -> bytes:
        machine = self.machine(name)
        question = guardian_answers.consider(machine, "ada", GUARDIAN_PASSWORD, ask, SILENT)
        return guardian_answers.answer(machine, question, SILENT)

    def answers(self, ask: bytes, names: Sequence[str] = NAMES[:2]) -> tuple[bytes, ...]:
        return tuple(self.answer(name, ask) for name in names)

    def start(self, machine: Settings, backup: Path | None, locator: str) -> Begun:
        request = StartRequest("me", locator, self.photos.first, NEW_PASSWORD, backup)
        return recover.start(machine, request, SILENT)

    def go_on(self, machine: Settings, answers: tuple[bytes, ...] = (), **old: object) -> Standing:
        request = ContinueRequest("me", NEW_PASSWORD, self.photos.again, answers, **old)  # type: ignore[arg-type]
        return recover_steps.advance(machine, request, PURSE, SILENT)

    def finish(self, machine: Settings) -> Recovered:
        return recover_finish.finish(machine, "me", NEW_PASSWORD, self.photos.again, PURSE, SILENT)

    def vote(self, machine: Settings, keys: prove.Keys) -> prove.Proved:
        """Prove to the example app and send it."""
        made = self.proof(machine, keys)
        verify.send(machine, made.file, developer_signer(1), SILENT)
        return made

    def proof(self, machine: Settings, keys: prove.Keys) -> prove.Proved:
        """Prove to the example app."""
        assert self.chain.deployment is not None
        ask = prove.Ask(
            app=self.chain.deployment.address("PassportVote"),
            call=AppCall("vote(uint256)", ("1",)),
            beneficiary=developer_signer(1).address,
        )
        consent = prove.prepare(machine, ask, SILENT)
        return prove.prove(machine, consent, keys, SILENT)

    @contextmanager
    def branch(self, root: Path) -> Iterator[World]:
        """Let a test change everything, and put the chain back afterwards."""
        snapshot = self.chain.rpc.call("evm_snapshot")
        shutil.copytree(self.root, root, copy_function=shutil.copy2)
        try:
            yield replace(self, root=root)
        finally:
            assert self.chain.rpc.call("evm_revert", snapshot)
