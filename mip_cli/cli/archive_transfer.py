"""``mip archive export`` and ``import``: the whole archive as one CAR file."""

from __future__ import annotations

from pathlib import Path

import click

from mip_cli.cli import _archive, _io, _render
from mip_cli.cli._options import example, force_option
from mip_cli.config import Settings
from mip_cli.errors import UsageFault
from mip_cli.flows.archive import archive_records as flow
from mip_cli.flows.archive import archive_transfer
from mip_cli.flows.archive.archive_transfer import Moved

EXPORT_SCHEMA = "mip.archive.export/1"
IMPORT_SCHEMA = "mip.archive.import/1"


@click.command("export", epilog=example("mip archive export -o archive.car --image me.jpg"))
@click.option("-o", "--output", required=True, metavar="FILE", help="The CAR file.")
@force_option
@_archive.opens_archive
def export(
    settings: Settings,
    output: str,
    force: bool,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    as_json: bool,
) -> None:
    """Write the whole archive, encrypted as it is, into one CAR file.

    Every IPFS tool reads it; your passport opens it.
    """
    target = Path(output)
    if output == "-" or target.is_dir():
        raise UsageFault("an archive is written to a file", hint="use -o FILE.car")
    if target.exists() and not force:
        raise UsageFault(f"{output} exists", hint="choose another name, or use --force")
    factors = _archive.factors_of(settings, passport_name, password_file, image)
    with (
        _render.TerminalProgress(quiet=as_json) as progress,
        flow.opened(settings, passport_name, factors, progress) as session,
    ):
        done = archive_transfer.export(session, target, progress, overwrite=force)
    _emit(done, {"output": output}, EXPORT_SCHEMA, as_json, f"{output}: {done.blocks} blocks")


@click.command("import", epilog=example("mip archive import archive.car --image me.jpg"))
@click.argument("file", metavar="FILE")
@click.option(
    "--store",
    metavar="STORE",
    help="Where the archive keeps its blocks on this device, as for put.",
)
@click.option(
    "--older",
    is_flag=True,
    help="Lose what was added since FILE was written; never past an erasure.",
)
@_archive.opens_archive
def import_archive(
    settings: Settings,
    file: str,
    store: str | None,
    older: bool,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    as_json: bool,
) -> None:
    """Bring the archive back from a CAR file, after checking that it is whole and yours.

    An archive that is here stays, unless the one in the file goes on from it.
    """
    source = Path(file)
    if not source.is_file():
        raise UsageFault(f"there is no file {file}")
    factors = _archive.factors_of(settings, passport_name, password_file, image)
    with _render.TerminalProgress(quiet=as_json) as progress:
        done = archive_transfer.restore(
            settings, passport_name, factors, source, progress, store=store, older=older
        )
    told = ", ".join((_render.count(done.records, "record"), _render.count(done.blocks, "block")))
    _emit(done, {"file": file}, IMPORT_SCHEMA, as_json, told)


def _emit(done: Moved, extra: dict[str, object], schema: str, as_json: bool, told: str) -> None:
    document = {**extra, "root": done.root, "blocks": done.blocks, "records": done.records}
    _io.emit(document, schema=schema, as_json=as_json, text=lambda: click.echo(told))
