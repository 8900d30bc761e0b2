"""``mip passport export``, ``import`` and ``sheet``: what outlives a device."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from mip_cli.cli import _io, _keys, _render
from mip_cli.cli._options import (
    example,
    force_option,
    ipfs_option,
    json_option,
    passport_option,
    password_file_option,
    rpc_option,
    with_settings,
)
from mip_cli.config import Settings
from mip_cli.crypto.cid import Cid, cid_of
from mip_cli.errors import UsageFault
from mip_cli.flows.passport import passport_file
from mip_cli.flows.recovery import backup as flow
from mip_cli.flows.recovery import sheet as sheet_flow
from mip_cli.flows.recovery.backup import Backup, Imported
from mip_cli.flows.recovery.locator import format_locator
from mip_cli.store.blocks import BlockStore
from mip_cli.store.ipfs import IpfsNode

EXPORT_SCHEMA = "mip.passport.export/1"
IMPORT_SCHEMA = "mip.passport.import/1"
SHEET_SCHEMA = "mip.passport.sheet/1"

folder_option = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="A folder of backups, each named by its content id.",
)


@click.command(
    epilog=example(
        "mip passport export --image now.jpg -o passport.backup",
        "mip passport export --image now.jpg --folder /media/stick",
        "mip passport export --image now.jpg --ipfs",
        "mip passport export --image now.jpg --for-device code.txt -o passport.mip",
    )
)
@passport_option
@_keys.image_option
@password_file_option
@click.option("-o", "--output", metavar="FILE", help="Write the backup to FILE (- for stdout).")
@folder_option
@click.option("--ipfs", is_flag=True, help="Put it on your IPFS node, and pin it there.")
@click.option(
    "--for-device",
    "code_file",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="For another device of yours: keep the face, under a transfer code written to FILE.",
)
@ipfs_option
@force_option
@json_option
@with_settings
def export(
    settings: Settings,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    output: str | None,
    folder: Path | None,
    ipfs: bool,
    code_file: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write a sealed backup that your password and your guardians open on any device.

    A backup stays good when you replace password or photo: it then opens with the password it was
    made under. Make a new one after a change of guardians, and once your archive has begun: a
    backup holds the key to it, and neither archive nor credentials. In IPFS everyone who learns its
    content id can fetch it, for ever: it is sealed, but a weak password would show in it.
    """
    if [output is not None, folder is not None, ipfs].count(True) != 1:
        raise UsageFault("a backup goes to one place", hint="give one of -o, --folder and --ipfs")
    if code_file is not None and output is None:
        raise UsageFault(
            "a passport goes to another device in a file, not into a store", hint="use -o FILE"
        )
    if as_json and output == "-":
        raise UsageFault("standard output takes one of the two", hint="use -o FILE with --json")
    for path in (output, code_file):  # both or none are written
        if path not in (None, "-") and Path(str(path)).exists() and not force:
            raise UsageFault(f"{path} exists", hint="choose another name, or use --force")
    passport_file.require(settings, passport_name)
    factors = _keys.read_factors(passport_name, password_file, image)
    with _render.TerminalProgress(quiet=as_json) as progress:
        made = flow.make(
            settings, passport_name, factors, progress, for_device=code_file is not None
        )
        if folder is not None:
            progress.step("writing to the folder")
            flow.keep(flow.folder(folder), made)
        elif ipfs:
            progress.step("storing on the IPFS node")
            flow.keep(_node(settings), made)
    if code_file is not None and made.code is not None:
        line = made.code.text.encode() + b"\n"
        _io.write_output(code_file, line, force=force, private=True)
    if output is not None:
        _io.write_output(output, made.data, force=force, private=True)
    where = flow.folder(folder).path(made.cid) if folder is not None else None
    document = {
        "name": made.name,
        "opened_by": [kind.value for kind in made.kinds],
        "bytes": len(made.data),
        "cid": made.cid,
        "file": output if where is None else where,
        "ipfs": ipfs,
        "transfer_code_file": code_file,
    }

    def text() -> None:
        if output == "-":
            return  # it is what stdout is for
        _export_text(made, document)

    _io.emit(document, schema=EXPORT_SCHEMA, as_json=as_json, text=text)
    if made.superseded:
        _io.warn(
            "a change of your guardians is under way: the new ones will not open this backup, make "
            "another after `mip guardian finish`"
        )
    if code_file is not None:
        _io.note(f"carry {code_file} another way than the backup, and delete both afterwards")
    elif ipfs:
        _io.note("keep the content id: `mip passport sheet --backup CID` prints it")


@click.command(
    "import",
    epilog=example(
        "mip passport import passport.backup",
        "mip passport import bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e",
        "mip passport import passport.mip --transfer-code code.txt --image now.jpg",
    ),
)
@click.argument("source", metavar="FILE|CID|LOCATOR")
@passport_option
@folder_option
@click.option(
    "--transfer-code",
    "code_file",
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Take the passport over from another device; asks for the password.",
)
@_keys.image_option
@password_file_option
@ipfs_option
@force_option
@json_option
@with_settings
def import_backup(
    settings: Settings,
    source: str,
    passport_name: str,
    folder: Path | None,
    code_file: str | None,
    image: Path | None,
    password_file: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Bring a backup to this device: from a file, a folder or IPFS.

    A plain backup needs no key now; `mip recover start` goes on with password and guardians. With a
    transfer code the passport is ready at once, and opens with your face on this device.
    """
    cid = flow.source_cid(source)
    if cid is None:
        data = flow.read_file(Path(source))
    else:
        with _render.TerminalProgress(quiet=as_json) as progress:
            progress.step("fetching the backup")
            data = _store(settings, folder).get(cid)
    if code_file is None:
        done = flow.place(settings, passport_name, data, force=force)
    else:
        code = flow.read_code(_io.read_input(code_file, flow.MAX_CODE_FILE, what="transfer code"))
        if image is None:
            raise UsageFault("taking a passport over takes your face", hint="add --image FILE")
        factors = _keys.read_factors(passport_name, password_file, image)
        with _render.TerminalProgress(quiet=as_json) as progress:
            done = flow.place_on_device(
                settings, passport_name, data, code, factors, progress, force=force
            )
    document = {
        "name": done.name,
        "path": done.path,
        "opened_by": [kind.value for kind in done.kinds],
        "ready": done.ready,
        "replaced": done.replaced,
        "unchanged": done.unchanged,
    }
    _io.emit(document, schema=IMPORT_SCHEMA, as_json=as_json, text=lambda: _import_text(done))


@click.command(
    epilog=example(
        "mip passport sheet --image now.jpg -o sheet.html",
        "mip passport sheet --image now.jpg --backup passport.backup -o sheet.html",
    )
)
@passport_option
@_keys.image_option
@password_file_option
@click.option(
    "--backup",
    metavar="FILE|CID",
    help="Print where this backup is found in IPFS.",
)
@click.option("-o", "--output", required=True, metavar="FILE", help="Write the page to FILE.")
@rpc_option
@force_option
@json_option
@with_settings
def sheet(
    settings: Settings,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    backup: str | None,
    output: str,
    force: bool,
    as_json: bool,
) -> None:
    """Write a page to print: where your passport is, and what to do after each loss.

    It holds no secret, but it tells which leaf is yours. Print it from a browser, keep it with your
    papers; a finder cannot open anything with it.
    """
    if as_json and output == "-":
        raise UsageFault("standard output takes one of the two", hint="use -o FILE with --json")
    passport_file.require(settings, passport_name)
    cid = None if backup is None else _backup_cid(backup)
    factors = _keys.read_factors(passport_name, password_file, image)
    with _render.TerminalProgress(quiet=as_json) as progress:
        made = sheet_flow.make(settings, passport_name, factors, progress, backup=cid)
    _io.write_output(output, sheet_flow.render(made), force=force, private=True)
    locator = format_locator(made.locator)
    document = {
        "name": made.name,
        "file": output,
        "locator": locator,
        "cid": made.locator.cid,
        "guardians": made.guardians,
        "threshold": made.threshold,
        "quorum": made.quorum,
        "created": datetime.fromtimestamp(made.created, UTC),
    }

    def text() -> None:
        if output != "-":
            _render.kv([("sheet", output), ("locator", locator)])

    _io.emit(document, schema=SHEET_SCHEMA, as_json=as_json, text=text)
    if made.threshold is None:
        _io.warn("this passport has no guardians: the sheet can promise no way back")


def _backup_cid(text: str) -> Cid:
    return flow.source_cid(text) or cid_of(flow.read_file(Path(text)))


def _store(settings: Settings, folder: Path | None) -> BlockStore:
    return _node(settings) if folder is None else flow.folder(folder)


def _node(settings: Settings) -> IpfsNode:
    node = flow.ipfs(settings.ipfs_url)
    if node.exposed:
        _io.warn(f"{node.label} is reached in the clear: who listens learns what you fetch")
    return node


def _export_text(made: Backup, document: dict[str, object]) -> None:
    _render.kv(
        [
            ("passport", made.name),
            ("backup", document["file"] or "on the IPFS node"),
            ("content id", made.cid),
            ("size", f"{len(made.data)} bytes"),
            ("opened by two of", ", ".join(kind.value for kind in made.kinds)),
            ("transfer code", document["transfer_code_file"]),
        ]
    )


def _import_text(done: Imported) -> None:
    following = "ready: your face opens it on this device"
    if not done.ready:
        following = "bring it back with password and guardians: mip recover start"
    _render.kv(
        [
            ("passport", done.name),
            ("key file", done.path),
            ("opened by two of", ", ".join(kind.value for kind in done.kinds)),
            ("next", following),
        ]
    )
    if done.replaced is not None:
        _io.note(f"the file that was there is kept as {done.replaced}")
    if done.unchanged:
        _io.note("the same file was there already; nothing was written")
