"""Progress bars: only for slow loops, only on a terminal, and never in the way of the loop."""

from __future__ import annotations

import io
import itertools

import pytest

from causalkit.cli import _progress
from causalkit.cli._progress import RichProgress, StepNarrator, terminal_progress
from causalkit.context import Context


@pytest.fixture
def clock(monkeypatch):
    """A clock that moves a second at each look, and a record of the bars that were made."""
    ticks = itertools.count()
    monkeypatch.setattr(_progress.time, "monotonic", lambda: float(next(ticks)))
    made = []

    class Bars:
        def __init__(self):
            self.tasks, self.running = {}, False
            made.append(self)

        def start(self):
            self.running = True

        def stop(self):
            self.running = False

        def add_task(self, label, total):
            self.tasks[label] = [0, total]
            return label

        def update(self, task, completed):
            self.tasks[task][0] = completed

        def remove_task(self, task):
            pass

    monkeypatch.setattr(_progress, "_bars", Bars)
    return made


def test_a_quick_loop_shows_nothing(clock):
    assert list(RichProgress(patience=100).track(range(5), "quick", 5)) == [0, 1, 2, 3, 4]
    assert clock == []


def test_a_slow_loop_gets_a_bar_that_goes_away(clock):
    assert list(Context(progress=RichProgress()).track([1, 2, 3, 4], "slow")) == [1, 2, 3, 4]
    assert clock[0].tasks == {"slow": [4, 4]}
    assert not clock[0].running


def test_work_that_is_no_loop_shows_that_it_is_under_way(clock):
    progress = RichProgress()
    with Context(progress=progress).busy("discover"):
        assert clock[0].running
        assert list(progress.track([1], "inner", 1)) == [1]
        assert clock[0].running
    assert clock[0].tasks["discover"] == [0, None]
    assert not clock[0].running


def test_nested_loops_share_one_display(clock):
    progress = RichProgress()
    for _ in progress.track(range(3), "outer", 3):
        for _ in progress.track(range(3), "inner", 3):
            pass
    assert clock[-1].tasks.keys() >= {"outer"}
    assert not any(bars.running for bars in clock)


def test_a_loop_that_fails_takes_its_bar_away(clock):
    def failing():
        yield from (1, 2, 3)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(RichProgress().track(failing(), "failing", None))
    assert not clock[0].running


def test_bars_are_for_terminals(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    assert terminal_progress(quiet=False) is None
    stream.isatty = lambda: True
    assert terminal_progress(quiet=False) is not None
    assert terminal_progress(quiet=True) is None


def test_steps_are_told_as_they_end():
    from causalkit.types import StepRecord

    said = []
    teller = StepNarrator(said.append)
    teller.step(None, StepRecord("estimate", "done", 1.25, "item: aipw"))
    teller.step(None, StepRecord("refute", "skipped", message="the config leaves it out"))
    assert said == [
        "  estimate  done           1.2 s  item: aipw",
        "  refute    skipped               the config leaves it out",
    ]


class OneRun:
    """A run of which nothing but its events is known."""

    id = "r1"

    def __init__(self, *events):
        self.folder = self
        self._events = [{"kind": kind, "step": step} for kind, step in events]

    def events(self):
        return self._events


def test_what_was_done_before_is_told_from_what_is_done_now():
    from causalkit.types import StepRecord

    said = []
    teller = StepNarrator(said.append, resuming=True)
    run = OneRun(("started", ""), ("begun", "load"), ("begun", "encode"), ("started", ""), ("begun", "encode"))
    teller.started(run)
    for record in (StepRecord("load", "done", 2.0), StepRecord("encode", "done", 1.0), StepRecord("report", "done")):
        teller.step(run, record)
    assert [line.split()[:3] for line in said] == [
        ["run", "r1", "goes"],
        ["load", "done", "before"],
        ["encode", "done", "1.0"],
        ["report", "done", "0.0"],
    ]


def test_it_is_said_that_there_was_nothing_to_go_on_with():
    said = []
    StepNarrator(said.append, resuming=True).started(OneRun(("started", "")))
    assert said == ["no run of this config is unfinished; a new one begins", "run r1"]
