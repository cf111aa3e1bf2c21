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

from causalkit import preparation
from causalkit.components import Context
from causalkit.run_handle import Run
from causalkit.statuses import write_statuses
from causalkit.steps import soundness
from causalkit.steps.encode import built, encoded
from causalkit.steps.inputs import inputs_of
from causalkit.steps.lazily import at_places
from causalkit.steps.marks import notes
from causalkit.steps.shelf import vector_stores
from causalkit.steps.work import Work
from causalkit.store.arrays import room_for
from causalkit.store.cache import Cache
from causalkit.types import Dataset, Effects, Embeddings, Multimodal

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

    Texts of new items are cleaned as those of the run were.

    Raises
    ------
    DataError : a text of a new item that is no text.
    ComponentError : an encoder whose vectors of new items are not sound, or of another length.
    """
    fresh = replace(rows, items=new, users=pd.DataFrame())
    preparation.check_texts(fresh)
    fresh, cleaned = preparation.clean_texts(fresh, run.config.clean)
    items = _longer(rows.items, fresh.items)
    embeddings, told = _with_vectors(run, rows, items, new.index, context)
    told += tuple(f"{c.what} in {c.column!r} of {c.rows} of {len(new)} new items" for c in cleaned)
    if run.effects is None:
        return Grown(None, embeddings, items, (), told)
    found = _refitted(run, replace(rows, items=items), embeddings, context)
    table = found.item.reindex(new.index)
    has = np.isfinite(table["effect"].astype(float))
    effects = _joined(run, found, table[has.to_numpy()])
    left_out = tuple(new.index[~has.to_numpy()])
    return Grown(effects, embeddings, items, left_out, (*told, *_notes(run, len(left_out), len(new))))


def _longer(items: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """The items table with rows for the new items; each column gets the type that all its values need."""
    index = items.index.append(new.index).rename(items.index.name)
    return pd.DataFrame({name: pd.Series([*items[name], *new[name]], index) for name in items.columns}, index=index)


def _with_vectors(
    run: Run, rows: Dataset, items: pd.DataFrame, new: pd.Index, context: Context
) -> tuple[Embeddings | None, tuple[str, ...]]:
    """The run's vectors with those of new items by the same encoder, and what to know about them.

    An item without the text or image that the encoder reads gets none.
    """
    chosen, known = run.config.encode.get("item"), run.embeddings
    if chosen is None or known is None or known.item is None or run.split is None:
        return known, ()
    work = _work(run, context)
    by, encoder = work.whose("encoder", chosen), built(work, chosen.to_dict())
    kind = getattr(encoder, "input", "texts")
    _, training, _ = inputs_of(kind, "item", rows, run.split, None, by)
    ids, inputs, _ = inputs_of(kind, "item", replace(rows, items=items.loc[new]), run.split, None, by)
    has = np.array([_says_something(one) for one in inputs], bool)
    told = f"{(~has).sum()} of {len(new)} new items have no {_READ.get(kind, 'input')} to encode"
    lacking = () if has.all() else (told,)
    if not has.any():
        return known, lacking
    own = context.under("encode.item")
    made, marks = encoded(encoder, training, at_places(inputs, np.flatnonzero(has)), own, by)
    width = known.item.vectors.shape[1]
    if made.shape[1] != width:
        soundness.refuse(by, f"vectors of {made.shape[1]} numbers for new items", f"{width}, as in the run")
    vectors = room_for((len(known.item.ids) + len(made), width), work.scratch)
    vectors[: len(known.item.ids)], vectors[len(known.item.ids) :] = known.item.vectors, made
    both = known.item.ids.astype(object).append(pd.Index(ids[has], dtype=object))
    table = replace(known.item, ids=both, vectors=vectors)
    return replace(known, item=table), (*lacking, *notes(marks, kind, "new item", len(made)))


_READ = {"texts": "text", "images": "image", "multimodal": "text and no image"}


def _says_something(one: Any) -> bool:
    parts = (one.text, one.image) if isinstance(one, Multimodal) else (one,)
    return any(str(part).strip() for part in parts)


def _work(run: Run, context: Context) -> Work:
    """What the encode step was given, but for the log; vectors that the run kept are found, and none is added."""
    cache = Cache(run.path.parent / ".cache")
    stores = vector_stores(cache, run.config, run.registry, context, read_only=True)
    return Work(run.config, run.registry, context, vectors=stores, scratch=cache.scratch)


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
