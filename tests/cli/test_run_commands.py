"""Commands about runs, on one small simulated shop; and `init`, on tables of one's own."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from causalkit.cli import main
from causalkit.cli.run import _executor
from tests.command import SCRIPT, call, environment

SHOP = """
data: {use: simulated, params: {users: 200, items: 12, weeks: 8}}
split: {by: random}
estimate: difference-in-means
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with `shop.yaml` and `runs/`, in which the shop was run up to `rank`."""
    made = tmp_path_factory.mktemp("work")
    (made / "shop.yaml").write_text(SHOP)
    with pytest.raises(SystemExit) as stopped:
        main(["run", str(made / "shop.yaml"), "--until", "rank", "--runs-dir", str(made / "runs"), "--json", "-q"])
    assert stopped.value.code == 0
    return made


def test_a_run_prints_its_list_and_where_it_is(folder, tmp_path, capsys):
    code, out, err = call(capsys, "run", folder / "shop.yaml", "--until", "rank", "--runs-dir", tmp_path / "runs")
    assert code == 0
    assert out.startswith("shop · run ")
    assert "Top of the list for everybody" in out
    assert "per 100 (95 % " in out
    assert str(tmp_path / "runs") in out
    assert "estimate  done" in err
    assert "\x1b" not in out + err


def test_a_run_and_its_report_in_text_say_what_encoders_met(folder, tmp_path, capsys):
    options = ("--runs-dir", tmp_path, "-o", "encode={item: lsa, user: behaviour}", "-q")
    code, out, _ = call(capsys, "run", folder / "shop.yaml", "--until", "encode", *options)
    assert code == 0
    assert "\nWhat encoders met:\n  behaviour: histories are of " in out
    code, out, _ = call(capsys, "report", "latest", "--text", "--runs-dir", tmp_path)
    assert code == 0
    assert "\nWhat encoders met\n  - behaviour: histories are of " in out


def test_a_run_prints_measurements_beside_baselines(folder, tmp_path, capsys):
    options = ("--until", "evaluate", "--runs-dir", tmp_path, "-o", "evaluate=[cp@3]", "-q")
    code, out, _ = call(capsys, "run", folder / "shop.yaml", *options)
    head = next(line for line in out.splitlines() if line.startswith("on held-out rows"))
    row = next(line for line in out.splitlines() if line.startswith("cp@3"))
    assert code == 0
    assert head.split("  ")[1].strip() == "uplift (95 %)"
    assert {"random", "popularity"} <= set(head.split())
    assert row.count(" to ") == 1
    assert len(re.findall(r"-?\d\.\d+", row)) >= 5


def test_a_run_under_json_is_one_document_and_quiet_is_quiet(folder, tmp_path, capsys):
    options = ("--until", "rank", "--runs-dir", tmp_path, "--json", "-q", "--seed", 5, "-o", "top=3")
    code, out, err = call(capsys, "run", folder / "shop.yaml", *options)
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert (document["schema_version"], document["status"], document["seed"]) == (1, "done", 5)
    assert len(document["recommendations"]) == 3
    assert [step["step"] for step in document["steps"]][-1] == "rank"


def test_a_dry_run_does_nothing(folder, tmp_path, capsys):
    code, out, _ = call(capsys, "run", folder / "shop.yaml", "--dry-run", "--json", "--runs-dir", tmp_path / "runs")
    steps = {row["step"]: row["uses"] for row in json.loads(out)["steps"]}
    assert code == 0
    assert steps["load"] == "simulated"
    assert steps["refute"] is None
    assert not (tmp_path / "runs").exists()
    out = call(capsys, "run", folder / "shop.yaml", "--dry-run", "--until", "estimate")[1]
    assert out.splitlines()[-1].split()[0] == "estimate"


def test_recommendations_for_everybody_and_for_a_user(folder, capsys):
    runs = ("--runs-dir", folder / "runs", "--json")
    everybody = json.loads(call(capsys, "recommend", *runs)[1])["recommendations"]
    assert [row["rank"] for row in everybody] == list(range(1, len(everybody) + 1))
    two = json.loads(call(capsys, "recommend", "latest", "-k", "2", *runs)[1])["recommendations"]
    assert two == everybody[:2]
    code, _, err = call(capsys, "recommend", "--user", "nobody", "--runs-dir", folder / "runs")
    assert code == 2
    assert "no user 'nobody'" in err


def test_an_unknown_item_has_no_receipt(folder, capsys):
    code, _, err = call(capsys, "explain", "--item", "nothing", "--runs-dir", folder / "runs")
    assert code == 2
    assert "no item 'nothing'" in err


def test_a_recommendation_has_a_receipt(folder, capsys):
    runs = ("--runs-dir", folder / "runs")
    item = json.loads(call(capsys, "recommend", *runs, "--json")[1])["recommendations"][0]["item"]
    receipt = json.loads(call(capsys, "explain", "--item", item, *runs, "--json")[1])["receipt"]
    assert receipt["item"] == item
    code, out, _ = call(capsys, "explain", "latest", "--item", item, *runs)
    assert code == 0
    assert " ".join(out.split()) == " ".join(receipt["text"].split())


def test_a_report_can_be_written_from_what_a_run_has(folder, tmp_path, capsys):
    runs = ("--runs-dir", tmp_path / "runs")
    call(capsys, "run", folder / "shop.yaml", "--until", "estimate", *runs)
    code, out, _ = call(capsys, "report", "--write", *runs)
    assert code == 0
    assert Path(out.strip()).read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_report_can_be_read_in_the_terminal(folder, capsys):
    code, out, _ = call(capsys, "report", "--text", "--runs-dir", folder / "runs")
    assert code == 0
    assert "Naive to adjusted, per 100 users" in out
    assert "Top recommendations" in out
    told = json.loads(call(capsys, "report", "--text", "--json", "--runs-dir", folder / "runs")[1])
    assert told["text"].split() == out.split()


@pytest.mark.parametrize(
    ("name", "workers", "selection"),
    [
        (None, None, None),
        ("serial", None, "serial"),
        (None, 1, "serial"),
        (None, 3, {"use": "process", "params": {"workers": 3}}),
        ("process", 1, {"use": "process", "params": {"workers": 1}}),
    ],
)
def test_workers_mean_processes(name, workers, selection):
    assert _executor(name, workers) == selection


def test_many_workers_of_the_serial_executor_are_refused(folder, tmp_path, capsys):
    code, _, err = call(
        capsys, "run", folder / "shop.yaml", "--executor", "serial", "--workers", 2, "--runs-dir", tmp_path / "none"
    )
    assert code == 2
    assert "serial has one worker, not 2" in err
    assert not (tmp_path / "none").exists()


def test_trackers_are_told_beside(folder, tmp_path, capsys):
    files = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    told = [part for file in files for part in ("--tracker", f"{{use: jsonl, params: {{path: {file}}}}}")]
    code, _, err = call(capsys, "run", folder / "shop.yaml", "--until", "load", "--runs-dir", tmp_path / "runs", *told)
    assert code == 0
    assert "load" in err
    for file in files:
        events = [json.loads(line)["event"] for line in file.read_text(encoding="utf-8").splitlines()]
        assert (events[0], events[-1]) == ("started", "finished")


def test_an_unknown_tracker_is_refused_before_anything_runs(folder, tmp_path, capsys):
    code, _, err = call(capsys, "run", folder / "shop.yaml", "--tracker", "jsonlines", "--runs-dir", tmp_path / "none")
    assert code == 2
    assert "did you mean 'jsonl'?" in err
    assert not (tmp_path / "none").exists()


def test_a_report_written_anew_is_the_same_and_repeats_the_run_by_its_own_config(folder, tmp_path, capsys):
    overrides = ("-o", "estimate=difference-in-means", "-o", "seed=4")
    assert call(capsys, "run", folder / "shop.yaml", *overrides, "--runs-dir", tmp_path, "-q")[0] == 0
    (report,) = tmp_path.glob("2*/report.html")
    before = report.read_bytes()
    assert b"causalkit run config.yaml" in before
    assert call(capsys, "report", "--write", "--runs-dir", tmp_path)[0] == 0
    assert report.read_bytes() == before


def test_what_gc_keeps_is_told(folder, tmp_path, capsys):
    assert call(capsys, "run", folder / "shop.yaml", "--until", "identify", "--runs-dir", tmp_path, "-q")[0] == 0
    told = json.loads(call(capsys, "runs", "gc", "--keep-gb", 1, "--runs-dir", tmp_path, "--json")[1])
    assert told["freed_bytes"] == 0 < told["kept_bytes"]
    code, out, err = call(capsys, "runs", "gc", "--runs-dir", tmp_path)
    assert (code, err) == (0, "")
    assert out.endswith("MB freed, 0.0 MB kept\n")


def test_a_config_in_the_place_of_a_run_is_told_where_it_goes(folder, tmp_path, capsys):
    code, _, err = call(capsys, "run", "--resume", "shop", "--runs-dir", tmp_path)
    assert code == 2
    assert "`causalkit run shop --resume`" in err


def test_a_run_that_stopped_shows_where_and_how_it_goes_on(folder, tmp_path, capsys):
    started = tmp_path / "20260101T000000-abc"
    started.mkdir()
    (kept,) = (folder / "runs").glob("2*")
    told = json.loads((kept / "manifest.json").read_text())
    (started / "manifest.json").write_text(json.dumps(told | {"status": "running", "steps": []}))
    (started / "config.yaml").write_text((kept / "config.yaml").read_text())
    begun = [{"kind": "started"}, {"kind": "begun", "step": "load"}, {"kind": "begun", "step": "estimate"}]
    (started / "events.jsonl").write_text("".join(f"{json.dumps(event)}\n" for event in begun))
    code, out, _ = call(capsys, "runs", "show", "--runs-dir", tmp_path)
    assert code == 0
    assert "estimate  was under way" in out
    assert f"causalkit run --resume {started}" in out
    code, _, err = call(capsys, "recommend", "--runs-dir", tmp_path)
    assert code == 2
    assert f"causalkit run --resume {started}" in err


def test_runs_are_listed_and_shown(folder, capsys):
    rows = json.loads(call(capsys, "runs", "list", "--runs-dir", folder / "runs", "--json")[1])["runs"]
    assert [(row["name"], row["status"]) for row in rows] == [("shop", "done")]
    code, out, _ = call(capsys, "runs", "show", rows[0]["run"], "--runs-dir", folder / "runs")
    assert code == 0
    assert "estimate  done" in out
    assert call(capsys, "runs", "list", "--runs-dir", folder / "none")[0] == 0


def test_a_run_that_is_not_there_is_told(folder, capsys):
    code, out, err = call(capsys, "runs", "show", "19990101", "--runs-dir", folder / "runs")
    assert (code, out) == (1, "")
    assert "there is no run '19990101'" in err


def test_a_report_that_was_not_written_is_told(folder, capsys):
    code, _, err = call(capsys, "report", "--runs-dir", folder / "runs")
    assert code == 2
    assert "has no report" in err


def test_the_log_is_described(folder, capsys):
    facts = json.loads(call(capsys, "data", "describe", folder / "shop.yaml", "--json")[1])
    assert facts["items"] == 12
    assert 0 < facts["exposed_share"] < 1
    assert facts["outcome_exposed"] > facts["outcome_unexposed"]
    assert {c["role"] for c in facts["columns"]} >= {"item", "treatment", "outcome"}
    code, out, _ = call(capsys, "data", "describe", folder / "shop.yaml")
    assert code == 0
    assert "assignment unit: " in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_exits_130_and_says_so_in_its_folder(folder, tmp_path, number):
    (tmp_path / "big.yaml").write_text(
        SHOP.replace("users: 200, items: 12, weeks: 8", "users: 20000, items: 400, weeks: 52")
    )
    process = subprocess.Popen(
        [str(SCRIPT), "run", "big.yaml"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(lambda: list(tmp_path.glob("runs/*/manifest.json")))
        time.sleep(0.3)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert out == ""
    assert "Traceback" not in err
    manifest = json.loads(next(tmp_path.glob("runs/*/manifest.json")).read_text())
    assert manifest["status"] == "interrupted"


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@pytest.fixture
def tables(tmp_path):
    rng = np.random.default_rng(0)
    n = 400
    log = {
        "customerId": rng.integers(0, 40, n),
        "sku": rng.integers(0, 9, n),
        "shown": rng.integers(0, 2, n),
        "clicked": rng.integers(0, 2, n),
        "purchased": rng.integers(0, 2, n),
        "week": rng.integers(1, 20, n),
        "past spend: total": rng.normal(size=n),
        "session_id": rng.integers(0, 10**6, n),
        "no": rng.normal(size=n),
    }
    frame = pd.DataFrame(log)
    frame.to_csv(tmp_path / "log.csv", index=False)
    frame.to_parquet(tmp_path / "log.parquet")
    titles = pd.DataFrame({"sku": range(9), "title": [f"a nice thing, number {i}" for i in range(9)], "category": "a"})
    titles.to_parquet(tmp_path / "items.parquet")
    return tmp_path


@pytest.mark.parametrize("log", ["log.csv", "log.parquet"])
def test_init_writes_a_commented_config_that_names_the_columns(tables, log, capsys, monkeypatch):
    monkeypatch.chdir(tables)
    code, out, err = call(capsys, "init", log, "--items", "items.parquet")
    text = (tables / "causalkit.yaml").read_text()
    assert (code, out) == (0, "causalkit.yaml\n")
    assert "causalkit check causalkit.yaml" in err
    assert "customerId: {role: user" in text
    assert "sku: {role: item" in text
    assert "shown: {role: treatment, kind: binary" in text
    assert "purchased: {role: outcome" in text
    assert "clicked: {role: signal" in text
    assert '"past spend: total": {role: covariate' in text
    assert '"no": {role: covariate' in text
    assert "# session_id:" in text
    assert "title: {role: covariate, kind: text" in text
    assert "category: {role: group" in text
    assert "split: {by: time-blocks" in text


@pytest.mark.parametrize(
    ("weeks", "split"), [(40, "{by: time-blocks, weeks: 4}"), (12, "{by: time-blocks, weeks: 3}"), (3, "{by: random}")]
)
@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("clock", [True, False])
def test_init_writes_blocks_that_fit_the_log(weeks, split, ending, clock, tmp_path, capsys):
    frame = pd.DataFrame({"user": range(weeks), "item": 1, "shown": 1, "bought": 0, "week": range(weeks)})
    if clock:
        frame["week"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(frame["week"] * 7, unit="D")
    log = tmp_path / f"log.{ending}"
    frame.to_csv(log, index=False) if ending == "csv" else frame.to_parquet(log)
    assert f"split: {split}\n" in call(capsys, "init", log, "--output", "-")[1]


def test_the_config_that_init_writes_loads_the_tables(tables, capsys, monkeypatch):
    monkeypatch.chdir(tables)
    call(capsys, "init", "log.csv", "--items", "items.parquet")
    code, out, err = call(capsys, "data", "describe", "causalkit.yaml", "--json")
    assert code == 0, err
    assert json.loads(out)["rows"] == 400


def test_init_says_what_it_could_not_find(tables, capsys, monkeypatch):
    monkeypatch.chdir(tables)
    pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}).to_csv("odd.csv", index=False)
    code, out, err = call(capsys, "init", "odd.csv", "--output", "-")
    assert code == 0
    assert "No column looks like the treatment" in err
    assert "# NAME: {role: treatment}" in out


def test_init_overwrites_nothing_unasked(tables, capsys, monkeypatch):
    monkeypatch.chdir(tables)
    (tables / "causalkit.yaml").write_text("mine")
    code, _, err = call(capsys, "init", "log.csv")
    assert code == 2
    assert "already there" in err
    assert (tables / "causalkit.yaml").read_text() == "mine"
    assert call(capsys, "init", "log.csv", "--force")[0] == 0


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("gone.csv", None, "there is no file"),
        ("bad.parquet", "not parquet", "cannot be read"),
        ("empty.csv", "", "cannot be read"),
    ],
)
def test_init_says_why_a_table_cannot_be_read(tmp_path, name, content, said, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / name).write_text(content)
    code, _, err = call(capsys, "init", name)
    assert code == 1
    assert said in err
    assert "Traceback" not in err


def test_init_copies_an_example(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = call(capsys, "init", "--example", "quickstart", "--output", "-")
    assert code == 0
    assert "data: {use: complete-journey}" in out
