"""The key of a step differs wherever what it makes may."""

from __future__ import annotations

from typing import Any

import pytest

from causalkit.components import Context
from causalkit.config import load_config
from causalkit.registry import default_registry
from causalkit.steps.keys import component_key, step_key

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


def test_a_strangers_encoder_hangs_on_the_libraries_that_built_ins_work_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """`minilm` names neither torch nor transformers: it runs the built-in `transformer`."""
    from causalkit.config import Selection
    from causalkit.steps import keys

    registry = default_registry()
    chosen = Selection("minilm", {})
    before, versions = component_key(registry, "encoder", chosen, Context()), keys.library_versions
    assert before == component_key(registry, "encoder", chosen, Context())
    newer = {"causalkit": (("transformers", "999"),)}
    monkeypatch.setattr(keys, "library_versions", lambda name: newer.get(name) or versions(name))
    assert before != component_key(registry, "encoder", chosen, Context())
