"""`causalkit data`: a look at the log that a config names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from causalkit.cli._output import Output, common_options

if TYPE_CHECKING:
    from causalkit.types import Dataset

__all__ = ["data"]


@click.group()
def data() -> None:
    """Look at the log that a config names."""


@data.command()
@click.argument("config")
@click.option("-o", "--override", "overrides", multiple=True, metavar="KEY=VALUE", help="Set a key of the config.")
@common_options
def describe(config: str, overrides: tuple[str, ...], out: Output) -> None:
    """Load a config's log and say what is in it.

    That is rows, items, exposure, outcome, what texts hold, and every column's role.
    """
    from causalkit.cli._progress import terminal_progress
    from causalkit.components import Context
    from causalkit.config import load_config
    from causalkit.registry import default_registry

    registry = default_registry()
    loaded = load_config(config, overrides=overrides, registry=registry)
    context = Context(root_seed=loaded.seed, progress=terminal_progress(quiet=out.quiet or out.json))
    dataset = registry.build("dataset", loaded.data.to_dict()).load(context=context)
    shown = _facts(dataset)
    out.result(shown, lambda console: _render(console, shown))


def _facts(dataset: Dataset) -> dict[str, Any]:
    schema, rows = dataset.schema, dataset.interactions
    facts: dict[str, Any] = {
        "name": dataset.name,
        "rows": len(rows),
        "items": len(dataset.items),
        "users": len(dataset.users),
        "assignment": list(schema.assignment),
        "fingerprint": dataset.fingerprint(),
    }
    treatment, outcome = schema.find("treatment"), schema.find("outcome")
    named = [name for name in (treatment, outcome, dataset.weight, dataset.period) if name]
    table = rows.frame(named)
    weights = dataset.weights(table)
    if dataset.period:
        times = table[dataset.period]
        facts["periods"] = int(times.nunique())
        facts["first"], facts["last"] = str(times.min()), str(times.max())
        facts["clock"] = times.dtype.kind == "M"
    if treatment:
        exposed = table[treatment].to_numpy(float)
        facts["exposed_share"] = float((weights * exposed).sum() / weights.sum())
    if treatment and outcome:
        values = table[outcome].to_numpy(float)
        for name, arm in (("outcome_exposed", exposed == 1), ("outcome_unexposed", exposed == 0)):
            total = weights[arm].sum()
            facts[name] = float((weights * values)[arm].sum() / total) if total else None
    facts["columns"] = [
        {"name": c.name, "role": c.role, "kind": c.kind, "tier": c.tier, "description": c.description}
        for c in schema.columns
    ]
    return facts | _texts_and_images(dataset)


def _texts_and_images(dataset: Dataset) -> dict[str, Any]:
    """What is counted in each text column, and the notes that a report would have."""
    from dataclasses import asdict

    from causalkit.preparation.images import check_images
    from causalkit.preparation.texts import notes_on
    from causalkit.text_census import census_of, text_columns

    counted = [census_of(values, of) for of, values in text_columns(dataset)]
    notes = [*dataset.notes, *check_images(dataset)]
    return {"texts": [asdict(census) for census in counted], "text_notes": list(notes_on(counted)), "notes": notes}


def _render(console: Any, facts: dict[str, Any]) -> None:
    from rich.table import Table

    from causalkit.reporting.words import clean

    console.print(f"{facts['name']}: {facts['rows']:,} rows, {facts['items']:,} items, {facts['users']:,} users")
    if "periods" in facts:
        count = f"{facts['periods']:,} {'times' if facts['clock'] else 'periods'}"
        weeks = " (time blocks count whole weeks of them)" if facts["clock"] else ""
        console.print(f"{count}, from {facts['first']} to {facts['last']}{weeks}")
    unit = " × ".join(facts["assignment"])
    console.print(
        f"assignment unit: {unit}" if unit else "assumes independent rows (the schema names no assignment unit)"
    )
    if "exposed_share" in facts:
        console.print(f"exposed: {facts['exposed_share']:.2%} of rows")
    if facts.get("outcome_exposed") is not None and facts.get("outcome_unexposed") is not None:
        told = f"outcome: {facts['outcome_exposed']:.4f} where exposed, {facts['outcome_unexposed']:.4f} where not"
        console.print(f"{told} (a difference that nothing is adjusted for)")
    for t in facts["texts"]:
        told = f"{t['distinct']:,} different, at most {t['longest']:,} characters"
        console.print(f"texts of {t['of']} in {clean(t['column'])}: {told}")
    for note in (*facts["text_notes"], *facts["notes"]):
        console.print(clean(note))
    table = Table("column", "role", "kind", "tier", "description", box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for c in facts["columns"]:
        tier = "" if c["tier"] is None else str(c["tier"])
        table.add_row(clean(c["name"]), c["role"], c["kind"], tier, clean(c["description"]))
    console.print()
    console.print(table)
