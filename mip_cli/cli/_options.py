"""Options that several commands share, and the settings they run under."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, Concatenate, ParamSpec, TypeVar

import click

from mip_cli.config import Settings, load_settings
from mip_cli.store.passports import PASSPORT_NAME

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

OVERRIDES = "mip.overrides"
"""Key of ``Context.meta`` under which flags that beat settings are collected."""


def example(*lines: str) -> str:
    """Return an epilog for Click with real commands, kept as they are."""
    word = "Example" if len(lines) == 1 else "Examples"
    return "\n".join(["\b", f"{word}:", *(f"  {line}" for line in lines)])


def setting_option(flag: str, key: str, *, help: str, **attributes: Any) -> Callable[[F], F]:
    """Make a flag that overrides one field of ``Settings`` and is no parameter of its own."""

    def remember(ctx: click.Context, param: click.Parameter, value: object) -> None:
        if value is not None:
            ctx.meta.setdefault(OVERRIDES, {})[key] = value

    return click.option(flag, help=help, expose_value=False, callback=remember, **attributes)


def with_settings(function: Callable[Concatenate[Settings, P], T]) -> Callable[P, T]:
    """Pass ``Settings`` as first argument: defaults, file, environment, then flags."""

    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        overrides = click.get_current_context().meta.get(OVERRIDES, {})
        return function(load_settings().with_flags(**overrides), *args, **kwargs)

    return update_wrapper(wrapper, function)


def _passport_name(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if not PASSPORT_NAME.fullmatch(value):
        raise click.BadParameter("a name has 1 to 32 of a-z 0-9 _ -", ctx=ctx, param=param)
    return value


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document on stdout."
)
"""Adds ``as_json: bool``."""

force_option = click.option("--force", is_flag=True, help="Overwrite existing files.")
"""Adds ``force: bool``."""

yes_option = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
"""Adds ``yes: bool``."""

dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Show what would be signed and sent; send nothing."
)
"""Adds ``dry_run: bool``."""

rpc_option = setting_option(
    "--rpc-url", "rpc_url", metavar="URL", help="JSON-RPC endpoint of the chain."
)
"""Overrides ``settings.rpc_url``; adds no parameter."""

ipfs_option = setting_option(
    "--ipfs-url", "ipfs_url", metavar="URL", help="RPC port of your IPFS node."
)
"""Overrides ``settings.ipfs_url``; adds no parameter."""

password_file_option = click.option(
    "--password-file",
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Read the password from the first line of FILE (- for stdin), not from the terminal.",
)
"""Adds ``password_file: str | None``."""

passport_option = click.option(
    "--passport",
    "passport_name",
    default="default",
    show_default=True,
    metavar="NAME",
    callback=_passport_name,
    help="Which of your passports.",
)
"""Adds ``passport_name: str``, already validated."""
