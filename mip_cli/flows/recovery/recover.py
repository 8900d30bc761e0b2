"""Coming back as yourself: begin a recovery, and say at any moment what is needed next.

A recovery puts new own keys into the leaf of a passport that stays the same. Its three parts are
the new keys, made here; what the old key file or a backup holds, opened by people and one more
kind; and the guardians' approval on chain, with its delay. ``flows.recovery.recover_steps`` goes
on with it, ``flows.recovery.recover_finish`` ends it.
"""

from __future__ import annotations

import secrets as system
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from mip_cli.chain.registry import PassportStatus
from mip_cli.config import Settings
from mip_cli.crypto import commitments, hpke
from mip_cli.crypto.check_words import check_words
from mip_cli.crypto.field import random_salt
from mip_cli.crypto.kdf import SALT_BYTES, KdfParams
from mip_cli.errors import FileInvalid, UsageFault
from mip_cli.flows import connection, face
from mip_cli.flows.connection import Connection
from mip_cli.flows.guardian import approvals
from mip_cli.flows.guardian.guardian_documents import Ask, Passport, Recovery
from mip_cli.flows.guardian.guardian_files import ASK
from mip_cli.flows.passport import passport_file
from mip_cli.flows.passport.passport_file import Factors, OpenedContainer
from mip_cli.flows.passport.passport_keys import own_keys, require_provable
from mip_cli.flows.recovery.locator import Locator, parse_locator
from mip_cli.progress import Progress
from mip_cli.store import container, files, keyfile, passports, recoveries
from mip_cli.store.recoveries import ASK as ASK_FILE
from mip_cli.store.recoveries import SOURCE, STATE, OwnKeys, Progressing
from mip_cli.units import Commitment


@dataclass(frozen=True, repr=False)
class StartRequest:
    """What a person brings who lost a key, or all of them."""

    name: str
    """Name that the passport shall have on this device, or has."""
    locator: str
    """From the recovery sheet, or from a guardian."""
    image: Path
    """New photo with exactly one usable face."""
    password: bytes
    """Normalised; the new one."""
    backup: Path | None = None
    """A backup; None for the key file of that name on this device."""

    def __repr__(self) -> str:
        return f"StartRequest(name={self.name!r}, <redacted>)"


@dataclass(frozen=True)
class Begun:
    """A recovery that waits for its guardians."""

    name: str
    """The passport's name on this device."""
    ask: bytes
    """What to send to the guardians."""
    ask_file: Path
    """Where a copy of it lies."""
    words: str
    """What asker and guardians compare by voice."""
    status: PassportStatus
    """What the registry says of the passport: a quorum decides unless it is active."""
    opens_with: tuple[str, ...]
    """The kinds that open the key file or backup."""
    resumed: bool
    """Whether an earlier run began it."""


@dataclass(frozen=True, repr=False)
class InProgress:
    """A recovery in progress, opened."""

    folder: Path
    """Where it lies."""
    content: Progressing
    """What it holds."""
    opened: OpenedContainer
    """What reseals it, and what the new keys give for a proof."""

    def __repr__(self) -> str:
        return f"InProgress({self.content.name!r}, <redacted>)"

    @property
    def ask(self) -> Ask:
        """The newest ask."""
        return ASK.decode(self.content.ask)

    def write(self, content: Progressing) -> InProgress:
        """Write other content, durable on return; and the copy of its ask."""
        sealed = container.reseal(self.opened.sealed, content=recoveries.encode(content))
        before = self.opened.sealed.envelope
        keyfile.replace_container(self.folder / STATE, before, sealed)
        return replace(self, content=content, opened=replace(self.opened, sealed=sealed))


def start(
    settings: Settings,
    request: StartRequest,
    progress: Progress,
    *,
    clock: Callable[[], float] | None = None,
) -> Begun:
    """Make new keys and the ask for the guardians; sends nothing.

    Run again it returns the same ask. Raises ``UsageFault`` for a passport that does not exist, has
    no guardians, or whose key file they cannot open, ``FaceUnusable`` for the photo.
    """
    where = parse_locator(request.locator)
    folder = recoveries.folder(settings.data_dir, request.name)
    progress.step("checking the chain")
    with connection.connect(settings) as link:
        passport = passport_of(where)
        approvals.require_place(passport, link)
        record = link.registry.passport(passport.identity_commitment, passport.anchor)
        if record.status is PassportStatus.UNKNOWN:
            raise UsageFault(
                "the registry holds no passport of this locator", hint="copy the locator again"
            )
        resumed = (folder / STATE).exists()
        if resumed:
            found = open_progress(settings, request.name, request.password, request.image, progress)
            if parse_locator(found.content.locator) != where:
                raise UsageFault(
                    f"a recovery of another passport is in progress as {request.name}",
                    hint="choose another --passport, or drop it with `mip recover forget`",
                )
            _require_same_source(folder, request)
            content = found.content
        else:
            now = int((clock or link.clock)())
            content = _prepare(settings, link, passport, folder, request, now, progress)
        recoveries.write_document(folder / ASK_FILE, content.ask)
        kinds = tuple(kind.value for kind in keyfile.read(folder / SOURCE).kinds)
        return Begun(
            name=request.name,
            ask=content.ask,
            ask_file=folder / ASK_FILE,
            words=check_words(content.ask),
            status=record.status,
            opens_with=kinds,
            resumed=resumed,
        )


def forget(settings: Settings, name: str) -> None:
    """Drop a recovery in progress on this device; what was proposed on chain runs out by itself."""
    recoveries.remove(recoveries.require(settings.data_dir, name))


def list_names(settings: Settings) -> list[str]:
    """Return the names of the recoveries in progress."""
    return recoveries.list_names(settings.data_dir)


def open_progress(
    settings: Settings, name: str, password: bytes, image: Path, progress: Progress
) -> InProgress:
    """Open a recovery in progress with the new password and the new face."""
    folder = recoveries.require(settings.data_dir, name)
    opened = passport_file.open_container(
        settings, folder / STATE, Factors(password, image), progress
    )
    try:
        content = recoveries.decode(opened.sealed.content)
    except ValueError:
        raise FileInvalid(
            f"the recovery of {name} has another version", hint="update mip"
        ) from None
    return InProgress(folder, content, opened)


def renew(link: Connection, found: InProgress) -> InProgress:
    """Replace an ask that can never be carried out; its answers are of no use any more.

    The new keys get another salt, so that it is another request: each is proposed once.
    """
    content, ask = found.content, found.ask
    state = approvals.state_at(ask.passport, link)
    own = replace(content.own, keys_salt=random_salt())
    pair = hpke.random_keypair()
    people = ask.people if content.passport is None else None
    act = Recovery(keys_root(own), state.guardian_epoch, state.nonce)
    made = Ask(ask.passport, act, people, pair.public, int(link.clock()))
    document = ASK.encode(made)
    found = found.write(replace(content, own=own, ask=document, private_key=pair.private))
    recoveries.drop_answers(found.folder)
    recoveries.write_document(found.folder / ASK_FILE, document)
    return found


def passport_of(where: Locator) -> Passport:
    """Return which passport a locator names."""
    return Passport(
        where.chain_id, where.recovery, where.registry, where.identity_commitment, where.anchor
    )


def keys_root(own: OwnKeys) -> Commitment:
    """Return what the chain would see of new own keys."""
    found = commitments.face_commitment(own.template, own.face_salt, own.face_spec_id)
    return commitments.keys_root(found, own.password_commitment, own.twin_commitment, own.keys_salt)


def _prepare(
    settings: Settings,
    link: Connection,
    passport: Passport,
    folder: Path,
    request: StartRequest,
    now: int,
    progress: Progress,
) -> Progressing:
    state = approvals.state_at(passport, link)
    if not state.has_guardians:
        raise UsageFault(
            "this passport has no guardians: nobody can bring it back",
            hint="with face and password on its device it still opens",
        )
    source, people = _source(settings, request)
    progress.step("finding the new face")
    template = face.enrolment_template(request.image, settings, progress)
    require_provable(settings, template.spec)
    progress.step("sealing the new keys")
    params = KdfParams(salt=system.token_bytes(SALT_BYTES))
    lock, stretched = keyfile.password_lock(request.password, params)
    own = OwnKeys(**own_keys(template, stretched.stretched, params))
    pair = hpke.random_keypair()
    act = Recovery(keys_root(own), state.guardian_epoch, state.nonce)
    ask = ASK.encode(Ask(passport, act, people, pair.public, now))
    content = Progressing(request.name, now, request.locator, ask, pair.private, own)
    sealed = container.seal(
        recoveries.encode(content), [lock, passport_file.face_lock(settings, template)]
    )
    files.ensure_private_dir(folder)
    recoveries.drop_answers(folder)  # a kill may have left some of a recovery that was dropped
    files.atomic_write(folder / SOURCE, source)
    keyfile.create_container(folder / STATE, sealed)
    return content


def _require_same_source(folder: Path, request: StartRequest) -> None:
    if request.backup is None:
        return
    given, kept = (
        files.read_bounded(path, container.MAX_BYTES, what="key file")
        for path in (request.backup, folder / SOURCE)
    )
    if given != kept:
        raise UsageFault(
            f"the recovery of {request.name} was begun with another backup or key file",
            hint="leave --backup out to go on with it, or drop it with `mip recover forget`",
        )


def _source(settings: Settings, request: StartRequest) -> tuple[bytes, bytes]:
    """Return the sealed file to be opened and the key of the people who open it."""
    here = passports.passport_path(settings.data_dir, request.name)
    there = passports.exists(settings.data_dir, request.name)
    if there and request.backup is not None:
        raise UsageFault(
            f"there is a passport named {request.name} on this device",
            hint="leave --backup out to bring that one back, or choose another --passport",
        )
    path = request.backup or here
    if request.backup is None and not there:
        raise UsageFault(
            f"there is no passport named {request.name} on this device",
            hint="give a backup with --backup FILE, or bring the one in IPFS here first: "
            "mip passport import LOCATOR",
        )
    envelope = keyfile.read(path)
    if envelope.people is None:
        kinds = ", ".join(kind.value for kind in envelope.kinds)
        raise UsageFault(
            f"{path} opens with two of {kinds}: your guardians do not open it",
            hint="find a backup that was made after they came into force",
        )
    data = files.read_bounded(path, container.MAX_BYTES, what="key file")
    return data, envelope.people.public_key
