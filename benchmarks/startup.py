"""How soon the command line answers, and what listing plugins imports.

    python benchmarks/startup.py [--quick] [--json]

`causalkit --help` is timed beside a bare click group in the same run, turn by turn; both as a module of
this interpreter (`python -c`), the command also as its installed script.
"""

from __future__ import annotations

import subprocess
import sys

from _runs import command
from _table import Row, at_most, holds, main, median_seconds

HEAVY = ("torch", "transformers", "sentence_transformers", "dowhy", "causallearn", "sklearn")
BARE = """
import click

@click.group()
def cli():
    "A bare group."

@cli.command()
def one():
    "One."

cli(["--help"])
"""
OURS = "from causalkit.cli import main; main(['--help'])"
LIST = """
import sys
from causalkit.cli import main
try:
    main(['plugins', 'list', '--json'])
except SystemExit as stopped:
    assert not stopped.code, stopped.code
print(' '.join(sorted(sys.modules)), file=sys.stderr)
"""


def measure(quick: bool) -> list[Row]:
    runs = 11 if quick else 31
    python = [sys.executable, "-c"]
    bare, ours, script, listing = median_seconds(
        [*python, BARE], [*python, OURS], [command(), "--help"], [command(), "plugins", "list"], runs=runs
    )
    ratio = ours / bare
    loaded = _imported_by_listing()
    heavy = [name for name in HEAVY if name in loaded]
    return [
        Row(f"bare click group --help, seconds (median of {runs})", round(bare, 4)),
        at_most("causalkit --help, seconds", round(script, 4), 0.25),
        at_most("causalkit --help / bare click group --help", round(ratio, 3), 2),
        Row("causalkit plugins list, seconds", round(listing, 4)),
        holds("heavy libraries that `plugins list` imports", ", ".join(heavy) or "none", "none", not heavy),
    ]


def _imported_by_listing() -> set[str]:
    done = subprocess.run([sys.executable, "-c", LIST], capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines()[-1].split())


if __name__ == "__main__":
    main("startup", measure, packages=("click", "pydantic", "rich", "pandas"))
