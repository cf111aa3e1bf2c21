"""`causalkit init`: a commented config from your own tables' columns, or from an example."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import click

from causalkit.cli._output import Output, common_options

if TYPE_CHECKING:
    from causalkit.cli._guess import Guess

__all__ = ["init"]

_NEEDED = {
    "item": "what can be shown",
    "treatment": "1 where a row's item was shown, 0 where it was not",
    "outcome": "what exposure may change",
}
_TIERS = {"treatment": 0, "signal": 1, "outcome": 1}
"""What follows exposure in the same row did not cause it."""


@click.command()
@click.argument("log", required=False)
@click.option("--items", help="Item attributes: a Parquet or CSV file.")
@click.option("--users", help="User attributes: a Parquet or CSV file.")
@click.option("--example", metavar="NAME", help="Copy a packaged example, such as quickstart, instead.")
@click.option("--output", default="causalkit.yaml", show_default=True, help="Where to write; - is stdout.")
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@common_options
def init(
    log: str | None,
    items: str | None,
    users: str | None,
    example: str | None,
    output: str,
    force: bool,
    out: Output,
) -> None:
    """Write a commented config for LOG: a Parquet or CSV file with a row per user and item.

    Roles are guessed from the columns' names and first rows; every guess is there to be corrected.
    """
    if (log is None) == (example is None):
        raise click.UsageError("give either LOG or --example NAME")
    text = _example(str(example)) if log is None else _own(log, items, users, out)
    written = _write(text, output, force)
    if written:
        out.say(f"Wrote {written}. Look it through, then: causalkit check {written}")
    out.result(
        {"output": str(written) if written else None, "config": text},
        lambda console: console.out(written or text, end="\n" if written else "", highlight=False),
    )


def _example(name: str) -> str:
    from causalkit.config import example_names
    from causalkit.errors import UsageError, nearest

    names = example_names()
    if name not in names:
        raise UsageError(
            f"there is no example {name!r}{nearest(name, names)}", f"Examples: {', '.join(names) or 'none'}."
        )
    return files("causalkit.examples").joinpath(f"{name}.yaml").read_text(encoding="utf-8")


def _own(log: str, items: str | None, users: str | None, out: Output) -> str:
    from causalkit.cli._guess import guess, peek

    paths = {"interactions": log, "items": items, "users": users}
    given = {home: path for home, path in paths.items() if path is not None}
    guesses = guess({home: peek(path) for home, path in given.items()})
    roles = {g.role: g.name for g in guesses if g.role}
    for role, meaning in _NEEDED.items():
        if role not in roles:
            out.say(f"No column looks like the {role} ({meaning}): give one that role in the file.")
    return "\n".join(_config(given, guesses, roles)) + "\n"


def _config(paths: dict[str, str], guesses: Sequence[Guess], roles: dict[str, str]) -> Iterable[str]:
    from causalkit.cli._guess import periods_of, words_of

    timed = "time" in roles
    yield "# Written by `causalkit init`. What each key means: causalkit describe config"
    yield "# Roles, kinds and the assignment unit are guesses: read every line of the schema."
    yield "# What has a lower tier can't be caused by what has a higher one; give tiers to the others that you know of."
    yield "data:"
    yield "  use: tables"
    yield "  params:"
    for home, path in paths.items():
        yield f"    {home}: {_quoted(path)}"
    yield "    schema:"
    yield "      columns:"
    yield from _columns(guesses)
    for role in _NEEDED:
        if role not in roles:
            yield f"        # NAME: {{role: {role}}}   # needed: {_NEEDED[role]}"
    unit = [
        roles[role]
        for role in (("item", "time") if timed and "user" not in roles else ("user", "item"))
        if role in roles
    ]
    yield "      # At what level exposure was decided; intervals and tests follow it."
    yield f"      assignment: [{', '.join(map(_quoted, unit))}]"
    yield "      # What the report calls things: When ITEM was {exposed}, about X more of 100 {units} {outcome} it …"
    yield f"      words: {{{', '.join(f'{name}: {_quoted(word)}' for name, word in words_of(roles).items())}}}"
    yield "# Rows for discovery, estimation and test; blocks of weeks (D E E T …) keep the future out of the past."
    periods = periods_of(paths["interactions"], roles["time"]) if timed else 0
    weeks = 4 if periods is None else min(periods // 4, 4)  # the rotation takes four blocks
    yield f"split: {{by: time-blocks, weeks: {weeks}}}" if weeks else "split: {by: random}"
    texts = any(g.kind == "text" and g.table == "items" for g in guesses)
    if texts:
        yield "# Item text, so that similar items share strength and new ones get a prediction."
    if any(g.kind == "image" and g.table == "items" and g.role for g in guesses):
        yield "# With their images: {item: {use: clip, params: {model: FOLDER}}}, of a CLIP model on this machine."
    yield "encode: {item: lsa}" if texts else "encode: none"
    yield "# What must be adjusted for: every covariate, unless `adjust` names them."
    yield "identify: {target: att}"
    calendar = timed and unit == [roles.get("item"), roles["time"]]
    raw = "panel" if calendar else "aipw"
    yield f"# Effects of {raw}, noisy ones drawn to what similar items say; the raw ones are kept."
    yield f"estimate: {{item: {{use: shared, params: {{of: {{use: {raw}}}}}}}}}"
    if calendar:
        yield "refute: [future-exposure, shifted-calendar, permutation]"
    else:
        yield "# Where users meet the same item in many weeks, add future-exposure: permutation can't see confounding."
        yield "refute: [permutation]"
    yield "rank: uplift"
    yield "explain: receipt"
    yield "evaluate: [held-out-effect, calibration-slope]"
    yield "seed: 0"


def _columns(guesses: Sequence[Guess]) -> Iterable[str]:
    for g in guesses:
        words = g.name.replace("_", " ")
        parts = [f"role: {g.role}"] if g.role else ["role: covariate"]
        parts += [f"kind: {g.kind}", *([f"tier: {_TIERS[g.role]}"] if g.role in _TIERS else [])]
        parts.append(f"description: {_quoted(words)}")
        note = f"   # {g.why}" if g.why else ""
        yield f"        {'' if g.role else '# '}{_quoted(g.name)}: {{{', '.join(parts)}}}{note}"


def _quoted(text: str) -> str:
    """The text as one YAML scalar that is safe inside `{}` and `[]`, on one line."""
    import json
    import re

    from causalkit.config.strict_yaml import dump_yaml

    simple = re.fullmatch(r"[A-Za-z_][\w ./-]*", text) and not text.endswith(" ")
    return text if simple and dump_yaml([text]) == f"- {text}\n" else json.dumps(text.replace("${", "$${"))


def _write(text: str, output: str, force: bool) -> str | None:
    """Where the text was written, or None for stdout."""
    from causalkit.errors import UsageError

    if output == "-":
        return None
    path = Path(output)
    if path.exists() and not force:
        raise UsageError(f"{path} is already there", "Use --force to overwrite it, or --output for another place.")
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    return output
