"""Process faults 1-6, 8-12 and 50, each done to the installed command: what it says, how it ends and goes on."""

from __future__ import annotations

import ctypes
import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.cli.faulty import SMALL_PARTS, Folder, artifacts, assert_same, goes_on, locked
from tests.command import COMMAND, environment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="faults are injected by what Linux has")


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """A run that nothing happened to."""
    folder = Folder(tmp_path_factory.mktemp("clean"))
    done = folder.run()
    assert done.code == 0, done.err
    return folder


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "work")


@pytest.fixture
def copied(clean, folder):
    """A copy of the clean run and of what is kept beside it, to be damaged."""
    shutil.copytree(clean.path / "runs", folder.path / "runs")
    return folder


@pytest.mark.parametrize(
    "moment",
    [{"step": "load"}, {"step": "refit", "kind": "part", "part": 3}],
    ids=["load", "refit"],
)
def test_fault_1_a_killed_run_goes_on_and_ends_as_if_nothing_had_happened(folder, clean, moment):
    with folder.start("run", "small.yaml", *SMALL_PARTS) as started:
        assert started.until(**moment).kill(signal.SIGKILL).code == -signal.SIGKILL
    assert folder.manifest()["status"] == "running"
    assert folder.command("runs", "list", "--json").json["runs"][0]["status"] == "killed"
    done = folder.resume()
    assert done.code == 0, done.err
    assert len(folder.runs) == 1
    assert_same(folder.latest, clean.latest)
    assert not [p for p in folder.latest.rglob(".*") if p.is_file()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_fault_2_ctrl_c_and_a_request_to_end_leave_an_interrupted_run_that_goes_on(folder, clean, number):
    with folder.start("run", "small.yaml", *SMALL_PARTS, "--workers", "2") as started:
        ended = started.until(step="estimate").kill(number)
    goes_on(ended, 130, "stopped by the user")
    assert folder.manifest()["status"] == "interrupted"
    assert folder.manifest()["steps"][-1]["status"] == "interrupted"
    if number == signal.SIGINT:
        done = folder.resume()
        assert done.code == 0, done.err
        assert_same(folder.latest, clean.latest)


def test_fault_2_a_request_to_end_while_it_starts_leaves_nothing(folder):
    with folder.start("run", "small.yaml") as started:
        maps = Path(f"/proc/{started.process.pid}/maps")
        while "_multiarray_umath" not in maps.read_text():  # numpy is being imported
            assert started.process.poll() is None
        ended = started.kill(signal.SIGTERM)
    assert (ended.code, ended.out, ended.err.strip()) == (130, "", "Stopped")
    assert not (folder.path / "runs").exists()


SPACE = """
set -e
mkdir runs; mount -t tmpfs -o size={size} none runs
run() {{ set +e; {script} "$@" >out 2>>err; echo $? >>codes; set -e; }}
run run small.yaml {parts}
mount -o remount,size=100m runs
run run --resume {parts}
cp -r runs kept
"""


def in_namespace(folder, script):
    """Run a shell script where it may mount; skips where the system lets nobody."""
    apart = ["unshare", "--mount", "--map-root-user"]
    if shutil.which("unshare") is None or subprocess.run([*apart, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this system lets nobody mount in a namespace of its own")
    subprocess.run([*apart, "sh", "-c", script], cwd=folder.path, env=environment(), check=True, timeout=120)


def test_fault_3_a_full_disk_is_said_and_the_run_goes_on_when_there_is_space(folder, clean):
    in_namespace(folder, SPACE.format(size="600k", script=shlex.join(COMMAND), parts=" ".join(SMALL_PARTS)))
    codes, err = (folder.path / "codes").read_text().split(), (folder.path / "err").read_text()
    assert codes == ["1", "0"], err
    assert "No space left on device" in err
    assert "fault of causalkit" not in err
    assert "Traceback" not in err
    assert "go on with `causalkit run --resume" in err
    kept = [p for p in (folder.path / "kept").iterdir() if p.name[0] != "."]
    assert len(kept) == 1
    assert_same(kept[0], clean.latest)


def without_power():
    """In a child: even root heeds what a folder's permissions say."""
    libc, drop_from_bounding_set = ctypes.CDLL(None), 24
    for override in (1, 2):  # to write, and to read and search
        if os.getuid() == 0 and libc.prctl(drop_from_bounding_set, override, 0, 0, 0) != 0:
            raise OSError("capabilities cannot be dropped")


def test_fault_4_a_read_only_folder_of_runs_is_said(folder):
    (folder.path / "runs").mkdir()
    with locked(folder.path / "runs"):
        done = folder.run(prepare=without_power)
    assert done.code == 1
    assert "no run folder can be made in runs: Permission denied" in done.err
    assert "--runs-dir" in done.err
    assert "Traceback" not in done.err


def test_fault_4_a_run_whose_folders_turn_read_only_fails_and_goes_on(folder, clean):
    with folder.start("run", "small.yaml", *SMALL_PARTS, prepare=without_power) as started:
        started.until(step="discover")
        os.kill(started.process.pid, signal.SIGSTOP)
        with locked(folder.path / "runs"):
            os.kill(started.process.pid, signal.SIGCONT)
            ended = started.ended()
    goes_on(ended, 1, "cannot be written: Permission denied")
    done = folder.resume()
    assert done.code == 0, done.err
    assert_same(folder.latest, clean.latest)


def test_fault_4_what_may_not_be_read_is_said_as_that(copied):
    closed = (copied.latest / "refit" / "ranking", copied.path / "runs" / ".cache")
    for folder in closed:
        folder.chmod(0o000)
    shown = copied.command("recommend", prepare=without_power)
    ran = copied.run(prepare=without_power)
    for folder in closed:
        folder.chmod(0o755)
    assert shown.code == 1
    assert "object.json cannot be read or written: Permission denied" in shown.err
    goes_on(ran, 1, ".cache", "cannot be written: Permission denied")


def short_writes():
    """In a child: no file may be larger than this; a write beyond it is cut short."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))


def test_fault_5_a_write_cut_short_leaves_nothing_half_and_the_run_goes_on(folder, clean):
    ended = folder.run(prepare=short_writes)
    goes_on(ended, 1, "cannot be written: ", "File too large")
    assert folder.manifest()["status"] == "failed"
    done = folder.resume()
    assert done.code == 0, done.err
    assert_same(folder.latest, clean.latest)


FRAGILE = '''
"""An estimator whose parts do what the file named by FRAGILE says: nothing, if there is none."""
import os, signal, time
from pathlib import Path
from causalkit.components import Declaration, component
from causalkit.hookspecs import hookimpl
from causalkit_plugins.estimators.difference_in_means import DifferenceInMeans

def part(number):
    told = Path(os.environ["FRAGILE"])
    word = told.read_text() if told.exists() and number == 2 else ""
    if word == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "raise":
        raise RuntimeError("no luck")
    time.sleep(600 if word == "hang" else 0)
    return number

@component
class Fragile(DifferenceInMeans):
    """Breaks where it is told to."""

    def fit(self, dataset, estimand, embeddings=None, *, context=None):
        assert context.map(part, range(4)) == [0, 1, 2, 3]
        return super().fit(dataset, estimand, embeddings, context=context)

@hookimpl
def causalkit_estimators():
    return [Declaration("fragile", "fragile:Fragile", "Breaks where it is told to.")]
'''


@pytest.fixture
def fragile(folder, tmp_path):
    """The installed plugin, as the environment that commands need to see it."""
    site, info = tmp_path / "site", tmp_path / "site" / "fragile-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "fragile.py").write_text(FRAGILE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fragile\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[causalkit]\nfragile = fragile\n")
    (folder.path / "small.yaml").write_text(
        "data: {use: simulated, params: {users: 60, items: 6, weeks: 4}}\nsplit: {by: random}\nestimate: fragile\n"
    )
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {"PYTHONPATH": path, "FRAGILE": str(tmp_path / "told")}


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("die", ("a worker process died: it was killed by SIGKILL at part 2", "fewer workers")),
        ("hang", ("part 2 did not end within 4 s", "`timeout`")),
    ],
)
def test_faults_6_and_8_a_killed_or_hung_worker_ends_the_run_which_goes_on(folder, fragile, word, said):
    executor = ("--executor", "{use: process, params: {workers: 2, timeout: 4}}", "--until", "rank")
    Path(fragile["FRAGILE"]).write_text(word)
    ended = folder.run(*executor, **fragile)
    goes_on(ended, 1, *said)
    assert folder.manifest()["status"] == "failed"
    assert folder.manifest()["steps"][-1]["step"] == "estimate"
    assert processes_with(fragile["FRAGILE"]) == []
    Path(fragile["FRAGILE"]).unlink()
    done = folder.resume(*executor, **fragile)
    assert done.code == 0, done.err
    assert folder.manifest()["status"] == "done"


def test_a_step_that_failed_is_tried_again_and_what_stood_is_kept(folder, fragile):
    Path(fragile["FRAGILE"]).write_text("raise")
    ended = folder.run("--until", "rank", **fragile)
    goes_on(ended, 1, "step 'estimate' failed (item: fragile): RuntimeError: no luck")
    assert "no luck" in (folder.latest / "traceback.txt").read_text()
    before = (folder.latest / "load" / "step.json").read_bytes()
    Path(fragile["FRAGILE"]).unlink()
    done = folder.resume("--until", "rank", **fragile)
    assert done.code == 0, done.err
    begun = [event["step"] for event in folder.events() if event["kind"] == "begun"]
    assert begun.count("load") == 1
    assert begun.count("estimate") == 2
    assert (folder.latest / "load" / "step.json").read_bytes() == before
    assert not (folder.latest / "traceback.txt").exists()


def processes_with(text):
    """Ids of processes whose environment holds a text."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if int(place.name) != os.getpid() and text.encode() in (place / "environ").read_bytes():
                found.append(place.name)
        except OSError:
            continue
    return found


def test_fault_9_a_run_under_way_is_left_alone(folder, clean):
    with folder.start("run", "small.yaml", *SMALL_PARTS) as started:
        started.until(step="discover")
        os.kill(started.process.pid, signal.SIGSTOP)
        before = {p: p.read_bytes() for p in folder.latest.rglob("*") if p.is_file()}
        second = folder.resume(run=folder.latest.name)
        after = {p: p.read_bytes() for p in folder.latest.rglob("*") if p.is_file()}
        nothing = folder.resume()
        os.kill(started.process.pid, signal.SIGCONT)
        first = started.ended()
    assert second.code == 1, second.err
    assert f"is in use by process {started.process.pid} on " in second.err
    assert "Traceback" not in second.err
    assert before == after
    assert nothing.code == 2, nothing.err
    assert first.code == 0, first.err
    assert_same(folder.latest, clean.latest)


def test_fault_10_a_lock_of_a_dead_process_whose_number_lives_again_is_taken_over(copied):
    (copied.latest / ".lock").write_text(f"{os.getpid()} {os.uname().nodename}")
    done = copied.resume(run=copied.latest.name)
    assert done.code == 0, done.err
    assert "in use" not in done.err
    assert not (copied.latest / ".lock").exists()


def truncate(path):
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def test_fault_11_a_truncated_manifest_is_named_and_mended(copied, clean):
    truncate(copied.latest / "manifest.json")
    goes_on(copied.command("runs", "show"), 1, "manifest.json cannot be read: ")
    assert copied.command("runs", "list", "--json").json["runs"][0]["status"] == "unreadable"
    assert copied.resume().code == 0
    assert_same(copied.latest, clean.latest)


def test_fault_11_truncated_artifacts_are_named_and_mended(copied, clean):
    run = copied.latest
    item = next(iter(pd.read_parquet(run / "refit/effects/item.parquet").index))
    files = ("refit/ranking/object.json", "refit/effects/item.parquet", "encode/embeddings/item.vectors.safetensors")
    for name in files:
        truncate(run / name)
    goes_on(copied.command("recommend"), 1, "refit/ranking/object.json is not what the run wrote")
    goes_on(copied.command("explain", "--item", item), 1, "refit/effects/item.parquet is not what the run wrote")
    done = copied.resume(run=run.name)
    assert done.code == 0, done.err
    assert_same(run, clean.latest)
    truncate(run / files[2])
    goes_on(copied.command("report", "--write"), 1, "item.vectors.safetensors is not what the run wrote")


def test_fault_11_a_run_that_lost_its_config_says_what_to_do_and_is_made_from_it_again(copied):
    path = copied.latest / "config.yaml"
    for damaged in (path.read_text()[:500], path.read_text().replace("seed: 0", "seed: 1")):
        path.write_text(damaged)
        told = copied.resume(run=copied.latest.name)
        assert told.code == 2, told
        assert "config.yaml" in told.err
        assert "Run the config that it came from again" in told.err
    done = copied.run()
    assert done.code == 0, done.err
    assert {step["status"] for step in copied.manifest()["steps"][:-1]} == {"reused"}


def test_fault_12_a_clock_put_back_leaves_the_latest_run_the_latest(copied):
    future = copied.path / "runs" / "20990101T000000-abcdef"
    copied.latest.rename(future)
    done = copied.run("--json")
    assert done.code == 0, done.err
    assert done.json["run"].startswith("20990101T000001-")
    assert copied.command("runs", "show", "--json").json["run"] == done.json["run"]
    assert [r["run"] for r in copied.command("runs", "list", "--json").json["runs"]] == [future.name, done.json["run"]]


def test_fault_50_what_was_tampered_with_in_the_cache_is_told_and_made_again(copied, clean):
    (entry,) = (copied.path / "runs" / ".cache" / "steps").glob("estimate-*")
    path = entry / "public" / "effects" / "item.parquet"
    whole = path.read_bytes()
    other = pd.read_parquet(path)
    other.assign(effect=other["effect"] + 1).to_parquet(path)  # other harm: tests/test_cache.py
    done = copied.run()
    assert done.code == 0, done.err
    assert "what step 'estimate' had kept is damaged" in done.err
    assert [e["kind"] for e in copied.events() if e["kind"] == "damaged"] == ["damaged"]
    status = {step["step"]: step["status"] for step in copied.manifest()["steps"]}
    assert status["identify"] == "reused"
    assert status["estimate"] == "done"
    assert artifacts(copied.latest) == artifacts(clean.latest)
    assert (entry / "public" / "effects" / "item.parquet").read_bytes() == whole
