"""Effects of items that a run has never seen, predicted by the estimator that it used.

The estimator is fitted once more on the same rows, with the new items beside the known ones in the items
table: what it predicts for them is what it would have predicted in the run. The run's own effects stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from causalkit.components import Context, Encoder
from causalkit.errors import ComponentError
from causalkit.run_handle import Run
from causalkit.statuses import write_statuses
from causalkit.types import Dataset, Effects, Embeddings, EmbeddingTable

__all__ = ["Grown", "with_cold_items"]


@dataclass(frozen=True)
class Grown:
    """Effects, vectors and items table of the run with the new items that can be predicted added.

    `left_out` are the new items that nothing predicts.
    """

    effects: Effects | None
    embeddings: Embeddings | None
    items: pd.DataFrame
    left_out: tuple[Any, ...]
    notes: tuple[str, ...]


def with_cold_items(run: Run, rows: Dataset, new: pd.DataFrame, context: Context) -> Grown:
    """Add `new` (attributes by item) to what the run has; `rows` is what its effects were fitted on.

    Raises
    ------
    ComponentError : an encoder whose vectors of new items are of another length.
    """
    items = _longer(rows.items, new)
    embeddings = _with_vectors(run, rows, replace(rows, items=items), new.index, context)
    if run.effects is None:
        return Grown(None, embeddings, items, (), ())
    found = _refitted(run, replace(rows, items=items), embeddings, context)
    table = found.item.reindex(new.index)
    has = np.isfinite(table["effect"].astype(float))
    effects = _joined(run, found, table[has.to_numpy()])
    left_out = tuple(new.index[~has.to_numpy()])
    return Grown(effects, embeddings, items, left_out, tuple(_notes(run, len(left_out), len(new))))


def _longer(items: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """The items table with rows for the new items; each column gets the type that all its values need."""
    index = items.index.append(new.index).rename(items.index.name)
    return pd.DataFrame({name: pd.Series([*items[name], *new[name]], index) for name in items.columns}, index=index)


def _with_vectors(run: Run, rows: Dataset, grown: Dataset, new: pd.Index, context: Context) -> Embeddings | None:
    """The run's vectors, and those of the new items' texts by the same encoder; none where there is no text."""
    chosen = run.config.encode.get("item")
    known = run.embeddings
    if chosen is None or known is None or known.item is None:
        return known
    texts = grown.item_texts().reindex(new)
    texts = texts[texts.fillna("").str.strip() != ""]
    if not len(texts):
        return known
    own = context.under("encode.item")
    encoder: Encoder = run.registry.build("encoder", chosen.to_dict())
    vectors = encoder.fit(list(rows.item_texts()), context=own).encode(list(texts), context=own)
    made, width = np.asarray(vectors, np.float32), known.item.vectors.shape[1]
    if made.shape != (len(texts), width) or not np.isfinite(made).all():
        raise ComponentError(
            f"encoder {chosen.use!r} gave an array of shape {made.shape} for {len(texts)} new items of {width} numbers"
        )
    ids = known.item.ids.astype(object).append(pd.Index(texts.index, dtype=object))
    return replace(known, item=EmbeddingTable(ids, np.concatenate([known.item.vectors, made]), known.item.encoder))


def _refitted(run: Run, grown: Dataset, embeddings: Embeddings | None, context: Context) -> Effects:
    """The run's main estimator on the same rows and the longer items table, with statuses."""
    chosen = run.config.estimate
    level = "item" if chosen.get("item") else next(level for level, s in chosen.items() if s)
    selection = chosen[level]
    assert selection is not None
    estimator = run.registry.build("estimator", selection.to_dict())
    primary = run.estimands[0]
    fitted = estimator.fit(grown, primary, embeddings, context=context.under(f"estimate.{level}"))
    return write_statuses(fitted.effects_, primary)


def _joined(run: Run, found: Effects, table: pd.DataFrame) -> Effects:
    """The run's effects, and those of the new items."""
    own = run.effects
    assert own is not None
    added = table.reindex(columns=own.item.columns)
    segment = own.segment
    if run.config.estimate.get("segment") is None and len(found.segment) and len(segment):
        extra = found.segment[found.segment["item"].isin(table.index)]
        segment = pd.concat([segment, extra.reindex(columns=segment.columns)], ignore_index=True)
    return replace(own, item=pd.concat([own.item, added]) if len(added) else own.item, segment=segment)


def _notes(run: Run, lost: int, new: int) -> Iterator[str]:
    if not lost:
        return
    chosen = run.config.estimate.get("item") or next(s for s in run.config.estimate.values() if s)
    why = (
        f"they have neither a text nor a group ({_telling(run) or 'the schema names none'}) to predict from"
        if chosen.use == "shared"
        else f"{chosen.use} predicts no effect of items that it never saw (`estimate.item: {{use: shared, …}}` does)"
    )
    yield f"{lost} of {new} items that the run does not know are left out: {why}"


def _telling(run: Run) -> str:
    """The columns that an item can be predicted from."""
    columns = run.dataset.schema.columns
    known = [c.name for c in columns if c.kind == "text" or c.role == "group"]
    return ", ".join(name for name in known if name in run.dataset.items.columns)
