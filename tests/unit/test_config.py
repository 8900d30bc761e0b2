"""Which setting wins, and what a broken configuration says."""

from __future__ import annotations

from pathlib import Path

import pytest

from mip_cli.config import DEFAULT_IPFS_URL, DEFAULT_RPC_URL, load_settings
from mip_cli.errors import ConfigInvalid


def environment(tmp_path: Path, toml: str | None = None, **extra: str) -> dict[str, str]:
    folder = tmp_path / "config" / "mip"
    folder.mkdir(parents=True)
    if toml is not None:
        (folder / "config.toml").write_text(toml)
    return {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config"), **extra}


def test_load__defaults(tmp_path: Path) -> None:
    settings = load_settings(environment(tmp_path))
    assert settings.rpc_url == DEFAULT_RPC_URL
    assert settings.ipfs_url == DEFAULT_IPFS_URL
    assert settings.data_dir == tmp_path / ".local/share/mip"


def test_load__variable_beats_file_and_flag_beats_variable(tmp_path: Path) -> None:
    env = environment(tmp_path, 'rpc_url = "http://file"', MIP_RPC_URL="http://variable")
    settings = load_settings(env)
    assert settings.rpc_url == "http://variable"
    assert settings.with_flags(rpc_url="http://flag").rpc_url == "http://flag"
    assert settings.with_flags(rpc_url=None).rpc_url == "http://variable"
    assert load_settings(env | {"MIP_IPFS_URL": "http://ipfs"}).ipfs_url == "http://ipfs"


def test_load__relative_xdg_path_is_ignored(tmp_path: Path) -> None:
    """The XDG specification tells programs to ignore relative paths."""
    settings = load_settings(environment(tmp_path, XDG_DATA_HOME="relative"))
    assert settings.data_dir == tmp_path / ".local/share/mip"


@pytest.mark.parametrize(
    ("toml", "reason"),
    [
        ("rpc_url = ", "not valid TOML"),
        ("colour = 'red'", "unknown settings"),
        ("prover = 3", "must be a string"),
    ],
)
def test_load__reverts_for_a_broken_file(tmp_path: Path, toml: str, reason: str) -> None:
    with pytest.raises(ConfigInvalid, match=reason):
        load_settings(environment(tmp_path, toml))
