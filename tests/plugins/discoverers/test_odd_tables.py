"""Tables as logs of all sorts give them: an answer, or an error that says why not."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.discoverers.bootstrap import Bootstrap
from causalkit_plugins.discoverers.causal_learn import CausalLearn
from causalkit_plugins.discoverers.pc import PC
from causalkit_plugins.discoverers.score_search import ScoreSearch

from causalkit.errors import DataError
from causalkit.types import CausalGraph, Column, Variables

N = 300
SCORE = ScoreSearch(starts=2, sweeps=3, chains=2, draws=10)
ALL = [PC(), SCORE, Bootstrap(of=PC(), resamples=2), CausalLearn(method="ges")]
named = pytest.mark.parametrize("method", ALL, ids=lambda m: type(m).__name__)


def chain(**more: object) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    a = rng.normal(size=N)
    b = a + rng.normal(size=N)
    return pd.DataFrame({"a": a, "b": b, "c": b + rng.normal(size=N)} | more)


def seen(table: pd.DataFrame, kinds: dict[str, str] | None = None, **more: object) -> Variables:
    return Variables(table, tuple(Column(n, "covariate", (kinds or {}).get(n, "continuous")) for n in table), **more)


def joined(graph: CausalGraph) -> set[frozenset[str]]:
    return {frozenset((e.source, e.target)) for e in graph}


def in_days(values: pd.Series) -> pd.Series:
    return pd.to_timedelta((values * 1e6).round(), unit="s")


AS = {
    "decimals": lambda a: pd.Series([Decimal(str(x)) for x in a], dtype=object),
    "objects": lambda a: a.astype(object),
    "timestamps": lambda a: pd.Timestamp("2020-01-01") + in_days(a),
    "timestamps of a zone": lambda a: pd.Timestamp("2020-01-01", tz="UTC") + in_days(a),
    "times": in_days,
    "days": lambda a: (pd.Timestamp("2020-01-01") + in_days(1000 * a)).dt.to_period("D"),
    "nullable": lambda a: a.astype("Float64"),
}


@named
@pytest.mark.parametrize("sort", AS)
def test_numbers_of_every_dtype_are_numbers(method, sort):
    graph = method.discover(seen(chain(a=AS[sort](chain()["a"]))))
    assert joined(graph) == {frozenset("ab"), frozenset("bc")}


@pytest.mark.parametrize("unit", ["timestamp[us][pyarrow]", "duration[us][pyarrow]"])
def test_times_of_arrow_are_numbers(unit):
    pytest.importorskip("pyarrow")
    a = (chain()["a"] * 1e6).astype("int64")
    as_time = (pd.Timestamp(0) + pd.to_timedelta(a, unit="s")) if "stamp" in unit else pd.to_timedelta(a, unit="s")
    assert joined(PC().discover(seen(chain(a=as_time.astype(unit))))) == {frozenset("ab"), frozenset("bc")}


def test_a_missing_time_is_missing_and_no_early_time():
    days = pd.Series(pd.date_range("2020-01-01", periods=N))
    table = chain(day=days.where(chain()["a"] > 0))
    graph = PC().discover(seen(table))
    assert joined(graph) == {frozenset("ab"), frozenset("bc")}
    assert any("missing numbers: day" in note for note in graph.notes)
    with pytest.raises(DataError, match="missing"):
        SCORE.discover(seen(table))


@named
@pytest.mark.parametrize(
    ("values", "said"), [([[1], [2]] * (N // 2), "lists"), (np.full(N, 1j), "complex")], ids=["lists", "complex"]
)
def test_what_is_neither_number_nor_word_is_refused(method, values, said):
    table = chain()
    table["a"] = pd.Series(values)
    with pytest.raises(DataError, match=said):
        method.discover(seen(table, {"a": "categorical"}))


@named
@pytest.mark.parametrize("weights", [np.full(N, np.nan), np.full(N, np.inf), np.full(N, -1.0), np.ones(3)])
def test_weights_that_are_none_are_refused(method, weights):
    with pytest.raises(DataError, match="weights"):
        method.discover(seen(chain(), weights=weights))


@named
@pytest.mark.parametrize(
    "change",
    [{"levels": {"a": ("nobody",)}}, {"clusters": ("nobody",)}, {"period": "nobody"}],
    ids=["levels", "clusters", "period"],
)
def test_ids_that_are_not_there_are_refused(method, change):
    variables = seen(chain(), units=pd.DataFrame({"user": np.arange(N) // 3}))
    with pytest.raises(DataError, match="no id column is named 'nobody'"):
        method.discover(replace(variables, **change))


@named
def test_columns_that_are_not_there_or_there_twice_are_refused(method):
    variables = seen(chain())
    with pytest.raises(DataError, match="0 columns named 'a'"):
        method.discover(replace(variables, table=variables.table[["b", "c"]]))
    twice = variables.table.set_axis(["a", "a", "c"], axis=1)
    with pytest.raises(DataError, match="2 columns named 'a'"):
        method.discover(replace(variables, table=twice, columns=variables.columns[::2]))


@named
def test_a_column_without_a_name_is_a_column(method):
    plain = joined(method.discover(seen(chain())))
    named = method.discover(seen(chain().rename(columns={"a": "", "b": "-> \n"})))
    assert joined(named) == {frozenset({"a": "", "b": "-> \n"}.get(x, x) for x in pair) for pair in plain}


def test_a_row_that_outweighs_all_others_leaves_nothing_to_test():
    table = (chain() > 0).astype(int)
    weights = np.r_[1e9, np.ones(N - 1)]
    graph = PC().discover(seen(table, dict.fromkeys(table, "binary"), weights=weights))
    assert not graph.edges


@pytest.mark.parametrize("units", [1, 3])
def test_of_a_handful_of_units_no_score_tells_anything(units):
    ids = pd.DataFrame({"user": np.arange(N) * units // N})
    levels = dict.fromkeys("abc", ("user",))
    of_user = chain().groupby(ids["user"]).transform("first")
    graph = SCORE.discover(seen(of_user if units > 1 else chain(), levels=levels, units=ids))
    assert not graph.edges
