"""`recommend --all`: every list of a run in one file, the same as it shows one by one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

import causalkit as ck
from causalkit.exporting import unguarded
from causalkit.serving import all_lists
from causalkit.types import RANKING_COLUMNS
from tests.cli.small_runs import config, write_log
from tests.command import call

RANKERS = ("uplift", "popularity", "random")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("work")
    write_log(made)
    for ranker in RANKERS:
        ck.run(config(made, rank=ranker), runs_dir=made / ranker)
    return made


@pytest.mark.parametrize("ranker", RANKERS)
def test_the_file_holds_what_recommend_shows_one_by_one(folder: Path, tmp_path, capsys, ranker: str) -> None:
    runs, file = folder / ranker, tmp_path / "all.parquet"
    code, out, err = call(capsys, "recommend", "--all", "--out", file, "--runs-dir", runs)
    assert (code, out) == (0, "")
    assert "lists of 150 users" in err
    found = pd.read_parquet(file)
    assert tuple(found.columns) == RANKING_COLUMNS
    assert list(found["scope"].unique()) == (["overall", "segment", "user"])
    for options, scope, who in ((["--user", "p007"], "user", "p007"), ([], "overall", "")):
        shown = json.loads(call(capsys, "recommend", *options, "--runs-dir", runs, "--json")[1])["recommendations"]
        own = found[(found["scope"] == scope) & (found["who"] == who)]
        assert own.to_dict(orient="records") == shown


@pytest.mark.parametrize("ranker", RANKERS)
def test_every_list_is_that_of_the_run(folder: Path, ranker: str) -> None:
    run = ck.open_run(runs_dir=folder / ranker)
    assert run.ranking is not None
    found = pd.concat(list(all_lists(run)), ignore_index=True)
    kept = run.ranking.table.assign(item=run.ranking.table["item"].astype(found["item"].dtype))
    pd.testing.assert_frame_equal(found, kept, check_exact=True, check_dtype=False)


def test_more_can_be_asked_for_than_the_run_kept(folder: Path, tmp_path, capsys) -> None:
    file = tmp_path / "all.jsonl"
    code, out, _ = call(
        capsys, "recommend", "--all", "-k", 9, "--out", file, "--runs-dir", folder / "uplift", "--json", "-q"
    )
    told = json.loads(out)
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert (code, told["users"], told["rows"]) == (0, 150, len(rows))
    assert {row["rank"] for row in rows if row["who"] == "p001"} == set(range(1, 10))


@pytest.mark.parametrize("user", [(), ("--user", "p007")])
def test_one_list_can_be_longer_than_the_run_kept(folder: Path, capsys, user) -> None:
    runs = ("--runs-dir", folder / "uplift", "--json")
    four = json.loads(call(capsys, "recommend", *user, *runs)[1])["recommendations"]
    nine = json.loads(call(capsys, "recommend", *user, "-k", 9, *runs)[1])["recommendations"]
    assert (len(four), len(nine)) == (4, 9)
    assert nine[:4] == four


def test_a_ranker_that_needs_no_rows_does_without_them(folder: Path, tmp_path, capsys) -> None:
    shutil.copytree(folder / "uplift", tmp_path / "runs", ignore=shutil.ignore_patterns(".cache"))
    (run,) = (tmp_path / "runs").iterdir()
    config_file = run / "config.yaml"
    config_file.write_text(config_file.read_text(encoding="utf-8").replace("log.parquet", "gone.parquet"))
    options = ("--all", "--out", tmp_path / "a.csv", "--runs-dir", tmp_path / "runs")
    assert call(capsys, "recommend", run.name, *options)[0] == 0


def test_fault_42_a_csv_of_lists_holds_no_formula(folder: Path, tmp_path, capsys) -> None:
    runs = folder / "uplift"
    for ending in ("csv", "parquet"):
        call(capsys, "recommend", "--all", "-k", 14, "--out", tmp_path / f"all.{ending}", "--runs-dir", runs)
    written = pd.read_csv(tmp_path / "all.csv", keep_default_na=False, dtype=str)
    exact = pd.read_parquet(tmp_path / "all.parquet")
    assert exact["item"].str.startswith(("=", "+", "-", "@", "\t")).any()
    assert not written["item"].str.startswith(("=", "+", "-", "@", "\t", "\r")).any()
    assert written["item"].map(unguarded).tolist() == exact["item"].tolist()
    assert written["effect"].astype(float).tolist() == exact["effect"].tolist()


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--all"], 2, "--all needs --out"),
        (["--all", "--user", "p001", "--out", "a.csv"], 2, "exclude each other"),
        (["--all", "--out", "a.xlsx"], 2, "ends in '.xlsx'"),
        (["--all", "--out", "none/a.csv"], 1, "there is no folder"),
        (["--all", "--out", "folder.csv"], 1, "is a folder"),
        (["--items", "items.parquet"], 2, "name it with --log"),
    ],
)
def test_what_makes_no_sense_is_told(folder: Path, tmp_path, capsys, monkeypatch, options, code, said) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.csv").mkdir()
    ended, out, err = call(capsys, "recommend", *options, "--runs-dir", folder / "uplift")
    assert (ended, out) == (code, "")
    assert said in err
    assert [p.name for p in tmp_path.iterdir()] == ["folder.csv"]


def test_a_run_without_lists_is_told(folder: Path, tmp_path, capsys) -> None:
    ck.run(config(folder), until="estimate", runs_dir=tmp_path / "runs")
    code, _, err = call(capsys, "recommend", "--all", "--out", tmp_path / "a.csv", "--runs-dir", tmp_path / "runs")
    assert code == 2
    assert "has no ranking" in err
    assert not (tmp_path / "a.csv").exists()


def test_one_list_can_be_written_too(folder: Path, tmp_path, capsys) -> None:
    file = tmp_path / "one.json"
    assert call(capsys, "recommend", "--user", "p001", "--out", file, "--runs-dir", folder / "uplift")[0] == 0
    assert [row["rank"] for row in json.loads(file.read_text(encoding="utf-8"))] == [1, 2, 3, 4]
