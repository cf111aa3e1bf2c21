"""A finished run put to use: the lists of all its users, or of users and items that it has never seen.

Everything is streamed: a block of users at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from causalkit.components import Context, Ranker
from causalkit.new_log import NewLog, read_new_log
from causalkit.ranking import EVERYBODY, make_ranking, ranking_blocks
from causalkit.run_handle import Run
from causalkit.types import RANKING_COLUMNS, Dataset, Effects, Embeddings, SegmentMap, Table

if TYPE_CHECKING:
    from causalkit.cold_items import Grown

__all__ = ["NEW_COLUMNS", "NewLists", "all_lists", "fitted_ranker", "lists_for", "one_list", "rows_of"]

NEW_COLUMNS = (*RANKING_COLUMNS, "cold_user", "cold_item")
"""Columns of the lists for a new log."""


def rows_of(run: Run) -> Dataset:
    """The prepared rows that the reported effects rest on: training, and test where it was refitted on both.

    Raises
    ------
    DataError : the log can no longer be had.
    """
    assert run.split is not None
    refitted = (run.path / "refit" / "effects" / "object.json").is_file()
    return run.split.take(run.log(), "training", *(["test"] if refitted else []))


def fitted_ranker(run: Run, context: Context | None = None) -> Ranker:
    """The ranker that made the run's reported lists; what it scores is what they were made of.

    A ranker whose class says `needs_rows = False` is fitted on schema, items and users alone; any other on
    the rows that the run used.

    Raises
    ------
    UsageError : a run without effects, where its ranker needs them.
    DataError : its ranker needs the rows of the log, and they can no longer be had.
    """
    return _fitted(run, run.effects, run.embeddings, run.dataset.items, context)


def _fitted(
    run: Run,
    effects: Effects | None,
    embeddings: Embeddings | None,
    items: pd.DataFrame,
    context: Context | None,
) -> Ranker:
    """The run's ranker on these effects, vectors and items."""
    chosen = run.config.rank
    ranker: Ranker = run.registry.build("ranker", chosen.to_dict())
    data = replace(rows_of(run) if getattr(ranker, "needs_rows", True) else run.dataset, items=items)
    return ranker.fit(data, effects, embeddings, context=_context(run, context).under(f"rank.{chosen.use}"))


def _context(run: Run, context: Context | None) -> Context:
    """The context with the run's seed: components derive the seeds that they had."""
    return replace(context or Context(), root_seed=run.config.seed)


def users_of(run: Run) -> list[Any]:
    """Every user that the run knows."""
    if len(run.dataset.users) or run.dataset.user is None:
        return run.dataset.user_ids()
    return rows_of(run).user_ids()


def one_list(run: Run, user: Any = None, k: int | None = None) -> pd.DataFrame:
    """The list of a user (None: for everybody), best first; made anew where `k` is more than the run kept.

    Raises
    ------
    UsageError : a user whom the run does not know, or a run without a ranking.
    """
    kept = run.recommend(user, k)
    if k is None or k <= run.config.top:
        return kept
    ranker, name, context = fitted_ranker(run), run.config.rank.use, _context(run, None)
    if user is None:
        return make_ranking(ranker, name, run.effects, run.dataset, k, context, only_overall=True).table
    known = next(u for u in users_of(run) if str(u) == str(user))
    items = list(run.dataset.items.index)
    return pd.concat(list(ranking_blocks(ranker, name, run.effects, [known], items, k, context)))


def all_lists(run: Run, k: int | None = None, context: Context | None = None) -> Iterator[pd.DataFrame]:
    """The list for everybody, those of segments, then of every user, as blocks of rows.

    `k` items each (None: as many as the run kept). Each block has the columns `RANKING_COLUMNS`.

    Raises
    ------
    UsageError, DataError : as `fitted_ranker`.
    """
    if run.ranking is None:
        raise run.lacks("ranking", "rank")
    context, top = _context(run, context), k or run.config.top
    ranker, name = fitted_ranker(run, context), run.config.rank.use
    nobody = replace(
        run.dataset, users=run.dataset.users.iloc[:0], interactions=Table(run.dataset.interactions.frame().iloc[:0])
    )
    yield make_ranking(ranker, name, run.effects, nobody, top, context).table
    yield from ranking_blocks(ranker, name, run.effects, users_of(run), list(run.dataset.items.index), top, context)


@dataclass(frozen=True)
class NewLists:
    """Lists for the users of a new log, and what there was to say of it.

    Parameters
    ----------
    blocks : rows, columns `NEW_COLUMNS`; read once.
    users, cold_users : how many users, and how many of them the run did not know.
    items, cold_items : how many items the lists choose from, and how many of them the run did not know.
    left_out : items that the run did not know and that nothing predicts.
    notes : what a reader must know.
    """

    blocks: Iterator[pd.DataFrame]
    users: int
    cold_users: int
    items: int
    cold_items: int
    left_out: tuple[str, ...]
    notes: tuple[str, ...]


def lists_for(
    run: Run,
    log: str | Path,
    *,
    items: str | Path | None = None,
    users: str | Path | None = None,
    k: int | None = None,
    context: Context | None = None,
) -> NewLists:
    """Lists for the users of a new log, over the items that it names (where it names none: over all of the run's).

    A user whom the run does not know gets the effects of the segment that the files name, else of the item.
    An item that the run does not know gets the effect that its text or group predicts, where the run's
    estimator predicts any: it is fitted once more on the rows it was fitted on, with the new items beside.

    Parameters
    ----------
    log, items, users : Parquet or CSV, columns called what the run's log calls them; see
        `causalkit.new_log.read_new_log`.
    k : how many items each (None: as many as the run kept).

    Raises
    ------
    UsageError : a run without a ranking.
    DataError : files that cannot be used, or a run whose own log is needed and can no longer be had.
    """
    if run.ranking is None:
        raise run.lacks("ranking", "rank")
    context = _context(run, context)
    new = read_new_log(run.dataset, users_of(run), log, items, users)
    grown = _grown(run, new, context)
    effects, left_out, unseen = grown.effects, frozenset(grown.left_out), frozenset(new.cold_items.index)
    chosen = [item for item in (new.items or run.dataset.items.index) if item not in left_out]
    cold = [item for item in chosen if item in unseen]
    ranker = _fitted(run, effects, grown.embeddings, grown.items, context)
    blocks = ranking_blocks(ranker, run.config.rank.use, effects, new.users, chosen, k or run.config.top, context)
    return NewLists(
        _marked(blocks, frozenset(map(str, new.cold_users)), unseen),
        users=len(new.users),
        cold_users=len(new.cold_users),
        items=len(chosen),
        cold_items=len(cold),
        left_out=tuple(str(item) for item in grown.left_out),
        notes=(*_notes(run, new), *grown.notes, *_unranked(run, ranker, cold, context)),
    )


def _grown(run: Run, new: NewLog, context: Context) -> Grown:
    """What the run has, with the new log's items and users added."""
    from causalkit.cold_items import Grown, with_cold_items

    known = Grown(run.effects, run.embeddings, run.dataset.items, (), ())
    grown = with_cold_items(run, rows_of(run), new.cold_items, context) if len(new.cold_items) else known
    if grown.effects is None or not len(new.segment):
        return grown
    segments = _with_segments(grown.effects.segments, new.segment)
    return replace(grown, effects=replace(grown.effects, segments=segments))


def _marked(
    blocks: Iterator[pd.DataFrame], cold_users: frozenset[str], cold_items: frozenset[Any]
) -> Iterator[pd.DataFrame]:
    marks = (("who", cold_users), ("item", cold_items))
    for block in blocks:
        user, item = ([name in cold for name in block[column]] for column, cold in marks)
        yield block.assign(cold_user=np.array(user, bool), cold_item=np.array(item, bool))


def _with_segments(known: SegmentMap, cold: pd.Series[Any]) -> SegmentMap:
    """The map with cold users added; the index has the type that its labels have, as look-ups by block need."""
    labels = pd.Index([*known.of_user.index, *cold.index])
    return replace(known, of_user=pd.Series([*known.of_user, *cold], labels, dtype=object))


def _unranked(run: Run, ranker: Ranker, cold: list[Any], context: Context) -> Iterator[str]:
    """What to say where the ranker itself scores no new item."""
    if not cold:
        return
    scores = np.asarray(ranker.scores([EVERYBODY], cold, context=context).values, float)
    out = int((~np.isfinite(scores)).sum())
    if out:
        told = "".join(f", {name}: {value}" for name, value in run.config.rank.params.items())
        yield f"{out} of {len(cold)} new items are never recommended by the run's ranker ({run.config.rank.use}{told})"


def _notes(run: Run, new: NewLog) -> Iterator[str]:
    if new.dropped:
        yield f"{new.dropped} rows name no user and are left out"
    known = set(run.effects.segment["segment"].astype(str)) if run.effects is not None else set()
    strange = sorted(set(new.segment.astype(str)) - known)
    if strange and known:
        yield f"the run has no effects of segment {', '.join(strange[:5])}: its users get the items' effects"
