"""Opening the holder's own key files, with any two kinds of key, and what may be shown of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mip_cli.config import Settings
from mip_cli.crypto.kdf import PasswordKeys
from mip_cli.crypto.people import PeopleSecret
from mip_cli.errors import FaceMismatch, MipError, ThresholdNotMet, WrongSecret
from mip_cli.face.spec import FaceTemplate
from mip_cli.flows import face
from mip_cli.flows.passport.passport_keys import spec_by_id
from mip_cli.models import Kind
from mip_cli.progress import Progress
from mip_cli.store import attempts, container, device, keyfile, keyring, passports
from mip_cli.store.container import Envelope, Unsealed
from mip_cli.store.device import Place
from mip_cli.store.guardian_codec import SetRecord
from mip_cli.store.keyfile import Unlocked
from mip_cli.store.secrets_codec import PassportSecrets, PassportStatus
from mip_cli.store.slots import FaceContent, FaceLock
from mip_cli.units import Address, Epoch

Clock = Callable[[], float]


@dataclass(frozen=True, repr=False)
class Factors:
    """What the holder opens a key file with: two of the three."""

    password: bytes | None = None
    """Normalised."""
    image: Path | None = None
    """Fresh photo, on the device where the face was set."""
    people: PeopleSecret | None = None
    """What guardians restored."""

    def __repr__(self) -> str:
        return f"Factors({', '.join(kind.value for kind in self.kinds)}: <redacted>)"

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds that are given."""
        given = {Kind.PASSWORD: self.password, Kind.FACE: self.image, Kind.PEOPLE: self.people}
        return tuple(kind for kind, value in given.items() if value is not None)


@dataclass(frozen=True, repr=False)
class OpenedContainer:
    """A key file opened by two kinds or more, each of them checked."""

    sealed: Unsealed
    """Its content, and what reseals it."""
    stretched: int | None
    """``w`` of the password commitment; None when no password was given."""
    people_key: int | None
    """``g`` of the guardian commitment; None when no people were given."""
    probe: FaceTemplate | None
    """The vector that matched the face slot; None when that slot was not used."""

    def __repr__(self) -> str:
        return "OpenedContainer(<redacted>)"


@dataclass(frozen=True, repr=False)
class Opened:
    """An opened passport, and what its keys give for a proof."""

    unlocked: Unlocked
    """What it holds, and what reseals it."""
    stretched: int | None
    """``w`` of the password commitment; None when no password was given."""
    people_key: int | None
    """``g`` of the guardian commitment; None when no people were given."""
    probe: FaceTemplate | None
    """The vector that matched the enrolled face; None when no photo was given."""

    def __repr__(self) -> str:
        return f"Opened({str(self.unlocked.path)!r}, <redacted>)"


@dataclass(frozen=True)
class PassportView:
    """What may be shown of a passport; nothing in it is secret, but it names the holder's leaf."""

    name: str
    """The holder's name for it."""
    status: PassportStatus
    """How far enrolment has come."""
    created: int
    """Unix time in seconds."""
    anchor: Address
    """Address that enrolled."""
    chain_id: int | None
    """EIP-155 chain id, or None before enrolment."""
    registry: Address | None
    """PassportRegistry, or None before enrolment."""
    index: int | None
    """Position of the leaf in the tree, or None before enrolment."""
    epoch: Epoch
    """How often the keys were replaced."""
    face_spec: str
    """Spec of the enrolled template."""
    kinds: tuple[Kind, ...]
    """The kinds of key that are set."""
    opened_by: tuple[Kind, ...]
    """The kinds of which two open the key file."""
    guardians: int
    """How many guardians there are."""
    threshold: int | None
    """How many of them a recovery needs; None without guardians."""
    quorum: int | None
    """How many the recovery of a frozen passport needs; None without guardians."""
    device_secret: Place | None
    """Where this device's secret lies; None when it has none."""
    apps: int
    """How many apps were shown a proof."""
    replacing: bool
    """Whether a replacement of the keys was begun and not finished."""


def list_names(settings: Settings) -> list[str]:
    """Return the names of all passports, sorted; needs no key."""
    return passports.list_names(settings.data_dir)


def require(settings: Settings, name: str) -> None:
    """Raise ``UsageFault`` unless a passport of that name exists; ask before any password."""
    passports.require_passport(settings.data_dir, name)


def unlock(
    settings: Settings,
    name: str,
    factors: Factors,
    progress: Progress,
    *,
    clock: Clock = time.time,
) -> Opened:
    """Open a passport with two kinds of key or more; about a second of work.

    Keys that do not open it may be those of a replacement that was begun: then its staged file is
    opened (``flows.passport.replacement`` settles which one counts). Raises ``UsageFault`` when
    there is none of that name, and what ``open_passport`` raises.
    """
    path = passports.require_passport(settings.data_dir, name)
    try:
        return open_passport(settings, path, factors, progress, clock=clock)
    except (WrongSecret, FaceMismatch):
        following = keyfile.staged(path)
        if following is None:
            raise
        try:
            return open_passport(settings, following, factors, progress, clock=clock)
        except (WrongSecret, FaceMismatch):
            pass  # neither: the passport in force is what the holder asked for
        raise


def open_passport(
    settings: Settings,
    path: Path,
    factors: Factors,
    progress: Progress,
    *,
    clock: Clock = time.time,
) -> Opened:
    """Open a passport's key file, wherever it lies; raises as ``open_container``.

    A photo is compared with the enrolled face in any case, also where its slot is not needed.
    """
    found = open_container(settings, path, factors, progress, clock=clock)
    unlocked, probe = keyfile.passport_in(path, found.sealed), found.probe
    if factors.image is not None and probe is None:
        content = unlocked.secrets
        probe = _probe(settings, factors.image, content.face_spec_id, progress)
        _require_match(content.face_spec_id, content.template, probe, path)
    return Opened(unlocked, found.stretched, found.people_key, probe)


def open_container(
    settings: Settings,
    path: Path,
    factors: Factors,
    progress: Progress,
    *,
    clock: Clock = time.time,
) -> OpenedContainer:
    """Open a key file of any content with two kinds of key or more, each of them checked.

    Password and people come first: a photo is compared behind a second kind only, and counted
    before it is. Raises ``ThresholdNotMet`` for fewer than two kinds that open this file,
    ``WrongSecret``, ``FaceMismatch``, ``FaceUnusable``, ``KeyLocked`` after too many photos or on
    another device, ``FileInvalid``.
    """
    envelope = keyfile.read(path)
    _require_two(path, envelope, factors)
    face_slot = _FaceSlot.find(settings, path, envelope, factors)
    if face_slot is not None:
        face_slot.counter.require_open(clock())
    shares: dict[Kind, bytes] = {}
    stretched = people_key = None
    # Argon2id and the face networks leave the interpreter lock: both cores work
    with ThreadPoolExecutor(1) as pool:
        stretching: Future[tuple[bytes, PasswordKeys]] | None = None
        if factors.password is not None and envelope.password is not None:
            stretching = pool.submit(keyfile.open_password, path, envelope, factors.password)
        probe: FaceTemplate | MipError | None = None
        if face_slot is not None and factors.image is not None:
            try:
                probe = _probe(settings, factors.image, face_slot.content.spec_id, progress)
            except MipError as error:
                probe = error  # a wrong password is the first thing to tell
        progress.step("opening the passport")
        if stretching is not None:
            shares[Kind.PASSWORD], keys = stretching.result()
            stretched = keys.stretched
    if factors.people is not None:
        people_key = factors.people.people_key
        if envelope.people is not None:
            shares[Kind.PEOPLE] = keyfile.open_people(path, envelope, factors.people)
    if isinstance(probe, MipError):
        raise probe
    if face_slot is not None and probe is not None:
        shares[Kind.FACE] = face_slot.release(path, probe, clock())
    sealed = container.unseal(envelope, shares, f"the key file {path}")
    if envelope.face is not None:
        attempts.forget(settings.data_dir, envelope.face)
    return OpenedContainer(sealed, stretched, people_key, probe)


def face_lock(settings: Settings, template: FaceTemplate) -> FaceLock:
    """Return what seals a face slot on this device; its device secret is drawn at first use."""
    secret = device.ensure(settings.data_dir, keyring.of(settings))
    return FaceLock(secret.name, secret.value, template.spec.spec_id, template.values)


def view(settings: Settings, unlocked: Unlocked) -> PassportView:
    """Return what may be shown of an opened passport."""
    secrets = unlocked.secrets
    active = _active_set(secrets)
    return PassportView(
        name=secrets.name,
        status=secrets.status,
        created=secrets.created,
        anchor=secrets.anchor,
        chain_id=secrets.chain_id,
        registry=secrets.registry,
        index=secrets.index,
        epoch=secrets.epoch,
        face_spec=secrets.face_spec,
        kinds=secrets.kinds,
        opened_by=unlocked.sealed.envelope.kinds,
        guardians=len(active.members) if active else 0,
        threshold=active.threshold if active else None,
        quorum=active.quorum if active else None,
        device_secret=device.place(settings.data_dir),
        apps=len(secrets.pseudonyms),
        replacing=keyfile.staged(unlocked.path) is not None,
    )


@dataclass(frozen=True, repr=False)
class _FaceSlot:
    """A face slot that this device can open, and the count that guards it."""

    content: FaceContent
    counter: attempts.Attempts

    @classmethod
    def find(
        cls, settings: Settings, path: Path, envelope: Envelope, factors: Factors
    ) -> _FaceSlot | None:
        slot = envelope.face
        others = {Kind.PASSWORD, Kind.PEOPLE}
        if factors.image is None or slot is None:
            return None
        if others <= set(factors.kinds) and others <= set(envelope.kinds):
            return None  # these two open the file, on any device and after any number of photos
        secret = device.find(settings.data_dir, slot.device, keyring.of(settings))
        people = envelope.people is not None
        counter = attempts.Attempts(settings.data_dir, secret, slot, has_people=people)
        return cls(keyfile.open_face(path, envelope, secret.value), counter)

    def release(self, path: Path, probe: FaceTemplate, now: float) -> bytes:
        """Return the share, after the photo was counted and matched."""
        self.counter.begin(now)
        _require_match(self.content.spec_id, self.content.template, probe, path)
        return self.content.share


def _probe(settings: Settings, image: Path, spec_id: int, progress: Progress) -> FaceTemplate:
    progress.step("finding the face")
    return face.probe(image, settings, progress, spec_by_id(spec_id, "the passport").backend)


def _require_match(
    spec_id: int, template: tuple[int, ...], probe: FaceTemplate, path: Path
) -> None:
    spec = spec_by_id(spec_id, path.stem)
    verdict = face.match(FaceTemplate(spec, template), probe)
    if not verdict.match:
        raise FaceMismatch(
            f"the photo does not show the holder of {path.stem}: {verdict.reason}",
            hint="take a new photo in better light, looking straight into the camera",
        )


def _require_two(path: Path, envelope: Envelope, factors: Factors) -> None:
    usable = [kind for kind in factors.kinds if kind in envelope.kinds]
    if len(usable) >= container.THRESHOLD:
        return
    missing = [kind for kind in envelope.kinds if kind not in usable]
    given = usable[0] if usable else "none of them"
    raise ThresholdNotMet(
        f"{path} opens with two of {', '.join(envelope.kinds)}, given is {given}",
        hint=f"add one: {', or '.join(_WAYS[kind] for kind in missing)}",
    )


_WAYS = {
    Kind.PASSWORD: "--password-file FILE",
    Kind.FACE: "--image FILE, a fresh photo",
    Kind.PEOPLE: "your guardians' answers (`mip guardian ask`)",
}


def _active_set(secrets: PassportSecrets) -> SetRecord | None:
    state = secrets.guardians
    return state.active if state and state.active and state.active.members else None
