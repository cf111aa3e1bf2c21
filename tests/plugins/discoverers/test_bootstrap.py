"""Any discoverer over resamples: shares as confidence, units drawn whole, knowledge kept, and no cycles."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.discoverers._ensemble import Drawn, Ensemble, Joined
from causalkit_plugins.discoverers._resampling import Resampler
from causalkit_plugins.discoverers.bootstrap import Bootstrap
from causalkit_plugins.discoverers.knowledge import KnowledgeGraph
from causalkit_plugins.discoverers.pc import PC
from causalkit_plugins.executors.process import Process
from hypothesis import given, settings
from hypothesis import strategies as st

from causalkit.components import component
from causalkit.context import Context
from causalkit.errors import BudgetReached, ConfigError, DataError, Interrupted, UsageError
from causalkit.store.journal import Journal
from causalkit.types import CausalGraph, Column, Edge, Evidence, Knowledge, StructurePrior, Variables


def table(rows: int = 400, seed: int = 0) -> Variables:
    """`a -> c <- b`, `c -> d`, and `e` alone; a weak edge from `e` to `d`."""
    rng = np.random.default_rng(seed)
    a, b, e = rng.normal(size=(3, rows))
    c = a + b + rng.normal(size=rows)
    d = c + 0.12 * e + rng.normal(size=rows)
    return variables(pd.DataFrame({"a": a, "b": b, "c": c, "d": d, "e": e}))


def variables(frame: pd.DataFrame, **more: Any) -> Variables:
    return Variables(frame, tuple(Column(str(name), "covariate", "continuous") for name in frame), **more)


@component
class Fixed:
    """Tells what it was given, and the graphs it was told to, by turns of the seed."""

    takes_prior = True

    graphs: int = 2

    def discover(self, variables, knowledge=None, *, prior=None, context=Context()):
        which = context.root_seed % self.graphs
        said = Evidence("llm", f"{prior.source if prior else 'nobody'} said so")
        ends = [("a", "b"), ("b", "a")][which]
        return CausalGraph(variables.names, (Edge(*ends, "->", 1.0, (said,)),))


@component
class Failing:
    """Fails on tables in which some row comes more than `most` times."""

    most: int = 5

    def discover(self, variables, knowledge=None, *, context=Context()):
        if variables.table.value_counts().max() > self.most:
            raise ValueError("a row too often\nand more")
        return CausalGraph(variables.names, (Edge("a", "b", "--", 1.0, (Evidence("data"),)),))


@component
class Spent:
    """Raises what nobody may swallow, on resamples alone."""

    what: str = "budget"

    def discover(self, variables, knowledge=None, *, context=Context()):
        if variables.table.duplicated().any():
            raise BudgetReached("spent") if self.what == "budget" else Interrupted("stopped")
        return CausalGraph(variables.names)


def test_strong_edges_are_sure_and_weak_ones_are_not():
    graph = Bootstrap(of=PC(), resamples=40, threshold=0.1).discover(table())
    assert [str(graph.edge(*pair)) for pair in ("ac", "bc", "cd")] == ["a -> c", "b -> c", "c -> d"]
    assert graph.edge("a", "c").confidence == 1
    weak = graph.edge("d", "e")
    assert weak is None or 0.1 <= weak.confidence < 1
    share = {e.confidence for e in graph}
    assert all(round(one * 40) == pytest.approx(one * 40) for one in share)
    assert "in 40 of 40 resamples: a -> c in" in graph.edge("a", "c").evidence[0].detail
    assert graph.edge("a", "c").strength == PC().discover(table()).edge("a", "c").strength
    assert any("40 resamples of rows" in note for note in graph.notes)


def test_the_share_is_what_the_resamples_say():
    """Counted by hand: the very graphs of the very resamples."""
    seen, found = table(150, 3), []
    sampler = Resampler.of(seen)
    for number in range(12):
        context = Context(root_seed=5).under(f"resample {number}")
        found.append(PC(alpha=0.1).discover(sampler.draw(context.rng("rows"))))
    graph = Bootstrap(of=PC(alpha=0.1), resamples=12, threshold=0.01).discover(seen, context=Context(root_seed=5))
    pairs = {frozenset((e.source, e.target)) for one in found for e in one}
    assert {frozenset((e.source, e.target)) for e in graph} == pairs
    for edge in graph:
        same = [one.edge(edge.source, edge.target) for one in found]
        assert edge.confidence == sum(e is not None for e in same) / 12
        if edge.mark == "->":
            agree = sum(e is not None and str(e) == str(edge) for e in same)
            assert 2 * agree > sum(e is not None for e in same)


def test_rare_edges_are_left_out_and_counted():
    seen = table(150, 3)
    every = Bootstrap(of=PC(alpha=0.1), resamples=12, threshold=0.01).discover(seen)
    some = Bootstrap(of=PC(alpha=0.1), resamples=12, threshold=0.8).discover(seen)
    rare = [e for e in every if e.confidence < 0.8]
    assert rare
    assert {(e.source, e.target) for e in every if e.confidence >= 0.8} == {(e.source, e.target) for e in some}
    assert any(f"{len(rare)} pairs joined in fewer than 80%" in note for note in some.notes)


def test_directions_that_differ_are_left_open():
    marks = {Bootstrap(of=Fixed(), resamples=n).discover(table(20)).edge("a", "b").mark for n in range(2, 30)}
    assert "--" in marks  # of an even number, half one way and half the other
    sure = Bootstrap(of=Fixed(graphs=1), resamples=4).discover(table(20)).edge("a", "b")
    assert str(sure) == "a -> b"
    assert [(one.source, one.detail) for one in sure.evidence] == [
        ("llm", "in 4 of 4 resamples: a -> b in 4, most often: nobody said so")  # no word of data
    ]


def test_a_prior_and_pairs_go_to_what_takes_them():
    held = Bootstrap(of=Fixed(), resamples=3)
    assert held.takes_prior
    assert not held.takes_pairs
    edge = held.discover(table(20), prior=StructurePrior(source="Ada")).edge("a", "b")
    assert "Ada said so" in edge.evidence[0].detail
    with pytest.raises(UsageError, match="takes no pairs"):
        held.discover(table(20), pairs=[("a", "b")])
    with pytest.raises(UsageError, match="takes no prior"):
        Bootstrap(of=KnowledgeGraph()).discover(table(20), prior=StructurePrior())
    assert Bootstrap(of=PC()).takes_prior
    assert Bootstrap(of=PC()).assumes == PC().assumes


def test_failures_of_single_resamples_are_counted_and_said():
    graph = Bootstrap(of=Failing(most=3), resamples=30, threshold=0.9).discover(table(20))
    told = next(note for note in graph.notes if "failed" in note)
    failed = int(told.split()[0])
    assert 0 < failed < 30
    assert told.endswith("ValueError: a row too often")
    assert f"in {30 - failed} of {30 - failed} resamples" in graph.edge("a", "b").evidence[0].detail
    with pytest.raises(DataError, match="none of 5 resamples"):
        Bootstrap(of=Failing(most=1), resamples=5).discover(table(20))


@pytest.mark.parametrize(("what", "error"), [("budget", BudgetReached), ("stop", Interrupted)])
def test_what_must_stop_a_run_is_not_swallowed(what, error):
    with pytest.raises(error):
        Bootstrap(of=Spent(what=what), resamples=3).discover(table(20))


def test_what_fails_on_the_whole_table_fails_at_once():
    with pytest.raises(DataError, match="3 rows for 5 columns"):
        Bootstrap(of=PC()).discover(table(3))
    with pytest.raises(ConfigError, match="elsewhere"):
        Bootstrap(of=PC()).discover(table(50), Knowledge(required=frozenset({("elsewhere", "a")})))


def test_serial_and_process_executors_agree():
    seen, held = table(200, 1), Bootstrap(of=PC(alpha=0.05), resamples=9, threshold=0.2)
    here = held.discover(seen, context=Context(root_seed=2))
    executor = Process(workers=2)
    try:
        there = held.discover(seen, context=Context(root_seed=2, executor=executor, cancelled=lambda: False))
    finally:
        executor.close()
    assert there == here
    assert held.discover(seen, context=Context(root_seed=3)) != here


def test_it_stops_when_asked():
    asked = iter([False] * 12 + [True] * 1000)
    with pytest.raises(Interrupted):
        Bootstrap(of=KnowledgeGraph(), resamples=200).discover(
            table(50), context=Context(cancelled=lambda: next(asked))
        )


def test_a_stopped_one_goes_on_from_where_it_was(tmp_path, monkeypatch):
    from causalkit_plugins.discoverers import bootstrap

    monkeypatch.setattr(bootstrap, "_KEPT_EVERY", 0.0)
    seen, held, done = table(100, 4), Bootstrap(of=PC(alpha=0.1), resamples=10, threshold=0.1), []
    whole = held.discover(seen)
    asked = iter([False] * 60 + [True] * 1000)
    with pytest.raises(Interrupted):
        held.discover(seen, context=Context(journal=Journal(tmp_path), cancelled=lambda: next(asked)))
    again = held.discover(seen, context=Context(journal=Journal(tmp_path, lambda **told: done.append(told["part"]))))
    assert again == whole
    assert 0 < len(done) < 10


def panel(weeks: int = 12, items: int = 8, seed: int = 0) -> Variables:
    rng = np.random.default_rng(seed)
    week, item = np.divmod(np.arange(weeks * items), items)
    frame = pd.DataFrame({"rain": rng.normal(size=weeks)[week], "brand": rng.normal(size=items)[item]})
    frame["sales"] = rng.normal(size=len(frame))
    units = pd.DataFrame({"week": week, "month": week // 4, "item": [f"i{i}" for i in item]})
    levels = {"rain": ("week",), "brand": ("item",), "sales": ("item", "week")}
    return variables(frame, levels=levels, units=units)


def test_units_are_drawn_whole_and_copies_are_units_of_their_own():
    seen = panel()
    sampler = Resampler.of(seen)
    assert sampler.by == ("item", "week")
    drawn = sampler.draw(np.random.default_rng(1))
    assert len(drawn.table) == 12 * 8  # a full panel stays full: as many weeks and items as there were
    assert drawn.units.groupby(["week", "item"]).ngroups == len(drawn.table)
    assert drawn.units_of("rain") == 12
    assert drawn.table.groupby(drawn.units["week"])["rain"].nunique().max() == 1
    assert drawn.table.groupby(drawn.units["item"])["brand"].nunique().max() == 1
    assert drawn.table["rain"].nunique() < 12
    assert drawn.units.groupby("week")["month"].nunique().max() == 1


def test_of_nested_units_the_outer_ones_are_drawn():
    seen = replace(panel(), clusters=("month", "week"))
    sampler = Resampler.of(seen)
    assert sampler.by == ("month",)
    drawn = sampler.draw(np.random.default_rng(0))
    assert drawn.units.groupby("week")["month"].nunique().max() == 1
    assert drawn.units["week"].nunique() == 4 * drawn.units["month"].nunique()
    assert set(drawn.units["item"]) == set(range(8))  # not drawn: the same items everywhere


def test_units_of_one_row_are_rows():
    seen = table(30)
    alone = replace(seen, units=pd.DataFrame({"user": range(30)}), levels=dict.fromkeys(seen.names, ("user",)))
    assert Resampler.of(alone).by == ()
    assert Resampler.of(alone).what == "rows"


def test_of_one_unit_rows_are_drawn_since_itself_is_always_the_same():
    one = replace(table(30), units=pd.DataFrame({"user": [7] * 30}), clusters=("user",))
    drawn = Resampler.of(one).draw(np.random.default_rng(0)).table
    assert drawn.drop_duplicates().shape[0] < 30


def test_rows_with_weights_are_drawn_by_weight():
    seen = replace(table(5), weights=np.array([0.0, 1, 10, 100, 1000]))
    drawn = [Resampler.of(seen).draw(np.random.default_rng(seed)) for seed in range(20)]
    assert all(one.weights.sum() == 1111 for one in drawn)
    assert not any((one.table["a"] == seen.table["a"][0]).any() for one in drawn)
    heavy = np.mean([one.weights[one.table["a"] == seen.table["a"][4]].sum() for one in drawn])
    assert heavy == pytest.approx(1000, rel=0.03)


def test_draws_hang_on_no_order_and_no_name():
    seen = table(40, 6)
    seen.table["b"], seen.table["e"] = np.sort(seen.table["a"].to_numpy()), seen.table["a"].to_numpy()[::-1]
    rng = np.random.default_rng(0)
    rows = rng.permutation(40)
    turned = replace(seen, table=seen.table.iloc[rows].reset_index(drop=True)).select(["e", "c", "a", "d", "b"])
    fresh = dict(zip("abcde", "zyxwv", strict=True))
    renamed = variables(turned.table.rename(columns=fresh))
    for seed in range(5):
        first = Resampler.of(seen).draw(np.random.default_rng(seed)).table
        again = Resampler.of(turned).draw(np.random.default_rng(seed)).table[list("abcde")]
        other = Resampler.of(renamed).draw(np.random.default_rng(seed)).table[[fresh[c] for c in "abcde"]]
        pd.testing.assert_frame_equal(first, again)
        assert (first.to_numpy() == other.to_numpy()).all()


NAMES = list("abcde")
PAIRS = st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).filter(lambda pair: pair[0] != pair[1])
MARKED = st.tuples(PAIRS, st.sampled_from(["->", "--"]))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    graphs=st.lists(st.lists(MARKED, max_size=8, unique_by=lambda one: frozenset(one[0])), min_size=1, max_size=5),
    tiers=st.dictionaries(st.sampled_from(NAMES), st.integers(0, 2)),
    required=st.frozensets(PAIRS, max_size=3),
    forbidden=st.frozensets(PAIRS, max_size=5),
    threshold=st.sampled_from([0.2, 0.5, 1.0]),
)
def test_whatever_the_graphs_say_knowledge_is_kept_and_nothing_goes_in_circles(
    graphs, tiers, required, forbidden, threshold
):
    known = Knowledge(tiers, required, forbidden)
    try:
        known.check(NAMES)
    except ConfigError:
        return
    drawn = [Drawn(tuple(Joined(a, b, mark) for (a, b), mark in one)) for one in graphs]
    edges, _ = Ensemble(drawn, known, threshold, CausalGraph(tuple(NAMES))).graph()
    graph = CausalGraph(tuple(NAMES), edges)
    assert nx.is_directed_acyclic_graph(graph.directed())
    assert required <= {(e.source, e.target) for e in edges if e.mark == "->"}
    for edge in edges:
        assert known.allows(edge.source, edge.target)
        assert edge.mark == "->" or known.allows(edge.target, edge.source)


def test_fault_38_graphs_that_go_in_circles_together_give_one_that_does_not():
    """Each resample's graph is acyclic; taken edge by edge they would close a -> b -> c -> a."""
    arrows = [("a", "b"), ("b", "c"), ("c", "a")]
    often = {("a", "b"): 5, ("b", "c"): 4, ("c", "a"): 3}
    drawn = [Drawn(tuple(Joined(*pair, "->") for pair in arrows if turn < often[pair])) for turn in range(5)]
    edges, notes = Ensemble(drawn, Knowledge(), 0.5, CausalGraph(("a", "b", "c"))).graph()
    assert sorted(map(str, edges)) == ["a -- c", "a -> b", "b -> c"]
    assert any("1 edges left undirected, since most resamples' directions would make a cycle" in n for n in notes)


def test_fault_38_what_is_known_may_go_in_circles_once_all_edges_are_there():
    """Each pair has one way left, and together these make a circle: the rarest edge is left out, and said."""
    known = Knowledge(forbidden=frozenset({("b", "a"), ("c", "b"), ("a", "c")}))
    drawn = [
        Drawn((Joined("a", "b", "->"), Joined("b", "c", "->"))),
        Drawn((Joined("c", "a", "->"), Joined("b", "c", "->"))),
    ]
    drawn += [drawn[0]]
    edges, notes = Ensemble(drawn, known, 0.1, CausalGraph(("a", "b", "c"))).graph()
    assert [str(edge) for edge in edges] == ["a -> b", "b -> c"]
    assert any("left out, since what is known" in note for note in notes)


def test_fault_38_a_disconnected_table_gives_a_disconnected_graph():
    rng = np.random.default_rng(8)
    left, right = table(300, 7).table, rng.normal(size=(300, 2))
    frame = left.assign(x=right[:, 0], y=right[:, 0] + right[:, 1])
    graph = Bootstrap(of=PC(), resamples=10, threshold=0.7).discover(variables(frame))
    assert graph.edge("x", "y") is not None
    parts = list(nx.weakly_connected_components(graph.to_networkx()))
    assert {"x", "y"} in parts


def test_marks_of_hidden_causes_are_kept():
    latent = CausalGraph(("a", "b", "c"), latent=True)
    drawn = [Drawn((Joined("a", "b", "<->"), Joined("b", "c", "o->"), Joined("a", "c", "->")))] * 2
    drawn += [Drawn((Joined("b", "a", "->"), Joined("c", "b", "o->")))]
    edges, _ = Ensemble(drawn, Knowledge(), 0.5, latent).graph()
    assert sorted(map(str, edges)) == ["a -> c", "a <-> b", "b o-> c"]
    known = Knowledge(tiers={"a": 0, "b": 1})
    odd = [Drawn((Joined("a", "b", "o-o"),)), Drawn((Joined("a", "b", "o->"),))]
    edges, _ = Ensemble(odd, known, 0.5, latent).graph()
    assert [str(edge) for edge in edges] == ["a o-> b"]


def test_graphs_of_resamples_go_with_the_result():
    graph = Bootstrap(of=PC(), resamples=40).discover(table())
    assert 1 <= len(graph.resampled) <= 20
    assert len({frozenset(one.edges) for one in graph.resampled}) == len(graph.resampled)
    assert all(one.nodes == graph.nodes for one in graph.resampled)


def test_of_crossed_ids_one_of_a_handful_of_units_is_held():
    seen = panel(weeks=6, items=12)
    sampler = Resampler.of(seen)
    assert (sampler.by, sampler.held) == (("item",), ("week",))
    assert sampler.what == "whole units of item, with every week held"
    drawn = sampler.draw(np.random.default_rng(1))
    assert set(drawn.table["rain"]) == set(seen.table["rain"])
    assert drawn.table["brand"].nunique() < 12
    alone = Resampler.of(replace(seen, clusters=("week",)))
    assert alone.by == ("week",)
