"""Turn whatever went wrong into one line, a hint and an exit code, without leaking a secret."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

import click

from mip_cli import config
from mip_cli.cli._text import sanitize
from mip_cli.errors import EnvironmentFault, MipError, StorageFull

EXIT_USAGE = 2
EXIT_BUG = 70
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141
EXIT_TERMINATED = 143

ERROR_SCHEMA = "mip.error/1"
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Terminated(BaseException):
    """SIGTERM arrived; not an ``Exception``, so that no handler on the way swallows it."""


@dataclass(frozen=True)
class Failure:
    """What is told about a failure."""

    kind: str
    """Class name of the error, stable for programs."""
    message: str
    """Lower case, no full stop, no secret."""
    hint: str | None
    """The next step, or None."""
    exit_code: int
    """What the process returns."""


def wants_json(arguments: Sequence[str]) -> bool:
    """Tell whether the command line asks for JSON, even where it could not be parsed."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in options


def replace_closed_streams() -> None:
    """Give a process started with stdout or stderr closed somewhere to write."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - open as long as we are


def report(error: BaseException, *, as_json: bool) -> int:
    """Print the failure on stderr, and on stdout when JSON was asked for; return its exit code."""
    if _is_broken_pipe(error):
        _silence_stdout()
        return EXIT_BROKEN_PIPE
    failure = describe(error)
    if failure.exit_code == EXIT_BUG and config.debug_enabled():
        traceback.print_exception(error)
    print_line("error", failure.message)
    if failure.hint:
        print_line("hint", failure.hint)
    if (as_json and not _print_json(failure)) or not _flushes():
        _silence_stdout()
    return failure.exit_code


def describe(error: BaseException) -> Failure:
    """Classify any exception; only our own errors and Click's show their message."""
    match error:
        case MipError():
            kind = type(error).__name__
            return Failure(kind, sanitize(error.message), _clean(error.hint), error.exit_code)
        case click.UsageError():
            return Failure("Usage", _sentence(error.format_message()), _usage_hint(error), 2)
        case click.FileError():
            return Failure("FileError", _sentence(error.format_message()), None, 3)
        case click.ClickException():
            return Failure("Usage", _sentence(error.format_message()), None, EXIT_USAGE)
        case KeyboardInterrupt() | click.Abort():
            return Failure("Interrupted", "interrupted", None, EXIT_INTERRUPTED)
        case Terminated():
            return Failure("Terminated", "terminated", None, EXIT_TERMINATED)
        case MemoryError():
            return Failure("EnvironmentFault", "out of memory", "close other programs", 3)
        case OSError() if error.errno is not None and error.strerror:
            return describe(_translate(error))
    return Failure("Internal", _locate(error), _BUG_HINT, EXIT_BUG)


_BUG_HINT = "this is a bug in mip; MIP_DEBUG=1 prints a traceback, read it before you share it"


def print_line(label: str, text: str) -> None:
    """Write ``mip: label: text`` on stderr; a closed stderr is no failure of its own."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"mip: {label}: {text}\n")
        sys.stderr.flush()


def _translate(error: OSError) -> MipError:
    reason = (error.strerror or "").lower()
    where = f": {os.fsdecode(error.filename)}" if error.filename else ""
    if error.errno in _NO_ROOM:
        return StorageFull(f"{reason}{where}", hint="free some room and run the command again")
    return EnvironmentFault(f"{reason}{where}")


def _locate(error: BaseException) -> str:
    # type and place only: the arguments of an unforeseen exception may quote a secret
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "mip_cli" in frame.filename] or frames
    place = f" at {os.path.basename(ours[-1].filename)}:{ours[-1].lineno}" if ours else ""
    return f"unexpected {type(error).__name__}{place}"


def _usage_hint(error: click.UsageError) -> str:
    path = error.ctx.command_path if error.ctx else "mip"
    return f"see `{path} --help`"


def _sentence(text: str) -> str:
    clean = sanitize(text).rstrip(".")
    shouting = len(clean) > 1 and clean[1].isupper()
    return clean if shouting else clean[:1].lower() + clean[1:]


def _clean(text: str | None) -> str | None:
    return sanitize(text) if text else None


def _print_json(failure: Failure) -> bool:
    document = {
        "schema": ERROR_SCHEMA,
        "error": {
            "kind": failure.kind,
            "message": failure.message,
            "hint": failure.hint,
            "exit_code": failure.exit_code,
        },
    }
    try:
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        sys.stdout.flush()
    except (OSError, ValueError):
        return False
    return True


def _is_broken_pipe(error: BaseException) -> bool:
    return isinstance(error, BrokenPipeError)


def _flushes() -> bool:
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        return False
    return True


def _silence_stdout() -> None:
    # the interpreter flushes stdout once more at exit; let that go nowhere
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
