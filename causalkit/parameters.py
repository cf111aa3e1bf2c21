"""`@component`: one declaration gives constructor, repr, JSON schema, validation and params.

The annotated fields of a class are its parameters. Each may carry a string below it: its help.

>>> from causalkit.components import component
>>> @component
... class Shrink:
...     weight: float = 1.0
...     "How strongly to shrink."
>>> Shrink(weight=2)
Shrink(weight=2.0)
>>> Shrink().get_params()
{'weight': 1.0}
"""

from __future__ import annotations

import inspect
import sys
import types
import typing
import warnings
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, TypeVar, Union, dataclass_transform, get_args, get_origin

from causalkit.errors import InvalidParameter, NotFitted, Problem, nearest
from causalkit.field_help import parameter_help

if typing.TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

__all__ = [
    "Parametrised",
    "Unsaid",
    "clone",
    "component",
    "field_kinds",
    "field_words",
    "json_schema",
    "parameter_help",
    "parameter_model",
]

C = TypeVar("C", bound=type)
Part = TypeVar("Part")


class Parametrised:
    """What `@component` adds to a class: construction, params, repr and the unfitted guard.

    The methods are copied into the class, as `dataclass` does, so its bases stay as written.
    """

    def __init__(self, **params: Any) -> None:
        self._assign(params)

    def _assign(self, given: Mapping[str, Any]) -> None:
        cls = type(self)
        for name, value in _validated(cls, given).items():
            setattr(self, name, value)
        after = getattr(self, "__post_init__", None)
        if after is not None:
            after()

    def __getattr__(self, name: str) -> Any:
        if name.endswith("_") and not name.startswith("_"):
            raise NotFitted(
                f"{type(self).__name__}.{name} is not there yet: this component is not fitted",
                "Call `fit` first.",
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name; `deep` adds those of held components as `held__name`."""
        own = {name: getattr(self, name) for name in parameter_model(type(self)).model_fields}
        if not deep:
            return own
        held = {
            f"{name}__{inner}": value
            for name, part in own.items()
            if hasattr(part, "get_params")
            for inner, value in part.get_params().items()
        }
        return own | held

    def set_params(self, **params: Any) -> Any:
        """Change parameters (`held__name` reaches into a held component), all validated again.

        Raises
        ------
        InvalidParameter : an unknown name or an unfit value; nothing is changed then.
        """
        _change(clone(self), params)  # refuses before anything is changed
        _change(self, params)
        return self

    def __repr__(self) -> str:
        fields = parameter_model(type(self)).model_fields
        shown = [
            f"{name}={value!r}"
            for name, value in self.get_params(deep=False).items()
            if fields[name].is_required() or not _same(value, fields[name].default)
        ]
        return f"{type(self).__name__}({', '.join(shown)})"


def _change(made: Any, params: Mapping[str, Any]) -> None:
    own = {name: value for name, value in params.items() if "__" not in name}
    made._assign(made.get_params(deep=False) | own)
    for name in [name for name in params if name not in own]:
        holder, _, inner = name.partition("__")
        part: Any = getattr(made, holder, None)
        if not hasattr(part, "set_params"):
            known = parameter_model(type(made)).model_fields
            raise InvalidParameter(
                type(made).__name__, [Problem(name, f": no component is held there{nearest(holder, known)}")]
            )
        part.set_params(**{inner: params[name]})


def clone(part: Part) -> Part:
    """An unfitted copy of a component with the same parameters, held components cloned too."""
    if not hasattr(part, "get_params"):
        return part
    held = {name: _clone_value(value) for name, value in part.get_params(deep=False).items()}
    return type(part)(**held)


def _clone_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _clone_value(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_clone_value(inner) for inner in value)
    return clone(value) if not isinstance(value, type) else value


@dataclass_transform(kw_only_default=True)
def component(cls: C) -> C:
    """Make a class's annotated fields its validated, keyword-only parameters.

    Adds the constructor, `repr`, `get_params` / `set_params` (so `sklearn.clone` works), and a
    guard that raises `NotFitted` for learned attributes (names ending in `_`) read before `fit`.

    Raises
    ------
    TypeError : a learned attribute is annotated in the class body, where it would be a parameter.
    """
    learned = [name for name in cls.__dict__.get("__annotations__", {}) if name.endswith("_")]
    if learned:
        raise TypeError(f"{cls.__name__}: {', '.join(learned)} ends in '_' and is learned; do not annotate it")
    frame = sys._getframe(1)
    made: Any = cls
    made._declared_at = (frame.f_code.co_filename, frame.f_lineno)
    for name, member in vars(Parametrised).items():
        if inspect.isfunction(member) and name not in cls.__dict__:
            setattr(cls, name, member)
    made.__signature__ = _signature(cls)
    return cls


def _signature(cls: type) -> inspect.Signature:
    """Keyword-only parameters as written, for `help` and editors; resolves no annotation."""
    parameters: dict[str, inspect.Parameter] = {}
    for klass in reversed(cls.__mro__):
        for name, hint in klass.__dict__.get("__annotations__", {}).items():
            if name.startswith("_") or "ClassVar" in str(hint):
                continue
            default = getattr(cls, name, inspect.Parameter.empty)
            parameters[name] = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)
    return inspect.Signature(list(parameters.values()))


def parameter_model(cls: type) -> type[BaseModel]:
    """The pydantic model of a component class's parameters, help included; made once per class."""
    known: type[BaseModel] | None = cls.__dict__.get("_parameter_model")
    if known is None:
        known = _make_model(cls)
        setattr(cls, "_parameter_model", known)  # noqa: B010 (mypy knows no such attribute of a type)
    return known


def _make_model(cls: type) -> type[BaseModel]:
    from pydantic import ConfigDict, Field, create_model

    documented = parameter_help(cls)
    fields: dict[str, Any] = {}
    for name, hint in _field_hints(cls).items():
        default = getattr(cls, name, ...)
        fields[name] = (_as_schema_type(hint), Field(default, description=documented.get(name)))
    settings = ConfigDict(extra="forbid", arbitrary_types_allowed=True, validate_default=True, protected_namespaces=())
    with warnings.catch_warnings():  # a field may be called `schema`: nothing here calls pydantic's own old method
        warnings.filterwarnings("ignore", "Field name .* shadows an attribute", UserWarning)
        return create_model(cls.__name__, __config__=settings, **fields)


def json_schema(cls: type) -> dict[str, Any]:
    """JSON Schema of a component class's parameters; held components carry `x-kind`."""
    schema = parameter_model(cls).model_json_schema()
    schema["description"] = inspect.getdoc(cls) or ""
    return schema


def field_kinds(cls: type) -> dict[str, str]:
    """For each field that holds components: the name of their kind."""
    found = {name: _kind_within(hint) for name, hint in _field_hints(cls).items()}
    return {name: kind for name, kind in found.items() if kind}


def field_words(cls: type) -> dict[str, frozenset[str]]:
    """For each field that holds components: the words it takes instead, of a `Literal` beside the kind."""
    hints = _field_hints(cls)
    return {name: frozenset(_words_within(hints[name])) for name in field_kinds(cls)}


def _words_within(hint: Any) -> typing.Iterator[str]:
    if get_origin(hint) is typing.Literal:
        yield from (word for word in get_args(hint) if isinstance(word, str))
        return
    for arg in get_args(hint):
        yield from _words_within(arg)


def _field_hints(cls: type) -> dict[str, Any]:
    hints = typing.get_type_hints(cls, include_extras=True)
    return {
        name: hint
        for name, hint in hints.items()
        if not name.startswith("_") and get_origin(hint) is not ClassVar and hint is not ClassVar
    }


def _kind_within(hint: Any) -> str:
    if isinstance(hint, type) and hasattr(hint, "__kind__"):
        return str(hint.__kind__)
    return next((found for arg in get_args(hint) if (found := _kind_within(arg))), "")


def _as_schema_type(hint: Any) -> Any:
    """The hint with each kind's protocol replaced by a type that pydantic can check and describe."""
    if isinstance(hint, type) and hasattr(hint, "__kind__"):
        return _held(hint)
    origin, args = get_origin(hint), get_args(hint)
    if origin is None or origin is typing.Literal or not _kind_within(hint):
        return hint
    inner = tuple(_as_schema_type(arg) for arg in args)
    if origin in (Union, types.UnionType):
        return Union[inner]  # noqa: UP007 (built at run time)
    return origin[inner]


def _held(protocol: type) -> Any:
    from pydantic import BeforeValidator, WithJsonSchema

    kind = _kind_within(protocol)

    def check(value: Any) -> Any:
        methods = [name for name, member in vars(protocol).items() if inspect.isfunction(member) and name[0] != "_"]
        if isinstance(value, type) or not all(callable(getattr(value, name, None)) for name in methods):
            raise ValueError(f"must be a component of kind {kind!r}, built (in a config: {{use: NAME, params: …}})")
        return value

    selection = {
        "x-kind": kind,
        "anyOf": [
            {"type": "string"},
            {"type": "object", "properties": {"use": {"type": "string"}, "params": {"type": "object"}}},
        ],
    }
    return Annotated[Any, BeforeValidator(check), WithJsonSchema(selection)]


def _validated(cls: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """Validated parameters; a value that needed no change keeps its identity (`sklearn.clone` checks)."""
    from pydantic import ValidationError

    try:
        model = parameter_model(cls)(**given)
    except ValidationError as error:
        raise InvalidParameter(cls.__name__, list(parameter_problems(cls, error))) from None
    clean = {name: getattr(model, name) for name in type(model).model_fields}
    return {
        name: given[name] if name in given and _same(given[name], value) else value for name, value in clean.items()
    }


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    try:
        return type(a) is type(b) and bool(a == b)
    except Exception:  # values such as arrays have no single truth; then they are not the same
        return False


class Unsaid(ValueError):
    """Raised by a field's validator for a value that errors must not repeat: it may be a secret."""


_TOLD = {
    "list_type": "must be a list; put one thing alone in [ ] too",
    "too_short": "must have at least {min_length}",
    "too_long": "must have at most {max_length}",
}
"""What pydantic says less plainly, by its types of errors."""


def parameter_problems(cls: type, error: ValidationError) -> typing.Iterator[Problem]:
    """Pydantic's errors as problems a user can act on, keys relative to the parameters."""
    known = list(parameter_model(cls).model_fields)
    for found in error.errors(include_url=False):
        path = ".".join(str(part) for part in found["loc"] if not _is_branch_name(part))
        if found["type"] == "extra_forbidden":
            yield Problem(path, f" = {found['input']!r}: no such parameter{nearest(path, known)}")
        elif found["type"] == "missing":
            yield Problem(path, ": required, and missing")
        else:
            told = _TOLD[found["type"]].format_map(found.get("ctx", {})) if found["type"] in _TOLD else found["msg"]
            text = told.removeprefix("Value error, ").replace("Input should be", "must be")
            unsaid = isinstance(found.get("ctx", {}).get("error"), Unsaid)
            yield Problem(path, f": {text}" if unsaid else f" = {_short(found['input'])}: {text}")


def _is_branch_name(part: Any) -> bool:
    """Whether pydantic put a union branch (`function-before[check(), any]`) into the location."""
    return isinstance(part, str) and ("[" in part or part in ("int", "str", "float", "bool"))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"
