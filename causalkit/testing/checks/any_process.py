"""What another process must find as this one did, and what no process may be told."""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from causalkit.components import Context
from causalkit.errors import CausalkitError
from causalkit.parameters import parameter_model
from causalkit.testing.checks._inputs import inputs_of
from causalkit.testing.checks._logs import log
from causalkit.testing.checks._small_run import small_run
from causalkit.testing.kit import NotApplicable, Subject, check
from causalkit.testing.worlds import graph_world

_PATIENCE = 300.0
_SECRET = re.compile(r"(^|_)(api_?key|access_?key|secret|secret_?key|password|passwd|credentials?|auth_?token)$")


@check()
def keys_are_no_parameters(subject: Subject) -> None:
    """Passwords and keys come from the environment: parameters are written to configs, hashes and reports."""
    found = [name for name in parameter_model(subject.cls).model_fields if _SECRET.search(name.lower())]
    assert not found, (
        f"{', '.join(found)}: what a parameter holds is kept with every run; read it from an environment variable, "
        "whose name may be a parameter"
    )


@check("encoder", "discoverer", "propensity", "estimator", "ranker")
def another_process_finds_the_same(subject: Subject) -> None:
    """A process in which sets of texts have another order, and `hash` other values, gives the same answer."""
    if subject.cls.__module__ == "__main__":
        raise NotApplicable(f"{subject.cls.__name__} is defined in a script or notebook; put it in a module of its own")
    try:
        here = answer_of(subject.fresh(), subject.kind, subject.folder)
    except CausalkitError as error:
        raise NotApplicable(f"it refuses the small log that it is tried on: {error.what}") from None
    there = _in_another_process(subject)
    numbers = here.dtype.kind == "f" and here.shape == there.shape
    same = np.allclose(here, there, 1e-5, 1e-7, equal_nan=True) if numbers else np.array_equal(here, there)
    assert same, (
        "in another process it gives another answer; sort sets before looping, and use zlib.crc32 or hashlib in the "
        "place of `hash`, whose values differ from process to process"
    )


def answer_of(made: Any, kind: str, folder: Path) -> Any:
    """What a component gives of something small, as an array of floats or texts."""
    if kind == "encoder":
        inputs = list(inputs_of(made, folder))
        return np.asarray(made.fit(inputs, context=Context()).encode(inputs, context=Context()), float)
    if kind == "discoverer":
        graph = made.discover(graph_world("mixed").variables, context=Context())
        return np.array(sorted(map(str, graph.edges)), object)
    if kind == "ranker":
        run = small_run()
        given = (run.outputs.training, run.effects, run.outputs.embeddings)
        return np.asarray(made.fit(*given, context=Context()).scores(run.users, run.items).values, float)
    case = log()
    if kind == "propensity":
        return np.asarray(made.fit(case.dataset, context=Context()).predict(case.rows).values, float)
    table = made.fit(case.dataset, case.estimand, case.embeddings, context=Context()).effects_.item
    return table[["effect", "stderr", "raw", "raw_stderr"]].to_numpy(float)


def _in_another_process(subject: Subject) -> Any:
    asked, told = subject.folder / "asked.pickle", subject.folder / "told.pickle"
    asked.write_bytes(pickle.dumps((subject.fresh(), subject.kind, subject.folder)))
    path = os.pathsep.join(os.path.abspath(place) for place in dict.fromkeys(sys.path))
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    done = subprocess.run(  # noqa: S603 (this interpreter, and this file)
        [sys.executable, "-P", "-c", f"import {__name__} as m; m.main()", str(asked), str(told)],
        capture_output=True,
        env=os.environ | {"PYTHONPATH": path, "PYTHONHASHSEED": seed},
        timeout=_PATIENCE,
        check=False,
    )
    assert told.is_file(), f"another process could not use it: {done.stderr.decode('utf-8', 'replace')[-500:]}"
    return pickle.loads(told.read_bytes())  # noqa: S301 (written by the process that was started here)


def main() -> None:
    """In the other process: answer what was asked, and write it down."""
    made, kind, folder = pickle.loads(Path(sys.argv[1]).read_bytes())  # noqa: S301 (pickled by whoever started this)
    Path(sys.argv[2]).write_bytes(pickle.dumps(answer_of(made, kind, folder)))
