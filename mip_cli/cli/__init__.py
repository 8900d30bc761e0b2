"""The command ``mip``: a table of commands, loaded when used, and one way to fail.

Exit codes: 0 yes or done, 1 no, 2 usage, 3 environment, 4 contract refused, 5 secret fault,
70 our bug, 130 interrupted, 143 terminated, 141 the reader of stdout went away.
"""

from __future__ import annotations

import importlib
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from types import FrameType

import click
from click.shell_completion import CompletionItem, shell_complete

from mip_cli import __version__, config
from mip_cli.cli import _failure
from mip_cli.cli._options import OVERRIDES, example

COMPLETE_VARIABLE = "_MIP_COMPLETE"
"""What the shell scripts of ``mip completion`` set when they ask for words."""


@dataclass(frozen=True)
class Entry:
    """One line of ``mip --help``, known without importing the command."""

    name: str
    """What the user types."""
    target: str
    """``module:attribute`` of the Click command."""
    summary: str
    """One line of help, an imperative."""


COMMANDS: dict[str, tuple[Entry, ...]] = {
    "Use a passport": (
        Entry("enroll", "mip_cli.cli.enroll:enroll", "make a passport from a photo and a password"),
        Entry("prove", "mip_cli.cli.prove:prove", "prove to an app that you hold a passport"),
        Entry("verify", "mip_cli.cli.verify:verify", "check a proof, offline or on chain"),
        Entry("kyc", "mip_cli.cli.kyc:kyc", "keep credentials, prove what they say"),
        Entry("archive", "mip_cli.cli.archive:archive", "keep records and files encrypted"),
        Entry("grant", "mip_cli.cli.grant:grant", "let somebody read a category, see it, end it"),
        Entry("access", "mip_cli.cli.access:access", "read what a holder granted you"),
        Entry("passport", "mip_cli.cli.passport:passport", "show what a passport holds"),
    ),
    "Come back": (
        Entry("guardian", "mip_cli.cli.guardian:guardian", "choose people who bring you back"),
        Entry("recover", "mip_cli.cli.recover:recover", "come back as yourself under new keys"),
    ),
    "Look at faces": (
        Entry("face", "mip_cli.cli.face:face", "detect, compare and evaluate faces"),
        Entry("models", "mip_cli.cli.models:models", "list, fetch and check face models"),
    ),
    "Run a chain": (
        Entry("dev", "mip_cli.cli.dev:dev", "start and stop a local chain with the suite on it"),
        Entry("deploy", "mip_cli.cli.deploy:deploy", "put the suite on a chain"),
        Entry("doctor", "mip_cli.cli.doctor:doctor", "check tools, files, keys and chain"),
    ),
    "Get started": (
        Entry("demo", "mip_cli.cli.demo:demo", "play the whole story on real photos"),
        Entry("attack", "mip_cli.cli.attack:attack", "try to get more than was granted"),
        Entry("completion", "mip_cli.cli.completion:completion", "print a shell completion script"),
    ),
}
"""Every command, grouped and ordered as ``mip --help`` shows it."""


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is used."""

    _entries = {entry.name: entry for group in COMMANDS.values() for entry in group}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(self._entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command, or None for a name outside the table."""
        entry = self._entries.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{entry.target} is not a command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table without importing a single command."""
        width = max(map(len, self._entries))
        for title, entries in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(entry.name.ljust(width), entry.summary) for entry in entries])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer names from the table; only ``mip NAME <TAB>`` imports that command."""
        found = [
            CompletionItem(entry.name, help=entry.summary)
            for entry in self._entries.values()
            if entry.name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)


@click.group(
    cls=LazyGroup,
    name="mip",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=example("mip enroll --image me.jpg", "mip verify proof.json"),
)
@click.version_option(__version__, message="mip %(version)s")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=str),
    metavar="DIR",
    help="Keep passports and journals here, not in $XDG_DATA_HOME/mip.",
)
@click.pass_context
def cli(ctx: click.Context, data_dir: str | None) -> None:
    """MIP: an identity passport its holder really holds."""
    if data_dir is not None:
        ctx.meta.setdefault(OVERRIDES, {})["data_dir"] = config.as_path(data_dir)


def main(args: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; the console script ``mip``."""
    arguments = list(sys.argv[1:] if args is None else args)
    try:
        _failure.replace_closed_streams()
        config.harden_process()
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, _terminate)
        if instruction := config.completion_request(COMPLETE_VARIABLE):
            return shell_complete(cli, {}, "mip", COMPLETE_VARIABLE, instruction)
        code = _run(arguments)
        sys.stdout.flush()  # a full disk or a closed pipe shows here, not at interpreter exit
    except BaseException as error:  # the one place where every failure ends
        return _failure.report(error, as_json=_failure.wants_json(arguments))
    return code


def _run(arguments: list[str]) -> int:
    color = None if config.color_wanted() else False  # Click 8.1 ignores NO_COLOR
    try:
        with cli.make_context("mip", arguments, color=color) as ctx:
            cli.invoke(ctx)
    except click.exceptions.Exit as leave:
        return leave.exit_code
    return 0


def _terminate(signum: int, frame: FrameType | None) -> None:
    # as an exception, so that private temporary directories are removed on the way out
    raise _failure.Terminated
