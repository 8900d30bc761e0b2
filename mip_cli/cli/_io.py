"""What every command reads and writes: documents, files, passwords, consent."""

from __future__ import annotations

import contextlib
import enum
import getpass
import json
import os
import stat
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from mip_cli import config
from mip_cli.cli._failure import print_line
from mip_cli.cli._text import sanitize
from mip_cli.crypto.password import normalize
from mip_cli.errors import EnvironmentFault, FileInvalid, Negative, UsageFault
from mip_cli.store import files

__all__ = [
    "confirm",
    "emit",
    "log",
    "note",
    "read_input",
    "read_password",
    "sanitize",
    "warn",
    "write_output",
]

MAX_PASSWORD_FILE = 4096
"""Bytes of the first line of a password file."""
_SAFE_INTEGER = 1 << 53  # JavaScript and jq lose digits above


def emit(
    document: Mapping[str, object], *, schema: str, as_json: bool, text: Callable[[], None]
) -> None:
    """Print the one answer of a command on stdout: as JSON, or by calling ``text``.

    ``schema`` such as ``mip.grant.check/1`` comes first. Bytes become 0x-hex, integers above 2^53
    strings, datetimes UTC RFC 3339, paths and enums text. Raises ``TypeError`` on anything else.
    """
    if not as_json:
        text()
        return
    whole = {"schema": schema, **document}
    body = json.dumps(_plain(whole), indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write(body + "\n")


def write_output(path: str, data: bytes, *, force: bool, private: bool = False) -> None:
    """Write ``-o PATH`` whole or not at all; ``-`` is stdout.

    Refuses (``UsageFault``) an existing file without ``force`` and binary data on a terminal.
    ``private`` files are 0600, others follow the user's umask. Devices and pipes are written to
    directly; a symbolic link keeps pointing where it does.
    """
    if path == "-":
        if sys.stdout.isatty() and not _is_text(data):
            raise UsageFault(
                "refusing to write binary data to a terminal", hint="use -o FILE, or pipe it"
            )
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        return
    target = Path(path)
    with contextlib.suppress(FileNotFoundError):
        mode = target.stat().st_mode
        if stat.S_ISDIR(mode):
            raise UsageFault(f"{path} is a folder", hint="give the name of a file")
        if not stat.S_ISREG(mode):
            target.write_bytes(data)
            return
    parent = target.resolve().parent
    if not parent.is_dir():
        raise UsageFault(f"there is no folder {parent}")
    mode = files.PRIVATE_FILE if private else config.public_file_mode()
    files.atomic_write(target.resolve(), data, mode=mode, overwrite=force)


def read_input(path: str, limit: int, *, what: str) -> bytes:
    """Read a file, pipe or ``-`` (stdin) of at most ``limit`` bytes; raise ``FileInvalid`` beyond.

    Unlike ``store.files.read_bounded`` it accepts pipes, as of ``mip verify <(curl ...)``.
    """
    if path == "-":
        data = sys.stdin.buffer.read(limit + 1)
    else:
        try:
            if stat.S_ISREG(os.stat(path).st_mode):
                return files.read_bounded(Path(path), limit, what=what)
            with open(path, "rb") as file:
                data = file.read(limit + 1)
        except FileNotFoundError as error:
            raise EnvironmentFault(f"there is no {what} {path}") from error
        except IsADirectoryError as error:
            raise FileInvalid(f"the {what} {path} is a folder") from error
    if len(data) > limit:
        raise FileInvalid(f"the {what} is larger than {limit} bytes")
    return data


def read_password(password_file: str | None, *, prompt: str, confirm: bool) -> bytes:
    """Return a password as NFKC-normalised UTF-8, from a file, stdin (``-``) or ``/dev/tty``.

    Only the first line of a file counts, without its line end. With ``confirm`` it is a new
    password: asked twice on a terminal, and refused when too short
    (``crypto.password.MIN_LENGTH``).
    Raises ``UsageFault`` when there is neither file nor terminal, or the text is unusable.
    """
    if password_file is None:
        typed = _ask(prompt)
        if confirm and typed != _ask("the same again"):
            raise UsageFault("the two passwords differ", hint="run the command again")
    else:
        typed = _password_line(password_file)
    return normalize(typed, new=confirm)


def confirm(text: str, yes: bool) -> None:
    """Ask before something that cannot be undone; ``yes`` has answered already.

    Asks on stderr and only on a terminal; raises ``UsageFault`` elsewhere, ``Negative`` when
    declined.
    """
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageFault("this needs your consent", hint="add --yes, or run it on a terminal")
    sys.stderr.write(f"{sanitize(text)} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Negative("declined; nothing was done")


def note(text: str) -> None:
    """Tell the user something on stderr that is no error."""
    print_line("note", sanitize(text))


def log(text: str) -> None:
    """Write a line of a server's log on stderr."""
    print_line("log", sanitize(text))


def warn(text: str) -> None:
    """Warn the user on stderr."""
    print_line("warning", sanitize(text))


def _ask(prompt: str) -> str:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError as error:
        raise UsageFault(
            "there is no terminal to ask for the password", hint="use --password-file FILE"
        ) from error
    try:
        return getpass.getpass(f"{prompt}: ")
    except EOFError as error:
        raise UsageFault("no password was given") from error
    except UnicodeDecodeError:
        # from None: the exception quotes what was typed
        raise UsageFault("the password is not valid in this terminal's encoding") from None


def _password_line(path: str) -> str:
    if path == "-":
        line = sys.stdin.buffer.readline(MAX_PASSWORD_FILE + 1)
    else:
        try:
            with open(path, "rb") as file:
                _warn_if_exposed(path, os.fstat(file.fileno()))
                line = file.readline(MAX_PASSWORD_FILE + 1)
        except OSError as error:
            reason = (error.strerror or "unknown failure").lower()
            raise EnvironmentFault(f"cannot read the password file {path}: {reason}") from error
    line = line.rstrip(b"\r\n")
    if len(line) > MAX_PASSWORD_FILE:
        raise FileInvalid(f"the password is longer than {MAX_PASSWORD_FILE} bytes")
    try:
        return line.decode()
    except UnicodeDecodeError:
        # from None: the exception quotes the password
        raise FileInvalid("the password file is not UTF-8 text") from None


def _warn_if_exposed(path: str, found: os.stat_result) -> None:
    if stat.S_ISREG(found.st_mode) and found.st_mode & 0o077:
        warn(f"other users may read {path}; run chmod 600 on it")


def _is_text(data: bytes) -> bool:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return False
    return all(char in "\n\r\t" or char.isprintable() for char in text)


def _plain(value: object) -> object:
    match value:
        case None | bool() | float() | str():
            return value.value if isinstance(value, enum.Enum) else value
        case enum.Enum():
            return _plain(value.value)
        case int():
            return value if -_SAFE_INTEGER <= value <= _SAFE_INTEGER else str(value)
        case bytes() | bytearray():
            return "0x" + value.hex()
        case datetime():
            if value.tzinfo is None:
                raise TypeError("a datetime without a time zone has no place in a document")
            moment = value.astimezone(UTC)
            return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
        case Path():
            return str(value)
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            items = value if isinstance(value, list | tuple) else sorted(value)
            return [_plain(item) for item in items]
    raise TypeError(f"no JSON form for {type(value).__name__}")
