"""Every built-in works by itself, with its defaults: no config, no run, no runner."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.examples._answering import Answering

import causalkit as ck
from causalkit.components import KINDS
from causalkit.identification import identify
from causalkit.preparation import variables
from causalkit.ranking import make_ranking
from causalkit.recording import write_recording
from causalkit.registry import Registry, default_registry
from causalkit.statuses import write_statuses
from causalkit.testing.checks._inputs import inputs_reading
from causalkit.transcripts import Exchange
from causalkit.types import Dataset, Outputs, Question, StepRecord

NEEDED: dict[tuple[str, str], dict[str, Any]] = {
    ("estimator", "shared"): {"of": {"use": "difference-in-means"}},
    ("encoder", "concat"): {"of": [{"use": "hashing"}, {"use": "lsa"}]},
    ("encoder", "pca"): {"of": {"use": "hashing"}},
    ("discoverer", "bootstrap"): {"of": {"use": "pc"}, "resamples": 5},
    ("discoverer", "lagged"): {"of": {"use": "pc"}},
    ("discoverer", "llm"): {"provider": Answering()},
    ("discoverer", "fused"): {"data": {"use": "pc"}, "model": {"use": "knowledge"}},
    ("llm", "openai"): {"model": "any"},
    ("llm", "transformers"): {"model": "any"},
}
"""What has no default, beside files."""
ELSEWHERE = {
    ("dataset", "complete-journey"): "counts a year of a grocer's rows, in tests of its own",
    ("encoder", "transformer"): "needs weights and torch, in tests of its own",
    ("encoder", "sentence-transformer"): "needs weights and torch, in tests of its own",
    ("encoder", "clip"): "needs weights and torch, in tests of its own",
    ("estimator", "dowhy"): "imports dowhy, in tests of its own",
    ("llm", "openai"): "needs a server, in tests of its own",
    ("llm", "transformers"): "needs weights and torch, in tests of its own",
}
"""Built here, and used elsewhere, with the reason."""


def entries() -> list[tuple[str, str]]:
    registry = Registry.discover()
    return [(entry.kind, entry.name) for entry in registry.entries if entry.distribution == "causalkit"]


def build(kind: str, name: str, folder: Any) -> Any:
    params = NEEDED.get((kind, name), {})
    if (kind, name) == ("tracker", "jsonl"):
        params = {"path": str(folder / "events.jsonl")}
    if (kind, name) == ("llm", "recorded"):
        write_recording([Exchange("m", "Is it?", {"enum": ["yes", "no"]}, "yes")], folder / "recorded.jsonl")
        params = {"file": str(folder / "recorded.jsonl")}
    if (kind, name) == ("dataset", "tables"):
        pd.DataFrame({"sku": list("aabb"), "shown": [0, 1, 1, 0], "bought": [0, 1, 0, 0]}).to_csv(folder / "log.csv")
        roles = {"sku": "item", "shown": "treatment", "bought": "outcome"}
        columns = {column: {"role": role} for column, role in roles.items()}
        params = {"interactions": str(folder / "log.csv"), "schema": {"columns": columns}}
    return ck.build(kind, name, **params)


@pytest.fixture(scope="module")
def log() -> Dataset:
    made: Dataset = ck.build("dataset", "simulated", users=120, items=8, weeks=8).load()
    return made


@pytest.fixture(scope="module")
def outputs(log: Dataset) -> Outputs:
    """What a run would have made by the time that metrics and explainers are called."""
    estimand, _ = identify(log)
    estimator = ck.build("estimator", "aipw").fit(log, estimand)
    effects = write_statuses(estimator.effects_, estimand)
    ranker = ck.build("ranker", "uplift").fit(log, effects)
    ranking = make_ranking(ranker, "uplift", effects, log, 5, ck.Context())
    made = Outputs(training=log, estimand=estimand, estimator=estimator, effects=effects, ranker="uplift")
    return replace(made, scores=ranker.scores, ranking=ranking, variables=variables(log))


def use(kind: str, made: Any, log: Dataset, outputs: Outputs) -> None:
    """Do what components of the kind are for."""
    users, items = list(log.users.index[:3]), list(log.items.index)
    if kind == "dataset":
        assert len(made.load().interactions) > 0
    elif kind == "encoder":
        texts = ["red apple", "green apple", "soap"]
        inputs = inputs_reading("histories", Path()) if made.input == "histories" else texts
        assert made.fit(inputs).encode(inputs).dtype == np.float32
    elif kind == "discoverer":
        assert set(made.discover(variables(log)).nodes) == set(variables(log).names)
    elif kind == "estimator":
        assert set(made.fit(log, outputs.estimand).effects_.item.index) == set(items)
    elif kind == "refuter":
        verdicts = made.check(log, outputs.estimand, outputs.estimator)
        assert verdicts.sort == made.sort
    elif kind == "ranker":
        assert made.fit(log, outputs.effects).scores(users, items).values.shape == (3, len(items))
    elif kind == "explainer":
        assert len(made.explain(outputs.ranking, outputs).receipts) == len(outputs.ranking.table)
    elif kind == "metric":
        found = made.measure(outputs, log, log.truth)
        assert np.isfinite(found.value) or found.note
    elif kind == "llm":
        told = made.ask([Question("a", "Is it?"), Question("b", "Was it?")], {"enum": ["yes", "no"]})
        assert dict(told.by_id) == {"a": "yes", "b": None}
    elif kind == "executor":
        assert list(made.map(abs, [-1, 2, -3])) == [1, 2, 3]
        made.close()
    elif kind == "tracker":
        made.started(None)
        made.step(None, StepRecord("load", "done"))
        made.finished(None)
    else:
        raise AssertionError(f"a built-in of kind {kind} needs a line here")


@pytest.mark.parametrize(("kind", "name"), entries())
def test_a_built_in_works_alone_with_its_defaults(kind, name, log, outputs, tmp_path):
    made = build(kind, name, tmp_path)
    assert all(callable(getattr(made, method)) for method in KINDS[kind].methods)
    assert repr(made).startswith(type(made).__name__)
    if (kind, name) not in ELSEWHERE:
        use(kind, made, log, outputs)


def test_what_is_used_elsewhere_is_still_there():
    assert set(ELSEWHERE) | set(NEEDED) <= set(entries())
    assert all(default_registry().find(kind, name) for kind, name in ELSEWHERE)
