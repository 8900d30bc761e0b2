"""How long a person works who lost his device, from a backup to the first accepted proof."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import Context, Figures, cpu_seconds, seconds
from benchmarks.devchain import DevChain, fresh_chain
from benchmarks.shell import Shell
from mip_cli.chain.recovery import CHANGE_DELAY, DELAY
from mip_cli.flows.demo import demo_photos
from mip_cli.flows.demo.demo_photos import Photos

GUARDIANS = ("ben", "cleo", "dan")
THRESHOLD = 2
_ACT = ("--app", "PassportVote", "--call", "vote(uint256)", "--arg", "1", "--yes", "--send")


def measure(context: Context) -> Figures:
    """Measure on a chain of its own; what must wait two days has its clock put forward."""
    with fresh_chain(context.settings) as chain:
        photos = demo_photos.find(context.photos, chain.folder / "photos")
        return _Story(chain, photos).measure()


@dataclass(frozen=True)
class _Person:
    """Somebody with a device and a password of his own."""

    shell: Shell
    password: Path

    def run(self, *arguments: str | Path) -> bytes:
        return self.shell.run(*arguments, "--password-file", self.password)


class _Timed:
    """Adds up what some commands take."""

    def __init__(self) -> None:
        self.wall = 0.0
        self.processor = 0.0

    def run(self, person: _Person, *arguments: str | Path) -> None:
        def work() -> None:
            self.wall += seconds(lambda: person.run(*arguments))

        self.processor += cpu_seconds(work)


@dataclass(frozen=True)
class _Story:
    chain: DevChain
    photos: Photos

    def measure(self) -> Figures:
        holder = self._person("holder")
        people = {name: self._person(name) for name in GUARDIANS}
        holder.run("enroll", "--image", self.photos.first, "--json")
        locator = self._guard(holder, people)
        # a copy of the key file opens with password and people wherever it is
        backup = self.chain.folder / "backup.mip"
        shutil.copyfile(holder.shell.folder / "data/mip/passports/default.mip", backup)
        new = self._person("holder again")
        ask = self.chain.folder / "ask.json"
        face = ("--image", self.photos.again)
        timed = _Timed()
        timed.run(
            new,
            *("recover", "start", "--locator", locator, "--backup", backup),
            *(*face, "-o", ask),
        )
        answers: list[str | Path] = []
        before = timed.wall
        for name in GUARDIANS[:THRESHOLD]:
            file = self.chain.folder / f"{name}.answer.json"
            wish = ("guardian", "answer", ask, "--name", "holder", "-o", file, "--yes")
            timed.run(people[name], *wish)
            answers += ["--answers", file]
        given = timed.wall - before
        old = ("--old-password-file", holder.password)
        timed.run(new, "recover", "continue", *face, *old, *answers)
        self.chain.advance(DELAY)
        timed.run(new, "recover", "finish", *face)
        timed.run(new, "prove", *face, *_ACT)
        return {
            "recover.machine_seconds": timed.wall,
            "recover.machine_cpu_seconds": timed.processor,
            "recover.guardian_seconds": given,
        }

    def _guard(self, holder: _Person, people: dict[str, _Person]) -> str:
        """Give the holder guardians; returns the locator that lies with each."""
        folder, face = self.chain.folder, ("--image", self.photos.again)
        cards: list[str | Path] = []
        for name, person in people.items():
            invitation, card = folder / f"{name}.invitation.json", folder / f"{name}.card.json"
            holder.run(
                *("guardian", "invite", "--guardian", name, "--me", "holder"),
                *(*face, "-o", invitation),
            )
            person.run("guardian", "accept", invitation, "--name", "holder", "-o", card)
            cards += ["--card", card]
        made = json.loads(
            holder.run(
                *("guardian", "set", *cards, "--threshold", str(THRESHOLD), *face),
                *("-o", folder, "--yes", "--json"),
            )
        )
        self.chain.advance(CHANGE_DELAY)
        holder.run("guardian", "finish", *face)
        for name, person in people.items():
            person.run("guardian", "keep", made["parts"][name], "--name", "holder")
        part = json.loads(Path(made["parts"][GUARDIANS[0]]).read_bytes())
        return str(part["locator"])

    def _person(self, name: str) -> _Person:
        folder = self.chain.folder / name.replace(" ", "-")
        data = folder / "data" / "mip"
        data.mkdir(mode=0o700, parents=True)
        shutil.copytree(self.chain.folder / "data" / "mip" / "deployments", data / "deployments")
        password = folder / "password"
        password.write_text(f"a password of {name}\n")
        password.chmod(0o600)
        return _Person(Shell(folder, self.chain.rpc.label), password)
