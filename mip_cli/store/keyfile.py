"""A passport's key file on disk: sealed containers, opened slot by slot (protocol section 6).

The container is generic; ``create_container`` to ``replace_container`` serve any content, such as
a recovery in progress. What is about a passport works on ``Unlocked``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mip_cli.crypto import kdf
from mip_cli.crypto.aead import NotAuthentic, Rng, system_rng
from mip_cli.crypto.kdf import LIMITS, KdfLimits, KdfParams, PasswordKeys
from mip_cli.crypto.people import PeopleSecret
from mip_cli.errors import FileInvalid, KeyLocked, ThresholdNotMet, WrongSecret
from mip_cli.models import Kind
from mip_cli.store import container, files, secrets_codec, slots
from mip_cli.store.container import BACKUP_HINT, NEWER_HINT, Envelope, Unsealed
from mip_cli.store.secrets_codec import PassportSecrets
from mip_cli.store.slots import FaceContent, Lock, PasswordLock

STAGED_SUFFIX = ".next"
"""What is added to a key file's name for the one that takes its place after an act on chain."""
_WHAT = "key file"


@dataclass(frozen=True, repr=False)
class Unlocked:
    """An opened passport: what it holds, and what reseals it without another opening."""

    path: Path
    """Where it lies."""
    secrets: PassportSecrets
    """What it holds."""
    sealed: Unsealed
    """The container as it was when opened."""

    def __repr__(self) -> str:
        return f"Unlocked({str(self.path)!r}, <redacted>)"


def password_lock(
    password: bytes, params: KdfParams, *, limits: KdfLimits = LIMITS
) -> tuple[PasswordLock, PasswordKeys]:
    """Stretch a normalised password once, for the slot and for the commitments."""
    keys = kdf.stretch(password, params, limits=limits)
    return PasswordLock(params, keys.wrapping_key), keys


def read(path: Path, *, limits: KdfLimits = LIMITS) -> Envelope:
    """Return what anyone can read of a key file; raise ``FileInvalid`` when it is damaged."""
    with contextlib.suppress(OSError):  # a read-only disk keeps them, sealed as they are
        files.remove_leftovers(path)
    return container.parse(_read_bytes(path), _name(path), limits=limits)


def open_password(
    path: Path, envelope: Envelope, password: bytes, *, limits: KdfLimits = LIMITS
) -> tuple[bytes, PasswordKeys]:
    """Open the password slot; one Argon2id run, about a second.

    Raises ``WrongSecret`` for another password, ``ThresholdNotMet`` when there is no such slot.
    """
    slot = envelope.password
    if slot is None:
        raise _no_slot(path, Kind.PASSWORD)
    keys = kdf.stretch(password, slot.params, limits=limits)
    try:
        return slots.open_password(slot, keys.wrapping_key), keys
    except NotAuthentic as error:
        raise WrongSecret(
            f"the password does not open {path}", hint="check the keyboard layout and caps lock"
        ) from error


def open_people(path: Path, envelope: Envelope, people: PeopleSecret) -> bytes:
    """Open the people slot; raise ``WrongSecret`` for the secret of other people."""
    slot = envelope.people
    if slot is None:
        raise _no_slot(path, Kind.PEOPLE)
    try:
        return slots.open_people(slot, people)
    except NotAuthentic as error:
        raise WrongSecret(
            f"the guardians' parts do not open {path}",
            hint="they may belong to another set of guardians, or to another passport",
        ) from error


def open_face(path: Path, envelope: Envelope, device_secret: bytes) -> FaceContent:
    """Open the face slot; whoever asks compares a photo before he uses the share."""
    slot = envelope.face
    if slot is None:
        raise _no_slot(path, Kind.FACE)
    try:
        return slots.open_face(slot, device_secret)
    except NotAuthentic as error:
        raise FileInvalid(f"the {_WHAT} {path} was altered", hint=BACKUP_HINT) from error


def open_with(path: Path, envelope: Envelope, shares: Mapping[Kind, bytes]) -> Unlocked:
    """Open a passport with the shares of two of its slots.

    Raises ``ThresholdNotMet`` for fewer, ``FileInvalid`` for an altered or newer file.
    """
    return passport_in(path, container.unseal(envelope, shares, _name(path)))


def passport_in(path: Path, sealed: Unsealed) -> Unlocked:
    """Read the passport in an opened container; raise ``FileInvalid`` when it holds none."""
    try:
        secrets = secrets_codec.decode(sealed.content)
    except ValueError:
        raise FileInvalid(
            f"the {_WHAT} {path} holds a passport of another version", hint=NEWER_HINT
        ) from None
    if not _agree(sealed.envelope, secrets):
        raise FileInvalid(f"the {_WHAT} {path} contradicts itself", hint=BACKUP_HINT)
    return Unlocked(path, secrets, sealed)


def reread(unlocked: Unlocked, *, limits: KdfLimits = LIMITS) -> Unlocked:
    """Read the file again, which another process may have changed, without a new opening.

    Raises ``FileInvalid`` when it is under another root key by now.
    """
    numbered = zip(slots.NUMBERS, unlocked.sealed.shares, strict=True)
    return open_with(unlocked.path, read(unlocked.path, limits=limits), dict(numbered))


def seal(
    path: Path, secrets: PassportSecrets, locks: Iterable[Lock], *, rng: Rng = system_rng
) -> Unlocked:
    """Seal secrets under a new root key for a place, without writing there.

    Raises ``ValueError`` unless there are two or three locks, the password's as the secrets say.
    """
    sealed = container.seal(secrets_codec.encode(secrets), locks, rng=rng)
    if not _agree(sealed.envelope, secrets):
        raise ValueError("the password's slot and its commitment belong together")
    return Unlocked(path, secrets, sealed)


def create(
    path: Path,
    secrets: PassportSecrets,
    locks: Iterable[Lock],
    *,
    overwrite: bool = False,
    rng: Rng = system_rng,
) -> Unlocked:
    """Seal secrets in a new file, durable on return.

    Raises ``UsageFault`` when the file exists and ``overwrite`` is false, ``StorageFull``,
    ``ValueError`` as ``seal``; then the old file, if any, is untouched.
    """
    unlocked = seal(path, secrets, locks, rng=rng)
    create_container(path, unlocked.sealed, overwrite=overwrite)
    return unlocked


def update(
    unlocked: Unlocked,
    secrets: PassportSecrets | None = None,
    *,
    add: Iterable[Lock] = (),
    drop: Iterable[Kind] = (),
    rng: Rng = system_rng,
) -> Unlocked:
    """Change secrets or slots under the same root key; durable on return.

    A lock replaces the slot of its kind. Without ``secrets`` the payload stays as it is sealed.
    Raises ``KeyLocked`` when another process changed the file since it was opened: its change
    would be lost. Raises ``ValueError`` for a change of name, for fewer than two slots, and for a
    password slot other than the secrets say.
    """
    after = secrets or unlocked.secrets
    if after.name != unlocked.secrets.name:
        raise ValueError("an update keeps the name")
    content = None if secrets is None else secrets_codec.encode(secrets)
    sealed = container.reseal(unlocked.sealed, content=content, add=add, drop=drop, rng=rng)
    if not _agree(sealed.envelope, after):
        raise ValueError("the password's slot and its commitment belong together")
    replace_container(unlocked.path, unlocked.sealed.envelope, sealed)
    return replace(unlocked, secrets=after, sealed=sealed)


def create_container(path: Path, sealed: Unsealed, *, overwrite: bool = False) -> None:
    """Write a sealed container to a new file, durable on return; failures as ``create``."""
    files.ensure_private_dir(path.parent)
    with files.lock(path, what=f"the {_WHAT} {path}"):
        files.atomic_write(path, container.serialize(sealed.envelope), overwrite=overwrite)


def replace_container(path: Path, before: Envelope, sealed: Unsealed) -> None:
    """Replace a container's file; raise ``KeyLocked`` unless it is still the one from before."""
    with files.lock(path, what=f"the {_WHAT} {path}"):
        if _read_bytes(path) != container.serialize(before):
            raise KeyLocked(
                f"another process changed {path} in the meantime", hint="run the command again"
            )
        files.atomic_write(path, container.serialize(sealed.envelope))


def staged_path(path: Path) -> Path:
    """Return where the key file lies that shall take the place of ``path``."""
    return path.with_name(path.name + STAGED_SUFFIX)


def base_path(path: Path) -> Path:
    """Return the place of a key file, whether ``path`` is that place or the staged one."""
    return path.with_name(path.name.removesuffix(STAGED_SUFFIX))


def staged(path: Path) -> Path | None:
    """Return the staged key file of ``path``, or None when there is none."""
    found = staged_path(path)
    return found if found.exists() or found.is_symlink() else None


def stage(unlocked: Unlocked, *, overwrite: bool = False) -> Unlocked:
    """Write a key file beside the one whose place it shall take; durable on return."""
    path = staged_path(unlocked.path)
    create_container(path, unlocked.sealed, overwrite=overwrite)
    return replace(unlocked, path=path)


def promote(path: Path, next_one: Unlocked) -> Unlocked:
    """Put a staged key file in the place of ``path``, in one step of the file system.

    Raises ``KeyLocked`` when the staged file is no longer the one that was opened.
    """
    source = staged_path(path)
    expected = container.serialize(next_one.sealed.envelope)
    with files.lock(path, what=f"the {_WHAT} {path}"):
        if _read_bytes(source) != expected:
            raise KeyLocked(
                f"another process changed {source} in the meantime", hint="run the command again"
            )
        files.rename(source, path)
    return replace(next_one, path=path)


def discard(path: Path) -> None:
    """Delete the staged key file of ``path``; the caller knows that its leaf can never come."""
    with files.lock(path, what=f"the {_WHAT} {path}"):
        files.remove_file(staged_path(path))


def _agree(envelope: Envelope, secrets: PassportSecrets) -> bool:
    slot = envelope.password
    return slot is None or slot.params == secrets.password_kdf


def _no_slot(path: Path, kind: Kind) -> ThresholdNotMet:
    return ThresholdNotMet(f"{path} has no slot that {_NAMES[kind]} opens")


_NAMES = {Kind.PASSWORD: "a password", Kind.FACE: "a face", Kind.PEOPLE: "guardians"}


def _name(path: Path) -> str:
    return f"the {_WHAT} {path}"


def _read_bytes(path: Path) -> bytes:
    return files.read_bounded(path, container.MAX_BYTES, what=_WHAT, follow_symlinks=False)
