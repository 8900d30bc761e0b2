"""Full disks and small limits: said in one line, nothing half-written, the next run goes on."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.aftermath import finish_enrolment
from tests.e2e.chains import Chain
from tests.e2e.devices import Holder
from tests.e2e.process import Process


def limit_files(process: Process) -> None:
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[Path], Callable[[], None]]]:
    """Fill a folder's disk to the last byte; the returned function makes room again."""
    mounted: list[Path] = []

    def fill(folder: Path) -> Callable[[], None]:
        command = [
            "/usr/bin/mount",
            "-t",
            "tmpfs",
            "-o",
            "size=256k,mode=700",
            "tmpfs",
            str(folder),
        ]
        if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("only root can mount a small disk; the file size limit is tested as well")
        mounted.append(folder)
        filler = folder / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while file.write(b"x" * 4096):
                    pass
            except OSError:
                pass
        return filler.unlink

    yield fill
    for folder in mounted:
        subprocess.run(["/usr/bin/umount", str(folder)], check=True)


@pytest.mark.parametrize("place", ["passports", "journal"])
def test_enroll__disk_full__says_so_and_goes_on_with_room(
    newcomer: Holder, chain: Chain, small_disk, place: str
) -> None:
    size, nonce = chain.size(), chain.nonce()
    folder = newcomer.device.data / place
    folder.mkdir(mode=0o700)
    make_room = small_disk(folder)
    newcomer.enroll().refused(3)
    assert [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size] == [
        folder / "filler"
    ]
    assert (chain.size(), chain.nonce()) == (size, nonce)
    make_room()
    finish_enrolment(newcomer, chain, size, nonce)


def test_prove__disk_full__says_so_and_goes_on_with_room(holder: Holder, small_disk) -> None:
    folder = holder.device.out / "full"
    folder.mkdir()
    make_room = small_disk(folder)
    holder.prove("-o", folder / "p.json").refused(3, "no space left")
    assert [path.name for path in folder.iterdir()] == ["filler"]
    make_room()
    holder.prove("-o", folder / "p.json").succeeded()


def test_file_size_limit__nothing_is_half_written(newcomer: Holder, chain: Chain) -> None:
    size = chain.size()
    process = newcomer.device.start(*newcomer.enroll_command(), stdin=newcomer.password)
    limit_files(process)
    process.result().refused(3)
    assert not list(newcomer.device.data.rglob("*.mip"))
    assert chain.size() == size
    newcomer.enroll().succeeded()
    newcomer.open()
