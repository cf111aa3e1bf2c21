"""What `causalkit runs compare` prints."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from causalkit.reporting.words import clean, shortened

if TYPE_CHECKING:
    from rich.console import Console

    from causalkit.comparing import Comparison, Difference, ItemsCompared, MetricPair, Reading

__all__ = ["document", "render"]

WIDEST = 44
"""Characters of a value that the terminal shows."""
_ROOMY = 100
"""Columns of a terminal from which on a reading and its interval are not folded."""


def document(compared: Comparison) -> dict[str, Any]:
    """The whole comparison for `--json`, with the differences of metrics."""
    from dataclasses import asdict

    def pair(one: MetricPair | None) -> dict[str, Any] | None:
        return None if one is None else asdict(one) | {"difference": one.difference}

    items = compared.items
    plain = {name: getattr(compared, name) for name in ("a", "b", "same_data", "shared_top", "top", "notes")}
    lists = {name: getattr(compared, name) for name in ("config", "data", "versions", "steps")}
    return (
        plain
        | lists
        | {"pooled": pair(compared.pooled), "metrics": [pair(one) for one in compared.metrics]}
        | {"items": None if items is None else _fields(items) | {"changed": items.changed}}
    )


def _fields(items: ItemsCompared) -> dict[str, Any]:
    from dataclasses import fields

    return {f.name: getattr(items, f.name) for f in fields(items)}


def render(console: Console, compared: Comparison) -> None:
    """Print what differs, and that the rest does not."""
    console.print(f"A: {compared.a}\nB: {compared.b}")
    for title in ("config", "data", "versions", "steps"):
        _differences(console, title, getattr(compared, title))
    if compared.pooled or compared.metrics:
        _metrics(console, [*([compared.pooled] if compared.pooled else []), *compared.metrics])
    if compared.items is not None:
        _items(console, compared.items)
    if compared.top:
        console.print(f"\nFirst {compared.top} for everybody: {len(compared.shared_top)} in both lists")
    console.print()
    for note in compared.notes:
        console.print(note)


def _differences(console: Console, title: str, found: Sequence[Difference]) -> None:
    if not found:
        console.print(f"\n{title}: the same")
        return
    console.print()
    _table(console, (title, "A", "B"), [(d.what, _said(d.a), _said(d.b)) for d in found])


def _table(console: Console, head: Sequence[str], rows: Sequence[Sequence[str]], *, readings: bool = False) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in head:  # a reading stays on one line where there is room: names give way
        table.add_column(name, no_wrap=readings and name in ("A", "B") and console.width >= _ROOMY)
    for row in rows:
        table.add_row(*(clean(cell) for cell in row))
    console.print(table)


def _said(value: Any) -> str:
    if value is None:
        return "–"
    return shortened(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str), WIDEST)


def _metrics(console: Console, pairs: Sequence[MetricPair]) -> None:
    rows = []
    for one in pairs:
        if any(reading is not None and math.isfinite(reading.value) for reading in (one.a, one.b)):
            name = one.name if one.on in ("", "test") else f"{one.name} ({one.on})"
            change = "" if one.difference is None or not math.isfinite(one.difference) else f"{one.difference:+.3g}"
            rows.append((name, one.of, _reading(one.a), _reading(one.b), change))
    if rows:
        console.print()
        _table(console, ("value (95 % interval)", "of", "A", "B", "B − A"), rows, readings=True)


def _reading(reading: Reading | None) -> str:
    if reading is None or not math.isfinite(reading.value):
        return "–"
    known = math.isfinite(reading.lower) and math.isfinite(reading.upper)
    return f"{reading.value:.3g}" + (f" ({reading.lower:.3g} to {reading.upper:.3g})" if known else "")


def _items(console: Console, items: ItemsCompared) -> None:
    told = f"\n{items.both} items in both runs"
    told += "".join(f", {n} only in {name}" for name, n in (("A", items.only_a), ("B", items.only_b)) if n)
    told += f"; {items.changed} have another status"
    if math.isfinite(items.correlation):
        told += f"; effects of {items.with_effects} correlate {items.correlation:.3f}"
    console.print(told)
    moved = items.statuses[items.statuses["a"] != items.statuses["b"]]
    for row in moved.itertuples():
        console.print(f"  {row.items} from {row.a} to {row.b}")
    if len(items.furthest):
        console.print()
        head = ("effects that differ most", "A", "B", "B − A", "in errors")
        rows = [
            (shortened(r.item, WIDEST), f"{r.a:.3g}", f"{r.b:.3g}", f"{r.difference:+.3g}", f"{r.in_errors:.1f}")
            for r in items.furthest.itertuples()
        ]
        _table(console, head, rows)
