"""Where credentials are kept: in the archive where there is one, else in the sealed store.

Protocol section 20. All is sealed in the store first and deleted there only once the archive has
it, so that a kill at any moment leaves it in one place or in both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mip_cli.config import Settings
from mip_cli.errors import FileInvalid, MipError, UsageFault
from mip_cli.flows.archive import archive_records
from mip_cli.progress import Progress
from mip_cli.store.archive import head
from mip_cli.store.credential_records import CATEGORY, CredentialRecords
from mip_cli.store.credentials import Held, Wallet
from mip_cli.store.keyfile import Unlocked


class Place(StrEnum):
    """Where a credential is kept."""

    ARCHIVE = "archive"
    DEVICE = "device"
    """The sealed store."""


class ArchiveAway(UsageFault):
    """The passport has an archive, and it is not on this device."""


@dataclass(frozen=True)
class Moved:
    """What went from the sealed store into the archive."""

    credentials: tuple[str, ...]
    """Their names."""
    fault: MipError | None = None
    """Why something still waits; None where all went, or there is no archive to go to."""


class Kept:
    """All credentials of a passport, whichever place they lie in; read when it was made."""

    def __init__(
        self, wallet: Wallet, archived: Mapping[str, Held], faults: Sequence[MipError]
    ) -> None:
        self._wallet = wallet
        self._archived = archived
        self._faults = faults

    @property
    def fault(self) -> MipError | None:
        """What may hide a credential: an archive that does not open, a record that is damaged."""
        return self._faults[0] if self._faults else None

    def require_whole(self) -> None:
        """Raise where something may be hidden."""
        if self.fault is not None:
            raise self.fault

    def ids(self) -> list[str]:
        """Return the names of all, sorted, each once."""
        return sorted({*self._wallet.ids(), *self._archived})

    def find(self, subject: int) -> Held | None:
        """Return what was requested with a subject; None when nothing was."""
        identifier = Held(0, subject, 0).id
        return self.get(identifier) if identifier in self.ids() else None

    def get(self, identifier: str) -> Held:
        """Return one; raise ``UsageFault`` when there is none, ``FileInvalid`` for a damaged one.

        Of two the store's counts, which is the later one, unless only the other is answered.
        """
        return self._pick(identifier)[0]

    def place(self, identifier: str) -> Place:
        """Return where the one is that ``get`` returns."""
        return self._pick(identifier)[1]

    def _pick(self, identifier: str) -> tuple[Held, Place]:
        archived = self._archived.get(identifier)
        if archived is None and not self._wallet.has(identifier):
            self.require_whole()
            known = ", ".join(self.ids()) or "none"
            raise UsageFault(
                f"there is no credential {identifier[:16]}", hint=f"there are: {known}"
            )
        if archived is None:
            return self._wallet.get(identifier), Place.DEVICE
        if self._wallet.has(identifier):
            try:
                here = self._wallet.get(identifier)
            except FileInvalid:
                return archived, Place.ARCHIVE
            if here.document:
                return here, Place.DEVICE
        return archived, Place.ARCHIVE


def wallet_of(settings: Settings, unlocked: Unlocked) -> Wallet:
    """Return what an opened passport has in the sealed store; requests lie there alone."""
    content = unlocked.secrets
    return Wallet(settings.data_dir, content.name, content.secret)


def look(settings: Settings, unlocked: Unlocked, progress: Progress) -> Kept:
    """Read all credentials of an opened passport; the archive is closed again on return.

    An archive that cannot be read hides what it holds and nothing else (``Kept.fault``).
    """
    wallet = wallet_of(settings, unlocked)
    archived: Mapping[str, Held] = {}
    faults: list[MipError] = []
    try:
        if _has_archive(settings, unlocked):
            with archive_records.attached(
                settings, unlocked.secrets.name, unlocked, progress
            ) as session:
                archived, faults = CredentialRecords(session.archive, wallet.vault).read()
    except MipError as error:
        faults = [error]
    return Kept(wallet, archived, faults)


def keep(settings: Settings, unlocked: Unlocked, held: Held, progress: Progress) -> Moved:
    """Keep a credential, durable on return; what waited in the sealed store goes along."""
    wallet_of(settings, unlocked).put(held)
    return move(settings, unlocked, progress)


def move(settings: Settings, unlocked: Unlocked, progress: Progress) -> Moved:
    """Move all answered credentials from the sealed store into the archive, in one commit.

    Without an archive nothing happens; what hinders it is returned, and nothing is lost.
    """
    wallet = wallet_of(settings, unlocked)
    done: list[Held] = []
    try:
        if not _has_archive(settings, unlocked):
            return Moved(())
        waiting, fault = _waiting(wallet)
        if not waiting:
            return Moved((), fault)
        with archive_records.attached(
            settings, unlocked.secrets.name, unlocked, progress
        ) as session:
            waiting, fault = _waiting(wallet)  # what was deleted meanwhile stays so
            records = CredentialRecords(session.archive, wallet.vault)
            archived, _ = records.read()
            for held in waiting:
                known = archived.get(held.id)
                if held.document and held != known:
                    records.put(held)
                elif known is None:
                    continue  # a request that nobody answered
                done.append(held)
            session.archive.commit()
            for held in done:
                if wallet.has(held.id) and wallet.get(held.id) == held:  # else a later one came
                    wallet.remove(held.id)
    except MipError as error:
        return Moved((), error)
    return Moved(tuple(held.id for held in done), fault)


def remove(settings: Settings, unlocked: Unlocked, identifier: str, progress: Progress) -> None:
    """Delete a request or credential in both places, in the archive with every key to it.

    Raises ``UsageFault`` when there is none; the archive's fault, with nothing deleted.
    """
    wallet = wallet_of(settings, unlocked)
    if not _has_archive(settings, unlocked):
        Kept(wallet, {}, ()).get(identifier)
        wallet.remove(identifier)
        return
    name = unlocked.secrets.name
    with archive_records.attached(settings, name, unlocked, progress) as session:
        path = CredentialRecords(session.archive, wallet.vault).path_of(identifier)
        if path is None:
            wallet.get(identifier)
        wallet.remove(identifier)
        if path is not None:
            archive_records.erase(session, CATEGORY, [path], progress)


def _has_archive(settings: Settings, unlocked: Unlocked) -> bool:
    content = unlocked.secrets
    here = head.head_path(head.home_of(settings.data_dir, content.name)).exists()
    if here and content.archive is None:
        raise FileInvalid(
            f"the key file of {content.name} is from before its archive, and does not open it",
            hint="restore a key file of later: a backup made since",
        )
    if not here and content.archive is not None:
        raise ArchiveAway(
            f"the archive of {content.name} is not on this device, nor what it holds of your "
            "credentials",
            hint="bring it back: mip archive import FILE.car",
        )
    return here


def _waiting(wallet: Wallet) -> tuple[list[Held], MipError | None]:
    """Return what can be read in the sealed store, and what is wrong with the rest."""
    found: list[Held] = []
    fault: MipError | None = None
    for identifier in wallet.ids():
        try:
            found.append(wallet.get(identifier))
        except FileInvalid as error:
            fault = error
    return found, fault
