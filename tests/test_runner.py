"""A whole run: steps, artifacts, failures that keep what stood, trackers that can't harm, and the graph's part."""

from __future__ import annotations

import json
import shutil
import types
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

import causalkit as ck
from causalkit.components import Context, Declaration, component
from causalkit.config import load_config
from causalkit.errors import ComponentError, DataError, Interrupted, StoreError, UsageError
from causalkit.hookspecs import hookimpl
from causalkit.registry import Registry, default_registry
from causalkit.runner import STEPS, list_runs, open_run, plan
from causalkit.types import Column, Dataset, Schema, StepRecord, Table

SHOP = {
    "name": "small-shop",
    "data": {"use": "simulated", "params": {"users": 60, "items": 12, "weeks": 8}},
    "split": {"by": "random"},
    "encode": {"item": {"use": "lsa", "params": {"dims": 4}}},
    "discover": "pc",
    "estimate": {"item": "aipw", "pair": "t-learner-eb"},
    "rank": "uplift",
    "explain": "receipt",
    "evaluate": ["ndcg@5", "cp@5"],
    "top": 5,
}


def registry_with(**components: tuple[str, type]) -> Registry:
    """The installed components and some of this test's own, by name → (kind, class)."""
    registry = Registry.discover()
    plugin = types.SimpleNamespace()
    for name, (kind, cls) in components.items():
        setattr(__import__(__name__, fromlist=["x"]), cls.__name__, cls)

        def hook(name: str = name, cls: type = cls) -> list[Declaration]:
            return [Declaration(name, f"{__name__}:{cls.__name__}", "of this test")]

        hook.__name__ = f"causalkit_{kind}s"
        setattr(plugin, hook.__name__, hookimpl(hook))
    registry.add("tests", plugin)
    return registry


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> ck.Run:
    return ck.run(SHOP, runs_dir=tmp_path_factory.mktemp("runs"))


def test_every_step_is_done_and_recorded(done: ck.Run) -> None:
    assert done.status == "done"
    records = {r.step: r.status for r in done.result.steps}
    assert tuple(records) == STEPS
    assert {s for s, status in records.items() if status == "skipped"} == {"refute"}
    assert [e["step"] for e in done.folder.events() if e["kind"] == "step"] == list(STEPS)


def test_the_run_says_what_it_was(done: ck.Run) -> None:
    result = done.result
    assert result.seed == done.config.seed
    assert result.config_hash == done.config.hash
    assert len(result.data_fingerprint) == 64
    assert {"causalkit", "numpy", "pandas"} <= set(result.versions)
    assert load_config(done.path / "config.yaml", registry=default_registry()) == done.config


def test_results_are_read_back_from_the_folder(done: ck.Run) -> None:
    again = open_run(done.path)
    pd.testing.assert_frame_equal(again.effects.item, done.effects.item)
    assert again.graph == done.graph
    assert len(again.ranking.overall) == 5
    assert again.recommend("user-001" if "user-001" in set(again.ranking.table["who"]) else None).shape[0] == 5


def test_baselines_stand_beside_every_ranking_metric(done: ck.Run) -> None:
    of = {m.of for m in done.measurements if m.name == "ndcg@5"}
    assert of == {"uplift", "random", "popularity", "uplift on difference-in-means"}


def test_a_baseline_that_is_the_run_s_own_ranker_is_measured_once(tmp_path: Path) -> None:
    run = ck.run(SHOP | {"rank": "popularity", "evaluate": ["ndcg@5"], "explain": None}, runs_dir=tmp_path)
    assert [m.of for m in run.measurements].count("popularity") == 1


def test_every_recommendation_has_a_receipt_on_demand(done: ck.Run) -> None:
    row = done.ranking.table[done.ranking.table["scope"] == "user"].iloc[0]
    receipt = done.explain(row["who"], row["item"])
    assert str(row["item"]) == receipt.item
    assert receipt.text
    assert done.explain(None, row["item"]).scope == "overall"


def test_unknown_users_and_items_are_refused_with_the_nearest(done: ck.Run) -> None:
    item = str(done.effects.item.index[0])
    with pytest.raises(UsageError, match=f"did you mean '{item}'"):
        done.explain(None, item + "x")
    with pytest.raises(UsageError, match="has no user 'nobody-at-all'"):
        done.recommend("nobody-at-all")


def test_the_same_seed_gives_the_same_answer_and_another_another(done: ck.Run, tmp_path: Path) -> None:
    again = ck.run(SHOP, runs_dir=tmp_path)
    pd.testing.assert_frame_equal(again.effects.item, done.effects.item)
    pd.testing.assert_frame_equal(again.ranking.table, done.ranking.table)
    other = ck.run(SHOP, seed=99, until="estimate", runs_dir=tmp_path)
    assert not other.effects.item["effect"].equals(done.evaluated_effects.item["effect"])


def test_until_stops_there(tmp_path: Path) -> None:
    run = ck.run(SHOP, until="discover", runs_dir=tmp_path)
    assert [r.step for r in run.result.steps] == ["load", "encode", "discover"]
    assert run.graph is not None
    with pytest.raises(UsageError, match="has no ranking"):
        run.recommend()
    with pytest.raises(UsageError, match="did you mean 'discover'"):
        ck.run(SHOP, until="discovr", runs_dir=tmp_path)


def test_plan_names_each_step(done: ck.Run) -> None:
    assert dict(plan(done.config))["estimate"] == "item: aipw, pair: t-learner-eb"
    assert dict(plan(done.config))["refute"] == ""


def test_the_report_is_written_and_shows_the_answer(done: ck.Run) -> None:
    html = done.report_path.read_text(encoding="utf-8")
    assert len(html) < 1_000_000
    assert str(done.ranking.overall["item"].iloc[0]) in html


def test_runs_are_listed_and_broken_ones_said(done: ck.Run, tmp_path: Path) -> None:
    ck.run(SHOP, until="load", runs_dir=tmp_path)
    torn = tmp_path / "20260101T000000-feed"
    torn.mkdir()
    (torn / "manifest.json").write_text("{")
    assert [(s.name, s.status) for s in list_runs(tmp_path)] == [("", "unreadable"), ("small-shop", "done")]


@component
class Torn:
    """An estimator that raises."""

    level: ClassVar[str] = "item"

    def fit(self, dataset: Any, estimand: Any, embeddings: Any = None, *, context: Context = Context()) -> Any:
        raise ZeroDivisionError("deep inside")


@component
class Stopped(Torn):
    """An estimator during which the user presses Ctrl-C."""

    def fit(self, dataset: Any, estimand: Any, embeddings: Any = None, *, context: Context = Context()) -> Any:
        raise KeyboardInterrupt


@component
class Rude:
    """A tracker that always raises."""

    def started(self, run: Any) -> None:
        raise RuntimeError("tracker is down")

    step = finished = started


def test_a_component_that_raises_is_named_and_what_stood_is_kept(tmp_path: Path) -> None:
    registry = registry_with(torn=("estimator", Torn))
    with pytest.raises(
        ComponentError, match=r"step 'estimate' failed \(item: torn.*\): ZeroDivisionError: deep inside"
    ):
        ck.run(SHOP | {"estimate": {"item": "torn"}}, registry=registry, runs_dir=tmp_path)
    (summary,) = list_runs(tmp_path)
    assert summary.status == "failed"
    run = open_run("latest", tmp_path)
    assert run.graph is not None
    assert "ZeroDivisionError" in (run.path / "traceback.txt").read_text()
    assert not (run.path / ".lock").exists()


def test_an_interrupt_is_recorded_and_keeps_what_stood(tmp_path: Path) -> None:
    registry = registry_with(stopped=("estimator", Stopped))
    with pytest.raises(Interrupted):
        ck.run(SHOP | {"estimate": {"item": "stopped"}}, registry=registry, runs_dir=tmp_path)
    assert open_run("latest", tmp_path).status == "interrupted"
    assert open_run("latest", tmp_path).graph is not None


def test_a_tracker_that_is_down_never_fails_a_run(tmp_path: Path) -> None:
    registry = registry_with(rude=("tracker", Rude))
    run = ck.run(SHOP, until="encode", registry=registry, trackers=["rude"], runs_dir=tmp_path)
    assert run.status == "done"
    said = [e["message"] for e in run.folder.events() if e["kind"] == "tracker-failed"]
    assert said[0] == "RuntimeError: tracker is down"


class Watcher:
    """A tracker that hears warnings, and reads all that it can as early as it can."""

    def __init__(self) -> None:
        self.warned: list[str] = []

    def warn(self, message: str) -> None:
        self.warned.append(message)

    def started(self, run: Any) -> None:
        assert (run.result.measurements, run.effects, run.graph) == ((), None, None)

    def step(self, run: Any, record: Any) -> None:
        assert run.measurements is not None

    def finished(self, run: Any) -> None:
        self.found = run.result.measurements


def test_a_tracker_that_fails_is_told_once_to_those_who_can_warn(tmp_path: Path) -> None:
    watcher = Watcher()
    ck.run(SHOP, until="encode", trackers=[Rude(), watcher], runs_dir=tmp_path)
    assert watcher.warned == ["tracker Rude: RuntimeError: tracker is down; the run goes on"]


def test_what_a_tracker_reads_early_is_not_kept_for_what_comes_later(tmp_path: Path) -> None:
    watcher = Watcher()
    config = SHOP | {"evaluate": ["cp@2"]}
    made = ck.run(config, trackers=[watcher], runs_dir=tmp_path / "watched")
    assert watcher.warned == []
    assert [e for e in made.folder.events() if e["kind"] == "tracker-failed"] == []
    assert watcher.found == made.measurements
    assert len(made.measurements)
    assert "CP@2" in made.report_path.read_text().upper()


def test_hooks_hear_what_happens_and_one_that_raises_harms_nothing(tmp_path: Path) -> None:
    heard: list[str] = []

    class Listener:
        @hookimpl
        def causalkit_step_finished(self, run: Any, step: str, output: Any) -> None:
            heard.append(step)

    class Deaf:
        @hookimpl
        def causalkit_run_started(self, run: Any) -> None:
            raise RuntimeError("no")

    registry = Registry.discover()
    registry.add("listener", Listener())
    registry.add("deaf", Deaf())
    run = ck.run(SHOP, until="encode", registry=registry, runs_dir=tmp_path)
    assert heard == ["load", "encode"]
    assert run.status == "done"


def test_a_read_only_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="no run folder can be made"):
        ck.run(SHOP, runs_dir=tmp_path / "file")


def test_the_jsonl_tracker_writes_each_step(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    tracker = {"use": "jsonl", "params": {"path": str(path)}}
    ck.run(SHOP, until="encode", trackers=[tracker], runs_dir=tmp_path / "runs")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert any("encode" in json.dumps(line) for line in lines)


@component
class Confounded:
    """Exposure and outcome share a cause that the design leaves out: a signal of no known tier.

    The planted effect is 0.2 for every item.
    """

    def load(self, *, context: Context = Context()) -> Dataset:
        rng = np.random.default_rng(11)
        rows = pd.DataFrame({"item": rng.integers(0, 6, 12_000), "user": rng.integers(0, 3_000, 12_000)})
        rows["mood"] = rng.normal(size=len(rows)).round(6)
        rows["noise"] = rng.normal(size=len(rows)).round(6)
        rows["shown"] = (rng.normal(size=len(rows)) + rows["mood"] > 0).astype(int)
        rows["bought"] = 0.2 * rows["shown"] + 0.3 * rows["mood"] + rng.normal(0, 0.3, len(rows))
        columns = (
            Column("item", "item", "categorical"),
            Column("user", "user", "categorical"),
            Column("mood", "signal", "continuous", None, "how the user feels"),
            Column("noise", "covariate", "continuous", 0, "a coin"),
            Column("shown", "treatment", "binary", 2),
            Column("bought", "outcome", "continuous", 4),
        )
        rows["item"] = rows["item"].astype("category")
        return Dataset(Table(rows), Schema(columns), pd.DataFrame(index=pd.Index(range(6), name="item")))


def test_the_graph_adds_a_confounder_and_bias_falls(tmp_path: Path) -> None:
    registry = registry_with(confounded=("dataset", Confounded))
    config = {
        "name": "planted",
        "data": {"use": "confounded"},
        "split": {"by": "random"},
        "estimate": {"item": "aipw"},
        "explain": None,
    }
    without = ck.run(config, registry=registry, runs_dir=tmp_path)
    with_graph = ck.run(config | {"discover": "pc"}, registry=registry, runs_dir=tmp_path)
    assert with_graph.estimands[0].graph_added == ("mood",)
    bias_without = abs(without.effects.item["effect"].mean() - 0.2)
    bias_with = abs(with_graph.effects.item["effect"].mean() - 0.2)
    assert bias_without > 0.2
    assert bias_with < 0.03
    assert "how the user feels" in with_graph.report_path.read_text(encoding="utf-8")


def test_a_record_is_what_a_tracker_gets() -> None:
    assert StepRecord("load", "done").seconds == 0


def test_a_log_without_unexposed_rows_is_refused(tmp_path: Path) -> None:
    @component
    class AllShown(Confounded):
        def load(self, *, context: Context = Context()) -> Dataset:
            whole = Confounded().load()
            rows = whole.interactions.frame().assign(shown=1)
            return Dataset(Table(rows), whole.schema, whole.items)

    registry = registry_with(allshown=("dataset", AllShown))
    with pytest.raises(DataError, match="every one of 12000 rows is exposed"):
        ck.run({"data": {"use": "allshown"}, "estimate": {"item": "aipw"}}, registry=registry, runs_dir=tmp_path)


def test_an_interrupt_between_two_steps_is_recorded(tmp_path: Path) -> None:
    class Stopper:
        def started(self, run: ck.Run) -> None: ...
        def finished(self, run: ck.Run) -> None: ...
        def step(self, run: ck.Run, record: StepRecord) -> None:
            if record.step == "encode":
                raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        ck.run(SHOP, runs_dir=tmp_path, trackers=[Stopper()])
    run = open_run("latest", tmp_path)
    assert run.status == "interrupted"
    assert [(r.step, r.status) for r in run.result.steps] == [("load", "done"), ("encode", "done")]


def test_a_run_without_its_config_is_said(done: ck.Run, tmp_path: Path) -> None:
    shutil.copytree(done.path, tmp_path / "copy")
    (tmp_path / "copy" / "config.yaml").unlink()
    with pytest.raises(StoreError, match=r"has no config\.yaml"):
        _ = open_run(tmp_path / "copy").result


@pytest.mark.parametrize("device", ["banana", "cuda:x", "", "cpu; rm", "cuda:0,cpu", "cuda:0,"])
def test_what_is_no_device_is_refused_before_a_folder_is_made(tmp_path: Path, device: str) -> None:
    with pytest.raises(UsageError, match="there is no device"):
        ck.run(SHOP, device=device, runs_dir=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_worker_processes_give_the_same_answer_to_the_last_bit(tmp_path: Path) -> None:
    alone = ck.run(SHOP, runs_dir=tmp_path)
    spread = ck.run(SHOP, runs_dir=tmp_path, fresh=True, executor={"use": "process", "params": {"workers": 2}})
    assert alone.effects is not None and spread.effects is not None
    pd.testing.assert_frame_equal(alone.effects.item, spread.effects.item, check_exact=True)
    assert alone.report_path.read_bytes() == spread.report_path.read_bytes()


def test_fault_21_a_run_is_read_without_the_plugin_that_made_it(tmp_path: Path) -> None:
    class Gone(registry_with().load("ranker", "uplift")):  # type: ignore[misc]
        """A ranker of a plugin that is later uninstalled."""

    made = ck.run(SHOP | {"rank": "gone"}, runs_dir=tmp_path, registry=registry_with(gone=("ranker", Gone)))
    run = open_run("latest", tmp_path)
    assert run.config.to_dict() == made.config.to_dict()
    assert run.config.rank.use == "gone"
    assert len(run.recommend()) > 0
    assert run.explain(None, run.recommend()["item"].iloc[0]).text
    assert run.write_report().exists()


def test_the_config_of_a_run_is_read_back_equal(done: ck.Run, tmp_path: Path) -> None:
    assert open_run(done.path).config == load_config(done.path / "config.yaml", environment={})
    assert open_run(done.path).config.hash == done.folder.manifest["config_hash"]
    shutil.copytree(done.path, tmp_path / "copy")
    (tmp_path / "copy" / "config.yaml").write_text("name: x\ndata: 3\n")
    with pytest.raises(StoreError, match="not as a run writes it"):
        _ = open_run(tmp_path / "copy").config
