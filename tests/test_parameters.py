"""`@component`: constructor, params, repr, JSON schema, clone, and the unfitted guard."""

from __future__ import annotations

import pickle
from typing import Annotated, Any, ClassVar

import pytest
from pydantic import Field
from sklearn.base import clone as sklearn_clone

from causalkit.components import Context, Encoder, component
from causalkit.errors import InvalidParameter, NotFitted, Problem
from causalkit.parameters import clone, field_kinds, json_schema, parameter_help


@component
class Words:
    """Counts words."""

    dim: Annotated[int, Field(gt=0)] = 3
    "How many dimensions."

    def fit(self, inputs: Any, *, context: Context = Context()) -> Words:
        self.seen_ = len(inputs)
        return self

    def encode(self, inputs: Any, *, context: Context = Context()) -> Any:
        return [[0.0] * self.dim for _ in inputs]


@component
class Holder:
    """Holds others."""

    level: ClassVar[str] = "item"
    alpha: float
    "Needed."
    one: Encoder | None = None
    "An encoder, or none."
    many: tuple[Encoder, ...] = ()
    names: list[str] = ["a"]  # noqa: RUF012


def test_constructor_is_keyword_only_and_validates() -> None:
    assert Words(dim="4").dim == 4
    with pytest.raises(TypeError):
        Words(4)  # type: ignore[misc]
    with pytest.raises(InvalidParameter, match="dim = 0: must be greater than 0"):
        Words(dim=0)


def test_every_problem_at_once_with_the_nearest_name() -> None:
    with pytest.raises(InvalidParameter) as caught:
        Holder(alfa=1, one=3)
    text = str(caught.value)
    assert "alpha: required, and missing" in text
    assert "alfa = 1: no such parameter; did you mean 'alpha'?" in text
    assert "one = 3: must be a component of kind 'encoder'" in text


def test_repr_shows_what_differs_from_the_defaults() -> None:
    assert repr(Words()) == "Words()"
    assert repr(Holder(alpha=1, one=Words(dim=5))) == "Holder(alpha=1.0, one=Words(dim=5))"


def test_params_round_trip_and_reach_into_held_components() -> None:
    holder = Holder(alpha=1, one=Words())
    assert Holder(**holder.get_params(deep=False)).get_params(deep=False) == holder.get_params(deep=False)
    assert holder.get_params()["one__dim"] == 3
    assert holder.set_params(one__dim=9).one.dim == 9
    with pytest.raises(InvalidParameter):
        holder.set_params(alpha="much")
    assert holder.alpha == 1


def test_set_params_names_a_missing_holder() -> None:
    with pytest.raises(InvalidParameter, match="no component is held there; did you mean 'one'"):
        Holder(alpha=1, one=Words()).set_params(on__dim=2)


@component
class Even:
    """Takes even numbers."""

    number: int = 2
    "Even."
    held: Any = None
    "Whatever."

    def __post_init__(self) -> None:
        if self.number % 2:
            raise InvalidParameter("Even", [Problem("number", f" = {self.number}: must be even")])


@pytest.mark.parametrize("params", [{"number": 3}, {"number": 4, "held__number": 3}, {"number": 4, "other__x": 1}])
def test_params_that_are_refused_change_nothing(params: dict[str, Any]) -> None:
    made = Even(held=Even())
    with pytest.raises(InvalidParameter):
        made.set_params(**params)
    assert repr(made) == "Even(held=Even())"


@pytest.mark.parametrize("copy", [sklearn_clone, clone])
def test_clone_keeps_sequences_and_held_components(copy: Any) -> None:
    holder = Holder(alpha=1, one=Words(dim=5), many=(Words(), Words(dim=2)), names=["x", "y"])
    twin = copy(holder)
    assert repr(twin) == repr(holder)
    assert twin.one is not holder.one
    assert twin.names == ["x", "y"]


def test_learned_attributes_raise_until_fitted() -> None:
    words = Words()
    with pytest.raises(NotFitted, match="seen_ is not there yet"):
        _ = words.seen_
    assert not hasattr(words, "seen_")
    assert words.fit(["a"]).seen_ == 1
    assert not hasattr(clone(words), "seen_")


def test_learned_attributes_may_not_be_annotated() -> None:
    with pytest.raises(TypeError, match="effects_ ends in '_'"):

        @component
        class Wrong:
            effects_: int = 0


def test_pickles_fitted_and_unfitted() -> None:
    assert pickle.loads(pickle.dumps(Words(dim=4).fit(["a"]))).seen_ == 1


def test_schema_and_help_come_from_the_declaration() -> None:
    schema = json_schema(Holder)
    assert schema["required"] == ["alpha"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["one"]["description"] == "An encoder, or none."
    assert "level" not in schema["properties"]
    assert field_kinds(Holder) == {"one": "encoder", "many": "encoder"}
    assert parameter_help(Words) == {"dim": "How many dimensions."}


def test_help_survives_where_no_file_exists() -> None:
    """A notebook cell has source lines in linecache and no module file."""
    import linecache

    source = (
        "from causalkit.components import component\n@component\nclass Cell:\n    depth: int = 1\n    'How deep.'\n"
    )
    name = "<ipython-input-1>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(source, name, "exec"), space)
    assert parameter_help(space["Cell"]) == {"depth": "How deep."}


def test_fields_of_a_base_component_are_kept() -> None:
    @component
    class Longer(Words):
        extra: int = 1
        "One more."

    assert Longer(dim=2, extra=3).get_params() == {"dim": 2, "extra": 3}
    assert parameter_help(Longer) == {"dim": "How many dimensions.", "extra": "One more."}


def test_lists_that_are_none_or_too_short_are_told_in_plain_words() -> None:
    @component
    class Several:
        """Several numbers."""

        of: Annotated[list[int], Field(min_length=2)]
        "Which."

    for given, said in ((3, "of = 3: must be a list; put one thing alone in [ ] too"), ([3], "must have at least 2")):
        with pytest.raises(InvalidParameter) as caught:
            Several(of=given)
        assert said in str(caught.value)
        assert "validation" not in str(caught.value)
