"""The system's keyring, used only where it answers at once and asks nobody anything.

Through ``keyring`` (MIT, kept), but with its Secret Service backend named here: the package would
also take plaintext files or nothing at all, as its configuration or environment says. A keyring
that is locked counts as absent: opening it would make a window appear. Every call has its own
thread and a time limit, for a session bus that takes a call may never answer it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol, TypeVar

from mip_cli.config import Settings

SERVICE = "mip device secret"
TIMEOUT = 3.0
"""Seconds that the session bus gets to answer."""

T = TypeVar("T")


class Keyring(Protocol):
    """What this project needs of a keyring."""

    def get(self, name: str) -> str | None:
        """Return what is kept under a name; None when nothing is, or it cannot be had now."""
        ...

    def set(self, name: str, value: str) -> bool:
        """Keep a value and tell whether it can be had again."""
        ...


class SystemKeyring:
    """The Secret Service of the session bus (GNOME Keyring, KWallet, KeePassXC)."""

    def __init__(self, *, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout

    def get(self, name: str) -> str | None:
        """Return what is kept under a name; None when nothing is, or it cannot be had now."""
        return self._bounded(lambda: _get(name))

    def set(self, name: str, value: str) -> bool:
        """Keep a value and tell whether it can be had again."""

        def work() -> bool:
            _set(name, value)
            return _get(name) == value

        return self._bounded(work) or False

    def _bounded(self, work: Callable[[], T]) -> T | None:
        answer: list[T] = []

        def run() -> None:
            try:
                answer.append(work())
            except Exception:
                # whatever a bus, a daemon or a library reports: there is no keyring to use, and
                # the text might quote what was to be kept
                return

        thread = threading.Thread(target=run, name="keyring", daemon=True)
        thread.start()
        thread.join(self._timeout)
        return answer[0] if answer else None


def of(settings: Settings) -> Keyring | None:
    """Return the keyring that the settings allow."""
    return SystemKeyring() if settings.keyring == "auto" else None


def _get(name: str) -> str | None:
    if not _is_unlocked():
        return None
    from keyring.backends import SecretService

    found = SecretService.Keyring().get_password(SERVICE, name)
    return found if isinstance(found, str) else None


def _set(name: str, value: str) -> None:
    if not _is_unlocked():
        raise LookupError("locked")
    from keyring.backends import SecretService

    SecretService.Keyring().set_password(SERVICE, name, value)


def _is_unlocked() -> bool:
    """Look at the default collection itself: the package would ask for its password, or make it."""
    import secretstorage

    connection = secretstorage.dbus_init()
    try:
        if not secretstorage.check_service_availability(connection):
            return False
        path = "/org/freedesktop/secrets/aliases/default"
        return not secretstorage.Collection(connection, path).is_locked()
    finally:
        connection.close()
