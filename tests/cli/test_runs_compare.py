"""`runs compare`: what differs between two runs, and no test that would take them for independent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import causalkit as ck
from causalkit.comparing import compare
from causalkit.errors import DataError, UsageError
from tests.cli.small_runs import ITEMS, config, write_log
from tests.command import call


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("work")
    write_log(made)
    return made


@pytest.fixture(scope="module")
def a(folder: Path) -> ck.Run:
    return ck.run(config(folder, evaluate=["auc"]), runs_dir=folder / "runs")


@pytest.fixture(scope="module")
def b(folder: Path, a: ck.Run) -> ck.Run:
    changed = config(folder, estimate="difference-in-means", encode=None, rank="random", top=6, evaluate=["auc"])
    return ck.run(changed, runs_dir=folder / "runs")


def test_what_differs_in_the_config_is_said_by_its_dotted_path(a: ck.Run, b: ck.Run) -> None:
    told = {d.what: (d.a, d.b) for d in compare(a, b).config}
    assert told["top"] == (4, 6)
    assert told["rank.use"] == ("uplift", "random")
    assert told["estimate.item.use"] == ("shared", "difference-in-means")
    assert told["encode.item.params.dims"] == (4, None)
    assert not any(path.startswith("data") for path in told)
    assert not any(path in told for path in ("encode", "seed", "name"))


def test_a_step_that_was_reused_does_not_differ_from_one_that_was_done(folder: Path, a: ck.Run) -> None:
    again = ck.run(config(folder, evaluate=["auc"]), runs_dir=folder / "runs")
    assert "reused" in {step.status for step in again.result.steps}
    found = compare(a, again)
    assert (found.config, found.data, found.versions, found.steps) == ((), (), (), ())


def test_a_run_that_read_no_log_is_said(folder: Path, a: ck.Run, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        ck.run(config(folder, split={"by": "time-blocks", "weeks": 50}), runs_dir=tmp_path)
    notes = compare(a, ck.open_run(runs_dir=tmp_path)).notes
    assert "not known" in notes[0]
    assert not any("logs differ" in note for note in notes)


def test_effects_are_compared_item_by_item(a: ck.Run, b: ck.Run) -> None:
    found = compare(a, b).items
    assert found is not None
    assert a.effects is not None
    assert b.effects is not None
    x, y = a.effects.item, b.effects.item.reindex(a.effects.item.index)
    assert (found.both, found.only_a, found.only_b, found.with_effects) == (len(ITEMS), 0, 0, len(ITEMS))
    assert found.correlation == pytest.approx(np.corrcoef(x["effect"], y["effect"])[0, 1])
    size = (y["effect"] - x["effect"]).abs() / np.hypot(x["stderr"], y["stderr"])
    assert found.furthest["item"].tolist() == size.sort_values(ascending=False).index[:10].tolist()
    assert found.furthest["in_errors"].tolist() == pytest.approx(sorted(size, reverse=True)[:10])
    assert found.statuses["items"].sum() == len(ITEMS)
    assert found.changed == int((x["status"] != y["status"]).sum())


def test_averages_and_metrics_stand_side_by_side_with_their_intervals(a: ck.Run, b: ck.Run) -> None:
    found = compare(a, b)
    assert found.pooled is not None
    assert found.pooled.a is not None
    assert a.effects is not None
    assert a.effects.pooled is not None
    assert (found.pooled.a.value, found.pooled.a.lower) == (a.effects.pooled.effect, a.effects.pooled.lower)
    pairs = {(m.name, m.of): m for m in found.metrics}
    shared = pairs["auc", "random"]
    assert shared.a is not None
    assert shared.b is not None
    assert shared.difference == pytest.approx(shared.b.value - shared.a.value, nan_ok=True)
    assert pairs["auc", "without text"].b is None if ("auc", "without text") in pairs else True


def test_lists_are_compared_by_what_both_show_first(a: ck.Run, b: ck.Run) -> None:
    found = compare(a, b)
    first = [set(run.recommend()["item"]) for run in (a, b)]
    assert set(found.shared_top) == first[0] & first[1]
    assert found.top == 4


def test_errors_of_runs_on_one_log_are_not_taken_for_independent(a: ck.Run, b: ck.Run) -> None:
    found = compare(a, b)
    assert found.same_data
    assert found.data == ()
    assert "their errors are shared" in found.notes[0]
    assert not any(word in str(found).lower() for word in ("p-value", "significant"))


def test_another_log_is_told_by_its_fingerprint_and_counts(folder: Path, a: ck.Run, tmp_path: Path) -> None:
    write_log(tmp_path)
    log = pd.read_parquet(tmp_path / "log.parquet")
    log[log["thing"] != ITEMS[0]].to_parquet(tmp_path / "log.parquet")
    other = ck.run(config(tmp_path, seed=3), until="estimate", runs_dir=tmp_path / "runs")
    found = compare(a, other)
    told = {d.what: (d.a, d.b) for d in found.data}
    assert not found.same_data
    assert told["rows"][0] > told["rows"][1]
    assert "fingerprint" in told
    assert "The logs differ" in found.notes[0]
    assert any("seeds differ" in note for note in found.notes)
    steps = {d.what: (d.a, d.b) for d in found.steps}
    assert steps["rank"] == ("done: uplift", None)


def test_a_run_is_not_compared_with_itself(a: ck.Run) -> None:
    with pytest.raises(UsageError, match="with itself"):
        compare(a, ck.open_run(a.path))


def test_the_command_prints_both_and_the_whole_as_json(folder: Path, a: ck.Run, b: ck.Run, capsys: Any) -> None:
    code, out, _ = call(capsys, "runs", "compare", a.id, b.id, "--runs-dir", folder / "runs")
    assert code == 0
    assert out.startswith(f"A: {a.id}\nB: {b.id}\n")
    assert "data: the same" in out
    assert "rank.use" in out
    assert "average effect" in out
    assert "no test of it is made" in " ".join(out.split())
    code, out, _ = call(capsys, "runs", "compare", a.id, b.id, "--runs-dir", folder / "runs", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["items"]["both"] == len(ITEMS)
    assert {"what": "top", "a": 4, "b": 6} in document["config"]
    assert document["pooled"]["difference"] == pytest.approx(
        document["pooled"]["b"]["value"] - document["pooled"]["a"]["value"]
    )


def test_a_run_that_is_not_there_is_told(folder: Path, a: ck.Run, capsys: Any) -> None:
    code, _, err = call(capsys, "runs", "compare", a.id, "1999", "--runs-dir", folder / "runs")
    assert code == 1
    assert "there is no run '1999'" in err
