"""The installed command, cold, as a person runs it: enrol, prove, verify, help."""

from __future__ import annotations

import json
import statistics
import subprocess
from pathlib import Path

from benchmarks.common import Context, Figures, Memory, cpu_seconds, median_seconds, seconds
from benchmarks.devchain import DevChain, fresh_chain
from benchmarks.shell import Shell
from mip_cli.flows.demo import demo_photos
from mip_cli.flows.demo.demo_photos import Photos

RUNS = 5
_ACT = ("--app", "PassportVote", "--call", "vote(uint256)", "--arg", "1", "--yes", "--json")


def measure(context: Context) -> Figures:
    """Measure on a chain of its own, with key files and caches that nobody has used before."""
    with fresh_chain(context.settings) as chain:
        photos = demo_photos.find(context.photos, chain.folder / "photos")
        return _measure(chain, photos)


def _measure(chain: DevChain, photos: Photos) -> Figures:
    shell = Shell(chain.folder, chain.rpc.label)
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


def _memory(shell: Shell, *arguments: str | Path) -> float:
    command = shell.command(*arguments)
    with subprocess.Popen(command, env=shell.environment, stdout=subprocess.DEVNULL) as process:
        with Memory(process.pid, itself=True) as memory:
            process.wait(120)
        if process.returncode != 0:
            raise RuntimeError(f"mip prove failed with status {process.returncode}")
    return memory.together
