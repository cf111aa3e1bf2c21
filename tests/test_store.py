"""Run folders: atomic files, typed artifacts that come back equal, locks, and clear errors."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from causalkit.errors import StoreError
from causalkit.store import RunFolder, find_run
from causalkit.store.folder import write_atomically
from causalkit.types import (
    CausalGraph,
    Edge,
    Effects,
    Embeddings,
    EmbeddingTable,
    Estimand,
    Evidence,
    Knowledge,
    Measurement,
    Pooled,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path, "abc", NOW)


def test_two_runs_of_one_second_get_two_folders(tmp_path: Path) -> None:
    names = [RunFolder.create(tmp_path, "abc", NOW).path.name for _ in range(3)]
    assert names == ["20260102T030405-abc", "20260102T030405-abc-1", "20260102T030405-abc-2"]


def test_types_come_back_equal(folder: RunFolder) -> None:
    graph = CausalGraph(("a", "b"), (Edge("a", "b", "--", 0.5, (Evidence("data", "Fisher-z", 0.01),)),), notes=("n",))
    values = {
        "graph": graph,
        "estimand": Estimand("t", "y", adjustment=("x",), only=("visited", 1)),
        "knowledge": Knowledge({"a": 1}, frozenset({("a", "b")}), source="me"),
        "measurement": Measurement("ndcg", 0.5, float("nan"), float("inf"), 3),
        "tuple": (Measurement("a", 1.0), Measurement("b", 2.0)),
    }
    for name, value in values.items():
        folder.save(name, value)
        assert repr(folder.load(name)) == repr(value)


def test_tables_and_arrays_come_back_equal(folder: RunFolder) -> None:
    vectors = np.arange(6, dtype=np.float32).reshape(3, 2)
    folder.save("e", Embeddings(item=EmbeddingTable(pd.Index(["x", "y", "z"]), vectors, "lsa")))
    found = folder.load("e")
    assert found.user is None
    np.testing.assert_array_equal(found.item.vectors, vectors)
    assert list(found.item.ids) == ["x", "y", "z"]
    item = pd.DataFrame(
        {"effect": [0.1, np.nan], "status": ["estimated", "predicted"]}, index=pd.Index([3, 4], name="item")
    )
    folder.save("f", Effects(item=item, pooled=Pooled(0.1, 0.2, 0.3, 0.4, 0.5, 6, 7, "how")))
    again = folder.load("f")
    pd.testing.assert_frame_equal(again.item, item)
    assert again.pooled == Pooled(0.1, 0.2, 0.3, 0.4, 0.5, 6, 7, "how")


def test_a_truncated_file_is_named(folder: RunFolder) -> None:
    folder.save("e", Embeddings())
    (folder.path / "e" / "object.json").write_text('{"$type": "Emb')
    with pytest.raises(StoreError, match="cannot be read"):
        folder.load("e")


def test_an_unknown_type_is_refused(folder: RunFolder) -> None:
    (folder.path / "e").mkdir()
    (folder.path / "e" / "object.json").write_text('{"$type": "Popen", "args": "rm"}')
    with pytest.raises(StoreError, match="'Popen'"):
        folder.load("e")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("old")

    def torn(place: Path) -> None:
        place.write_text("ne")
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="No space left on device"):
        write_atomically(path, torn)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_a_file_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("I am a file")
    with pytest.raises(StoreError, match="no run folder can be made"):
        RunFolder.create(tmp_path / "runs", "abc", NOW)


def test_one_writer_at_a_time_and_stale_locks_are_taken_over(folder: RunFolder) -> None:
    (folder.path / ".lock").write_text("1")
    if os.getpid() != 1:
        with pytest.raises(StoreError, match="in use by process 1"), folder.lock():
            pass
    for dead in (999999999, os.getpid()):  # an earlier process may have had our id
        (folder.path / ".lock").write_text(str(dead))
        with folder.lock():
            assert (folder.path / ".lock").read_text() == str(os.getpid())
    assert not (folder.path / ".lock").exists()


def test_events_skip_a_torn_last_line(folder: RunFolder) -> None:
    folder.event(kind="started")
    with (folder.path / "events.jsonl").open("a") as file:
        file.write('{"kind": "st')
    assert [e["kind"] for e in folder.events()] == ["started"]


def test_finding_a_run(tmp_path: Path) -> None:
    for config_hash in ("abc", "abd"):
        RunFolder.create(tmp_path, config_hash, NOW).write_json("manifest.json", {})
    assert find_run("latest", tmp_path).path.name.endswith("abd")
    assert find_run("abc", tmp_path).path.name.endswith("abc")
    with pytest.raises(StoreError, match="2 runs match"):
        find_run("2026", tmp_path)
    with pytest.raises(StoreError, match="there is no run 'zzz'"):
        find_run("zzz", tmp_path)


@pytest.mark.parametrize("reference", ["", "../../etc", "/etc", "x" * 5000, "nul\0byte", "zzz"])
def test_fault_48_a_reference_to_no_run_is_said_whatever_it_is(tmp_path: Path, reference: str) -> None:
    RunFolder.create(tmp_path, "abc", NOW).write_json("manifest.json", {})
    (tmp_path / "nodash").mkdir()
    (tmp_path / "nodash" / "manifest.json").write_text("{}")
    with pytest.raises(StoreError, match="there is no run"):
        find_run(reference, tmp_path)


@pytest.mark.parametrize("text", ["[]", "{}", '"a"', "null", '{"status": "done", "steps": 3}'])
def test_fault_11_a_manifest_of_another_make_is_said(folder: RunFolder, text: str) -> None:
    folder.write_text("manifest.json", text)
    with pytest.raises(StoreError, match=r"is no manifest of a run: it lacks .*config_hash"):
        _ = folder.manifest
