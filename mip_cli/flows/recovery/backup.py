"""Backups: a passport's key file without what belongs to the device, and the way back from one.

A backup opens with password and people. One for another device has the face, too, under a transfer
code. What is needed of a backup never changes, so an old one is as good as a new one: recovery
makes new keys, and takes secret and anchor alone from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from mip_cli.config import Settings
from mip_cli.crypto.cid import Cid, cid_of, parse_cid
from mip_cli.crypto.transfer import TransferCode
from mip_cli.errors import (
    FaceMismatch,
    FileInvalid,
    KeyLocked,
    ThresholdNotMet,
    UsageFault,
    WrongSecret,
)
from mip_cli.face.spec import FaceTemplate
from mip_cli.flows import face
from mip_cli.flows.passport import passport_file, replacement
from mip_cli.flows.passport.passport_file import Factors
from mip_cli.flows.passport.passport_keys import spec_by_id
from mip_cli.flows.recovery.locator import parse_locator
from mip_cli.models import Kind
from mip_cli.progress import Progress
from mip_cli.store import (
    container,
    device,
    files,
    keyfile,
    keyring,
    passports,
    recoveries,
    secrets_codec,
)
from mip_cli.store.blocks import BlockStore, FolderBlocks, StoreUntrusted
from mip_cli.store.container import Envelope
from mip_cli.store.device import DeviceSecret, Place
from mip_cli.store.ipfs import IpfsNode
from mip_cli.store.secrets_codec import PassportStatus
from mip_cli.store.slots import FaceContent, FaceLock

SUFFIX = passports.SUFFIX
"""Of a backup's file in a folder, after its content id."""
MAX_CODE_FILE = 1024
"""Bytes of a transfer code's file."""


@dataclass(frozen=True)
class Backup:
    """A sealed backup; safe to give away but for its transfer code."""

    name: str
    """The passport it is of."""
    data: bytes = field(repr=False)
    """The sealed file."""
    kinds: tuple[Kind, ...]
    """The kinds of which two open it."""
    code: TransferCode | None = None
    """What opens its face slot, of a backup for another device."""
    superseded: bool = False
    """Whether other guardians wait to come into force, who will not open it."""

    @property
    def cid(self) -> Cid:
        """Its content id."""
        return cid_of(self.data)


@dataclass(frozen=True)
class Imported:
    """A passport's key file on this device."""

    name: str
    """Its name here."""
    path: Path
    """Where it lies."""
    kinds: tuple[Kind, ...]
    """The kinds of which two open it."""
    ready: bool
    """Whether the holder's own keys open it here; else guardians have to help."""
    replaced: Path | None
    """Where the file that was in its place lies now."""
    unchanged: bool
    """Whether the very same file was there already."""


def ipfs(url: str) -> IpfsNode:
    """Return the store behind an IPFS node's RPC address; raise ``ConfigInvalid`` for none."""
    return IpfsNode(url)


def folder(path: Path) -> FolderBlocks:
    """Return the store in a folder, such as a memory stick's."""
    return FolderBlocks(path, suffix=SUFFIX)


def make(
    settings: Settings,
    name: str,
    factors: Factors,
    progress: Progress,
    *,
    for_device: bool = False,
) -> Backup:
    """Seal a backup of a passport under the root key it has; writes nothing.

    Raises ``UsageFault`` when nothing but the device's own face would open it beside the password,
    or the passport was never enrolled, ``KeyLocked`` for another device in the middle of a
    replacement of the keys, and what opening the passport raises.
    """
    opened = passport_file.unlock(settings, name, factors, progress)
    unlocked = opened.unlocked
    secrets, sealed = unlocked.secrets, unlocked.sealed
    if secrets.status is not PassportStatus.ENROLLED:
        raise UsageFault(
            f"the passport {name} was not enrolled yet: there is nothing to come back to",
            hint="finish it with `mip enroll`",
        )
    if for_device:
        if keyfile.staged(keyfile.base_path(unlocked.path)) is not None:
            raise replacement.on_its_way(name)
        code = TransferCode.random()
        lock = _transfer_lock(code, secrets.face_spec_id, secrets.template)
        made = container.reseal(sealed, add=[lock])
    else:
        code = None
        if not {Kind.PASSWORD, Kind.PEOPLE} <= set(sealed.envelope.kinds):
            raise UsageFault(
                f"nobody could open a backup of {name} elsewhere: it has no guardians",
                hint="set guardians first (`mip guardian invite`); to change the device while "
                "this one works: --for-device FILE",
            )
        made = container.reseal(sealed, drop=[Kind.FACE])
    waiting = secrets.guardians.pending if secrets.guardians else None
    return Backup(
        name,
        container.serialize(made.envelope),
        made.envelope.kinds,
        code,
        superseded=waiting is not None,
    )


def keep(store: BlockStore, backup: Backup) -> Cid:
    """Put a backup into a store and read it back; what is not read back is no backup."""
    if backup.code is not None:
        raise ValueError("a backup for another device goes there in a file, not into a store")
    cid = store.put(backup.data)
    if cid != backup.cid or store.get(cid) != backup.data:
        raise StoreUntrusted("the store does not give back what was put into it")
    return cid


def source_cid(text: str) -> Cid | None:
    """Return the content id that a source names by itself or by a locator; None for a file.

    Raises ``UsageFault`` for a locator without a backup.
    """
    if text.startswith("mip:"):
        cid = parse_locator(text).cid
        if cid is None:
            raise UsageFault(
                "the locator does not say where a backup is", hint="give the backup's file"
            )
        return Cid(cid)
    try:
        return parse_cid(text)
    except ValueError:
        return None


def read_file(path: Path) -> bytes:
    """Read a backup's file; raise ``EnvironmentFault``, ``FileInvalid`` when it is too large."""
    return files.read_bounded(path, container.MAX_BYTES, what="backup")


def read_code(data: bytes) -> TransferCode:
    """Read a transfer code's file; raise ``FileInvalid``, quoting nothing."""
    try:
        return TransferCode.parse(data.decode())
    except ValueError:
        raise FileInvalid(
            "the transfer code cannot be read: it is incomplete or mistyped",
            hint="it is the line that `mip passport export --for-device` wrote",
        ) from None


def place(settings: Settings, name: str, data: bytes, *, force: bool = False) -> Imported:
    """Put a backup in a passport's place on this device, as it is; needs no key.

    Raises ``FileInvalid`` for a damaged one, ``UsageFault`` when its face slot needs a transfer
    code, or a passport of that name is there and ``force`` is false.
    """
    envelope = _parse(data)
    ready = envelope.face is not None
    if envelope.face is not None:
        _require_own(settings, envelope.face.device)
    return _write(settings, name, data, envelope, ready=ready, force=force)


def place_on_device(
    settings: Settings,
    name: str,
    data: bytes,
    code: TransferCode,
    factors: Factors,
    progress: Progress,
    *,
    force: bool = False,
) -> Imported:
    """Take a passport over from another device that works: its face slot becomes this device's.

    Password and a fresh photo must fit. Raises ``WrongSecret`` for another password or code,
    ``FaceMismatch``, ``FaceUnusable``, ``ThresholdNotMet`` for fewer keys, and as ``place``.
    """
    where = Path("the transferred file")
    envelope = _parse(data)
    _require_free(settings, name, data, force=force)  # before any work
    if factors.password is None or factors.image is None or envelope.password is None:
        raise ThresholdNotMet(
            "a passport is taken over with password, photo and transfer code",
            hint="add --image FILE and --password-file FILE",
        )
    content = _open_transfer(envelope, code)
    progress.step("opening the passport")
    share, _ = keyfile.open_password(where, envelope, factors.password)
    template = FaceTemplate(spec_by_id(content.spec_id, name), content.template)
    progress.step("finding the face")
    verdict = face.match(
        template, face.probe(factors.image, settings, progress, template.spec.backend)
    )
    if not verdict.match:
        raise FaceMismatch(
            f"the photo does not show the holder of the passport: {verdict.reason}",
            hint="take a new photo in better light, looking straight into the camera",
        )
    shares = {Kind.PASSWORD: share, Kind.FACE: content.share}
    opened = keyfile.passport_in(where, container.unseal(envelope, shares, "the backup"))
    progress.step("sealing the key file")
    made = container.reseal(
        opened.sealed,
        content=secrets_codec.encode(replace(opened.secrets, name=name)),
        add=[passport_file.face_lock(settings, template)],
    )
    sealed = container.serialize(made.envelope)
    return _write(settings, name, sealed, made.envelope, ready=True, force=force)


def _transfer_lock(code: TransferCode, spec_id: int, template: tuple[int, ...]) -> FaceLock:
    secret = _transfer_secret(code)
    return FaceLock(secret.name, secret.value, spec_id, template)


def _transfer_secret(code: TransferCode) -> DeviceSecret:
    return DeviceSecret(code.secret, Place.FILE)


def _open_transfer(envelope: Envelope, code: TransferCode) -> FaceContent:
    secret = _transfer_secret(code)
    if envelope.face is None:
        raise UsageFault(
            "this backup was not made for another device: no transfer code belongs to it",
            hint="leave --transfer-code out",
        )
    if envelope.face.device != secret.name:
        raise WrongSecret(
            "the transfer code belongs to another file",
            hint="file and code come from one `mip passport export --for-device`",
        )
    return keyfile.open_face(Path("the transferred file"), envelope, secret.value)


def _require_own(settings: Settings, name: bytes) -> None:
    try:
        device.find(settings.data_dir, name, keyring.of(settings))
    except KeyLocked:
        raise UsageFault(
            "the file belongs to another device, or was made for a change of device",
            hint="give its transfer code with --transfer-code FILE; "
            "with guardians: `mip recover start`",
        ) from None


def _parse(data: bytes) -> Envelope:
    try:
        return container.parse(data, "the backup")
    except FileInvalid as error:
        error.hint = "use another copy of the backup"
        raise


def _require_free(settings: Settings, name: str, data: bytes, *, force: bool) -> bytes | None:
    """Return the file in a passport's place, if it may be replaced; None when there is none."""
    path = passports.passport_path(settings.data_dir, name)
    recoveries.require_none(settings.data_dir, name)
    if keyfile.staged(path) is not None:
        raise replacement.on_its_way(name)
    if not passports.exists(settings.data_dir, name):
        return None
    there = files.read_bounded(path, container.MAX_BYTES, what="key file", follow_symlinks=False)
    if there != data and not force:
        raise UsageFault(
            f"there is a passport named {name} on this device, and it may be newer",
            hint="choose another name with --passport, or use --force: the file there is kept",
        )
    return there


def _write(
    settings: Settings, name: str, data: bytes, envelope: Envelope, *, ready: bool, force: bool
) -> Imported:
    path = passports.passport_path(settings.data_dir, name)
    files.ensure_private_dir(path.parent)
    with files.lock(path, what=f"the key file {path}"):
        there = _require_free(settings, name, data, force=force)
        if there == data:
            return Imported(name, path, envelope.kinds, ready, None, unchanged=True)
        aside = None
        if there is not None:  # the only copy of a passport is never written over
            aside = passports.set_aside(path, there)
        files.atomic_write(path, data, overwrite=there is not None)
    return Imported(name, path, envelope.kinds, ready, aside, unchanged=False)
