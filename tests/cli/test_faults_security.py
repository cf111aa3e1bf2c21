"""Security faults 42 and 48, through the installed command: formulas in cells, and names that climb.

Fault 50, a cache that was tampered with, is among the process faults.
"""

from __future__ import annotations

import csv
import hashlib
import json

import numpy as np
import pandas as pd
import pytest
import yaml

from causalkit.exporting import guarded
from tests.command import causalkit

CLIMBING = "../../x"
HOSTILE = [
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=2",
    "＝1",
    CLIMBING,
    "/etc/passwd",
    "a\0b",
    ".",
]
"""Ids of items; users and segments are called the same."""
SCHEMA = {
    "columns": {
        "user": {"role": "user"},
        "segment": {"role": "segment"},
        "item": {"role": "item"},
        "shown": {"role": "treatment"},
        "bought": {"role": "outcome"},
        "=2+5/../../sort": {"role": "covariate", "kind": "categorical"},
        "../../price": {"role": "covariate", "kind": "continuous"},
    }
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A run over hostile names, and the files that it made."""
    top = tmp_path_factory.mktemp("top")
    work = top / "a" / "work"
    work.mkdir(parents=True)
    rng, rows = np.random.default_rng(0), 2200
    shown = rng.integers(0, 2, rows)
    names = np.array(HOSTILE, object)
    log = pd.DataFrame(
        {
            "user": names[rng.integers(0, len(names), rows)],
            "item": names[np.arange(rows) % len(names)],
            "shown": shown,
            "bought": (rng.random(rows) < 0.3 + 0.2 * shown).astype(int),
        }
    )
    items = pd.DataFrame({"item": names, "=2+5/../../sort": names[::-1], "../../price": rng.random(len(names))})
    log.assign(segment=log["user"]).to_parquet(work / "log.parquet")
    items.to_parquet(work / "items.parquet")
    config = {
        "name": CLIMBING,
        "data": {
            "use": "tables",
            "params": {"interactions": "log.parquet", "items": "items.parquet", "schema": SCHEMA},
        },
        "split": {"by": "none"},
        "estimate": "difference-in-means",
        "rank": "uplift",
        "explain": "receipt",
    }
    (work / "config.yaml").write_text(yaml.safe_dump(config))
    before = {path for path in top.rglob("*") if path.is_file()}
    done = causalkit("run", "config.yaml", cwd=work)
    assert done.code == 0, done.err
    return top, work, {path for path in top.rglob("*") if path.is_file()} - before


def test_fault_48_names_in_data_and_config_never_become_paths(ran):
    _, work, made = ran
    for path in made:
        assert path.is_relative_to(work / "runs")
        assert set(path.name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"), path
    found = causalkit("recommend", "--user", CLIMBING, "--json", cwd=work)
    assert found.code == 0, found.err
    assert found.json["user"] == CLIMBING
    told = causalkit("explain", "--item", CLIMBING, "--user", "/etc/passwd", cwd=work)
    assert told.code == 0, told.err


@pytest.mark.parametrize("reference", ["../../etc", "x" * 5000, ".cache/steps"])
@pytest.mark.parametrize("command", ["runs show", "run --resume"])
def test_fault_48_a_reference_that_climbs_opens_nothing(ran, command, reference):
    _, work, _ = ran
    kept = sorted(work.rglob("*"))
    done = causalkit(*command.split(), reference, cwd=work)
    assert done.code == 1, done.err
    assert "there is no run" in done.err
    assert "Traceback" not in done.err
    assert sorted(work.rglob("*")) == kept


def test_fault_48_a_structure_that_points_out_of_its_folder_is_refused(ran, tmp_path):
    _, work, _ = ran
    (run,) = (path for path in (work / "runs").iterdir() if path.name[0] != ".")
    place = run / "refit" if (run / "refit").is_dir() else run / "rank"
    path = place / "ranking" / "object.json"
    before = path.read_text()
    pd.DataFrame({"secret": [1]}).to_parquet(tmp_path / "secret.parquet")
    told = json.loads(before)
    told["table"]["$table"] = str(tmp_path / "secret.parquet")
    path.unlink()  # it may be a link to what is kept
    path.write_text(json.dumps(told))
    digests = place / "step.json"
    signed = digests.read_text()
    known = json.loads(signed)
    known["files"]["public/ranking/object.json"] = hashlib.sha256(path.read_bytes()).hexdigest()
    digests.write_text(json.dumps(known))
    try:
        done = causalkit("recommend", cwd=work)
    finally:
        path.write_text(before)
        digests.write_text(signed)
    assert done.code == 1, done.err
    assert "names a file outside of its folder" in done.err


def test_fault_42_cells_of_an_exported_list_are_no_formulas(ran):
    _, work, _ = ran
    done = causalkit("recommend", "--all", "--out", "all.csv", cwd=work)
    assert done.code == 0, done.err
    with (work / "all.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert len(rows) > len(HOSTILE)
    for cell in (cell for row in [header, *rows] for cell in row):
        assert not cell.startswith(("=", "+", "@", "\t", "\r", "＝")), cell
        assert not cell.startswith("-") or float(cell) < 0
    assert {row[header.index("item")] for row in rows} <= {guarded(name) for name in HOSTILE}
    assert any(cell.startswith("'") for row in rows for cell in row)


def test_fault_42_an_exported_run_holds_no_formulas(ran):
    _, work, _ = ran
    done = causalkit("runs", "export", "latest", "--out", "bundle", "--format", "csv", cwd=work)
    assert done.code == 0, done.err
    files = list((work / "bundle").rglob("*.csv"))
    assert files
    for path in files:
        with path.open(encoding="utf-8", newline="") as file:
            for cell in (cell for row in csv.reader(file) for cell in row):
                assert not cell.startswith(("=", "+", "@", "\t", "\r", "＝")), (path, cell)
                assert not cell.startswith("-") or float(cell) < 0, (path, cell)
