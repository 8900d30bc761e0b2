"""Loading of WebAssembly modules with a private cache of their machine code.

Compiled code is executed as it is, so a cache that others can write would be a way in: the
directory must be ours with mode 0700, files are written whole and never followed as links.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import stat
import tempfile
from pathlib import Path

import wasmtime

from mip_cli.errors import ArtifactMismatch, EnvironmentFault

CACHE_FOLDER = "wasm"
"""Subfolder of ``Settings.cache_dir`` that holds the compiled modules."""


ENGINE = wasmtime.Engine()
"""The one engine of this process: what one engine made does not run in another."""


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of bytes in hex."""
    return hashlib.sha256(data).hexdigest()


def read_pinned(path: Path, sha256: str, hint: str) -> bytes:
    """Read a file whose hash is pinned; raise ``ArtifactMismatch`` if it is absent or differs."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArtifactMismatch(f"cannot read {path}: {error.strerror}", hint=hint) from error
    if sha256_hex(data) != sha256:
        raise ArtifactMismatch(f"{path} does not have the pinned hash", hint=hint)
    return data


def private_directory(path: Path) -> Path:
    """Create a directory only we can enter, or check that it is one.

    Raises ``EnvironmentFault`` when it is a link or belongs to somebody else.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise EnvironmentFault(
            f"{path} is not a directory of ours", hint="remove it, or set another cache folder"
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        path.chmod(0o700)
    return path


def load_module(code: bytes, cache_dir: Path) -> wasmtime.Module:
    """Compile a module, or take its machine code from ``cache_dir/wasm``.

    The cache is keyed by the hash of the code, the version of wasmtime and the machine; an entry
    that does not load (another processor) is made anew. An unusable cache costs only time.
    """
    version = importlib.metadata.version("wasmtime")
    name = f"{sha256_hex(code)}-{version}-{platform.machine()}.cwasm"
    try:
        path = private_directory(cache_dir / CACHE_FOLDER) / name
    except OSError:
        return wasmtime.Module(ENGINE, code)
    if _is_ours(path):
        try:
            return wasmtime.Module.deserialize_file(ENGINE, str(path))
        except wasmtime.WasmtimeError:
            path.unlink(missing_ok=True)
    module = wasmtime.Module(ENGINE, code)
    _write(path, bytes(module.serialize()))
    return module


def _is_ours(path: Path) -> bool:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    private = stat.S_ISREG(found.st_mode) and not stat.S_IMODE(found.st_mode) & 0o022
    return private and found.st_uid == os.geteuid()


def _write(path: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
