"""A recovery in progress: ``<data>/recoveries/<name>/``, until the passport is in its place again.

``state.mip`` is a sealed container (protocol section 6) under the new password and the new face;
``source.mip`` the sealed key file or backup to be opened; ``ask.json`` and ``answer-*.json`` what
went to guardians and came from them, which hold no secret in clear.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from mip_cli.crypto import hpke, jsontext
from mip_cli.crypto.forms import MAX_BYTES as MAX_DOCUMENT
from mip_cli.crypto.forms import Members, element, hexed
from mip_cli.crypto.kdf import SALT_BYTES, KdfParams
from mip_cli.errors import EnvironmentFault, UsageFault
from mip_cli.store import container, files, secrets_codec
from mip_cli.store.passports import PASSPORT_NAME
from mip_cli.store.secrets_codec import PassportSecrets

FORMAT = "mip.recovery/1"
MAX_LOCATOR = 400
MAX_ANSWERS = 64
"""Answers kept; a set has 16 guardians."""
STATE, SOURCE, ASK = "state.mip", "source.mip", "ask.json"

_NAMES = ("format", "name", "created", "locator", "ask", "private_key", "own", "passport")
_OWN = (
    *("face_spec", "face_spec_id", "template", "face_salt", "password_kdf"),
    *("password_commitment", "twin_commitment", "keys_salt"),
)


@dataclass(frozen=True, repr=False)
class OwnKeys:
    """The holder's new own keys; fields as in ``PassportSecrets``."""

    face_spec: str
    face_spec_id: int
    template: tuple[int, ...]
    face_salt: int
    password_kdf: KdfParams
    password_commitment: int
    twin_commitment: int
    keys_salt: int

    def __repr__(self) -> str:
        return "OwnKeys(<redacted>)"


@dataclass(frozen=True, repr=False)
class Progressing:
    """What a recovery in progress holds."""

    name: str
    """The passport's name on this device."""
    created: int
    """Unix time in seconds."""
    locator: str
    """Which passport comes back."""
    ask: bytes
    """The newest ask to the guardians."""
    private_key: bytes
    """Opens the answers to it."""
    own: OwnKeys
    """The keys that shall be in force."""
    passport: PassportSecrets | None = None
    """What the source held, once it was opened."""

    def __repr__(self) -> str:
        return f"Progressing({self.name!r}, <redacted>)"


def folder(data_dir: Path, name: str) -> Path:
    """Return where a recovery lies; raise ``UsageFault`` for an impossible name."""
    if not PASSPORT_NAME.fullmatch(name):
        raise UsageFault("a passport's name has 1 to 32 of a-z 0-9 _ -")
    return data_dir / "recoveries" / name


def list_names(data_dir: Path) -> list[str]:
    """Return the names of all recoveries in progress, sorted."""
    try:
        found = list((data_dir / "recoveries").iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        reason = (error.strerror or "unknown failure").lower()
        raise EnvironmentFault(f"cannot list the recoveries: {reason}") from error
    return sorted(p.name for p in found if (p / STATE).exists() and PASSPORT_NAME.fullmatch(p.name))


def require(data_dir: Path, name: str) -> Path:
    """Return the folder of a recovery in progress; raise ``UsageFault`` when there is none."""
    path = folder(data_dir, name)
    if not (path / STATE).exists():
        names = list_names(data_dir)
        hint = f"there are: {', '.join(names)}" if names else "begin with `mip recover start`"
        raise UsageFault(f"no recovery of a passport named {name} is in progress", hint=hint)
    return path


def require_none(data_dir: Path, name: str) -> None:
    """Raise ``UsageFault`` while a recovery takes up a passport's name."""
    if (folder(data_dir, name) / STATE).exists():
        raise UsageFault(
            f"a recovery of a passport named {name} is in progress",
            hint="choose another name with --passport, or drop it with `mip recover forget`",
        )


def write_document(path: Path, data: bytes) -> None:
    """Write an ask or an answer; durable on return."""
    files.atomic_write(path, data)


def read_ask(path: Path) -> bytes:
    """Return the newest ask of a recovery."""
    return files.read_bounded(path / ASK, MAX_DOCUMENT, what="ask", follow_symlinks=False)


def read_answers(path: Path) -> list[bytes]:
    """Return the answers that came so far."""
    found = sorted(path.glob("answer-*.json"))[:MAX_ANSWERS]
    return [
        files.read_bounded(item, MAX_DOCUMENT, what="answer", follow_symlinks=False)
        for item in found
    ]


def keep_answer(path: Path, answer: bytes) -> None:
    """Keep an answer; durable on return. The same one twice is one."""
    digest = hashlib.sha256(answer).hexdigest()[:16]
    write_document(path / f"answer-{digest}.json", answer)


def drop_answers(path: Path) -> None:
    """Forget the answers: they are for an ask of the past."""
    for item in path.glob("answer-*.json"):
        files.remove_file(item)


def remove(path: Path) -> None:
    """Delete a recovery: the state first, so that what is left is no recovery."""
    for name in (STATE, SOURCE):
        if (path / name).exists():
            files.remove_file(path / name)
    shutil.rmtree(path, ignore_errors=True)


def encode(content: Progressing) -> bytes:
    """Write the content of ``state.mip``."""
    own, kdf, passport = content.own, content.own.password_kdf, content.passport
    return jsontext.canonical(
        {
            "format": FORMAT,
            "name": content.name,
            "created": content.created,
            "locator": content.locator,
            "ask": content.ask.decode("ascii"),
            "private_key": hexed(content.private_key),
            "own": {
                "face_spec": own.face_spec,
                "face_spec_id": hexed(own.face_spec_id.to_bytes(15, "big")),
                "template": list(own.template),
                "face_salt": element(own.face_salt),
                "password_kdf": {
                    "salt": hexed(kdf.salt),
                    "memory_kib": kdf.memory_kib,
                    "iterations": kdf.iterations,
                    "lanes": kdf.lanes,
                },
                "password_commitment": element(own.password_commitment),
                "twin_commitment": element(own.twin_commitment),
                "keys_salt": element(own.keys_salt),
            },
            "passport": passport and secrets_codec.encode(passport).decode("ascii"),
        }
    )


def decode(data: bytes) -> Progressing:
    """Read it; raise ``ValueError``, without quoting a value, when it is something else."""
    try:
        m = Members(jsontext.parse(data), *_NAMES)
        if m.text("format", 32) != FORMAT:
            raise ValueError("another format")
        passport = None
        if not m.absent("passport"):
            text = m.text("passport", container.MAX_BYTES)
            passport = secrets_codec.decode(text.encode("ascii"))
        return Progressing(
            name=m.text("name", 32),
            created=m.integer("created"),
            locator=m.text("locator", MAX_LOCATOR),
            ask=m.text("ask", MAX_DOCUMENT).encode("ascii"),
            private_key=m.data("private_key", hpke.KEY_BYTES),
            own=_own(m.members("own", *_OWN)),
            passport=passport,
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        # from None: the cause may quote what it could not read
        raise ValueError("the sealed content is not a recovery of this version") from None


def _own(m: Members) -> OwnKeys:
    kdf = m.members("password_kdf", "salt", "memory_kib", "iterations", "lanes")
    template = m.raw("template")
    sound = isinstance(template, list) and 1 <= len(template) <= 4096
    if not sound or any(type(v) is not int or not -128 <= v <= 127 for v in template):
        raise ValueError("not a template")
    return OwnKeys(
        face_spec=m.text("face_spec", 64),
        face_spec_id=int.from_bytes(m.data("face_spec_id", 15), "big"),
        template=tuple(template),
        face_salt=m.element("face_salt"),
        password_kdf=KdfParams(
            kdf.data("salt", SALT_BYTES),
            kdf.integer("memory_kib"),
            kdf.integer("iterations"),
            kdf.integer("lanes"),
        ),
        password_commitment=m.element("password_commitment"),
        twin_commitment=m.element("twin_commitment"),
        keys_salt=m.element("keys_salt"),
    )
