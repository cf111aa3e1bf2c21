"""Runs that repeat nothing: reuse across runs, taking up a stopped run, and what makes a step be done again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from test_runner import SHOP as WHOLE
from test_runner import registry_with

import causalkit as ck
from causalkit.components import Context, component
from causalkit.errors import CausalkitError, ComponentError, DataError, StoreError, UsageError
from causalkit.registry import Registry
from causalkit.runner import free, list_runs
from causalkit.steps.keys import NEEDS
from causalkit.steps.shelf import Shelf
from causalkit.store.cache import Cache
from causalkit.types import StepRecord

SHOP = WHOLE | {"estimate": {"use": "shared", "params": {"of": "difference-in-means"}}}

DONE = {"load", "encode", "discover", "identify", "estimate", "rank", "evaluate", "refit", "explain"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one finished run; tests that write copy it."""
    folder = tmp_path_factory.mktemp("runs")
    ck.run(SHOP, runs_dir=folder)
    return folder


@pytest.fixture
def own(runs: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(runs, tmp_path / "runs"))


def done(run: ck.Run) -> set[str]:
    """The steps that were done and not reused, but for the report, which always is."""
    return {r.step for r in run.result.steps if r.status == "done"} - {"report"}


def files(run: ck.Run) -> dict[str, bytes]:
    """Everything in a run's folder but for times, and the statuses that say what was reused."""
    told = ("events.jsonl", "manifest.json", ".lock")
    found = {str(p.relative_to(run.path)): p for p in run.path.rglob("*") if p.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if name not in told}


def test_the_same_again_does_nothing_and_holds_the_same(own: Path) -> None:
    first = ck.open_run("latest", own)
    again = ck.run(SHOP, runs_dir=own)
    assert done(first) == DONE
    assert done(again) == set()
    assert files(first) == files(again)
    assert again.result.data_fingerprint == first.result.data_fingerprint


@pytest.mark.parametrize(
    ("override", "again"),
    [
        ("rank.params.confidence=.5", {"rank", "evaluate", "refit", "explain"}),
        ("evaluate=[ndcg@3]", {"evaluate", "explain"}),
        ("encode.item.params.dims=3", {"encode", "estimate"}),
        ("explain=none", set()),
        ("name=another", set()),
    ],
)
def test_a_change_of_the_config_does_again_what_hangs_on_it(own: Path, override: str, again: set[str]) -> None:
    changed = ck.run(SHOP, overrides=[override], runs_dir=own)
    assert again <= done(changed)
    unneeded = {"load", "encode", "identify", "estimate"} - again
    assert not done(changed) & unneeded
    if override in ("explain=none", "name=another"):
        assert done(changed) == set()


def test_reused_and_fresh_agree_to_the_last_byte(own: Path, tmp_path: Path) -> None:
    for override in ("rank.params.confidence=.5", "evaluate=[ndcg@3, held-out-effect@3]", "refute=[permutation]"):
        reused = ck.run(SHOP, overrides=[override], runs_dir=own)
        alone = ck.run(SHOP, overrides=[override], runs_dir=tmp_path / "alone", fresh=True)
        assert len(done(reused)) < len(done(alone))
        assert files(reused) == files(alone)


def test_fresh_does_everything_and_leaves_what_the_next_may_reuse(own: Path) -> None:
    assert done(ck.run(SHOP, runs_dir=own, fresh=True)) == DONE
    assert done(ck.run(SHOP, runs_dir=own)) == set()


def test_another_seed_reuses_nothing_that_draws(own: Path) -> None:
    assert done(ck.run(SHOP, seed=5, runs_dir=own)) >= {"load", "estimate"}


def test_results_of_another_device_are_reused_only_when_asked(own: Path) -> None:
    assert done(ck.run(SHOP, runs_dir=own, device="cpu,cpu", until="estimate")) == set(), "the same kind, twice"
    with_cuda = ck.run(SHOP, runs_dir=own, device="cuda", until="estimate")
    assert done(with_cuda) == {"encode", "discover", "estimate"}
    shutil.rmtree(own / ".cache")
    ck.run(SHOP, runs_dir=own)
    assert done(ck.run(SHOP, runs_dir=own, device="cuda:1", until="estimate", any_device=True)) == set()


def test_a_log_that_changed_is_read_again_and_one_that_did_not_is_not(tmp_path: Path) -> None:
    log = ck.build("dataset", "simulated", users=60, items=12, weeks=8).load()
    frame = log.interactions.frame()[["user", "item", "week", "exposed", "bought"]]
    frame.to_csv(tmp_path / "log.csv", index=False)
    columns = {name: {"role": name} for name in ("user", "item")}
    columns |= {"week": {"role": "time"}, "exposed": {"role": "treatment"}, "bought": {"role": "outcome"}}
    params = {"interactions": str(tmp_path / "log.csv"), "schema": {"columns": columns}}
    config = {"data": {"use": "tables", "params": params}, "estimate": "difference-in-means", "rank": "uplift"}
    config |= {"split": {"by": "random"}}
    runs = tmp_path / "runs"
    assert "load" in done(ck.run(config, runs_dir=runs, until="load"))
    (tmp_path / "log.csv").touch()
    assert done(ck.run(config, runs_dir=runs, until="load")) == set()
    frame.iloc[:-1].to_csv(tmp_path / "log.csv", index=False)
    changed = ck.run(config, runs_dir=runs, until="load")
    assert done(changed) == {"load"}
    assert changed.folder.load("load/facts").rows == len(frame) - 1


@component
class Flaky:
    """Effects of another estimator, once its switch lets it."""

    path: str
    "The switch: a file that must be there."
    level: ClassVar[str] = "item"

    def fit(self, dataset: Any, estimand: Any, embeddings: Any = None, *, context: Context = Context()) -> Flaky:
        if not Path(self.path).exists():
            raise DataError("the switch is off")
        self.effects_ = ck.build("estimator", "difference-in-means").fit(dataset, estimand).effects_
        return self


def _flaky(switch: Path) -> tuple[dict[str, Any], Registry]:
    config = SHOP | {"estimate": {"use": "flaky", "params": {"path": str(switch)}}}
    return config, registry_with(flaky=("estimator", Flaky))


def test_retry_of_a_failed_step_keeps_what_stood(tmp_path: Path) -> None:
    config, registry = _flaky(tmp_path / "switch")
    with pytest.raises(DataError, match="switch is off") as told:
        ck.run(config, runs_dir=tmp_path / "runs", registry=registry)
    failed = ck.open_run("latest", tmp_path / "runs")
    assert f"causalkit run --resume {failed.id}" in told.value.todo
    assert [r.status for r in failed.result.steps] == ["done"] * 4 + ["failed"]
    (tmp_path / "switch").touch()
    resumed = ck.run(resume=True, runs_dir=tmp_path / "runs", registry=registry)
    assert (resumed.id, resumed.status) == (failed.id, "done")
    begun = [e["step"] for e in resumed.folder.events() if e["kind"] == "begun"]
    assert [step for step in begun if begun.count(step) > 1] == ["estimate", "estimate"]
    whole = ck.run(config, runs_dir=tmp_path / "whole", registry=registry)
    assert files(resumed) == files(whole)
    seconds = [{**step, "seconds": 0} for step in resumed.folder.manifest["steps"]]
    assert seconds == [{**step, "seconds": 0} for step in whole.folder.manifest["steps"]]
    assert resumed.report_path.read_bytes() == whole.report_path.read_bytes()


def test_resume_takes_the_latest_unfinished_run_of_the_same_config(tmp_path: Path) -> None:
    config, registry = _flaky(tmp_path / "switch")
    here = {"runs_dir": tmp_path / "runs", "registry": registry}
    for seed in (1, 2, 1):
        with pytest.raises(DataError):
            ck.run(config, seed=seed, **here)
    ids = [r.id for r in list_runs(tmp_path / "runs")]
    (tmp_path / "switch").touch()
    assert ck.run(config, seed=2, resume=True, **here).id == ids[1]
    assert ck.run(config, seed=1, resume=True, **here).id == ids[2]
    assert ck.run(resume=True, **here).id == ids[0]
    with pytest.raises(UsageError, match=r"no run in .* is unfinished"):
        ck.run(resume=True, **here)
    assert ck.run(config, seed=2, resume=True, **here).id not in ids


def test_a_run_is_not_taken_up_under_another_config(own: Path) -> None:
    run = ck.open_run("latest", own)
    with pytest.raises(UsageError, match="has another config"):
        ck.run(SHOP, overrides=["top=3"], resume=run.id, runs_dir=own)
    assert ck.run(SHOP, resume=run.id, runs_dir=own).id == run.id
    with pytest.raises(UsageError, match="neither a config nor a run"):
        ck.run(runs_dir=own)


@pytest.mark.parametrize("harm", ["manifest.json", "estimate/effects/item.parquet", "rank/ranking/object.json"])
def test_fault_11_resuming_mends_what_is_cut_short_in_a_run(own: Path, harm: str) -> None:
    run = ck.open_run("latest", own)
    whole = files(run)
    place = run.path / harm
    text = place.read_bytes()
    place.unlink()  # the cache holds the same bytes under another name
    place.write_bytes(text[: len(text) // 2])
    (run.path / "rank" / "stray.json").write_text("{}")
    mended = ck.run(resume=str(run.path), runs_dir=own)
    assert files(mended) == whole
    assert done(mended) == DONE


def test_fault_50_tampering_with_the_cache_is_told_and_the_step_done_again(own: Path) -> None:
    first = files(ck.open_run("latest", own))
    place = next((own / ".cache" / "steps").glob("estimate-*/private/naive/object.json"))
    place.write_bytes(place.read_bytes() + b" ")
    told: list[str] = []

    class Listener:
        def started(self, run: ck.Run) -> None: ...
        def step(self, run: ck.Run, record: StepRecord) -> None: ...
        def finished(self, run: ck.Run) -> None: ...
        def warn(self, message: str) -> None:
            told.append(message)

    again = ck.run(SHOP, runs_dir=own, trackers=[Listener()])
    assert done(again) == {"estimate"}
    assert files(again) == first
    assert len(told) == 1
    assert "'estimate' had kept is damaged (private/naive/object.json has changed)" in told[0]
    assert [e["message"] for e in again.folder.events() if e["kind"] == "damaged"] == told


def test_rows_are_had_from_the_cache_or_read_once_more(own: Path) -> None:
    run = ck.open_run("latest", own)
    kept = run.log()
    shutil.rmtree(own / ".cache")
    read = ck.open_run("latest", own).log()
    assert kept.fingerprint() == read.fingerprint()
    assert len(kept.interactions) == run.folder.load("load/facts").rows


def test_a_step_is_given_nothing_that_its_key_does_not_name(own: Path) -> None:
    run = ck.open_run("latest", own)
    shelf = Shelf(Cache(own / ".cache"), run.config, run.registry, Context(root_seed=run.config.seed), run.id)
    assert all(shelf.find(step) for step in NEEDS if step in DONE)
    everything = shelf.outputs()
    assert everything is not None
    filled = {"discover": "graph", "encode": "embeddings", "rank": "ranking", "evaluate": "measurements"}
    assert all(getattr(everything, name) for name in filled.values())
    for step in DONE - {"load", "encode", "discover"}:
        made = shelf.work_for(step).made
        given = {source for source, name in filled.items() if getattr(made, name)}
        assert given == filled.keys() & set(NEEDS[step].steps), step


def test_editing_a_component_does_its_step_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess
    import sys

    package = tmp_path / "site" / "edited"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    source = (
        "from causalkit.components import Declaration, component\n"
        "from causalkit.hookspecs import hookimpl\n"
        "import causalkit as ck\n"
        "@hookimpl\n"
        "def causalkit_estimators():\n"
        "    return [Declaration('edited', 'edited.plugin:Edited', 'x')]\n"
        "@component\n"
        "class Edited:\n"
        "    level = 'item'\n"
        "    def fit(self, dataset, estimand, embeddings=None, *, context=ck.Context()):\n"
        "        self.effects_ = ck.build('estimator', 'difference-in-means').fit(dataset, estimand).effects_\n"
        "        return self\n"
    )
    (package / "plugin.py").write_text(source)
    info = tmp_path / "site" / "edited-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: edited\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[causalkit]\nedited = edited.plugin\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    config = tmp_path / "edited.yaml"
    config.write_text(json.dumps({k: v for k, v in SHOP.items() if k != "estimate"} | {"estimate": "edited"}))

    def statuses() -> dict[str, str]:
        command = [sys.executable, "-m", "causalkit", "run", str(config), "--json", "--runs-dir", str(tmp_path / "r")]
        ended = subprocess.run(command, capture_output=True, text=True, check=True)
        return {s["step"]: s["status"] for s in json.loads(ended.stdout)["steps"]}

    statuses()
    assert set(statuses().values()) == {"reused", "skipped", "done"}
    assert statuses()["estimate"] == "reused"
    (package / "plugin.py").write_text(source + "# an edit\n")
    after = statuses()
    assert (after["encode"], after["estimate"], after["refit"]) == ("reused", "done", "done")


class _Counting:
    texts: ClassVar[list[str]] = []


@component
class Letters:
    """Counts of letters, each text by itself."""

    input: ClassVar[str] = "texts"
    pointwise: ClassVar[bool] = True

    def fit(self, inputs: Any, *, context: Context = Context()) -> Letters:
        return self

    def encode(self, inputs: Any, *, context: Context = Context()) -> Any:
        _Counting.texts += list(inputs)
        return np.array([[t.count(c) for c in "abcdefgh"] for t in inputs], np.float32)


def test_only_texts_that_changed_are_encoded_again(tmp_path: Path) -> None:
    registry = registry_with(letters=("encoder", Letters))
    config = SHOP | {"encode": {"item": "letters"}}
    _Counting.texts.clear()
    first = ck.run(config, runs_dir=tmp_path, registry=registry, until="encode")
    encoded = len(_Counting.texts)
    assert encoded == len(set(_Counting.texts)) > 5
    more = ck.run(config, overrides=["data.params.items=13"], runs_dir=tmp_path, registry=registry, until="encode")
    new = set(more.dataset.item_texts()) - set(first.dataset.item_texts())
    assert sorted(_Counting.texts[encoded:]) == sorted(new)
    assert more.embeddings is not None
    table = more.embeddings.item
    assert table is not None
    assert (table.vectors == Letters().encode(list(more.dataset.item_texts().reindex(table.ids)))).all()


@component
class Drawn:
    """Vectors drawn by the text and the seed."""

    input: ClassVar[str] = "texts"
    pointwise: ClassVar[bool] = True

    def fit(self, inputs: Any, *, context: Context = Context()) -> Drawn:
        return self

    def encode(self, inputs: Any, *, context: Context = Context()) -> Any:
        return np.array([context.rng(text).normal(size=3) for text in inputs], np.float32)


def test_vectors_kept_under_one_seed_are_those_of_another(tmp_path: Path) -> None:
    registry = registry_with(drawn=("encoder", Drawn))

    def vectors(runs: Path, seed: int) -> Any:
        config = SHOP | {"encode": {"item": "drawn"}}
        made = ck.run(config, seed=seed, runs_dir=runs, registry=registry, until="encode").embeddings
        assert made is not None and made.item is not None
        return made.item.vectors

    vectors(tmp_path / "shared", 1)
    assert (vectors(tmp_path / "shared", 2) == vectors(tmp_path / "alone", 2)).all()


def test_a_step_whose_key_cannot_be_had_says_why(tmp_path: Path) -> None:
    config = SHOP | {"encode": {"item": {"use": "transformer", "params": {"model": str(tmp_path / "nowhere")}}}}
    with pytest.raises(CausalkitError, match="not on this machine"):
        ck.run(config, runs_dir=tmp_path)
    assert ck.open_run("latest", tmp_path).status == "failed"


def test_the_cache_is_held_to_its_bound(tmp_path: Path) -> None:
    run = ck.run(SHOP, runs_dir=tmp_path, cache_gb=0)
    assert Cache(tmp_path / ".cache").size() == 0
    assert run.effects is not None
    assert run.status == "done"


def test_one_failing_part_names_the_way_on(tmp_path: Path) -> None:
    @component
    class Broken:
        """Raises."""

        def fit(self, dataset: Any, effects: Any = None, embeddings: Any = None, *, context: Any = None) -> Any:
            raise ZeroDivisionError("by nothing")

        def scores(self, users: Any, items: Any, *, context: Any = None) -> Any: ...

    with pytest.raises(ComponentError, match="step 'rank' failed") as told:
        ck.run(SHOP | {"rank": "broken"}, runs_dir=tmp_path, registry=registry_with(broken=("ranker", Broken)))
    assert "go on with `causalkit run --resume" in told.value.todo
    assert f"--runs-dir {tmp_path}" in told.value.todo


def test_freeing_spares_what_an_unfinished_run_needs(tmp_path: Path) -> None:
    config, registry = _flaky(tmp_path / "switch")
    runs = tmp_path / "runs"
    ck.run(SHOP, runs_dir=runs)
    with pytest.raises(DataError):
        ck.run(config, runs_dir=runs, registry=registry)
    assert free(runs) > 0
    (tmp_path / "switch").touch()
    resumed = ck.run(config, resume=True, runs_dir=runs, registry=registry)
    begun = [e["step"] for e in resumed.folder.events() if e["kind"] == "begun"]
    assert [begun.count(step) for step in ("load", "encode", "discover", "estimate")] == [0, 0, 0, 2]
    assert free(runs) > 0
    assert Cache(runs / ".cache").size() == 0
    assert ck.open_run("latest", runs).effects is not None


def test_a_byte_that_changed_in_a_run_is_told_when_it_is_read(own: Path) -> None:
    run = ck.open_run("latest", own)
    place = run.path / "refit" / "effects" / "item.parquet"
    text = bytearray(place.read_bytes())
    text[len(text) // 2] ^= 1
    place.unlink()
    place.write_bytes(text)
    with pytest.raises(StoreError, match=r"item\.parquet is not what the run wrote"):
        _ = run.effects
    assert ck.run(resume=run.id, runs_dir=own).effects is not None


def test_an_error_of_the_config_does_not_ask_to_resume(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as told:
        ck.run(SHOP | {"rank": {"use": "uplift"}, "identify": {"adjust": ["nothing"]}}, runs_dir=tmp_path)
    assert "when you run the mended config" in told.value.todo
    assert "--resume" not in told.value.todo


def test_a_log_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    @component
    class Moving:
        """A log that is another one each time."""

        asked: ClassVar[list[int]] = []

        def fingerprint(self, *, context: Context = Context()) -> str:
            self.asked.append(1)
            return str(len(self.asked))

        def load(self, *, context: Context = Context()) -> Any:
            return ck.build("dataset", "simulated", users=60, items=12, weeks=8).load()

    with pytest.raises(DataError, match="changed while it was read"):
        ck.run(SHOP | {"data": "moving"}, runs_dir=tmp_path, registry=registry_with(moving=("dataset", Moving)))
    assert not (tmp_path / ".cache" / "steps").exists()
