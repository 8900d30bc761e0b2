"""The installed command as a person runs it, on a device of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MIP = Path(sys.executable).parent / "mip"


@dataclass(frozen=True)
class Shell:
    """A device of its own, with nothing on it but what its commands leave."""

    folder: Path
    """Holds data, caches and settings."""
    rpc_url: str
    """The chain's node."""

    def run(self, *arguments: str | Path) -> bytes:
        """Run a command; return what it prints, raise ``RuntimeError`` when it fails."""
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
        )
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()
            raise RuntimeError(f"mip {arguments[0]} failed: {said}")
        return done.stdout

    def command(self, *arguments: str | Path) -> Sequence[str]:
        """Return the words of a command."""
        return [str(MIP), *map(str, arguments)]

    @property
    def environment(self) -> dict[str, str]:
        """Its environment."""
        own = {
            f"XDG_{kind}_HOME": str(self.folder / kind.lower())
            for kind in ("DATA", "CACHE", "CONFIG")
        }
        path = f"{MIP.parent}:{os.environ.get('PATH', os.defpath)}"
        return {"PATH": path, "HOME": str(self.folder), "MIP_RPC_URL": self.rpc_url, **own}
