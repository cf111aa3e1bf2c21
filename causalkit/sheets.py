"""What a run found, as plain tables whose every column is said in words, with its unit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from causalkit.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from causalkit.run_handle import Run
    from causalkit.types import CausalGraph, EmbeddingTable

__all__ = ["COLUMNS", "Sheet", "graph_document", "graph_of", "sheets", "vectors"]

_EFFECT = "in outcome units per row unit (for a yes/no outcome a share: × 100 is per 100 {units})"
COLUMNS: dict[str, str] = {
    "item": "id of the item",
    "label": "what the item is called",
    "user": "id of the user",
    "segment": "name of the segment",
    "effect": f"what showing changes, {_EFFECT}",
    "stderr": "standard error of the effect, in its unit",
    "lower": "lower end of the 95 % interval, in the same unit",
    "upper": "upper end of the 95 % interval, in the same unit",
    "raw": "the effect before strength is shared between items, in the same unit",
    "raw_stderr": "standard error of raw",
    "smooth_stderr": "standard error of raw, itself drawn to that of similar items",
    "p": "two-sided p-value of no effect, of the raw effect",
    "q": "Benjamini-Hochberg q over items with a raw effect",
    "treated": "exposed assignment units, count",
    "control": "unexposed assignment units, count",
    "ess": "effective sample size, in assignment units",
    "baseline": "mean outcome where unexposed, in outcome units per row unit",
    "e_value": "how strong an unseen confounder must be to explain the effect away (risk ratio)",
    "status": "what may be read: estimated, predicted, sensitive, refuted, no-overlap, too-few-clusters, …",
    "reason": "why the status is not `estimated`",
    "graph_lower": "lowest effect over the adjustment sets of the graph's consistent orientations",
    "graph_upper": "highest effect over them",
    "main": "whether this step is the reported one",
    "specification": "what was adjusted for",
    "population": "over which rows",
    "refuter": "the check",
    "sort": "software-check (finds bugs) or falsification (can find confounding)",
    "tried": "what the check did",
    "estimate": "what the check read, where there should be nothing, in the effect's unit",
    "df": "degrees of freedom of p",
    "rejected": "items that read p < .05",
    "tested": "items that were tried",
    "discoveries": "items found at q < .05",
    "read": "what the check says",
    "name": "the metric",
    "value": "what was measured",
    "n": "units that the measurement rests on, count",
    "of": "whose effect or ranking it is",
    "on": "which rows: test, transport (later ones) or truth (planted)",
    "note": "what a reader must know",
    "scope": "overall, segment or user",
    "who": "which segment or user; empty overall",
    "rank": "place in the list, 1 is best",
    "score": "what the list is ordered by",
    "level": "whose effect is claimed: the item's, the segment's or the pair's",
    "text": "the receipt in words",
    "bundle": "what was treated together with the exposure",
    "treated_units": "exposed assignment units, count",
    "control_units": "unexposed assignment units, count",
    "adjusted_for": "what was adjusted for, comma-separated",
    "falsification": "what the falsifications say of this item",
    "cold_user": "whether training saw no row of the user",
    "cold_item": "whether training saw no row of the item",
}
"""What each column of an exported table is."""


@dataclass(frozen=True)
class Sheet:
    """One table: its file's name without an ending, what it is, and its rows."""

    name: str
    what: str
    rows: pd.DataFrame

    def columns(self, units: str) -> dict[str, str]:
        """Each column in words."""
        return {str(name): COLUMNS.get(str(name), "").replace("{units}", units) for name in self.rows.columns}


def sheets(run: Run) -> Iterator[Sheet]:
    """Every table of what a run found; a step that it did not do leaves none."""
    yield from _effects(run)
    yield from _checks(run)
    if run.ranking is not None:
        yield Sheet("ranking", f"the lists that {run.ranking.ranker} makes, best first", run.ranking.table)
    if run.explanation is not None:
        yield Sheet("receipts", "what stands behind each recommendation", _receipts(run))


def _effects(run: Run) -> Iterator[Sheet]:
    effects = run.effects
    if effects is None:
        return
    labels = run.dataset.item_labels().reindex(effects.item.index)
    items = effects.item.assign(label=labels).rename_axis("item").reset_index()
    first = ["item", "label"]
    yield Sheet(
        "effects-items",
        "the effect of showing each item, after strength is shared between items",
        items[[*first, *items.columns.drop(first)]],
    )
    if len(effects.segment):
        yield Sheet("effects-segments", "the same, by segment of users", effects.segment)
    if len(effects.pair):
        yield Sheet("effects-pairs", "the same, by user and item", effects.pair)
    if len(effects.ladder):
        yield Sheet(
            "effects-ladder",
            "the effect of showing an average item, step by step from naive to adjusted",
            effects.ladder,
        )


def _checks(run: Run) -> Iterator[Sheet]:
    import pandas as pd

    plain = ("refuter", "sort", "tried", "estimate", "lower", "upper", "rejected", "tested", "discoveries", "read")
    if run.verdicts:
        rows = [{name: getattr(verdict, name) for name in plain} for verdict in run.verdicts]
        yield Sheet("verdicts", "what each check read, over all items", pd.DataFrame(rows))
        each = [v.item.rename_axis("item").reset_index().assign(refuter=v.refuter) for v in run.verdicts if len(v.item)]
        if each:
            yield Sheet("verdicts-items", "what each check read, by item", pd.concat(each, ignore_index=True))
    if run.measurements:
        names = ("name", "of", "on", "value", "lower", "upper", "n", "note")
        measured = [{name: getattr(m, name) for name in names} for m in run.measurements]
        yield Sheet("measurements", "metrics on held-out rows, baselines beside", pd.DataFrame(measured))


def _receipts(run: Run) -> pd.DataFrame:
    import pandas as pd

    assert run.explanation is not None
    rows = []
    for receipt in run.explanation:
        told = {k: v for k, v in asdict(receipt).items() if k != "graph_range"}
        low, high = receipt.graph_range or (float("nan"), float("nan"))
        rows.append(told | {"adjusted_for": ", ".join(receipt.adjusted_for), "graph_lower": low, "graph_upper": high})
    return pd.DataFrame(rows)


def vectors(run: Run) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Name, what it is, and rows (an id, its vector) of every table of vectors."""
    effects, embeddings = run.effects, run.embeddings
    for side in ("item", "user"):
        table: EmbeddingTable | None = getattr(embeddings, side) if embeddings is not None else None
        if table is not None:
            told = f"vectors of {side}s' text by {table.encoder}, {table.vectors.shape[1]} numbers each"
            yield f"embeddings-{side}s", told, _vectors(side, table.ids, table.vectors)
    if effects is not None and effects.factors is not None:
        f = effects.factors
        told = "factors of {}s; the inner product of a user's and an item's is the effect"
        yield "factors-users", told.format("user"), _vectors("user", f.users, f.user_vectors)
        yield "factors-items", told.format("item"), _vectors("item", f.items, f.item_vectors)


def _vectors(side: str, ids: Any, values: Any) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({side: [str(i) for i in ids], "vector": list(values)})


def graph_of(run: Run) -> CausalGraph:
    """The run's causal graph. Raises `UsageError` where it has none."""
    if run.graph is None and run.config.discover is None:
        raise UsageError(
            f"run {run.id} has no causal graph: its config leaves `discover` out",
            "Run with a discoverer, such as `-o discover=pc`.",
        )
    if run.graph is None:
        raise run.lacks("causal graph", "discover")
    return run.graph


def graph_document(run: Run) -> dict[str, Any]:
    """The graph with everything known of it, for JSON: nodes with tier and description, edges with evidence."""
    graph = graph_of(run).to_dict()
    known = {column.name: column for column in run.dataset.schema.columns}
    nodes = []
    for name in graph.pop("nodes"):
        column = known.get(name)
        facts = {"role": column.role, "tier": column.tier, "description": column.description} if column else {}
        nodes.append({"name": name, "role": None, "tier": None, "description": ""} | facts)
    return {"schema_version": 1, "run": run.id, "nodes": nodes, **graph}
