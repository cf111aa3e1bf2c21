from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from causalkit_plugins.trackers.jsonl import Jsonl

from causalkit.errors import InvalidParameter
from causalkit.types import StepRecord


def test_events_are_appended_as_lines(tmp_path):
    path = tmp_path / "logs" / "events.jsonl"
    run = SimpleNamespace(path=tmp_path / "runs" / "1", status="done")
    for _ in range(2):
        tracker = Jsonl(path=str(path))
        tracker.started(run)
        tracker.step(run, StepRecord("estimate", "done", 1.5, "aipw", "ünï\ncode"))
        tracker.finished(run)
    events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [e["event"] for e in events] == ["started", "step", "finished"] * 2
    assert events[1]["seconds"] == 1.5
    assert events[1]["message"] == "ünï\ncode"
    assert events[2]["status"] == "done"
    assert events[0]["run"].endswith("1")


def test_a_file_name_that_is_no_text_is_written_all_the_same(tmp_path):
    tracker = Jsonl(path=str(tmp_path / "events.jsonl"))
    message = "no file " + b"caf\xe9.csv".decode("utf-8", "surrogateescape")
    tracker.step(SimpleNamespace(path=tmp_path, status="failed"), StepRecord("load", "failed", 0.1, "tables", message))
    assert json.loads((tmp_path / "events.jsonl").read_text(encoding="utf-8"))["message"] == message


def test_a_file_is_needed():
    with pytest.raises(InvalidParameter, match="path"):
        Jsonl()
