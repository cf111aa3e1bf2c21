"""Components that pass, and that fail, the checks in `causalkit.testing.checks.any_kind` and `any_use`."""

from __future__ import annotations

import itertools
import os
import threading
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from causalkit.components import Context, component
from causalkit.errors import Interrupted
from tests.testing.mutants import Make
from tests.testing.mutants._words import Words

HEALTHY: list[Make] = []
"""Those of every kind are: see the other files."""

_TICKS = itertools.count()
_SEEN: list[Context] = []


class Plain:
    """A class under nothing."""

    input: ClassVar[str] = "texts"

    def get_params(self, deep=True):
        return {}

    def fit(self, inputs, *, context=None):
        return self

    def encode(self, inputs, *, context=None):
        return np.zeros((len(inputs), 2), np.float32)


@component
class Unsaid(Words):
    """Counts words
    of texts
    """


@component
class Bare(Words):
    """Has a parameter without help."""

    nameless: int = 1


@component
class OnDevice(Words):
    """Takes its device as a parameter."""

    device: str = "cpu"
    "Where to compute."


class _Strange:
    """A type that JSON has no word for."""


@component
class Untold(Words):
    """Has a parameter of a type that JSON has no word for."""

    strange: _Strange = _Strange()
    "Strange."


@component
class Positional(Words):
    """Writes its own constructor, which takes arguments by position."""

    def __init__(self, most=200, ignored=()):
        self._assign({"most": most if isinstance(most, int) else 200, "ignored": list(ignored)})


@component
class Lenient(Words):
    """Takes any parameter."""

    def __init__(self, **params):
        self._assign({name: value for name, value in params.items() if name in ("most", "ignored")})


@component
class Raw(Words):
    """Looks its mode up before anything has checked it."""

    mode: str = "plain"
    "`plain` or `root`."

    def __post_init__(self):
        self._power = {"plain": 1.0, "root": 0.5}[self.mode]


@component
class Setting(Words):
    """Sets parameters as they come."""

    def set_params(self, **params):
        if "no_such_parameter" in params:
            return super().set_params(**params)
        for name, value in params.items():
            setattr(self, name, value)
        return self


@component
class WrongDefault(Words):
    """Has a default that it would not take."""

    share: float = "half"  # type: ignore[assignment]
    "A share."


@component
class Growing(Words):
    """Adds to a parameter whenever it is made."""

    def __post_init__(self):
        self.most = self.most + 1


@component
class Terse(Words):
    """Says little of itself."""

    def __repr__(self):
        return "Terse()"


@component
class Shared(Words):
    """Keeps one list for all."""

    def __post_init__(self):
        self.ignored = _IGNORED


_IGNORED: list[str] = []


@component
class Narrow(Words):
    """Takes no context."""

    def encode(self, inputs):
        return super().encode(inputs)


@component
class Assuming(Words):
    """Assumes what nobody knows."""

    assumes: ClassVar[frozenset[str]] = frozenset({"goodwill"})


@component
class Ticking(Words):
    """Has a fingerprint that is never the same."""

    def fingerprint(self, *, context: Context = Context()):
        return str(next(_TICKS))


def heavy(_: Path) -> Any:
    from tests.testing.mutants._heavy import Heavy

    return Heavy()


def loud(_: Path) -> Any:
    from tests.testing.mutants._loud import Loud

    return Loud()


@component
class Industrious(Words):
    """Tells of it when it is made."""

    def __post_init__(self):
        os.write(2, b"made\n")


@component
class Locked(Words):
    """Holds a lock once fitted."""

    def fit(self, inputs, *, context: Context = Context()):
        self.lock_ = threading.Lock()
        return super().fit(inputs, context=context)


@component
class Useless(Words):
    """Never comes to an end."""

    def encode(self, inputs, *, context: Context = Context()):
        raise RuntimeError("not today")


@component
class Common(Words):
    """Keeps what it learned where all of its class see it."""

    def fit(self, inputs, *, context: Context = Context()):
        super().fit(inputs, context=context)
        type(self).words_ = self.words_
        return self


@component
class Tuning(Words):
    """Sets a parameter by what it sees."""

    def fit(self, inputs, *, context: Context = Context()):
        super().fit(inputs, context=context)
        self.most = len(self.words_)
        return self


@component
class Chatty(Words):
    """Tells how far it is, on stdout, below Python."""

    def encode(self, inputs, *, context: Context = Context()):
        os.write(1, b"encoding\n")
        return super().encode(inputs, context=context)


@component
class Keeping(Words):
    """Keeps the context of the first call."""

    def fit(self, inputs, *, context: Context = Context()):
        _SEEN.append(context.under("words"))
        return super().fit(inputs, context=context)


@component
class Seeding(Words):
    """Seeds numpy's own generator."""

    def fit(self, inputs, *, context: Context = Context()):
        np.random.seed(0)  # noqa: NPY002 (the fault)
        return super().fit(inputs, context=context)


@component
class Littering(Words):
    """Leaves a log in the current folder."""

    def fit(self, inputs, *, context: Context = Context()):
        Path("words.log").write_text("fitted")
        return super().fit(inputs, context=context)


@component
class Stubborn(Words):
    """Goes on when told to stop."""

    def encode(self, inputs, *, context: Context = Context()):
        try:
            return super().encode(inputs, context=context)
        except Interrupted:
            return super().encode(inputs)


@component
class Boasting(Words):
    """Says that it has more to do than it has."""

    def fit(self, inputs, *, context: Context = Context()):
        return super().fit(list(context.track(inputs, "reading", 2 * len(inputs))), context=context)


@component
class Renaming(Words):
    """Calls its inputs by another name."""

    def encode(self, texts, *, context: Context = Context()):
        return super().encode(texts, context=context)


@component
class Ready(Words):
    """Makes ready, with a library that takes seconds, when it is made."""

    def __post_init__(self):
        import sklearn  # noqa: F401 (the fault)


@component
class Losing(Words):
    """Leaves what it has learned behind."""

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if not name.endswith("_")}


@component
class Holding(Words):
    """Keeps a part of the context in a function of its own."""

    def fit(self, inputs, *, context: Context = Context()):
        self._stop = lambda: context.cancelled()
        return super().fit(inputs, context=context)


@component
class Bold(Words):
    """Takes being told to stop for a mistake."""

    def encode(self, inputs, *, context: Context = Context()):
        try:
            return super().encode(inputs, context=context)
        except Interrupted:
            raise RuntimeError("who stopped me?") from None


@component
class Deaf(Words):
    """Turns numpy's warnings off for good."""

    def fit(self, inputs, *, context: Context = Context()):
        np.seterr(all="ignore")
        return super().fit(inputs, context=context)


@component
class Unlabelled(Words):
    """Shows a loop without a name."""

    def fit(self, inputs, *, context: Context = Context()):
        return super().fit(list(context.track(inputs, " ")), context=context)


@component
class Printing(Words):
    """Tells how far it is, with print."""

    def encode(self, inputs, *, context: Context = Context()):
        print("encoding")  # noqa: T201 (the fault)
        return super().encode(inputs, context=context)


@component
class Numbered(Words):
    """Has a fingerprint that is a number."""

    def fingerprint(self, *, context: Context = Context()):
        return 7


class Nested:
    """Where a component lies that no other process finds."""

    @staticmethod
    def make() -> Any:
        @component
        class Inner(Words):
            """Lies inside a function."""

        return Inner()


MUTANTS: dict[str, Make] = {
    "any/is-a-component": lambda _: Plain(),
    "any/says-what-it-does": lambda _: Unsaid(),
    "any/every-parameter-is-documented": lambda _: Bare(),
    "any/facts-of-the-moment-are-no-parameters": lambda _: OnDevice(),
    "any/schema-is-json": lambda _: Untold(),
    "any/parameters-are-keywords": lambda _: Positional(),
    "any/unknown-parameters-are-refused": lambda _: Lenient(),
    "any/unfit-values-are-refused": lambda _: Raw(),
    "any/set-params-checks-anew": lambda _: Setting(),
    "any/defaults-are-valid": lambda _: WrongDefault(share=0.5),
    "any/parameters-round-trip": lambda _: Growing(),
    "any/repr-tells-parameters": lambda _: Terse(most=20),
    "any/clone-is-alike": lambda _: Shared(),
    "any/methods-keep-the-protocol": lambda _: Narrow(),
    "any/assumptions-are-known": lambda _: Assuming(),
    "any/fingerprint-repeats": lambda _: Ticking(),
    "any/import-is-light": heavy,
    "any/import-is-silent": loud,
    "any/construction-does-no-work": lambda _: Industrious(),
    "any/goes-to-a-worker-process": lambda _: Locked(),
    "any/can-be-used": lambda _: Useless(),
    "any/unfitted-says-so": lambda _: Common(),
    "any/use-changes-no-parameter": lambda _: Tuning(most=1000),
    "any/prints-nothing": lambda _: Chatty(),
    "any/keeps-no-context": lambda _: Keeping(),
    "any/leaves-global-generators-alone": lambda _: Seeding(),
    "any/leaves-the-process-alone": lambda _: Littering(),
    "any/stops-when-told": lambda _: Stubborn(),
    "any/progress-is-told-truly": lambda _: Boasting(),
}

FURTHER: list[tuple[str, Make]] = [
    ("any/methods-keep-the-protocol", lambda _: Renaming()),
    ("any/construction-does-no-work", lambda _: Ready()),
    ("any/goes-to-a-worker-process", lambda _: Losing()),
    ("any/goes-to-a-worker-process", lambda _: Nested.make()),
    ("any/keeps-no-context", lambda _: Holding()),
    ("any/stops-when-told", lambda _: Bold()),
    ("any/leaves-the-process-alone", lambda _: Deaf()),
    ("any/progress-is-told-truly", lambda _: Unlabelled()),
    ("any/prints-nothing", lambda _: Printing()),
    ("any/fingerprint-repeats", lambda _: Numbered()),
]
"""The same checks failed in other ways."""
