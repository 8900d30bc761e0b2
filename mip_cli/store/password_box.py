"""A file that one password opens: what guardians and askers keep (protocol section 12).

Argon2id and ChaCha20-Poly1305; the reader without the password learns the form, the size class
and the parameters. A passport's own secrets never lie in such a file: those need two kinds of key.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from mip_cli.crypto import aead, jsontext, kdf
from mip_cli.crypto.aead import NONCE_BYTES, TAG_BYTES, NotAuthentic, Rng, Sealed, system_rng
from mip_cli.crypto.forms import Form, Members, hexed
from mip_cli.crypto.kdf import LIMITS, SALT_BYTES, KdfLimits, KdfParams
from mip_cli.errors import FileInvalid, KeyLocked, WrongSecret
from mip_cli.store import files

MAX_BYTES = 512 * 1024
PAD_BYTES = 4096
"""Content is filled with spaces up to a multiple of this, so that its size tells little."""


@dataclass(frozen=True)
class Box:
    """What the file shows."""

    params: KdfParams
    """How the password is stretched."""
    sealed: Sealed
    """The content."""


@dataclass(frozen=True)
class BoxForm:
    """One kind of such files."""

    format: str
    """Name and version; bound to the content."""
    what: str
    """What people call it, for messages."""

    @property
    def _form(self) -> Form[Box]:
        names = ("kdf", "nonce", "ciphertext")
        return Form(self.format, self.what, names, _write, _read, limit=MAX_BYTES)

    def create(
        self, path: Path, content: bytes, password: bytes, *, rng: Rng = system_rng
    ) -> OpenBox:
        """Seal content in a new file, durable on return; raise ``UsageFault`` when it exists."""
        params = KdfParams(salt=rng(SALT_BYTES))
        key = self._key(password, params, LIMITS)
        box = self._seal(key, params, content, rng)
        files.ensure_private_dir(path.parent)
        with files.lock(path, what=f"the {self.what} {path}"):
            files.atomic_write(path, self._form.encode(box), overwrite=False)
        return OpenBox(self, path, content, key, box)

    def open(self, path: Path, password: bytes, *, limits: KdfLimits = LIMITS) -> OpenBox:
        """Open a file with a normalised password; one Argon2id run.

        Raises ``WrongSecret``, or ``FileInvalid`` before any work for a damaged or hostile file.
        """
        box = self._form.decode(self._bytes(path))
        try:
            key = self._key(password, box.params, limits)
        except ValueError as error:
            raise FileInvalid(f"the {self.what} {path}: {error}") from None
        try:
            content = aead.unseal(key, box.sealed, self._associated(box.params))
        except NotAuthentic as error:
            raise WrongSecret(
                f"the password does not open {path}", hint="check the keyboard layout and caps lock"
            ) from error
        return OpenBox(self, path, content.rstrip(b" "), key, box)

    def update(self, opened: OpenBox, content: bytes, *, rng: Rng = system_rng) -> OpenBox:
        """Replace the content under the same password; ``KeyLocked`` when the file changed."""
        box = self._seal(opened.key, opened.box.params, content, rng)
        with files.lock(opened.path, what=f"the {self.what} {opened.path}"):
            if self._bytes(opened.path) != self._form.encode(opened.box):
                raise KeyLocked(
                    f"another process changed {opened.path} in the meantime",
                    hint="run the command again",
                )
            files.atomic_write(opened.path, self._form.encode(box))
        return replace(opened, content=content, box=box)

    def reread(self, opened: OpenBox) -> OpenBox:
        """Read a file again that another process may have changed, without Argon2id.

        Raises ``WrongSecret`` when it is under another password by now.
        """
        box = self._form.decode(self._bytes(opened.path))
        try:
            if box.params != opened.box.params:
                raise NotAuthentic
            content = aead.unseal(opened.key, box.sealed, self._associated(box.params))
        except NotAuthentic:
            raise WrongSecret(f"{opened.path} is under another password by now") from None
        return replace(opened, content=content.rstrip(b" "), box=box)

    def _bytes(self, path: Path) -> bytes:
        return files.read_bounded(path, MAX_BYTES, what=self.what, follow_symlinks=False)

    def _key(self, password: bytes, params: KdfParams, limits: KdfLimits) -> bytes:
        keys = kdf.stretch(password, params, limits=limits)
        return kdf.subkey(keys.wrapping_key, self.format.encode())

    def _associated(self, params: KdfParams) -> bytes:
        return jsontext.canonical({"format": self.format, "kdf": _write_kdf(params)})

    def _seal(self, key: bytes, params: KdfParams, content: bytes, rng: Rng) -> Box:
        filled = content + b" " * (-len(content) % PAD_BYTES)
        return Box(params, aead.seal(key, filled, self._associated(params), rng=rng))


@dataclass(frozen=True, repr=False)
class OpenBox:
    """An opened file: its content, and what reseals it without a second Argon2id run."""

    form: BoxForm
    """Its kind."""
    path: Path
    """Where it lies."""
    content: bytes
    """What it holds, without the filling."""
    key: bytes
    """32 bytes that seal it."""
    box: Box
    """The file as it was when opened."""

    def __repr__(self) -> str:
        return f"OpenBox({str(self.path)!r}, <redacted>)"


def _write_kdf(params: KdfParams) -> dict[str, object]:
    return {
        "name": "argon2id",
        "memory_kib": params.memory_kib,
        "iterations": params.iterations,
        "lanes": params.lanes,
        "salt": hexed(params.salt),
    }


def _write(box: Box) -> dict[str, object]:
    return {
        "kdf": _write_kdf(box.params),
        "nonce": hexed(box.sealed.nonce),
        "ciphertext": hexed(box.sealed.ciphertext),
    }


def _read(m: Members) -> Box:
    k = m.members("kdf", "name", "memory_kib", "iterations", "lanes", "salt")
    if k.text("name", 16) != "argon2id":
        raise ValueError("its password is stretched in an unknown way")
    params = KdfParams(
        k.data("salt", SALT_BYTES),
        k.integer("memory_kib"),
        k.integer("iterations"),
        k.integer("lanes"),
    )
    size = len(m.text("ciphertext", 2 * MAX_BYTES)) // 2 - 1
    if size <= TAG_BYTES or (size - TAG_BYTES) % PAD_BYTES:
        raise ValueError("it is cut short")
    return Box(params, Sealed(m.data("nonce", NONCE_BYTES), m.data("ciphertext", size)))
