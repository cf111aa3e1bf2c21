"""A terminal that is closed while a run is under way, by way of a pseudo-terminal."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from tests.cli.faulty import SMALL_PARTS, Folder
from tests.command import COMMAND, environment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs a pseudo-terminal as Linux has them")


def test_fault_2_a_closed_terminal_leaves_an_interrupted_run_that_goes_on(tmp_path):
    import pty

    folder = Folder(tmp_path / "work")
    child, terminal = pty.fork()
    if not child:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # these tests themselves may run under nohup
        os.chdir(folder.path)
        os.execve(COMMAND[0], [*COMMAND, "run", "small.yaml", *SMALL_PARTS], environment())
    waited = time.monotonic() + 60
    while not any(e.get("step") == "estimate" for e in _events(folder)):
        assert time.monotonic() < waited
        time.sleep(0.005)
    os.close(terminal)  # the kernel tells the run that its terminal has hung up
    assert os.waitpid(child, 0)[1] != 0
    assert folder.manifest()["status"] == "interrupted"
    done = folder.resume()
    assert done.code == 0, done.err
    assert len(folder.runs) == 1


def _events(folder: Folder):
    there = (folder.path / "runs").is_dir() and folder.runs
    return folder.events() if there else []
