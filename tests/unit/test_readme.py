"""The README's session names commands and options that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from mip_cli.cli import cli

README = (Path(__file__).parents[2] / "README.md").read_text()
SESSIONS = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
LINES = [
    line[2:] for session in SESSIONS for line in session.splitlines() if line.startswith("$ mip ")
]


def parse(line: str) -> str:
    """Parse a command line down to the command that would run, without running it."""
    arguments = shlex.split(line.partition(" > ")[0])[1:]  # the shell keeps what it redirects
    command: click.Command = cli
    context = click.Context(cli, info_name="mip")
    while isinstance(command, click.Group):
        name, found, arguments = command.resolve_command(context, arguments)
        assert name is not None
        assert found is not None
        command = found
        context = click.Context(command, info_name=name, parent=context)
    command.parse_args(context, arguments)
    return context.command_path


def test_readme__session_has_the_three_main_verbs() -> None:
    assert {parse(line) for line in LINES} >= {"mip enroll", "mip prove", "mip verify"}


@pytest.mark.parametrize("line", LINES)
def test_readme__each_command_parses(line: str) -> None:
    parse(line)


def test_readme__a_wrong_option_would_be_noticed() -> None:
    with pytest.raises(click.UsageError, match="No such option"):
        parse("mip enroll --photo me.jpg")
