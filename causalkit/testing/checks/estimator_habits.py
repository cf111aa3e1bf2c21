"""What must not change an estimator's answer, and what must not stop it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from causalkit.components import Context, clone
from causalkit.errors import CausalkitError, Interrupted
from causalkit.testing.checks._comparing import altered, difference, disagreement
from causalkit.testing.checks._contexts import Elsewhere, Stop, global_state, same_global_state, shaken
from causalkit.testing.checks._logs import COMPARABLE, Case, log
from causalkit.testing.checks.estimator import fitted, numbered, refused
from causalkit.testing.kit import NotApplicable, Subject, check
from causalkit.testing.reductions import check_reduction
from causalkit.types import Column

_CLOSE = 1e-6
_SECONDS = 2.0
"""Longer than this without asking whether to stop is too long for a log of a thousand rows."""


@check("estimator")
def leaves_its_input_alone(subject: Subject) -> None:
    """`fit` writes neither to the dataset's tables nor to the embeddings or the estimand."""
    case, before = log(), log()
    fitted(subject, case)
    found = altered(before, case)
    assert not found, f"{found}; work on a copy (`rows.assign(…)`)"


@check("estimator")
def leaves_its_parameters_alone(subject: Subject) -> None:
    """`fit` keeps parameters as they were given, and held components unfitted: it fits clones of them."""
    made, case = subject.fresh(), log()
    before = repr(made)
    made.fit(case.dataset, case.estimand, case.embeddings, context=Context())
    assert repr(made) == before, f"it was {before}, and is {made!r} after fit; parameters are the user's"
    for name, part in made.get_params(deep=False).items():
        learned = [key for key in getattr(part, "__dict__", {}) if key.endswith("_") and not key.startswith("_")]
        assert not learned, f"fit fitted the component held in {name!r} itself ({learned[0]}); fit clone(self.{name})"


@check("estimator")
def fit_repeats(subject: Subject) -> None:
    """The same rows and seed give the same numbers to the last bit: of a fresh copy, a clone, and one fitted again."""
    case, made = log(), subject.fresh()
    first = fitted(subject, case)
    for what, one in (("a fresh copy", made), ("the same one fitted again", made), ("a clone of it", clone(made))):
        one.fit(case.dataset, case.estimand, case.embeddings, context=Context())
        found = difference(first, one.effects_)
        assert not found, f"{what} differs: {found}; draw from context.rng('name'), and sort sets before looping"


@check("estimator")
def draws_from_its_context_alone(subject: Subject) -> None:
    """The process's own generators (`random`, `np.random`) are neither read nor moved."""
    first = fitted(subject, log())
    with shaken(1):
        before = global_state()
        again = fitted(subject, log())
        assert same_global_state(before), "fit moves the state of random or np.random; use context.rng('name')"
    found = difference(first, again)
    assert not found, f"under another np.random.seed, {found}; draw from context.rng('name')"


@check("estimator")
def a_refit_forgets(subject: Subject) -> None:
    """Fitted to one log and then to another, it gives what a fresh one gives of the other."""
    made, first, other = subject.fresh(), log(1), log()
    made.fit(first.dataset, first.estimand, first.embeddings, context=Context())
    made.fit(other.dataset, other.estimand, other.embeddings, context=Context())
    found = difference(fitted(subject, other), made.effects_)
    assert not found, f"fitted before to another log, {found}; begin fit anew"


@check("estimator")
def rows_in_any_order(subject: Subject) -> None:
    """Rows in another order, under another index, give the same answer."""
    case = log()
    mixed = case.rows.sample(frac=1, random_state=3)
    found = difference(fitted(subject, case), fitted(subject, case.with_rows(mixed)), _CLOSE)
    assert not found, f"with the rows in another order, {found}; sort them by their ids before dealing folds"


@check("estimator")
def columns_in_any_order(subject: Subject) -> None:
    """Columns of the log in another order give the same answer."""
    case = log()
    found = difference(fitted(subject, case), fitted(subject, case.with_rows(case.rows.iloc[:, ::-1])), _CLOSE)
    assert not found, f"with the columns in another order, {found}; take columns by name"


@check("estimator")
def items_in_any_order(subject: Subject) -> None:
    """Items, and the categories of ids, in other orders give the same answer."""
    case, turned = log(), log().of_items(list(log().dataset.items.index)[::-1])
    rows = turned.rows
    for name in ("item", "user", "segment"):  # an order of their own: a code is no place in dataset.items
        known = list(rows[name].cat.categories)
        rows[name] = rows[name].cat.reorder_categories([*known[2:], *known[:2]])
    found = disagreement(fitted(subject, case), fitted(subject, turned.with_rows(rows)))
    assert not found, f"with items and categories in other orders, {found}; go by ids, not by their place or code"


@check("estimator")
def ids_may_be_numbers(subject: Subject) -> None:
    """Ids that are whole numbers work as those that are text: the same items have an effect."""
    case = log()
    items, users = list(case.dataset.items.index), list(case.dataset.users.index)
    other = _renamed(case, {name: 10 + k for k, name in enumerate(items)}, {u: k for k, u in enumerate(users)})
    effects = refused(subject, other)
    assert effects is not None, "ids that are numbers are refused"
    want = {10 + items.index(item) for item in numbered(fitted(subject, case)).index}
    got = set(numbered(effects).index)
    assert got == want, f"with numbers for ids, items {sorted(want ^ got)} do or do not have an effect"


def _renamed(case: Case, items: dict[str, int], users: dict[str, int]) -> Case:
    rows, data, vectors = case.rows, case.dataset, case.embeddings
    rows["item"], rows["user"] = rows["item"].cat.rename_categories(items), rows["user"].cat.rename_categories(users)
    about, who = data.items.rename(index=items), data.users.rename(index=users)
    assert vectors.item and vectors.user
    tables = replace(vectors, item=replace(vectors.item, ids=about.index), user=replace(vectors.user, ids=who.index))
    return replace(case, dataset=replace(data, items=about, users=who), embeddings=tables).with_rows(rows)


@check("estimator")
def weights_are_frequencies(subject: Subject) -> None:
    """A row of weight 2 counts as that row twice, and one of weight 0 as none; errors too."""
    weight = Column("times", "weight", "count")
    for case in (log(), log().without_units()):
        rows = case.rows
        times = np.random.default_rng(5).integers(0, 4, len(rows)) * (1 + 2 * (rows["shown"] & rows["bought"]))
        weighed = case.with_rows(rows.assign(times=times), weight)
        repeated = case.with_rows(rows.iloc[np.repeat(np.arange(len(times)), times)].reset_index(drop=True))
        found = disagreement(fitted(subject, repeated), fitted(subject, weighed))
        units = "rows" if not case.dataset.unit else "units"
        assert not found, f"rows repeated, and then weighed (independent {units}): {found}; see dataset.weights(rows)"


@check("estimator")
def treatment_of_any_type(subject: Subject) -> None:
    """Exposure as bool, int64 or float64 gives the same answer as int8."""
    case = log()
    first = fitted(subject, case)
    for kind in (bool, np.int64, np.float64):
        effects = refused(subject, case.with_rows(case.rows.assign(shown=case.rows["shown"].astype(kind))))
        assert effects is not None, f"exposure of type {kind.__name__} is refused"
        found = difference(first, effects, _CLOSE)
        assert not found, f"with exposure of type {kind.__name__}, {found}; take it as float"


@check("estimator")
def parts_agree_with_one_pass(subject: Subject) -> None:
    """Rows read by parts of any size give the answer of one pass."""
    whole = fitted(subject, log())
    for rows in (1000, 37):
        found = difference(whole, fitted(subject, log(), Context(part_rows=rows)), 1e-9)
        assert not found, f"with context.part_rows = {rows}, {found}; what is merged must be what one pass gives"


@check("estimator")
def workers_agree(subject: Subject) -> None:
    """On an executor, where functions, parts and results are pickled, the numbers are the same to the last bit."""
    here = fitted(subject, log(), Context(part_rows=200))
    there = fitted(subject, log(), Context(part_rows=200, executor=Elsewhere()))
    found = difference(here, there)
    assert not found, f"on an executor, {found}; what is sent to context.map must be all that it needs"


@check("estimator")
def reductions_merge(subject: Subject) -> None:
    """What goes through `reduce_table` merges associatively, and agrees with one pass."""
    seen = Elsewhere()
    fitted(subject, log(), Context(part_rows=200, executor=seen))
    if not seen.rounds:
        raise NotApplicable("it makes no use of causalkit.reduce_table")
    for reduction, parts in seen.rounds:
        check_reduction(reduction, parts)


@check("estimator")
def stops_when_asked(subject: Subject) -> None:
    """Asked to stop, it raises `Interrupted`, or was done: it never gives half a result."""
    asked, began = Stop(), time.perf_counter()
    whole = fitted(subject, log(), Context(cancelled=asked, part_rows=200))
    took = time.perf_counter() - began
    assert asked.asked or took < _SECONDS, (
        f"it took {took:.1f} s and never asked whether to stop; loop with context.track, or call context.check()"
    )
    for after in _spread(asked.asked):
        try:
            effects = fitted(subject, log(), Context(cancelled=Stop(after), part_rows=200))
        except Interrupted:
            continue
        found = difference(whole, effects)
        assert not found, f"asked to stop, it gave half a result: {found}; let Interrupted through"


def _spread(asked: int) -> Iterator[int]:
    yield from sorted({0, asked // 2, max(asked - 1, 0)})


@check("estimator")
def an_empty_log_is_refused(subject: Subject) -> None:
    """No rows, or one, raise an error of causalkit's, or leave every item without a number."""
    case = log()
    for rows in (0, 1):
        effects = refused(subject, case.with_rows(case.rows.iloc[:rows]))
        if effects is not None:
            told = effects.item["raw"].dropna()
            assert told.empty, f"of {rows} rows it reads an effect of {told.iloc[0]:.4g}"


@check("estimator")
def one_item_is_enough(subject: Subject) -> None:
    """A log of one item gives its effect, or says why not."""
    effects = refused(subject, log().of_items(COMPARABLE[2:3]))
    if effects is not None:
        row = effects.item.iloc[0]
        assert np.isfinite(row["effect"]) or row["reason"], "one item alone has no effect and no reason"


@check("estimator")
def a_missing_outcome_is_not_swallowed(subject: Subject) -> None:
    """A missing outcome is refused, or its item says so; a row is never left out in silence."""
    case = log()
    rows = case.rows.astype({"bought": float})
    at = rows.index[rows["item"] == COMPARABLE[2]][0]
    rows.loc[at, "bought"] = np.nan
    effects = refused(subject, case.with_rows(rows))
    if effects is not None:
        row = effects.item.loc[COMPARABLE[2]]
        assert row["reason"] or not np.isfinite(row["effect"]), (
            "a row without outcome was left out in silence; raise DataError (causalkit.estimation.sound_rows does)"
        )


@check("estimator")
def an_unknown_column_is_named(subject: Subject) -> None:
    """An adjustment column that the log does not have raises an error of causalkit's, which names it."""
    case = log()
    asked = replace(case, estimand=replace(case.estimand, adjustment=("price", "prise")))
    try:
        fitted(subject, asked)
    except CausalkitError as error:
        if "prise" not in str(error):
            raise AssertionError(f"the error does not name the column 'prise': {error}") from error
    except Exception as error:
        raise AssertionError(
            f"it raised {type(error).__name__}: {error}; causalkit.estimation.adjusted raises a DataError instead"
        ) from error


@check("estimator")
def columns_that_say_nothing(subject: Subject) -> None:
    """Constant and doubled adjustment columns lead to no crash, and to no number without an error bar."""
    case = log()
    rows = case.rows.assign(same=1.0, again=case.rows["price"])
    more = case.with_rows(rows, Column("same", "covariate"), Column("again", "covariate"))
    more = replace(more, estimand=replace(more.estimand, adjustment=(*more.estimand.adjustment, "same", "again")))
    effects = refused(subject, more)
    if effects is None:
        return
    table = effects.item
    silent = table.index[table["effect"].isna() & table["reason"].eq("")]
    assert silent.empty, f"{silent[0]!r} has no effect and no reason"
    wild = pd.Index([item for item, row in numbered(effects).iterrows() if abs(row["effect"]) > 1e3])
    assert wild.empty, f"{wild[0]!r} reads {table.loc[wild[0], 'effect']:.3g} of a 0/1 outcome"
