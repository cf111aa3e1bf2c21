"""A whole run where a cause that no column holds moves both exposure and outcome: what is not identified says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import causalkit as ck
from causalkit.identification import identify
from causalkit.types import CausalGraph, Column, Dataset, Edge, Schema, Table

ROWS = 6000
SCHEMA = {
    "columns": {
        "item": {"role": "item"},
        "shown": {"role": "treatment", "kind": "binary", "tier": 1},
        "bought": {"role": "outcome", "kind": "binary", "tier": 2},
        "age": {"role": "covariate", "tier": 0},
        "visits": {"role": "covariate", "tier": 0},
    }
}


def run(folder: Path, effect: float, hidden: float, trust: bool) -> ck.Run:
    rng = np.random.default_rng(4)
    mood, age, visits = rng.normal(size=(3, ROWS))
    shown = (age + hidden * mood + rng.normal(size=ROWS) > 0).astype(int)
    bought = (effect * shown + visits + hidden * mood + rng.normal(size=ROWS) > 0).astype(int)
    items = np.where(np.arange(ROWS) % 2, "soup", "tea")
    log = pd.DataFrame({"item": items, "shown": shown, "bought": bought, "age": age, "visits": visits})
    log.to_csv(folder / "log.csv", index=False)
    return ck.run(
        {
            "data": {"use": "tables", "params": {"interactions": str(folder / "log.csv"), "schema": SCHEMA}},
            "split": {"by": "none"},
            "discover": {"use": "causal-learn", "params": {"method": "fci"}},
            "identify": {"trust_graph": trust},
            "estimate": {"use": "difference-in-means"},
            "rank": "uplift",
        },
        runs_dir=folder / "runs",
        until="estimate",
    )


def test_a_hidden_cause_beside_an_effect_is_not_identified_and_says_why(tmp_path):
    made = run(tmp_path, effect=1.0, hidden=1.5, trust=True)
    assert made.graph.latent
    assert not made.estimands[0].identified
    assert "allows for hidden causes" in made.estimands[0].reason
    assert set(made.effects.item["status"]) == {"not-identified"}


def test_it_only_warns_where_the_graph_is_not_trusted(tmp_path):
    made = run(tmp_path, effect=1.0, hidden=1.5, trust=False)
    assert made.estimands[0].identified
    assert made.estimands[0].adjustment == ("age", "visits")
    assert any("by it the effect is not identified" in w for w in made.estimands[0].warnings)


def test_two_that_only_a_hidden_cause_joins_have_no_path(tmp_path):
    made = run(tmp_path, effect=0.0, hidden=1.5, trust=True)
    assert made.graph.edge("shown", "bought").mark == "<->"
    assert made.estimands[0].no_path
    assert set(made.effects.item["status"]) == {"no-path"}


def test_a_cause_of_exposure_alone_rules_a_hidden_cause_out(tmp_path):
    made = run(tmp_path, effect=1.0, hidden=0.0, trust=True)
    assert made.estimands[0].identified
    assert "right in every graph" in made.estimands[0].reason
    assert set(made.effects.item["status"]) == {"estimated"}


# --- reading such a graph, without a run


def log() -> Dataset:
    rng = np.random.default_rng(0)
    names = ("t", "y", "c", "z", "w")
    rows = pd.DataFrame({"item": pd.Categorical(["a", "b"] * 50), **{n: rng.normal(size=100) for n in names}})
    rows[["t", "y"]] = rng.integers(0, 2, (100, 2))
    roles = {"t": "treatment", "y": "outcome"}
    columns = (Column("item", "item"), *(Column(n, roles.get(n, "covariate")) for n in names))  # type: ignore[arg-type]
    return Dataset(Table(rows), Schema(columns), pd.DataFrame(index=pd.Index(["a", "b"], name="item")))


def graph(*edges: str) -> CausalGraph:
    made = tuple(Edge(a, b, mark) for a, mark, b in (text.split() for text in edges))
    return CausalGraph(("t", "y", "c", "z", "w"), made, latent=True)


def test_the_same_edges_say_less_where_causes_may_hide():
    edges = ("t -> y", "c -> t", "c -> y")
    open_to_hidden, _ = identify(log(), graph(*edges), trust_graph=True)
    closed, _ = identify(log(), CausalGraph(graph().nodes, graph(*edges).edges), trust_graph=True)
    assert closed.identified
    assert not open_to_hidden.identified
    assert "t -> y may hide a common cause" in open_to_hidden.reason


def test_a_trusted_graph_takes_out_what_need_not_be_adjusted_for():
    edges = ("t -> y", "c -> t", "c -> y", "z o-> t", "z o-> c")
    found, _ = identify(log(), graph(*edges), trust_graph=True)
    assert found.adjustment == ("c",)
    assert set(found.graph_dropped) == {"z", "w"}


def test_marks_that_contradict_each_other_are_refused_or_warned_of():
    bad = graph("t -> y", "y -> c", "t <-> c")
    with pytest.raises(ck.CausalkitError, match="neither causes the other"):
        identify(log(), bad, trust_graph=True)
    found, _ = identify(log(), bad)
    assert any("contradict each other" in w for w in found.warnings)
