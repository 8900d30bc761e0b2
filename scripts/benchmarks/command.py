"""The installed command, cold, as a person runs it: enrol, prove, verify, help."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import Context, Figures, Memory, cpu_seconds, median_seconds, seconds
from benchmarks.devchain import DevChain, fresh_chain
from mip_cli.flows import demo_photos
from mip_cli.flows.demo_photos import Photos

RUNS = 5
MIP = Path(sys.executable).parent / "mip"
_ACT = ("--app", "PassportVote", "--call", "vote(uint256)", "--arg", "1", "--yes", "--json")


@dataclass(frozen=True)
class _Shell:
    folder: Path
    rpc_url: str

    def run(self, *arguments: str | Path) -> bytes:
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
        return [str(MIP), *map(str, arguments)]

    @property
    def environment(self) -> dict[str, str]:
        own = {
            f"XDG_{kind}_HOME": str(self.folder / kind.lower())
            for kind in ("DATA", "CACHE", "CONFIG")
        }
        path = f"{MIP.parent}:{os.environ.get('PATH', os.defpath)}"
        return {"PATH": path, "HOME": str(self.folder), "MIP_RPC_URL": self.rpc_url, **own}


def measure(context: Context) -> Figures:
    """Measure on a chain of its own, with key files and caches that nobody has used before."""
    with fresh_chain(context.settings) as chain:
        photos = demo_photos.find(context.photos, chain.folder / "photos")
        return _measure(chain, photos)


def _measure(chain: DevChain, photos: Photos) -> Figures:
    shell = _Shell(chain.folder, chain.rpc.label)
    password, proof = chain.folder / "password", chain.folder / "proof.json"
    password.write_text("a password of the benchmark\n")
    password.chmod(0o600)
    secret = ("--password-file", password)
    figures = {
        "enroll.command_seconds": seconds(
            lambda: shell.run("enroll", "--image", photos.first, *secret, "--json")
        )
    }
    wish = ("prove", "--image", photos.again, *secret, *_ACT, "--force", "-o", proof)
    figures["prove.first_command_seconds"] = seconds(lambda: shell.run(*wish))
    walls: list[float] = []
    processor: list[float] = []
    parts: list[dict[str, float]] = []

    def run() -> None:
        parts.append(json.loads(shell.run(*wish))["seconds"])

    for _ in range(RUNS):
        processor.append(cpu_seconds(lambda: walls.append(seconds(run))))
    figures["prove.command_seconds"] = statistics.median(walls)
    figures["prove.command_cpu_seconds"] = statistics.median(processor)
    for name, part in (("open", "open and probe"), ("chain", "chain"), ("prove", "prove")):
        figures[f"prove.command.{name}_seconds"] = statistics.median(p[part] for p in parts)
    figures["prove.command_rss_mib"] = _memory(shell, *wish)
    figures["verify.command_seconds"] = median_seconds(3, lambda: shell.run("verify", proof))
    figures["cli.help_seconds"] = median_seconds(9, lambda: shell.run("--help"))
    return figures


def _memory(shell: _Shell, *arguments: str | Path) -> float:
    command = shell.command(*arguments)
    with subprocess.Popen(command, env=shell.environment, stdout=subprocess.DEVNULL) as process:
        with Memory(process.pid, itself=True) as memory:
            process.wait(120)
        if process.returncode != 0:
            raise RuntimeError(f"mip prove failed with status {process.returncode}")
    return memory.together
