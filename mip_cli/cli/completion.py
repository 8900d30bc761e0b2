"""``mip completion SHELL``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from mip_cli.cli._options import example
from mip_cli.errors import UsageFault


@click.command(epilog=example("mip completion bash >> ~/.bash_completion"))
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes ``mip`` in SHELL.

    Bash needs version 4.4 or later.
    """
    from mip_cli.cli import COMPLETE_VARIABLE

    engine = get_completion_class(shell)
    if engine is None:
        raise UsageFault(f"no completion for {shell}")
    root = ctx.find_root().command
    script = engine(root, {}, "mip", COMPLETE_VARIABLE)
    # not source(): for bash it runs the local bash, which may not be the one that will read this
    click.echo(script.source_template % script.source_vars())
