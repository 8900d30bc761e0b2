"""``mip archive``: what the holder keeps, encrypted, in a store of his choice."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from mip_cli.cli import _archive, _io, _render, archive_log, archive_transfer
from mip_cli.cli._options import example, force_option, yes_option
from mip_cli.config import Settings
from mip_cli.errors import UsageFault
from mip_cli.flows.archive import archive_records as flow
from mip_cli.store.archive.manifest import JSON_TYPE, Record
from mip_cli.store.credential_records import CATEGORY as CREDENTIALS

PUT_SCHEMA = "mip.archive.put/1"
GET_SCHEMA = "mip.archive.get/1"
LIST_SCHEMA = "mip.archive.list/1"
CATEGORY_SCHEMA = "mip.archive.category/1"
ERASE_SCHEMA = "mip.archive.erase/1"
MAX_SCHEMA_FILE = 64 * 1024

NOT_RECALLED = (
    "erased here: the records, every key to them, their names in the log. Not recalled: copies "
    "that a store, a node or an export kept, for whoever holds an older copy of the key file; what "
    "others have read; that something was there, in the log and in its anchors"
)
"""What erasing cannot do, said each time."""


@click.group(epilog=example("mip archive put salary.json --category finance --image me.jpg"))
def archive() -> None:
    """Keep records and files encrypted, in a store that learns nothing of them.

    \b
    A store sees how many blocks of which size class there are, and when they change.
    """


@archive.command(
    "put",
    epilog=example(
        "mip archive put salary.json --category finance --image me.jpg",
        "mip archive put scan.tiff --category health --path 2026/scan.tiff --image me.jpg",
        "mip archive put visits.jsonl --lines --category health --image me.jpg",
    ),
)
@click.argument("file", metavar="FILE")
@_archive.category_option
@click.option("--path", metavar="PATH", help="Its name in the category; the file's own if absent.")
@click.option("--type", "media_type", metavar="TYPE", help="Media type, such as image/png.")
@click.option("--lines", is_flag=True, help="FILE has one JSON record a line.")
@click.option(
    "--store",
    metavar="STORE",
    help="Where a new archive keeps its blocks: sqlite (default), folder:PATH, "
    "ipfs:http://HOST:PORT, s3://BUCKET/PREFIX?endpoint=URL.",
)
@_archive.opens_archive
def put(
    settings: Settings,
    file: str,
    category: str | None,
    path: str | None,
    media_type: str | None,
    lines: bool,
    store: str | None,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    as_json: bool,
) -> None:
    """Encrypt a file (- for stdin) into a category.

    JSON is a record, checked against the category's schema; everything else is a file of any size.
    What the schema does not name is kept, and left out where levels 1 and 2 show the record.
    What the path had before is replaced. The first one makes the archive.
    """
    if category is None:
        raise UsageFault("into which category?", hint="add --category NAME")
    if lines and (file == "-" or media_type is not None):
        raise UsageFault("--lines takes a file of JSON records")
    if file == password_file == "-":
        raise UsageFault("password and content cannot both come from stdin")
    source = None if file == "-" else Path(file)
    if source is not None and not source.exists():
        raise UsageFault(f"there is no file {file}")
    factors = _archive.factors_of(settings, passport_name, password_file, image)
    create = flow.store_name(store)
    with (
        _render.TerminalProgress(quiet=as_json) as progress,
        flow.opened(settings, passport_name, factors, progress, create=create) as session,
    ):
        if lines and source is not None:
            done = flow.put_lines(session, category, source, path, progress)
        else:
            done = flow.put_file(
                session,
                category,
                source,
                path,
                media_type,
                progress,
                stdin=sys.stdin.buffer.read,
            )
        kept, where = session.archive.head.store, session.archive.store.label
        began = session.archive.head.commit == 1
    first = done.records[0]
    document = {
        "category": category,
        "count": len(done.records),
        "path": first.path if len(done.records) == 1 else None,
        "version": first.version if len(done.records) == 1 else None,
        "size": sum(record.size for record in done.records),
        "root": done.root,
        "store": where,
    }

    def text() -> None:
        what = f"{first.path}, version {first.version}"
        if len(done.records) > 1:
            what = _render.count(len(done.records), "record")
        click.echo(f"{what}, in {category}")
        if began:
            _io.note("your archive begins; a backup from before does not open it: make a new one")
            _io.note("credentials go into it from now on, earlier ones with `mip kyc move`")
        if store is not None and kept != create:
            _io.warn(f"the archive lies in {where} already; --store counts for a new one")

    _io.emit(document, schema=PUT_SCHEMA, as_json=as_json, text=text)


@archive.command(
    "get",
    epilog=example("mip archive get salary.json --category finance --image me.jpg -o out.json"),
)
@click.argument("path", metavar="PATH")
@_archive.category_option
@click.option("-o", "--output", metavar="FILE", help="Write it here; stdout if absent or -.")
@force_option
@_archive.opens_archive
def get(
    settings: Settings,
    path: str,
    category: str | None,
    output: str | None,
    force: bool,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    as_json: bool,
) -> None:
    """Decrypt a record or file.

    A file is written whole or not at all. On stdout each piece is authentic, the whole only when
    the exit code is 0.
    """
    if category is None:
        raise UsageFault("from which category?", hint="add --category NAME")
    target = None if output in (None, "-") else Path(str(output))
    if target is None and as_json:
        raise UsageFault("content and document would both go to stdout", hint="use -o FILE")
    if target is not None and target.exists() and not force:
        raise UsageFault(f"{target} exists", hint="choose another name, or use --force")
    factors = _archive.factors_of(settings, passport_name, password_file, image)
    with (
        _render.TerminalProgress(quiet=as_json or target is None) as progress,
        flow.opened(settings, passport_name, factors, progress) as session,
    ):
        if target is None:
            found = session.archive.find(category, path).record
            if sys.stdout.isatty() and found.type != JSON_TYPE and found.type[:5] != "text/":
                raise UsageFault(
                    "refusing to write binary data to a terminal", hint="use -o FILE, or pipe it"
                )
            sys.stdout.flush()
        record = flow.get(
            session,
            category,
            path,
            target,
            progress,
            write=sys.stdout.buffer.write,
            overwrite=force,
        )
    if target is None:
        sys.stdout.flush()
        return
    document = {"category": category, **_record(record), "output": output}
    _io.emit(
        document,
        schema=GET_SCHEMA,
        as_json=as_json,
        text=lambda: click.echo(f"{output}: {record.size} bytes"),
    )


@archive.command("list", epilog=example("mip archive list --category health --image me.jpg"))
@_archive.category_option
@_archive.opens_archive
def list_records(
    settings: Settings,
    category: str | None,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    as_json: bool,
) -> None:
    """List what is in the archive, or in one category."""
    factors = _archive.factors_of(settings, passport_name, password_file, image)
    with (
        _render.TerminalProgress(quiet=as_json) as progress,
        flow.opened(settings, passport_name, factors, progress) as session,
    ):
        found = flow.listing(session, category)
        names = session.archive.known_categories()
    document = {
        "categories": names,
        "records": [{"category": one.category, **_record(one.record)} for one in found],
    }

    def text() -> None:
        rows = [
            (o.category, o.record.path, o.record.version, o.record.size, o.record.type)
            for o in found
        ]
        _render.table(("category", "path", "version", "bytes", "type"), rows)

    _io.emit(document, schema=LIST_SCHEMA, as_json=as_json, text=text)


@archive.command(
    "category", epilog=example("mip archive category pets --schema pets.json --image me.jpg")
)
@click.argument("name", metavar="NAME")
@click.option("--schema", "schema_file", metavar="FILE", help="JSON Schema 2020-12 of a new one.")
@_archive.opens_archive
def category_command(
    settings: Settings,
    name: str,
    schema_file: str | None,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    as_json: bool,
) -> None:
    """Add a category of your own, or show the schema of one.

    A schema that every archive has is shown without opening yours.
    """
    schema = None
    if schema_file is not None:
        schema = _io.read_input(schema_file, MAX_SCHEMA_FILE, what="schema")
    shown = flow.built_in_schema(name) if schema is None else None
    if shown is None:
        factors = _archive.factors_of(settings, passport_name, password_file, image)
        create = flow.store_name(None) if schema is not None else None
        with (
            _render.TerminalProgress(quiet=as_json) as progress,
            flow.opened(settings, passport_name, factors, progress, create=create) as session,
        ):
            if schema is not None:
                flow.add_category(session, name, schema)
            shown = session.archive.schema(name)
    document = {"name": name, "added": schema is not None, "json_schema": shown}

    def text() -> None:
        if schema is not None:
            click.echo(f"added the category {name}")
        else:
            click.echo(flow.schema_text(shown))

    _io.emit(document, schema=CATEGORY_SCHEMA, as_json=as_json, text=text)


@archive.command(
    "erase", epilog=example("mip archive erase salary.json --category finance --image me.jpg")
)
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@_archive.category_option
@click.option("--all", "everything", is_flag=True, help="Erase everything in the category.")
@yes_option
@_archive.opens_archive
def erase(
    settings: Settings,
    paths: tuple[str, ...],
    category: str | None,
    everything: bool,
    yes: bool,
    passport_name: str,
    image: Path | None,
    password_file: str | None,
    as_json: bool,
) -> None:
    """Erase records for good: destroy their keys, rewrite manifest and log, collect their blocks.

    \b
    Not recalled: copies that a store, a node or an export kept, for whoever holds an older
    copy of the key file; what others have read; that something was there.
    """
    if category is None:
        raise UsageFault("from which category?", hint="add --category NAME")
    if bool(paths) == everything:
        raise UsageFault("what shall be erased?", hint="name paths, or add --all")
    credentials = ", your credentials included," if category == CREDENTIALS else ""
    what = (
        f"everything in {category}{credentials}"
        if everything
        else f"{', '.join(paths)} in {category}"
    )
    _io.confirm(f"Erase {what} for good?", yes)
    factors = _archive.factors_of(settings, passport_name, password_file, image)
    with (
        _render.TerminalProgress(quiet=as_json) as progress,
        flow.opened(settings, passport_name, factors, progress) as session,
    ):
        done = flow.erase(session, category, None if everything else paths, progress)
    document = {
        "category": category,
        "records": done.records,
        "collected": done.collected,
        "root": done.root,
        "not_recalled": NOT_RECALLED,
    }

    def text() -> None:
        click.echo(f"erased {_render.count(done.records, 'record')} in {category}")
        _io.note(NOT_RECALLED)

    _io.emit(document, schema=ERASE_SCHEMA, as_json=as_json, text=text)


def _record(record: Record) -> dict[str, object]:
    return {
        "path": record.path,
        "version": record.version,
        "put": datetime.fromtimestamp(record.at, UTC),
        "type": record.type,
        "size": record.size,
    }


for _command in (
    archive_log.log,
    archive_transfer.export,
    archive_transfer.import_archive,
    archive_log.anchor,
    archive_log.verify,
):
    archive.add_command(_command)
