"""What a metric must do."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from causalkit.components import Context
from causalkit.testing.checks._calls import answer_or_refusal, left_alone
from causalkit.testing.checks._contexts import shaken
from causalkit.testing.checks._small_run import SmallRun, small_run
from causalkit.testing.kit import NotApplicable, Subject, check
from causalkit.types import Column, Measurement, Scores, Table

KNOWN = frozenset({"graph", "effects", "ranking", "scores", "truth"})
_STANDS_FOR: Mapping[str, Mapping[str, Any]] = {
    "graph": {"graph": None, "variables": None},
    "effects": {"effects": None, "estimator": None, "verdicts": (), "embeddings": None},
    "ranking": {"ranking": None, "explanation": None},
    "scores": {"scores": None},
    "truth": {},
}
"""What is taken away with each thing that a metric may need."""


def measure_of(subject: Subject, run: SmallRun, context: Context = Context(), **changes: Any) -> Measurement:
    """The measurement of a run, some of whose outputs are replaced."""
    outputs = replace(run.outputs, **changes)
    return _sound(subject.fresh().measure(outputs, run.test, run.truth, context=context))


def _sound(answer: Any) -> Measurement:
    """A measurement that keeps the rules of every measurement."""
    assert isinstance(answer, Measurement), f"`measure` gave a {type(answer).__name__}; give a Measurement"
    value = float(answer.value)
    assert not math.isinf(value), f"the value is {value}; give NaN, and a note that says why"
    if math.isnan(value):
        assert answer.note.strip(), "the value is NaN without a note; a number that can't be had has a reason"
    return answer


def measured(subject: Subject) -> tuple[SmallRun, Measurement]:
    """The plain run and its value; a metric that has none for it is left in peace."""
    run = small_run()
    found = measure_of(subject, run)
    if math.isnan(found.value):
        raise NotApplicable(f"it measures nothing in the small run: {found.note}")
    return run, found


@check("metric")
def needs_are_known(subject: Subject) -> None:
    """`needs` is a frozenset of what a run has: graph, effects, ranking, scores, truth."""
    needs = subject.fresh().needs
    assert isinstance(needs, frozenset), f"`needs` is a {type(needs).__name__}; make it a frozenset"
    unknown = sorted(map(str, needs - KNOWN))
    assert not unknown, f"`needs` names {', '.join(unknown)}; known are {', '.join(sorted(KNOWN))}"


@check("metric")
def gives_a_measurement(subject: Subject) -> None:
    """`measure` gives a Measurement with a name, and n where there is a value."""
    found = measure_of(subject, small_run())
    assert isinstance(found.name, str) and found.name.strip(), "the measurement has no name"
    assert found.n >= 0, f"n is {found.n}"
    assert math.isnan(found.value) or found.n > 0, f"the value is {found.value:.4g}, of n = 0 units; say of how many"


@check("metric")
def its_interval_holds_the_value(subject: Subject) -> None:
    """Lower and upper limit are both there or both not, and the value lies between them."""
    _, found = measured(subject)
    limits = [float(found.lower), float(found.upper)]
    if not np.isfinite(limits).any():
        raise NotApplicable("it gives no interval")
    assert np.isfinite(limits).all(), f"one limit is missing: {limits[0]} to {limits[1]}"
    assert limits[0] <= found.value <= limits[1], f"the value {found.value:.6g} lies outside its interval, {limits}"


@check("metric")
def reads_what_it_says_it_needs(subject: Subject) -> None:
    """What is not in `needs` may be absent: the value is the same."""
    run, found = measured(subject)
    rest = KNOWN - subject.fresh().needs
    gone = {name: value for need in rest for name, value in _STANDS_FOR[need].items()}
    bare = SmallRun(run.outputs, replace(run.test, truth=None), None) if "truth" in rest else run
    said = f"without {', '.join(sorted(rest))}, which it does not say it needs"
    try:
        again = measure_of(subject, bare, **gone)
    except Exception as error:
        raise AssertionError(f"{said}, it raised {type(error).__name__}: {error}") from error
    _same(again, found, said)


@check("metric")
def says_what_is_missing(subject: Subject) -> None:
    """Without something that it needs: NaN with a note, or an error that says so."""
    run = small_run()
    for need in sorted(subject.fresh().needs & KNOWN):
        missing = SmallRun(run.outputs, replace(run.test, truth=None), None) if need == "truth" else run
        found = _stands(subject, missing, f"a run without {need}", **_STANDS_FOR[need])
        none = found is None or math.isnan(found.value)
        assert none, f"without {need}, which it says it needs, it measured {found and found.value}"


@check("metric")
def stands_rows_that_say_nothing(subject: Subject) -> None:
    """Of no held-out rows, of one user, of no outcome and of unknown outcomes: a value, a note, or an error."""
    run = small_run()
    rows = run.test.interactions.frame()
    first = rows["user"].eq(run.users[0])
    for changed, said in (
        (rows.iloc[:0], "no held-out rows"),
        (rows[first], "held-out rows of one user"),
        (rows.assign(bought=np.int8(0)), "held-out rows without an outcome"),
        (rows.assign(bought=rows["bought"].astype(float).where(~first)), "outcomes of which some are missing"),
        (rows[rows["shown"].eq(0)], "held-out rows that were never exposed"),
    ):
        _stands(subject, replace_rows(run, changed), said)


@check("metric")
def stands_odd_scores(subject: Subject) -> None:
    """Of scores that are all tied or all missing: a value, a note, or an error."""
    run = small_run()
    for value, said in ((0.5, "scores that are all tied"), (np.nan, "scores that are all missing")):
        _stands(subject, run, said, scores=_constant(value))


@check("metric")
def stands_an_empty_ranking(subject: Subject) -> None:
    """Of a ranking without recommendations: a value, a note, or an error."""
    run = small_run()
    assert run.outputs.ranking is not None
    empty = replace(run.outputs.ranking, table=run.outputs.ranking.table.iloc[:0])
    _stands(subject, run, "a ranking without recommendations", ranking=empty)


@check("metric")
def rows_permuted_give_the_same_value(subject: Subject) -> None:
    """The order of the held-out rows changes nothing."""
    run, found = measured(subject)
    rows = run.test.interactions.frame().sample(frac=1, random_state=3).reset_index(drop=True)
    _same(measure_of(subject, replace_rows(run, rows)), found, "with its rows in another order")


@check("metric")
def ids_do_not_matter(subject: Subject) -> None:
    """Under other names of users and items, the value is the same."""
    _, found = measured(subject)
    _same(measure_of(subject, small_run("client", "thing")), found, "with other names of users and items")
    run = small_run()
    rows = run.test.interactions.frame().copy()
    for name in ("user", "item", "segment"):
        known = list(rows[name].cat.categories)
        rows[name] = rows[name].cat.reorder_categories([*known[2:], *known[:2]])
    _same(measure_of(subject, replace_rows(run, rows)), found, "with the categories of ids in another order")


@check("metric")
def weights_are_frequencies(subject: Subject) -> None:
    """A held-out row of weight 2 counts as much as the row twice."""
    run, _ = measured(subject)
    rows = run.test.interactions.frame()
    twice = rows["week"].eq(rows["week"].max()).to_numpy()
    schema = run.test.schema.with_columns([Column("people", "weight", "count")])
    weighed = replace(run.test, schema=schema)
    doubled = rows.loc[rows.index.repeat(1 + twice)].reset_index(drop=True)
    found = [
        measure_of(subject, SmallRun(run.outputs, replace(weighed, interactions=Table(frame)), run.truth)).value
        for frame in (rows.assign(people=1.0 + twice), doubled.assign(people=1.0))
    ]
    assert close(*found), f"with rows of weight 2 it measured {found[0]:.6g}, and with these rows twice {found[1]:.6g}"


@check("metric")
def leaves_the_run_alone(subject: Subject) -> None:
    """Neither outputs, held-out rows nor truth are changed."""
    run = small_run()
    with left_alone(run.outputs, run.test, run.truth):
        subject.fresh().measure(run.outputs, run.test, run.truth, context=Context())


@check("metric")
def repeats_under_one_seed(subject: Subject) -> None:
    """One seed gives one measurement, whatever the metric did before and other code drew."""
    run, metric, context = small_run(), subject.fresh(), Context(root_seed=4)

    def measure(context: Context = context) -> Measurement:
        return _sound(metric.measure(run.outputs, run.test, run.truth, context=context))

    first = measure()
    measure(Context(root_seed=9))
    with shaken(1):
        again = measure()
    assert repr(again) == repr(first), (
        f"the same run and seed gave {_told(first)}, and then {_told(again)}; "
        "draw from `context.rng('name')`, and keep no state"
    )


@check("metric")
def training_rows_are_not_what_is_measured(subject: Subject) -> None:
    """The value comes from the held-out rows or the truth: other training outcomes do not move it."""
    run, found = measured(subject)
    rows = run.outputs.training.interactions.frame()
    turned = replace(run.outputs.training, interactions=Table(rows.assign(bought=1 - rows["bought"])))
    _same(measure_of(subject, run, training=turned), found, "with other outcomes in the training rows")


def replace_rows(run: SmallRun, rows: Any) -> SmallRun:
    """The run with other held-out rows."""
    return SmallRun(run.outputs, replace(run.test, interactions=Table(rows)), run.truth)


def _constant(value: float) -> Callable[..., Scores]:
    return lambda users, items: Scores(users, items, np.full((len(users), len(items)), value))


def _stands(subject: Subject, run: SmallRun, given: str, **changes: Any) -> Measurement | None:
    metric, outputs = subject.fresh(), replace(run.outputs, **changes)
    return _stood(lambda: metric.measure(outputs, run.test, run.truth, context=Context()), given)


def _stood(call: Callable[[], Any], given: str) -> Measurement | None:
    found = answer_or_refusal(call, given)
    return None if found is None else _sound(found)


def _same(again: Measurement, first: Measurement, said: str) -> None:
    assert close(again.value, first.value), f"{said}, it measured {_told(again)} and not {_told(first)}"


def close(a: float, b: float) -> bool:
    """Whether two values are the same, but for rounding."""
    return bool(np.isclose(a, b, rtol=1e-6, atol=1e-9, equal_nan=True))


def _told(found: Measurement) -> str:
    return f"{found.value:.6g}" + (f" ({found.note})" if found.note else "")
