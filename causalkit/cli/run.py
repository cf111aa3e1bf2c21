"""`causalkit run`: a config, or an example, from log to report."""

from __future__ import annotations

from typing import Any

import click

from causalkit.cli._output import Output, common_options, runs_dir_option

__all__ = ["run"]


@click.command()
@click.argument("config", required=False)
@click.option("-o", "--override", "overrides", multiple=True, metavar="KEY=VALUE", help="Set a key of the config.")
@click.option("--until", metavar="STEP", help="Stop after this step (load, encode, discover, … report).")
@click.option(
    "--resume",
    is_flag=False,
    flag_value="",
    metavar="[RUN]",
    help="Go on with RUN (a path, or the start of its name), or with the latest unfinished run of CONFIG (without"
    " CONFIG: of all).",
)
@click.option("--fresh", is_flag=True, help="Do every step, whatever earlier runs have computed.")
@click.option("--any-device", is_flag=True, help="Also reuse what was computed on another kind of device.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--seed", type=click.IntRange(min=0), help="The one seed; overrides the config's.")
@click.option(
    "--device",
    default="cpu",
    show_default=True,
    help="Where torch works: cpu, cuda, cuda:0,cuda:1 …",
)
@click.option(
    "--executor",
    metavar="NAME",
    help="An executor component: serial, process, or with parameters '{use: process, params: {timeout: 600}}'.",
)
@click.option(
    "--tracker",
    "trackers",
    multiple=True,
    metavar="NAME",
    help="A tracker component to tell as well, such as '{use: jsonl, params: {path: events.jsonl}}'; may be repeated.",
)
@click.option("--max-calls", type=click.IntRange(min=0), help="Ask language models at most so often, then stop (4).")
@click.option("--max-tokens", type=click.IntRange(min=0), help="The same for tokens, of prompts and answers together.")
@click.option(
    "--max-cost", type=click.FloatRange(min=0), help="The same for money, in the currency of the prices in the config."
)
@click.option("--workers", type=click.IntRange(min=1), help="How many workers; more than one means `process`.")
@click.option(
    "--part-rows",
    type=click.IntRange(min=1),
    default=1_000_000,
    show_default=True,
    help="About how many rows to work on at once; a killed run does one part again.",
)
@click.option(
    "--cache-gb",
    type=click.FloatRange(min=0),
    default=10.0,
    show_default=True,
    help="What <runs-dir>/.cache may hold in the end.",
)
@runs_dir_option
@common_options
def run(
    config: str | None,
    overrides: tuple[str, ...],
    until: str | None,
    resume: str | None,
    fresh: bool,
    any_device: bool,
    dry_run: bool,
    seed: int | None,
    device: str,
    executor: str | None,
    trackers: tuple[str, ...],
    max_calls: int | None,
    max_tokens: int | None,
    max_cost: float | None,
    workers: int | None,
    part_rows: int,
    cache_gb: float,
    runs_dir: str,
    out: Output,
) -> None:
    """Run CONFIG: a YAML file, or a packaged example (quickstart, shop).

    Everything is kept in a folder of its own under --runs-dir, the report among it. Steps that an earlier
    run there has done, on the same input with the same settings and code, are not done again.
    """
    if config is None and resume is None:
        raise click.UsageError("name a config or an example, or go on with a run by --resume")
    if config is None and resume:
        _refuse_config(resume)
    if dry_run:
        if config is None:
            raise click.UsageError("--dry-run needs a config")
        _show_plan(config, overrides, until, seed, out)
        return
    from causalkit import runner
    from causalkit.budget import Budget
    from causalkit.cli._progress import StepNarrator, terminal_progress
    from causalkit.cli._summary import document, render

    made = runner.run(
        config,
        overrides=overrides,
        seed=seed,
        until=until,
        resume=resume or resume is not None,
        fresh=fresh,
        any_device=any_device,
        device=device,
        executor=_executor(executor, workers),
        part_rows=part_rows,
        budget=Budget(max_calls, max_tokens, max_cost),
        runs_dir=runs_dir,
        cache_gb=cache_gb,
        progress=terminal_progress(quiet=out.quiet or out.json),
        trackers=(
            StepNarrator(out.say, resuming=resume is not None),
            *(_selection(name, "--tracker") for name in trackers),
        ),
    )
    shown = document(made)
    out.result(shown, lambda console: render(console, made))


def _refuse_config(resume: str) -> None:
    """`--resume shop` takes `shop` for a run; say how a config is resumed."""
    from causalkit.config.model import example_names

    if resume in example_names() or resume.endswith((".yaml", ".yml")):
        raise click.UsageError(
            f"--resume takes a run, and {resume!r} is a config: put it first, `causalkit run {resume} --resume`"
        )


def _executor(chosen: str | None, workers: int | None) -> Any:
    """The executor that the two options name: a name, or a selection such as `{use: process, params: …}`."""
    if chosen is not None and chosen.lstrip().startswith("{"):
        selection = _selection(chosen, "--executor")
        if workers is not None and "workers" not in (selection.get("params") or {}):
            selection["params"] = {**(selection.get("params") or {}), "workers": workers}
        return selection
    if workers is None:
        return chosen
    if chosen == "serial" and workers > 1:
        raise click.UsageError(
            f"the executor serial has one worker, not {workers}: leave --executor out, or name another"
        )
    use = chosen or ("process" if workers > 1 else "serial")
    return {"use": use, "params": {"workers": workers}} if use != "serial" else use


def _selection(text: str, option: str) -> Any:
    """A component as an option names it: a name, or a mapping with its parameters."""
    if not text.lstrip().startswith("{"):
        return text
    from causalkit.config.strict_yaml import parse_yaml

    return parse_yaml(text, option, lines=False).plain()


def _show_plan(config: str, overrides: tuple[str, ...], until: str | None, seed: int | None, out: Output) -> None:
    from causalkit import runner
    from causalkit.config import load_config
    from causalkit.errors import UsageError, nearest

    if until is not None and until not in runner.STEPS:
        raise UsageError(
            f"there is no step {until!r}{nearest(until, runner.STEPS)}", f"Steps: {', '.join(runner.STEPS)}."
        )
    extra = (f"seed={seed}",) if seed is not None else ()
    loaded = load_config(config, overrides=(*overrides, *extra))
    steps = runner.plan(loaded)
    last = [name for name, _ in steps].index(until) if until else len(steps) - 1
    steps = steps[: last + 1]
    shown = {
        "config": loaded.to_dict(),
        "config_hash": loaded.hash,
        "steps": [{"step": step, "uses": uses or None} for step, uses in steps],
    }

    def render(console: Any) -> None:
        console.print(f"{loaded.name} ({loaded.hash}) would do, with seed {loaded.seed}:")
        for step, uses in steps:
            console.print(f"  {step:<9} {uses or '— left out'}")

    out.result(shown, render)
