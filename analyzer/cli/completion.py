"""`completion`: what a shell needs to complete commands and options."""

from __future__ import annotations

import click

from traffic import options as shared

NAME = "sl.py"
VARIABLE = "_SL_PY_COMPLETE"


@click.command(short_help="Print a script for shell completion.", context_settings=shared.SETTINGS)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that lets a shell complete commands and options of ./sl.py with the Tab key.

    \b
    Examples:
      source <(./sl.py completion bash)        in ~/.bashrc, with the full path
      source <(./sl.py completion zsh)         in ~/.zshrc
      ./sl.py completion fish | source         in ~/.config/fish/config.fish
    """
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None
    command = context.find_root().command
    source = made.source_template % made(command, {}, NAME, VARIABLE).source_vars()
    # The program is not a command on the PATH, so the shell has to call whatever was typed.
    typed = {"bash": "$1", "zsh": "${words[1]}", "fish": "(commandline -opc)[1]"}[shell]
    for asked in (f"{VARIABLE}={shell}_complete $1", f"{VARIABLE}={shell}_complete {NAME}"):
        source = source.replace(asked, f"{VARIABLE}={shell}_complete {typed}")
    if shell == "fish":
        source = source.replace(f"(commandline -t) {NAME}", f"(commandline -t) {typed}")
    # zsh would otherwise not call it at all.
    click.echo(source.replace(f"    (( ! $+commands[{NAME}] )) && return 1\n", ""))
