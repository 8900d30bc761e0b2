"""Build the circuits of circuits/circuits.json: compile, check, make keys."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from mip_cli.config import load_settings
from mip_cli.errors import MipError, UsageFault
from mip_cli.zk import build
from mip_cli.zk.artifacts import Stamp
from mip_cli.zk.ceremony import (
    COMMAND,
    GUIDE,
    Contributed,
    Phase2,
    read_contributed,
    require_ceremony,
)
from mip_cli.zk.manifest import Manifest, load_manifest
from mip_cli.zk.ptau import check_ptau

SCHEMA = "mip.build.circuits/1"


class _Lines:
    """Progress as lines on standard error."""

    def step(self, text: str) -> None:
        """Print the step."""
        click.echo(f"mip: {text}", err=True)

    def advance(self, done: int, total: int) -> None:
        """Print the count."""
        click.echo(f"mip: {done} of {total} done", err=True)


@click.command(
    epilog=f"Examples: scripts/build_circuits.py --circuit passport --json; {COMMAND}",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--circuit", "names", multiple=True, metavar="NAME", help="Build only this circuit.")
@click.option("--force", is_flag=True, help="Build also what is up to date.")
@click.option("--pin", is_flag=True, help="Write the verifying-key hashes into circuits.json.")
@click.option(
    "--ptau",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Powers of tau to make or check keys from, instead of development keys.",
)
@click.option(
    "--zkey",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --ptau and one --circuit: install this key of a finished ceremony.",
)
@click.option(
    "--beacon",
    metavar="HEX",
    help="With --ptau: rehearse a ceremony alone, with public randomness of 16 bytes or more.",
)
@click.option(
    "--contributions",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="With --beacon: contributions made here.",
)
@click.option(
    "--allow-unlisted-ptau", is_flag=True, help="Take any file; the key stays a development key."
)
@click.option("--dry-run", is_flag=True, help="Say what would be built and why.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(
    names: tuple[str, ...],
    force: bool,
    pin: bool,
    ptau: Path | None,
    zkey: Path | None,
    beacon: str | None,
    contributions: int,
    allow_unlisted_ptau: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Build circuits into build/circuits/<name>/, only what changed, two at a time.

    Keys come from the public seed in circuits.json and serve local chains only. A key for other
    chains has the contributions of several people: docs/ceremony.md. With --zkey and --ptau it is
    verified by snarkjs and installed; --pin then makes it the one that all chains take.
    """
    try:
        paths = build.paths_of(load_settings())
        manifest = load_manifest(paths.manifest)
        if zkey is not None:
            if len(names) != 1:
                raise UsageFault("--zkey needs one --circuit", hint=COMMAND)
            manifest.circuit(names[0])
        phase2 = _phase2(ptau, zkey, beacon, contributions, allow_unlisted_ptau)
        steps = _pinnable(phase2) if pin else []
        jobs = build.plan(paths, manifest, names, force=force or phase2 is not None)
        if dry_run:
            _tell_plan(jobs, as_json)
            return
        section = "ceremony" if phase2 else "development"
        pins = {} if pin or phase2 else dict(manifest.development_keys)
        stamps = build.build_all(paths, jobs, pins, phase2=phase2, progress=_Lines())
        if pin:
            hashes = {s.circuit: s.verifying_key for s in stamps}
            build.pin(
                paths.manifest, section, hashes, dict.fromkeys(hashes, steps) if steps else {}
            )
            manifest = load_manifest(paths.manifest)
            build.share(paths)
        _tell_result(jobs, stamps, manifest, as_json)
    except MipError as error:
        click.echo(f"mip: error: {error.message}", err=True)
        if error.hint:
            click.echo(f"mip: hint: {error.hint}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        click.echo("mip: error: interrupted", err=True)
        sys.exit(130)


def _phase2(
    ptau: Path | None,
    zkey: Path | None,
    beacon: str | None,
    contributions: int,
    allow_unlisted: bool,
) -> Phase2 | Contributed | None:
    if ptau is None:
        if zkey or beacon or allow_unlisted:
            raise UsageFault(
                "--zkey, --beacon and --allow-unlisted-ptau go with --ptau", hint=COMMAND
            )
        return None
    if (zkey is None) == (beacon is None):
        raise UsageFault(
            "--ptau goes with --zkey, the key of a ceremony, or with --beacon, to rehearse one",
            hint=COMMAND,
        )
    checked = check_ptau(ptau, allow_unlisted=allow_unlisted)
    if zkey is not None:
        return read_contributed(zkey, checked)
    return Phase2(checked, str(beacon).lower(), contributions)


def _pinnable(phase2: Phase2 | Contributed | None) -> list[str]:
    if phase2 is None:
        return []
    if isinstance(phase2, Phase2):
        raise UsageFault(
            "contributions made by one machine are not a ceremony: the key stays a development key",
            hint=f"see {GUIDE}",
        )
    return require_ceremony(phase2)


def _tell_plan(jobs: list[build.Job], as_json: bool) -> None:
    if as_json:
        rows = [{"circuit": job.circuit.name, "build": job.reason} for job in jobs]
        click.echo(json.dumps({"schema": SCHEMA, "dry_run": True, "circuits": rows}, indent=2))
        return
    for job in jobs:
        click.echo(f"{job.circuit.name}: {job.reason or 'up to date'}")


def _tell_result(
    jobs: list[build.Job], stamps: list[Stamp], manifest: Manifest, as_json: bool
) -> None:
    rows = [
        {
            "circuit": stamp.circuit,
            "built": job.reason,
            "constraints": stamp.constraints,
            "ceiling": job.circuit.max_constraints,
            "domain": stamp.domain,
            "verifying_key": stamp.verifying_key,
            "pinned": stamp.verifying_key
            in (*manifest.development_keys.values(), *manifest.ceremony_keys.values()),
            "development": manifest.is_development(stamp.verifying_key),
            "seconds": stamp.seconds,
        }
        for job, stamp in zip(jobs, stamps, strict=True)
    ]
    if as_json:
        click.echo(json.dumps({"schema": SCHEMA, "circuits": rows}, indent=2))
        return
    for row in rows:
        state = "built" if row["built"] else "up to date"
        kind = "development key" if row["development"] else "ceremony key"
        mark = "" if row["pinned"] else ", not pinned"
        click.echo(
            f"{row['circuit']}: {state}, {row['constraints']} of {row['ceiling']} constraints, "
            f"{kind} {row['verifying_key']}{mark}"
        )


if __name__ == "__main__":
    main()
