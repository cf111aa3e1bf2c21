"""The command line: a static table of commands, each imported when it is called.

`causalkit --help` needs click and this file alone. A plugin adds commands by entry points in the group
`causalkit.commands`; they are listed from metadata and imported when called.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from causalkit import disabling
from causalkit.cli._lazy import LazyGroup
from causalkit.cli._stdout import give_up_stdout
from causalkit.cli._stopping import end_in_spite_of_threads, terminated_as_interrupted

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["cli", "main"]

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("causalkit.cli.run:run", "Run a config, or a packaged example such as quickstart."),
    "check": ("causalkit.cli.check:check", "Check a config without running it."),
    "init": ("causalkit.cli.init:init", "Write a commented config for your own tables, or from an example."),
    "plugins": ("causalkit.cli.plugins:plugins", "List, write and check plugins; mend what is installed."),
    "describe": ("causalkit.cli.describe:describe", "Say what a component or the config takes."),
    "recommend": ("causalkit.cli.recommend:recommend", "Recommendations of a run: for a user, for all, for a new log."),
    "explain": ("causalkit.cli.explain:explain", "The receipt of one recommendation."),
    "runs": ("causalkit.cli.runs:runs", "List runs; show, compare, export them; free what they keep."),
    "transcripts": ("causalkit.cli.transcripts:transcripts", "What language models were asked: list, export, import."),
    "report": ("causalkit.cli.report:report", "Where a run's report is; --open shows it."),
    "data": ("causalkit.cli.data:data", "Look at the log that a config names."),
    "graph": ("causalkit.cli.graph:graph", "A run's causal graph: shown, written for other tools, or for review."),
}
"""Name → where the command is, and the line that `--help` shows."""


class CommandLine(LazyGroup):
    """The table's commands, and those of plugins: listed from metadata, imported when called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The built-in commands in the table's order, then plugins' by name."""
        return [*super().list_commands(ctx), *sorted(_plugin_commands())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None where there is none of that name."""
        if cmd_name in self.table:
            return super().get_command(ctx, cmd_name)
        point = _plugin_commands().get(cmd_name)
        return _from_plugin(point) if point is not None else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table, without importing a command."""
        super().format_commands(ctx, formatter)
        plugins = [(name, f"({_owner(point)})") for name, point in sorted(_plugin_commands().items())]
        if plugins:
            with formatter.section("Commands of plugins"):
                formatter.write_dl(plugins)


@click.group(cls=CommandLine, table=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(None, "-V", "--version", package_name="causalkit", prog_name="causalkit")
@click.option("--no-plugins", is_flag=True, help="Use built-in components alone, as CAUSALKIT_DISABLE='*' does.")
@click.pass_context
def cli(ctx: click.Context, no_plugins: bool) -> None:
    """What does showing each item cause? Causal recommendation, from log to receipt.

    Start with `causalkit run quickstart`. Results go to stdout, all else to stderr; --json makes the
    result one JSON document. CAUSALKIT_DISABLE=NAME,NAME leaves out plugins that make trouble.
    """
    if no_plugins:
        ctx.with_resource(disabling.everything())
    elif unknown := disabling.unknown():
        click.echo(f"{disabling.VARIABLE} names no installed plugin: {', '.join(unknown)}", err=True)


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 usage or config, 3 partly done, 4 budget, 130 stopped."""
    arguments = list(sys.argv[1:] if args is None else args)
    try:
        with terminated_as_interrupted():
            code = cli.main(arguments, prog_name="causalkit", standalone_mode=False)
    except BaseException as error:
        from causalkit.cli._failure import report_failure

        code = report_failure(error, arguments)
    _flush()
    if "--json" in arguments:
        give_up_stdout()
    code = code if isinstance(code, int) else 0
    end_in_spite_of_threads(code)
    raise SystemExit(code)


def _flush() -> None:
    """Flush stdout; a reader that has gone away (`| head`) is no failure."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _plugin_commands() -> dict[str, EntryPoint]:
    """Commands that plugins offer; `importlib.metadata` is only imported where one might."""
    if not any(_mentions_commands(folder) for folder in dict.fromkeys(sys.path)):
        return {}
    points = disabling.split(disabling.points(disabling.COMMANDS))[0]
    return {point.name: point for point in points if point.name not in COMMANDS}


def _mentions_commands(folder: str) -> bool:
    wanted = f"[{disabling.COMMANDS}]".encode()
    return any(wanted in text for text in _entry_point_files(folder or "."))


def _entry_point_files(folder: str) -> Iterator[bytes]:
    if folder.endswith((".zip", ".egg")):
        yield f"[{disabling.COMMANDS}]".encode()  # not a folder: let importlib.metadata look
        return
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        if name.endswith((".dist-info", ".egg-info")):
            try:
                with open(f"{folder}/{name}/entry_points.txt", "rb") as file:
                    yield file.read()
            except OSError:
                continue


def _owner(point: EntryPoint) -> str:
    return disabling.owner(point)[0]


def _from_plugin(point: EntryPoint) -> click.Command:
    from causalkit.errors import PluginError
    from causalkit.isolation import StrayError, contained

    try:
        with contained():
            command: Any = point.load()
    except StrayError as error:
        raise PluginError(
            f"the command {point.name!r} of {_owner(point)} could not be imported: {error}",
            f"Its target is {point.value}.",
        ) from error.__cause__
    if not isinstance(command, click.Command):
        raise PluginError(
            f"the command {point.name!r} of {_owner(point)} is a {type(command).__name__}, no click command"
        )
    return command
