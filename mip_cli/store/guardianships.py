"""What a guardian keeps, per passport that he guards: ``<data>/guardianships/<name>.mip``.

His secrets are drawn here and never leave it; his parts are kept as they came, sealed to his key.
"""

from __future__ import annotations

import re
import secrets as system
from dataclasses import dataclass, replace
from pathlib import Path

from mip_cli.crypto import hpke, jsontext
from mip_cli.crypto.aead import Rng, system_rng
from mip_cli.crypto.field import R, random_salt
from mip_cli.crypto.forms import Members, element, hexed
from mip_cli.crypto.guardian_set import guardian_leaf
from mip_cli.errors import EnvironmentFault, FileInvalid, UsageFault
from mip_cli.store.guardian_codec import INVITATION_BYTES, MAX_LABEL
from mip_cli.store.password_box import BoxForm, OpenBox

NAME = re.compile(r"[a-z0-9_-]{1,32}")
SUFFIX = ".mip"
MAX_PARTS = 4
"""Parts kept: of the set in force, of the one that waits, and of earlier ones for old backups."""
MAX_PART_BYTES = 64 * 1024

FORM = BoxForm("mip.guardianship/1", "guardianship")
_NAMES = ("label", "invitation", "created", "secret", "salt", "private_key", "parts")


@dataclass(frozen=True, repr=False)
class Guardianship:
    """A guardian's secrets for one passport."""

    label: str
    """How the holder called himself."""
    invitation: bytes
    """The holder's invitation, 16 bytes."""
    created: int
    """Unix time in seconds."""
    secret: int
    """What his approvals are made from; a field element, not zero."""
    salt: int
    """Salt of his leaf."""
    private_key: bytes
    """X25519, opens his parts."""
    parts: tuple[bytes, ...] = ()
    """Parts as they came, oldest first."""

    def __post_init__(self) -> None:
        sound = 0 < self.secret < R and 0 <= self.salt < R and len(self.parts) <= MAX_PARTS
        if not sound or any(len(part) > MAX_PART_BYTES for part in self.parts):
            raise ValueError("a field of the guardianship is out of range")

    def __repr__(self) -> str:
        return f"Guardianship(label={self.label!r}, <redacted>)"

    @property
    def leaf(self) -> int:
        """His leaf in the holder's set."""
        return guardian_leaf(self.secret, self.salt)

    @property
    def public_key(self) -> bytes:
        """What his parts are sealed to."""
        return hpke.keypair_from(self.private_key).public


@dataclass(frozen=True, repr=False)
class Opened:
    """An opened guardianship."""

    name: str
    """Its name on this device."""
    content: Guardianship
    """What it holds."""
    box: OpenBox
    """What reseals it."""

    def __repr__(self) -> str:
        return f"Opened({self.name!r}, <redacted>)"


def folder(data_dir: Path) -> Path:
    """Return where guardianships lie; the folder may not exist yet."""
    return data_dir / "guardianships"


def path_of(data_dir: Path, name: str) -> Path:
    """Return where one lies; raise ``UsageFault`` for an impossible name."""
    if not NAME.fullmatch(name):
        raise UsageFault("the name of a guardianship has 1 to 32 of a-z 0-9 _ -")
    return folder(data_dir) / f"{name}{SUFFIX}"


def list_names(data_dir: Path) -> list[str]:
    """Return the names of all guardianships, sorted; an absent folder holds none."""
    try:
        found = [path for path in folder(data_dir).iterdir() if path.suffix == SUFFIX]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        reason = (error.strerror or "unknown failure").lower()
        raise EnvironmentFault(f"cannot list {folder(data_dir)}: {reason}") from error
    return sorted(path.stem for path in found if NAME.fullmatch(path.stem))


def require(data_dir: Path, name: str) -> Path:
    """Return the path of an existing one; raise ``UsageFault`` when there is none."""
    path = path_of(data_dir, name)
    if not (path.exists() or path.is_symlink()):
        names = list_names(data_dir)
        hint = f"there are: {', '.join(names)}" if names else "begin with `mip guardian accept`"
        raise UsageFault(f"there is no guardianship named {name}", hint=hint)
    return path


def create(
    data_dir: Path,
    name: str,
    label: str,
    invitation: bytes,
    password: bytes,
    created: int,
    *,
    rng: Rng = system_rng,
) -> Opened:
    """Draw a guardian's secrets and seal them, durable on return; ``UsageFault`` if it exists."""
    content = Guardianship(
        label=label,
        invitation=invitation,
        created=created,
        secret=1 + system.randbelow(R - 1),
        salt=random_salt(),
        private_key=hpke.random_keypair(rng).private,
    )
    box = FORM.create(path_of(data_dir, name), _encode(content), password, rng=rng)
    return Opened(name, content, box)


def open_with_password(data_dir: Path, name: str, password: bytes) -> Opened:
    """Open one with its normalised password; raise ``WrongSecret``, ``FileInvalid``."""
    box = FORM.open(require(data_dir, name), password)
    try:
        content = _decode(box.content)
    except (ValueError, TypeError, KeyError):
        # from None: the cause may quote what it could not read
        raise FileInvalid(
            f"the guardianship {name} has another version", hint="update mip"
        ) from None
    return Opened(name, content, box)


def keep_parts(opened: Opened, parts: tuple[bytes, ...]) -> Opened:
    """Replace the parts, durable on return."""
    content = replace(opened.content, parts=parts)
    return replace(opened, content=content, box=FORM.update(opened.box, _encode(content)))


def _encode(content: Guardianship) -> bytes:
    return jsontext.canonical(
        {
            "label": content.label,
            "invitation": hexed(content.invitation),
            "created": content.created,
            "secret": element(content.secret),
            "salt": element(content.salt),
            "private_key": hexed(content.private_key),
            "parts": [part.decode("ascii") for part in content.parts],
        }
    )


def _decode(data: bytes) -> Guardianship:
    m = Members(jsontext.parse(data), *_NAMES)
    return Guardianship(
        label=m.text("label", MAX_LABEL),
        invitation=m.data("invitation", INVITATION_BYTES),
        created=m.integer("created"),
        secret=m.element("secret"),
        salt=m.element("salt"),
        private_key=m.data("private_key", hpke.KEY_BYTES),
        parts=tuple(
            part.encode("ascii") for part in m.text_list("parts", MAX_PART_BYTES, MAX_PARTS)
        ),
    )
