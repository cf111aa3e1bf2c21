"""Every way a command can fail, as a message and an exit code; never a raw traceback unless `-v`."""

from __future__ import annotations

import errno
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from typing import Any

import click

from causalkit.errors import CausalkitError, ConfigError, Interrupted, InvalidParameter
from causalkit.store.atomic import refused_by_system

__all__ = ["report_failure"]


def report_failure(error: BaseException, arguments: Sequence[str]) -> int:
    """Say what failed on stderr (and, under `--json`, as the one document on stdout); returns the exit code."""
    before = arguments[: arguments.index("--")] if "--" in arguments else arguments
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(bool(error.code))
    if isinstance(error, BrokenPipeError):
        _silence_stdout()
        return 1
    code, message, todo = _said(error)
    if "--json" in before:
        click.echo(json.dumps(_document(error, code, message, todo), ensure_ascii=False))
    if any(_is_verbose(argument) for argument in before):
        traceback.print_exception(error, file=sys.stderr)
    _tell(error, message, todo)
    return code


def _said(error: BaseException) -> tuple[int, str, str]:
    """Exit code, what was wrong, and what to do."""
    if isinstance(error, CausalkitError):
        return error.exit_code, error.what, error.todo
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return 130, "stopped", ""
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        todo = f"See `{context.command_path} --help`." if context else "See `causalkit --help`."
        return error.exit_code, error.format_message(), todo
    if isinstance(error, OSError) and error.filename is None and error.errno in (errno.ENOSPC, errno.EIO):
        return 1, f"the result cannot be written to stdout: {error.strerror}", "Free space there; what was run is kept."
    refused = refused_by_system(error)
    if refused is not None:
        return refused.exit_code, refused.what, refused.todo
    where = _saved(error)
    return (
        1,
        f"unexpected {type(error).__name__}: {error}",
        f"This is a fault of causalkit or of a plugin. The traceback is in {where}; `-v` prints it.",
    )


def _document(error: BaseException, code: int, message: str, todo: str) -> dict[str, Any]:
    problems = error.problems if isinstance(error, ConfigError | InvalidParameter) else ()
    return {
        "schema_version": 1,
        "error": {
            "type": type(error).__name__,
            "message": message,
            "todo": todo,
            "problems": [{"path": p.path, "message": p.message, "where": p.where} for p in problems],
        },
        "exit_code": code,
    }


def _tell(error: BaseException, message: str, todo: str) -> None:
    colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    head = message if isinstance(error, ConfigError) else f"Error: {message}"
    if isinstance(error, KeyboardInterrupt | click.Abort | Interrupted):  # what was asked for is no error
        head = f"Run {message}" if isinstance(error, Interrupted) else "Stopped"
    first, _, rest = head.partition("\n")
    click.echo(click.style(first, fg="red", bold=True) if colour else first, err=True)
    for line in (rest, todo):
        if line:
            click.echo(line, err=True)


def _saved(error: BaseException) -> str:
    """Where the traceback was written."""
    try:
        handle, path = tempfile.mkstemp(prefix="causalkit-traceback-", suffix=".txt", text=True)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            traceback.print_exception(error, file=file)
    except OSError:
        return "no file, for none could be written"
    return path


def _is_verbose(argument: str) -> bool:
    return argument == "--verbose" or (
        argument[:1] == "-" and argument[:2] != "--" and argument.strip("-v") == "" != argument[1:]
    )


def _silence_stdout() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
