"""Results to stdout, narration to stderr, `--json` as one document; rich only when something is printed."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from functools import wraps
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

from causalkit.cli._stdout import kept_stdout

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Output", "common_options", "plain_json", "runs_dir_option"]

F = TypeVar("F", bound=Callable[..., Any])


@dataclasses.dataclass(frozen=True)
class Output:
    """How one command shows its result and what it says on the way.

    `stream` is the real stdout; while a command runs, whatever else prints goes to stderr.
    """

    stream: IO[str]
    json: bool = False
    quiet: bool = False
    verbose: bool = False

    def result(self, document: Mapping[str, Any], render: Callable[[Console], None]) -> None:
        """Print the result: the document under `--json`, else what `render` prints."""
        if self.json:
            text = json.dumps({"schema_version": 1, **plain_json(document)}, ensure_ascii=False)
            click.echo(text, file=self.stream)
        elif self.stream.isatty():
            render(_console(self.stream))
        else:
            console = _console(self.stream)
            with console.capture() as captured:
                render(console)
            click.echo("\n".join(line.rstrip() for line in captured.get().split("\n")), file=self.stream, nl=False)

    def say(self, text: str) -> None:
        """A line of narration on stderr; nothing under `-q`."""
        if not self.quiet:
            click.echo(text, err=True)


def _console(stream: IO[str]) -> Console:
    """A console on stdout; plain text, 110 wide, where that is no terminal."""
    from rich.console import Console

    width = None if stream.isatty() else 110
    return Console(file=stream, width=width, highlight=False, emoji=False, markup=False)


def common_options(function: F) -> F:
    """`--json`, `-q` and `-v`; the command receives an `Output` as its keyword `out`."""

    @click.option("--json", "as_json", is_flag=True, help="The result as one JSON document.")
    @click.option("-q", "--quiet", is_flag=True, help="Say nothing but the result and errors.")
    @click.option("-v", "--verbose", is_flag=True, help="Say more; print tracebacks.")
    @wraps(function)
    def wrapper(*args: Any, as_json: bool, quiet: bool, verbose: bool, **kwargs: Any) -> Any:
        with kept_stdout() as stream:
            return function(*args, out=Output(stream, as_json, quiet, verbose), **kwargs)

    return wrapper  # type: ignore[return-value]


def runs_dir_option(function: F) -> F:
    """`--runs-dir`, where runs are kept."""
    option = click.option(
        "--runs-dir", default="runs", show_default=True, type=click.Path(file_okay=False), help="Where runs are kept."
    )
    return option(function)


def plain_json(value: Any) -> Any:
    """The value as JSON can hold it: NaN and infinities as null, numpy scalars as Python's, tables as rows."""
    if isinstance(value, Mapping):
        return {str(key): plain_json(inner) for key, inner in value.items()}
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return [plain_json(row) for row in value.to_dict(orient="records")]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain_json(inner) for inner in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return plain_json(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)
