from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

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
    executor = Process(workers=1)
    with pytest.raises(ComponentError, match="a worker process died"):
        list(executor.map(die, range(3)))
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


SCRIPT = """
import os, signal, threading, time
from causalkit.errors import Interrupted
from causalkit_plugins.executors.process import Process
if __name__ == "__main__":
    executor = Process(workers=1)
    list(executor.map(abs, [1]))
    threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    start = time.monotonic()
    try:
        list(executor.map(time.sleep, [30, 30]))
    except Interrupted as error:
        print("interrupted", error.exit_code, time.monotonic() - start < 10)
    executor.close()
"""


def test_ctrl_c_is_interrupted_and_does_not_wait(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["interrupted", "130", "True"], done.stderr
