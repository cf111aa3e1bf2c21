"""Run folders: atomic files, typed artifacts that come back equal, locks, and clear errors."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from causalkit.errors import StoreError
from causalkit.store import RunFolder, find_run
from causalkit.store.arrays import read_array, write_array
from causalkit.store.atomic import write_atomically
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


def test_runs_of_one_second_sort_in_the_order_they_were_made(tmp_path: Path) -> None:
    names = [RunFolder.create(tmp_path, config, NOW).path.name for config in ("abc", "abc", "abd", "aaa")]
    assert names == [
        "20260102T030405-abc",
        "20260102T030406-abc",
        "20260102T030407-abd",
        "20260102T030408-aaa",
    ]


def test_fault_12_a_clock_put_back_leaves_the_latest_run_the_latest(tmp_path: Path) -> None:
    for now in (NOW + timedelta(days=400), NOW, NOW + timedelta(days=1)):
        RunFolder.create(tmp_path, "abc", now).write_json("manifest.json", {"made": str(now)})
    assert find_run("latest", tmp_path).read_json("manifest.json") == {"made": str(NOW + timedelta(days=1))}
    (tmp_path / "99991231T235959-abc").mkdir()
    with pytest.raises(StoreError, match="99991231T235959-abc is dated after every time there is"):
        RunFolder.create(tmp_path, "abc", NOW)


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


@pytest.mark.parametrize(
    "labels",
    [
        pd.Index([3, np.int64(900), "segment:club 0"], dtype=object, name="user"),
        pd.MultiIndex.from_tuples([("tea", 1), ("tea", 2), ("rice", 1)], names=["item", "segment"]),
        pd.Index(["a", "b", "c"]),
    ],
    ids=["mixed", "pairs", "texts"],
)
def test_labels_keep_their_types(folder: RunFolder, labels: pd.Index) -> None:
    value = pd.Series([1.0, 2.0, 3.0], labels)
    folder.save("s/v", (value, value.to_frame("x")))
    series, frame = folder.load("s/v")
    assert list(series.index) == list(frame.index) == list(labels)
    assert [type(label) for label in series.index] == [type(getattr(v, "item", lambda v=v: v)()) for v in labels]
    assert list(series.index.names) == list(labels.names)


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


@pytest.mark.parametrize(
    "value",
    [
        np.arange(6, dtype=np.float32).reshape(3, 2),
        np.float64(3.5),
        np.zeros((0, 4), np.float32),
        np.array([True, False]),
        np.arange(10)[::2],
        np.asfortranarray(np.arange(35.0).reshape(5, 7)),
        np.arange(4, dtype=">i4"),
    ],
    ids=lambda value: f"{value.dtype.str} {value.shape}",
)
@pytest.mark.parametrize("large", [False, True])
def test_arrays_are_the_safetensors_that_others_write_and_read(
    tmp_path: Path, value: np.ndarray, large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.numpy import save_file

    if large:
        monkeypatch.setattr("causalkit.store.arrays.IN_MEMORY", 0)
        monkeypatch.setattr("causalkit.store.arrays._BLOCK", 16)
    write_array(value, tmp_path / "ours")
    native = value.astype(value.dtype.newbyteorder("<"))
    save_file({"array": np.asarray(native, order="C")}, tmp_path / "theirs")
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
    found = read_array(tmp_path / "ours")
    np.testing.assert_array_equal(found, value)
    assert (found.dtype, found.flags.writeable) == (native.dtype, not (large and value.size))


def test_a_large_array_is_written_by_parts_and_read_where_it_lies(folder: RunFolder, tmp_path: Path) -> None:
    import tracemalloc

    vectors = np.ones((1_200_000, 64), np.float32)  # 307 MB
    vectors[-1] = 7
    tracemalloc.start()
    try:
        folder.save("e", Embeddings(item=EmbeddingTable(pd.RangeIndex(len(vectors)), vectors, "lsa")))
        table = folder.load("e").item
        assert table.at(pd.Index([3, len(vectors) - 1, -5]))[:, 0].tolist()[:2] == [1, 7]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 60e6
    assert not table.vectors.flags.writeable


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("harm", ["cut", "longer", "empty", "shape", "kind", "header"])
def test_fault_11_an_array_that_is_not_whole_is_said(
    folder: RunFolder, harm: str, large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if large:
        monkeypatch.setattr("causalkit.store.arrays.IN_MEMORY", 0)
    folder.save("e", EmbeddingTable(pd.Index(["x", "y", "z"]), np.ones((3, 2), np.float32), "lsa"))
    place = folder.path / "e" / "vectors.safetensors"
    whole = place.read_bytes()
    place.write_bytes(
        {
            "cut": whole[:-1],
            "longer": whole + b"x",
            "empty": b"",
            "shape": whole.replace(b"[3,2]", b"[3,9]"),
            "kind": whole.replace(b"F32", b"F99"),
            "header": b"\xff" * 8 + whole[8:],
        }[harm]
    )
    with pytest.raises(StoreError, match="cannot be read"):
        folder.load("e")


FULL = """
import resource, sys
from pathlib import Path
from causalkit.errors import StoreError
from causalkit.store import arrays
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
arrays.IN_MEMORY = 1000
try:
    arrays.room_for((200, 100), Path(sys.argv[1]) / "scratch")
except StoreError as error:
    print(error)
made = arrays.room_for((20, 100), Path(sys.argv[1]) / "scratch")
made[3] = 5
print(made.sum(), list((Path(sys.argv[1]) / "scratch").iterdir()))
"""


def test_fault_3_room_for_vectors_is_claimed_at_once_and_gone_with_them(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        f"{tmp_path}/scratch has no room for 0.0 GB of vectors: File too large",
        "Free space or make the folder writable, or choose another with --runs-dir.",
        "500.0 []",
    ]


SHORT = """
import resource, sys
from pathlib import Path
import numpy as np, pandas as pd
from causalkit.errors import StoreError
from causalkit.store import RunFolder
from causalkit.types import Embeddings, EmbeddingTable, Effects
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
folder = RunFolder(Path(sys.argv[1]))
numbers = np.random.default_rng(0).random((500, 80), np.float32)
for value in (EmbeddingTable(pd.RangeIndex(500), numbers, "lsa"), Effects(pd.DataFrame(numbers))):
    try:
        folder.save("big", value)
    except StoreError as error:
        print(error.what)
"""


def test_fault_5_a_write_that_is_cut_short_is_said_and_leaves_nothing_half(folder: RunFolder) -> None:
    done = subprocess.run([sys.executable, "-c", SHORT, str(folder.path)], capture_output=True, text=True, check=True)
    said = [line.removeprefix(f"{folder.path}/big/") for line in done.stdout.splitlines()]
    assert said == [
        "vectors.safetensors cannot be written: File too large",
        "item.parquet cannot be written: File too large",
    ]
    assert [path.name for path in (folder.path / "big").iterdir()] == ["ids.parquet"]


def test_a_file_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("I am a file")
    with pytest.raises(StoreError, match="no run folder can be made"):
        RunFolder.create(tmp_path / "runs", "abc", NOW)


HOLDER = """
import sys, time
from pathlib import Path
from causalkit.store import RunFolder
with RunFolder(Path(sys.argv[1])).lock():
    print("held", flush=True)
    time.sleep(60)
"""


def test_faults_9_and_10_one_writer_at_a_time_and_a_killed_one_lets_go(folder: RunFolder) -> None:
    assert not folder.is_held()
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(folder.path)], stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "held\n"
            assert folder.is_held()
            with pytest.raises(StoreError, match=rf"in use by process {other.pid} on "), folder.lock():
                pass
        finally:
            other.kill()
    assert (folder.path / ".lock").read_text().startswith(f"{other.pid} ")
    assert not folder.is_held()
    with folder.lock():
        assert folder.is_held()
        assert (folder.path / ".lock").read_text().startswith(f"{os.getpid()} ")
    assert not (folder.path / ".lock").exists()


@pytest.mark.parametrize(
    "left", ["", "1", f"{os.getpid()} elsewhere", "999999999", "torn\0"], ids=["empty", "init", "own", "none", "torn"]
)
def test_fault_10_what_a_dead_one_left_in_the_file_holds_nothing(folder: RunFolder, left: str) -> None:
    (folder.path / ".lock").write_text(left)
    assert not folder.is_held()
    with folder.lock():
        assert folder.is_held()


def test_fault_9_of_many_that_start_at_once_one_at_a_time_gets_it(folder: RunFolder) -> None:
    inside, most, got = [0], [0], [0]
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        for _ in range(20):
            with contextlib.suppress(StoreError), folder.lock():
                inside[0] += 1
                most[0], got[0] = max(most[0], inside[0]), got[0] + 1
                time.sleep(0.001)
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert got[0] >= 20


def test_without_the_kernels_lock_the_file_says_who_holds_it(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("causalkit.store.lock.fcntl", None)
    here = socket.gethostname()
    for stale in ("", "torn", str(os.getpid()), f"999999999 {here}"):
        (folder.path / ".lock").write_text(stale)
        assert not folder.is_held()
        with folder.lock():
            assert folder.is_held()
    for held in (f"{os.getppid()} {here}", "999999999 another-host"):
        (folder.path / ".lock").write_text(held)
        with pytest.raises(StoreError, match=f"in use by process {held.replace(' ', ' on ')}"), folder.lock():
            pass


def test_a_planted_link_is_not_written_through(folder: RunFolder, tmp_path: Path) -> None:
    outside = tmp_path / "mine"
    outside.write_text("mine")
    for name in (".lock", "events.jsonl", "report.html"):
        (folder.path / name).symlink_to(outside)
    with pytest.raises(StoreError, match=r"\.lock cannot be written"), folder.lock():
        pass
    with pytest.raises(StoreError, match=r"events\.jsonl cannot be written"):
        folder.event(kind="started")
    folder.write_text("report.html", "new")
    assert outside.read_text() == "mine"


def test_what_a_killed_writer_left_is_removed_and_nothing_else(folder: RunFolder) -> None:
    folder.save("e", Embeddings())
    before = sorted(folder.path.rglob("*"))
    (folder.path / "e" / ".object.json.0123abcd").write_text("{")
    (folder.path / ".manifest.json.0123abcd").write_text("{")
    folder.clean()
    assert sorted(folder.path.rglob("*")) == before


def test_events_skip_a_torn_last_line(folder: RunFolder) -> None:
    folder.event(kind="started")
    with (folder.path / "events.jsonl").open("a") as file:
        file.write('{"kind": "st')
    assert [e["kind"] for e in folder.events()] == ["started"]
    folder.event(kind="resumed", message="a lone surrogate \udcff")
    assert [e["kind"] for e in folder.events()] == ["started", "resumed"]


def test_a_file_name_that_is_no_text_is_kept_in_the_manifest(folder: RunFolder) -> None:
    told = {"message": "no file " + b"caf\xe9.csv".decode("utf-8", "surrogateescape")}
    folder.write_json("manifest.json", told)
    folder.event(**told)
    assert folder.read_json("manifest.json") == told
    assert folder.events()[-1]["message"] == told["message"]


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
