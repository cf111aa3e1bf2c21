"""`runs export`: everything that a run found, in files that open without causalkit."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import networkx as nx
import pandas as pd
import pytest

import causalkit as ck
from causalkit.errors import DataError
from causalkit.exporting import unguarded
from causalkit.sheets import COLUMNS
from tests.cli.small_runs import ITEMS, config, write_log
from tests.command import call


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("work")
    write_log(made)
    full = config(made, discover="pc", refute=["permutation"], explain="receipt", evaluate=["auc"])
    full["name"] = "../../climbs"
    ck.run(full, runs_dir=made / "runs")
    return made


def export(folder: Path, capsys: Any, *options: object) -> dict[str, Any]:
    code, out, err = call(capsys, "runs", "export", *options, "--json", "--runs-dir", folder / "runs")
    assert code == 0, err
    document: dict[str, Any] = json.loads(out)
    return document


def test_a_folder_holds_what_the_run_found(folder: Path, tmp_path: Path, capsys) -> None:
    told = export(folder, capsys, "--out", tmp_path / "out")
    run = ck.open_run(runs_dir=folder / "runs")
    assert run.effects is not None
    assert run.ranking is not None
    assert run.graph is not None
    assert run.embeddings is not None
    assert run.embeddings.item is not None
    out = tmp_path / "out"
    assert {p.name for p in out.iterdir()} == {*told["files"], "README.md", "index.json"}
    effects = pd.read_parquet(out / "effects-items.parquet").set_index("item")
    assert effects["effect"].tolist() == run.effects.item["effect"].tolist()
    assert effects.index.tolist() == run.effects.item.index.tolist()
    assert len(pd.read_parquet(out / "ranking.parquet")) == len(run.ranking.table)
    assert set(nx.read_gml(out / "graph.gml").nodes) == set(run.graph.nodes)
    vectors = pd.read_parquet(out / "embeddings-items.parquet")
    assert vectors["vector"].iloc[0].tolist() == run.embeddings.item.vectors[0].tolist()
    assert (out / "report.html").read_bytes() == run.report_path.read_bytes()
    assert json.loads((out / "estimands.json").read_text())["estimands"][0]["outcome"] == "bought"


@pytest.mark.parametrize("sort", ["parquet", "csv", "json"])
def test_every_file_and_column_is_said(folder: Path, tmp_path: Path, capsys, sort: str) -> None:
    export(folder, capsys, "--out", tmp_path / "out", "--format", sort)
    index = json.loads((tmp_path / "out" / "index.json").read_text(encoding="utf-8"))["files"]
    readme = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    for name, told in index.items():
        assert told["what"]
        assert f"**{name}**" in readme
        for column, words in told.get("columns", {}).items():
            assert words, f"{name}: {column}"
    assert f"effects-items.{sort}" in index
    assert "per 100 users" in index[f"effects-items.{sort}"]["columns"]["effect"]
    assert "{units}" in COLUMNS["effect"]


def test_a_zip_is_the_same_each_time_and_nothing_in_it_climbs(folder: Path, tmp_path: Path, capsys) -> None:
    for name in ("a.zip", "b.zip"):
        export(folder, capsys, "--out", tmp_path / name, "--format", "csv")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        names = archive.namelist()
        rows = list(csv.reader(io.StringIO(archive.read("effects-items.csv").decode("utf-8"), newline="")))
        assert archive.testzip() is None
    assert names == sorted(names)
    assert all(name == Path(name).name and ".." not in name and not name.startswith("/") for name in names)
    assert {unguarded(row[0]) for row in rows[1:]} == set(ITEMS)
    assert not any(row[0].startswith(("=", "+", "-", "@", "\t")) for row in rows)


def test_a_place_that_is_taken_is_left_as_it_is(folder: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    code, _, err = call(capsys, "runs", "export", "--out", tmp_path / "out", "--runs-dir", folder / "runs")
    assert code == 2
    assert "already there" in err
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["mine"]
    code, _, err = call(capsys, "runs", "export", "--out", tmp_path / "no" / "o.zip", "--runs-dir", folder / "runs")
    assert code == 1
    code, _, err = call(capsys, "runs", "export", "--out", tmp_path / "no" / "o", "--runs-dir", folder / "runs")
    assert code == 1
    assert "Traceback" not in err
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_no_folder_is_called_as_an_archive(folder: Path, tmp_path: Path, capsys) -> None:
    code, _, err = call(capsys, "runs", "export", "--out", tmp_path / "o.tgz", "--runs-dir", folder / "runs")
    assert code == 2
    assert ".zip" in err
    assert not list(tmp_path.iterdir())


def test_a_run_that_ended_early_leaves_what_it_has(folder: Path, tmp_path: Path, capsys) -> None:
    ck.run(config(folder), until="identify", runs_dir=tmp_path / "runs")
    code, out, _ = call(capsys, "runs", "export", "--out", tmp_path / "out", "--runs-dir", tmp_path / "runs", "--json")
    assert code == 0
    assert set(json.loads(out)["files"]) == {"embeddings-items.parquet", "config.yaml", "manifest.json"}


def test_a_run_that_failed_at_once_leaves_what_it_has(folder: Path, tmp_path: Path, capsys) -> None:
    with pytest.raises(DataError):
        ck.run(config(folder, split={"by": "time-blocks", "weeks": 50}), runs_dir=tmp_path / "runs")
    runs = ("--runs-dir", tmp_path / "runs")
    code, out, err = call(capsys, "runs", "export", "--out", tmp_path / "out", *runs, "--json")
    assert code == 0, err
    assert set(json.loads(out)["files"]) == {"config.yaml", "manifest.json"}
