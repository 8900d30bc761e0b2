"""What below the data folder others on this machine can reach."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from mip_cli.store import files
from mip_cli.store.device import DEVICE_FILES, device_dir
from mip_cli.store.keyfile import staged_path
from mip_cli.store.passports import list_names, passport_path, passports_dir


@dataclass(frozen=True)
class PermissionFinding:
    """A file or folder that others on this machine can reach."""

    path: Path
    """Which one."""
    problem: str
    """What is wrong with it."""
    remedy: str
    """A command that mends it."""


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
