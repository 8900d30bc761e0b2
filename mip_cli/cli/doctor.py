"""``mip doctor``: what this machine lacks, with a remedy for each."""

from __future__ import annotations

import click

from mip_cli.chain.inspection import Check, CheckState
from mip_cli.cli import _io, _render
from mip_cli.cli._failure import print_line
from mip_cli.cli._options import example, json_option, rpc_option, with_settings
from mip_cli.config import Settings
from mip_cli.errors import CheckFailed
from mip_cli.flows import doctor as flow

SCHEMA = "mip.doctor/1"


@click.command(epilog=example("mip doctor", "mip doctor --offline --json"))
@click.option("--offline", is_flag=True, help="Leave the chain out.")
@rpc_option
@json_option
@with_settings
def doctor(settings: Settings, offline: bool, as_json: bool) -> None:
    """Check tools, files, keys and chain: exit 0 unless something fails.

    Nothing secret is opened. It cannot tell whether this machine is free of malware.
    """
    with _render.TerminalProgress(quiet=as_json) as progress:
        checks = flow.examine(settings, progress, chain=not offline)

    def text() -> None:
        for check in checks:
            click.echo(f"{check.state.value:<5} {check.name}: {_io.sanitize(check.text)}")
            if check.state is not CheckState.OK and check.remedy:
                click.echo(f"      -> {_io.sanitize(check.remedy)}")

    document = {"checks": [_document(check) for check in checks]}
    _io.emit(document, schema=SCHEMA, as_json=as_json, text=text)
    failed = [check.name for check in checks if check.state is CheckState.FAIL]
    if failed:
        # not an exception: with --json the one document is out already
        print_line("error", f"{len(failed)} of {len(checks)} checks failed: {', '.join(failed)}")
        click.get_current_context().exit(CheckFailed.exit_code)


def _document(check: Check) -> dict[str, object]:
    return {
        "name": check.name,
        "state": check.state.value,
        "text": check.text,
        "remedy": check.remedy,
    }
