"""What a propensity model must do."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from causalkit.components import Context, clone
from causalkit.errors import CausalkitError, NotFitted
from causalkit.testing.checks._comparing import altered
from causalkit.testing.checks._contexts import global_state, same_global_state, shaken
from causalkit.testing.checks._logs import Case, log
from causalkit.testing.kit import Subject, check
from causalkit.types import Column, Propensities

_CLOSE = 1e-6

Floats = npt.NDArray[np.float64]


def fitted_to(subject: Subject, case: Case) -> Any:
    """A fresh copy, fitted to a case."""
    made = subject.fresh()
    made.fit(case.dataset, context=Context())
    return made


def predicted(model: Any, rows: pd.DataFrame) -> Floats:
    """Its probabilities for `rows`, once they have been looked at."""
    found = model.predict(rows, context=Context())
    assert isinstance(found, Propensities), f"predict must give Propensities, got {type(found).__name__}"
    values = np.asarray(found.values)
    assert values.shape == (len(rows),), f"predict gives shape {values.shape} for {len(rows)} rows; one for each row"
    assert values.dtype.kind == "f", f"probabilities must be floats, got {values.dtype}"
    assert np.isfinite(values).all(), "predict gives NaN or infinity"
    assert ((values > 0) & (values < 1)).all(), (
        f"probabilities must be above 0 and below 1, got {values.min():.3g} to {values.max():.3g}; "
        "hold them off the ends, for a weight divides by them"
    )
    return values.astype(float)


def _gives(subject: Subject, case: Case, rows: pd.DataFrame | None = None) -> Floats:
    return predicted(fitted_to(subject, case), case.rows if rows is None else rows)


def _refused(subject: Subject, case: Case, rows: pd.DataFrame | None = None) -> Floats | None:
    """What it gives; None where it says that it can't, by an error of causalkit's."""
    try:
        return _gives(subject, case, rows)
    except (AssertionError, CausalkitError) as error:
        if isinstance(error, AssertionError):
            raise
        return None
    except Exception as error:
        raise AssertionError(
            f"it raised {type(error).__name__}: {error}; raise causalkit.errors.DataError, which says what to do"
        ) from error


def _same(a: Floats, b: Floats, tolerance: float = 0.0) -> bool:
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=tolerance, atol=tolerance))


@check("propensity")
def fit_returns_self(subject: Subject) -> None:
    """`fit` returns the model that it was called on."""
    made = subject.fresh()
    got = made.fit(log().dataset, context=Context())
    assert got is made, f"fit returned {type(got).__name__}, another object; end it with `return self`"


@check("propensity")
def an_unfitted_one_says_so(subject: Subject) -> None:
    """`predict` before `fit` raises `NotFitted`."""
    try:
        subject.fresh().predict(log().rows, context=Context())
    except NotFitted:
        return
    except Exception as error:
        raise AssertionError(
            f"predict before fit raised {type(error).__name__}: {error}; keep what fit learns in attributes whose "
            "names end in '_', and @component raises NotFitted"
        ) from error
    raise AssertionError("predict before fit gives an answer; it must raise causalkit.errors.NotFitted")


@check("propensity")
def a_probability_for_each_row(subject: Subject) -> None:
    """`predict` gives `Propensities`: a float in (0, 1) for each row; for no rows, none."""
    case = log()
    made = fitted_to(subject, case)
    predicted(made, case.rows)
    predicted(made, case.rows.iloc[:0])


@check("propensity")
def says_how(subject: Subject) -> None:
    """`Propensities.how` says in words how they were had."""
    case = log()
    told = fitted_to(subject, case).predict(case.rows, context=Context()).how
    assert isinstance(told, str), f"how must be text, got {told!r}"
    assert told.strip(), "how is empty: say how the probabilities were had, such as 'logistic regression on price'"


@check("propensity")
def follows_its_rows(subject: Subject) -> None:
    """A row has the same probability whichever rows stand beside it, in whatever order and under whatever index."""
    case = log()
    made, rows = fitted_to(subject, case), case.rows
    whole = pd.Series(predicted(made, rows), rows.index)
    some = rows.sample(frac=0.4, random_state=2)
    got = predicted(made, some)
    assert _same(whole.loc[some.index].to_numpy(), got, _CLOSE), (
        "some rows, in another order, have other probabilities than among all; predict row by row, and keep the order"
    )
    again = predicted(made, some.set_axis(range(7, 7 + len(some))))
    assert _same(got, again), "rows under another index have other probabilities; go by position, not by index"
    known = list(some["item"].cat.categories)
    coded = some.assign(item=some["item"].cat.reorder_categories([*known[2:], *known[:2]]))
    assert _same(got, predicted(made, coded), _CLOSE), (
        "rows whose item column has its categories in another order have other probabilities; "
        "find ids by name, for a category's code is of its own table alone"
    )


@check("propensity")
def leaves_its_input_alone(subject: Subject) -> None:
    """Neither `fit` nor `predict` writes to what it is given."""
    case, before = log(), log()
    made = fitted_to(subject, case)
    found = altered(before, case)
    assert not found, f"fit: {found}; work on a copy (`rows.assign(…)`)"
    rows = case.rows
    predicted(made, rows)
    assert rows.equals(before.rows), "predict writes to the rows that it is given; work on a copy"


@check("propensity")
def fit_repeats(subject: Subject) -> None:
    """The same rows and seed give the same probabilities to the last bit: of a fresh copy, and of one fitted again."""
    case, made = log(), subject.fresh()
    first = _gives(subject, case)
    for what, one in (("a fresh copy", made), ("the same one fitted again", made), ("a clone of it", clone(made))):
        one.fit(case.dataset, context=Context())
        assert _same(first, predicted(one, case.rows)), f"{what} gives other probabilities; draw from context.rng"


@check("propensity")
def draws_from_its_context_alone(subject: Subject) -> None:
    """The process's own generators (`random`, `np.random`) are neither read nor moved."""
    first = _gives(subject, log())
    with shaken(1):
        before = global_state()
        again = _gives(subject, log())
        assert same_global_state(before), "it moves the state of random or np.random; use context.rng('name')"
    assert _same(first, again), "under another np.random.seed it gives other probabilities; use context.rng('name')"


@check("propensity")
def a_refit_forgets(subject: Subject) -> None:
    """Fitted to one log and then to another, it gives what a fresh one gives of the other."""
    made, other = fitted_to(subject, log(1)), log()
    made.fit(other.dataset, context=Context())
    assert _same(_gives(subject, other), predicted(made, other.rows)), "fitted before to another log, it differs"


@check("propensity")
def rows_in_any_order(subject: Subject) -> None:
    """Fitted to rows in another order, it gives the same probabilities."""
    case = log()
    mixed = case.with_rows(case.rows.sample(frac=1, random_state=3))
    same = _same(_gives(subject, case), _gives(subject, mixed, case.rows), _CLOSE)
    assert same, "fitted to the rows in another order, it gives other probabilities; sort rows by their ids first"


@check("propensity")
def columns_in_any_order(subject: Subject) -> None:
    """Columns of the log in another order give the same probabilities."""
    case = log()
    turned = case.with_rows(case.rows.iloc[:, ::-1])
    same = _same(_gives(subject, case), _gives(subject, turned), _CLOSE)
    assert same, "with the columns in another order, it gives other probabilities; take columns by name"


@check("propensity")
def never_reads_the_outcome(subject: Subject) -> None:
    """What happened after exposure tells nothing of how it was decided: another outcome changes nothing."""
    case = log()
    other = case.with_rows(case.rows.assign(bought=1 - case.rows["bought"], opened=1 - case.rows["opened"]))
    same = _same(_gives(subject, case), _gives(subject, other))
    assert same, "with another outcome it gives other probabilities; fit to columns of the role covariate, or ids"


@check("propensity")
def predicts_without_looking(subject: Subject) -> None:
    """`predict` needs neither exposure nor outcome of the rows, and reads neither."""
    case = log()
    made, rows = fitted_to(subject, case), case.rows
    first = predicted(made, rows)
    flipped = predicted(made, rows.assign(shown=1 - rows["shown"], bought=1 - rows["bought"]))
    assert _same(first, flipped), "predict reads whether the row was exposed, or its outcome"
    try:
        bare = predicted(made, rows.drop(columns=["shown", "bought", "opened"]))
    except KeyError as error:
        raise AssertionError(f"predict needs the column {error} of the rows, which they may not have") from error
    assert _same(first, bare), "predict gives other probabilities for rows without exposure and outcome"


@check("propensity")
def weights_are_frequencies(subject: Subject) -> None:
    """A row of weight 2 counts as that row twice, and one of weight 0 as none."""
    case = log()
    rows = case.rows
    times = np.random.default_rng(5).integers(0, 4, len(rows)) * (1 + 2 * rows["shown"].to_numpy(int))
    weighed = case.with_rows(rows.assign(times=times), Column("times", "weight", "count"))
    repeated = case.with_rows(rows.iloc[np.repeat(np.arange(len(times)), times)].reset_index(drop=True))
    apart = np.abs(_gives(subject, repeated, weighed.rows) - _gives(subject, weighed)).mean()
    assert apart < 0.05, (
        f"fitted to rows repeated, and then weighed, it is {apart:.2f} apart; see dataset.weights(rows)"
    )


@check("propensity")
def treatment_of_any_type(subject: Subject) -> None:
    """Exposure as bool, int64 or float64 gives the same probabilities as int8."""
    case = log()
    first = _gives(subject, case)
    for kind in (bool, np.int64, np.float64):
        found = _refused(subject, case.with_rows(case.rows.assign(shown=case.rows["shown"].astype(kind))))
        assert found is not None, f"exposure of type {kind.__name__} is refused"
        assert _same(first, found, _CLOSE), f"exposure of type {kind.__name__} gives other probabilities"


@check("propensity")
def new_items_and_users(subject: Subject) -> None:
    """Rows of items and users that it never saw have a probability, or are refused by an error of causalkit's."""
    case = log()
    rows = case.rows
    known = (rows["item"] != "item-2") & (rows["user"] != "user-03")
    _refused(subject, case.with_rows(rows[known]), rows[~known])
    strange = rows[~known].assign(item=pd.Categorical(["a new one"] * int((~known).sum())))
    _refused(subject, case, strange)


@check("propensity")
def a_log_without_choice(subject: Subject) -> None:
    """A log without rows, or whose every row is exposed, is refused, or has probabilities within (0, 1)."""
    case = log()
    for rows in (case.rows.iloc[:0], case.rows.iloc[:1], case.rows.assign(shown=np.int8(1))):
        _refused(subject, case.with_rows(rows), case.rows)


@check("propensity")
def a_fitted_one_can_be_pickled(subject: Subject) -> None:
    """A fitted model goes to another process and back, and predicts the same."""
    case = log()
    made = fitted_to(subject, case)
    try:
        back = pickle.loads(pickle.dumps(made))  # noqa: S301 (written the moment before)
    except Exception as error:
        raise AssertionError(f"it can't be pickled once fitted: {error}; keep open files and functions out") from error
    assert _same(predicted(made, case.rows), predicted(back, case.rows)), "pickled and read back, it differs"


@check("propensity")
def one_item_is_enough(subject: Subject) -> None:
    """A log of one item has probabilities, or is refused by an error of causalkit's."""
    case = log().of_items(["item-2"])
    _refused(subject, case)
