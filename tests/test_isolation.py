"""Strangers' code: what it raises is contained, what the user asks for goes through, and one hook stops no other."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

import causalkit as ck
from causalkit.hookspecs import hookimpl
from causalkit.isolation import StrayError, contained, said
from causalkit.probing import Bench, each
from causalkit.registry import Registry, default_registry


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(2), KeyboardInterrupt(), GeneratorExit()])
def test_whatever_is_raised_is_contained(error):
    with pytest.raises(StrayError, match=type(error).__name__), contained():
        raise error


def test_ctrl_c_goes_through_and_handlers_are_put_back():
    def meddle():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise ValueError

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), contained():
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(StrayError), contained():
        meddle()
    assert signal.getsignal(signal.SIGINT) is before


def test_it_contains_in_other_threads_too():
    said = []

    def work():
        try:
            with contained():
                raise SystemExit(1)
        except StrayError as error:
            said.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert said == ["SystemExit: 1"]


def test_a_bench_goes_on_after_what_is_lost_with_a_task():
    tasks: list[Any] = [("os:getpid", ()), ("os:_exit", (3,)), ("time:sleep", (30,)), ("operator:add", (1, 2))]
    pid, left, slept, added = each(tasks, timeout=3)
    assert pid.value != os.getpid()
    assert (left.lost, left.fault) == (True, "it ended the process with exit code 3.")
    assert (slept.lost, slept.fault) == (True, "it did not end within 3 s, and was stopped")
    assert (added.value, added.fault, added.lost) == (3, "", False)


def test_what_a_task_starts_is_ended_with_it(tmp_path):
    with Bench(1) as bench:
        outcome = bench.do(("os:system", (f"sleep 60 & echo $! > {tmp_path / 'pid'}; wait",)))
    assert outcome.lost
    child = int((tmp_path / "pid").read_text())
    until = time.monotonic() + 10  # it is killed at once, and gone when the system gets to it
    while _runs(child) and time.monotonic() < until:
        time.sleep(0.01)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_a_watching_hook_that_raises_or_exits_stops_neither_the_run_nor_the_next(tmp_path):
    seen = []

    class Loud:
        @hookimpl
        def causalkit_step_finished(self, step):
            raise SystemExit(1)

    class Meddler:
        @hookimpl
        def causalkit_step_finished(self, step, output):
            if step == "load":
                output.training.items["label"] = "x"

    class Quiet:
        @hookimpl
        def causalkit_step_finished(self, run, step):
            seen.append(step)

    registry = Registry(list(default_registry().entries), list(default_registry().plugins))
    for plugin in (Loud(), Meddler(), Quiet()):
        registry.add(type(plugin).__name__, plugin)
    config = {
        "data": {"use": "simulated", "params": {"users": 30, "items": 6, "weeks": 5}},
        "split": {"by": "random"},
        "estimate": "difference-in-means",
    }
    run = ck.run(config, until="identify", runs_dir=tmp_path, registry=registry)
    assert seen == ["load", "identify"]
    assert "label" not in run.dataset.items
    failed = [e["message"] for e in run.folder.events() if e["kind"] == "hook-failed"]
    assert failed == ["(this process):Loud: SystemExit: 1"] * 2


def test_what_code_changes_for_the_whole_process_is_put_back(tmp_path):
    folder, limit, streams = os.getcwd(), sys.getrecursionlimit(), (sys.stdout, sys.stderr)
    with contained():
        os.chdir(tmp_path)
        sys.setrecursionlimit(limit + 7)
        sys.stdout = sys.stderr = io.StringIO()
    assert (os.getcwd(), sys.getrecursionlimit(), (sys.stdout, sys.stderr)) == (folder, limit, streams)


class SpeechlessError(Exception):
    """Can't be shown."""

    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (SpeechlessError(), "SpeechlessError: (it can't say what is wrong)"),
        (ValueError("a\n\tb\x1b[31m \ud800"), "ValueError: a b\\x1b[31m \\ud800"),
        (ValueError("x" * 5000), "ValueError: " + "x" * 999 + "…"),
    ],
)
def test_what_was_raised_is_one_line_that_can_be_printed(error, told):
    assert said(error) == told


ENDLESS = """
import sys, threading, time
from causalkit.cli import _stopping
_stopping.PATIENCE = 0.3
threading.Thread(target=time.sleep, args=({seconds},), name="lingers").start()
_stopping.end_in_spite_of_threads(3)
sys.exit(3)
"""


@pytest.mark.parametrize(("seconds", "told"), [(60, True), (0.05, False)])
def test_a_thread_that_never_ends_does_not_keep_a_command(seconds, told):
    code = ENDLESS.format(seconds=seconds)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 3
    assert ("do not end: lingers" in ended.stderr) == told
