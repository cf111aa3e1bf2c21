"""What using a component leaves behind in the process, found once for all checks that ask."""

from __future__ import annotations

import gc
import os
import random
import re
import signal
import sys
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from causalkit.components import Context
from causalkit.testing.checks._contexts import global_state, same_global_state
from causalkit.testing.checks._doing import do
from causalkit.testing.checks._latest import Latest
from causalkit.testing.kit import NotApplicable, Subject

__all__ = ["Bar", "Seen", "captured", "learned", "told", "used", "watched"]


@dataclass
class Bar:
    """One loop that was shown: its label, the total it was said to have, how many it had, whether it ended."""

    label: Any
    total: Any
    count: int = 0
    ended: bool = False


@dataclass
class Seen:
    """What was seen while a copy of a component was used once.

    `error` is what it raised; `left` what it changed that belongs to the whole process, in words.
    """

    used: Any
    error: Exception | None = None
    printed: str = ""
    keeps_context: bool = False
    draws_globally: bool = False
    left: list[str] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    params_before: Any = None


_LATEST: Latest[Seen] = Latest(4)


def watched(subject: Subject) -> Seen:
    """What was seen of a copy of the subject in use; used once for all checks of one example."""
    return _LATEST.of(subject.example, lambda: _watch(subject))


def used(subject: Subject) -> Seen:
    """As `watched`; raises `NotApplicable` where the use itself failed, which `can-be-used` tells of."""
    seen = watched(subject)
    if isinstance(seen.error, NotApplicable):
        raise NotApplicable(str(seen.error))
    if seen.error is not None:
        raise NotApplicable(f"it can't be used: {type(seen.error).__name__}: {seen.error}")
    return seen


def learned(made: Any) -> list[str]:
    """The attributes that a component has learned: they end in `_`."""
    return sorted(name for name in vars(made) if name.endswith("_") and not name.startswith("_"))


def told(made: Any) -> Any:
    """A component's parameters in a form that compares: its class and each value, held components likewise."""
    if hasattr(made, "get_params") and not isinstance(made, type):
        values = made.get_params(deep=False)
        return type(made).__name__, tuple((name, told(values[name])) for name in sorted(values))
    if isinstance(made, dict):
        return tuple((repr(key), told(value)) for key, value in made.items())
    if isinstance(made, list | tuple):
        return type(made).__name__, tuple(told(value) for value in made)
    if isinstance(made, np.ndarray):
        return str(made.dtype), made.shape, made.tobytes().hex()
    return re.sub(r" at 0x[0-9a-f]+", "", repr(made))


def _watch(subject: Subject) -> Seen:
    seen = _watch_once(subject)
    if seen.draws_globally:  # libraries that draw when they are imported do so once
        seen.draws_globally = _watch_once(subject).draws_globally
    return seen


def _watch_once(subject: Subject) -> Seen:
    copy = subject.fresh()
    seen = Seen(copy, params_before=told(copy))
    bars, never = _Bars(seen.bars), _Never()
    alive, before = weakref.ref(never), global_state()
    with _elsewhere(subject.folder / "elsewhere", seen.left), captured() as printed:
        try:
            do(copy, subject.kind, subject.folder / "use", Context(cancelled=never, progress=bars))
        except Exception as error:  # whatever it raises is told by one check, and the others say so
            seen.error = error.with_traceback(None)
    seen.printed, seen.draws_globally = printed[0], not same_global_state(before)
    random.setstate(before[0])
    np.random.set_state(before[1])  # noqa: NPY002 (put back as it was)
    del never, bars
    gc.collect()
    seen.keeps_context = seen.error is None and alive() is not None
    return seen


@contextmanager
def _elsewhere(folder: Path, left: list[str]) -> Iterator[None]:
    """An empty current folder meanwhile; what belongs to the process and was changed is added to `left`."""
    folder.mkdir(parents=True, exist_ok=True)
    home, held = Path.cwd(), _process()
    os.chdir(folder)
    try:
        yield
    finally:
        left += [f"{name} was changed" for name, now in _process().items() if held[name] != now]
        if not Path.cwd().samefile(folder):
            left.append("the current folder was changed")
        os.chdir(home)
        left += [f"{path.name!r} was written to the current folder" for path in sorted(folder.iterdir())]


def _process() -> dict[str, Any]:
    """What belongs to the whole process and is not a component's to change."""
    return {
        "how numpy treats overflow (np.seterr)": np.geterr(),
        "the handler of SIGINT": signal.getsignal(signal.SIGINT),
        "the handler of SIGTERM": signal.getsignal(signal.SIGTERM),
        "sys.argv": list(sys.argv),
        "sys.stdout": sys.stdout,
        "sys.excepthook": sys.excepthook,
    }


@contextmanager
def captured() -> Iterator[list[str]]:
    """What is printed to stdout meanwhile, by Python or below it, as the one element of a list."""
    found = [""]
    sys.stdout.flush()
    with tempfile.TemporaryFile("w+b") as kept:
        saved = os.dup(1)
        os.dup2(kept.fileno(), 1)
        text = os.fdopen(os.dup(kept.fileno()), "w", buffering=1, encoding="utf-8", errors="replace")
        try:
            with redirect_stdout(text):
                yield found
        finally:
            text.close()
            os.dup2(saved, 1)
            os.close(saved)
            kept.seek(0)
            found[0] = kept.read().decode("utf-8", "replace")


class _Never:
    """A user who does not ask to stop; whoever keeps a context keeps this."""

    def __call__(self) -> bool:
        return False


@dataclass
class _Bars:
    """Progress that notes what it is told."""

    bars: list[Bar]

    def track(self, items: Iterable[Any], label: str, total: int | None) -> Iterator[Any]:
        """Yield `items`, counting them."""
        bar = Bar(label, total)
        self.bars.append(bar)
        for item in items:
            bar.count += 1
            yield item
        bar.ended = True

    def busy(self, label: str) -> AbstractContextManager[None]:
        """Note that `label` was shown."""
        self.bars.append(Bar(label, None, ended=True))
        return nullcontext()
