"""Where passports lie: ``<data>/passports/<name>.mip``, folder 0700, files 0600."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from pathlib import Path

from mip_cli.errors import EnvironmentFault, UsageFault
from mip_cli.store import files
from mip_cli.store.device import DEVICE_FILES, device_dir
from mip_cli.store.keyfile import staged_path

PASSPORT_NAME = re.compile(r"[a-z0-9_-]{1,32}")
"""Names that are file names on every system and safe to print."""
SUFFIX = ".mip"


@dataclass(frozen=True)
class PermissionFinding:
    """A file or folder that others on this machine can reach."""

    path: Path
    """Which one."""
    problem: str
    """What is wrong with it."""
    remedy: str
    """A command that mends it."""


def passports_dir(data_dir: Path) -> Path:
    """Return the folder of key files; it may not exist yet."""
    return data_dir / "passports"


def passport_path(data_dir: Path, name: str) -> Path:
    """Return where a passport's key file lies; raise ``UsageFault`` for an impossible name."""
    if not PASSPORT_NAME.fullmatch(name):
        raise UsageFault("a passport's name has 1 to 32 of a-z 0-9 _ -")
    return passports_dir(data_dir) / f"{name}{SUFFIX}"


def require_passport(data_dir: Path, name: str) -> Path:
    """Return the path of an existing passport; raise ``UsageFault`` when there is none."""
    path = passport_path(data_dir, name)
    if not exists(data_dir, name):
        names = list_names(data_dir)
        hint = f"there are: {', '.join(names)}" if names else "make one with `mip enroll`"
        raise UsageFault(f"there is no passport named {name}", hint=hint)
    return path


def exists(data_dir: Path, name: str) -> bool:
    """Tell whether something lies at a passport's place, readable or not."""
    path = passport_path(data_dir, name)
    return path.exists() or path.is_symlink()


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


def permission_findings(data_dir: Path) -> list[PermissionFinding]:
    """Return what below the data folder others can reach, for ``mip doctor``."""
    folder = passports_dir(data_dir)
    wanted = [(data_dir, files.PRIVATE_DIR), (folder, files.PRIVATE_DIR)]
    own = [passport_path(data_dir, name) for name in list_names(data_dir)]
    wanted += [(path, files.PRIVATE_FILE) for path in own]
    wanted += [(staged_path(path), files.PRIVATE_FILE) for path in own]
    device = device_dir(data_dir)
    wanted += [(device, files.PRIVATE_DIR)]
    wanted += [(device / name, files.PRIVATE_FILE) for name in DEVICE_FILES]
    findings = []
    for path, mode in wanted:
        try:
            actual = stat.S_IMODE(path.lstat().st_mode)
        except FileNotFoundError:
            continue
        if actual & 0o077:
            problem = f"mode {actual:04o} lets others in"
            findings.append(PermissionFinding(path, problem, f"chmod {mode:o} {path}"))
    return findings
