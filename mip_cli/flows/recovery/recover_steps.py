"""Going on with a recovery: open what there is, propose the new keys, bring approvals.

Each step is durable before the next; run again after a kill it goes on, and no transaction is made
twice (protocol section 8).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from mip_cli.chain.recovery import RECOVER_PURPOSE, Phase, request_payload
from mip_cli.config import Settings
from mip_cli.crypto.check_words import check_words
from mip_cli.errors import FileInvalid, Negative, ProofInvalid, ThresholdNotMet, UsageFault
from mip_cli.flows import connection
from mip_cli.flows.connection import Connection
from mip_cli.flows.guardian import approvals, guardian_shares
from mip_cli.flows.guardian.guardian_change import in_force
from mip_cli.flows.guardian.guardian_documents import Answer
from mip_cli.flows.guardian.guardian_files import ANSWER, ask_hash
from mip_cli.flows.passport import leaf_proof, passport_file
from mip_cli.flows.passport.leaf_proof import Act
from mip_cli.flows.passport.passport_file import Factors, Opened
from mip_cli.flows.passport.passport_keys import keys_of
from mip_cli.flows.recovery import recover, recover_status
from mip_cli.flows.recovery.recover import InProgress
from mip_cli.flows.recovery.recover_status import Standing, Step
from mip_cli.flows.sending import Purse, sender_of
from mip_cli.progress import Progress
from mip_cli.store import keyfile, recoveries
from mip_cli.store.guardian_codec import GuardianState
from mip_cli.store.recoveries import SOURCE
from mip_cli.store.secrets_codec import PassportSecrets, PassportStatus
from mip_cli.units import Address, Epoch
from mip_cli.zk.prover import Prover


@dataclass(frozen=True, repr=False)
class ContinueRequest:
    """What a person brings to go on."""

    name: str
    """The recovery."""
    password: bytes
    """Normalised; the new one."""
    image: Path
    """A photo that matches the new face."""
    answers: tuple[bytes, ...] = ()
    """Guardians' answers; those of earlier runs are kept."""
    old_password: bytes | None = None
    """Normalised; opens the backup or key file beside the people, until it was opened."""
    old_image: Path | None = None
    """A photo that matches the old face, on its device; the other way to open it."""

    def __repr__(self) -> str:
        return f"ContinueRequest(name={self.name!r}, <redacted>)"


def advance(
    settings: Settings,
    request: ContinueRequest,
    purse: Purse,
    progress: Progress,
    *,
    prover: Prover | None = None,
) -> Standing:
    """Do what can be done now, and say what is needed next.

    An ask that the chain has left behind for good is made anew. Raises ``Negative`` while it may
    still come back, ``WrongSecret`` and ``FaceMismatch``
    for the new keys and the old ones, ``UsageFault`` when an old one is missing, ``ProofInvalid``
    for an approval that is none, ``ChainRefusal``.
    """
    progress.step("checking the chain")
    with connection.connect(settings) as link:
        found = recover.open_progress(
            settings, request.name, request.password, request.image, progress
        )
        recoveries.write_document(found.folder / recoveries.ASK, found.content.ask)
        run = _Run(settings, link, found, purse, progress, prover)
        now = run.standing()
        if now.step is Step.RENEW:
            if purse.rehearse:
                return now
            if not recover_status.is_over(link, found.content.ask):
                raise Negative(
                    "the request may still live: that it is over is not final on chain",
                    hint="run this again in a minute; if it stays so, set this machine's clock",
                )
            run = replace(run, found=recover.renew(link, found))
            return run.standing(words=check_words(run.found.content.ask))
        if now.phase is Phase.EXECUTED:
            return now
        run.keep(request.answers)
        if run.found.content.passport is None:
            try:
                run = run.open_source(request)
            except ThresholdNotMet as error:
                return run.standing(missing=error.message)
        run.propose()
        run.bring()
        return run.standing()


@dataclass(frozen=True, repr=False)
class _Run:
    """One run: what it works with, and its steps."""

    settings: Settings
    link: Connection
    found: InProgress
    purse: Purse
    progress: Progress
    prover: Prover | None

    @property
    def number(self) -> int:
        """The request."""
        ask = self.found.ask
        return approvals.request_of(ask.passport, recover_status.recovery_of(ask))

    def standing(self, *, words: str | None = None, missing: str | None = None) -> Standing:
        """Say where it stands now."""
        content = self.found.content
        return recover_status.standing(
            self.link, content.name, self.found.folder, content.ask, words=words, missing=missing
        )

    def answers(self) -> list[Answer]:
        """Return what guardians answered so far."""
        return recover_status.answers_to(self.found.content.ask, self.found.folder)

    def keep(self, answers: tuple[bytes, ...]) -> None:
        """Keep answers once all of them are sound; none otherwise, and the bad one is named."""
        content = self.found.content
        state = approvals.state_at(self.found.ask.passport, self.link)
        for place, data in enumerate(answers, 1):
            try:
                answer = ANSWER.decode(data)
                guardian_shares.require_sound(ask_hash(content.ask), content.private_key, answer)
                if answer.approval is not None:
                    approvals.check(self.settings, state, self.number, answer.approval)
            except (FileInvalid, ProofInvalid) as error:
                # one of several was bad: which, in the order they were given
                text = f"answer {place} of {len(answers)}: {error.message}"
                raise type(error)(text, hint=error.hint) from error
        for data in answers:
            recoveries.keep_answer(self.found.folder, data)

    def open_source(self, request: ContinueRequest) -> _Run:
        """Open the backup or key file with people and one more kind, and keep what it holds."""
        content, ask = self.found.content, self.found.ask
        if ask.people is None:
            raise FileInvalid("the recovery contradicts itself", hint="`mip recover forget`")
        restored = guardian_shares.restore(
            ask_hash(content.ask), content.private_key, ask.people, self.answers()
        )
        if request.old_password is None and request.old_image is None:
            raise UsageFault(
                "the guardians' parts are here; one more key of before opens the passport",
                hint="give the old password with --old-password-file, or a photo with --old-image "
                "on the device that the face was set on",
            )
        factors = Factors(request.old_password, request.old_image, restored.people)
        opened = passport_file.open_passport(
            self.settings, self.found.folder / SOURCE, factors, self.progress
        )
        passport = opened.unlocked.secrets
        named = (keys_of(passport).identity, passport.anchor)
        if named != (ask.passport.identity_commitment, ask.passport.anchor):
            raise FileInvalid(
                "the backup is of another passport than the locator names",
                hint="drop this recovery with `mip recover forget`, then start with the right ones",
            )
        return replace(self, found=self.found.write(replace(content, passport=passport)))

    def propose(self) -> None:
        """Propose the new keys on chain, unless they were."""
        sender = sender_of(self.settings, self.link, self.purse)
        number, ask = self.number, self.found.ask
        label = f"recover:{self.link.recovery.address}:{number:#x}"
        sender.settle(label, self.progress)
        state = approvals.state_at(ask.passport, self.link)
        if self.link.recovery.request(number).phase(state, 0) is not Phase.NONE:
            return
        self.progress.step("proving")
        shown = leaf_proof.make(
            self.settings,
            self.link.chain_id,
            opened_as(self.found),
            Act(self.link.recovery.address, RECOVER_PURPOSE, request_payload(number), 0),
            clock=self.link.clock,
            prover=self.prover,
            secrets=new_secrets(self.found, self.link),
        )
        where = ask.passport
        call = self.link.recovery.propose(
            where.registry,
            where.identity_commitment,
            where.anchor,
            recover_status.recovery_of(ask).new_keys_root,
            shown,
        )
        self.progress.step("proposing the new keys on chain")
        sender.send(label, call, self.progress)

    def bring(self) -> None:
        """Bring every approval that came."""
        sender = sender_of(self.settings, self.link, self.purse)
        answers = [answer for answer in self.answers() if answer.approval is not None]
        if answers:
            approvals.send(self.settings, self.link, self.found.ask, answers, sender, self.progress)


def opened_as(found: InProgress) -> Opened:
    """Return the recovery in progress as what leaf proofs are made from: the new face, password."""
    passport = found.content.passport
    if passport is None:
        raise UsageFault(
            "the passport was not opened yet", hint="go on with `mip recover continue`"
        )
    unlocked = keyfile.Unlocked(found.folder / SOURCE, passport, found.opened.sealed)
    return Opened(unlocked, found.opened.stretched, None, found.opened.probe)


def new_secrets(found: InProgress, link: Connection) -> PassportSecrets:
    """Return what the passport holds once its new keys are in force."""
    passport, own, ask = found.content.passport, found.content.own, found.ask
    if passport is None:
        raise UsageFault(
            "the passport was not opened yet", hint="go on with `mip recover continue`"
        )
    where = ask.passport
    state = approvals.state_at(where, link)
    record = link.registry.passport(where.identity_commitment, where.anchor)
    known = passport.guardians or GuardianState()
    active = in_force(known, state)
    earlier = known.earlier if known.active == active else known.superseded(known.active)
    guardians = GuardianState(active, None, known.invitations, earlier)
    return replace(
        passport,
        name=found.content.name,
        status=PassportStatus.ENROLLED,
        face_spec=own.face_spec,
        face_spec_id=own.face_spec_id,
        template=own.template,
        face_salt=own.face_salt,
        password_kdf=own.password_kdf,
        password_commitment=own.password_commitment,
        twin_commitment=own.twin_commitment,
        keys_salt=own.keys_salt,
        guardian_commitment=state.guardian_commitment,
        guardians=guardians if guardians != GuardianState() else None,
        epoch=Epoch(record.epoch),
        chain_id=link.chain_id,
        registry=Address(where.registry),
        index=record.index,
    )


def _not_opened() -> UsageFault:
    return UsageFault("the passport was not opened yet", hint="go on with `mip recover continue`")
