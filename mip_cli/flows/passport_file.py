"""What a holder can learn from his own key files."""

from __future__ import annotations

from dataclasses import dataclass

from mip_cli.config import Settings
from mip_cli.models import Kind
from mip_cli.progress import Progress
from mip_cli.store import keyfile, passports
from mip_cli.store.keyfile import Unlocked
from mip_cli.store.secrets_codec import PassportSecrets, PassportStatus
from mip_cli.units import Address, Epoch


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


def list_names(settings: Settings) -> list[str]:
    """Return the names of all passports, sorted; needs no password."""
    return passports.list_names(settings.data_dir)


def require(settings: Settings, name: str) -> None:
    """Raise ``UsageFault`` unless a passport of that name exists; ask before any password."""
    passports.require_passport(settings.data_dir, name)


def unlock(settings: Settings, name: str, password: bytes, progress: Progress) -> Unlocked:
    """Open a passport with its normalised password; about a second of work.

    Raises ``UsageFault`` when there is none of that name, ``WrongSecret``, ``FileInvalid``.
    """
    path = passports.require_passport(settings.data_dir, name)
    progress.step("stretching the password")
    return keyfile.open_with_password(path, password)


def view(secrets: PassportSecrets) -> PassportView:
    """Return what may be shown of an opened passport."""
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
    )
