"""Where passports lie: ``<data>/passports/<name>.mip``, folder 0700, files 0600."""

from __future__ import annotations

import re
from pathlib import Path

from mip_cli.errors import EnvironmentFault, UsageFault
from mip_cli.store import files

PASSPORT_NAME = re.compile(r"[a-z0-9_-]{1,32}")
"""Names that are file names on every system and safe to print."""
SUFFIX = ".mip"
_REPLACED = ".replaced-"


def passports_dir(data_dir: Path) -> Path:
    """Return the folder of key files; it may not exist yet."""
    return data_dir / "passports"


def passport_path(data_dir: Path, name: str) -> Path:
    """Return where a passport's key file lies; raise ``UsageFault`` for an impossible name."""
    if not PASSPORT_NAME.fullmatch(name):
        raise UsageFault("a passport's name has 1 to 32 of a-z 0-9 _ -")
    return passports_dir(data_dir) / f"{name}{SUFFIX}"


NONE_YET = "make one with `mip enroll`, or come back with a backup: mip recover start --help"


def require_passport(data_dir: Path, name: str) -> Path:
    """Return the path of an existing passport; raise ``UsageFault`` when there is none."""
    path = passport_path(data_dir, name)
    if not exists(data_dir, name):
        names = list_names(data_dir)
        hint = f"there are: {', '.join(names)}" if names else NONE_YET
        raise UsageFault(f"there is no passport named {name}", hint=hint)
    return path


def exists(data_dir: Path, name: str) -> bool:
    """Tell whether something lies at a passport's place, readable or not."""
    path = passport_path(data_dir, name)
    return path.exists() or path.is_symlink()


def set_aside(path: Path, data: bytes) -> Path:
    """Keep a copy of what is about to be replaced, beside it; durable on return."""
    number = 1
    while (aside := path.with_name(f"{path.name}{_REPLACED}{number}")).exists():
        number += 1
    files.atomic_write(aside, data, overwrite=False)
    return aside


def list_names(data_dir: Path) -> list[str]:
    """Return the names of all passports, sorted; an absent folder holds none."""
    folder = passports_dir(data_dir)
    try:
        found = [path for path in folder.iterdir() if path.suffix == SUFFIX]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        reason = (error.strerror or "unknown failure").lower()
        raise EnvironmentFault(f"cannot list {folder}: {reason}") from error
    return sorted(path.stem for path in found if PASSPORT_NAME.fullmatch(path.stem))
