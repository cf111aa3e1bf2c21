"""What components of every kind must do: how one is declared, and what its parameters are."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from typing import Any

from causalkit.assumptions import assumed_by
from causalkit.components import KINDS, Context, clone
from causalkit.errors import ComponentError, InvalidParameter
from causalkit.parameters import json_schema, parameter_help, parameter_model
from causalkit.testing.checks._watching import told
from causalkit.testing.kit import NotApplicable, Subject, check

_OF_THE_MOMENT = frozenset({"device", "n_jobs", "verbose", "progress", "random_state", "context", "executor", "logger"})
_ODD: tuple[Any, ...] = (object(), {"no": object()}, "no such value", -1e308, 1j, [], None, 10**30, True)
"""Values of every sort; most parameters refuse most of them."""


@check()
def is_a_component(subject: Subject) -> None:
    """The class stands under `@component`."""
    needed = ("_declared_at", "get_params", "set_params", "_assign")
    lacking = [name for name in needed if not hasattr(subject.cls, name)]
    assert not lacking, f"{subject.cls.__name__} is no component; put `@component` above the class"


@check()
def says_what_it_does(subject: Subject) -> None:
    """The class has a docstring, and its first line is a sentence: lists show it."""
    text = inspect.cleandoc(vars(subject.cls).get("__doc__") or "")
    assert text, f"{subject.cls.__name__} has no docstring; say in a sentence what it does"
    first = text.splitlines()[0]
    assert first.endswith((".", "?", "!")) and len(first) <= 120, (
        f"the docstring's first line is {first!r}; make it one sentence of at most 120 characters, with its full stop"
    )


@check()
def every_parameter_is_documented(subject: Subject) -> None:
    """Each parameter has its help, a string below it."""
    help_ = parameter_help(subject.cls)
    bare = [name for name in parameter_model(subject.cls).model_fields if not help_.get(name)]
    assert not bare, f"no help under {', '.join(bare)}; write a string below each"


@check()
def facts_of_the_moment_are_no_parameters(subject: Subject) -> None:
    """Device, progress, executor and the run's seed come in `context` and are never fields."""
    if subject.kind == "executor":
        raise NotApplicable("an executor is such a fact itself")
    found = sorted(_OF_THE_MOMENT & set(parameter_model(subject.cls).model_fields))
    assert not found, f"{', '.join(found)}: take it from `context`, so that the same parameters are the same component"


@check()
def schema_is_json(subject: Subject) -> None:
    """The JSON schema of its parameters can be made and written: `describe` and config validation use it."""
    properties = json.loads(json.dumps(json_schema(subject.cls))).get("properties", {})
    lacking = set(parameter_model(subject.cls).model_fields) - set(properties)
    assert not lacking, f"the schema lacks {sorted(lacking)}"


@check()
def parameters_are_keywords(subject: Subject) -> None:
    """The constructor takes no positional arguments."""
    try:
        subject.cls(object())
    except TypeError:
        return
    except Exception as error:  # a constructor of its own may raise anything
        raise AssertionError(f"it took a positional argument, and raised {type(error).__name__}: {error}") from None
    raise AssertionError("it took a positional argument; let `@component` write the constructor")


@check()
def unknown_parameters_are_refused(subject: Subject) -> None:
    """A parameter that it does not have raises `InvalidParameter`, in the constructor and in `set_params`."""
    params = subject.fresh().get_params(deep=False)
    _must_refuse(lambda: subject.cls(**params, no_such_parameter=1), "the constructor", "no_such_parameter=1")
    made = subject.fresh()
    _must_refuse(lambda: made.set_params(no_such_parameter=1), "set_params", "no_such_parameter=1")
    assert told(made) == told(subject.fresh()), "set_params refused an unknown parameter, and changed others"


@check()
def unfit_values_are_refused(subject: Subject) -> None:
    """A value of the wrong type raises `InvalidParameter`, which names the parameter; nothing else."""
    count = 0
    for name, value, error in _refused(subject):
        count += 1
        assert isinstance(error, InvalidParameter), (
            f"{name}={value!r} raised {type(error).__name__}: {error}; raise InvalidParameter"
        )
    if not count:
        raise NotApplicable("no parameter is of a type that refuses anything")


@check()
def set_params_checks_anew(subject: Subject) -> None:
    """`set_params` refuses what the constructor refuses, and changes nothing then."""
    before, count = told(subject.fresh()), 0
    for name, value, _ in _refused(subject):
        made, count = subject.fresh(), count + 1
        _must_refuse(lambda made=made, name=name, value=value: made.set_params(**{name: value}), "set_params", name)
        assert told(made) == before, f"set_params refused {name}={value!r}, and changed the component all the same"
    if not count:
        raise NotApplicable("no parameter is of a type that refuses anything")


@check()
def defaults_are_valid(subject: Subject) -> None:
    """A parameter left out takes its default, which is a value that it accepts."""
    params = subject.fresh().get_params(deep=False)
    optional = [name for name, field in parameter_model(subject.cls).model_fields.items() if not field.is_required()]
    if not optional:
        raise NotApplicable("no parameter has a default")
    for name in optional:
        try:
            made = subject.cls(**{key: value for key, value in params.items() if key != name})
            subject.cls(**made.get_params(deep=False))
        except Exception as error:  # a default of the wrong type may raise anything
            raise AssertionError(f"the default of {name} is not accepted: {type(error).__name__}: {error}") from None


@check()
def parameters_round_trip(subject: Subject) -> None:
    """`cls(**get_params())` has the same parameters, and so has `set_params(**get_params())`."""
    made = subject.fresh()
    params = made.get_params(deep=False)
    again = subject.cls(**params)
    assert told(again) == told(made), f"get_params gave {made!r}, and with these the constructor makes {again!r}"
    given = made.set_params(**params)
    assert given is made, "set_params does not return the component"
    assert told(given) == told(again), f"set_params with its own parameters made {given!r} of {again!r}"


@check()
def repr_tells_parameters(subject: Subject) -> None:
    """`repr` begins with the class and names each parameter that is not at its default."""
    made = subject.fresh()
    text = repr(made)
    assert text.startswith(f"{subject.cls.__name__}("), f"repr is {text!r}; begin it with {subject.cls.__name__}("
    for name, field in parameter_model(subject.cls).model_fields.items():
        if field.is_required() or told(getattr(made, name)) != told(field.default):
            assert f"{name}=" in text, f"repr is {text!r}, which does not tell {name}"


@check()
def clone_is_alike(subject: Subject) -> None:
    """A clone is another object of the same class with the same parameters, and shares no list or mapping."""
    one, other = subject.fresh(), clone(subject.example)
    assert type(other) is subject.cls and other is not one, f"cloning gave a {type(other).__name__}"
    assert told(other) == told(subject.example), f"cloning {subject.example!r} gave {other!r}"
    for name, value in subject.example.get_params(deep=False).items():
        if isinstance(value, list | dict | set):
            assert getattr(other, name) is not value, f"a clone shares the {type(value).__name__} in {name}"


@check()
def methods_keep_the_protocol(subject: Subject) -> None:
    """Every method takes what its kind's protocol says, by these names, `context` as an optional keyword."""
    protocol = KINDS[subject.kind].protocol
    for name in KINDS[subject.kind].methods:
        told_by = list(inspect.signature(getattr(protocol, name)).parameters.values())[1:]
        mine = inspect.signature(getattr(subject.fresh(), name))
        names = [p.name for p in told_by if p.kind is p.POSITIONAL_OR_KEYWORD]
        keywords = [p.name for p in told_by if p.kind is p.KEYWORD_ONLY]
        required = [p.name for p in told_by if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty]
        for positional, named in ((names, keywords), ([], names + keywords), (required, [])):
            try:
                mine.bind(*positional, **dict.fromkeys(named, None))
            except TypeError as error:
                wanted = inspect.signature(getattr(protocol, name))
                raise AssertionError(f"{name}{mine} can't be called as {name}{wanted}: {error}") from None


@check()
def assumptions_are_known(subject: Subject) -> None:
    """What it assumes is named as `causalkit.assumptions` names it."""
    try:
        found = assumed_by(subject.example)
    except ComponentError as error:
        raise AssertionError(str(error)) from None
    if found is None:
        raise NotApplicable("it does not say what it assumes")


@check()
def fingerprint_repeats(subject: Subject) -> None:
    """`fingerprint`, where there is one, takes a context and gives the same text each time."""
    if not hasattr(subject.cls, "fingerprint"):
        raise NotApplicable("it has no fingerprint")
    first, second = (subject.fresh().fingerprint(context=Context(root_seed=seed)) for seed in (0, 1))
    assert isinstance(first, str), f"fingerprint gave a {type(first).__name__}; give a text"
    assert first == second, f"fingerprint gave {first!r} and then {second!r}, with nothing changed between"


def _refused(subject: Subject) -> Iterator[tuple[str, Any, Exception]]:
    """For each parameter the odd values that its constructor does not take, and what it raised."""
    params = subject.fresh().get_params(deep=False)
    for name in params:
        for value in _ODD:
            try:
                subject.cls(**params | {name: value})
            except Exception as error:  # which it is, is what callers ask
                yield name, value, error


def _must_refuse(call: Any, where: str, what: str) -> None:
    try:
        call()
    except InvalidParameter:
        return
    except Exception as error:  # anything may come instead
        raise AssertionError(
            f"{where} met {what} with {type(error).__name__}: {error}; raise InvalidParameter"
        ) from None
    raise AssertionError(f"{where} took {what} in silence; it must raise InvalidParameter")
