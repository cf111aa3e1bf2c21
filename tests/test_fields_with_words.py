"""A field that takes words of its own beside components: `Literal["logged", "estimated"] | PropensityModel`."""

from __future__ import annotations

import sys
from typing import ClassVar, Literal

import numpy as np
import pytest

from causalkit.components import Context, Declaration, PropensityModel, component
from causalkit.config import load_config
from causalkit.errors import ConfigError, InvalidParameter
from causalkit.hookspecs import hookimpl
from causalkit.parameters import field_words, json_schema
from causalkit.registry import Registry
from causalkit.steps.keys import _parts_of
from causalkit.types import Propensities
from tests import toys


@component
class Coin:
    """A coin."""

    heads: float = 0.5
    "The probability of heads."

    def fit(self, dataset, *, context=Context()):
        return self

    def predict(self, rows, *, context=Context()):
        return Propensities(np.full(len(rows), self.heads), "a coin")


@component
class Weighed(toys.Means):
    """Weighs by propensities."""

    level: ClassVar[str] = "item"

    by: Literal["logged", "estimated"] | PropensityModel = "logged"
    "Logged, estimated, or by a component."


class Plugin:
    @staticmethod
    @hookimpl
    def causalkit_propensities():
        return [Declaration("coin", f"{__name__}:Coin", "A coin."), Declaration("logged", f"{__name__}:Coin", "Same.")]

    @staticmethod
    @hookimpl
    def causalkit_estimators():
        return [Declaration("weighed", f"{__name__}:Weighed", "Weighs.")]


@pytest.fixture(scope="module")
def registry() -> Registry:
    made = toys.registry()
    made.add("weighing", Plugin())
    assert __name__ in sys.modules
    return made


def built(registry, by):
    return registry.build("estimator", {"use": "weighed", "params": {"by": by}}).by


def resolved(registry, by):
    source = {"data": "log", "estimate": {"use": "weighed", "params": {"by": by}}}
    return load_config(source, environment={}, registry=registry).estimate["item"].params["by"]


def test_a_word_of_the_field_stays_a_word(registry):
    assert field_words(Weighed) == {"by": frozenset({"logged", "estimated"})}
    assert field_words(toys.Shrunk) == {"of": frozenset(), "prior": frozenset()}
    assert built(registry, "estimated") == resolved(registry, "estimated") == "estimated"
    assert built(registry, "logged") == "logged", "even where a component has that name"


@pytest.mark.parametrize("by", ["coin", {"use": "coin"}, "weighing:coin"])
def test_the_name_of_a_component_selects_it(registry, by):
    assert isinstance(built(registry, by), Coin)
    use = by if isinstance(by, str) else by["use"]
    assert resolved(registry, by) == {"use": use, "params": {"heads": 0.5}}


def test_a_component_that_is_called_as_a_word_is_selected_by_use(registry):
    assert isinstance(built(registry, {"use": "logged"}), Coin)


def test_a_name_that_is_neither_is_told_what_may_stand_there(registry):
    with pytest.raises(InvalidParameter, match="must be 'logged' or 'estimated'"):
        built(registry, "lodged")
    with pytest.raises(ConfigError, match=r"estimate.item.params.by = 'lodged': must be 'logged' or 'estimated'"):
        resolved(registry, "lodged")


def test_what_is_held_counts_for_the_cache_and_words_do_not(registry):
    def parts(by):
        return list(_parts_of(registry, "estimator", {"use": "weighed", "params": {"by": by}}))

    assert parts("logged") == []
    assert parts({"use": "coin", "params": {}}) == [("propensity", {"use": "coin", "params": {}})]


def test_the_schema_tells_both():
    told = json_schema(Weighed)["properties"]["by"]["anyOf"]
    assert {"const", "enum"} & set(told[0])
    assert told[1]["x-kind"] == "propensity"
