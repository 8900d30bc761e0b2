"""Settings of one run; the only reader of the environment.

Order of precedence: command-line flag, ``MIP_*`` variable, ``$XDG_CONFIG_HOME/mip/config.toml``,
default. Secrets are never settings.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mip_cli.errors import ConfigInvalid

DEFAULT_RPC_URL = "http://127.0.0.1:8545"
DEFAULT_IPFS_URL = "http://127.0.0.1:5001"
LOCAL_CHAIN_IDS = frozenset({31337, 1337})
"""Chains on which development proving keys are accepted."""

_PR_SET_DUMPABLE = 4
_PACKAGE_PARENT = Path(__file__).resolve().parent.parent
_KEYS = ("rpc_url", "ipfs_url", "build_dir", "model_dir", "face_backend", "prover", "keyring")


@dataclass(frozen=True)
class Settings:
    """Where things are and which back ends serve; each has an embedded default."""

    data_dir: Path
    """Sealed key files, journals and indexes of the holder (0700)."""
    cache_dir: Path
    """What can be rebuilt: compiled modules, downloaded models."""
    build_dir: Path
    """Circuit artefacts and converted models; ``build/`` of a checkout, else under data_dir."""
    checkout: Path | None
    """Root of the source tree when running from one, else None."""
    rpc_url: str = DEFAULT_RPC_URL
    """JSON-RPC endpoint of the chain."""
    ipfs_url: str = DEFAULT_IPFS_URL
    """RPC port of the holder's own IPFS node."""
    model_dir: Path | None = None
    """Folder with optional face models; None means those of build and cache."""
    face_backend: str = "dlib-cc0"
    """Default face backend id."""
    prover: str = "auto"
    """``auto``, ``rapidsnark``, ``groth16py`` or ``snarkjs``."""
    keyring: str = "auto"
    """``auto``: the device secret lies in the system's keyring if one is open; ``off``: in a file,
    for machines whose session bus serves somebody else."""

    def with_flags(self, **flags: object) -> Settings:
        """Return a copy in which every flag that is not None wins."""
        return replace(self, **{k: v for k, v in flags.items() if v is not None})  # type: ignore[arg-type]


def find_checkout() -> Path | None:
    """Return the source tree this package runs from, or None when it is installed elsewhere."""
    root = _PACKAGE_PARENT
    return root if (root / "circuits" / "circuits.json").is_file() else None


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read settings from the environment and the configuration file.

    Raises ``ConfigInvalid`` for a file that is not TOML or names an unknown setting.
    """
    env = os.environ if environ is None else environ
    home = Path(env.get("HOME", "~")).expanduser()

    def base(variable: str, fallback: str) -> Path:
        value = env.get(variable, "")
        return Path(value) if value.startswith("/") else home / fallback

    data_dir = base("XDG_DATA_HOME", ".local/share") / "mip"
    cache_dir = base("XDG_CACHE_HOME", ".cache") / "mip"
    config_file = base("XDG_CONFIG_HOME", ".config") / "mip" / "config.toml"
    values = _read_file(config_file)
    for key in _KEYS:
        if found := env.get(f"MIP_{key.upper()}"):
            values[key] = found
    if values.get("keyring", "auto") not in ("auto", "off"):
        raise ConfigInvalid("the setting keyring is auto or off")
    checkout = find_checkout()
    default_build = checkout / "build" if checkout else data_dir / "build"
    return Settings(
        data_dir=Path(env["MIP_DATA_DIR"]) if env.get("MIP_DATA_DIR") else data_dir,
        cache_dir=cache_dir,
        build_dir=Path(values.get("build_dir", default_build)),
        checkout=checkout,
        rpc_url=values.get("rpc_url", DEFAULT_RPC_URL),
        ipfs_url=values.get("ipfs_url", DEFAULT_IPFS_URL),
        model_dir=Path(values["model_dir"]) if "model_dir" in values else None,
        face_backend=values.get("face_backend", "dlib-cc0"),
        prover=values.get("prover", "auto"),
        keyring=values.get("keyring", "auto"),
    )


def as_path(text: str) -> Path:
    """Read a folder given by a flag, relative to the working directory or ``~``."""
    return Path(text).expanduser().absolute()


def debug_enabled(environ: Mapping[str, str] | None = None) -> bool:
    """Tell whether a developer asked for tracebacks with ``MIP_DEBUG``."""
    return _flag("MIP_DEBUG", environ)


def color_wanted(environ: Mapping[str, str] | None = None) -> bool:
    """Tell whether colour may be used; any non-empty ``NO_COLOR`` forbids it."""
    env = os.environ if environ is None else environ
    return not env.get("NO_COLOR")


def completion_request(variable: str, environ: Mapping[str, str] | None = None) -> str:
    """Return what a shell's completion script asks for, or an empty string."""
    env = os.environ if environ is None else environ
    return env.get(variable, "")


def harden_process() -> None:
    """Keep what this process holds and writes private: umask 077, no core dumps, no debuggers.

    Programs of the same user can then not read its memory; root's can. Programs that it starts
    are under the umask and the limit alone.
    """
    global _user_umask
    previous = os.umask(0o077)
    if _user_umask is None:
        _user_umask = previous
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold every open secret
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def public_file_mode() -> int:
    """Return the mode for files meant to be shared, by the umask the user started us with."""
    return 0o666 & ~(0o077 if _user_umask is None else _user_umask)


def forbid_telemetry() -> None:
    """Keep onnxruntime from reporting to its maker; call before it is imported.

    Version 1.32 writes a device identifier and a queue of events into the user's cache.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"


_user_umask: int | None = None


def _flag(variable: str, environ: Mapping[str, str] | None) -> bool:
    env = os.environ if environ is None else environ
    return env.get(variable, "") not in ("", "0")


def _read_file(path: Path) -> dict[str, str]:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigInvalid(f"cannot read {path}: {error.strerror}") from error
    try:
        parsed = tomllib.loads(raw.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigInvalid(f"{path} is not valid TOML: {error}") from error
    unknown = sorted(set(parsed) - set(_KEYS))
    if unknown:
        raise ConfigInvalid(
            f"{path} has unknown settings: {', '.join(unknown)}",
            hint=f"known settings: {', '.join(_KEYS)}",
        )
    wrong = [key for key, value in parsed.items() if not isinstance(value, str)]
    if wrong:
        raise ConfigInvalid(f"{path}: {wrong[0]} must be a string")
    return parsed
