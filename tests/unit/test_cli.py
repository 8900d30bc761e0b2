"""The command line: fast help, one way to fail, no secret in sight."""

from __future__ import annotations

import errno
import importlib
import json
import os
import signal
from pathlib import Path

import click
import pytest

from mip_cli import __version__, config
from mip_cli.cli import COMMANDS, LazyGroup, _failure, _options, cli, main
from mip_cli.errors import ChainRefusal, MipError, ProofInvalid, WrongSecret

ENTRIES = [entry for entries in COMMANDS.values() for entry in entries]


@pytest.fixture(autouse=True)
def _process_as_before():
    umask, handler = os.umask(0o022), signal.getsignal(signal.SIGTERM)
    yield
    os.umask(umask)
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def failing(monkeypatch):
    """Make ``mip doctor`` fail with an exception of the test's choice."""

    def install(error: BaseException) -> None:
        @click.command()
        @_options.json_option
        def doctor(as_json: bool) -> None:
            raise error

        real = LazyGroup.get_command
        monkeypatch.setattr(
            LazyGroup,
            "get_command",
            lambda self, ctx, name: doctor if name == "doctor" else real(self, ctx, name),
        )

    return install


def test_help__lists_each_command_once_grouped_with_an_example(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    positions = [text.index(f"\n  {entry.name} ") for entry in ENTRIES]
    assert positions == sorted(positions)
    assert [text.count(f"{title}:\n") for title in COMMANDS] == [1] * len(COMMANDS)
    assert text.rstrip().splitlines()[-1].strip().startswith("mip ")


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"mip {__version__}\n"


@pytest.mark.thorough
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_table__each_command_loads_and_ends_its_help_with_an_example(entry):
    module, _, attribute = entry.target.partition(":")
    command = getattr(importlib.import_module(module), attribute)
    assert command.name == entry.name
    check_help(command, f"mip {entry.name}")


def check_help(command: click.Command, path: str) -> None:
    with click.Context(command, info_name=path, max_content_width=100) as ctx:
        last = command.get_help(ctx).rstrip().splitlines()[-1].strip()
        assert last.startswith("mip "), f"`{path} --help` ends with no example: {last}"
        for option in command.params:
            assert option.name not in ("password", "secret", "private_key"), "a secret in argv"
        if isinstance(command, click.Group):
            for name, child in command.commands.items():
                check_help(child, f"{path} {name}")


def test_summary__starts_as_an_imperative_in_lower_case():
    assert all(entry.summary[0].islower() and entry.summary[-1] != "." for entry in ENTRIES)


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["frobnicate"], "no such command 'frobnicate'", "see `mip --help`"),
        (["--nope"], "no such option: --nope", "see `mip --help`"),
        (
            ["passport", "show", "--nope"],
            "no such option: --nope",
            "see `mip passport show --help`",
        ),
        (["passport", "lst"], "no such command 'lst'", "see `mip passport --help`"),
        (["completion", "tcsh"], "invalid value for '{bash|zsh|fish}': 'tcsh' is not one of", None),
        (["passport", "show", "--passport", "../x"], "invalid value for '--passport'", None),
    ],
)
def test_usage__is_one_line_a_hint_and_two(capsys, arguments, message, hint):
    assert main(arguments) == 2
    output = capsys.readouterr()
    first, second = output.err.splitlines()
    assert first.startswith(f"mip: error: {message}")
    assert second.startswith("mip: hint: ")
    assert hint is None or second == f"mip: hint: {hint}"
    assert output.out == ""


@pytest.mark.parametrize(
    ("error", "code", "kind", "line"),
    [
        (ProofInvalid("the proof is void"), 1, "ProofInvalid", "the proof is void"),
        (WrongSecret("no", hint="try again"), 5, "WrongSecret", "no"),
        (ChainRefusal("no leaf", reason="r"), 4, "ChainRefusal", "no leaf"),
        (MipError("x\x1b[31m\u202ey\nz"), 70, "MipError", "x[31my z"),
        (KeyboardInterrupt(), 130, "Interrupted", "interrupted"),
        (click.Abort(), 130, "Interrupted", "interrupted"),
        (_failure.Terminated(), 143, "Terminated", "terminated"),
        (MemoryError(), 3, "EnvironmentFault", "out of memory"),
        (OSError(errno.ENOSPC, "No space left on device"), 3, "StorageFull", "no space left on"),
        (OSError(errno.EACCES, "Denied", "/a/b"), 3, "EnvironmentFault", "denied: /a/b"),
        (click.FileError("f", "gone"), 3, "FileError", "could not open file 'f': gone"),
        (ValueError("canary"), 70, "Internal", "unexpected ValueError at "),
        (OSError("canary"), 70, "Internal", "unexpected OSError at "),
        (SystemExit("canary"), 70, "Internal", "unexpected SystemExit at "),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_failure__line_and_json(capsys, failing, error, code, kind, line):
    failing(error)
    assert main(["doctor"]) == code
    plain = capsys.readouterr()
    assert plain.out == ""
    assert plain.err.startswith(f"mip: error: {line}")
    assert "canary" not in plain.err
    assert main(["doctor", "--json"]) == code
    output = capsys.readouterr()
    assert output.err == plain.err
    document = json.loads(output.out)
    assert list(document) == ["schema", "error"]
    assert document["schema"] == "mip.error/1"
    assert (document["error"]["kind"], document["error"]["exit_code"]) == (kind, code)
    assert plain.err.startswith(f"mip: error: {document['error']['message']}\n")
    assert "canary" not in output.out


def test_failure__traceback_only_for_developers(capsys, failing, monkeypatch):
    failing(ValueError("detail"))
    monkeypatch.setenv("MIP_DEBUG", "1")
    assert main(["doctor"]) == 70
    assert "Traceback" in capsys.readouterr().err
    failing(WrongSecret("no"))
    assert main(["doctor"]) == 5
    assert "Traceback" not in capsys.readouterr().err, "an expected failure needs none"
    failing(ValueError("detail"))
    monkeypatch.setenv("MIP_DEBUG", "0")
    assert main(["doctor"]) == 70
    assert "Traceback" not in capsys.readouterr().err


def test_failure__usage_error_as_json(capsys):
    assert main(["passport", "show", "--nope", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "Usage"
    assert not _failure.wants_json(["passport", "--", "--json"])


def test_environment__is_read_in_one_place():
    package = Path(config.__file__).parent
    readers = [
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if "os.environ" in path.read_text() or "getenv" in path.read_text()
    ]
    assert readers == ["config.py"]


def test_color__no_color_is_honoured(monkeypatch):
    assert config.color_wanted({})
    assert not config.color_wanted({"NO_COLOR": "1"})
    seen = []
    monkeypatch.setattr(LazyGroup, "invoke", lambda self, ctx: seen.append(ctx.color))
    for value in ("", "1"):
        monkeypatch.setenv("NO_COLOR", value)
        main(["completion", "bash"])
    assert seen == [None, False]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion__script(capsys, shell):
    assert main(["completion", shell]) == 0
    assert f"_MIP_COMPLETE={shell}_complete" in capsys.readouterr().out


def test_completion__root_loads_nothing(monkeypatch):
    monkeypatch.setattr(LazyGroup, "get_command", None)
    with click.Context(cli) as ctx:
        assert [item.value for item in cli.shell_complete(ctx, "do")] == ["doctor"]


def test_settings__flags_win(tmp_path, monkeypatch):
    @click.command()
    @_options.rpc_option
    @_options.with_settings
    def probe(settings: config.Settings) -> None:
        click.echo(f"{settings.rpc_url} {settings.data_dir}")

    monkeypatch.setattr(LazyGroup, "get_command", lambda self, ctx, name: probe)
    monkeypatch.setenv("MIP_RPC_URL", "http://variable")
    monkeypatch.setenv("MIP_DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    seen = []
    monkeypatch.setattr(click, "echo", seen.append)
    assert main(["doctor"]) == 0
    assert main(["--data-dir", "d", "doctor", "--rpc-url", "http://flag"]) == 0
    assert seen == [f"http://variable {tmp_path}", f"http://flag {tmp_path / 'd'}"]


@pytest.mark.parametrize("name", ["issue", "revoke"])
def test_kyc__what_an_issuer_does_every_day__has_a_short_name(name, capsys):
    assert main(["kyc", name, "--help"]) == 0
    short = capsys.readouterr().out
    assert main(["kyc", "issuer", name, "--help"]) == 0
    assert short.partition("\n")[2] == capsys.readouterr().out.partition("\n")[2]
