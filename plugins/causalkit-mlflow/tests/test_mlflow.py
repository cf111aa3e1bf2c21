"""`mlflow`: what a run used, measured and made arrives, in a real store; and no server fails or delays a run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from causalkit_mlflow import examples
from causalkit_mlflow.saying import flattened
from causalkit_mlflow.tracker import Mlflow
from conftest import CONFIG
from mlflow import MlflowClient

from causalkit import build
from causalkit.errors import CausalkitError, InvalidParameter
from causalkit.testing import conformance

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # MLflow's own

test_conformance = conformance(next(examples.mlflow(Path(tempfile.mkdtemp()))))


WAIT = 6
"""Seconds: MLflow's import takes two of them, more on a busy machine."""


def store(folder: Path, monkeypatch) -> MlflowClient:
    """A client of the folder of files."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return MlflowClient(tracking_uri=str(folder), registry_uri=str(folder))


def runs_in(client: MlflowClient, experiment: str = "causalkit"):
    return client.search_runs([client.get_experiment_by_name(experiment).experiment_id])


def failures(run) -> list[str]:
    return [event["message"] for event in run.folder.events() if event["kind"] == "tracker-failed"]


def test_all_of_a_run_arrives(run_with, tmp_path, monkeypatch):
    made = run_with(Mlflow(wait=60))
    assert failures(made) == []
    client = store(tmp_path / "mlruns", monkeypatch)
    (found,) = runs_in(client)
    assert found.info.status == "FINISHED"
    assert found.info.run_name == made.id
    assert found.data.params == flattened(made.config.to_dict())
    assert found.data.params["data.params.users"] == "60"
    tags, metrics = found.data.tags, found.data.metrics
    assert tags["causalkit.config_hash"] == made.result.config_hash
    assert tags["causalkit.data_fingerprint"] == made.result.data_fingerprint
    assert tags["causalkit.seed"] == str(made.result.seed)
    assert tags["version.causalkit"] == made.result.versions["causalkit"]
    measured = next(m for m in made.measurements if m.name == "precision@2" and m.of == "uplift")
    name = f"precision at 2/uplift/{measured.on}"
    assert metrics[name] == measured.value
    assert (metrics[name + ".lower"], metrics[name + ".upper"]) == (measured.lower, measured.upper)
    done = {step.step for step in made.result.steps if step.status != "skipped"}
    assert {f"seconds/{step}" for step in done} <= set(metrics)
    artifacts = Path(found.info.artifact_uri)
    assert (artifacts / "report.html").read_bytes() == made.report_path.read_bytes()
    assert (artifacts / "graph.gml").read_text() == made.graph.to_gml()
    assert {"config.yaml", "manifest.json", "graph.dot"} <= {path.name for path in artifacts.iterdir()}


def test_it_is_chosen_by_name_with_place_and_experiment(run_with, tmp_path, monkeypatch):
    run_with({"use": "mlflow", "params": {"uri": str(tmp_path / "kept"), "experiment": "mine", "artifacts": False}})
    (found,) = runs_in(store(tmp_path / "kept", monkeypatch), "mine")
    assert list(Path(found.info.artifact_uri).iterdir()) == []


def test_the_place_may_come_from_the_environment(run_with, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", str(tmp_path / "elsewhere"))
    run_with(Mlflow(wait=60))
    assert len(runs_in(store(tmp_path / "elsewhere", monkeypatch))) == 1


def test_a_run_that_fails_and_is_taken_up_is_one_mlflow_run(run_with, tmp_path, monkeypatch):
    from causalkit_plugins.metrics.precision import Precision

    from causalkit import Context

    measure = Precision.measure

    def fail(self, *args, context=Context(), **more):
        raise RuntimeError("not today")

    monkeypatch.setattr(Precision, "measure", fail)
    with pytest.raises(CausalkitError, match="not today"):
        run_with(Mlflow(wait=60), runs_dir=tmp_path / "runs")
    client = store(tmp_path / "mlruns", monkeypatch)
    (failed,) = runs_in(client)
    assert failed.info.status == "FAILED"
    assert "not today" in failed.data.tags["causalkit.failed.evaluate"]
    monkeypatch.setattr(Precision, "measure", measure)
    run_with(Mlflow(wait=60), runs_dir=tmp_path / "runs", resume=True)
    (mended,) = runs_in(client)
    assert (mended.info.run_id, mended.info.status) == (failed.info.run_id, "FINISHED")
    assert "precision at 2/uplift/test" in mended.data.metrics


@pytest.mark.parametrize("fault", ["down", "hanging", "refusing"])
def test_a_server_that_does_not_take_it_fails_no_run_delays_it_by_seconds_and_is_told_once(fault, run_with, request):
    server = request.getfixturevalue(fault)
    uri = server if isinstance(server, str) else server[0]
    began = time.perf_counter()
    made = run_with(Mlflow(uri=uri, wait=WAIT))
    steps = sum(step.seconds for step in made.result.steps)
    assert made.status == "done"
    assert time.perf_counter() - began < steps + WAIT + 10  # what it may wait, and what a run is beside its steps
    (told,) = failures(made)
    assert uri in told
    assert "its folder has it all" in told
    if fault == "refusing":
        assert server[1] or "within 6 s" in told, "the server was never asked"


def test_one_tracker_that_cannot_does_not_keep_another_from_it(run_with, tmp_path, monkeypatch, down):
    run_with(Mlflow(uri=down, wait=2), Mlflow(wait=60))
    assert [run.info.status for run in runs_in(store(tmp_path / "mlruns", monkeypatch))] == ["FINISHED"]


def test_a_folder_that_cannot_be_written_is_told(run_with, tmp_path):
    (tmp_path / "file").write_text("")
    (told,) = failures(run_with(Mlflow(uri=str(tmp_path / "file" / "runs"), wait=30)))
    assert "file" in told


def test_a_run_that_is_killed_is_said_to_be_killed(tmp_path, monkeypatch):
    code = (
        "import json, os, signal, sys; from causalkit import run; from causalkit_mlflow.tracker import Mlflow\n"
        "class Kill:\n"
        "    def started(self, run): pass\n"
        "    def step(self, run, record): os.kill(os.getpid(), signal.SIGKILL)\n"
        "    def finished(self, run): pass\n"
        "run(json.loads(sys.argv[1]), runs_dir='runs', trackers=[Mlflow(), Kill()])"
    )
    done = subprocess.run([sys.executable, "-c", code, json.dumps(CONFIG)], check=False)
    assert done.returncode == -signal.SIGKILL
    client, deadline = store(tmp_path / "mlruns", monkeypatch), time.monotonic() + 30
    while time.monotonic() < deadline:
        known = client.get_experiment_by_name("causalkit")
        if known is not None and [run.info.status for run in runs_in(client)] == ["KILLED"]:
            return
        time.sleep(0.1)
    pytest.fail("the MLflow run was not said to be killed")


def test_mlflow_is_not_imported_where_the_run_is(run_with):
    code = "import sys; from causalkit import build; one = build('tracker', 'mlflow'); print('mlflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_password_in_the_address_is_refused_and_one_in_the_environment_is_not_shown(run_with, monkeypatch):
    with pytest.raises(InvalidParameter, match="MLFLOW_TRACKING_PASSWORD"):
        build("tracker", "mlflow", uri="https://me:hush@server")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:hush@127.0.0.1:9")
    (told,) = failures(run_with(Mlflow(wait=3)))
    assert "hush" not in told


def test_names_and_values_that_mlflow_would_refuse():
    odd = flattened({"a b": {"é@£": "x" * 7000}, "empty": {}, "none": None, "flags": [True, False]})
    assert odd == {"a b.é at _": "x" * 6000, "empty": "{}", "none": "null", "flags": "[true, false]"}


def test_no_process_is_left_when_nobody_says_how_the_run_ended(run_with):
    tracker = Mlflow()
    made = run_with()
    tracker.started(made)
    pid = tracker._sender.process.pid
    del tracker
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
