"""Which paths can lie side by side as files on a disk, also on one that ignores case."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

MAX_PART = 200
"""Bytes of one part of a path; file systems take 255, less what a tool adds."""


class Beside:
    """The paths of one category; tells whether another one can lie beside them."""

    def __init__(self) -> None:
        self._files: dict[str, list[str]] = {}
        self._folders: dict[str, int] = {}

    def add(self, path: str) -> None:
        """Note a path."""
        folded = _folded(path)
        self._files.setdefault(folded, []).append(path)  # several in a manifest of before
        for folder in _above(folded):
            self._folders[folder] = self._folders.get(folder, 0) + 1

    def remove(self, path: str) -> None:
        """Forget a path that was noted."""
        folded = _folded(path)
        same = self._files.get(folded, [])
        if path not in same:
            return
        same.remove(path)
        if not same:
            del self._files[folded]
        for folder in _above(folded):
            left = self._folders.get(folder, 0) - 1
            if left > 0:
                self._folders[folder] = left
            else:
                self._folders.pop(folder, None)

    def conflict(self, path: str) -> str | None:
        """Return a noted path that this one cannot lie beside; None when it can."""
        folded = _folded(path)
        if folded in self._files:
            return self._files[folded][0]
        for folder in _above(folded):
            if folder in self._files:
                return self._files[folder][0]
        if folded in self._folders:
            below = folded + "/"
            return next(some[0] for key, some in self._files.items() if key.startswith(below))
        return None


def has_fitting_parts(path: str) -> bool:
    """Tell whether every part of a path can be the name of a file."""
    return len(path) <= MAX_PART // 4 or all(
        len(part.encode("utf-8", "replace")) <= MAX_PART for part in path.split("/")
    )


def fault(paths: Iterable[str]) -> str | None:
    """Return why paths cannot all become files of one folder; None when they can."""
    seen = Beside()
    for path in paths:
        if not has_fitting_parts(path):
            return f"{path!r} has a part of more than {MAX_PART} bytes"
        other = seen.conflict(path)
        if other is not None:
            return f"{path!r} cannot lie beside {other!r}"
        seen.add(path)
    return None


def _folded(path: str) -> str:
    return path.lower() if path.isascii() else unicodedata.normalize("NFC", path.casefold())


def _above(path: str) -> Iterator[str]:
    at = path.find("/")
    while at >= 0:
        yield path[:at]
        at = path.find("/", at + 1)
