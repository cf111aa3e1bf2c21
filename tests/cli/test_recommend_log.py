"""`recommend --log`: users and items that the run has never seen, each marked as such."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import causalkit as ck
from causalkit.cold_items import with_cold_items
from causalkit.components import Context
from causalkit.serving import NEW_COLUMNS, fitted_ranker, lists_for, rows_of
from tests.cli.small_runs import ITEMS, config, write_log
from tests.command import call


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("work")
    write_log(made)
    ck.run(config(made), runs_dir=made / "runs")
    ck.run(config(made, estimate="difference-in-means"), runs_dir=made / "plain")
    return made


def score(folder: Path, capsys: Any, log: pd.DataFrame, *options: object, runs: str = "runs") -> tuple[Any, list[Any]]:
    """The document, and rows by user, of a new log in CSV."""
    log.to_csv(folder / "new.csv", index=False)
    code, out, err = call(
        capsys, "recommend", "--log", folder / "new.csv", "--json", *options, "--runs-dir", folder / runs
    )
    assert code == 0, err
    document = json.loads(out)
    return document, document["recommendations"]


def test_known_users_get_the_lists_of_the_run(folder: Path, capsys) -> None:
    document, rows = score(folder, capsys, pd.DataFrame({"person": ["p003", "p003", "p010"]}))
    run = ck.open_run(runs_dir=folder / "runs")
    for who in ("p003", "p010"):
        own = [{k: v for k, v in row.items() if not k.startswith("cold")} for row in rows if row["who"] == who]
        assert own == run.recommend(who).to_dict(orient="records")
    assert (document["users"], document["cold_users"], document["items"]) == (2, 0, len(ITEMS))
    assert not any(row["cold_user"] or row["cold_item"] for row in rows)


def test_an_unknown_user_gets_the_effects_of_the_segment_else_of_the_item(folder: Path, capsys) -> None:
    log = pd.DataFrame({"person": ["new 1", "new 2", "new 3"], "club": ["0", None, "elsewhere"]})
    document, rows = score(folder, capsys, log)
    levels = {who: {row["level"] for row in rows if row["who"] == who} for who in log["person"]}
    assert levels == {"new 1": {"segment"}, "new 2": {"item"}, "new 3": {"item"}}
    assert document["cold_users"] == 3
    assert all(row["cold_user"] for row in rows)
    assert any("elsewhere" in note for note in document["notes"])
    run = ck.open_run(runs_dir=folder / "runs")
    member = run.recommend("p003")  # 3 is in club 0
    assert [r["item"] for r in rows if r["who"] == "new 1"] == member["item"].tolist()


def test_a_segment_may_come_from_a_file_of_users(folder: Path, tmp_path, capsys) -> None:
    pd.DataFrame({"person": ["new 1"], "club": ["0"]}).to_csv(tmp_path / "users.csv", index=False)
    _, rows = score(folder, capsys, pd.DataFrame({"person": ["new 1"]}), "--users", tmp_path / "users.csv")
    assert {row["level"] for row in rows} == {"segment"}


def test_an_unknown_item_gets_the_effect_that_its_text_predicts(folder: Path, capsys) -> None:
    log = pd.DataFrame(
        {
            "person": ["p001", "p001", "p001", "p001"],
            "thing": ["rice", "honey", "vinegar", "riddle"],
            "words": [None, "sweet and sugary", "sour and salty", None],
            "kind": [None, "sweet", "sour", None],
        }
    )
    document, rows = score(folder, capsys, log)
    status = {row["item"]: (row["status"], row["cold_item"]) for row in rows}
    effect = {row["item"]: row["effect"] for row in rows}
    assert status == {"rice": ("estimated", False), "honey": ("predicted", True), "vinegar": ("predicted", True)}
    assert effect["honey"] > effect["vinegar"] + 0.05
    assert document["left_out"] == ["riddle"]
    assert "1 of 3 items that the run does not know are left out" in document["notes"][-1]
    assert (document["items"], document["cold_items"]) == (3, 2)


def test_attributes_of_items_may_come_from_a_file(folder: Path, tmp_path, capsys) -> None:
    items = pd.DataFrame({"thing": ["honey"], "words": ["sweet and sugary"], "kind": ["sweet"]})
    items.to_parquet(tmp_path / "items.parquet")
    document, rows = score(folder, capsys, pd.DataFrame({"person": ["p001"]}), "--items", tmp_path / "items.parquet")
    assert [row["item"] for row in rows] == ["honey"]
    assert document["left_out"] == []


def test_a_prediction_is_that_of_the_runs_own_model(folder: Path) -> None:
    """The refit gives the run's effects again; what one new item is told does not depend on the others."""
    run = ck.open_run(runs_dir=folder / "runs")
    rows, context = rows_of(run), Context(root_seed=run.config.seed)
    alone = pd.DataFrame({"words": ["sweet and sugary"], "kind": ["sweet"]}, index=["honey"])
    others = pd.DataFrame({"words": ["sour and salty things"] * 9, "kind": ["odd"] * 9}, index=list("abcdefghi"))
    one = with_cold_items(run, rows, alone, context).effects
    many = with_cold_items(run, rows, pd.concat([others, alone]), context).effects
    assert one is not None
    assert many is not None
    assert run.effects is not None
    assert one.item.loc["honey", "effect"] == pytest.approx(many.item.loc["honey", "effect"], rel=1e-6)
    known = one.item.loc[run.effects.item.index]
    pd.testing.assert_frame_equal(known, run.effects.item, check_dtype=False, check_names=False, check_index_type=False)
    estimator = run.registry.build("estimator", run.config.estimate["item"].to_dict())
    again = estimator.fit(rows, run.estimands[0], run.embeddings, context=context.under("estimate.item")).effects_
    pd.testing.assert_series_equal(again.item["effect"], run.effects.item["effect"], check_exact=True)


def test_items_that_nothing_predicts_are_left_out_and_counted(folder: Path, capsys) -> None:
    log = pd.DataFrame({"person": ["p001"] * 2, "thing": ["rice", "honey"], "words": ["", "sweet and sugary"]})
    document, rows = score(folder, capsys, log, runs="plain")
    assert [row["item"] for row in rows] == ["rice"]
    assert document["left_out"] == ["honey"]
    assert "difference-in-means predicts no effect of items that it never saw" in document["notes"][-1]


def test_a_ranker_that_takes_no_predicted_item_is_told(folder: Path, tmp_path, capsys) -> None:
    rank = {"use": "uplift", "params": {"predicted": False}}
    ck.run(config(folder, rank=rank), runs_dir=folder / "sure")
    log = pd.DataFrame({"person": ["p001"] * 2, "thing": ["rice", "honey"], "words": ["", "sweet"]})
    document, rows = score(folder, capsys, log, runs="sure")
    assert [row["item"] for row in rows] == ["rice"]
    assert "never recommended by the run's ranker" in document["notes"][-1]


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_lists_go_to_a_file(folder: Path, tmp_path, capsys, ending: str) -> None:
    log = pd.DataFrame({"person": [f"q{i}" for i in range(3000)]})
    log.to_parquet(tmp_path / "new.parquet")
    file = tmp_path / f"out{ending}"
    options = ("--log", tmp_path / "new.parquet", "--out", file, "-k", 2, "--runs-dir", folder / "runs")
    code, out, err = call(capsys, "recommend", *options)
    assert (code, out) == (0, "")
    assert "3000 of 3000 users" in err
    found = pd.read_parquet(file) if ending == ".parquet" else pd.read_csv(file)
    assert tuple(found.columns) == NEW_COLUMNS
    assert len(found) == 6000
    assert found["cold_user"].all()
    assert found["who"].tolist() == [f"q{i}" for i in range(3000) for _ in range(2)]


def test_a_terminal_shows_some_users_and_says_how_many_more(folder: Path, capsys) -> None:
    pd.DataFrame({"person": [f"q{i}" for i in range(8)]}).to_csv(folder / "eight.csv", index=False)
    code, out, err = call(capsys, "recommend", "--log", folder / "eight.csv", "--runs-dir", folder / "runs")
    assert code == 0
    assert "q0 (new)" in out
    assert "q7" not in out
    assert "3 more users" in err


def test_ids_match_whatever_their_type(tmp_path: Path) -> None:
    """A run whose ids are integers knows them in a CSV, and beside missing values."""
    write_log(tmp_path)
    log = pd.read_parquet(tmp_path / "log.parquet")
    log.assign(person=log["person"].str[1:].astype(int)).to_parquet(tmp_path / "log.parquet")
    run = ck.run(config(tmp_path, encode=None), until="rank", runs_dir=tmp_path / "runs")
    pd.DataFrame({"person": [3, None, 900]}).to_parquet(tmp_path / "new.parquet")
    (tmp_path / "new.csv").write_text("person\n3\n\n900\n")
    for name in ("new.parquet", "new.csv"):
        made = lists_for(run, tmp_path / name)
        assert (made.users, made.cold_users) == (2, 1)
        rows = pd.concat(made.blocks)
        assert rows["who"].unique().tolist() == ["3", "900"]
        assert rows.loc[rows["who"] == "3", "item"].tolist() == run.recommend("3")["item"].tolist()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("gone.csv", None, "there is no file"),
        ("new.csv", b"persn,thing\na,b\n", "has no column 'person'; did you mean 'persn'?"),
        ("new.csv", b"person,thin\na,b\n", "has no column 'thing'; did you mean 'thin'?"),
        ("new.csv", b"person,thing\n", "has no rows"),
        ("new.csv", b"person,thing\n,a\n", "names no user"),
        ("new.csv", b"", "has no column 'person'"),
        ("new.csv", b"person\n\xff\n", "cannot be read as UTF-8 CSV"),
        ("new.csv", b'person,thing\n"a,b\n', "cannot be read"),
        ("new.parquet", b"PAR1 and no more", "cannot be read"),
        ("new.xlsx", b"PK", "is neither Parquet nor CSV"),
    ],
)
def test_a_log_that_cannot_be_used_is_told(folder: Path, tmp_path, capsys, name, content, said) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    options = ("--log", tmp_path / name, "--out", tmp_path / "out.csv", "--runs-dir", folder / "runs")
    code, out, err = call(capsys, "recommend", *options)
    assert (code, out) == (1, "")
    assert said in err
    assert not (tmp_path / "out.csv").exists()


def test_a_ranker_can_be_had_again(folder: Path) -> None:
    run = ck.open_run(runs_dir=folder / "runs")
    items = list(run.dataset.items.index)
    scores = fitted_ranker(run).scores(["p001"], items).values[0]
    best = pd.Series(scores, items).sort_values(ascending=False, kind="stable").head(4)
    assert best.index.tolist() == run.recommend("p001")["item"].tolist()


def test_a_run_whose_rows_are_gone_says_so(folder: Path, tmp_path, capsys) -> None:
    (tmp_path / "data").mkdir()
    write_log(tmp_path / "data")
    ck.run(config(tmp_path / "data", rank="popularity"), runs_dir=tmp_path / "runs")
    shutil.rmtree(tmp_path / "runs" / ".cache")
    (tmp_path / "data" / "log.parquet").unlink()
    code, _, err = call(capsys, "recommend", "--all", "--out", tmp_path / "a.csv", "--runs-dir", tmp_path / "runs")
    assert code == 1
    assert "log.parquet" in err
    assert not (tmp_path / "a.csv").exists()
