"""What an estimator must give back."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd

from causalkit.components import Context
from causalkit.errors import CausalkitError, NotFitted
from causalkit.statistics import benjamini_hochberg, e_value
from causalkit.testing.checks._comparing import difference
from causalkit.testing.checks._logs import ALWAYS, EMPTY, NEVER, Case, log
from causalkit.testing.kit import NotApplicable, Subject, check
from causalkit.types import ITEM_COLUMNS, Effects

__all__ = ["fitted", "numbered", "refused"]

_TEXTS = ("status", "reason")
_TABLES = {
    "item": ("effect", "stderr", "lower", "upper"),
    "segment": ("item", "segment", "effect", "stderr", "lower", "upper"),
    "pair": ("user", "item", "effect", "stderr"),
}


def fitted(subject: Subject, case: Case, context: Context | None = None) -> Effects:
    """What a fresh copy reads from a case."""
    made = subject.fresh()
    made.fit(case.dataset, case.estimand, case.embeddings, context=context or Context())
    effects = made.effects_
    assert isinstance(effects, Effects), f"effects_ must be Effects, got {type(effects).__name__}"
    return effects


def refused(subject: Subject, case: Case) -> Effects | None:
    """What it reads from a case; None where it says that it can't, by an error of causalkit's."""
    try:
        return fitted(subject, case)
    except AssertionError:
        raise
    except CausalkitError as error:
        if not str(error).strip():
            raise AssertionError(f"it raised {type(error).__name__} without a word; say what was wrong") from error
        return None
    except Exception as error:
        kind = type(error).__name__
        raise AssertionError(
            f"it raised {kind}: {error}. Raise causalkit.errors.DataError, which says what was wrong and what to do, "
            "or leave the item without a number and say why in its reason"
        ) from error


def numbered(effects: Effects) -> pd.DataFrame:
    """The items that have an effect, and one of their own."""
    table = effects.item
    return table[table["effect"].notna() & table["raw"].notna()]


@check("estimator")
def fit_returns_self(subject: Subject) -> None:
    """`fit` returns the estimator that it was called on."""
    case, made = log(), subject.fresh()
    got = made.fit(case.dataset, case.estimand, case.embeddings, context=Context())
    assert got is made, f"fit returned {type(got).__name__}, another object; end it with `return self`"


@check("estimator")
def an_unfitted_one_says_so(subject: Subject) -> None:
    """`effects_` read before `fit` raises `NotFitted`."""
    try:
        got = subject.fresh().effects_
    except NotFitted:
        return
    raise AssertionError(f"effects_ is {got!r} before fit; set it in fit alone, and @component raises NotFitted")


@check("estimator")
def fits_without_embeddings_or_context(subject: Subject) -> None:
    """`fit(dataset, estimand)` works; one that needs embeddings says so by an error of causalkit's."""
    case, made = log(), subject.fresh()
    try:
        made.fit(case.dataset, case.estimand)
    except CausalkitError:
        return
    except Exception as error:
        raise AssertionError(
            f"fit(dataset, estimand) raised {type(error).__name__}: {error}; give embeddings and context defaults, "
            "and raise causalkit.errors.DataError where embeddings are needed"
        ) from error
    assert isinstance(made.effects_, Effects), "effects_ is not Effects"


@check("estimator")
def fills_the_level_it_declares(subject: Subject) -> None:
    """`level` is item, segment or pair, and the table of that level has finite effects."""
    level = subject.fresh().level
    assert level in _TABLES, f"level is {level!r}; it must be 'item', 'segment' or 'pair'"
    table = getattr(fitted(subject, log()), level)
    missing = [name for name in _TABLES[level] if name not in table.columns]
    assert not missing, f"effects_.{level} has no column {', '.join(missing)}"
    assert table["effect"].notna().any(), f"level is {level!r}, and effects_.{level} has no effect"
    both = table["effect"].notna()
    assert np.isfinite(table.loc[both, "effect"].to_numpy(float)).all(), f"effects_.{level} has infinite effects"
    assert (table.loc[both, "stderr"] > 0).all(), f"effects_.{level} has effects without a standard error above 0"


@check("estimator")
def has_a_row_for_each_item(subject: Subject) -> None:
    """The item table is indexed by the items of the dataset, each once, and has every column of `ITEM_COLUMNS`."""
    case = log()
    table = fitted(subject, case).item
    missing = [name for name in ITEM_COLUMNS if name not in table.columns]
    assert not missing, f"effects_.item has no column {', '.join(missing)}; causalkit.estimation.item_table makes them"
    assert table.index.is_unique, "effects_.item has an item twice"
    left_out = case.dataset.items.index.difference(table.index)
    assert left_out.empty, f"effects_.item leaves out {left_out[0]!r}; an item without a number has NaN and a reason"
    strange = table.index.difference(case.dataset.items.index)
    assert strange.empty, f"effects_.item has {strange[0]!r}, which is no item of the dataset"
    for name in (n for n in ITEM_COLUMNS if n not in _TEXTS):
        assert pd.api.types.is_numeric_dtype(table[name]), f"effects_.item[{name!r}] holds {table[name].dtype}"
        assert not np.isinf(table[name].to_numpy(float)).any(), f"effects_.item[{name!r}] holds infinity"


@check("estimator")
def intervals_bracket(subject: Subject) -> None:
    """Each effect has a positive standard error, and lies between its limits."""
    effects = fitted(subject, log())
    for level in ("item", "segment"):
        table = getattr(effects, level)
        table = table[table["effect"].notna()]
        for row in table.itertuples():
            where = f"effects_.{level}, item {row.Index if level == 'item' else row.item!r}"
            assert row.stderr > 0, f"{where}: stderr is {row.stderr}, and must be above 0"
            assert row.lower <= row.effect <= row.upper, (
                f"{where}: {row.effect:.4g} is not within {row.lower:.4g} to {row.upper:.4g}"
            )
            assert row.lower < row.upper, f"{where}: the interval has no width"


@check("estimator")
def a_missing_number_has_a_reason(subject: Subject) -> None:
    """Where an item has no effect, its `reason` says why; every reason is text."""
    table = fitted(subject, log()).item
    for item, row in table.iterrows():
        assert isinstance(row["reason"], str), f"reason of {item!r} is {row['reason']!r}; it must be text, '' for none"
        said = bool(row["reason"].strip())
        assert said or np.isfinite(row["effect"]), f"{item!r} has no effect, and no reason says why"


@check("estimator")
def reads_nothing_where_nothing_compares(subject: Subject) -> None:
    """An item that is never, or always, exposed has no `raw` effect of its own."""
    table = fitted(subject, log()).item
    for item, what in ((NEVER, "was never exposed"), (ALWAYS, "was always exposed"), (EMPTY, "has no rows")):
        raw, p = table.loc[item, "raw"], table.loc[item, "p"]
        assert np.isnan(raw), f"an item that {what} has raw = {raw:.4g}; leave raw NaN and say why in its reason"
        assert np.isnan(p), f"an item that {what} has p = {p:.4g}; leave it NaN"


@check("estimator")
def reads_nothing_where_all_are_exposed(subject: Subject) -> None:
    """A log whose every row is exposed, or none, gives no raw effects: an error of causalkit's, or reasons."""
    for value, what in ((1, "is exposed"), (0, "is unexposed")):
        case = log()
        effects = refused(subject, case.with_rows(case.rows.assign(shown=np.int8(value))))
        if effects is None:
            continue
        told = effects.item["raw"].dropna()
        assert told.empty, f"every row {what}, and {told.index[0]!r} has a raw effect of {told.iloc[0]:.4g}"
        silent = effects.item.index[effects.item["effect"].isna() & effects.item["reason"].eq("")]
        assert silent.empty, f"every row {what}, and {silent[0]!r} has no effect and no reason"


@check("estimator")
def counts_assignment_units(subject: Subject) -> None:
    """`treated` and `control` count assignment units (here item × week), not rows."""
    case = log()
    weeks = case.rows.groupby(["item", "week"], observed=True)["shown"].first().groupby("item", observed=True)
    exposed, every = weeks.sum(), weeks.size()
    for item, row in numbered(fitted(subject, case)).iterrows():
        got, want = (row["treated"], row["control"]), (exposed[item], every[item] - exposed[item])
        assert got == want, (
            f"{item!r} has {want[0]} exposed and {want[1]} unexposed assignment units (dataset.unit), and treated and "
            f"control say {got[0]:g} and {got[1]:g}; the frame marks items with too few by these"
        )


@check("estimator")
def p_and_q_are_of_the_raw_effects(subject: Subject) -> None:
    """`p` is in [0, 1] exactly where there is a raw effect; `q` is Benjamini-Hochberg over those."""
    table = fitted(subject, log()).item
    p, raw = table["p"].to_numpy(float), table["raw"].to_numpy(float)
    known = np.isfinite(p)
    assert ((p[known] >= 0) & (p[known] <= 1)).all(), "p is not in [0, 1]"
    odd = table.index[known != np.isfinite(raw)]
    assert odd.empty, f"{odd[0]!r} has raw = {table.loc[odd[0], 'raw']} and p = {table.loc[odd[0], 'p']}"
    same = np.allclose(table["q"].to_numpy(float), benjamini_hochberg(p), equal_nan=True)
    assert same, "q is not what causalkit.statistics.benjamini_hochberg(p) gives"


@check("estimator")
def e_values_are_of_the_effects(subject: Subject) -> None:
    """`e_value` is that of `effect` (after sharing strength) and `baseline`."""
    table = fitted(subject, log()).item
    same = np.isclose(e_value(table["effect"], table["baseline"]), table["e_value"].to_numpy(float), equal_nan=True)
    odd = table.index[~same]
    assert odd.empty, f"e_value of {odd[0]!r} is not what causalkit.statistics.e_value(effect, baseline) gives"


@check("estimator")
def writes_no_status(subject: Subject) -> None:
    """`status` is left empty: only the frame writes it."""
    told = fitted(subject, log()).item["status"]
    written = told[told.fillna("").astype(str) != ""]
    assert written.empty, f"status of {written.index[0]!r} is {written.iloc[0]!r}; leave it '', and state a reason"


@check("estimator")
def states_its_assumptions(subject: Subject) -> None:
    """`effects_.assumptions` says in words what the numbers rest on; receipts print it."""
    told = fitted(subject, log()).assumptions
    fine = isinstance(told, tuple) and all(isinstance(said, str) and said.strip() for said in told)
    assert fine, f"assumptions must be a tuple of sentences, got {told!r}"
    assert told, "assumptions is empty: say what the effects rest on, such as what they are adjusted for"


@check("estimator")
def predicts_for_users(subject: Subject) -> None:
    """`effects_.predict(users, items)` gives the effects, at the declared level where it is known."""
    case, level = log(), subject.fresh().level
    effects = fitted(subject, case)
    own = numbered(effects).index
    if not len(own):
        raise NotApplicable("no item has an effect")
    users = list(case.dataset.users.index)
    found = pd.concat([effects.predict(users, [item] * len(users)) for item in own])
    assert np.isfinite(found["effect"].to_numpy(float)).all(), "predict gives NaN for an item with an effect"
    assert (found["level"] == level).any(), (
        f"level is {level!r}, and predict finds effects at {', '.join(sorted(found['level'].unique()))} alone; "
        "Effects.segments says who is in which segment, and ids must be those of the log"
    )
    new = effects.predict(["nobody"], [own[0]])
    assert np.isfinite(new["effect"].iloc[0]), "predict gives NaN for a user who is not in the log"


@check("estimator")
def a_fitted_one_can_be_pickled(subject: Subject) -> None:
    """A fitted estimator goes to another process and back with its effects."""
    case, made = log(), subject.fresh()
    made.fit(case.dataset, case.estimand, case.embeddings, context=Context())
    try:
        back = pickle.loads(pickle.dumps(made))  # noqa: S301 (written the moment before)
    except Exception as error:
        raise AssertionError(f"it can't be pickled once fitted: {error}; keep open files and functions out") from error
    found = difference(made.effects_, back.effects_)
    assert not found, f"pickled and read back, {found}"


@check("estimator")
def reads_what_the_estimand_names(subject: Subject) -> None:
    """Treatment and outcome are the columns that the estimand names, whatever the schema calls them."""
    case = log()
    other = replace(case, estimand=replace(case.estimand, outcome="opened"))
    moved = case.with_rows(case.rows.assign(bought=case.rows["opened"]))
    found = difference(fitted(subject, moved), fitted(subject, other), 1e-6)
    assert not found, f"with estimand.outcome = 'opened' in place of 'bought', {found}; read estimand.outcome"
    unlike = difference(fitted(subject, case), fitted(subject, other), 1e-6)
    assert unlike, "another outcome gives the same effects"


@check("estimator")
def reads_the_population_asked_for(subject: Subject) -> None:
    """`estimand.only`, a column and the value it must have, restricts the rows."""
    case = log()
    asked = replace(case, estimand=replace(case.estimand, only=("segment", "east")))
    rows = case.rows
    found = difference(fitted(subject, case.with_rows(rows[rows["segment"] == "east"])), fitted(subject, asked), 1e-6)
    assert not found, (
        f"with estimand.only = ('segment', 'east') in place of those rows alone, {found}; "
        "causalkit.estimation.sound_rows takes them"
    )


@check("estimator")
def never_reads_the_truth(subject: Subject) -> None:
    """What was planted in a simulated log is for metrics; fitting never sees it."""
    case = log()
    blind = replace(case, dataset=replace(case.dataset, truth=None))
    effects = refused(subject, blind)
    assert effects is not None, "it needs dataset.truth, which real logs do not have"
    found = difference(fitted(subject, case), effects)
    assert not found, f"without dataset.truth, {found}; never fit to the truth"
