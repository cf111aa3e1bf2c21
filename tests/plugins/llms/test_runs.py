"""`causalkit run` with a language model in it, against a real endpoint: budgets, resuming, usage, and keys."""

from __future__ import annotations

import base64
import json
import shutil
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from tests.command import COMMAND, causalkit, environment
from tests.plugins.llms.conftest import KEY

VARIABLE = "A_KEY_FOR_TESTS"


def config(server, **params):
    endpoint = {"model": "tiny", "base_url": f"{server.address}/v1", "price_prompt": 1.0, "price_answer": 2.0}
    endpoint |= {"retry_wait": 0.01, "retries": 2, "concurrency": 2} | params
    return {
        "name": "asked",
        "data": {"use": "simulated", "params": {"users": 60, "items": 4, "weeks": 6}},
        "split": {"by": "random"},
        "discover": {"use": "llm", "params": {"others": False, "provider": {"use": "openai", "params": endpoint}}},
        "estimate": "difference-in-means",
        "evaluate": [],
        "top": 2,
    }


def write(folder, told):
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(told))
    return folder


def run(folder, *more, **variables):
    return causalkit("run", "config.yaml", "--until", "discover", "--json", *more, cwd=folder, timeout=240, **variables)


def artefacts(folder, run_id):
    """Every file of a run but for its manifest, events and lock."""
    place = folder / "runs" / run_id
    found = (p for p in place.rglob("*") if p.is_file() and p.name not in ("manifest.json", "events.jsonl", ".lock"))
    return {str(p.relative_to(place)): p.read_bytes() for p in found}


def usage(folder, run_id):
    told = json.loads((folder / "runs" / run_id / "manifest.json").read_text())
    return {step["step"]: step["usage"] for step in told["steps"] if "usage" in step}


@pytest.fixture(scope="module")
def finished(_open_server, tmp_path_factory):
    """A folder with one whole run, and what it printed; tests that write copy it."""
    _open_server.faults()
    folder = write(tmp_path_factory.mktemp("whole") / "a", config(_open_server))
    done = run(folder)
    assert done.code == 0, done.err
    return folder, done.json, _open_server.seen["answered"]


@pytest.fixture
def own(finished, tmp_path):
    return Path(shutil.copytree(finished[0], tmp_path / "a")), finished[1]


def test_fault_53_a_budget_reached_ends_with_4_and_resuming_gives_the_same_bytes(server, finished, tmp_path):
    folder, whole, calls = finished
    assert whole["usage"]["calls"] == calls
    assert whole["usage"]["cost"] > 0
    parts = write(tmp_path / "parts", config(server))
    stopped = run(parts, "--max-calls", "5")
    assert stopped.code == 4, stopped.err
    assert "the budget of 5 calls is reached" in stopped.err and "--resume" in stopped.err
    assert server.seen["answered"] == 5
    id_ = next(p.name for p in (parts / "runs").iterdir() if p.name != ".cache")
    assert usage(parts, id_)["discover"]["calls"] == 5
    assert json.loads((parts / "runs" / id_ / "manifest.json").read_text())["status"] == "interrupted"

    again = run(parts, "--resume", id_, "--max-tokens", "2000")
    assert again.code == 4, again.err
    last = causalkit("run", "--resume", id_, "--until", "discover", "--json", cwd=parts, timeout=240)
    assert last.code == 0, last.err
    assert server.seen["answered"] == calls
    assert last.json["usage"] == whole["usage"]
    assert artefacts(parts, id_) == artefacts(folder, whole["run"])
    assert usage(parts, id_) == usage(folder, whole["run"])


def test_another_run_asks_nothing_again_and_says_what_the_answers_took(server, own):
    folder, first = own
    fresh = run(folder, "--fresh")
    assert fresh.code == 0, fresh.err
    assert server.seen["requests"] == 0
    assert fresh.json["usage"] == first["usage"]
    assert artefacts(folder, first["run"]) == artefacts(folder, fresh.json["run"])


def test_a_killed_run_loses_at_most_what_was_in_flight(server, tmp_path):
    folder = write(tmp_path / "killed", config(server, concurrency=1))
    command = [*COMMAND, "run", "config.yaml", "--until", "discover", "--json"]
    process = subprocess.Popen(command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until = time.monotonic() + 120
    while server.seen["answered"] < 3 and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = server.seen["requests"]
    assert before >= 3
    done = run(folder, "--resume")
    assert done.code == 0, done.err
    assert server.seen["requests"] <= done.json["usage"]["calls"] + 1


def test_fault_54_an_unpriced_model_under_a_cap_on_cost_is_refused_before_it_is_asked(server, tmp_path):
    folder = write(tmp_path / "a", config(server, price_prompt=None, price_answer=None))
    done = run(folder, "--max-cost", "1")
    assert done.code == 2, done.err
    assert "has no prices" in done.err
    assert server.seen["requests"] == 0


def test_fault_55_what_is_hallucinated_is_no_edge(server, tmp_path):
    server.faults(stranger=2)
    done = run(write(tmp_path / "a", config(server, concurrency=1)))
    assert done.code == 0, done.err
    graph = "".join(p.read_text() for p in (tmp_path / "a" / "runs").rglob("discover/graph/object.json"))
    assert graph
    assert "fairy" not in graph + done.out
    server.faults(stranger=10_000)
    lost = run(write(tmp_path / "b", config(server)))
    assert lost.code == 1
    assert "got a valid answer" in lost.err
    assert not list((tmp_path / "b" / "runs").rglob("graph/object.json"))


def test_fault_50_a_tampered_answer_is_said_and_asked_again(server, own):
    folder, first = own
    place = folder / "runs" / ".cache" / "transcripts.sqlite"
    with sqlite3.connect(place) as connection:
        connection.execute("UPDATE exchanges SET answer = replace(answer, 'causes', 'CAUSES') WHERE rowid = 1")
        connection.execute("UPDATE exchanges SET answer = '{}' WHERE rowid = 2")
    connection.close()
    again = run(folder, "--fresh")
    assert again.code == 0, again.err
    assert server.seen["requests"] in (1, 2)
    assert "was changed, and is asked again" in again.err
    assert artefacts(folder, first["run"]) == artefacts(folder, again.json["run"])


def test_a_recording_of_a_run_replays_it_without_the_server(server, own, tmp_path):
    folder, first = own
    for name in ("one.jsonl", "two.jsonl"):
        assert causalkit("transcripts", "export", "--out", name, cwd=folder).code == 0
    assert (folder / "one.jsonl").read_bytes() == (folder / "two.jsonl").read_bytes()
    listed = causalkit("transcripts", "list", "--json", cwd=folder).json["transcripts"]
    assert [row["model"] for row in listed] == ["openai/tiny"]
    assert listed[0]["usage"]["calls"] == first["usage"]["calls"]

    told = config(server)
    told["discover"]["params"]["provider"] = {"use": "recorded", "params": {"file": "one.jsonl"}}
    (folder / "config.yaml").write_text(yaml.safe_dump(told))
    again = run(folder)
    assert again.code == 0, again.err
    assert server.seen["requests"] == 0
    graphs = [(folder / "runs" / one["run"] / "discover/graph/object.json").read_bytes() for one in (first, again.json)]
    assert graphs[0] == graphs[1]

    lines = (folder / "one.jsonl").read_text().splitlines()
    (folder / "one.jsonl").write_text("\n".join(lines[:-1]) + "\n")
    shorter = run(folder)
    assert {s["step"]: s["status"] for s in shorter.json["steps"]}["discover"] == "done"  # the file is part of the key

    other = write(tmp_path / "b", config(server))
    assert causalkit("transcripts", "import", str(folder / "two.jsonl"), cwd=other).code == 0
    taken = run(other)
    assert taken.code == 0, taken.err
    assert server.seen["requests"] == 0
    assert taken.json["usage"] == first["usage"]


@pytest.mark.parametrize("fault", ["echo", "_401", "_429"])
def test_fault_47_a_planted_key_is_in_no_output(locked, tmp_path, fault):
    key = "sk-another-wrong-77aa1c" if fault == "_401" else KEY
    locked.faults(**{"echo": {"echo": 1}, "_401": {}, "_429": {"_429": 1000}}[fault])
    folder = write(tmp_path / "a", config(locked, key_env=VARIABLE, retries=1))
    done = run(folder, "-v", **{VARIABLE: f"{key}\n"})
    assert done.code == (0 if fault == "echo" else 1), done.err
    if fault == "echo":
        for command in (("runs", "show", "-v"), ("transcripts", "export", "--out", "recording.jsonl")):
            told = causalkit(*command, "--json", cwd=folder, **{VARIABLE: key})
            done = type(done)(done.code, done.out + told.out, done.err + told.err)
    told = [done.out.encode(), done.err.encode()]
    told += [p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()]
    assert len(told) > 5
    if fault == "echo":
        assert [text for text in told if b"Your key is [key]." in text]  # the answer itself is kept
    for written in (key.encode(), base64.b64encode(key.encode())):
        assert not [text for text in told if written in text]


def test_fault_47_a_key_in_the_config_is_refused_and_not_repeated(server, tmp_path):
    command = ("run", "config.yaml", "-v", "--json")
    for params in ({"key_env": KEY}, {"base_url": f"http://user:{KEY}@127.0.0.1:9/v1"}):
        folder = write(tmp_path / "a", config(server, **params))
        done = causalkit(*command, cwd=folder)
        assert done.code == 2, done.err
        assert KEY not in done.out + done.err
        assert not (folder / "runs").exists()
        command = ("check", "config.yaml")
