from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from multiprocessing import active_children

import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.estimators.difference_in_means import DifferenceInMeans
from causalkit_plugins.executors.process import Process
from causalkit_plugins.executors.serial import Serial

from causalkit.components import Context
from causalkit.errors import ComponentError, DataError, InvalidParameter
from tests.worlds import personal_world


def square(x):
    return x * x


def slow_first(x):
    time.sleep(0.3 if x == 0 else 0)
    return x


def inverse(x):
    return 1 / x


def refuse(x):
    raise DataError("no rows", "Bring some.")


def die(x):
    if x == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return x


def threads(x):
    return os.environ.get("OMP_NUM_THREADS")


@pytest.fixture(scope="module")
def process():
    executor = Process(workers=2)
    yield executor
    executor.close()
    executor.close()


def test_serial_keeps_order_and_raises_as_is():
    assert list(Serial().map(square, [3, 1, 2])) == [9, 1, 4]
    with pytest.raises(ZeroDivisionError):
        list(Serial().map(inverse, [1, 0]))
    Serial().close()


def test_order_is_kept_when_later_parts_end_first(process):
    assert list(process.map(slow_first, range(12))) == list(range(12))


def test_no_parts_is_no_results(process):
    assert list(process.map(square, [])) == []


def test_the_first_failure_names_its_part(process):
    with pytest.raises(ComponentError, match=r"part 1 failed in a worker process: ZeroDivisionError"):
        list(process.map(inverse, [1, 0, 0]))
    assert list(process.map(square, [2])) == [4]


def test_our_own_errors_come_through(process):
    with pytest.raises(DataError, match="no rows"):
        list(process.map(refuse, [1]))


def test_workers_use_one_thread_and_the_parent_keeps_its_own(process):
    before = os.environ.get("OMP_NUM_THREADS")
    assert list(process.map(threads, [1])) == ["1"]
    assert os.environ.get("OMP_NUM_THREADS") == before


def test_a_killed_worker_is_told_and_the_next_map_works():
    executor, others = Process(workers=1), set(active_children())
    with pytest.raises(ComponentError, match="a worker process died: it was killed by SIGKILL at part 1") as told:
        list(executor.map(die, range(3)))
    assert "memory" in told.value.todo
    assert set(active_children()) <= others
    assert list(executor.map(square, [2])) == [4]
    executor.close()


def test_process_and_serial_agree_to_the_last_bit(process):
    world = personal_world(users=40, items=5)
    tables = [
        DifferenceInMeans().fit(world.dataset, world.estimand, context=Context(executor=e, part_rows=200)).effects_.item
        for e in (process, Serial(), None)
    ]
    pd.testing.assert_frame_equal(tables[0], tables[1], check_exact=True)
    pd.testing.assert_frame_equal(tables[0], tables[2], check_exact=True)
    assert np.isfinite(tables[0]["effect"]).all()


def test_workers_must_be_positive():
    with pytest.raises(InvalidParameter, match="workers"):
        Process(workers=0)


def leave(x):
    sys.exit(3)


def sleep_at(part, seconds, x):
    time.sleep(seconds if x == part else 0)
    return x


def test_a_hung_worker_is_killed_and_its_part_is_named():
    executor, others = Process(workers=2, timeout=2), set(active_children())
    list(executor.map(square, range(4)))  # both are there
    began = time.monotonic()
    with pytest.raises(ComponentError, match="part 2 did not end within 2 s") as told:
        list(executor.map(partial(sleep_at, 2, 60), range(9)))
    assert time.monotonic() - began < 20
    assert "`timeout`" in told.value.todo
    assert set(active_children()) <= others
    assert list(executor.map(square, [2])) == [4]
    executor.close()


def test_a_part_that_exits_or_gives_what_cannot_be_sent_is_told(process):
    with pytest.raises(ComponentError, match="part 0 failed in a worker process: SystemExit: 3") as told:
        list(process.map(leave, [1]))
    assert "in leave" in told.value.__notes__[0]
    with pytest.raises(ComponentError, match=r"part 0 failed in a worker process: .*pickle"):
        list(process.map(lock, [1]))


def lock(x):
    return threading.Lock()


def test_two_maps_at_once_and_one_that_is_left(process):
    pairs = zip(process.map(square, range(5)), process.map(abs, range(5)), strict=True)
    assert list(pairs) == [(x * x, x) for x in range(5)]
    left = process.map(square, range(100))
    assert next(left) == 0
    left.close()
    assert list(process.map(square, [3])) == [9]


def test_large_parts_and_results_pass(process):
    big = np.ones(1_000_000)
    assert [found.sum() for found in process.map(np.negative, [big] * 6)] == [-1e6] * 6


LEFT = """
import os, sys, time
from multiprocessing import active_children
from causalkit_plugins.executors.process import Process
if __name__ == "__main__":
    executor = Process(workers=2)
    list(executor.map(abs, range(4)))
    print(*(child.pid for child in active_children()), flush=True)
    if sys.argv[1] == "busy":
        list(executor.map(time.sleep, [60, 60]))
    if sys.argv[1] == "idle":
        time.sleep(60)
"""


@pytest.mark.parametrize("at", ["busy", "idle", "gone"])
def test_no_worker_outlives_a_parent_that_is_killed_or_forgets_to_close(tmp_path, at):
    script = tmp_path / "script.py"
    script.write_text(LEFT)
    with subprocess.Popen([sys.executable, str(script), at], stdout=subprocess.PIPE, text=True) as parent:
        workers = [int(number) for number in parent.stdout.readline().split()]
        assert len(workers) == 2
        time.sleep(0.3 if at == "busy" else 0)
        if at != "gone":
            parent.kill()
        parent.wait(30)
        until = time.monotonic() + 10
        while any(lives(number) for number in workers):
            assert time.monotonic() < until, "a worker computes on for nobody"
            time.sleep(0.05)


def lives(number):
    try:
        with open(f"/proc/{number}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"  # buried by whoever adopts it
    except FileNotFoundError:
        return False


def test_what_a_part_prints_is_no_result(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from causalkit_plugins.executors.process import Process\n"
        "if __name__ == '__main__':\n    print(list(Process(workers=1).map(print, ['noise'])))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("[None]\n", "noise\n")


SCRIPT = """
import os, signal, threading, time
from causalkit.errors import Interrupted
from causalkit_plugins.executors.process import Process
if __name__ == "__main__":
    executor = Process(workers=1)
    list(executor.map(abs, [1]))
    threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    start = time.monotonic()
    from multiprocessing import active_children
    try:
        list(executor.map(time.sleep, [30, 30]))
    except Interrupted as error:
        print("interrupted", error.exit_code, time.monotonic() - start < 10, len(active_children()))
    executor.close()
"""


def test_ctrl_c_is_interrupted_and_does_not_wait(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["interrupted", "130", "True", "0"], done.stderr
    assert done.stderr == ""
