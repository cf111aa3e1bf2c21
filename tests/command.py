"""The `causalkit` command: as a user runs it, in a process of its own, or in this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from causalkit.cli import main

SCRIPT = Path(sysconfig.get_path("scripts")) / "causalkit"
COMMAND = [str(SCRIPT)] if SCRIPT.exists() else [sys.executable, "-c", "from causalkit.cli import main; main()"]


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Stdout as the one JSON document that it must be."""
        return json.loads(self.out)


def environment(**more: str) -> dict[str, str]:
    """This process's environment without what would change a config or a colour."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CAUSALKIT")}
    return {**kept, "NO_COLOR": "1", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", **more}


def causalkit(*arguments: str | Path, cwd: Path | None = None, timeout: float = 120, **more: str) -> Ended:
    """Run the installed command and wait for it."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        timeout=timeout,
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[Any, str, str]:
    """Exit code, stdout and stderr of a command run in this process."""
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return stopped.value.code, captured.out, captured.err
