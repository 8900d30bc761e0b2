"""The holder asks his guardians, with the passport at hand: for their parts, or against a change.

Coming back without the passport is ``flows.recovery.recover``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mip_cli.config import Settings
from mip_cli.crypto import hpke
from mip_cli.crypto.check_words import check_words
from mip_cli.crypto.people import PeopleSecret
from mip_cli.errors import FileInvalid, Negative, UsageFault
from mip_cli.flows.guardian import guardian_shares
from mip_cli.flows.guardian.guardian_documents import Ask, Cancellation
from mip_cli.flows.guardian.guardian_files import ANSWER, ASK, ask_hash
from mip_cli.flows.passport.holding import hold
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.progress import Progress
from mip_cli.store import asks
from mip_cli.store.asks import AskKey


@dataclass(frozen=True)
class Asked:
    """An ask to send to guardians."""

    document: bytes
    """The ask."""
    words: str
    """What asker and guardians compare by voice."""
    needed: int
    """How many of them have to answer."""


@dataclass(frozen=True, repr=False)
class Gathered:
    """What enough guardians gave for an ask."""

    ask: bytes
    """SHA-256 of the ask."""
    people: PeopleSecret
    """The people secret."""
    wrong: tuple[int, ...]
    """Numbers of shares that do not belong to it."""

    def __repr__(self) -> str:
        return f"Gathered(wrong={self.wrong}, <redacted>)"


def for_parts(settings: Settings, name: str, factors: Factors, progress: Progress) -> Asked:
    """Ask for the guardians' parts, to show people in a proof.

    The key that opens the answers is sealed under the passport's password. Raises ``UsageFault``
    without guardians or without the password.
    """
    if factors.password is None:
        raise UsageFault("an ask is kept under the passport's password", hint="give the password")
    with hold(settings, name, factors, progress) as holding:
        guardians = holding.content.guardians
        active = guardians.active if guardians else None
        if active is None or active.people_public is None:
            raise UsageFault(
                f"the passport {name} has no guardians", hint="begin with `mip guardian invite`"
            )
        pair = hpke.random_keypair()
        ask = Ask(holding.passport, None, active.people_public, pair.public, holding.now())
    document = ASK.encode(ask)
    key = AskKey(pair.private, active.people_public)
    asks.create(settings.data_dir, ask_hash(document), key, factors.password)
    return Asked(document, check_words(document), active.threshold)


def for_cancellation(settings: Settings, name: str, factors: Factors, progress: Progress) -> Asked:
    """Ask the guardians in force to stop the change that waits.

    Raises ``Negative`` when none does, ``UsageFault`` without guardians.
    """
    with hold(settings, name, factors, progress) as holding:
        guardians, state = holding.content.guardians, holding.state()
        if not state.pending_ready_at:
            raise Negative("no change of guardians waits")
        active = guardians.active if guardians else None
        if active is None:
            raise UsageFault(
                f"the passport {name} has no guardians in force who could stop it",
                hint="take it back yourself: `mip guardian cancel`",
            )
        act = Cancellation(state.guardian_epoch, state.changes)
        # nothing is sealed to the key of an ask that wants no shares
        public = hpke.random_keypair().public
        document = ASK.encode(Ask(holding.passport, act, None, public, holding.now()))
    return Asked(document, check_words(document), active.threshold)


def gather(settings: Settings, answers: Sequence[bytes], password: bytes) -> Gathered:
    """Restore the people secret from answers to an ask of this device.

    Raises ``ThresholdNotMet``, ``WrongSecret``, ``FileInvalid``, ``UsageFault``.
    """
    given = [ANSWER.decode(data) for data in dict.fromkeys(answers)]
    hashes = {answer.ask for answer in given}
    if len(hashes) != 1:
        raise FileInvalid("the answers are for different asks, or there is none")
    ask = hashes.pop()
    key = asks.open_with_password(settings.data_dir, ask, password)
    restored = guardian_shares.restore(ask, key.private_key, key.people, given)
    return Gathered(ask, restored.people, restored.wrong)


def forget(settings: Settings, gathered: Gathered) -> None:
    """Delete the key of an ask whose answers served: they open no more."""
    asks.forget(settings.data_dir, gathered.ask)
