"""What components of every kind must do: where they may be made and sent, and what using them leaves behind."""

from __future__ import annotations

import json
import reprlib
from inspect import signature

from causalkit.components import KINDS, Context
from causalkit.errors import Interrupted, ModelUnavailable, NotFitted
from causalkit.testing.checks._contexts import Stop
from causalkit.testing.checks._doing import do
from causalkit.testing.checks._fresh import newborn
from causalkit.testing.checks._watching import captured, learned, told, used, watched
from causalkit.testing.kit import NotApplicable, Subject, Unverified, check


@check()
def import_is_light(subject: Subject) -> None:
    """Importing its module imports no library that takes seconds; import these inside what uses them."""
    phase = newborn(subject).phases["import"]
    assert not phase["error"], f"a fresh process can't import {subject.cls.__module__}: {phase['error']}"
    heavy = ", ".join(phase["heavy"])
    assert not heavy, f"importing {subject.cls.__module__} imports {heavy}; import it inside the method that uses it"


@check()
def import_is_silent(subject: Subject) -> None:
    """Importing its module prints nothing and writes no file."""
    born = newborn(subject)
    phase = born.phases["import"]
    assert not phase["printed"], f"importing {subject.cls.__module__} prints: {born.printed[:200]!r}"
    assert not phase["written"], f"importing {subject.cls.__module__} writes {phase['written']} to the current folder"


@check()
def construction_does_no_work(subject: Subject) -> None:
    """Making one imports no heavy library, prints nothing and writes no file: configs are checked by making them."""
    born = newborn(subject)
    if born.unsent or born.phases["unpickle"]["error"]:
        raise NotApplicable("it can't be sent to a fresh process to be made there")
    phase = born.phases["construct"]
    assert not phase["error"], f"a copy can't be made in a fresh process: {phase['error']}"
    assert not phase["heavy"], (
        f"making one imports {', '.join(phase['heavy'])}; import it inside the method that uses it"
    )
    assert not phase["printed"], f"making one prints: {born.printed[:200]!r}"
    assert not phase["written"], f"making one writes {phase['written']} to the current folder"


@check()
def goes_to_a_worker_process(subject: Subject) -> None:
    """Pickled to another process it arrives with its parameters and, once fitted, with what it learned."""
    born = newborn(subject)
    assert not born.unsent, f"it can't be pickled: {born.unsent}"
    for name in ("unpickle", "unpickle fitted"):
        error = born.phases.get(name, {"error": ""})["error"]
        assert not error, f"another process can't {name.replace('unpickle', 'unpickle it')}: {error}"
    assert born.params == json.loads(json.dumps(told(subject.fresh()))), "its parameters arrive changed"
    if "unpickle fitted" in born.phases:
        lost = set(learned(used(subject).used)) - set(born.learned)
        assert not lost, f"{', '.join(sorted(lost))} does not arrive with it"


@check()
def can_be_used(subject: Subject) -> None:
    """Its methods run, on something small and of the usual form."""
    error = watched(subject).error
    if isinstance(error, ModelUnavailable):
        raise Unverified(f"its model is not here: {error.what}; declare `examples` that can be used without it")
    if error is not None:
        raise error


@check()
def unfitted_says_so(subject: Subject) -> None:
    """What is learned can't be read before it is learned: that raises `NotFitted`, in a clone of a fitted one too."""
    names = learned(used(subject).used)
    if not names:
        raise NotApplicable("it learns nothing that can be read")
    for name in names:
        try:
            found = getattr(subject.fresh(), name)
        except NotFitted:
            continue
        raise AssertionError(
            f"{name} is {reprlib.repr(found)} in one that is not fitted; set it in `fit`, on `self`, and nowhere else"
        )


@check()
def use_changes_no_parameter(subject: Subject) -> None:
    """Parameters are what they were before it was used."""
    seen = used(subject)
    assert told(seen.used) == seen.params_before, f"use made {seen.used!r} of {subject.fresh()!r}"


@check()
def prints_nothing(subject: Subject) -> None:
    """Nothing is printed to stdout, where commands put their results."""
    printed = used(subject).printed
    assert not printed, f"it prints {printed[:200]!r}; use `logging`, or stderr"


@check()
def keeps_no_context(subject: Subject) -> None:
    """It keeps no context once a method has ended, neither itself nor in its module."""
    if "context" not in _names(subject):
        raise NotApplicable("its kind takes no context")
    assert not used(subject).keeps_context, "a context is still held after use; take it as an argument, and pass it on"


@check()
def leaves_global_generators_alone(subject: Subject) -> None:
    """It neither seeds nor draws from the generators of `random` and `numpy.random`."""
    assert not used(subject).draws_globally, (
        "the state of `random` or `numpy.random` changed; draw from `context.rng(name)`, and seed what draws itself"
    )


@check()
def leaves_the_process_alone(subject: Subject) -> None:
    """Signal handlers, numpy's error state, and the current folder and what is in it stay as they were."""
    left = used(subject).left
    assert not left, "; ".join(left)


@check()
def stops_when_told(subject: Subject) -> None:
    """One that asks whether the user wants to stop ends then, with `Interrupted`."""
    if "context" not in _names(subject):
        raise NotApplicable("its kind takes no context")
    used(subject)
    stop = Stop(after=0)
    try:
        with captured():
            do(subject.fresh(), subject.kind, subject.folder / "stopped", Context(cancelled=stop))
    except Interrupted:
        return
    except Exception as error:  # anything may come instead
        raise AssertionError(
            f"told to stop it raised {type(error).__name__}: {error}; let Interrupted through"
        ) from None
    if not stop.asked:
        raise NotApplicable("it never asks whether to stop; one whose work takes a second or more should")
    raise AssertionError(f"it was told {stop.asked} times to stop, and went on to the end")


@check()
def progress_is_told_truly(subject: Subject) -> None:
    """Loops that it shows have a name, and as many turns as it said."""
    bars = used(subject).bars
    if not bars:
        raise NotApplicable("it shows no loop")
    for bar in bars:
        assert isinstance(bar.label, str) and bar.label.strip(), f"a loop is shown as {bar.label!r}; give it a name"
        if bar.ended and bar.total is not None:
            assert bar.count == bar.total, f"{bar.label!r} was said to have {bar.total} turns and had {bar.count}"


def _names(subject: Subject) -> set[str]:
    """The parameters of its kind's methods."""
    kind = KINDS[subject.kind]
    return {name for method in kind.methods for name in signature(getattr(kind.protocol, method)).parameters}
