"""What a ranker may make of rows, ids and effects: weights, names and signs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from causalkit.testing.checks._small_run import SmallRun, small_run
from causalkit.testing.checks.ranker import EVERYBODY, Floats, fitted_to, same_scores, values_of
from causalkit.testing.kit import NotApplicable, Subject, check
from causalkit.types import Column, Dataset, Effects, Table


def _scores(subject: Subject, run: SmallRun, data: Dataset, effects: Effects | None = None) -> Floats:
    """Scores of users who are known and one who is not, of every item in the run's order."""
    ranker = fitted_to(subject, run, effects, data)
    return values_of(ranker, [*run.users, "nobody", EVERYBODY], run.items)


@check("ranker")
def rows_are_not_needed_where_it_says_so(subject: Subject) -> None:
    """With `needs_rows = False`, it scores the same when it is fitted without rows."""
    if getattr(subject.example, "needs_rows", True):
        raise NotApplicable("it does not say `needs_rows = False`")
    run = small_run()
    made = run.outputs
    empty = replace(made.training, interactions=Table(made.training.interactions.head()))
    bare = fitted_to(subject, run, None, empty)
    first = values_of(fitted_to(subject, run, None, made.training), run.users, run.items)
    same_scores(
        values_of(bare, run.users, run.items), first, "fitted without rows", "leave `needs_rows` out, or read no rows"
    )


@check("ranker")
def ids_go_by_name(subject: Subject) -> None:
    """With users, items and the categories of ids in other orders, a pair has the same score."""
    run = small_run()
    data = run.outputs.training
    rows = data.interactions.frame().copy()
    for name in ("user", "item", "segment"):  # an order of their own: a code is no place in a table
        known = list(rows[name].cat.categories)
        rows[name] = rows[name].cat.reorder_categories([*known[2:], *known[:2]])
    turned = replace(data, interactions=Table(rows), users=data.users.iloc[::-1], items=data.items.iloc[::-1])
    same_scores(
        _scores(subject, run, turned),
        _scores(subject, run, data),
        "with users, items and categories in other orders",
        "find ids by name (causalkit.estimation.codes_of); the place -1 of an unknown one is not the last",
    )


@check("ranker")
def weights_are_frequencies(subject: Subject) -> None:
    """A row of weight 2 counts as that row twice, and one of weight 0 as none."""
    run = small_run()
    data = run.outputs.training
    rows, weight = data.interactions.frame(), Column("people", "weight", "count")
    times = np.random.default_rng(5).integers(0, 4, len(rows))
    weighed = replace(data, interactions=Table(rows.assign(people=times)), schema=data.schema.with_columns([weight]))
    repeated = replace(data, interactions=Table(rows.loc[rows.index.repeat(times)].reset_index(drop=True)))
    same_scores(
        _scores(subject, run, weighed),
        _scores(subject, run, repeated),
        "with rows weighed in place of repeated",
        "count a row dataset.weights(rows) times",
    )


@check("ranker")
def a_larger_effect_does_not_lower_a_score(subject: Subject) -> None:
    """Where the effect of one item is larger for everybody, no user's score of it is lower."""
    run, at = small_run(), 4
    effects = run.effects
    own = replace(effects, segment=effects.segment.iloc[:0])
    item = own.item.copy()
    item.loc[run.items[at], ["effect", "lower", "upper", "raw"]] += 0.5
    before, after = (_scores(subject, run, run.outputs.training, told) for told in (own, replace(own, item=item)))
    if np.array_equal(before, after, equal_nan=True):
        raise NotApplicable("it does not rank by effects")
    rises = after[:, at] - before[:, at]
    assert not (rises < -1e-9).any(), (
        f"where the effect of an item rose by 0.5, its score fell by {-np.nanmin(rises):.4g}: higher is better; "
        "look at the sign"
    )
