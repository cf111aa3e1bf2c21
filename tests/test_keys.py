"""The key of a step differs wherever what it makes may."""

from __future__ import annotations

from typing import Any

import pytest

from causalkit.components import Context
from causalkit.config import load_config
from causalkit.registry import default_registry
from causalkit.steps.keys import step_key

ROLES = {"shopper": "user", "product": "item", "shown": "treatment", "bought": "outcome", "age": "covariate"}
COLUMNS = {name: {"role": role} for name, role in ROLES.items()}


def key(step: str, **changes: Any) -> str:
    data = {"use": "tables", "params": {"interactions": "log.csv", "schema": {"columns": COLUMNS}}}
    plain = {"data": data, "split": {"by": "random"}, "estimate": "regression", "rank": "uplift", "explain": "receipt"}
    registry = default_registry()
    config = load_config(plain | changes, registry=registry, environment={})
    return step_key(step, config, registry, Context(), {}, "source", "cpu")


def test_the_order_of_columns_counts() -> None:
    """It is the order in which a search for a graph looks at them."""
    turned = dict(reversed(COLUMNS.items()))
    data = {"use": "tables", "params": {"interactions": "log.csv", "schema": {"columns": turned}}}
    assert key("load") == key("load", name="another") != key("load", data=data)


@pytest.mark.parametrize("step", ["estimate", "refute", "evaluate", "refit", "explain"])
def test_whoever_is_given_the_estimator_hangs_on_what_it_is(step: str) -> None:
    """Also where its effects are the same: an explainer may say how they were estimated."""
    assert key(step) != key(step, estimate="difference-in-means")
